"""What is said from a fit: numbers of animals, surfaces, activity centres, predictions, masks."""

from __future__ import annotations

import dataclasses
import warnings
from functools import cache

import build
import geopandas
import numpy as np
import oracle
import pandas as pd
import pytest
import shapely
import tolerances
import xarray

import secr_nea as sn
from secr_nea.inference import check_mask, effective_area_by_buffer
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.inference.intervals import lognormal_interval, z_value
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.maximise import maximise

SAME = {"rtol": 1e-9, "atol": 1e-9}
# Central differences with steps of 1e-4.
DIFFERENCE = {"rtol": 1e-5, "atol": 1e-7}


@cache
def example():
    return sn.datasets.sailugem()


@cache
def fit_of(**formulas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(example(), progress=False, **formulas)


def covariate_fit():
    """Density by ruggedness and country, detection by topography."""
    return fit_of(D="~ ruggedness_std + country", lambda0="~ topography")


def null_fit():
    return fit_of()


@cache
def pair_fit():
    """Two surveys with densities of their own and one scale."""
    other = build.survey_of_design(build.example_design("count"), name="other")
    surveys = [build.survey_of_design(build.example_design("count"), name="first"), other]
    return sn.FitResult.of(maximise(sn.Model(surveys, D="~ session"), progress=False))


def at(fit, coefficients):
    """The same fit at other coefficients."""
    return dataclasses.replace(fit, coefficients=np.asarray(coefficients))


def gradient_of(quantity, fit, step=1e-4):
    """Central differences of a quantity of a fit through the coefficients."""
    out = []
    for j in range(fit.n_parameters):
        e = np.zeros(fit.n_parameters)
        e[j] = step
        up, down = (quantity(at(fit, fit.coefficients + sign * e)) for sign in (1, -1))
        out.append((np.asarray(up) - np.asarray(down)) / (2 * step))
    return np.array(out)


def delta_error(quantity, fit):
    gradient = gradient_of(quantity, fit)
    return np.sqrt(np.einsum("i...,ij,j...->...", gradient, fit.covariance, gradient))


def halves(mask, share=0.45):
    """West and east of the mask as polygons in its CRS."""
    west, south, east, north = (*mask.xy.min(axis=0), *mask.xy.max(axis=0))
    # between columns of points, so that no point lies on the border
    edge = west + mask.spacing * (np.floor(share * (east - west) / mask.spacing) + 0.5)
    far = 5000.0
    boxes = [
        shapely.box(west - far, south - far, edge, north + far),
        shapely.box(edge, south - far, east + far, north + far),
    ]
    return geopandas.GeoDataFrame({"side": ["west", "east"]}, geometry=boxes, crs=mask.crs)


# --- numbers of animals --------------------------------------------------------------------------


@pytest.mark.parametrize("fit", [null_fit, covariate_fit])
def test_parts_add_up_to_their_union(fit):
    parts = fit().abundance(halves(example().mask), by="side")
    whole = fit().abundance().iloc[0]
    assert list(parts["region"]) == ["west", "east"]
    for column in ("area_km2", "expected_n", "realised_n", "n_detected"):
        np.testing.assert_allclose(parts[column].sum(), whole[column], **SAME)


def test_a_region_that_covers_everything_is_the_whole():
    everything = halves(example().mask).union_all()
    one = covariate_fit().abundance(everything).drop(columns="region")
    whole = covariate_fit().abundance().drop(columns="region")
    pd.testing.assert_frame_equal(one, whole)


def test_polygons_of_one_name_are_one_region():
    both = halves(example().mask).assign(side="both")
    one = covariate_fit().abundance(both, by="side")
    assert list(one["region"]) == ["both"]
    with pytest.warns(sn.SecrWarning, match="2 polygons are taken as one region.*by=.*side"):
        without_names = covariate_fit().abundance(halves(example().mask))
    pd.testing.assert_frame_equal(one.drop(columns="region"), without_names.drop(columns="region"))


def test_a_polygon_without_a_name_is_refused_where_it_matters():
    layer = halves(example().mask)
    with pytest.raises(sn.DataError, match="'side' is empty for a polygon that holds points"):
        null_fit().abundance(layer.assign(side=["west", None]), by="side")
    far = layer.iloc[:1].translate(1e6, 1e6).to_frame("geometry").assign(side=[np.nan])
    both = pd.concat([layer, far], ignore_index=True)
    pd.testing.assert_frame_equal(
        null_fit().abundance(both, by="side"), null_fit().abundance(layer, by="side")
    )


def test_polygons_and_a_covariate_name_the_same_regions():
    """The covariate was made from the polygons."""
    fit = covariate_fit()
    by_covariate = fit.abundance("country").set_index("region")
    by_polygon = fit.abundance(sn.datasets.sailugem_countries(), by="country").set_index("region")
    pd.testing.assert_frame_equal(by_covariate, by_polygon.loc[by_covariate.index])


def test_polygons_may_come_in_another_crs_or_as_a_file(tmp_path):
    fit, regions = covariate_fit(), halves(example().mask)
    expected = fit.abundance(regions, by="side")
    file = tmp_path / "regions.gpkg"
    regions.to_file(file)
    for region in (file, str(file), regions.to_crs("EPSG:32646")):
        pd.testing.assert_frame_equal(fit.abundance(region, by="side"), expected)
    west = regions.geometry.iloc[0]
    for region in (west, regions.geometry.iloc[[0]]):
        found = fit.abundance(region).iloc[0]
        np.testing.assert_allclose(found["expected_n"], expected["expected_n"][0], **SAME)


def test_regions_that_cannot_be_used_are_told():
    fit, regions = null_fit(), halves(example().mask)
    with pytest.raises(sn.CRSError, match="CRS of the regions and of the mask must both be known"):
        fit.abundance(regions.set_crs(None, allow_override=True))
    with pytest.raises(sn.DataError, match="no attribute 'name'; they have side"):
        fit.abundance(regions, by="name")
    with pytest.raises(sn.DataError, match="neither a file nor a covariate"):
        fit.abundance("county")
    with pytest.raises(sn.DataError, match="No point of the mask lies in any of the regions"):
        fit.abundance(regions.translate(1e6, 0))
    with pytest.raises(sn.DataError, match="got list"):
        fit.abundance([1, 2])
    with pytest.raises(sn.DataError, match="variance must be one of auto, poisson, mspe"):
        fit.abundance(variance="exact")
    with pytest.raises(sn.DataError, match="level must lie between 0 and 1"):
        fit.abundance(level=95)


@pytest.mark.parametrize("covariate", ["ruggedness_std"])
def test_a_numeric_covariate_is_no_region(covariate):
    with pytest.raises(sn.DataError, match=covariate):
        null_fit().abundance(covariate)


def test_expected_number_by_hand():
    """Sum of density times area, its error by differences, a log-normal interval."""
    fit, mask = covariate_fit(), example().mask
    inside = (mask.covariates["country"] == "Russia").to_numpy()

    def expected(one):
        frame = one.predict(mask.covariates, parameters=["D"])
        return frame["estimate"].to_numpy()[inside].sum() * mask.cell_area / 100.0

    row = fit.abundance("country").set_index("region").loc["Russia"]
    np.testing.assert_allclose(row["expected_n"], expected(fit), **SAME)
    np.testing.assert_allclose(row["expected_se"], delta_error(expected, fit), **DIFFERENCE)
    interval = lognormal_interval(row["expected_n"], row["expected_se"], 0.95)
    np.testing.assert_allclose(row[["expected_lower", "expected_upper"]].astype(float), interval)
    scale = 100.0 / row["area_km2"]
    np.testing.assert_allclose(row["density_per_100km2"], row["expected_n"] * scale)
    np.testing.assert_allclose(row["density_lower"], interval[0] * scale)
    assert row["area_km2"] == pytest.approx(inside.sum() * mask.cell_area)


def realised_parts(fit, inside):
    """Expected animals in the region: each detected one's share, and those that were missed."""
    share = activity_center_probabilities(fit, 0) @ inside
    mask = fit.model.surveys[0].mask
    density = fit.predict(mask.covariates, parameters=["D"])["estimate"].to_numpy()
    missed = (density * (1.0 - fit.pdot()) * inside).sum() * mask.cell_area / 100.0
    return share, missed


@pytest.mark.parametrize("region", ["Russia", "whole"])
def test_prediction_error_of_the_realised_number_by_hand(region):
    """sum P (1 - P) + missed + G' V G, with G by differences of the whole realised number."""
    fit, mask = covariate_fit(), example().mask
    inside = np.ones(mask.n_points)
    if region == "Russia":
        inside = (mask.covariates["country"] == region).to_numpy(float)
        row = fit.abundance("country").set_index("region").loc[region]
    else:
        row = fit.abundance(variance="mspe").iloc[0]

    def realised(one):
        share, missed = realised_parts(one, inside)
        return share.sum() + missed

    share, missed = realised_parts(fit, inside)
    np.testing.assert_allclose(row["realised_n"], realised(fit), rtol=1e-7)
    np.testing.assert_allclose(row["n_detected"], share.sum(), rtol=1e-9)
    variance = (share * (1 - share)).sum() + missed + delta_error(realised, fit) ** 2
    assert row["variance"] == "mspe"
    np.testing.assert_allclose(row["realised_se"], np.sqrt(variance), rtol=1e-4)
    lower, upper = lognormal_interval(
        row["realised_n"], row["realised_se"], 0.95, row["n_detected"]
    )
    np.testing.assert_allclose([row["realised_lower"], row["realised_upper"]], [lower, upper])
    assert row["realised_lower"] > row["n_detected"]


def test_both_variances_agree_for_one_survey():
    """Efford and Fewster: the same quantity by two ways."""
    both = [covariate_fit().abundance(variance=v).iloc[0] for v in ("poisson", "mspe")]
    assert [row["variance"] for row in both] == ["poisson", "mspe"]
    assert both[0]["realised_se"] == pytest.approx(both[1]["realised_se"], rel=0.01)
    expected = both[0]["expected_se"] ** 2 - both[0]["expected_n"]
    assert both[0]["realised_se"] ** 2 == pytest.approx(expected)


def test_realised_error_of_surveys_that_share_a_density_holds_the_missed_animals():
    """Animals that were missed vary as a Poisson number whatever is known of density."""
    model = build.model_of_case(oracle.case("sessions_null"))
    table = sn.FitResult.of(maximise(model, progress=False)).abundance()
    missed = table["realised_n"] - table["n_detected"]
    assert (table["realised_se"] ** 2 >= missed).all()


def test_surveys_are_told_apart():
    fit = pair_fit()
    table = fit.abundance()
    assert list(table["survey"]) == ["first", "other"]
    one = fit.abundance(survey="other")
    pd.testing.assert_frame_equal(one, table.iloc[[1]].reset_index(drop=True))
    np.testing.assert_allclose(table["expected_n"][0], table["expected_n"][1], rtol=1e-6)
    for method in (fit.pdot, fit.density_surface, lambda: fit.activity_center("1")):
        with pytest.raises(sn.DataError, match="No survey was named; choose survey= from first"):
            method()
    with pytest.raises(sn.DataError, match="There is no survey 'third'"):
        fit.abundance(survey="third")


def test_a_fixed_number_of_animals_has_no_realised_one():
    row = fit_of(population="binomial").abundance().iloc[0]
    assert np.isnan(row["realised_n"])
    assert row["variance"] == "none"
    assert row["expected_n"] > row["n_detected"]


def test_other_mask_of_the_same_ground_gives_nearly_the_same_numbers():
    fit = covariate_fit()
    fine = sn.datasets.sailugem(1000.0).mask
    # standardised by its own mean: bring it to the scale of the fit
    mean, sd = example().mask.scaling["ruggedness"]
    covariates = fine.covariates.assign(ruggedness_std=(fine.covariates["ruggedness"] - mean) / sd)
    mask = sn.HabitatMask(fine.xy, spacing=1000.0, covariates=covariates, crs=fine.crs)
    ours, theirs = fit.abundance().iloc[0], fit.abundance(mask=mask).iloc[0]
    for column in ("area_km2", "expected_n", "expected_se", "realised_n", "realised_se"):
        assert theirs[column] == pytest.approx(ours[column], rel=0.02)
    same = fit.abundance(mask=example().mask)
    pd.testing.assert_frame_equal(same, fit.abundance())


def test_regions_of_another_mask():
    mask = sn.datasets.sailugem(1000.0).mask
    regions = halves(example().mask)
    parts, ours = (
        null_fit().abundance(regions, by="side", mask=mask),
        null_fit().abundance(regions, by="side"),
    )
    np.testing.assert_allclose(parts["realised_n"], ours["realised_n"], rtol=0.03)
    np.testing.assert_allclose(parts["realised_se"], ours["realised_se"], rtol=0.03)


def test_another_mask_must_be_in_the_crs_of_the_survey():
    mask = sn.HabitatMask(example().mask.xy, spacing=2000.0, crs="EPSG:32646")
    with pytest.raises(sn.CRSError):
        null_fit().abundance(mask=mask)


def test_nobody_detected_lives_on_far_ground():
    away = example().mask.xy + np.array([300_000.0, 0.0])
    mask = sn.HabitatMask(away, spacing=2000.0, crs=sailugem_crs())
    row = null_fit().abundance(mask=mask).iloc[0]
    np.testing.assert_allclose(row["realised_n"], row["expected_n"], rtol=1e-6)


def sailugem_crs():
    return example().mask.crs


# --- surfaces ------------------------------------------------------------------------------------


def test_surface_at_points_is_the_prediction():
    fit, mask = covariate_fit(), example().mask
    surface = fit.density_surface()
    table = fit.predict(mask.covariates, parameters=["D"])
    here = {"x": xarray.DataArray(mask.xy[:, 0]), "y": xarray.DataArray(mask.xy[:, 1])}
    at_points = surface.sel(**here)
    for layer, column in {
        "density": "estimate",
        "se": "se",
        "lower": "lower",
        "upper": "upper",
    }.items():
        np.testing.assert_allclose(at_points[layer], table[column], **SAME)
    np.testing.assert_allclose(at_points["cv"], table["se"] / table["estimate"], **SAME)
    n_cells = int(np.isfinite(surface["density"]).sum())
    assert n_cells == mask.n_points
    total = float(surface["density"].sum()) * mask.cell_area / 100.0
    assert total == pytest.approx(fit.abundance()["expected_n"].item())


def test_surface_keeps_its_crs_through_a_file(tmp_path):
    surface = covariate_fit().density_surface()
    assert surface.rio.crs.to_epsg() == 32645
    assert surface["density"].attrs["units"] == "animals per 100 km2"
    path = tmp_path / "density.nc"
    surface.to_netcdf(path, engine="h5netcdf")
    with xarray.open_dataset(path, engine="h5netcdf", decode_coords="all") as again:
        xarray.testing.assert_allclose(again[list(surface)], surface)
        assert again.rio.crs.to_epsg() == 32645
        assert again.attrs["formula"] == "D ~ ruggedness_std + country"


def test_surface_of_another_mask_needs_its_covariates():
    bare = sn.HabitatMask(example().mask.xy, spacing=2000.0, crs=sailugem_crs())
    with pytest.raises(sn.SecrError, match="ruggedness_std"):
        covariate_fit().density_surface(mask=bare)
    surface = null_fit().density_surface(mask=bare)
    np.testing.assert_array_equal(surface["density"], null_fit().density_surface()["density"])


def test_trend_in_space_is_scaled_by_the_survey_on_any_mask():
    """x and y stay centred and scaled by the mask of the fit."""
    fit = fit_of(D="~ x + y")
    own = fit.density_surface()["density"]
    part = example().mask.subset(np.arange(0, example().mask.n_points, 3))
    some = fit.density_surface(mask=part)["density"]
    here = {"x": xarray.DataArray(part.xy[:, 0]), "y": xarray.DataArray(part.xy[:, 1])}
    np.testing.assert_allclose(some.sel(**here), own.sel(**here), **SAME)


def test_activity_centres_are_distributions():
    fit = covariate_fit()
    rows = activity_center_probabilities(fit, 0)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, **tolerances.EXACT)
    assert (rows >= 0.0).all()
    captures = example().captures
    for i in (0, 5):
        surface = fit.activity_center(captures.animal_ids[i])
        assert float(surface.sum()) == pytest.approx(1.0)
        assert surface.rio.crs.to_epsg() == 32645
        best = example().mask.xy[rows[i].argmax()]
        seen = example().traps.xy[captures.trap[captures.animal == i]]
        assert np.hypot(*(seen - best).T).min() < 3 * typical_sigma(fit)


