"""Readers of CSV tables: what is read, matching of surveys by name, and clear refusals."""

import numpy as np
import pandas as pd
import pytest

from secr_nea.errors import CRSError, DataError, SecrWarning
from secr_nea.io import read_captures, read_mask, read_surveys, read_traps
from secr_nea.mask import HabitatMask

TRAPS = """trap_id,x,y,topo,rugged,snow.1,snow.2
007,300000,5400000,ridge,12.5,0.1,0.2
CT02,303000,5400000,saddle,,0.3,0.4
CT03,300000,5404000,,7,0.5,0.6
"""
EFFORT = """trap_id,occasion,effort
007,1,30
007,2,25
CT02,1,12
CT03,1,0
CT03,2,8.5
"""
CAPTURES = """animal_id,occasion,trap_id
1,1,007
1,1,007
2,2,CT03
10,1,CT02
"""
INDIVIDUALS = """animal_id,sex
1,F
2,
10,M
"""


def mask_text(x0=296_000, y0=5_396_000, session=None):
    lead = "" if session is None else f"{session},"
    rows = [f"{lead}{x0 + 1000 * i},{y0 + 1000 * j},{i},MN" for j in range(13) for i in range(13)]
    return "\n".join(rows) + "\n"


@pytest.fixture
def write(tmp_path):
    def write_text(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_text


@pytest.fixture
def files(write):
    return {
        "traps": write("traps.csv", TRAPS),
        "effort": write("effort.csv", EFFORT),
        "captures": write("captures.csv", CAPTURES),
        "individuals": write("individuals.csv", INDIVIDUALS),
        "mask": write("mask.csv", "x,y,elev,country\n" + mask_text()),
    }


@pytest.fixture
def study(write):
    """Two surveys; the second has a trap id and an animal id of the first."""
    return {
        "traps": write(
            "study_traps.csv",
            "session,trap_id,x,y,effort\nTost,A,300000,5400000,30\nTost,B,303000,5400000,20\n"
            "Noyon,A,400000,5400000,10\nNoyon,C,403000,5400000,15\n",
        ),
        "captures": write(
            "study_captures.csv", "session,animal_id,trap_id\nNoyon,F1,C\nTost,F1,A\nTost,F2,B\n"
        ),
        "mask": write(
            "study_mask.csv",
            "session,x,y,elev,country\n"
            + mask_text(396_000, session="Noyon")
            + mask_text(session="Tost"),
        ),
    }


def test_traps_with_effort_and_covariates(files):
    varying = {"snow": ["snow.1", "snow.2"]}
    traps = read_traps(files["traps"], effort=files["effort"], varying=varying, crs=32646)
    assert traps.ids == ("007", "CT02", "CT03")
    np.testing.assert_array_equal(traps.effort, [[30, 25], [12, 0], [0, 8.5]])
    assert list(traps.covariates) == ["topo", "rugged"]
    assert traps.covariates["rugged"].dtype == np.float64
    assert traps.covariates.isna().sum().tolist() == [1, 1]
    np.testing.assert_array_equal(traps.varying_covariates["snow"][:, 0], [0.1, 0.3, 0.5])


def test_the_digits_of_the_file_are_kept(write):
    path = write("traps.csv", "trap_id,x,y\na,300000.1,5400000.123456789\nb,2e5,5400000.3\n")
    np.testing.assert_array_equal(
        read_traps(path).xy, [[300000.1, 5400000.123456789], [200000.0, 5400000.3]]
    )


def test_effort_column(files):
    frame = pd.read_csv(files["traps"], dtype=str).assign(effort_days=["3", "4", "5"])
    traps = read_traps(frame, effort_column="effort_days")
    assert traps.effort[:, 0].tolist() == [3, 4, 5]
    with pytest.raises(DataError, match="not both"):
        read_traps(frame, effort_column="effort_days", effort=files["effort"])
    with pytest.raises(DataError, match=r"no column 'effort_day' \(did you mean 'effort_days'"):
        read_traps(frame, effort_column="effort_day")


def test_captures_with_individuals(files):
    traps = read_traps(files["traps"], effort=files["effort"])
    captures = read_captures(files["captures"], traps, individuals=files["individuals"])
    assert captures.animal_ids == ("1", "2", "10")
    assert captures.n_detections == 4
    assert captures.covariates["sex"].isna().tolist() == [False, True, False]


def test_mask_with_covariates(files):
    mask = read_mask(files["mask"], crs=32646)
    assert (mask.n_points, mask.spacing) == (169, 1000)
    assert mask.covariates["elev"].dtype == np.float64
    assert set(mask.covariates["country"]) == {"MN"}


def test_frames_and_files_are_read_alike(files):
    frame = pd.read_csv(files["traps"], dtype={"trap_id": str})
    assert read_traps(frame).fingerprint == read_traps(files["traps"]).fingerprint


def test_one_survey_without_a_session_column(files):
    (survey,) = read_surveys(
        **{k: v for k, v in files.items()}, varying={"snow": ["snow.1", "snow.2"]}
    )
    assert (survey.name, survey.n_animals, survey.n_occasions) == ("survey", 3, 2)
    assert survey.mask.n_points == 169


def test_surveys_are_matched_by_name(study):
    tost, noyon = read_surveys(**study, crs=32646)
    assert (tost.name, noyon.name) == ("Tost", "Noyon")
    assert (tost.captures.animal_ids, noyon.captures.animal_ids) == (("F1", "F2"), ("F1",))
    assert tost.traps.effort[:, 0].tolist() == [30, 20]
    assert noyon.traps.xy[0, 0] == 400_000
    assert noyon.mask.contains_traps(noyon.traps).all()
    assert list(noyon.mask.covariates) == ["elev", "country"]


def test_one_survey_out_of_several(study):
    with pytest.raises(DataError, match=r"traps.csv: .* 2 surveys: 'Tost', 'Noyon'.*read_surveys"):
        read_traps(study["traps"])
    with pytest.raises(DataError, match=r"no survey 'tost' \(did you mean 'Tost'\?\)"):
        read_traps(study["traps"], survey="tost")
    traps = read_traps(study["traps"], survey="Noyon")
    assert read_captures(study["captures"], traps, survey="Noyon").n_animals == 1
    assert read_mask(study["mask"], survey="Noyon").n_points == 169


def test_masks_given_in_other_ways(study):
    first, second = read_surveys(**study)
    by_name = {"Noyon": second.mask, "Tost": first.mask}
    assert read_surveys(**{**study, "mask": by_name})[1].mask is second.mask

    def build(traps):
        return HabitatMask.around(traps, buffer=8000, spacing=1000)

    assert all(
        s.mask.contains_traps(s.traps).all() for s in read_surveys(**{**study, "mask": build})
    )
    with pytest.raises(DataError, match="masks lack survey 'Noyon'"):
        read_surveys(**{**study, "mask": {"Tost": first.mask}})
    with pytest.raises(
        DataError, match="survey 'Noyon': no trap stands in the mask|Survey 'Noyon'"
    ):
        read_surveys(**{**study, "mask": first.mask})


def test_survey_covariates_are_matched_by_name(study):
    table = pd.DataFrame({"session": ["Noyon", "Tost"], "year": [2013, 2012]})
    tost, noyon = read_surveys(**study, covariates=table)
    assert (tost.covariates, noyon.covariates) == ({"year": 2012}, {"year": 2013})
    with pytest.raises(DataError, match="covariates lack survey 'Noyon'"):
        read_surveys(**study, covariates=table.iloc[[1]])


def test_surveys_that_only_one_table_knows(study, write):
    captures = write("c.csv", "session,animal_id,trap_id\nNemegt,F1,C\nTost,F1,A\n")
    with pytest.raises(DataError, match="c.csv: .*not in the traps table: 'Nemegt'"):
        read_surveys(**{**study, "captures": captures})
    captures = write("c.csv", "session,animal_id,trap_id\nTost,F1,A\n")
    with pytest.warns(SecrWarning, match="No detection in survey 'Noyon'"):
        tost, noyon = read_surveys(**{**study, "captures": captures})
    assert (tost.n_animals, noyon.n_animals) == (1, 0)


def test_survey_names_that_differ_in_case(study, write):
    captures = write("c.csv", "session,animal_id,trap_id\nTost,F1,A\ntost,F2,A\n")
    with pytest.raises(DataError, match="'Tost' and 'tost' differ only in case"):
        read_surveys(**{**study, "captures": captures})
    captures = write("c.csv", "session,animal_id,trap_id\ntost,F1,A\n")
    with pytest.raises(DataError, match=r"'tost' \(did you mean 'Tost'\?\)"):
        read_surveys(**{**study, "captures": captures})


def test_a_session_column_in_one_table_only(study, files):
    with pytest.raises(DataError, match="captures table has no column 'session'"):
        read_surveys(**{**study, "captures": files["captures"]})
    with pytest.raises(DataError, match="has a column 'session', but the traps table has none"):
        read_surveys(traps=files["traps"], captures=study["captures"], mask=files["mask"])
    frame = pd.read_csv(study["traps"], dtype=str)
    with pytest.raises(DataError, match="'Session'; is it 'session'"):
        read_traps(frame.rename(columns={"session": "Session"}))
    renamed = read_traps(
        frame.rename(columns={"session": "ridge"}), survey="Tost", survey_column="ridge"
    )
    assert renamed.n_traps == 2


def test_one_table_of_individuals_may_serve_all_surveys(study, write):
    animals = write("individuals.csv", "animal_id,sex\nF1,F\nF2,M\n")
    tost, noyon = read_surveys(**study, individuals=animals)
    assert tost.captures.covariates["sex"].tolist() == ["F", "M"]
    assert noyon.captures.covariates["sex"].tolist() == ["F"]


def test_messages_name_file_survey_and_row(study, write):
    captures = write("c.csv", "session,animal_id,trap_id\nTost,F1,A\nNoyon,F1,B\n")
    with pytest.raises(DataError, match=r"c\.csv, survey 'Noyon': .*'B' in row 2"):
        read_surveys(**{**study, "captures": captures})


def test_blank_lines_keep_the_row_numbers_of_the_file(files, write):
    traps = read_traps(files["traps"], effort=files["effort"])
    path = write("c.csv", "animal_id,occasion,trap_id\n1,1,007\n\n2,1,CT99\n\n")
    with pytest.raises(DataError, match="'CT99' in row 3"):
        read_captures(path, traps)


@pytest.mark.parametrize(
    "rows, message",
    [
        ("CT09,1,5\n", r"not in the traps table: 'CT09' in row 6"),
        ("CT02,1,5\n", r"trap 'CT02' on occasion 1 stands twice \(rows 3 and 6\)"),
        ("CT02,0,5\n", "occasion of the effort table must be 1 to 2; it is not in row 6"),
        ("CT02,2,-5\n", "trap CT02 occasion 2: -5"),
        ("CT02,2,lost\n", "not a number in row 6: 'lost'"),
    ],
)
def test_impossible_effort_rows(files, write, rows, message):
    effort = write("e.csv", EFFORT + rows)
    with pytest.raises(DataError, match=message):
        read_traps(files["traps"], effort=effort)


def test_every_trap_needs_effort(files, write):
    effort = write("e.csv", "trap_id,occasion,effort\n007,1,30\nCT02,1,2\n")
    with pytest.raises(DataError, match="no row for trap 'CT03'"):
        read_traps(files["traps"], effort=effort)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is empty"),
        ("trap_id,x,y\n", "There is no trap"),
        ("trap_id;x;y\na;1;2\n", "separated by semicolons.*sep=';'"),
        ("trapID,x,y\na,1,5000\n", r"no column 'trap_id' \(did you mean 'trapID'\?\)"),
        ("trap_id,x,x,y\na,1,2,3\n", "more than one column 'x'"),
        ("trap_id,x,y\na,1,5,5000\n", "decimal commas, or commas in unquoted text"),
        ('trap_id,x,y\na,"1,5",5000\n', r"t\.csv: column 'x' .* decimal commas in row 1"),
        ("trap_id,x,y\na,east,5000\n", "not a number in row 1: 'east'"),
        ("trap_id,x,y\na,,5000\n", "missing or infinite in row 1"),
        ("trap_id,x,y\n a,1,5000\n", "spaces around it in row 1: ' a'"),
        ("trap_id,x,y\na,1,5000\n,2,5000\n", "trap id is missing in row 2"),
        (
            "trap_id,x,y,elev\na,1,5000,3\nb,2,5000,4\nc,9,5000,?\n",
            "'elev' is not a number in row 3",
        ),
        ("trap_id,x,y,wet\na,1,5000,yes\nb,2,5000,Yes\n", "levels 'yes' and 'Yes'"),
    ],
)
def test_malformed_tables(write, text, message):
    with pytest.raises(DataError, match=message):
        read_traps(write("t.csv", text))


