"""Capture histories: what they derive, laws of order, and the words of every refusal."""

import numpy as np
import pandas as pd
import pytest

from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray


def some_traps(**changes):
    given = {"ids": ["A1", "B1", "C1"], "n_occasions": 4}
    return TrapArray([[0, 0], [3000, 0], [0, 4000]], **{**given, **changes})


ROWS = pd.DataFrame(
    {
        "animal_id": ["F10", "F2", "F2", "M1", "M1", "F10"],
        "occasion": [1, 1, 3, 1, 3, 1],
        "trap_id": ["A1", "B1", "C1", "B1", "C1", "A1"],
    }
)


def from_rows(frame=ROWS, traps=None, **options):
    return CaptureHistory.from_dataframe(frame, traps or some_traps(), **options)


def test_repeated_records_add_up_and_are_sorted():
    captures = CaptureHistory(
        some_traps(), animal=[1, 0, 1, 1], occasion=[2, 0, 0, 2], trap=[0, 1, 2, 0]
    )
    np.testing.assert_array_equal(captures.animal, [0, 1, 1])
    np.testing.assert_array_equal(captures.occasion, [0, 0, 2])
    np.testing.assert_array_equal(captures.trap, [1, 2, 0])
    np.testing.assert_array_equal(captures.count, [1, 1, 2])


def test_numbers_of_things():
    captures = from_rows()
    assert captures.animal_ids == ("F2", "F10", "M1")
    assert (captures.n_animals, captures.n_detections, captures.n_records) == (3, 6, 5)
    assert (captures.n_recaptures, captures.n_traps_visited) == (3, 3)
    assert captures.animals_at_two_traps == 2
    np.testing.assert_array_equal(captures.identical_histories, [2, 1])


def test_counts_tell_histories_apart():
    more = pd.concat([ROWS, ROWS.iloc[[1]]])
    np.testing.assert_array_equal(from_rows(more).identical_histories, [1, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_order_of_rows_changes_nothing(seed):
    captures, shuffled = from_rows(), from_rows(ROWS.sample(frac=1, random_state=seed))
    assert shuffled.fingerprint == captures.fingerprint


@pytest.mark.parametrize("seed", range(5))
def test_order_of_animals_changes_no_history(seed):
    random = np.random.default_rng(seed)
    animal, occasion = random.integers(0, 8, 20), random.integers(0, 4, 20)
    trap = random.integers(0, 3, 20)
    present, animal = np.unique(animal, return_inverse=True)
    order = random.permutation(len(present))
    one = CaptureHistory(some_traps(), animal=animal, occasion=occasion, trap=trap)
    two = CaptureHistory(some_traps(), animal=order[animal], occasion=occasion, trap=trap)
    np.testing.assert_array_equal(one.identical_histories, two.identical_histories)
    assert one.identical_histories.sum() == one.n_animals
    assert one.rpsv == pytest.approx(two.rpsv)


def test_table_round_trip():
    captures = from_rows()
    again = from_rows(captures.to_dataframe())
    assert again.fingerprint == captures.fingerprint
    assert again.n_detections == 6


def test_dense_array_holds_all_detections():
    dense = from_rows().to_xarray()
    assert dense.dims == ("animal", "occasion", "trap")
    assert dense.shape == (3, 4, 3)
    assert int(dense.sum()) == 6
    assert int(dense.sel(animal="F10", occasion=1, trap="A1")) == 2


def test_rpsv_is_the_pooled_spread():
    # one animal at (0, 0) and (3000, 0): squares 2 x 1500^2, one degree of freedom, two axes
    captures = CaptureHistory(some_traps(), animal=[0, 0], occasion=[0, 0], trap=[0, 1])
    assert captures.rpsv == pytest.approx(1500.0)
    once = CaptureHistory(some_traps(), animal=[0], occasion=[0], trap=[0])
    assert np.isnan(once.rpsv)


def test_no_animals_at_all():
    captures = CaptureHistory(some_traps(), animal=[], occasion=[], trap=[])
    assert (captures.n_animals, captures.n_detections, captures.animals_at_two_traps) == (0, 0, 0)
    assert captures.identical_histories.shape == (0,)
    assert captures.to_xarray().shape == (0, 4, 3)
    assert "0 animals" in repr(captures)


def test_printed_forms():
    assert repr(from_rows()) == (
        "CaptureHistory(3 animals, 6 detections, 3 of 3 traps visited, 4 occasions, count)"
    )
    assert "animals at two traps or more" in from_rows()._repr_html_()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"animal": [0, 2]}, r"Animal '2' has no detection"),
        ({"trap": [0, 3]}, "trap must be 0 to 2.*row 2: 3"),
        ({"occasion": [0, -1]}, "occasion must be 0 to 3.*row 2: -1"),
        ({"count": [1, 0]}, "count must be 1 or more.*row 2: 0"),
        ({"count": [1, 1.5]}, r"count must be whole numbers; row 2: 1\.5"),
        ({"count": [1]}, "equally long; got 2, 2, 2, 1"),
        ({"animal_ids": ["a", "b", "c"]}, "Animal 'c' has no detection"),
        ({"animal_ids": ["a", "unknown"]}, "'unknown' does not name an animal"),
        ({"animal_ids": ["f8", "F8"]}, "'f8' and 'F8' differ only in case"),
        ({"covariates": {"sex": ["F"]}}, "1 rows, but there are 2 animals"),
        ({"covariates": {"sex": ["F", "f"]}}, "'sex' has the levels 'F' and 'f'"),
    ],
)
def test_impossible_records(changes, message):
    given = {"animal": [0, 1], "occasion": [0, 0], "trap": [0, 1]}
    with pytest.raises(DataError, match=message):
        CaptureHistory(some_traps(), **{**given, **changes})