def test_unknown_animals_are_told():
    known = example().captures.animal_ids[0]
    with pytest.raises(sn.DataError, match="No animal 'Simba'.*there are"):
        null_fit().activity_center("Simba")
    with pytest.raises(sn.DataError, match=f"did you mean.*{known}"):
        null_fit().activity_center(known + "x")


# --- predictions ---------------------------------------------------------------------------------


def test_predictions_at_new_data():
    """Estimate and error by hand, from coefficients and covariance."""
    fit = covariate_fit()
    data = pd.DataFrame({"topography": ["saddle", "canyon"], "country": "Russia"})
    data["ruggedness_std"] = [0.5, -1.0]
    table = fit.predict(data)
    assert list(table["parameter"].unique()) == ["D", "lambda0", "sigma"]
    assert list(table.query("parameter == 'lambda0'")["row"]) == [0, 1]
    beta = fit.coefficient_table()["estimate"]
    saddle = beta["lambda0:Intercept"] + beta["lambda0:topography[T.saddle]"]
    values = table.query("parameter == 'lambda0'")
    np.testing.assert_allclose(
        values["estimate"], np.exp([saddle, beta["lambda0:Intercept"]]), **SAME
    )
    x = np.array([n in ("lambda0:Intercept", "lambda0:topography[T.saddle]") for n in fit.names])
    sd = np.sqrt(x @ fit.covariance @ x)
    row = values.iloc[0]
    np.testing.assert_allclose(row["se"], np.exp(saddle) * np.sqrt(np.expm1(sd**2)), **SAME)
    np.testing.assert_allclose(row["upper"], np.exp(saddle + z_value(0.95) * sd), **SAME)
    narrow = fit.predict(data, level=0.5)
    assert (narrow["upper"] <= table["upper"]).all()


