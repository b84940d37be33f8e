"""The commands design and simulate: what they print and write, and one line for every mistake."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.cli import main

TRUTH = ["--density", "0.9", "--lambda0", "0.006", "--sigma", "6000"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "sim"
    assert main(["simulate", "--preset", "chikhachev", "--sexes", "--out", str(folder)]) == 0
    return folder


def test_simulated_tables_are_read_again(simulated):
    survey = sn.read_surveys(
        traps=simulated / "cameras.csv",
        captures=simulated / "detections.csv",
        mask=simulated / "mask.csv",
        individuals=simulated / "individuals.csv",
        crs="EPSG:32646",
    )
    survey = survey if isinstance(survey, sn.Survey) else survey[0]
    ours = sn.design.preset("chikhachev", sexes=True).simulate(seed=1)
    assert survey.n_animals == ours.n_animals
    assert survey.n_detections == ours.n_detections
    truth = json.loads((simulated / "truth.json").read_text())
    assert truth["classes"] == {"female": 0.6, "male": 0.4}
    animals = pd.read_csv(simulated / "animals.csv")
    assert len(animals) == truth["animals"]
    assert set(pd.read_csv(simulated / "detections.csv")["animal_id"]) <= set(animals["animal_id"])


def test_the_same_seed_writes_the_same_tables(simulated, tmp_path):
    again = tmp_path / "again"
    main(["simulate", "--preset", "chikhachev", "--sexes", "--out", str(again)])
    for file in simulated.iterdir():
        assert file.read_text() == (again / file.name).read_text(), file.name
    main(["simulate", "--preset", "chikhachev", "--sexes", "--seed", "2", "--out", str(again)])
    assert (again / "animals.csv").read_text() != (simulated / "animals.csv").read_text()


def test_expected_numbers_are_printed(capsys):
    assert main(["design", "--preset", "silkhem"]) == 0
    printed = capsys.readouterr().out
    found = sn.design.preset("silkhem").expected()
    assert f"{found.animals:.1f}" in printed
    assert "by the expected information" in printed
    left = sn.design.detectable_change(sn.design.precision(sn.design.preset("silkhem")).rse)
    assert f"tell a decline by {100 * (1 - left):.0f} % or more" in printed


def test_cameras_are_placed_and_written_and_the_plan_is_simulated(simulated, tmp_path, capsys):
    files = [tmp_path / "new.csv", tmp_path / "new.gpx"]
    options = ["--traps", str(simulated / "cameras.csv"), "--mask", str(simulated / "mask.csv")]
    options += ["--crs", "EPSG:32646", *TRUTH, "--number", "12", "--starts", "1", "--quiet"]
    options += ["--minimum-distance", "2000", "--fixed", "C001", "--replicates", "2"]
    options += ["--workers", "1", "--folder", str(tmp_path / "study")]
    assert main(["design", *options, "--out", str(files[0]), "--out", str(files[1])]) == 0
    table = pd.read_csv(files[0])
    assert (table["placed"] == "new").sum() == 12
    assert table["trap_id"].iloc[-1] == "C001"
    assert files[1].exists()
    assert (tmp_path / "study" / "study.json").exists()
    printed = capsys.readouterr().out
    assert "gain" in printed
    assert "coverage" in printed


def test_a_missing_crs_is_told_before_the_search(simulated, tmp_path, capsys):
    options = ["--traps", str(simulated / "cameras.csv"), "--mask", str(simulated / "mask.csv")]
    options += [*TRUTH, "--number", "3", "--out", str(tmp_path / "new.gpx")]
    assert main(["design", *options]) == 2
    told = capsys.readouterr()
    assert "needs --crs" in told.err
    assert "Placement" not in told.out


@pytest.mark.parametrize(
    "options, words",
    [
        (["design", "--preset", "silkhen"], "did you mean 'silkhem'"),
        (["design", "--traps", "x.csv"], "--mask, --density missing"),
        (["design", "--preset", "silkhem", "--traps", "x.csv"], "leave out --traps"),
        (["design", "--preset", "silkhem", "--sigma", "far"], "--sigma needs a number"),
        (["design", "--preset", "silkhem", "--out", "a.shp"], "ending must be"),
        (["design", "--preset", "silkhem", "--number", "5", "--at-least", "Russia=x"], "whole"),
        (["design", "--preset", "silkhem", "--budget", "9"], "--budget needs --number"),
        (["design", "--preset", "silkhem", "--folder", "f"], "--folder needs --replicates"),
        (["design", "--preset", "silkhem", "--detector", "binary"], "leave out --detector"),
        (["simulate", "--traps", "x", "--faults"], "--faults is for a --preset"),
        (["simulate", "--preset", "silkhem", "--out", __file__], "is a file; give a folder"),
        (["simulate", "--preset", "silkhem", "--classes", "f=0.6"], "adds up to 0.6"),
        (["simulate", "--sed", "1"], "simulate --help"),
    ],
)
def test_mistakes_are_told_in_one_line(options, words, capsys):
    assert main(options) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
