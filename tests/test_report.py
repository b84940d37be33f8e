"""The results folder: what is in it, that its numbers are the library's, and what is left out."""

from __future__ import annotations

import dataclasses
import json
import re
import struct
import warnings
import zipfile
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace

import build
import geopandas
import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr

import secr_nea as sn
from secr_nea import inference
from secr_nea.report import plain_values, write_json, write_report
from secr_nea.report.contents import contents_of
from secr_nea.report.fonts import families, written_in_any_script
from secr_nea.report.page import _verdict
from secr_nea.report.pictures import _coarse, pictures
from secr_nea.report.rasters import file_words
from secr_nea.report.tables import (
    abundance_shown,
    density_by_survey,
    longest_moves,
    models_shown,
)
from secr_nea.resampling.goodness_of_fit import GoodnessOfFit

SECTIONS = [
    "Data", "Model and diagnosis", "Captures", "Estimates", "Abundance", "Maps",
    "Detection function", "Effects of covariates", "Buffer and spacing of the mask",
    "Methods", "Data fingerprint, software, files",
]  # fmt: skip


NOTHING = {
    name: None
    for name in (
        "regions", "by", "models", "sensitivity", "ledger", "transboundary", "detections",
        "operation",
    )
} | {"level": 0.95, "variance": "auto", "public": False}  # fmt: skip


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


def given(estimate, **options):
    wanted = {"regions": None, "by": None, "level": 0.95, "variance": "auto", "models": None}
    wanted |= {"goodness_of_fit": None, "sensitivity": None, "ledger": None, "public": False}
    wanted |= {"transboundary": None, "detections": None, "operation": None}
    return contents_of(estimate, **(wanted | options))


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
    assert len(sources) == 10
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
        "buffer_Sailugem", "capture_frequency", "captures_Sailugem", "cumulative_animals",
        "density_Sailugem", "density_cv_Sailugem", "detection_function",
        "effect_D_ruggedness_std", "extrapolation_Sailugem", "mask_Sailugem",
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
    pictures(given(fit()))
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


def test_a_folder_must_have_a_name():
    with pytest.raises(sn.DataError, match="name one, such as 'results'"):
        fit().report("")


def test_a_failed_fit_shows_no_numbers_as_if_they_were_good(tmp_path):
    diagnosis = dataclasses.replace(
        fit().diagnosis, converged=False, message="NOT CONVERGED: a test."
    )
    write_report(dataclasses.replace(fit(), diagnosis=diagnosis), tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "NOT CONVERGED: a test." in html
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "Data", "Model and diagnosis", "Captures", "What can be reported without an estimate",
        "What the next survey may bring", "Maps", "Data fingerprint, software, files",
    ]  # fmt: skip
    assert "at least 28 animals; 96 detections in 4,169 units of effort" in html
    for pattern in ("density*", "effect*", "detection*", "buffer*", "coefficients*", "abundance*"):
        assert not list(tmp_path.glob(pattern))
    stored = json.loads((tmp_path / "results.json").read_text())["surveys"]["Sailugem"]
    assert stored["density_per_100km2"] is None
    assert stored["realised_n"]["estimate"] is None


# --- what else is given, and what is left out -----------------------------------------------------


def everything():
    countries = sn.datasets.sailugem_countries()
    detections = sn.datasets.data_path("detections.csv")
    models = pd.DataFrame(
        {"model": ["D ~ ruggedness_std", "D ~ 1"], "AICc": [380.1, 376.7], "D": [0.99, 0.98],
         "lower": [0.66, 0.66], "upper": [1.47, 1.46], "weight": [0.8, 0.2]}
    )  # fmt: skip
    return {
        "regions": countries,
        "by": "country",
        "models": models,
        "goodness_of_fit": pd.DataFrame({"test": ["animals x detectors"], "p": [0.4123456]}),
        "sensitivity": pd.DataFrame({"buffer, km": [20.0, 25.0], "D": [0.99, 0.99]}),
        "ledger": SimpleNamespace(
            to_dataframe=lambda: pd.DataFrame(
                {"action": ["moved station"], "was": ["SAI-01 590631"], "now": ["590641"]}
            )
        ),
        "transboundary": fit().transboundary(countries, detections=detections),
        "detections": detections,
        "operation": sn.datasets.data_path("cameras.csv"),
    }


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write_report(fit(), tmp_path_factory.mktemp("full"), **everything())


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    home = tmp_path_factory.mktemp("public")
    return write_report(fit(), home, **everything(), public=True)


