"""Faults of the field, put into good data on purpose: to learn what they do to estimates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import BoolArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.design.streams import FAULTS, Seed, stream
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray

FLANKS = ("left", "right", "split")
"""What may be done with animals of which one side was photographed."""


def fail_cameras(traps: TrapArray, share: float, *, seed: Seed = None) -> TrapArray:
    """Cameras that stop before the end: batteries, snow, bears. The effort table tells of it.

    Parameters
    ----------
    traps : TrapArray
    share : float
        Probability that a camera fails. It then works for a uniformly distributed part of its
        effort: of its occasions where there are several, else of the effort of the one.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    TrapArray
        The same traps with less effort.

    Raises
    ------
    DataError
        If the share is not between 0 and 1, or nothing is left of all effort.
    """
    rng = stream(seed, FAULTS)
    failed = rng.random(traps.n_traps) < _share(share)
    until = np.where(failed, rng.random(traps.n_traps), 1.0)
    total = traps.effort.sum(axis=1, keepdims=True)
    before = np.cumsum(traps.effort, axis=1) - traps.effort
    left = np.clip(until[:, None] * total - before, 0.0, traps.effort)
    whole = np.array([word == "binomial" for word in traps.detector])[:, None]
    return traps.with_effort(np.where(whole, np.floor(left), left))


def lose_cameras(traps: TrapArray, share: float, *, seed: Seed = None) -> TrapArray:
    """Cameras that are stolen or washed away with all their pictures.

    Parameters
    ----------
    traps : TrapArray
    share : float
        Probability that a camera is lost.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    TrapArray
        The same traps; those that are lost have an effort of 0, as nothing is known of them.

    Raises
    ------
    DataError
        If the share is not between 0 and 1, or every camera is lost.
    """
    lost = stream(seed, FAULTS).random(traps.n_traps) < _share(share)
    return traps.with_effort(np.where(lost[:, None], 0.0, traps.effort))


def forget_sex(
    captures: CaptureHistory, share: float, *, name: str = "sex", seed: Seed = None
) -> CaptureHistory:
    """Animals whose sex could not be told.

    Parameters
    ----------
    captures : CaptureHistory
    share : float
        Probability that the sex of an animal is unknown.
    name : str
        Animal covariate.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    CaptureHistory
        With missing values in that covariate.

    Raises
    ------
    DataError
        If there is no such covariate or the share is not between 0 and 1.
    """
    if name not in captures.covariates:
        raise DataError(
            f"The animals have no covariate {name!r}; they have "
            f"{_checks.listed(captures.covariates.columns) or 'none'}."
        )
    labels = captures.covariates[name].to_numpy(dtype=object).copy()
    labels[stream(seed, FAULTS).random(len(labels)) < _share(share)] = None
    return captures.with_covariates(**{name: labels})


def single_flanks(
    captures: CaptureHistory, share: float, *, use: str = "left", seed: Seed = None
) -> CaptureHistory:
    """Pictures that show one side of the animal only, as from single cameras.

    Each detection shows both sides, or with probability ``share`` only the left or the right one
    (equally likely). Animals of which both sides were seen in one detection are known from both.
    Of the others the two sides cannot be matched.

    Parameters
    ----------
    captures : CaptureHistory
    share : float
        Probability that a detection shows one side only.
    use : {"left", "right", "split"}
        What is done about it. ``"left"``: detections that show the left side are used, and all of
        animals that are known from both sides. ``"split"``: all are used, so that an animal whose
        sides were never matched is counted as two, ``"7 left"`` and ``"7 right"``.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    CaptureHistory

    Raises
    ------
    DataError
        If ``use`` is unknown, the share is not between 0 and 1, or detections have positions.
    """
    if use not in FLANKS:
        raise DataError(f"use must be one of {', '.join(FLANKS)}; got {use!r}.")
    one = _one_by_one(captures)
    rng = stream(seed, FAULTS)
    single = rng.random(len(one)) < _share(share)
    is_left = rng.random(len(one)) < 0.5
    matched = np.zeros(captures.n_animals, dtype=bool)
    matched[captures.animal[one[~single]]] = True
    whole = ~single | matched[captures.animal[one]]
    if use != "split":
        return _rebuilt(captures, one, whole | (is_left == (use == "left")))
    names = np.array(captures.animal_ids, dtype=object)[captures.animal[one]]
    side = np.where(is_left, " left", " right")
    every = np.ones(len(one), dtype=bool)
    return _rebuilt(captures, one, every, np.where(whole, names, names + side))


def add_ghosts(captures: CaptureHistory, share: float, *, seed: Seed = None) -> CaptureHistory:
    """Detections taken for animals that do not exist: one animal split into two or more.

    Parameters
    ----------
    captures : CaptureHistory
    share : float
        Probability that a detection is not matched to its animal and becomes a new one, named
        ``"ghost 1"``, ``"ghost 2"`` ...
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    CaptureHistory
        With the same detections. The first detection of an animal that would lose all of them
        stays its own.

    Raises
    ------
    DataError
        If the share is not between 0 and 1, or detections have positions.

    References
    ----------
    Johansson, O. et al. (2020) Identification errors in camera-trap studies result in systematic
    population overestimation. Scientific Reports 10, 6393.
    """
    one = _one_by_one(captures)
    is_ghost = stream(seed, FAULTS).random(len(one)) < _share(share)
    animal = captures.animal[one]
    kept = np.bincount(animal[~is_ghost], minlength=captures.n_animals) > 0
    _, first = np.unique(animal, return_index=True)
    is_ghost[first[~kept]] = False
    names = np.array(captures.animal_ids, dtype=object)[animal]
    names[is_ghost] = [f"ghost {g + 1}" for g in range(int(is_ghost.sum()))]
    return _rebuilt(captures, one, np.ones(len(one), dtype=bool), names)


def swap_day_month(
    table: pd.DataFrame, column: str, share: float, *, seed: Seed = None
) -> pd.DataFrame:
    """Dates in which day and month changed places, as when a spreadsheet guesses the order.

    Parameters
    ----------
    table : DataFrame
    column : str
        Column of dates (datetime, or text that pandas reads without doubt such as 2024-03-09).
    share : float
        Probability of a swap where it is possible: day 12 at most, and not equal to the month.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    DataFrame
        A copy; the column holds datetimes.

    Raises
    ------
    DataError
        If there is no such column, a value is no date, or the share is not between 0 and 1.
    """
    if column not in table:
        raise DataError(f"The table has no column {column!r}; it has {_checks.listed(table)}.")
    try:
        dates = pd.to_datetime(table[column])
    except (ValueError, TypeError) as error:
        raise DataError(f"Column {column!r} must hold dates such as 2024-03-09: {error}.") from None
    day, month = dates.dt.day, dates.dt.month
    possible = dates.notna() & (day <= 12) & (day != month)
    chosen = possible.to_numpy() & (stream(seed, FAULTS).random(len(table)) < _share(share))
    parts = pd.DataFrame({"year": dates.dt.year, "month": day, "day": month})
    time_of_day = dates - dates.dt.normalize()
    swapped = pd.to_datetime(parts.where(possible), errors="coerce") + time_of_day
    changed = table.copy()
    changed[column] = dates.mask(pd.Series(chosen, index=dates.index), swapped)
    return changed


def _share(share: float) -> float:
    if not 0.0 <= share <= 1.0:
        raise DataError(f"share must lie between 0 and 1; got {share!r}.")
    return float(share)


def _one_by_one(captures: CaptureHistory) -> IntArray:
    """Record of each detection, counts resolved."""
    if captures.traps.is_search.any():
        raise DataError("Flanks and ghosts are faults of cameras; these detections have positions.")
    return np.repeat(np.arange(captures.n_records), captures.count)


def _rebuilt(
    captures: CaptureHistory,
    one: IntArray,
    kept: BoolArray,
    names: np.ndarray[tuple[int], np.dtype[np.object_]] | None = None,
) -> CaptureHistory:
    """Captures of some of the detections, under other names of animals."""
    record = one[kept]
    if names is None:
        names = np.array(captures.animal_ids, dtype=object)[captures.animal[one]]
    own = names[kept]
    position: dict[str, int] = {}
    first: list[int] = []
    for name, r in zip(own, record, strict=True):
        if name not in position:
            position[name] = len(first)
            first.append(int(captures.animal[r]))
    return CaptureHistory(
        captures.traps,
        animal=np.array([position[name] for name in own], dtype=np.int64),
        occasion=captures.occasion[record],
        trap=captures.trap[record],
        animal_ids=list(position),
        covariates=captures.covariates.iloc[first],
    )
