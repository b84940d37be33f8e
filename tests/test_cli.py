"""The command line: what it writes, prints and returns, and one clear line for every mistake."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import geopandas
import numpy as np
import oracle
import pandas as pd
import pytest
import shapely
import tolerances

import secr_nea as sn
from secr_nea.cli import main

RIDGES = oracle.FOLDER / "data" / "three_ridges"
PROXIMITY = oracle.FOLDER / "data" / "ridge_proximity"
MODEL = ["--D", "~ rug_std", "--a0", "~ topo"]
KEYS = {
    "loglik", "npar", "aic", "aicc", "converged", "coefficients", "real_parameters", "surveys",
    "diagnosis", "data_fingerprint", "seconds_fit", "n_evaluations", "version", "model", "crs",
    "confidence_level", "warnings",
}  # fmt: skip
SURVEY_KEYS = {
    "density_per_100km2", "density_lower", "density_upper", "expected_n", "realised_n", "area_km2",
    "n_animals", "n_detections", "n_traps", "effort", "effective_sampling_area_km2",
}  # fmt: skip


def tables(folder, **changed):
    """Options that name the tables of a reference survey."""
    options = {
        "traps": folder / "traps.csv",
        "captures": folder / "captures.csv",
        "mask": folder / "mask.csv",
        "effort-table": folder / "effort.csv",
        **changed,
    }
    return [
        word
        for name, path in options.items()
        if path is not None
        for word in (f"--{name}", str(path))
    ]


def estimate(*options, folder=RIDGES, **changed):
    return main(["estimate", *tables(folder, **changed), *map(str, options)])


def strictly(text):
    """JSON without NaN or Infinity, which Python would accept."""

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def read(path):
    return strictly(Path(path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ridges_json(tmp_path_factory):
    path = tmp_path_factory.mktemp("ridges") / "out.json"
    assert estimate(*MODEL, "--json", path, "--quiet") == 0
    return path


@cache
def surveys():
    return sn.read_surveys(
        traps=RIDGES / "traps.csv",
        captures=RIDGES / "captures.csv",
        mask=RIDGES / "mask.csv",
        effort=RIDGES / "effort.csv",
    )


@cache
def fit():
    return sn.fit(surveys(), D="~ rug_std", a0="~ topo", progress=False)


def fails(capsys, *options, status=2, folder=RIDGES, **changed):
    """The one line on stderr of a command that does not work."""
    assert estimate(*options, folder=folder, **changed) == status
    told = capsys.readouterr()
    assert told.out == ""
    errors = [line for line in told.err.splitlines() if not line.startswith("warning: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    return errors[0]


# --- what it writes ------------------------------------------------------------------------------


def test_json_holds_what_was_agreed(ridges_json):
    out = read(ridges_json)
    assert set(out) == KEYS
    assert list(out["surveys"]) == ["north", "middle", "south"]
    for survey in out["surveys"].values():
        assert set(survey) == SURVEY_KEYS
        assert set(survey["expected_n"]) == {"estimate", "se", "lower", "upper"}
        assert set(survey["realised_n"]) == {"estimate", "se", "lower", "upper", "variance"}
    assert out["model"] == {
        "detection": "hazard_half_normal",
        "formulas": {"D": "~ rug_std", "a0": "~ topo", "sigma": "~ 1"},
        "links": {"D": "log", "a0": "log", "sigma": "log"},
        "fixed": {},
        "population": "poisson",
        "classes": None,
        "groups": None,
    }
    assert out["converged"] is True
    assert out["diagnosis"]["message"] == "At the maximum."
    assert out["crs"] is None
    assert out["version"] == sn.__version__


def test_json_is_what_the_library_says(ridges_json):
    out, direct = read(ridges_json), fit()
    assert out["loglik"] == pytest.approx(direct.log_likelihood, abs=1e-9)
    assert (out["npar"], out["aic"], out["aicc"]) == pytest.approx(
        (6, direct.aic, direct.aicc), abs=1e-8
    )
    table = direct.coefficient_table()
    assert list(out["coefficients"]) == list(table.index)
    for name, row in table.iterrows():
        assert out["coefficients"][name] == pytest.approx({"estimate": row.estimate, "se": row.se})
    real = direct.real_parameters()
    assert [row["at"] for row in out["real_parameters"]["a0"]] == [
        "topo=canyon", "topo=ridge", "topo=saddle",
    ]  # fmt: skip
    for name, rows in out["real_parameters"].items():
        expected = real[real["parameter"] == name]
        for column in ("estimate", "se", "lower", "upper"):
            np.testing.assert_allclose([row[column] for row in rows], expected[column], rtol=1e-6)
    for _, row in direct.abundance().iterrows():
        survey = out["surveys"][row["survey"]]
        for kind in ("expected", "realised"):
            for part in ("se", "lower", "upper"):
                assert survey[f"{kind}_n"][part] == pytest.approx(row[f"{kind}_{part}"], rel=1e-5)
        assert survey["density_upper"] == pytest.approx(row["density_upper"], rel=1e-5)
    assert out["data_fingerprint"] == dataclasses.asdict(direct.fingerprint)


@pytest.mark.parametrize(
    "name, folder, options",
    [
        ("sessions_D_rugged_a0_topo", RIDGES, MODEL),
        (
            "proximity_D_rugged",
            PROXIMITY,
            ["--detector", "proximity", "--D", "~ rug_std", "--lambda0", "~ 1", "--sigma", "~ 1"],
        ),
    ],
)
def test_agrees_with_r(name, folder, options, tmp_path):
    case = oracle.case(name)
    path = tmp_path / "out.json"
    # R takes each survey's variance as if it were fitted alone (docs/decisions.md)
    options = [*options, "--variance", "poisson"]
    assert estimate(*options, "--json", path, "--quiet", folder=folder) == 0
    out = read(path)
    assert out["loglik"] == pytest.approx(case["log_likelihood"], abs=1e-6)
    assert list(out["coefficients"]) == case["names"]
    estimates = np.array([row["estimate"] for row in out["coefficients"].values()])
    errors = np.array([row["se"] for row in out["coefficients"].values()])
    assert np.abs((estimates - case["coefficients"]) / errors).max() < tolerances.ESTIMATE
    np.testing.assert_allclose(errors, case["standard_errors"], **tolerances.SE_RELATIVE)
    for session, table in case["extras"].get("abundance", {}).items():
        survey = out["surveys"][session] if session else next(iter(out["surveys"].values()))
        for _, row in table.iterrows():
            number = survey[f"{row['which']}_n"]
            assert number["estimate"] == pytest.approx(row["estimate"], rel=1e-3)
            assert number["se"] == pytest.approx(row["standard_error"], rel=0.01)


def test_prints_the_fit_the_numbers_and_the_unit_of_coordinates(capsys):
    assert estimate(*MODEL) == 0
    told = capsys.readouterr()
    assert "Coordinates are taken as metres" in told.out
    assert str(fit()).splitlines()[0] in told.out
    assert "logL -722.7649" in told.out
    assert "animals per 100 km2" in told.out
    assert "realised N" in told.out
    assert "Traceback" not in told.err


def test_a_known_crs_is_told(tmp_path, capsys):
    out = tmp_path / "out.json"
    assert estimate("--crs", "EPSG:32646", "--fixed", "sigma=5500", "--json", out) == 0
    assert "taken as metres" not in capsys.readouterr().out
    assert read(out)["crs"] == "EPSG:32646"
    assert read(out)["model"]["fixed"] == {"sigma": 5500.0}
    assert "sigma" not in read(out)["model"]["formulas"]


def test_one_survey_without_a_session_column(tmp_path):
    out = tmp_path / "out.json"
    options = ["--detector", "binary", "--g0", "~ 1", "--detection", "HN", "--links", "g0=log"]
    assert estimate(*options, "--json", out, "--quiet", folder=PROXIMITY) == 0
    assert list(read(out)["surveys"]) == ["survey"]
    assert read(out)["model"]["links"]["g0"] == "log"


def test_mask_auto(tmp_path):
    out = tmp_path / "out.json"
    options = ["--buffer", 20000, "--spacing", 3000, "--json", out, "--quiet", "--threads", 1]
    before = sn.get_threads()
    assert estimate(*options, mask="auto") == 0
    sn.set_threads(before)
    north = surveys()[0]
    mask = sn.HabitatMask.around(north.traps, buffer=20000, spacing=3000)
    assert read(out)["surveys"]["north"]["area_km2"] == mask.area


def test_another_name_of_the_survey_column(tmp_path, capsys):
    for name in ("traps", "captures", "mask", "effort"):
        table = pd.read_csv(RIDGES / f"{name}.csv").rename(columns={"session": "ridge"})
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    out = tmp_path / "out.json"
    options = ["--survey-column", "ridge", "--json", out, "--quiet"]
    assert estimate(*options, "--D", "~ session", folder=tmp_path) == 0
    assert read(out)["loglik"] == pytest.approx(
        oracle.case("sessions_D_session")["log_likelihood"], abs=1e-6
    )
    message = fails(capsys, *options, "--D", "~ ridge", folder=tmp_path)
    assert "write session" in message


def test_results_folder(tmp_path, capsys):
    home = tmp_path / "results"
    assert estimate("--detector", "binary", "--report", home, folder=PROXIMITY) == 0
    assert str(home / "index.html") in capsys.readouterr().out
    assert (home / "index.html").is_file()
    assert (home / "density_survey.tif").is_file()


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_numbers_by_region_for_the_public(tmp_path):
    mask = pd.read_csv(PROXIMITY / "mask.csv")
    (west, south), (east, north) = mask[["x", "y"]].min(), mask[["x", "y"]].max()
    middle = (west + east) / 2.0 + 1.0  # not on a column of points
    halves = geopandas.GeoDataFrame(
        {"ridge": ["west", "east"]},
        geometry=[
            shapely.box(west - 1e4, south - 1e4, middle, north + 1e4),
            shapely.box(middle, south - 1e4, east + 1e4, north + 1e4),
        ],
    )
    halves.to_file(tmp_path / "halves.gpkg")
    home = tmp_path / "results"
    options = ("--regions", tmp_path / "halves.gpkg", "--by", "ridge", "--title", "Two halves")
    assert (
        estimate("--detector", "binary", "--report", home, *options, "--public", folder=PROXIMITY)
        == 0
    )
    numbers = pd.read_csv(home / "abundance.csv").set_index("region")["expected_n"]
    assert numbers["west"] + numbers["east"] == pytest.approx(numbers["whole mask"], rel=1e-6)
    assert "Two halves" in (home / "index.html").read_text(encoding="utf-8")
    assert not list(home.glob("*.tif"))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_only_habitat_is_in_the_mask(tmp_path):
    traps = pd.read_csv(PROXIMITY / "traps.csv")
    (west, south), (east, north) = traps[["x", "y"]].min(), traps[["x", "y"]].max()
    forest = shapely.box(west - 2e4, south - 2e4, (west + east) / 2.0, north + 2e4)
    geopandas.GeoDataFrame(geometry=[forest]).to_file(tmp_path / "forest.gpkg")
    out = tmp_path / "out.json"
    options = ("--detector", "binary", "--spacing", "1000", "--json", out, "--quiet")
    given = ("--buffer", "8000", *options)
    sizes = []
    for extra in ((), ("--habitat", tmp_path / "forest.gpkg")):
        assert estimate(*given, *extra, folder=PROXIMITY, mask="auto") == 0
        sizes.append(next(iter(read(out)["surveys"].values()))["area_km2"])
    assert 0.4 * sizes[0] < sizes[1] < 0.6 * sizes[0]


def test_sex_of_some_animals(tmp_path):
    out = tmp_path / "out.json"
    case = oracle.case("sessions_sex_hybrid")
    options = [w for name, text in case["formulas"].items() for w in (f"--{name}", text)]
    options += ["--individuals", RIDGES / "individuals.csv", "--classes", "sex"]
    assert estimate(*options, "--json", out, "--quiet") == 0
    assert read(out)["model"]["classes"] == "sex"
    assert read(out)["loglik"] == pytest.approx(case["log_likelihood"], abs=1e-5)


def test_demo_says_that_its_data_are_simulated(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("SIMULATED DATA")
    assert "Mongolia" in told.out
    assert "The simulation placed 85 animals" in told.out
    assert told.err == ""
    assert "SIMULATED DATA" in (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")


# --- coefficients that are given -----------------------------------------------------------------


def test_at_evaluates_without_fitting(tmp_path, ridges_json):
    coefficients = {
        name: row["estimate"] for name, row in read(ridges_json)["coefficients"].items()
    }
    coefficients["D:Intercept"] += 0.1
    given, out = tmp_path / "at.json", tmp_path / "out.json"
    given.write_text(json.dumps(coefficients))
    assert estimate(*MODEL, "--at", given, "--json", out) == 0
    found = read(out)
    assert found["loglik"] == sn.log_likelihood(fit().model, coefficients)
    assert found["converged"] is None
    assert found["diagnosis"]["converged"] is None
    assert found["n_evaluations"] == 1
    assert all(row["se"] is None for row in found["coefficients"].values())
    north = found["surveys"]["north"]
    assert north["density_per_100km2"] > 0
    assert north["density_lower"] is north["expected_n"]["se"] is None


def test_at_reads_what_was_written(tmp_path, ridges_json):
    out = tmp_path / "out.json"
    assert estimate(*MODEL, "--at", ridges_json, "--json", out, "--quiet") == 0
    assert read(out)["loglik"] == read(ridges_json)["loglik"]


def test_at_agrees_with_r_away_from_the_maximum(tmp_path):
    case = oracle.case("sessions_D_rugged_a0_topo")
    given, out = tmp_path / "at.json", tmp_path / "out.json"
    point = dict(zip(case["names"], case["at"][0]["coefficients"].tolist(), strict=True))
    given.write_text(json.dumps({"coefficients": point}))
    assert estimate(*MODEL, "--at", given, "--json", out, "--quiet") == 0
    assert read(out)["loglik"] == pytest.approx(case["at"][0]["log_likelihood"], abs=1e-6)


def test_start_from_a_result(tmp_path, ridges_json):
    out = tmp_path / "out.json"
    assert estimate(*MODEL, "--start", ridges_json, "--json", out, "--quiet") == 0
    assert read(out)["loglik"] == pytest.approx(read(ridges_json)["loglik"], abs=1e-8)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is not valid JSON"),
        ("[1, 2]", "must hold coefficients by name"),
        ('{"D:Intercept": "high"}', "'D:Intercept' must be a number; got 'high'"),
        ('{"D:Intercept": 0.1}', "missing D:rug_std"),
    ],
)
def test_at_refuses(text, message, tmp_path, capsys):
    given = tmp_path / "at.json"
    given.write_text(text)
    assert message in fails(capsys, *MODEL, "--at", given)


# --- how it ends ---------------------------------------------------------------------------------


def test_a_flat_coefficient_is_named_and_no_failure(tmp_path, capsys):
    traps = pd.read_csv(RIDGES / "traps.csv")
    captures = pd.read_csv(RIDGES / "captures.csv")
    seen = set(zip(captures["session"], captures["trap_id"], strict=True))
    unseen = [pair not in seen for pair in zip(traps["session"], traps["trap_id"], strict=True)]
    traps.loc[unseen, "topo"] = "steppe"
    traps.to_csv(tmp_path / "traps.csv", index=False)
    out = tmp_path / "out.json"
    assert estimate(*MODEL, "--json", out, traps=tmp_path / "traps.csv") == 0
    found = read(out)
    assert found["converged"] is True
    assert found["diagnosis"]["flat"] == ["a0:topo[T.steppe]"]
    assert found["coefficients"]["a0:topo[T.steppe]"]["se"] is None
    assert found["coefficients"]["D:rug_std"]["se"] > 0
    told = capsys.readouterr()
    assert "warning: At the maximum; but a0:topo[T.steppe] is not determined" in told.err
    assert any("a0:topo[T.steppe]" in line for line in found["warnings"])


def test_a_fit_that_did_not_converge(tmp_path, capsys, monkeypatch):
    module = sys.modules["secr_nea.fitting"]
    real = module.maximise

    def gives_up(model, **options):
        found = real(model, **options)
        diagnosis = dataclasses.replace(
            found.diagnosis, converged=False, message="NOT CONVERGED: stopped by the test."
        )
        return dataclasses.replace(found, diagnosis=diagnosis)

    monkeypatch.setattr(module, "maximise", gives_up)
    out, home = tmp_path / "out.json", tmp_path / "results"
    assert estimate(*MODEL, "--json", out, "--report", home) == 3
    found = read(out)
    assert found["converged"] is False
    assert "NOT CONVERGED" in found["diagnosis"]["message"]
    assert all(row["se"] is None for row in found["coefficients"].values())
    assert all(row["lower"] is None for row in found["real_parameters"]["a0"])
    assert found["surveys"]["north"]["realised_n"]["upper"] is None
    told = capsys.readouterr()
    assert "warning: NOT CONVERGED: stopped by the test." in told.err
    assert "realised N" not in told.out
    page = (home / "index.html").read_text(encoding="utf-8")
    assert "NOT CONVERGED" in page
    assert "interval" not in page
    assert not (home / "abundance.csv").exists()


def test_an_interrupted_fit(capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["secr_nea.fitting"], "maximise", interrupt)
    assert estimate(*MODEL) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        (["--D", "~ ruggd"], "uses 'ruggd', which is not among the covariates here."),
        (["--D", "rug_std +"], "cannot be used"),
        (["--fixed", "sigma"], "--fixed 'sigma' is not name=value, such as --fixed sigma=5000."),
        (["--fixed", "sigma=far"], "'far' is not a number"),
        (["--fixed", "sigma=-1"], "must be a positive number"),
        (["--fixed", "sigma=1", "--fixed", "sigma=2"], "gives sigma twice"),
        (["--fixed", "g0=0.1"], "g0 is not a parameter of hazard_half_normal"),
        (["--links", "D=cube"], "There is no link 'cube'"),
        (["--lambda0", "~ 1", "--a0", "~ 1"], "a0 takes the place of lambda0"),
        (["--detector", "photo"], "Detector 'photo' is not known"),
        (["--detection", "HHX"], "no detection function 'HHX'"),
        (["--population", "many"], "'many' is not known"),
        (["--crs", "EPSG:4326"], "which is in degrees; metres are needed"),
        (["--crs", "nowhere"], "does not name a coordinate reference system"),
        (["--effort-column", "days"], "not both"),
        (["--buffer", "2000"], "--buffer is for --mask auto"),
        (["--level", "95"], "--level must lie between 0 and 1"),
        (["--level", "high"], 'unable to convert "high" into float'),
        (["--variance", "big"], "--variance must be auto or poisson or mspe"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--at", "absent.json"], "there is no file 'absent.json'"),
        (["--at", "a.json", "--report", "folder"], "cannot be used with --report"),
        (["--json", "absent_folder/out.json"], "--json: there is no folder"),
        (["--report", __file__], "is a file; name a folder"),
        (["--public"], "--public is for the results folder; say where"),
        (["--report", "folder", "--by", "country"], "--by names the polygons of --regions"),
        (["--habitat", "forest.gpkg"], "--habitat is for --mask auto"),
        (["--bogus", "1"], "Unknown option: --bogus"),
        (["stray"], "stray"),
    ],
)
def test_bad_options(options, message, capsys):
    assert message in fails(capsys, *options)


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"traps": "absent.csv"}, "There is no traps file 'absent.csv'"),
        ({"traps": None}, "--traps requires an argument"),
        ({"mask": "auto"}, "--mask auto needs --buffer"),
        ({"mask": RIDGES}, "There is no mask file"),
    ],
)
def test_bad_tables(changed, message, capsys):
    assert message in fails(capsys, **changed)


def test_a_missing_column(tmp_path, capsys):
    pd.read_csv(RIDGES / "traps.csv").drop(columns="x").to_csv(tmp_path / "t.csv", index=False)
    message = fails(capsys, traps=tmp_path / "t.csv")
    assert "t.csv" in message
    assert "'x'" in message


def test_an_unknown_trap(tmp_path, capsys):
    captures = pd.read_csv(RIDGES / "captures.csv", dtype=str)
    captures.loc[4, "trap_id"] = "CT99"
    captures.to_csv(tmp_path / "c.csv", index=False)
    message = fails(capsys, captures=tmp_path / "c.csv")
    assert "CT99" in message
    assert "row 5" in message


def test_degrees_without_a_crs(tmp_path, capsys):
    traps = pd.read_csv(RIDGES / "traps.csv")
    traps[["x", "y"]] = traps[["x", "y"]] / 111_000.0
    traps.to_csv(tmp_path / "t.csv", index=False)
    assert "look like degrees" in fails(capsys, traps=tmp_path / "t.csv")


def test_no_detection_at_all(tmp_path, capsys):
    pd.read_csv(PROXIMITY / "captures.csv").iloc[:0].to_csv(tmp_path / "c.csv", index=False)
    message = fails(capsys, "--detector", "binary", folder=PROXIMITY, captures=tmp_path / "c.csv")
    assert "No animal was detected" in message


# --- help ----------------------------------------------------------------------------------------


def test_help_explains_every_option(capsys):
    assert main(["estimate", "--help"]) == 0
    told = capsys.readouterr().out
    for option in ("--traps", "--D", "--a0", "--fixed", "--at", "--individuals", "--report"):
        assert option in told
    assert "--no-" not in told
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


def test_an_unknown_command(capsys):
    assert main(["estimat"]) == 2
    assert 'Unknown command "estimat"' in capsys.readouterr().err


def test_as_a_module():
    ran = subprocess.run(
        [sys.executable, "-m", "secr_nea", "estimate", "--traps", "absent.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")
    assert len(ran.stderr.splitlines()) == 1
