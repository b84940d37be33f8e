# ruff: noqa: E501
"""Field tables from files: separators, decimal marks, dates, Excel, and one clear error for the rest."""

from __future__ import annotations

import io
import json

import findings_files
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import secr_nea as sn
from secr_nea.cli import main
from secr_nea.errors import DataError
from secr_nea.io.raw_files import read_raw_table
from secr_nea.quality.cells import number_of, utm_zone
from secr_nea.quality.dates import decide_order, exchanged, read_date
from secr_nea.quality.names import one_letter_apart, spelling_groups

BASE = findings_files.FOLDER / "base"


@pytest.fixture
def tables():
    return pd.read_csv(BASE / "traps.csv", dtype=str), pd.read_csv(
        BASE / "detections.csv", dtype=str
    )


def same_survey(traps, detections):
    """The survey as arrays, whatever file it came from."""
    table = sn.read_raw_tables(traps, detections)
    array = sn.trap_array(table)
    captures = sn.capture_history(table, array)
    return array.xy, array.effort, captures.to_dataframe()


def test_base_survey_is_read_whole(tables):
    xy, effort, captures = same_survey(*tables)
    np.testing.assert_array_equal(xy, tables[0][["x", "y"]].astype(float))
    np.testing.assert_array_equal(effort[:, 0], tables[0]["effort"].astype(float))
    assert captures["count"].sum() == len(tables[1])


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_separators_and_decimal_commas_give_the_same_survey(tables, tmp_path, mark, decimal):
    expected = same_survey(*tables)
    paths = []
    for name, frame in zip(("traps", "detections"), tables, strict=True):
        text = frame.copy()
        if name == "traps":
            for column in ("x", "y"):
                text[column] = [f"{cell}.50".replace(".", decimal) for cell in text[column]]
            for column in ("Lat", "Lon"):
                text[column] = [cell.replace(".", decimal) for cell in text[column]]
        paths.append(tmp_path / f"{name}.csv")
        text.to_csv(paths[-1], sep=mark, index=False)
    xy, effort, captures = same_survey(*paths)
    np.testing.assert_array_equal(xy, expected[0] + 0.5)
    np.testing.assert_array_equal(effort, expected[1])
    pd.testing.assert_frame_equal(captures, expected[2])
    assert len(sn.check(*paths)) == 0


def test_excel_with_true_dates_and_text_dates_in_one_column(tables, tmp_path):
    traps, detections = tables
    days = pd.to_datetime(detections["date"], format="%m/%d/%Y")
    mixed = detections.astype(object)
    mixed["date"] = [d.to_pydatetime() if i % 2 else t for i, (d, t) in
                     enumerate(zip(days, detections["date"], strict=True))]  # fmt: skip
    book = tmp_path / "survey.xlsx"
    with pd.ExcelWriter(book) as writer:
        traps.to_excel(writer, sheet_name="Cameras", index=False)
        mixed.to_excel(writer, sheet_name="Detections", index=False)
    read = sn.read_raw_tables(book, book)
    np.testing.assert_array_equal(
        read.dates("detections", "date").when, days.to_numpy().astype("datetime64[s]")
    )
    assert len(sn.check(book, book)) == 0


def test_dates_that_excel_swapped_are_found_by_row(tables):
    traps, detections = tables
    # what Excel makes of 10/05/2023, meant as 5 October and read as 10 May
    spoilt = detections.astype(object)
    spoilt.loc[6, "date"] = pd.Timestamp(2023, 5, 10)
    found = sn.check(traps, spoilt)
    assert [(f.kind, f.rows) for f in found] == [("day-month-swapped", (7,))]
    assert "2023-10-05" in found[0].seen


@pytest.mark.parametrize("order", ["dmy", "mdy"])
def test_every_day_of_a_year_reads_back_in_its_order(order):
    pattern = "%d/%m/%Y" if order == "dmy" else "%m/%d/%Y"
    for day in pd.date_range("2023-01-01", "2024-12-31"):
        for text in (day.strftime(pattern), day.strftime("%Y-%m-%d"), day.strftime("%d %B %Y"),
                     str((day - pd.Timestamp("1899-12-30")).days)):  # fmt: skip
            assert read_date(text, order).when == day.to_pydatetime()


@pytest.mark.parametrize(
    "text", ["", "NA", "31/02/2024", "2024-13-41", "soon", "12", "1/2/3/4", "99/99/9999"]
)
def test_what_is_no_date_is_none(text):
    assert read_date(text, "dmy") is None


def test_time_zone_and_half_of_day_are_read():
    read = read_date("2024-05-01T21:30:00+07:00", "dmy")
    assert (read.when.hour, read.offset_minutes, read.has_time) == (21, 420, True)
    assert read_date("05/01/2024 9:30 PM", "mdy").when.hour == 21


