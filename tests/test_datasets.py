"""The example data load, hold what their README says, and are labelled as simulated."""

from __future__ import annotations

import inspect
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import secr_nea as sn
from secr_nea import datasets


@pytest.fixture(scope="module")
def survey() -> sn.Survey:
    return datasets.sailugem()


def readme() -> str:
    return " ".join(datasets.data_path("README.md").read_text(encoding="utf-8").split())


def says(fact: str) -> bool:
    return fact in readme()


def test_cameras_are_those_of_the_readme(survey):
    traps = survey.traps
    country = traps.covariates["country"].value_counts()
    effort = traps.effort[:, 0]
    assert says("44 stations along 75 km of the ridge, 23 in Mongolia and 21 in Russia")
    assert (traps.n_traps, country["Mongolia"], country["Russia"]) == (44, 23, 21)
    assert says("neighbours about 5 km apart")
    assert 4500.0 < traps.spacing < 5500.0
    assert says("4,169 camera-days")
    assert traps.total_effort == 4169
    assert says("68 to 140; six cameras failed early (24 to 39), two were lost (0)")
    assert ((effort == 0).sum(), ((effort >= 24) & (effort <= 39)).sum()) == (2, 6)
    assert (effort[effort > 39].min(), effort.max()) == (68, 140)
    assert set(traps.covariates["topography"]) == {"canyon", "ridge", "saddle"}
    assert traps.detector_type == "count"
    assert traps.crs is not None
    assert traps.crs.to_epsg() == 32645


def test_detections_are_those_of_the_readme(survey):
    captures = survey.captures
    assert says("96 detections of 28 animals")
    assert (captures.n_detections, captures.n_animals, captures.n_occasions) == (96, 28, 1)
    assert says("17 animals were met at two or more stations, 12 on both sides of the border")
    assert captures.animals_at_two_traps == 17
    country = survey.traps.covariates["country"].to_numpy()[captures.trap]
    sides = pd.Series(country).groupby(captures.animal).nunique()
    assert (sides == 2).sum() == 12
    assert says("the 28 animals with their sex, unknown for three")
    assert captures.covariates["sex"].isna().sum() == 3
    assert set(captures.covariates["sex"].dropna()) == {"F", "M"}


def test_dates_of_detections_lie_within_those_of_their_cameras():
    cameras = pd.read_csv(datasets.data_path("cameras.csv")).set_index("trap_id")
    detections = pd.read_csv(datasets.data_path("detections.csv"))
    own = cameras.loc[detections["trap_id"]]
    date = detections["date"].to_numpy()
    assert (own["start_date"].to_numpy() <= date).all()
    assert (date < own["end_date"].to_numpy()).all()


def test_mask_has_its_covariates_everywhere(survey):
    covariates = survey.mask.covariates
    names = {"elevation", "ruggedness", "elevation_std", "ruggedness_std", "country"}
    assert set(covariates) == names
    assert not covariates.isna().any(axis=None)
    assert survey.mask.spacing == 2000.0
    assert survey.mask.n_points == 1840
    share = (covariates["country"] == "Mongolia").mean()
    assert 0.48 < share < 0.52
    assert says("All land there lies above 1,750 m")
    assert covariates["elevation"].min() > 1750.0
    for name in ("elevation", "ruggedness"):
        mean, sd = survey.mask.scaling[name]
        values = covariates[f"{name}_std"] * sd + mean
        np.testing.assert_allclose(values, covariates[name], rtol=1e-12)


def test_spacing_and_buffer_can_be_chosen():
    other = datasets.sailugem(spacing=5000.0, buffer=15_000.0)
    assert other.mask.spacing == 5000.0
    assert other.mask.nearest(other.traps.xy)[1].max() < 5000.0
    distance = np.hypot(*(other.mask.xy[:, None] - other.traps.xy).transpose(2, 0, 1)).min(axis=1)
    assert 10_000.0 < distance.max() <= 15_000.0
    with pytest.raises(sn.DataError, match="buffer must be a finite number above 0"):
        datasets.sailugem(buffer=-1.0)


