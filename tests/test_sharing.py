"""Packages for oneself, for a partner and for the public: what stays the same, and what is gone."""

from __future__ import annotations

import json
import warnings

import build
import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import secr_nea as sn
from secr_nea.sharing import RigidMotion
from secr_nea.sharing.pseudonyms import pseudonym, telling_columns

KEY = "ridge without a name"


@pytest.fixture(scope="module")
def survey():
    return sn.datasets.sailugem()


@pytest.fixture(scope="module")
def partner(survey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("partner") / "package"
    sn.share(survey, folder, level="partner", key=KEY, regions=sn.datasets.sailugem_countries())
    return folder


def test_private_package_is_the_survey_again(survey, tmp_path):
    again = sn.open_package(sn.share(survey, tmp_path / "own", level="private"))
    assert again.name == survey.name
    assert again.crs == survey.crs
    assert again.traps.ids == survey.traps.ids
    np.testing.assert_array_equal(again.traps.xy, survey.traps.xy)
    np.testing.assert_array_equal(again.mask.xy, survey.mask.xy)
    pd.testing.assert_frame_equal(again.mask.covariates, survey.mask.covariates, check_dtype=False)
    assert again.mask.scaling == survey.mask.scaling
    model = {"D": "~ ruggedness_std", "lambda0": "~ topography"}
    x = np.array([0.1, 0.2, -4.6, 0.3, 0.2, 8.5])
    assert sn.log_likelihood(sn.Model(again, **model), x) == sn.log_likelihood(
        sn.Model(survey, **model), x
    )


def test_partner_package_has_the_same_likelihood(survey, partner):
    moved = sn.open_package(partner)
    model = {"D": "~ ruggedness_std", "lambda0": "~ topography"}
    for x in ([0.1, 0.2, -4.6, 0.3, 0.2, 8.5], [0.4, -0.3, -5.0, 0.1, 0.1, 8.9]):
        np.testing.assert_allclose(
            sn.log_likelihood(sn.Model(moved, **model), np.array(x)),
            sn.log_likelihood(sn.Model(survey, **model), np.array(x)),
            rtol=0.0,
            atol=1e-8,
        )


def test_partner_package_leads_to_no_place_and_no_name(survey, partner):
    moved = sn.open_package(partner)
    assert moved.crs is None
    assert np.abs(moved.traps.xy - survey.traps.xy).min() > 1000.0
    everything = "".join(
        path.read_bytes().decode("utf-8", "replace")
        for path in partner.rglob("*")
        if path.is_file()
    )
    for name in (*survey.traps.ids, *survey.captures.animal_ids, survey.name):
        assert f",{name}," not in everything
        assert f'"{name}"' not in everything
    for number in survey.traps.xy.ravel():
        assert f"{number:.1f}" not in everything
    manifest = json.loads((partner / "manifest.json").read_text())
    assert manifest["level"] == "partner"
    assert any("coordinates" in item for item in manifest["removed"])
    assert KEY not in everything


def test_regions_move_with_the_data(survey, partner):
    moved = sn.open_package(partner)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        regions = geopandas.read_file(partner / "regions.gpkg")
    regions = regions.set_crs(None, allow_override=True)
    true = sn.datasets.sailugem_countries().to_crs(survey.crs)
    for country in true["country"]:
        inside = shapely.contains_xy(
            true.loc[true["country"] == country].union_all(), *survey.mask.xy.T
        )
        again = shapely.contains_xy(
            regions.loc[regions["country"] == country].union_all(), *moved.mask.xy.T
        )
        assert (inside == again).mean() > 0.999


def test_two_teams_with_one_key_get_data_that_fit_together(survey, tmp_path):
    fewer = survey.mask.subset(np.arange(survey.mask.n_points - 200))
    other = sn.Survey(survey.captures, fewer, name="other team")
    one = sn.open_package(sn.share(survey, tmp_path / "a", level="partner", key=KEY))
    two = sn.open_package(sn.share(other, tmp_path / "b", level="partner", key=KEY))
    three = sn.open_package(
        sn.share(other, tmp_path / "c", level="partner", key="quite another one")
    )
    np.testing.assert_allclose(one.traps.xy, two.traps.xy, atol=1e-6)
    assert one.captures.animal_ids == two.captures.animal_ids
    assert set(three.captures.animal_ids).isdisjoint(two.captures.animal_ids)
    assert np.abs(three.traps.xy - two.traps.xy).max() > 1e4


@given(key=st.text(min_size=12, max_size=30))
def test_motion_keeps_distances_and_can_be_undone(key):
    motion = RigidMotion.from_key(key)
    xy = np.random.default_rng(1).uniform(0, 1e5, (20, 2)) + np.array([5e5, 5.5e6])
    moved = motion.apply(xy)
    np.testing.assert_allclose(
        np.hypot(*(moved[:, None] - moved).T), np.hypot(*(xy[:, None] - xy).T), atol=1e-6
    )
    np.testing.assert_allclose(motion.undo(moved), xy, atol=1e-6)
    turn = np.degrees(np.arctan2(motion.matrix[1, 0], motion.matrix[0, 0])) % 360.0
    assert 15.0 - 1e-9 <= turn <= 345.0 + 1e-9


def test_searches_and_every_kind_of_table_come_back(tmp_path):
    cameras = sn.TrapArray(
        [[0.0, 0.0], [4000.0, 0.0], [0.0, 4000.0]],
        ids=["7", "b c", "ц"],
        effort=[[1.0, 2.0], [0.5, 1.0 / 3.0], [0.0, 1.0]],
        detector="count",
        covariates={
            "topo": ["ridge", "ridge", "valley"],
            "snow": [0.1, 0.2, 0.3],
            "lure": [True, False, True],
        },
        varying_covariates={"frost": [[1.0, 2.5], [0.3, 4.0], [5.0, 1.7]]},
    )
    valley = sn.TrapArray.from_searches(
        [shapely.box(1000, 1000, 6000, 5000)],
        ids=["valley"],
        n_occasions=2,
        covariates={"topo": ["valley"], "snow": [0.5], "lure": [False]},
        varying_covariates={"frost": [[1.0, 2.0]]},
    )
    traps = sn.TrapArray.joined(cameras, valley)
    captures = sn.CaptureHistory(
        traps,
        animal=[0, 0, 1, 1],
        occasion=[0, 1, 0, 1],
        trap=[0, 1, 3, 3],
        count=[2, 1, 1, 1],
        xy=[[np.nan, np.nan], [np.nan, np.nan], [2000.0, 2500.0], [3000.0, 4100.0]],
        animal_ids=["Leo", "007"],
        covariates={"sex": ["M", None]},
    )
    mask = sn.HabitatMask.around(traps, buffer=9000.0, spacing=1500.0)
    mask = mask.with_covariates(rugged=np.sin(np.arange(mask.n_points)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        item = sn.Survey(
            captures,
            mask,
            name="s",
            covariates={"year": 2026},
            occasion_covariates=pd.DataFrame({"moon": [0.1, 0.9]}),
        )
        own = sn.open_package(sn.share(item, tmp_path / "own", level="private"))
        moved = sn.open_package(sn.share(item, tmp_path / "p", level="partner", key=KEY))
        words = {"D": "~ rugged", "lambda0": "~ detector + snow + frost + moon + lure"}
        models = [sn.Model(s, smallest_sigma=1500.0, **words) for s in (item, own, moved)]
    assert own.traps.ids == item.traps.ids
    assert own.captures.covariates["sex"].isna().tolist() == [False, True]
    x = np.linspace(-0.4, 0.3, models[0].n_coefficients)
    x[-1] = 7.8
    values = [sn.log_likelihood(model, x) for model in models]
    np.testing.assert_allclose(values[1], values[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(values[2], values[0], rtol=0, atol=1e-7)


def test_columns_that_tell_a_place_are_left_out(tmp_path):
    frame = pd.DataFrame(
        {
            "Latitude": np.arange(30.0),
            "UTM Zone": "45N",
            "station": "a",
            "topography": ["ridge", "valley"] * 15,
            "elevation": np.arange(30.0),
            "pass": [f"pass {k}" for k in range(30)],
        }
    )
    assert telling_columns(frame) == ["Latitude", "UTM Zone", "station", "pass"]
    assert telling_columns(frame, keep=["station"]) == ["Latitude", "UTM Zone", "pass"]
    item = build.survey_of_design(
        build.example_design(), trap={"lat": np.arange(4.0), "topo": np.arange(4.0)}
    )
    moved = sn.open_package(sn.share(item, tmp_path / "a", level="partner", key=KEY, drop=["topo"]))
    assert list(moved.traps.covariates) == []
    told = json.loads((tmp_path / "a" / "manifest.json").read_text())["removed"]
    assert "trap covariate 'lat'" in told
    assert "trap covariate 'topo'" in told


def test_public_numbers_have_no_place_in_them(survey, tmp_path):
    fit = sn.fit(survey, progress=False)
    countries = sn.datasets.sailugem_countries()
    home = sn.share_public(fit, tmp_path / "public", regions=countries, by="country", cell=20_000.0)
    table = pd.read_csv(home / "abundance.csv")
    assert set(countries["country"]) <= set(table["region"])
    cells = pd.read_csv(home / "density_cells.csv")
    whole = fit.abundance()["expected_n"].iloc[0]
    assert 0.8 * whole < cells["expected_n"].sum() <= 1.001 * whole
    everything = "".join(p.read_text() for p in home.iterdir())
    for name in (*survey.traps.ids, *survey.captures.animal_ids):
        assert f'"{name}"' not in everything
    outlines = geopandas.read_file(home / "density_cells.geojson").to_crs(survey.crs)
    assert (outlines.area > 0.99 * 20_000.0**2).all()
    assert len(outlines) < 0.2 * survey.mask.n_points


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"level": "partner", "key": "short"}, "at least 12 characters"),
        ({"level": "partner"}, "at least 12 characters"),
        ({"level": "secret"}, "private"),
        ({"level": "public"}, "share_public"),
    ],
)
def test_bad_words(survey, tmp_path, words, message):
    with pytest.raises(sn.SecrError, match=message):
        sn.share(survey, tmp_path / "x", **words)


def test_nothing_is_overwritten_and_damage_is_told(survey, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").write_text("mine")
    with pytest.raises(sn.SecrError, match="there already"):
        sn.share(survey, tmp_path / "full", level="private")
    with pytest.raises(sn.SecrError, match="no complete package"):
        sn.open_package(tmp_path / "full")
    home = sn.share(survey, tmp_path / "own", level="private")
    (home / "survey_1" / "mask.csv").write_text("x,y\n1,2\n")
    with pytest.raises(sn.SecrError, match="damaged or changed"):
        sn.open_package(home)
    with pytest.raises(sn.SecrError, match="too fine"):
        sn.share_public(sn.fit(survey, progress=False), tmp_path / "p", cell=500.0)


def test_pseudonyms_differ_by_kind_and_key():
    assert pseudonym("Leo", "animal", KEY) == pseudonym(" Leo ", "animal", KEY)
    assert pseudonym("Leo", "animal", KEY) != pseudonym("Leo", "trap", KEY).replace(
        "trap", "animal"
    )
    assert pseudonym("Leo", "animal", KEY) != pseudonym("Leo", "animal", KEY + "!")


def test_russian_columns_that_tell_a_place_are_left_out():
    telling = [
        "Широта",
        "долгота",
        "Урочище",
        "кордон",
        "Название участка",
        "номер_камеры",
        "GPS-точка",
    ]
    harmless = ["Местообитание", "рельеф", "высота", "порода", "пол", "склон"]
    frame = pd.DataFrame({name: [1.5, 2.5] for name in telling + harmless})
    assert telling_columns(frame) == telling
    assert telling_columns(frame, keep=["кордон"]) == [n for n in telling if n != "кордон"]
