"""The days of set-up and retrieval, and where occasions begin and end, in local time.

Rule for set-up and retrieval days: a start or end with a time of day counts exactly. A bare date
counts as half a day by default (from noon of the first to noon of the last day, so that
effort = last day - first day), as camtrapR does since version 2.1; ``edge_days`` may be ``"whole"``
(both days count) or ``"none"`` (neither does).
"""

from __future__ import annotations

import numpy as np

from secr_nea import _checks
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

    The first occasion begins at the midnight (or noon) at or before the beginning of the survey,
    the last one ends at the midnight (or noon) at or after its end.

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