def test_predictions_that_cannot_be_made_are_told():
    fit = covariate_fit()
    with pytest.raises(sn.FormulaError, match="plateau"):
        fit.predict(pd.DataFrame({"topography": ["plateau"]}), parameters=["lambda0"])
    with pytest.raises(sn.FormulaError, match="country"):
        fit.predict(pd.DataFrame({"ruggedness_std": [0.0]}), parameters=["D"])
    with pytest.raises(sn.ModelError, match="The model has no g0; it has D, lambda0, sigma"):
        fit.predict(pd.DataFrame({"topography": ["ridge"]}), parameters=["g0"])
    only = fit.predict(pd.DataFrame({"topography": ["ridge"]}))
    assert list(only["parameter"]) == ["lambda0", "sigma"]


def test_a_prediction_of_nothing_is_told():
    fit = fit_of(D="~ ruggedness_std", lambda0="~ topography", sigma="~ topography")
    with pytest.raises(sn.SecrError):
        fit.predict(pd.DataFrame({"wind": [1.0]}))


def test_real_parameters_are_predictions_at_reference_values():
    fit = covariate_fit()
    table = fit.real_parameters()
    assert list(table.query("parameter == 'lambda0'")["at"]) == [
        "topography=canyon",
        "topography=ridge",
        "topography=saddle",
    ]
    assert list(table["unit"].unique()) == ["animals per 100 km2", "per unit effort", "m"]
    levels = pd.DataFrame({"topography": ["canyon", "ridge", "saddle"]})
    expected = fit.predict(levels, parameters=["lambda0"])
    for column in ("estimate", "se", "lower", "upper"):
        np.testing.assert_allclose(
            table.query("parameter == 'lambda0'")[column], expected[column], **SAME
        )