@given(st.dates(min_value=pd.Timestamp("1990-01-01").date()))
def test_exchange_of_day_and_month_undoes_itself(day):
    when = pd.Timestamp(day).to_pydatetime()
    other = exchanged(when)
    assert other is None or exchanged(other) == when


def test_order_of_dates_is_decided_by_days_above_twelve_else_by_fit():
    assert decide_order([["13/01/2024", "01/02/2024"]], lambda o: 0)[0] == "dmy"
    assert decide_order([["01/13/2024", "01/02/2024"]], lambda o: 0)[0] == "mdy"
    assert decide_order([["01/02/2024"]], lambda o: o == "mdy") == ("mdy", "fitted")
    assert decide_order([["01/02/2024"]], lambda o: 0) == ("dmy", "undecided")
    assert decide_order([["2024-01-02", "05/05/2024"]], lambda o: 0)[1] == "none"


def test_numbers_and_zones_as_people_write_them():
    cells = {"12,5": 12.5, "4 512 345,5": 4512345.5, "1.234,5": 1234.5, "1,234,567": 1234567.0, "": np.nan,
             "12m": np.nan, "1e3": 1000.0, "-7": -7.0}  # fmt: skip
    for text, value in cells.items():
        np.testing.assert_equal(number_of(text), value)
    assert number_of("512,345", metres=True) == 512345.0
    assert utm_zone("45S", 36.0) == (45, True)
    assert utm_zone("19S", -33.0) == (19, False)
    assert utm_zone("61") is None


def test_spellings_of_one_id_and_ids_that_only_look_alike():
    same = ["SL-05", "sl 5", "SL05 (cub?)", "А1", "A1", "3.0", "3"]
    assert spelling_groups(same) == [["SL-05", "sl 5", "SL05 (cub?)"], ["А1", "A1"], ["3.0", "3"]]
    apart = [
        "TPC1",
        "TPC11",
        "A1-1",
        "A11",
        "C1",
        "C10",
        "M1",
        "F1",
        "TigerA",
        "TigerB",
        "Ana",
        "Anna",
    ]
    assert spelling_groups(apart) == []
    assert one_letter_apart(apart) == []


# --- one clear error for what cannot be read


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "no header"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a,b\n1,2,3\n", "row 1 has more cells"),
        (b"a\x00b,c\n", "zero bytes"),
        (b"PK\x03\x04junk", "Excel"),
        (b"name,place\nx,y\n", "no column that can be"),
        (b"trap,x,y\n", "no rows"),
        (b"trap,x,x\nA,1,2\n", "more than one column"),
        ("имя,место\n".encode("cp1251"), "not UTF-8"),
    ],
)
def test_unreadable_file_is_one_error_and_exit_status_2(tmp_path, capsys, content, words):
    path = tmp_path / "traps.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        sn.check(path, BASE / "detections.csv")
    assert main(["check", str(path), str(BASE / "detections.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_any_bytes_give_findings_or_a_clear_error(tmp_path, content):
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    for pair in ((path, BASE / "detections.csv"), (BASE / "traps.csv", path)):
        try:
            sn.check(*pair)
        except DataError:
            continue  # anything else fails the test


CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "NA", "A1", "a-1", "CT01", "unknown", "13/01/2023", "01/13/2023", "2023-01-06", "45000",
         "1e400", "-1", "0", "90", "487000", "4650000", "42.1", "78,5", "45N", "M", "F?", "x" * 300, "\u0000", "∞",
         "nan", "inf", "1,2,3", "24:61", "2023-02-30 10:00", "٣", "²"]
    ),
    st.text(max_size=8),
)  # fmt: skip
TRAP_COLUMNS = ["trapID", "x", "y", "Lat", "Lon", "UTM Zone", "start_date", "end_date", "effort",
                "Topography", "Note", "session", "Problem1_from", "Problem1_to"]  # fmt: skip
SEEN_COLUMNS = [
    "animalID",
    "trapID",
    "date",
    "time",
    "occasion",
    "sex",
    "count",
    "age",
    "fate",
    "session",
]


def tables_of(columns):
    row = st.fixed_dictionaries({name: CELLS for name in columns})
    return st.lists(row, max_size=6).map(
        lambda rows: pd.DataFrame(rows, columns=columns, dtype=object)
    )


@settings(max_examples=40, deadline=None)
@given(tables_of(TRAP_COLUMNS), tables_of(SEEN_COLUMNS), tables_of(["trap", "from", "to", "camera"]),
       st.sampled_from([None, "EPSG:32643", "EPSG:3857", "EPSG:4326"]))  # fmt: skip
def test_any_table_gives_findings_or_a_clear_error(traps, seen, operation, crs):
    try:
        found = sn.check(traps, seen, operation, crs=crs)
    except DataError:
        return  # anything else fails the test
    for finding in found:
        size = {"traps": len(traps), "detections": len(seen), "operation": len(operation)}
        assert all(1 <= row <= size[finding.table] for row in finding.rows)
    assert json.loads(found.to_json()) == [f.to_dict() for f in found]


