"""The results folder: what is in it, that its numbers are the library's, and what is left out."""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace

import build
import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr

import secr_nea as sn
from secr_nea import inference
from secr_nea.report import plain_values, write_json, write_report
from secr_nea.report.pictures import pictures
from secr_nea.report.rasters import file_words
from secr_nea.report.tables import abundance_shown, density_by_survey, longest_moves

SECTIONS = [
    "Data", "Model and diagnosis", "Estimates", "Abundance", "Maps", "Detection function",
    "Buffer and spacing of the mask", "Methods", "Data fingerprint, software, files",
]  # fmt: skip


@cache
def fit():
    return sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("report") / "new" / "results"
    countries = sn.datasets.sailugem_countries()
    title = "Snow <leopards> & others"
    assert write_report(fit(), home, regions=countries, by="country", title=title) == home
    return home


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "index.html").read_text(encoding="utf-8")


class Balanced(HTMLParser):
    """Checks that every element is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_has_every_section(html):
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS


def test_page_is_complete_in_itself(html):
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    sources = re.findall(r'src="([^"]{0,30})', html)
    assert len(sources) == 5
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in re.sub(r'src="[^"]*"', "", html)
    assert "<link" not in html
    assert "$" not in re.sub(r'src="[^"]*"', "", html)


def test_text_of_the_user_is_escaped(html):
    assert "<h1>Snow &lt;leopards&gt; &amp; others</h1>" in html


def test_no_position_of_a_detector_is_given_away(folder, html):
    traps = sn.datasets.sailugem().traps
    words = re.sub(r'src="[^"]*"', "", html)
    texts = [words, *(path.read_text() for path in folder.glob("*.csv"))]
    texts.append((folder / "results.json").read_text())
    for text in texts:
        assert not any(name in text for name in traps.ids)
        for value in traps.xy.ravel():
            assert f"{value:.0f}" not in text
            assert f"{value:,.0f}" not in text


def test_page_says_the_numbers(html):
    table = abundance_shown(fit().abundance(sn.datasets.sailugem_countries(), by="country"))
    for _, row in table.iterrows():
        assert f"<td>{row['region']}</td>" in html
        assert row["realised N"] in html
    assert fit().fingerprint.code in html
    assert f"secr_nea {sn.__version__}" in html
    assert f"numpy {np.__version__}" in html
    assert "no reason for doubt was found" in html
    assert "28 animals were detected 96 times at 44 detectors" in html


def test_tables_are_the_library_s(folder):
    table = pd.read_csv(folder / "coefficients.csv", index_col="coefficient")
    pd.testing.assert_frame_equal(table, fit().coefficient_table(), check_exact=False)
    real = pd.read_csv(folder / "real_parameters.csv", keep_default_na=False)
    np.testing.assert_allclose(real["estimate"], fit().real_parameters()["estimate"])
    abundance = pd.read_csv(folder / "abundance.csv")
    assert list(abundance["region"]) == ["whole mask", "Mongolia", "Russia"]
    assert abundance["expected_n"][1:].sum() == pytest.approx(abundance["expected_n"][0])
    check = pd.read_csv(folder / "mask_check.csv", index_col="survey")
    assert check.loc["Sailugem", "adequate"]
    results = json.loads((folder / "results.json").read_text())
    assert results == json.loads(json.dumps(plain_values(fit())))


def test_rasters_are_the_density_surface(folder):
    surface = fit().density_surface()
    with rioxarray.open_rasterio(folder / "density_Sailugem.tif", masked=True) as bands:
        assert bands.rio.crs == fit().model.surveys[0].crs
        assert list(bands.attrs["long_name"]) == ["density", "se", "lower", "upper", "cv"]
        np.testing.assert_allclose(bands.sel(band=1), surface["density"], rtol=1e-6)
        np.testing.assert_allclose(bands.sel(band=5), surface["cv"], rtol=1e-6)
    with xr.open_dataset(folder / "density_Sailugem.nc", engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["density"], surface["density"])
        assert stored["density"].attrs["units"] == "animals per 100 km2"


def test_pictures_are_written(folder):
    names = sorted(path.stem for path in folder.glob("*.png"))
    assert names == [
        "buffer_Sailugem", "captures_Sailugem", "density_Sailugem", "density_cv_Sailugem",
        "detection_function",
    ]  # fmt: skip
    for path in folder.glob("*.png"):
        content = path.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", content[16:24])
        assert width > 500
        assert height > 200


def test_pictures_leave_pyplot_alone():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    pictures(fit())
    assert plt.get_fignums() == before


def test_a_report_may_be_written_again(folder):
    write_report(fit(), folder, regions="country", title="Again")
    assert "<h1>Again</h1>" in (folder / "index.html").read_text(encoding="utf-8")
    assert list(pd.read_csv(folder / "abundance.csv")["region"])[1:] == ["Mongolia", "Russia"]


def test_a_file_in_place_of_the_folder(tmp_path):
    path = tmp_path / "results"
    path.write_text("")
    with pytest.raises(sn.DataError, match="is a file; the results need a folder"):
        write_report(fit(), path)


def test_a_failed_fit_shows_no_numbers_as_if_they_were_good(tmp_path):
    diagnosis = dataclasses.replace(
        fit().diagnosis, converged=False, message="NOT CONVERGED: a test."
    )
    write_report(dataclasses.replace(fit(), diagnosis=diagnosis), tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "NOT CONVERGED: a test." in html
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "Data", "Model and diagnosis", "Maps", "Data fingerprint, software, files",
    ]  # fmt: skip
    assert list(pd.read_csv(tmp_path / "coefficients.csv")) == ["coefficient", "estimate"]
    assert not list(tmp_path.glob("density*"))


# --- other models --------------------------------------------------------------------------------


def surveys_with_sex(detector="count"):
    design = build.example_design(detector)
    survey = build.survey_of_design(design)
    captures = sn.CaptureHistory(
        survey.traps,
        animal=survey.captures.animal,
        occasion=survey.captures.occasion,
        trap=survey.captures.trap,
        count=survey.captures.count,
        covariates={"sex": ["F", "M", "F", "M", "F"]},
    )
    return [sn.Survey(captures, survey.mask, name=name) for name in ("a/b", "a?b")]


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_several_surveys_and_groups(tmp_path):
    found = sn.fit(surveys_with_sex(), groups="sex", progress=False)
    write_report(found, tmp_path)
    table = pd.read_csv(tmp_path / "abundance.csv")
    assert list(table["group"]) == ["F", "M", "all"] * 2
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == [
        "density_a_b_2_F.tif", "density_a_b_2_M.tif", "density_a_b_F.tif", "density_a_b_M.tif",
    ]  # fmt: skip
    values = plain_values(found)["surveys"]["a/b"]
    parts = [values["groups"][sex]["expected_n"]["estimate"] for sex in "FM"]
    assert sum(parts) == pytest.approx(values["expected_n"]["estimate"])
    assert set(values["effective_sampling_area_km2"]) == {"F", "M"}


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_conditional_likelihood(tmp_path):
    found = sn.fit(surveys_with_sex(), population="conditional", progress=False)
    write_report(found, tmp_path)
    derived = inference.derived_density(found)
    table = pd.read_csv(tmp_path / "abundance.csv")
    np.testing.assert_allclose(table["density_upper"], derived["upper"])
    assert table["realised_n"].isna().all()
    assert not list(tmp_path.glob("*.tif"))
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "conditional on the animals detected" in html


# --- parts ---------------------------------------------------------------------------------------


def test_plain_values_are_json(tmp_path):
    assert plain_values(fit(), fitted=False)["converged"] is None
    values = {"a": np.float64("nan"), "b": [np.int64(2), np.inf], "c": (True, None), "d": "±"}
    path = write_json(values, tmp_path / "x.json")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "a": None, "b": [2, None], "c": [True, None], "d": "±",
    }  # fmt: skip
    with pytest.raises(sn.DataError, match="cannot be written"):
        write_json(values, tmp_path)


def test_file_words_differ():
    words = file_words(["a b", "a/b", "A_B", "...", "Таван Богд"])
    assert list(words.values()) == ["a_b", "a_b_2", "A_B_3", "survey", "Таван_Богд"]


def test_longest_moves_by_hand():
    xy = np.array([[0.0, 0.0], [3000.0, 4000.0], [6000.0, 0.0]])
    places = (np.array([0, 0, 0, 1]), xy[[0, 1, 1, 2]], np.ones(4))
    survey = SimpleNamespace(captures=SimpleNamespace(places=places), n_animals=2)
    assert longest_moves(survey) == [5000.0]


def test_density_by_survey_keeps_the_order_of_surveys():
    table = density_by_survey(fit(), regions="country")
    assert list(table["region"]) == ["whole mask", "Mongolia", "Russia"]
    shown = abundance_shown(table, 0.9)
    assert "D 90 % interval" in shown
    assert "region" not in abundance_shown(density_by_survey(fit()))
