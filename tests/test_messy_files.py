"""Files as they come from the field: titles, open quotes, Windows text, dates called time."""

import json
import warnings
from pathlib import Path

import findings_files
import numpy as np
import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.cli import main

BASE = findings_files.FOLDER / "base"
CRS = findings_files.ZONE
FORMATS = Path(__file__).parent / "data" / "formats"
RUSSIAN = {
    "trapID": "№ камеры",
    "Lat": "Широта",
    "Lon": "Долгота",
    "start_date": "Дата постановки",
    "end_date": "Дата съёма",
    "Topography": "Биотоп",
}


@pytest.fixture
def frames():
    return [pd.read_csv(BASE / f"{name}.csv", dtype=str) for name in ("traps", "detections")]


def kinds(*tables, **options):
    return [(f.kind, f.table, f.rows) for f in sn.check(*tables, crs=CRS, **options)]


def written(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def both_readers(traps, detections=BASE / "detections.csv"):
    return [
        lambda: sn.read_raw_tables(traps, detections),
        lambda: sn.read_field_tables(traps, detections),
    ]


def test_open_quotation_mark_never_swallows_rows(frames, tmp_path):
    text = frames[0].to_csv(index=False)
    lines = text.splitlines(keepends=True)
    lines[5] = lines[5].replace("Functional", '"Functional')
    for k, content in enumerate(["".join(lines), "".join(lines).rstrip() + '"\n']):
        path = written(tmp_path, f"t{k}.csv", content)
        for read in both_readers(path):
            with pytest.raises(sn.DataError, match=r"in row 5 a quotation mark .* is not closed"):
                read()
    note = frames[0].assign(Note=["lens wet,\nthen, dry"] * len(frames[0]))
    assert kinds(written(tmp_path, "note.csv", note.to_csv(index=False)), frames[1]) == []


@pytest.mark.parametrize("above, row", [("Namkha 2022\n", 2), ("\n\n", 3), ("Namkha,,,\n\n", 3)])
def test_title_above_the_header_is_told(frames, tmp_path, above, row):
    path = written(tmp_path, "t.csv", above + frames[0].to_csv(index=False))
    for read in both_readers(path):
        with pytest.raises(sn.DataError, match=f"seem to stand in row {row}: remove"):
            read()


def test_separator_line_of_spreadsheets_and_utf16(frames, tmp_path):
    text = frames[0].to_csv(index=False, sep=";")
    for path in (
        written(tmp_path, "sep.csv", "sep=;\n" + text),
        written(tmp_path, "utf16.csv", text, "utf-16"),
    ):
        assert len(sn.read_raw_tables(path, frames[1]).raw["traps"]) == len(frames[0])


def test_russian_tables_from_windows(frames, tmp_path, capsys):
    traps, detections = frames
    traps = traps[list(RUSSIAN)].rename(columns=RUSSIAN)
    for name in ("Широта", "Долгота"):
        traps[name] = traps[name].str.replace(".", ",")
    detections = detections[["animalID", "trapID", "date", "sex"]].set_axis(
        ["№ особи", "№ камеры", "Дата встречи", "Пол"], axis=1
    )
    paths = [
        written(tmp_path, f"{name}.csv", frame.to_csv(index=False, sep=";"), "cp1251")
        for name, frame in (("traps", traps), ("detections", detections))
    ]
    with pytest.raises(sn.DataError, match="encoding='cp1251'"):
        sn.check(*paths)
    found = sn.check(*paths, encoding="cp1251")
    assert list(found) == []
    assert found.tables.columns["traps"]["end"] == "Дата съёма"
    arguments = ["check", *map(str, paths), "--dates", "traps=dmy,detections=mdy"]
    assert main([*arguments, "--encoding", "cp1251"]) == 0
    assert "month/day/year (given)" in capsys.readouterr().out
    assert main([*arguments[:3], "--dates", "trap=dmy", "--encoding", "cp1251"]) == 2
    with pytest.warns(sn.SecrWarning) as told:
        tables = sn.read_field_tables(*paths, encoding="cp1251")
    assert "columns={'traps': {'trap_id': '№ камеры'" in str(told[0].message)
    assert len(tables.detections) == len(detections)


def test_dates_in_a_column_called_time_are_checked(frames):
    traps, detections = frames
    dated = detections.rename(columns={"date": "time"})
    assert kinds(traps, dated) == []
    dated.loc[4, "time"] = "12/30/2024"
    assert kinds(traps, dated) == [("outside-operation", "detections", (5,))]
    clock = detections.assign(time="13:40")
    assert sn.read_raw_tables(traps, clock).columns["detections"]["time"] == "time"


@pytest.mark.parametrize(
    "typed, told",
    [
        ("CT1", "did you mean 'CT01'"),
        ("ct-01", "did you mean 'CT01'"),
        ("СТ01", "'CT01' looks the same, but has other letters: Latin and Cyrillic"),
        ("CT99", "is not in the traps table."),
    ],
)
def test_hint_names_the_trap_that_is_meant_or_none(frames, typed, told):
    traps, detections = frames
    detections.loc[2, "trapID"] = typed
    (finding,) = sn.check(traps, detections, crs=CRS)
    assert (finding.kind, finding.rows) == ("unknown-trap", (3,))
    assert told in finding.seen


def two_surveys(frames):
    traps, detections = frames
    second = (
        traps.assign(session="2", trapID="B" + traps["trapID"]),
        detections.assign(
            session="2", trapID="B" + detections["trapID"], animalID="B" + detections["animalID"]
        ),
    )
    first = traps.assign(session="Tost"), detections.assign(session="Tost")
    return [
        pd.concat(pair, ignore_index=True).replace({"session": {"2": "Noyon"}})
        for pair in zip(first, second, strict=True)
    ]


def test_one_mistake_between_surveys_is_one_finding(frames):
    traps, detections = two_surveys(frames)
    n, m = len(frames[0]), len(frames[1])
    second = tuple(range(m + 1, 2 * m + 1))
    spelt = detections.replace({"session": {"Noyon": "noyon"}})
    assert [k for k in kinds(traps, spelt) if k[0] != "traps-at-same-place"] == [
        ("unknown-session", "detections", second)
    ]
    other = detections.replace({"session": {"Noyon": "Tost"}})
    found = {k: rows for k, _, rows in kinds(traps, other) if k != "traps-at-same-place"}
    assert found == {
        "unknown-trap": second,
        "survey-without-detections": tuple(range(n + 1, 2 * n + 1)),
    }
    ridge = (traps["session"] == "Noyon") & (traps["Topography"] == "Ridge")
    levels = traps.assign(Topography=traps["Topography"].mask(ridge, "ridge"))
    found = [k for k, _, _ in kinds(levels, detections) if k != "traps-at-same-place"]
    assert found == ["level-spelt-differently"]


@pytest.mark.parametrize("crs", [CRS, None])
def test_latitude_and_longitude_exchanged_beside_metres(frames, crs):
    traps, detections = frames
    traps.loc[3, ["Lat", "Lon"]] = traps.loc[3, ["Lon", "Lat"]].to_numpy()
    (finding,) = sn.check(traps, detections, crs=crs)
    assert (finding.kind, finding.rows) == ("x-y-swapped", (4,))
    traps.loc[3, "Lat"] = "12.5"
    (finding,) = sn.check(traps, detections, crs=crs)
    assert (finding.kind, finding.rows) == ("latitude-longitude-disagree", (4,))


def test_excel_sheets_are_told_by_their_columns(frames, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    for frame in (*frames, None):
        sheet = book.create_sheet()
        rows = [["a remark"]] if frame is None else [list(frame), *frame.to_numpy().tolist()]
        for row in rows:
            sheet.append(row)
    book.active.append(["Read me"])
    book.worksheets[1]["P4"] = "battery low"
    book.save(path)
    tables = sn.read_raw_tables(path, path)
    assert [len(tables.raw[name]) for name in ("traps", "detections")] == list(map(len, frames))
    assert sn.read_raw_tables(path, path).raw["traps"]["column 16"].tolist()[2] == "battery low"
    assert kinds(path, path) == []
    (tmp_path / "false.xlsx").write_bytes(b"PK\x03\x04 nothing")
    for read in both_readers(tmp_path / "false.xlsx"):
        with pytest.raises(sn.DataError, match="it is none, or damaged"):
            read()


def test_sheets_become_camtrap_dp_and_return(frames, tmp_path, capsys):
    traps, detections = frames
    degrees = traps.drop(columns=["x", "y", "UTM Zone", "effort"])
    paths = [tmp_path / "traps.csv", tmp_path / "detections.csv"]
    degrees.to_csv(paths[0], index=False)
    detections.to_csv(paths[1], index=False)
    out = tmp_path / "package.zip"
    options = ["--species", "Panthera uncia", "--timezone", "+07:00"]
    assert main(["convert", *map(str, paths), str(out), *options]) == 0
    told = capsys.readouterr()
    assert "no column species: all are taken as Panthera uncia" in told.out
    again = sn.read_camtrap_dp(out)
    assert len(again.detections) == len(detections)
    np.testing.assert_allclose(
        again.traps["latitude"].astype(float), traps["Lat"].astype(float), atol=1e-8
    )


def test_places_that_are_not_used_are_not_written(frames):
    traps, detections = frames
    traps["Lat"] = "10.0"  # x and y are used, so a wrong latitude must not reach another file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        tables = sn.read_field_tables(traps, detections)
    assert {"latitude", "longitude"}.isdisjoint(tables.traps.columns)


def test_covariates_of_animals_are_named_by_the_comment_line(tmp_path, capsys):
    files = [FORMATS / "secr_text" / f"{name}.txt" for name in ("traps", "captures")]
    tables = sn.read_secr_text(*files)
    assert tables.animal_covariates == ("sex",)
    assert main(["convert", *map(str, files), str(tmp_path / "out")]) == 0
    bare = written(tmp_path, "captures.txt", files[1].read_text().partition("\n")[2])
    assert sn.read_secr_text(files[0], bare).animal_covariates == ("cov1",)


def test_geopackage_without_a_crs_says_so(frames, tmp_path):
    traps, detections = frames
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        tables = sn.read_field_tables(traps.drop(columns="UTM Zone"), detections)
    with pytest.warns(sn.SecrWarning, match="the CRS of traps is not known") as told:
        sn.io.write_geopackage(tmp_path / "out.gpkg", tables)
    assert len(told) == 1


def test_covariates_to_leave_out_must_exist(tmp_path):
    survey = sn.datasets.sailugem()
    options = {"level": "partner", "key": "ridge without a name"}
    with pytest.raises(sn.DataError, match=r"drop names 'elevtion' \(did you mean 'elevation'"):
        sn.share(survey, tmp_path / "a", drop=["elevtion"], **options)
    with pytest.raises(sn.DataError, match="keep must be a list of names"):
        sn.share(survey, tmp_path / "a", keep="country", **options)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", ["survey_1/mask.csv", "survey_1/occasions.csv"])
def test_damaged_package_is_refused(tmp_path, name):
    home = sn.share(sn.datasets.sailugem(), tmp_path / "own", level="private")
    assert name in json.loads((home / "manifest.json").read_text())["files"]
    content = (home / name).read_text()
    # a whole row less: nothing in the table itself tells it
    (home / name).write_text(content.rstrip("\n").rpartition("\n")[0] + "\n")
    with pytest.raises(sn.DataError, match=f"{name} is damaged or changed"):
        sn.open_package(home)
    (home / name).unlink()
    with pytest.raises(sn.DataError, match=f"{name} is missing"):
        sn.open_package(home)
    with pytest.raises(sn.DataError, match="no complete package of secr_nea.share"):
        sn.open_package(tmp_path)


def test_table_without_shapes_is_no_lake():
    with pytest.raises(sn.DataError, match="is a table without shapes"):
        sn.datasets.sailugem().mask.without(BASE / "traps.csv")


def test_header_of_two_rows_is_asked_about(frames, tmp_path):
    rows = ["Station,Coordinates,,Period,", ",x,y,start,end"]
    rows += [",".join(r) for r in frames[0][["trapID", "x", "y", "start_date", "end_date"]].values]
    for k in (0, 1):
        text = "\n".join([rows[0] + "note" * k, *rows[1:]])
        with pytest.raises(sn.DataError, match="Does the header take two rows"):
            sn.check(written(tmp_path, "merged.csv", text), frames[1])


def test_one_habit_is_one_finding(frames):
    traps, detections = frames
    pairs = pd.concat([traps.assign(camera=name) for name in "AB"], ignore_index=True)
    found = {f.kind: f for f in sn.check(pairs, detections, crs=CRS)}
    assert found["duplicate-trap"].rows == tuple(range(1, 2 * len(traps) + 1))
    bare = detections.assign(trapID=detections["trapID"].str.replace("CT0", "CT"))
    (finding,) = sn.check(traps, bare, crs=CRS)
    changed = np.flatnonzero(bare["trapID"] != detections["trapID"]) + 1
    assert (finding.kind, finding.rows) == ("unknown-trap", tuple(changed))
    assert "(did you mean 'CT09'?)" in finding.seen


def of_kind(kind, *tables, **options):
    return [f for f in sn.check(*tables, **options) if f.kind == kind]


def test_two_cameras_a_station_need_no_second_table(frames):
    traps, detections = frames
    traps = traps.drop(columns="effort")
    pairs = pd.concat([traps.assign(Камера=name) for name in "АБ"], ignore_index=True)
    assert not of_kind("duplicate-trap", pairs, detections, crs=CRS)
    tables = sn.raw_tables(pairs, detections, crs=CRS)
    for station, times in (("any", 1), ("sum", 2)):
        effort = sn.Operation.from_tables(tables, station=station).effort()
        one = sn.Operation.from_tables(sn.raw_tables(traps, detections, crs=CRS)).effort()
        array = sn.trap_array(tables, effort)
        assert list(array.ids) == list(traps["trapID"])
        np.testing.assert_allclose(array.effort, times * one.effort)
    # another place, another covariate, one name for both, or stated effort: not the same station
    for column, cell in (("x", "470000"), ("Topography", "Peak"), ("Камера", "А")):
        wrong = pairs.copy()
        wrong.loc[len(traps), column] = cell
        assert of_kind("duplicate-trap", wrong, detections, crs=CRS)[0].rows == (1, 1 + len(traps))
    assert of_kind("duplicate-trap", pairs.assign(effort="30"), detections, crs=CRS)


@pytest.mark.parametrize(
    "words", ["не работала 10.04-20.04", "карта полна с 10 апреля", "батарея села", "сбой"]
)
def test_failures_in_words_are_told(frames, words):
    traps = frames[0].drop(columns=["effort", "Note"]).assign(Неисправность="")
    traps.loc[6, "Неисправность"] = words
    (finding,) = of_kind("failure-not-in-effort", traps, frames[1], crs=CRS)
    assert finding.rows == (7,)
    assert words in finding.seen
    dated = traps.assign(Problem1_from="", Problem1_to="")
    dated.loc[6, ["Problem1_from", "Problem1_to"]] = ["01/10/2023", "20/10/2023"]
    assert not of_kind("failure-not-in-effort", dated, frames[1], crs=CRS)
    periods = traps.rename(columns={"Неисправность": "note"})
    places = traps[["trapID", "x", "y"]]
    (finding,) = of_kind("failure-not-in-effort", places, frames[1], periods, crs=CRS)
    assert (finding.table, finding.rows) == ("operation", (7,))


def test_dates_written_like_those_of_the_other_order_are_doubted():
    traps = pd.DataFrame({"trap": ["A"], "x": [500000.0], "y": [5400000.0]})
    cells = ["13.04.2024", "04.05.2024", "04/25/2024", "05/03/2024", "03/03/2024"]
    seen = pd.DataFrame({"animal": "Б1", "trap": "A", "date": cells})
    sure, doubted = of_kind("day-month-swapped", traps, seen)
    assert (sure.rows, doubted.rows, doubted.severity) == ((3,), (4,), "warning")
    assert "read as 2024-03-05, may be 2024-05-03" in doubted.seen
    # the same sign in both orders tells nothing
    (sure,) = of_kind("day-month-swapped", traps, seen.replace({"13.04.2024": "13/04/2024"}))
    assert sure.rows == (3,)


def test_periods_of_centuries_and_lists_of_animals(frames):
    traps = frames[0].drop(columns="effort")
    traps["end_date"] = (
        traps["end_date"].str.replace("/2023", "/2203").str.replace("/2024", "/2204")
    )
    (finding,) = of_kind("date-far-from-others", traps, frames[1], crs=CRS)
    assert len(finding.rows) == len(traps)
    lists = frames[1].copy()
    lists.loc[3, "animalID"] = "SL01 и SL02"
    lists.loc[4, "animalID"] = "Tom and Jerry"  # a name: nobody of it has rows of its own
    (finding,) = of_kind("several-animals-in-one-row", frames[0], lists, crs=CRS)
    assert finding.rows == (4,)


def test_gauss_krueger_is_named_and_read():
    traps = pd.DataFrame({"trap": ["A", "B"], "x": [15_604_000, 15_608_000]})
    traps["y"] = [5_500_000, 5_503_000]
    seen = pd.DataFrame({"animal": ["Б1", "Б1"], "trap": ["A", "B"]})
    (finding,) = of_kind("web-mercator", traps, seen)
    assert "zone 15" in finding.seen
    assert "EPSG:28415" in finding.seen
    kinds = {f.kind for f in sn.check(traps, seen, crs="EPSG:28415")}
    assert not kinds & {"web-mercator", "crs-does-not-fit"}
    turned = traps.rename(columns={"x": "y", "y": "x"})
    assert of_kind("x-y-swapped", turned, seen)
    # an easting of 950 km is in no zone
    mercator = traps.assign(x=[9_950_000, 9_954_000], y=[6_446_000, 6_449_000])
    (finding,) = of_kind("web-mercator", mercator, seen)
    assert "Gauss" not in finding.seen
    with pytest.raises(sn.DataError, match="A ledger is a Ledger or its file; got int"):
        sn.check(traps, seen, ledger=3)


def test_station_goes_before_its_camera():
    sheet = pd.DataFrame(columns=["Станция", "Камера", "Широта", "Долгота"])
    assert sn.suggest_columns(sheet, "traps")["trap_id"] == "Станция"
    both = pd.DataFrame(columns=["Станция", "station_id", "x", "y"])
    with pytest.raises(sn.DataError, match=r"columns=\{'traps': \{\.\.\.\}\}"):
        sn.suggest_columns(both, "traps")


def test_matrix_with_stations_in_its_index(tmp_path):
    stations = pd.DataFrame({"Station": ["S1", "S2"], "utm_x": [6e5, 6.04e5], "utm_y": [5.5e6] * 2})
    stations[["Setup_date", "Retrieval_date"]] = "2024-03-01", "2024-03-03"
    records = pd.DataFrame({"Station": ["S1"], "Species": ["b"], "Individual": ["A"]})
    records["DateTimeOriginal"] = "2024-03-02 10:00:00"
    days = ["2024-03-01", "2024-03-02", "2024-03-03"]
    matrix = pd.DataFrame([[1, 1, 1], [1, 0, 0.5]], index=["S1", "S2"], columns=days)
    matrix.to_csv(tmp_path / "matrix.csv")
    made = [
        sn.read_camtrapr(stations, records, m, crs="EPSG:32645").to_traps().effort.tolist()
        for m in (matrix, tmp_path / "matrix.csv")
    ]
    assert made[0] == made[1] == [[3.0], [1.5]]


def test_lines_of_geopackages_go_to_r(tmp_path):
    import geopandas as gpd
    import shapely

    line = shapely.MultiLineString([[(600_000, 5_500_000), (604_000, 5_501_000)]])
    layer = gpd.GeoDataFrame({"search_id": ["T1"]}, geometry=[line], crs="EPSG:32645")
    layer.to_file(tmp_path / "transects.gpkg")
    with pytest.raises(sn.DataError, match="read by read_searches"):
        sn.read_nextgis(tmp_path / "transects.gpkg")
    traps = sn.read_searches(tmp_path / "transects.gpkg")
    seen = pd.DataFrame({"animal_id": ["A"], "trap_id": ["T1"], "x": [602_000], "y": [5_500_500]})
    captures = sn.read_captures(seen, traps)
    mask = sn.HabitatMask.around(traps, buffer=5000, spacing=1000)
    sn.write_secr(tmp_path / "r", sn.Survey(captures, mask, name="s"))
    lines = (tmp_path / "r" / "traps_s.txt").read_text().splitlines()[1:]
    assert [row.split()[:3] for row in lines] == [
        ["T1", "600000.0", "5500000.0"],
        ["T1", "604000.0", "5501000.0"],
    ]