# --- coefficients that the data say nothing about ------------------------------------------------


@cache
def fit_with_an_empty_zone():
    """Nobody lives in the zone whose level comes first: only a sum of coefficients is known."""
    mask = example().mask
    zone = np.where(mask.xy[:, 0] > mask.xy[:, 0].max() - 8000.0, "a far", "near")
    survey = sn.Survey(example().captures, mask.with_covariates(zone=zone), name="zones")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(survey, D="~ zone", progress=False)


def test_an_empty_zone_is_named():
    fit = fit_with_an_empty_zone()
    assert fit.diagnosis.converged
    assert "D:zone[T.near]" in fit.diagnosis.flat


def test_what_an_empty_zone_does_not_touch_keeps_its_error():
    """Density of the other zone is as well known as density without the empty one."""
    fit, null = fit_with_an_empty_zone(), null_fit()
    expected = null.abundance().iloc[0]
    near = fit.abundance("zone").set_index("region").loc["near"]
    assert near["expected_se"] == pytest.approx(expected["expected_se"], rel=0.05)
    assert near["realised_se"] == pytest.approx(expected["realised_se"], rel=0.05)
    predicted = fit.predict(pd.DataFrame({"zone": ["near"]}), parameters=["D"])["se"].item()
    assert predicted == pytest.approx(null.real_parameters()["se"][0], rel=0.05)
    assert float(fit.density_surface()["se"].max()) > 0.1