def test_numbers_of_rows_count_blank_lines(tmp_path, tables):
    text = (BASE / "detections.csv").read_text().splitlines()
    text.insert(3, "")
    path = tmp_path / "detections.csv"
    path.write_text("\n".join(text).replace("SL01", "unknown", 1))
    frame = read_raw_table(path, "detections")
    assert len(frame) == len(tables[1]) + 1
    assert sn.check(BASE / "traps.csv", path).of("placeholder-id")[0].rows == (1,)
    shifted = path.read_text().splitlines()
    shifted[5] = shifted[5].replace("SL01", "unknown")
    path.write_text("\n".join(shifted))
    assert sn.check(BASE / "traps.csv", path).of("placeholder-id")[0].rows == (1, 5)


# --- the command


def test_command_writes_json_and_page_and_tells_by_its_status(tmp_path, capsys):
    nasty = findings_files.FOLDER / "sex-contradictory" / "nasty" / "detections.csv"
    page, out = tmp_path / "page.html", tmp_path / "findings.json"
    options = ["--crs", "EPSG:32643", "--report", str(page), "--json", str(out)]
    assert main(["check", str(BASE / "traps.csv"), str(nasty), *options]) == 1
    (finding,) = json.loads(out.read_text(encoding="utf-8"))
    assert set(finding) == {"kind", "severity", "table", "rows", "seen", "why", "cure"}
    assert finding["kind"] == "sex-contradictory"
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 4
    assert "http" not in html.replace("http-equiv", "")
    assert "SL04" in html
    assert "sex-contradictory" in capsys.readouterr().out
    assert main(["check", str(BASE / "traps.csv"), str(BASE / "detections.csv")]) == 0


def test_page_escapes_what_strangers_wrote(tables):
    traps, detections = tables
    detections.loc[0, "animalID"] = "<script>alert(1)</script>"
    from secr_nea.quality.page import findings_page

    html = findings_page(sn.check(traps, detections), title="<b>")
    assert "<script>" not in html
    assert "<b>" not in html.split("</h1>")[0]


# --- surveys


def test_survey_object_is_checked_with_its_mask():
    survey = sn.datasets.sailugem()
    assert len(sn.check(survey)) == 0
    narrow = survey.mask.subset(
        np.abs(survey.mask.xy - survey.traps.xy.mean(axis=0)).max(axis=1) < 12_000
    )
    ruggedness = survey.mask.covariates["ruggedness_std"].to_numpy().copy()
    ruggedness[5] = np.nan
    kinds = {f.kind for f in sn.check(small(survey, narrow))}
    assert {"mask-too-narrow", "traps-outside-mask"} <= kinds


def small(survey, mask):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sn.Survey(survey.captures, mask, name="small")


def test_gaps_in_mask_covariates_are_found_by_row():
    survey = sn.datasets.sailugem()
    values = np.ones(survey.mask.n_points)
    values[[4, 9]] = np.nan
    gappy = sn.Survey(survey.captures, survey.mask.with_covariates(snow=values))
    (finding,) = sn.check(gappy).of("mask-covariate-missing")
    assert finding.rows == (5, 10)


def test_coarse_mask_is_told_of():
    survey = sn.datasets.sailugem()
    coarse = sn.HabitatMask.around(survey.traps, buffer=40_000, spacing=12_000)
    assert "mask-too-coarse" in {f.kind for f in sn.check(small(survey, coarse))}


def test_findings_behave_as_a_sequence_and_a_table(tables):
    traps, detections = tables
    detections.loc[2, "animalID"] = "unknown"
    found = sn.check(traps, detections)
    frame = found.to_dataframe()
    assert list(frame["rows"]) == [[3]]
    assert found[0].kind == "placeholder-id"
    assert found.must_be_mended
    assert "placeholder-id" in found._repr_html_()
    assert "row 3" in str(found)
    buffer = io.StringIO(found.to_json())
    assert json.load(buffer)[0]["rows"] == [3]


def test_trap_id_is_the_column_that_the_detections_use(tables):
    traps, detections = tables
    traps.insert(0, "station", [f"Place {k}" for k in range(len(traps))])
    traps = traps.rename(columns={"trapID": "Camera no"})
    read = sn.raw_tables(traps, detections)
    assert read.columns["traps"]["trap_id"] == "Camera no"
    assert len(sn.check(read)) == 0


def test_altitude_is_no_latitude(tables):
    traps, detections = tables
    traps = traps.drop(columns=["Lat", "Lon"]).assign(Altitude=4000, Long_name="x")
    assert "lat" not in sn.raw_tables(traps, detections).columns["traps"]