def test_a_full_report_has_what_was_given(full):
    html = (full / "index.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert set(headings) - set(SECTIONS) == {
        "Set of models", "Both sides of the border", "Goodness of fit", "Sensitivity",
        "Corrections of the data",
    }  # fmt: skip
    assert "0.4123" in html
    assert "If each country counted its own list, the sum would be 40" in html
    assert {path.stem for path in full.glob("*.png")} >= {
        "models", "operation", "border_Sailugem", "border_shares_Sailugem",
        "double_count_Sailugem",
    }  # fmt: skip
    assert "range area (95 %)" in html
    assert "km2, if detection follows use" in html


def test_a_set_of_models_fits_on_the_page():
    """Every column of a `ModelSet` beside each other would run off the paper."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        survey = sn.datasets.sailugem(2500.0)
        models = sn.fit_models(survey, D=["~ 1", "~ ruggedness_std"], progress=False)
    table = models.table()
    shown = models_shown(table.reset_index())
    assert list(shown.columns) == [
        "model", "K", "logL", "AIC", "AICc", "delta", "weight", "D", "D interval",
    ]  # fmt: skip
    assert list(shown["model"]) == list(table.index)
    assert shown["D"].iloc[0] == f"{table['density_per_100km2'].iloc[0]:.3g}"
    unlikely = table.reset_index().assign(weight=[1.0, 2e-17], flags=["", "did not converge"])
    assert list(models_shown(unlikely)["weight"]) == ["1.000", "< 0.001"]
    assert list(models_shown(unlikely)["look at"]) == ["", "did not converge"]
    other = pd.DataFrame({"model": ["a"], "AICc": [1.0]})
    assert list(models_shown(other).columns) == ["model", "AICc"]


def test_tables_are_also_sheets_of_one_workbook(full):
    sheets = pd.read_excel(full / "results.xlsx", sheet_name=None)
    assert {"data_summary", "abundance", "models", "border_animals", "ledger"} <= set(sheets)
    written = pd.read_csv(full / "abundance.csv")
    np.testing.assert_allclose(sheets["abundance"]["expected_n"], written["expected_n"])


def test_cells_in_the_geopackage_are_the_density_surface(full):
    cells = geopandas.read_file(full / "density.gpkg", layer="Sailugem")
    mask = fit().model.surveys[0].mask
    assert cells.crs == mask.crs
    assert len(cells) == mask.n_points
    table = inference.density_table(fit())
    for name in ("density", "se", "lower", "upper", "cv"):
        np.testing.assert_allclose(cells[name], table[name])
    np.testing.assert_allclose(cells.area / 1e6, mask.cell_area)


def contents(path):
    """Bytes of a file, of a workbook those of its parts."""
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as book:
        return b"".join(book.read(name) for name in book.namelist())


def spellings(traps):
    """How a position may be written: metres, km, degrees, and as numbers of a program."""
    degrees = traps.to_geodataframe().to_crs("EPSG:4326").geometry
    texts = set()
    for value in traps.xy.ravel():
        texts |= {f"{value:.0f}", f"{value:,.0f}", f"{value / 1000:.3f}", f"{value / 1000:.2f}"}
    for value in [*degrees.x, *degrees.y]:
        texts |= {f"{value:.4f}"}
    found = {text.encode() for text in texts}
    for value in traps.xy.ravel():
        found |= {struct.pack(kind, value) for kind in ("<d", ">d", "<f", ">f")}
    return found


def test_a_public_report_has_no_position_in_any_byte(public):
    traps = sn.datasets.sailugem().traps
    wanted = spellings(traps)
    wanted |= {name.encode() for name in traps.ids}
    wanted |= {b"EPSG", b"32645"}
    for path in public.iterdir():
        found = contents(path)
        if path.suffix == ".html":
            found = re.sub(rb'src="[^"]*"', b"", found)
        # four bytes may stand anywhere in a compressed picture; text of a picture is not compressed
        short = path.suffix == ".png"
        seen = [text for text in wanted if (len(text) > 7 or not short) and text in found]
        assert not seen, (path.name, seen[:3])


def test_the_search_for_positions_finds_them_where_they_are(full, tmp_path):
    traps = sn.datasets.sailugem().traps
    wanted = spellings(traps)
    assert any(text in contents(full / "results.xlsx") for text in wanted)
    traps.to_geodataframe().to_file(tmp_path / "traps.gpkg")
    assert any(text in contents(tmp_path / "traps.gpkg") for text in wanted if len(text) == 8)


def test_a_public_report_has_no_grid_no_captures_and_no_animals(public):
    assert not [p.name for p in public.iterdir() if p.suffix in (".tif", ".nc", ".gpkg")]
    names = {path.stem for path in public.glob("*.png")}
    assert not [n for n in names if n.startswith(("captures", "mask", "operation", "border"))]
    assert "ledger" not in {path.stem for path in public.iterdir()}
    html = (public / "index.html").read_text(encoding="utf-8")
    assert "public version without positions" in html
    assert "SL01" not in html
    assert json.loads((public / "results.json").read_text())["crs"] is None
    facts = pd.read_csv(public / "data_summary.csv")
    assert "coordinates" not in set(facts["fact"])


def test_public_cells_are_large_and_their_corners_round():
    survey = sn.datasets.sailugem()
    density = fit().density_surface()["density"]
    coarse, side = _coarse(density, survey)
    assert side == 10_000.0
    for axis in ("x", "y"):
        np.testing.assert_allclose(np.mod(coarse[axis], side), side / 2)
    inside = (np.abs(density["x"] - float(coarse["x"][3])) < side / 2) & (
        np.abs(density["y"] - float(coarse["y"][4])) < side / 2
    )
    np.testing.assert_allclose(coarse[4, 3], density.where(inside).mean())


@pytest.mark.parametrize("name", ["models", "ledger", "transboundary"])
def test_other_things_than_tables_are_refused(tmp_path, name):
    with pytest.raises(sn.DataError, match=f"{name} must be"):
        write_report(fit(), tmp_path, **{name: "a table"})


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


def test_parts_of_other_fits_are_refused(tmp_path):
    other = sn.fit(sn.datasets.sailugem(), progress=False)
    border = other.transboundary(sn.datasets.sailugem_countries())
    with pytest.raises(sn.DataError, match="transboundary is of another fit"):
        write_report(fit(), tmp_path, transboundary=border)
    survey = sn.datasets.sailugem()
    fewer = survey.captures.to_dataframe().query("animal_id != @survey.captures.animal_ids[0]")
    captures = sn.CaptureHistory.from_dataframe(fewer, survey.traps)
    strange = sn.compare(sn.fit(sn.Survey(captures, survey.mask, name="Sailugem"), progress=False))
    with pytest.raises(sn.DataError, match="no model of the data that are reported"):
        write_report(fit(), tmp_path, models=strange)


def test_a_test_of_fit_that_doubts_is_told_first():
    observed = np.full((1, 4), 9.0)
    simulated = np.random.default_rng(1).normal(5.0, 0.5, size=(40, 1, 4))
    bad = GoodnessOfFit(observed, simulated, ("Sailugem",), {})
    html = _verdict(contents_of(fit(), goodness_of_fit=bad, **NOTHING))
    assert "Test of fit, distance" in html
    assert "no reason for doubt" not in html
    good = GoodnessOfFit(observed - 4.0, simulated, ("Sailugem",), {})
    assert "Test of fit" not in _verdict(contents_of(fit(), goodness_of_fit=good, **NOTHING))


def test_letters_that_no_font_has_are_told_once():
    with warnings.catch_warnings(record=True, action="always") as told, written_in_any_script():
        for _ in range(2):
            warnings.warn("Glyph 57344 (x) missing from font(s) DejaVu Sans.", stacklevel=1)
    assert [str(warning.message)[:40] for warning in told] == [
        "No font of this machine has the letters "
    ]


def test_a_font_with_chinese_letters_is_added_where_there_is_one():
    assert families(["SimHei", "Arial"], ["sans-serif"]) == ["sans-serif", "SimHei"]
    assert families(["Arial"], ["sans-serif"]) == ["sans-serif"]