def test_files_that_are_no_csv(write, tmp_path):
    with pytest.raises(DataError, match="There is no traps file"):
        read_traps(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="old spreadsheet"):
        read_traps(write("traps.xls", "PK"))
    with pytest.raises(DataError, match="cannot be read as an Excel workbook"):
        read_traps(write("traps.xlsx", "PK"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_traps(write("t.csv", "trap_id,x,y\nБарс,1,5000\n", encoding="cp1251"))
    with pytest.raises(DataError, match="must be a CSV file or a DataFrame; got int"):
        read_traps(5)


def test_a_byte_order_mark_is_no_part_of_the_name(write):
    assert read_traps(write("t.csv", "trap_id,x,y\nБарс,1,5000\n", "utf-8-sig")).ids == ("Барс",)


def test_the_kind_of_error_is_kept(write):
    with pytest.raises(CRSError, match="t.csv: .*look like degrees"):
        read_traps(write("t.csv", "trap_id,x,y\na,88.1,49.5\nb,88.2,49.6\n"))


def test_occasions_are_needed_when_there_are_several(files, write):
    traps = read_traps(files["traps"], effort=files["effort"])
    with pytest.raises(DataError, match="no column 'occasion'"):
        read_captures(write("c.csv", "animal_id,trap_id\n1,007\n"), traps)


def test_a_silent_survey_with_shared_individuals(study, write):
    captures = write("c.csv", "session,animal_id,trap_id\nTost,F1,A\n")
    animals = write("individuals.csv", "animal_id,sex\nF1,F\n")
    with pytest.warns(SecrWarning, match="No detection in survey 'Noyon'"):
        surveys = read_surveys(**{**study, "captures": captures}, individuals=animals)
    assert [survey.captures.covariates.shape for survey in surveys] == [(1, 1), (0, 1)]


def test_no_detections_at_all(files, write):
    captures = write("c.csv", "animal_id,occasion,trap_id\n")
    (survey,) = read_surveys(traps=files["traps"], captures=captures, mask=files["mask"])
    assert (survey.n_animals, survey.n_detections) == (0, 0)
