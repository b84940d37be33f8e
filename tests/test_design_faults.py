"""Faults of the field happen as often as asked for, and change nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tolerances import MONTE_CARLO

import secr_nea as sn
from secr_nea.design import (
    add_ghosts,
    fail_cameras,
    forget_sex,
    lose_cameras,
    single_flanks,
    swap_day_month,
)

N = 2000


def about(number, trials, share):
    assert abs(number - trials * share) < MONTE_CARLO * np.sqrt(trials * share * (1 - share) + 1e-9)


@pytest.fixture(scope="module")
def captures():
    """Many animals with three detections each at three cameras."""
    traps = sn.TrapArray([[0, 0], [3000, 0], [0, 3000]], effort=[[2, 3], [1, 4], [5, 0]])
    animal = np.repeat(np.arange(N), 3)
    return sn.CaptureHistory(
        traps,
        animal=animal,
        occasion=np.tile([0, 1, 0], N),
        trap=np.tile([0, 1, 2], N),
        covariates={"sex": np.where(np.arange(N) % 2, "male", "female")},
    )


def test_lost_cameras_tell_nothing():
    traps = sn.TrapArray(np.random.default_rng(1).uniform(0, 1e5, (N, 2)), effort=np.full(N, 60.0))
    lost = lose_cameras(traps, 0.1, seed=1)
    about((lost.effort == 0.0).sum(), N, 0.1)
    assert set(np.unique(lost.effort)) == {0.0, 60.0}
    assert (lost.xy == traps.xy).all()


def test_failing_cameras_stop_at_a_random_time():
    xy = np.random.default_rng(1).uniform(0, 1e5, (N, 2))
    traps = sn.TrapArray(xy, effort=np.full((N, 4), 15.0))
    left = fail_cameras(traps, 0.3, seed=2).effort
    failed = left.sum(axis=1) < 60.0
    about(failed.sum(), N, 0.3)
    share = left[failed].sum(axis=1) / 60.0
    assert abs(share.mean() - 0.5) < MONTE_CARLO * np.sqrt(1 / 12 / failed.sum())
    # a camera that has stopped does not come back
    assert (np.diff(left, axis=1) <= 0.0).all()
    binomial = sn.TrapArray(xy, effort=np.full((N, 4), 15.0), detector="binomial")
    assert (fail_cameras(binomial, 0.3, seed=2).effort % 1.0 == 0.0).all()


def test_sex_is_forgotten_as_often_as_asked(captures):
    spoilt = forget_sex(captures, 0.25, seed=1)
    unknown = spoilt.covariates["sex"].isna()
    about(unknown.sum(), N, 0.25)
    assert (spoilt.covariates["sex"][~unknown] == captures.covariates["sex"][~unknown]).all()
    with pytest.raises(sn.DataError, match="no covariate 'age'"):
        forget_sex(captures, 0.5, name="age")


def test_ghosts_split_animals_and_keep_detections(captures):
    spoilt = add_ghosts(captures, 0.05, seed=1)
    assert spoilt.n_detections == captures.n_detections
    ghosts = [name for name in spoilt.animal_ids if name.startswith("ghost")]
    about(len(ghosts), 3 * N, 0.05)
    assert len(spoilt.animal_ids) - len(ghosts) == N
    # traps and occasions are untouched
    assert sorted(zip(spoilt.trap, spoilt.occasion, strict=True)) == sorted(
        zip(captures.trap, captures.occasion, strict=True)
    )
    # even if every detection is mistaken, an animal keeps one
    assert len(add_ghosts(captures, 1.0, seed=1).animal_ids) == 3 * N


def test_left_flanks_lose_the_detections_of_the_other_side(captures):
    """Nothing is matched when every picture shows one side: half of the detections are left."""
    spoilt = single_flanks(captures, 1.0, use="left", seed=1)
    about(spoilt.n_detections, 3 * N, 0.5)
    about(spoilt.n_animals, N, 1 - 0.5**3)
    assert set(spoilt.animal_ids) <= set(captures.animal_ids)


def test_unmatched_flanks_count_animals_twice(captures):
    """Split: an animal with both kinds of single flank and no whole picture becomes two."""
    spoilt = single_flanks(captures, 0.6, use="split", seed=1)
    assert spoilt.n_detections == captures.n_detections
    left = {name[:-5] for name in spoilt.animal_ids if name.endswith(" left")}
    right = {name[:-6] for name in spoilt.animal_ids if name.endswith(" right")}
    about(len(left & right), N, 0.6**3 * (1 - 2 * 0.5**3))
    about(len(left | right), N, 0.6**3)
    whole = set(spoilt.animal_ids) & set(captures.animal_ids)
    assert not whole & (left | right)


def test_no_share_changes_nothing(captures):
    for spoilt in (
        add_ghosts(captures, 0.0, seed=1),
        single_flanks(captures, 0.0, seed=1),
        forget_sex(captures, 0.0, seed=1),
    ):
        assert spoilt.fingerprint == captures.fingerprint


def test_days_and_months_change_places_where_they_can():
    dates = pd.to_datetime(
        ["2024-03-09 05:30", "2024-02-20 00:00", "2024-07-07 00:00", "2023-12-01 00:00", None]
    )
    table = pd.DataFrame({"date": dates, "n": range(5)})
    swapped = swap_day_month(table, "date", 1.0, seed=1)
    told = swapped["date"].dt.strftime("%Y-%m-%d %H:%M").tolist()
    assert told[:4] == [
        "2024-09-03 05:30",
        "2024-02-20 00:00",
        "2024-07-07 00:00",
        "2023-01-12 00:00",
    ]
    assert swapped["date"].isna().tolist() == [False] * 4 + [True]
    assert (table["date"].dropna() == dates.dropna()).all(), "the table given is not changed"
    many = pd.DataFrame({"date": ["2024-03-09"] * N})
    changed = swap_day_month(many, "date", 0.1, seed=2)
    about((changed["date"] == "2024-09-03").sum(), N, 0.1)
    with pytest.raises(sn.DataError, match="no column 'day'"):
        swap_day_month(table, "day", 0.1)
    with pytest.raises(sn.DataError, match="must hold dates"):
        swap_day_month(pd.DataFrame({"date": ["soon"]}), "date", 0.1)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_beyond_a_probability_are_refused(captures, share):
    with pytest.raises(sn.DataError, match="between 0 and 1"):
        add_ghosts(captures, share)