def test_without_a_covariance_no_error_is_zero():
    fit = null_fit()
    lost = dataclasses.replace(
        fit,
        covariance=np.full((3, 3), np.nan),
        diagnosis=dataclasses.replace(fit.diagnosis, positive_definite=False),
    )
    assert np.isnan(lost.abundance()["expected_se"]).all()
    assert np.isnan(lost.effective_sampling_area()["se"]).all()
    assert np.isnan(lost.density_surface()["se"]).all()


# --- detectability -------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", [null_fit, covariate_fit])
def test_effective_area_and_its_error_by_differences(fit):
    one = fit()

    def area(moved):
        return moved.pdot().sum() * example().mask.cell_area

    row = one.effective_sampling_area().loc["Sailugem"]
    np.testing.assert_allclose(row["estimate"], area(one), **SAME)
    np.testing.assert_allclose(row["se"], delta_error(area, one), rtol=1e-5)
    lower, upper = lognormal_interval(row["estimate"], row["se"], 0.95)
    np.testing.assert_allclose([row["lower"], row["upper"]], [lower, upper])


def test_animals_over_effective_area_is_density():
    fit = null_fit()
    area = fit.effective_sampling_area()["estimate"].item()
    density = fit.real_parameters()["estimate"][0]
    assert 100.0 * example().n_animals / area == pytest.approx(density, rel=1e-5)


