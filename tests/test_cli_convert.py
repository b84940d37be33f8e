"""The command `convert`: formats into each other, exit status, errors in one line."""

from pathlib import Path

import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.cli import main

FORMATS = Path(__file__).parent / "data" / "formats"
DP = str(FORMATS / "camtrap_dp")
SPECIES = ["--species", "Panthera uncia"]


def run(capsys, *arguments):
    status = main(["convert", *map(str, arguments)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_camtrap_dp_to_csv_and_back(tmp_path, capsys):
    status, out, err = run(capsys, DP, tmp_path / "csv", *SPECIES)
    assert (status, err) == (0, "")
    assert "camtrap-dp: FieldTables(6 traps, 9 detections, 4 animals" in out
    files = [tmp_path / "csv" / f"{name}.csv" for name in ("traps", "detections", "operation")]
    crs = sn.read_camtrap_dp(DP, species="Panthera uncia").crs
    back = sn.read_field_tables(*files, crs=crs, columns=None)
    expected = sn.read_camtrap_dp(DP, species="Panthera uncia").to_captures()
    found = back.to_captures()
    assert found.traps.effort.tolist() == expected.traps.effort.tolist()
    assert found.traps.xy.tolist() == expected.traps.xy.tolist()
    pd.testing.assert_frame_equal(found.to_dataframe(), expected.to_dataframe())


@pytest.mark.parametrize(
    "sources, options",
    [
        (["wildlife_insights"], []),
        (["camtrapr/stations.csv", "camtrapr/records.csv"], ["--dates", "dmy"]),
        (["spacecap/captures.csv", "spacecap/deployment.csv"], []),
        (["nextgis/visits.geojson"], []),
        (["sheets/survey.xlsx"], []),
        (["secr_text/traps.txt"], []),
    ],
)
def test_formats_are_recognised(sources, options, tmp_path, capsys):
    out = tmp_path / "tables.xlsx"
    pytest.importorskip("openpyxl")
    status, told, _ = run(capsys, *(FORMATS / s for s in sources), out, *options)
    assert status == 0
    assert "6 traps" in told
    assert set(pd.read_excel(out, sheet_name=None)) == {"traps", "operation", "detections"}


def test_to_camtrap_dp_needs_species_and_zone(tmp_path, capsys):
    source, out = FORMATS / "wildlife_insights", tmp_path / "p.zip"
    assert run(capsys, source, out)[0] == 2
    status, _, err = run(capsys, source, out, *SPECIES)
    assert status == 2
    assert "--timezone" in err
    assert run(capsys, source, out, *SPECIES, "--timezone", "+05:00")[0] == 0
    again = sn.read_camtrap_dp(out)
    expected = sn.read_camtrap_dp(DP, species="Panthera uncia")
    assert again.to_traps().effort.sum() == expected.to_traps().effort.sum()


def test_to_secr(tmp_path, capsys):
    arguments = [DP, tmp_path / "r", *SPECIES, "--to", "secr", "--buffer", 9000, "--quiet"]
    status, out, err = run(capsys, *arguments, "--occasion-days", 1)
    assert (status, out, err) == (0, "", "")
    assert (tmp_path / "r" / "secr.R").exists()
    assert (tmp_path / "r" / "traps_survey.txt").read_text().splitlines()[0].count("usage") == 11


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["only"], "needs a source and an output"),
        (["nowhere.csv", "out"], "There is no file 'nowhere.csv'"),
        ([DP, "out.docx"], "is no format that is written"),
        ([DP, "out", "--from", "camtrap_dp"], "did you mean 'camtrap-dp'"),
        ([DP, "out", "--dates", "dmy"], "camtrap-dp does not use --dates"),
        ([DP, DP, "out"], "camtrap-dp takes 1 source; got 2"),
        ([DP, "out", "--species", "Felis"], "no animal of species 'Felis'"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(capsys, *arguments)
    assert status == 2
    assert told in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())  # never a partial survey
