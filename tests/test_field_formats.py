"""One invented survey in every format: every reader gives the same traps, effort and captures."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import secr_nea as sn
from secr_nea.errors import DataError, SecrWarning

FORMATS = Path(__file__).parent / "data" / "formats"
sys.path.insert(0, str(FORMATS))
import make  # noqa: E402  (the maker of the packages knows the truth)

make._metres()


def counts_of(captures):
    """{(animal, trap): detections}, whatever the occasions."""
    frame = captures.to_dataframe()
    return frame.groupby(["animal_id", "trap_id"])["count"].sum().to_dict()


TRUTH = pd.DataFrame(make.DETECTIONS).groupby([0, 1]).size().to_dict()


def read_sheets(**options):
    pytest.importorskip("openpyxl")
    with pytest.warns(SecrWarning, match="columns taken by synonym"):
        return sn.read_field_tables(
            FORMATS / "sheets" / "survey.xlsx",
            operation=FORMATS / "sheets" / "survey.xlsx",
            **options,
        )


def read(form):
    home = FORMATS / form
    if form == "camtrap_dp":
        return sn.read_camtrap_dp(home, species=make.SPECIES)
    if form == "wildlife_insights":
        return sn.read_wildlife_insights(home)
    if form == "camtrapr":
        return sn.read_camtrapr(home / "stations.csv", home / "records.csv", dates="dmy")
    if form == "camtrapr_matrix":
        home = FORMATS / "camtrapr"
        return sn.read_camtrapr(
            home / "stations.csv", home / "records.csv", home / "operation.csv", dates="dmy"
        )
    if form == "sheets":
        return read_sheets()
    if form == "nextgis":
        detections = pd.DataFrame(
            [(a, s, f"2024-03-{d:02d} {h:02d}:00", make.SEX[a]) for a, s, d, h in make.DETECTIONS],
            columns=["animal_id", "trap_id", "time", "sex"],
        )
        return sn.read_nextgis(home / "visits.geojson", detections)
    if form == "secr_text":
        return sn.read_secr_text(
            home / "traps.txt", home / "captures.txt", animal_covariates=["sex"]
        )
    return sn.read_spacecap(home / "captures.csv", home / "deployment.csv", home / "centres.csv")


DATED = ("camtrap_dp", "wildlife_insights", "camtrapr", "camtrapr_matrix", "sheets", "nextgis")


@pytest.mark.parametrize("form", [*DATED, "secr_text", "spacecap"])
def test_every_format_gives_the_same_survey(form):
    tables = read(form)
    captures = tables.to_captures()
    traps = captures.traps
    assert counts_of(captures) == TRUTH
    assert set(traps.ids) == set(make.METRES)
    assert_allclose(traps.xy, [make.METRES[name] for name in traps.ids], atol=0.02, rtol=0)
    if form != "spacecap":  # whose effort is 0 or 1 a day
        effort = dict(zip(traps.ids, traps.effort[:, 0], strict=True))
        assert effort == pytest.approx(make.EFFORT)
        sex = dict(zip(captures.animal_ids, captures.covariates["sex"], strict=True))
        assert {k: v for k, v in sex.items() if pd.notna(v)} == {
            k: v for k, v in make.SEX.items() if v
        }


@pytest.mark.parametrize("form", [f for f in DATED if f not in ("camtrapr_matrix", "nextgis")])
def test_daily_occasions_agree_between_formats(form):
    expected = read("camtrap_dp").to_captures(occasion_days=1).to_dataframe()
    found = read(form).to_captures(occasion_days=1).to_dataframe()
    keys = ["animal_id", "occasion", "trap_id"]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True)
    )


def test_degrees_get_a_local_projection_that_is_named():
    tables = read("camtrap_dp")
    assert tables.crs.name == "Local equal-area projection at 10 N 60 E"
    # distances on the ellipsoid, by Karney's algorithm, an independent way
    import pyproj

    lon, lat = tables.traps["longitude"].to_numpy(), tables.traps["latitude"].to_numpy()
    _, _, metres = pyproj.Geod(ellps="WGS84").inv(lon[[0] * 5], lat[[0] * 5], lon[1:], lat[1:])
    xy = tables.traps[["x", "y"]].to_numpy()
    assert_allclose(np.hypot(*(xy[1:] - xy[0]).T), metres, rtol=2e-6)


@pytest.mark.parametrize("lon, lat", [(90.0, 49.8), (179.99, 66.0), (-179.9, -16.0), (12.0, 89.9)])
def test_local_projection_anywhere(lon, lat):
    import pyproj

    rng = np.random.default_rng(3)
    longitude = (lon + rng.uniform(-0.5, 0.5, 20) + 180) % 360 - 180
    latitude = np.clip(lat + rng.uniform(-0.5, 0.5, 20), -90, 90)
    crs = sn.local_projection(longitude, latitude)
    to = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    x, y = to.transform(longitude, latitude)
    one, other = np.triu_indices(20, 1)
    geod = pyproj.Geod(ellps="WGS84")
    _, _, metres = geod.inv(longitude[one], latitude[one], longitude[other], latitude[other])
    found = np.hypot(
        np.subtract(np.take(x, one), np.take(x, other)),
        np.subtract(np.take(y, one), np.take(y, other)),
    )
    assert_allclose(found, metres, rtol=1e-4)


# --- occasions and effort ------------------------------------------------------------------------


def test_effort_by_day_adds_up_and_gaps_are_not_operating():
    tables = read("camtrap_dp")
    traps = tables.to_traps(occasion_days=1)
    assert traps.n_occasions == 11
    assert dict(zip(traps.ids, traps.effort.sum(axis=1), strict=True)) == pytest.approx(make.EFFORT)
    gap = traps.effort[traps.ids.index("A3")]
    assert gap.tolist() == [0.5, 1, 1, 0.5, 0, 0.5, 1, 1, 1, 1, 0.5]


def test_nights_stay_in_one_piece_when_days_begin_at_noon():
    tables = read("camtrap_dp")
    edges = tables.edges(occasion_days=1, starts_at="noon")
    assert edges[0] == np.datetime64("2024-03-01T12:00:00")
    assert len(edges) == 11
    captures = tables.to_captures(occasion_days=1, starts_at="noon")
    frame = captures.to_dataframe()
    night = frame[(frame.animal_id == "F1") & (frame.trap_id == "A1")]
    assert night["occasion"].tolist() == [1]  # 2 March 03:00 belongs to the night of 1 March


def test_paired_cameras_count_once_or_twice():
    tables = read("camtrap_dp")
    k = list(tables.to_traps().ids).index("A5")
    assert tables.to_traps().effort[k, 0] == 10
    assert tables.to_traps(cameras="sum").effort[k, 0] == 17


def test_window_leaves_detections_out_with_a_warning():
    tables = read("camtrap_dp")
    with pytest.warns(SecrWarning, match="4 detections outside the window"):
        captures = tables.to_captures(window=("2024-03-02", "2024-03-05"))
    assert captures.n_detections == 5
    assert captures.traps.effort.max() == 4


def test_setup_day_rule():
    home = FORMATS / "camtrapr"
    sources = home / "stations.csv", home / "records.csv"
    efforts = {
        rule: sn.read_camtrapr(*sources, edge_days=rule, dates="dmy").to_traps().effort[0, 0]
        for rule in ("half", "whole", "none")
    }
    assert efforts == {"half": 10, "whole": 11, "none": 9}


def test_detection_outside_operation_is_refused_by_name():
    tables = read("camtrapr")
    moved = tables.detections.copy()
    moved.loc[moved["animal_id"] == "M2", "time"] = pd.Timestamp("2024-10-03 01:00")
    late = sn.FieldTables(**{**tables.__dict__, "detections": moved})
    with pytest.raises(DataError, match=r"'M2' at 'A5' on 2024-10-03 \(206 days away\).*swapped"):
        late.to_captures()
    with pytest.warns(SecrWarning, match="Left out"):
        assert late.to_captures(outside="drop").n_detections == len(moved) - 1


def test_bursts_are_told_of_and_merged_on_request():
    tables = read("camtrap_dp")
    first = tables.detections.iloc[[0]]
    again = first.assign(time=first["time"] + pd.Timedelta(minutes=10))
    later = first.assign(time=first["time"] + pd.Timedelta(minutes=50))
    more = pd.concat([tables.detections, again, later])
    tables = sn.FieldTables(**{**tables.__dict__, "detections": more})
    with pytest.warns(SecrWarning, match=r"1 of 11 detections follow one of the same animal"):
        assert tables.to_captures().n_detections == 11
    assert tables.to_captures(independence_minutes=0).n_detections == 11
    assert tables.to_captures(independence_minutes=30).n_detections == 10
    assert tables.to_captures(independence_minutes=60).n_detections == 9
    assert tables.to_captures(detector="binary", occasion_days=1).n_detections == 9


def test_survey_of_field_tables_can_be_fitted():
    survey = read("spacecap").to_survey()
    assert survey.mask.n_points == 143
    assert survey.mask.spacing == 4000
    other = read("camtrap_dp").to_survey(12_000, name="Invented")
    assert other.name == "Invented"
    assert other.traps.n_occasions == 1


# --- Camtrap DP ----------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path):
    """Copy of the example package, whose files can be changed."""
    for file in (FORMATS / "camtrap_dp").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())

    def change(name, old, new, count=-1):
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, count))
        return tmp_path

    return change


def test_event_and_media_rows_are_one_detection(package):
    home = package("observations.csv", "event,", "media,")  # only media rows
    tables = sn.read_camtrap_dp(home, species=make.SPECIES)
    assert counts_of(tables.to_captures()) == TRUTH


def test_media_rows_without_event_ids_are_covered_by_their_event(package, tmp_path):
    package("datapackage.json", "invented", "invented")
    frame = pd.read_csv(tmp_path / "observations.csv", dtype=str, keep_default_na=False)
    frame.loc[frame["observationLevel"] == "media", "eventID"] = ""
    frame.to_csv(tmp_path / "observations.csv", index=False)
    tables = sn.read_camtrap_dp(tmp_path, species=make.SPECIES)
    assert counts_of(tables.to_captures()) == TRUTH


def test_notes_say_what_was_left_out():
    told = str(read("camtrap_dp"))
    assert "8 deployments at 6 locations" in told
    assert "28 of 30 observation rows are of identified animals" not in told
    assert "27 of 30 observation rows" in told
    assert "Left out by life stage: 1 juvenile" in told
    assert "UTC+05:00" in told


def test_juveniles_are_kept_on_request():
    tables = sn.read_camtrap_dp(
        FORMATS / "camtrap_dp", species=make.SPECIES, life_stages=["adult", "juvenile"]
    )
    assert "K1" in set(tables.detections["animal_id"])


def test_times_of_observations_are_moved_to_the_zone_of_the_deployments():
    first = read("camtrap_dp").detections.iloc[0]
    assert (first["animal_id"], str(first["time"])) == ("F1", "2024-03-02 03:00:00")
    tokyo = sn.read_camtrap_dp(FORMATS / "camtrap_dp", species=make.SPECIES, timezone="Asia/Tokyo")
    assert str(tokyo.detections.iloc[0]["time"]) == "2024-03-02 07:00:00"


def test_blurred_coordinates_are_refused(package):
    home = package("deployments.csv", ",10,2024", ",1000,2024", 2)
    with pytest.raises(DataError, match=r"2 of 8 deployments .* 1,000 m or more \(rows 1, 2\)"):
        sn.read_camtrap_dp(home, species=make.SPECIES)
    assert len(sn.read_camtrap_dp(home, species=make.SPECIES, max_uncertainty=1001).traps) == 6


@pytest.mark.parametrize(
    "name, old, new, told",
    [
        ("deployments.csv", "dep1,", "dep0,", "deploymentID stands twice in rows 1, 2"),
        ("deployments.csv", "+05:00,c2", "+06:00,c2", r"different offsets.*\+05:00, \+06:00"),
        ("deployments.csv", "10.01,60.03", "10.01,", "longitude is missing in row 2"),
        ("deployments.csv", "10.01,60.03", "10.01,460.03", "no place on the Earth: row 2"),
        ("deployments.csv", "10.01,60.03", "10.01,sixty", "row 2: 'sixty'"),
        ("deployments.csv", "dep3,A3,Station A3,10.0,", "dep3,A3,Station A3,10.1,", "two places"),
        (
            "deployments.csv",
            "2024-03-04T12",
            "2024-02-04T12",
            "row 3: A3 from .* ends before|begins",
        ),
        ("deployments.csv", "2024-03-04T12:00:00+05:00", "soon+05:00", "'soon.05:00' in row 3"),
        ("deployments.csv", "deploymentID", "deployment", "no column 'deploymentID'"),
        ("observations.csv", "o0,dep0", "o0,dep9", "deploymentID that no deployment has: row 1"),
        (
            "observations.csv",
            "adult,,M2",
            "adult,,M2,and",
            "more cells than the header has columns, row 25",
        ),
        ("observations.csv", "juvenile,,K1\n", "juven", r"ends within a row \(11 of 13 cells\)"),
        ("observations.csv", "juvenile", '"juvenile', "cannot be read as a CSV table"),
        ("observations.csv", ",media,", ",photo,", "observationLevel must be event or media"),
        ("observations.csv", "female,F1", "male,F1", "two sexes within event"),
        ("datapackage.json", '"deployments.csv"', '"../deployments.csv"', "leaves the archive"),
        ("datapackage.json", '"deployments.csv"', '"/etc/passwd"', "leaves the archive"),
        ("datapackage.json", '"deployments.csv"', '"https://x.org/d.csv"', "on the network"),
        ("datapackage.json", '"deployments.csv"', '"other.csv"', "no file 'other.csv'"),
        ("datapackage.json", "camtrap-dp/1.0.2", "camtrap-dp/0.1.6", "before 1.0"),
        ("datapackage.json", '"resources"', '"results"', "lists no resources"),
        ("datapackage.json", "{", "[", "is no JSON"),
    ],
)
def test_camtrap_dp_refusals(package, name, old, new, told):
    home = package(name, old, new, 1)
    with pytest.raises(DataError, match=told):
        sn.read_camtrap_dp(home, species=make.SPECIES)


def test_species_must_be_clear(package, tmp_path):
    home = package("observations.csv", "Capra sibirica,3,,,", "Capra sibirica,3,,,I7")
    with pytest.raises(DataError, match=r"2 species.*Panthera uncia.*species='Panthera uncia'"):
        sn.read_camtrap_dp(home)
    with pytest.raises(DataError, match="did you mean 'Panthera uncia'"):
        sn.read_camtrap_dp(home, species="Pantera uncia")


def test_nobody_identified_is_told(package, tmp_path):
    package("datapackage.json", "invented", "invented")
    frame = pd.read_csv(tmp_path / "observations.csv", dtype=str, keep_default_na=False)
    frame.assign(individualID="").to_csv(tmp_path / "observations.csv", index=False)
    with pytest.warns(SecrWarning, match="individualID is empty in all 30 rows"):
        tables = sn.read_camtrap_dp(tmp_path)
    assert tables.to_captures().n_animals == 0


# --- field sheets --------------------------------------------------------------------------------


def test_suggested_columns_are_shown_and_confirmed():
    pytest.importorskip("openpyxl")
    book = FORMATS / "sheets" / "survey.xlsx"
    traps = sn.suggest_columns(book, "traps")
    assert dict(traps) == {
        "trap_id": "Camera ID",
        "longitude": "Long",
        "latitude": "Lat",
        "start": "Date set",
        "end": "Date removed",
    }
    assert traps.unused == ("Topo",)
    assert "trap_id      <- 'Camera ID'" in str(traps)
    columns = {
        "traps": traps,
        "detections": sn.suggest_columns(book, "detections"),
        "operation": sn.suggest_columns(book, "operation"),
    }
    tables = sn.read_field_tables(book, operation=book, columns=columns)  # no warning
    assert counts_of(tables.to_captures()) == TRUTH
    assert tables.to_traps().covariates["Topo"].tolist()[:2] == ["ridge", "valley"]


def frames(**changes):
    traps = pd.DataFrame(
        {"trap_id": ["a", "b"], "x": [500_000, 503_000], "y": [5_400_000, 5_400_500]}
    ).assign(start="01/10/2022", end="20/01/2023")
    detections = pd.DataFrame(
        {"animal_id": ["F1", "F1"], "trap_id": ["a", "b"], "time": ["10/13/2022", "12/11/2022"]}
    )
    return traps.assign(**changes.get("traps", {})), detections.assign(
        **changes.get("detections", {})
    )


def test_order_of_day_and_month_is_found_for_each_table():
    tables = sn.read_field_tables(*frames(), crs="EPSG:32646")
    assert str(tables.operation["start"][0]) == "2022-10-01 12:00:00"
    assert tables.detections["time"].dt.strftime("%Y-%m-%d").tolist() == [
        "2022-10-13",
        "2022-12-11",
    ]
    assert tables.to_captures().n_detections == 2


def test_unclear_order_is_asked_for():
    unclear = frames(detections={"time": ["10/03/2022", "12/11/2022"]})
    with pytest.raises(DataError, match=r"'10/03/2022' is day/month or month/day.*dates='dmy'"):
        sn.read_field_tables(*unclear, crs="EPSG:32646")
    tables = sn.read_field_tables(
        *unclear, crs="EPSG:32646", dates={"traps": "dmy", "detections": "mdy"}
    )
    assert str(tables.detections["time"][0]) == "2022-10-03 00:00:00"


def test_mixed_orders_are_refused():
    with pytest.raises(DataError, match=r"mixes day/month \(row 1\) and month/day \(row 2\)"):
        sn.read_field_tables(
            *frames(detections={"time": ["13/10/2022", "10/13/2022"]}), crs="EPSG:32646"
        )


def test_true_dates_beside_text_are_told_of():
    import datetime as dt

    cells = ["10/13/2022", dt.datetime(2022, 11, 12)]
    with pytest.warns(SecrWarning, match=r"1 true date whose day is 12 or less \(row 2\)"):
        sn.read_field_tables(*frames(detections={"time": cells}), crs="EPSG:32646")


@pytest.mark.parametrize(
    "cell, expected",
    [
        ("44927", "2023-01-01 00:00:00"),
        ("44927.5", "2023-01-01 12:00:00"),
        ("2023-01-06", "2023-01-06 00:00:00"),
        ("2023-01-06T14:05:09", "2023-01-06 14:05:09"),
        ("6 Jan 2023", "2023-01-06 00:00:00"),
        ("06-January-2023 14:05", "2023-01-06 14:05:00"),
        ("06.01.2023 2:05 PM", "2023-01-06 14:05:00"),
    ],
)
def test_dates_of_many_kinds(cell, expected):
    from secr_nea.io.dates import parse_times

    times, _ = parse_times([cell], "dmy", "column")
    assert str(pd.Timestamp(times[0])) == expected


@pytest.mark.parametrize(
    "cell", ["31/02/2023", "2023-13-01", "06/01/23", "tomorrow", "", "1/1/0001"]
)
def test_no_dates_are_refused_with_their_row(cell):
    from secr_nea.io.dates import parse_times

    with pytest.raises(DataError, match=r"column is no date in row 1: "):
        parse_times([cell], "dmy", "column")


def test_utm_zones_on_both_sides_of_a_joint_become_one_projection():
    import pyproj

    lon, lat = np.array([89.98, 90.02]), np.array([49.8, 49.81])
    x, y = np.empty(2), np.empty(2)
    for i, epsg in enumerate((32645, 32646)):
        to = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
        x[i], y[i] = to.transform(lon[i], lat[i])
    traps = pd.DataFrame({"trap_id": ["a", "b"], "x": x, "y": y, "utm_zone": ["45U", "46 U"]})
    tables = sn.read_field_tables(traps.assign(effort=30))
    xy = tables.to_traps().xy
    (_, _, metres) = pyproj.Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    assert np.hypot(*(xy[1] - xy[0])) == pytest.approx(metres, rel=1e-5)
    assert tables.crs.name.startswith("Local equal-area")
    one = sn.read_field_tables(traps.assign(utm_zone="45U", effort=30))
    assert one.crs.to_epsg() == 32645
    with pytest.raises(DataError, match="'45S' does not tell north from south"):
        sn.read_field_tables(traps.assign(utm_zone="45S"))
    with pytest.raises(DataError, match="'99U' is no UTM zone"):
        sn.read_field_tables(traps.assign(utm_zone="99U"))


def test_semicolons_and_decimal_commas(tmp_path):
    path = tmp_path / "cameras.csv"
    path.write_text("trap_id;x;y;effort\n01;500000,5;5400000,25;30\n02;503000;5400500;20,5\n")
    traps = sn.read_field_tables(path, crs="EPSG:32646").to_traps()
    assert traps.ids == ("01", "02")
    assert traps.xy.tolist() == [[500000.5, 5400000.25], [503000.0, 5400500.0]]
    assert traps.effort.tolist() == [[30.0], [20.5]]


def test_russian_windows_text_names_the_cure(tmp_path):
    path = tmp_path / "камеры.csv"
    path.write_bytes("камера;x;y\nА1;500000;5400000\n".encode("cp1251"))
    with pytest.raises(DataError, match="encoding='cp1251'"):
        sn.read_field_tables(path)
    with pytest.warns(SecrWarning, match="'камера' is trap_id"):
        tables = sn.read_field_tables(path, encoding="cp1251", crs="EPSG:32646")
    assert tables.traps["trap_id"].tolist() == ["А1"]


def test_several_sessions():
    traps, detections = frames()
    traps = traps.assign(session=["N", "S"])
    detections = detections.assign(session=["N", "S"])
    tables = sn.read_field_tables(traps, detections, crs="EPSG:32646")
    assert tables.sessions == ("N", "S")
    assert tables.session("S").to_captures().traps.ids == ("b",)
    with pytest.raises(DataError, match="2 sessions: 'N', 'S'"):
        tables.to_captures()
    surveys = tables.to_surveys(10_000)
    assert [survey.name for survey in surveys] == ["N", "S"]
    with pytest.raises(DataError, match="names sessions that the traps table does not have: 'E'"):
        sn.read_field_tables(traps, detections.assign(session="E"), crs="EPSG:32646")


# --- existing readers from workbooks -------------------------------------------------------------


def workbook(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_read_traps_and_captures_from_a_workbook(tmp_path):
    path = workbook(
        tmp_path / "study.xlsx",
        Traps=[
            ["Trap ID", "x", "y", "effort"],
            ["7", "500000,5", 5400000, 30],
            [8, 503000, 5400500, 2],
        ],
        Captures=[["animal_id", "trap_id"], ["F1", 7], ["F1", 8]],
    )
    with pytest.raises(DataError, match="no column 'trap_id' \\(did you mean 'Trap ID'"):
        sn.read_traps(path)
    traps = sn.read_traps(path, columns={"trap_id": "Trap ID"}, decimal=",")
    assert traps.ids == ("7", "8")
    assert traps.xy[0].tolist() == [500000.5, 5400000.0]
    captures = sn.read_captures(path, traps)
    assert captures.n_detections == 2
    with pytest.warns(SecrWarning, match="'Trap ID' is trap_id"):
        assert sn.read_traps(path, columns="synonyms", decimal=",", sheet="Traps").n_traps == 2
    with pytest.raises(DataError, match="no sheet 'Cameras'"):
        sn.read_traps(path, sheet="Cameras")


def test_workbook_with_unclear_sheets_asks(tmp_path):
    path = workbook(tmp_path / "b.xlsx", one=[["a"], [1]], two=[["a"], [1]])
    with pytest.raises(DataError, match="Say which one holds the traps: sheet='one'"):
        sn.read_traps(path)