def test_pdot_at_points():
    fit, mask = covariate_fit(), example().mask
    np.testing.assert_allclose(fit.pdot(mask.xy[:50]), fit.pdot()[:50], **tolerances.EXACT)
    far = fit.pdot(np.array([[0.0, 0.0]]))
    assert far[0] == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(sn.DataError, match="shape"):
        fit.pdot(np.zeros(4))


def test_threads_make_no_difference():
    fit, before = covariate_fit(), sn.get_threads()

    def everything():
        regions = fit.abundance("country").drop(columns=["survey", "region", "variance"])
        return np.concatenate(
            [
                regions.to_numpy(float).ravel(),
                fit.pdot(),
                activity_center_probabilities(fit, 0).ravel(),
                fit.effective_sampling_area().to_numpy().ravel(),
            ]
        )

    try:
        sn.set_threads(1)
        one = everything()
        sn.set_threads(2)
        np.testing.assert_array_equal(everything(), one)
    finally:
        sn.set_threads(before)


# --- intervals -----------------------------------------------------------------------------------


def test_lognormal_interval_by_hand():
    lower, upper = lognormal_interval(50.0, 10.0, 0.95, 20.0)
    spread = np.exp(1.959963984540054 * np.sqrt(np.log(1 + (10 / 30) ** 2)))
    np.testing.assert_allclose([lower, upper], [20 + 30 / spread, 20 + 30 * spread])
    assert lognormal_interval(5.0, 0.0, 0.95, 5.0) == (5.0, 5.0)
    assert np.isnan(lognormal_interval(5.0, np.nan, 0.95)).all()
    assert np.isnan(lognormal_interval(4.0, 1.0, 0.95, 5.0)).all()


