# ruff: noqa: E501
"""The ledger: every correction does what it says, is saved, and notices that the data have changed."""

from __future__ import annotations

import findings_files
import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.errors import DataError

BASE = findings_files.FOLDER / "base"


@pytest.fixture
def messy():
    traps, detections = (pd.read_csv(BASE / f"{n}.csv", dtype=str) for n in ("traps", "detections"))
    detections.loc[2, "date"] = "2023-05-10"  # row 3
    detections.loc[11, "animalID"] = "SL-3"  # row 12
    detections.loc[30, "animalID"] = "unknown"  # row 31
    detections.loc[5, "sex"] = "M" if detections.loc[5, "sex"] == "F" else "F"  # row 6
    traps.loc[10, ["x", "y"]] = traps.loc[10, ["y", "x"]].to_numpy()  # row 11
    return sn.raw_tables(traps, detections)


def mended(messy):
    traps = messy.raw["traps"]
    return (
        sn.Ledger.of(messy)
        .swap_dates("detections", [3], reason="photo says 5 October")
        .merge_animals(["SL-3"], into="SL03", reason="same rosettes")
        .drop_rows("detections", [31], reason="blurred")
        .set_sex("SL02", "F", reason="seen with cubs")
        .set_coordinates("CT11", traps.at[11, "y"], traps.at[11, "x"], reason="x and y exchanged")
    )


def test_corrections_leave_nothing_to_mend_and_the_raw_tables_alone(messy):
    before = messy.fingerprint
    ledger = mended(messy)
    assert sn.check(messy).must_be_mended
    assert [f.kind for f in sn.check(messy, ledger=ledger)] == []
    assert messy.fingerprint == before


def test_rows_keep_the_numbers_of_the_file_after_a_drop(messy):
    tables = mended(messy).apply(messy)
    assert 31 not in tables.rows("detections")
    assert tables.raw["detections"].at[32, "animalID"] == messy.raw["detections"].at[32, "animalID"]
    spoilt = tables.raw["detections"].copy()
    spoilt.at[40, "animalID"] = "unknown"
    assert sn.check(tables.with_raw({**tables.raw, "detections": spoilt}))[0].rows == (40,)


def test_each_correction_changes_only_its_cells(messy):
    ledger = mended(messy)
    after = ledger.apply(messy).raw
    listed = {(c.table, c.row, c.column) for k in ledger.corrections for c in k.changes}
    for table, frame in messy.raw.items():
        for row in after[table].index:
            for column in frame.columns:
                same = str(frame.at[row, column]) == str(after[table].at[row, column])
                assert same or (table, row, column) in listed
    assert after["detections"].at[3, "date"] == "2023-10-05"


def test_ledger_comes_back_from_its_file(messy, tmp_path):
    ledger = mended(messy)
    path = ledger.save(tmp_path / "corrections.json")
    again = sn.Ledger.read(path, messy)
    assert again.corrections == ledger.corrections
    pd.testing.assert_frame_equal(again.to_dataframe(), ledger.to_dataframe())
    assert len(sn.check(messy, ledger=path)) == 0
    more = again.rename_trap("CT01", "Pass", reason="new name")
    assert "Pass" in more.apply(messy).text("traps", "trap_id")
    assert "CT01" not in more.apply(messy).text("detections", "trap_id")


def test_changed_data_are_refused_with_row_and_both_values(messy):
    ledger = mended(messy)
    raw = {name: frame.copy() for name, frame in messy.raw.items()}
    raw["detections"].at[12, "animalID"] = "SL07"
    with pytest.raises(DataError, match=r"correction 2.*row 12.*'SL07'.*'SL-3'"):
        ledger.apply(messy.with_raw(raw))
    raw["detections"] = raw["detections"].drop(index=3)
    with pytest.raises(DataError, match="correction 1.*no row 3"):
        ledger.apply(messy.with_raw(raw))


def test_individuals_used_dropped_and_merged_are_listed(messy):
    fates = mended(messy).individuals().set_index("animal_id")
    assert fates.loc["unknown", "fate"] == "dropped"
    assert fates.loc["SL-3", "fate"] == "merged into SL03"
    assert fates.loc["SL-3", "reason"] == "same rosettes"
    assert fates.loc["SL05", ["fate", "reason"]].tolist() == ["used", ""]
    assert fates["detections"].sum() == len(messy.raw["detections"])
    assert fates["used"].sum() == len(messy.raw["detections"]) - 1


def test_partly_dropped_animal_is_told(messy):
    rows = [r for r, n in zip(messy.rows("detections"), messy.text("detections", "animal_id"),
                              strict=True) if n == "SL05"]  # fmt: skip
    ledger = sn.Ledger.of(messy).drop_rows("detections", rows[:1], reason="double")
    fates = ledger.individuals().set_index("animal_id")
    assert fates.loc["SL05", ["used", "fate"]].tolist() == [3, "partly dropped"]


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda g: g.drop_rows("detections", [999], reason="x"), "no row 999"),
        (lambda g: g.drop_rows("detections", [], reason="x"), "no rows"),
        (lambda g: g.drop_rows("captures", [1], reason="x"), "no table 'captures'"),
        (lambda g: g.drop_rows("detections", [1], reason=" "), "give a reason"),
        (
            lambda g: g.merge_animals(["SL99"], into="SL01", reason="x"),
            "no animal 'SL99'.*did you mean",
        ),
        (lambda g: g.swap_dates("detections", [1], reason="x"), "cannot be exchanged"),
        (lambda g: g.swap_dates("traps", [1], reason="x"), "which='start'"),
        (lambda g: g.set_value("traps", 1, "colour", "red", reason="x"), "no column 'colour'"),
        (lambda g: g.set_sex("Nobody", "F", reason="x"), "no animal 'Nobody'"),
    ],
)
def test_impossible_corrections_are_refused(messy, spoil, words):
    with pytest.raises(DataError, match=words):
        spoil(sn.Ledger.of(messy))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"corrections": [{"action": 1}]}', "\x00"])
def test_file_that_is_no_ledger_is_one_clear_error(tmp_path, text):
    path = tmp_path / "corrections.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"corrections\.json is no ledger"):
        sn.Ledger.read(path)
    with pytest.raises(DataError, match="There is no ledger"):
        sn.Ledger.read(tmp_path / "absent.json")


def test_true_dates_and_numbers_keep_their_kind(messy):
    detections = messy.raw["detections"].astype(object)
    detections.at[3, "date"] = pd.Timestamp(2023, 5, 10)
    tables = messy.with_raw({**messy.raw, "detections": detections})
    ledger = sn.Ledger.of(tables).swap_dates("detections", [3], reason="Excel")
    assert ledger.apply(tables).raw["detections"].at[3, "date"] == pd.Timestamp(2023, 10, 5)


def test_ledger_without_tables_can_be_applied_but_not_extended(messy, tmp_path):
    path = mended(messy).save(tmp_path / "c.json")
    ledger = sn.Ledger.read(path)
    assert len(sn.check(messy, ledger=ledger)) == 0
    with pytest.raises(DataError, match="read without its tables"):
        ledger.drop_rows("detections", [1], reason="x")


def test_corrections_are_shown_in_the_page(messy, tmp_path):
    page = sn.check(messy, ledger=mended(messy)).report(tmp_path / "page.html")
    text = page.read_text(encoding="utf-8")
    assert "same rosettes" in text
    assert "merged into SL03" in text