def test_survey_is_built_once_and_quickly(survey):
    assert datasets.sailugem() is survey
    assert datasets.sailugem(2000, buffer=25_000) is survey
    start = time.perf_counter()
    datasets.sailugem(spacing=2500.0)
    assert time.perf_counter() - start < 0.5


def test_files_can_be_read_as_a_user_reads_them(survey):
    traps = sn.read_traps(
        datasets.data_path("cameras.csv"),
        detector="count",
        effort_column="effort_days",
        crs="EPSG:32645",
    )
    captures = sn.read_captures(
        datasets.data_path("detections.csv"),
        traps,
        individuals=datasets.data_path("individuals.csv"),
    )
    np.testing.assert_array_equal(traps.xy, survey.traps.xy)
    np.testing.assert_array_equal(traps.effort, survey.traps.effort)
    assert captures.to_dataframe().equals(survey.captures.to_dataframe())
    pd.testing.assert_frame_equal(
        captures.individuals(), survey.captures.individuals(), check_dtype=False
    )


def test_countries_cover_the_mask(survey):
    countries = datasets.sailugem_countries()
    assert list(countries["country"]) == ["Mongolia", "Russia"]
    assert countries.crs == survey.crs
    west, south, east, north = countries.total_bounds
    assert (np.array([west, south]) <= survey.mask.extent[:2]).all()
    assert (np.array([east, north]) >= survey.mask.extent[2:]).all()


def test_elevation_is_a_raster_in_metres(survey):
    elevation = datasets.sailugem_elevation()
    assert elevation.dims == ("y", "x")
    assert says("500 m cells, int16, 266 x 192 cells")
    assert elevation.shape == (192, 266)
    assert elevation.attrs["units"] == "m"
    assert elevation.rio.crs.to_epsg() == 32645
    x, y = survey.mask.xy[0]
    # the centre of a mask cell is a corner of four raster cells
    at = float(elevation.interp(x=x, y=y, method="linear"))
    assert at == survey.mask.covariates["elevation"][0]


def test_truth_is_that_of_the_readme(survey):
    truth = datasets.sailugem_truth()
    assert says("log(D) = -0.96 + 0.006 * ruggedness")
    surface = truth["log_density"]
    assert (surface["intercept"], surface["slope_per_m"]) == (-0.96, 0.006)
    assert says("sigma 5,500 m, lambda0 per camera-day 0.0060 in canyons, 0.0110 on ridges, 0.0085")
    assert truth["sigma_m"] == 5500.0
    assert truth["lambda0_per_camera_day"] == {"canyon": 0.006, "ridge": 0.011, "saddle": 0.0085}
    assert says("85 animals within 25 km of a camera (39 Mongolia, 46 Russia)")
    assert truth["region"]["animals_alive_by_country"] == {"Mongolia": 39, "Russia": 46}
    assert says("on average 1.18 within 25 km of a camera")
    density = np.exp(-0.96 + 0.006 * survey.mask.covariates["ruggedness"])
    np.testing.assert_allclose(density.mean(), 1.18, rtol=0.01)


def test_everything_is_labelled_as_simulated():
    assert "simulated" in (datasets.__doc__ or "")
    for name in datasets.__all__:
        assert "simulated" in (inspect.getdoc(getattr(datasets, name)) or "").lower(), name
    assert (datasets.sailugem.__doc__ or "").startswith("SIMULATED")
    assert says("**The snow leopards, the cameras and the detections are simulated.**")
    assert "SIMULATED" in datasets.sailugem_truth()["note"]


def test_unknown_files_are_refused_with_the_nearest_name():
    with pytest.raises(sn.DataError, match=r"'camera.csv' \(did you mean 'cameras.csv'\?\)"):
        datasets.data_path("camera.csv")


def test_importing_the_library_loads_no_geographic_packages():
    code = (
        "import sys, secr_nea; "
        "print([m for m in ('geopandas', 'rioxarray', 'rasterio', 'xarray') if m in sys.modules], "
        "'secr_nea.datasets.make_sailugem' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[] False"