@pytest.mark.parametrize("word", ["unknown", "UNK", "unsure", "NA", "?", "Unidentified"])
def test_placeholders_are_no_animals(word):
    frame = ROWS.assign(animal_id=["F10", "F2", "F2", word, word, "F10"])
    with pytest.raises(DataError, match="in rows 4, 5 does not name an animal"):
        from_rows(frame)


def test_unknown_trap_is_named_with_row_and_likely_trap():
    frame = ROWS.assign(trap_id=["A1", "B-1", "C1", "B1", "C1", "A1"])
    with pytest.raises(DataError, match=r"'B-1' in row 2 \(did you mean 'B1'\?\)"):
        from_rows(frame)


def test_occasion_outside_the_survey():
    with pytest.raises(DataError, match=r"occasion must be 1 to 4; rows 1, 2: 0, 5"):
        from_rows(ROWS.assign(occasion=[0, 5, 1, 1, 1, 1]))
    with pytest.raises(DataError, match=r"occasion must be whole numbers; row 3: 1\.5"):
        from_rows(ROWS.assign(occasion=[1, 1, 1.5, 1, 1, 1]))


def test_missing_occasion_column():
    rows = ROWS.drop(columns="occasion")
    with pytest.raises(DataError, match="no column 'occasion', but the traps have 4 occasions"):
        from_rows(rows)
    assert from_rows(rows, some_traps(n_occasions=1)).n_detections == 6


def test_detection_without_effort():
    traps = some_traps(n_occasions=None, effort=[[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1]])
    told = r"effort is 0: animal 'F2' at trap 'C1' on occasion 3 .*, animal 'M1'"
    with pytest.raises(DataError, match=told):
        from_rows(traps=traps)


def test_binary_detectors_give_at_most_one():
    with pytest.raises(DataError, match=r"'F10' at trap 'A1' on occasion 1 .*detector='count'"):
        from_rows(traps=some_traps(detector="binary"))
    assert from_rows(ROWS.drop_duplicates(), some_traps(detector="binary")).n_detections == 5


def test_binomial_detectors_give_at_most_their_effort():
    effort = np.full((3, 4), 1)
    traps = some_traps(n_occasions=None, effort=effort, detector="binomial")
    with pytest.raises(DataError, match=r"at most as many detections as its effort.*count 2"):
        from_rows(traps=traps)
    assert from_rows(traps=traps.with_effort(effort * 2)).n_detections == 6


def test_counts_column():
    frame = ROWS.assign(count=[1, 2, 3, 1, 1, 1])
    assert from_rows(frame).n_detections == 9
    with pytest.raises(DataError, match="count must be 1 or more; row 2: -2"):
        from_rows(frame.assign(count=[1, -2, 3, 1, 1, 1]))


def test_individuals_are_matched_by_id():
    individuals = pd.DataFrame({"animal_id": ["M1", "F2", "F10"], "sex": ["M", None, "F"]})
    captures = from_rows(individuals=individuals)
    assert captures.covariates["sex"].tolist()[1:] == ["F", "M"]
    assert captures.covariates["sex"].isna().tolist() == [True, False, False]
    assert captures.individuals()["animal_id"].tolist() == ["F2", "F10", "M1"]


@pytest.mark.parametrize(
    "ids, message",
    [
        (["F2", "F10"], "not in the individuals table: 'M1'"),
        (["F2", "F10", "M1", "M7"], "without any detection: 'M7' in row 4"),
        (["F2", "F10", "M1", "M1"], "'M1' stands more than once"),
        (["F2", "F10", "M-1"], r"'M1' \(did you mean 'M-1'\?\)"),
    ],
)
def test_individuals_must_be_the_detected_animals(ids, message):
    with pytest.raises(DataError, match=message):
        from_rows(individuals=pd.DataFrame({"animal_id": ids}))


def test_sex_in_the_captures_table():
    frame = ROWS.assign(sex=["F", "F", None, "M", "M", None])
    assert from_rows(frame).covariates["sex"].tolist() == ["F", "F", "M"]
    with pytest.raises(DataError, match=r"sex is contradictory within one animal \('F10': F, M\)"):
        from_rows(frame.assign(sex=["F", "F", "F", "M", "M", "M"]))
    individuals = pd.DataFrame({"animal_id": ["F2", "F10", "M1"], "sex": ["F", "F", "F"]})
    with pytest.raises(DataError, match=r"differs between .* \('M1': F and M\)"):
        from_rows(frame, individuals=individuals)


def test_ids_that_pandas_read_as_numbers():
    frame = ROWS.assign(animal_id=[7.0, 8.0, 8.0, 9.0, 9.0, 7.0])
    assert from_rows(frame).animal_ids == ("7", "8", "9")


def test_nothing_can_be_changed():
    captures = from_rows()
    with pytest.raises(ValueError, match="read-only"):
        captures.count[0] = 9
    with pytest.raises(AttributeError):
        captures.animal_ids = ()