# --- the mask ------------------------------------------------------------------------------------


def fit_on(mask):
    survey = sn.Survey(example().captures, mask, name="Sailugem")
    return sn.FitResult.of(maximise(sn.Model(survey), progress=False))


def bias_of(fit):
    """How much larger the effective area is on a mask that ends nowhere near."""
    endless = sn.HabitatMask.around(example().traps, buffer=60_000.0, spacing=1500.0)
    whole = fit.pdot(endless.xy).sum() * endless.cell_area
    return whole / fit.effective_sampling_area()["estimate"].item() - 1.0


@pytest.mark.parametrize("buffer", [25_000.0, 30_000.0])
def test_a_large_mask_is_adequate(buffer):
    mask = sn.HabitatMask.around(example().traps, buffer=buffer, spacing=2000.0)
    fit = fit_on(mask)
    row = check_mask(fit).loc["Sailugem"]
    assert row["adequate"]
    assert abs(bias_of(fit)) < 0.002
    assert row["spacing_in_sigma"] == pytest.approx(2000.0 / typical_sigma(fit))


@pytest.mark.parametrize("shape", ["around", "box"])
@pytest.mark.parametrize("buffer", [6000.0, 9000.0])
def test_bias_of_a_mask_that_is_too_small(buffer, shape):
    """Within a third of that against a mask that is really larger."""
    traps = example().traps
    mask = sn.HabitatMask.around(traps, buffer=buffer, spacing=1500.0)
    if shape == "box":
        xy = sn.HabitatMask.around(traps, buffer=30_000.0, spacing=1500.0).xy
        low, high = traps.xy.min(axis=0) - buffer, traps.xy.max(axis=0) + buffer
        inside = ((xy >= low) & (xy <= high)).all(axis=1)
        mask = sn.HabitatMask(xy[inside], spacing=1500.0, crs=traps.crs)
    fit = fit_on(mask)
    found = check_mask(fit)["relative_bias"].item()
    assert found == pytest.approx(bias_of(fit), rel=1 / 3)


def test_area_by_buffer_ends_at_the_whole():
    fit = null_fit()
    table = effective_area_by_buffer(fit, survey="Sailugem", n_steps=10)
    assert len(table) == 10
    area = table["effective_area_km2"]
    assert area.dropna().is_monotonic_increasing
    whole = fit.effective_sampling_area()["estimate"].item()
    assert area.iloc[-1] == pytest.approx(whole)
    np.testing.assert_allclose(table["density_per_100km2"], 100 * 28 / area)


def test_area_by_buffer_of_an_unknown_survey_is_told():
    with pytest.raises(sn.DataError, match="nowhere"):
        effective_area_by_buffer(null_fit(), survey="nowhere")


def test_error_of_the_spacing_is_that_of_coarser_masks():
    fit = sn.fit(sn.datasets.sailugem(), progress=False)
    survey = fit.model.surveys[0]
    curve = sn.inference.effective_area_by_spacing(fit, survey=survey.name)
    own = curve[curve["spacing_m"] == survey.mask.spacing].iloc[0]
    area = fit.effective_sampling_area()["estimate"].iloc[0]
    assert own["effective_area_km2"] == pytest.approx(area, rel=1e-9)
    assert own["relative_error"] < 0.01
    # every second row and column, by hand
    cell = np.rint((survey.mask.xy - survey.mask.xy.min(axis=0)) / survey.mask.spacing).astype(int)
    best = curve["effective_area_km2"].iloc[0]
    sums = [
        4 * survey.mask.cell_area * fit.pdot()[(cell % 2 == [i, j]).all(axis=1)].sum()
        for i in (0, 1)
        for j in (0, 1)
    ]
    twice = curve[curve["spacing_m"] == 2 * survey.mask.spacing].iloc[0]
    assert twice["relative_error"] == pytest.approx(np.abs(np.array(sums) / best - 1).max())
