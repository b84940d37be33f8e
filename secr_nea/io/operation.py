"""Effort by occasion from the intervals in which cameras operated, in local time.

Rule for set-up and retrieval days: a start or end with a time of day counts exactly. A bare date
counts as half a day by default (from noon of the first to noon of the last day, so that
effort = last day - first day), as camtrapR does since version 2.1; ``edge_days`` may be ``"whole"``
(both days count) or ``"none"`` (neither does).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError

EDGE_DAYS = {"half": (12, 12), "whole": (0, 24), "none": (24, 0)}
"""Hours after midnight at which a camera starts on its first and ends on its last bare date."""
STARTS = {"midnight": 0, "noon": 12}
DAY = np.timedelta64(86_400, "s")
MAX_OCCASIONS = 5_000


def operating_time(
    day: np.ndarray, date_only: np.ndarray, *, edge: str, edge_days: str = "half"
) -> np.ndarray:
    """Start or end of operation from dates and times, by the rule for bare dates.

    Parameters
    ----------
    day : datetime64 array, shape (n,)
    date_only : bool array, shape (n,)
        Which of them have no time of day.
    edge : {"start", "end"}
    edge_days : {"half", "whole", "none"}

    Returns
    -------
    datetime64[s] array, shape (n,)

    Raises
    ------
    DataError
    """
    if edge_days not in EDGE_DAYS:
        raise DataError(f"edge_days must be {_checks.listed(EDGE_DAYS)}; got {edge_days!r}.")
    hours = EDGE_DAYS[edge_days][0 if edge == "start" else 1]
    moved = day.astype("datetime64[s]") + np.where(date_only, hours, 0) * np.timedelta64(3600, "s")
    return np.asarray(moved, dtype="datetime64[s]")


def occasion_edges(
    first: np.datetime64,
    last: np.datetime64,
    occasion_days: float | None = None,
    starts_at: str = "midnight",
) -> np.ndarray:
    """Boundaries of the occasions.

    Parameters
    ----------
    first, last : datetime64
        Beginning and end of the survey, local time.
    occasion_days : int, optional
        Length of an occasion; one occasion when None. The last one may be shorter.
    starts_at : {"midnight", "noon"}
        When a day begins: at noon a night stays in one piece.

    Returns
    -------
    datetime64[s] array, shape (n_occasions + 1,)

    Raises
    ------
    DataError
    """
    if starts_at not in STARTS:
        raise DataError(f"starts_at must be {_checks.listed(STARTS)}; got {starts_at!r}.")
    shift = np.timedelta64(STARTS[starts_at], "h").astype("timedelta64[s]")
    begin = (first - shift).astype("datetime64[D]").astype("datetime64[s]") + shift
    days = int(np.ceil((last - begin) / DAY))
    if days < 1:
        raise DataError(f"The survey ends ({last}) before it begins ({first}).")
    if occasion_days is None:
        return np.array([begin, begin + days * DAY])
    length = _checks.positive(occasion_days, "occasion_days")
    if length != int(length):
        raise DataError(f"occasion_days must be a whole number of days; got {occasion_days:g}.")
    n = int(np.ceil(days / length))
    if n > MAX_OCCASIONS:
        raise DataError(
            f"{days:,} days give {n:,} occasions of {length:g} days; at most {MAX_OCCASIONS:,} are "
            "made. Is there a wrong year in the dates? Or use longer occasions."
        )
    edges = begin + np.arange(n + 1) * int(length) * DAY
    return np.asarray(np.minimum(edges, begin + days * DAY))


def effort_by_occasion(
    operation: pd.DataFrame,
    trap_ids: Sequence[str],
    edges: np.ndarray,
    *,
    cameras: str = "any",
) -> FloatArray:
    """Days of operation of each trap on each occasion.

    Parameters
    ----------
    operation : DataFrame
        Columns trap_id, start, end (datetime64, local time) and share, the effort per day of the
        interval (1 where there is no such column).
    trap_ids : sequence of str
    edges : datetime64 array, shape (n_occasions + 1,)
    cameras : {"any", "sum"}
        Where intervals of one trap overlap (paired cameras): a day counts once, or once for each
        camera.

    Returns
    -------
    float64 array, shape (n_traps, n_occasions), days

    Raises
    ------
    DataError
    """
    if cameras not in ("any", "sum"):
        raise DataError(f"cameras must be 'any' or 'sum'; got {cameras!r}.")
    position = {name: k for k, name in enumerate(trap_ids)}
    effort = np.zeros((len(trap_ids), len(edges) - 1))
    for name, rows in operation.groupby("trap_id", sort=False):
        start = rows["start"].to_numpy().astype("datetime64[s]").astype(np.int64)
        end = rows["end"].to_numpy().astype("datetime64[s]").astype(np.int64)
        share = rows["share"].to_numpy(dtype=np.float64) if "share" in rows else np.ones(len(rows))
        seconds = edges.astype("datetime64[s]").astype(np.int64)
        effort[position[str(name)]] = _one_trap(start, end, share, seconds, cameras == "sum")
    return effort


def _one_trap(
    start: IntArray, end: IntArray, share: FloatArray, edges: IntArray, add: bool
) -> FloatArray:
    """Days of operation within each pair of edges, from intervals that may overlap."""
    cuts = np.unique(np.concatenate([start, end, edges]))
    cuts = cuts[(cuts >= edges[0]) & (cuts <= edges[-1])]
    active = (start[:, None] <= cuts[None, :-1]) & (end[:, None] >= cuts[None, 1:])
    rate = np.where(active, share[:, None], 0.0)
    per_day = rate.sum(axis=0) if add else rate.max(axis=0, initial=0.0)
    occasion = np.searchsorted(edges, cuts[:-1], side="right") - 1
    days = per_day * np.diff(cuts) / 86_400.0
    return np.bincount(occasion, weights=days, minlength=len(edges) - 1).astype(np.float64)


def outside_operation(detections: pd.DataFrame, operation: pd.DataFrame) -> FloatArray:
    """Days from each detection to the nearest day on which its trap operated.

    Parameters
    ----------
    detections : DataFrame
        Columns trap_id, time.
    operation : DataFrame
        Columns trap_id, start, end.

    Returns
    -------
    float64 array, shape (n_detections,)
        0 on a calendar day on which the trap operated for some time; infinite where it never did.
    """
    away = np.full(len(detections), np.inf)
    time = detections["time"].to_numpy().astype("datetime64[D]")
    trap = detections["trap_id"].to_numpy(dtype=object)
    for name, rows in operation.groupby("trap_id", sort=False):
        mine = np.flatnonzero(trap == name)
        if not mine.size:
            continue
        first = rows["start"].to_numpy().astype("datetime64[D]")
        last = rows["end"].to_numpy().astype("datetime64[D]")
        before = (first[None, :] - time[mine][:, None]) / np.timedelta64(1, "D")
        after = (time[mine][:, None] - last[None, :]) / np.timedelta64(1, "D")
        away[mine] = np.maximum(np.maximum(before, after), 0.0).min(axis=1)
    return away


def check_intervals(operation: pd.DataFrame, place: str) -> None:
    """DataError when an interval ends before it starts, or has no start or end."""
    start, end = operation["start"], operation["end"]
    wrong = (start.isna() | end.isna() | (end < start)).to_numpy()
    if wrong.any():
        rows = operation.loc[wrong]
        number = rows["row"] if "row" in rows else pd.Series(np.flatnonzero(wrong) + 1)
        told = _checks.listed(
            f"row {n}: {t} from {s} to {e}"
            for n, t, s, e in zip(number, rows["trap_id"], rows["start"], rows["end"], strict=True)
        )
        raise DataError(
            f"{place}: operation without a beginning, without an end, or that ends before it "
            f"begins: {told}. Correct the dates."
        )
