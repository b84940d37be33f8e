"""Detections far enough apart in time to be counted as separate visits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError


def independent_detections(
    detections: pd.DataFrame,
    interval: str | pd.Timedelta = "30min",
    *,
    by: Sequence[str] = ("animal_id", "trap_id"),
    date: str = "date",
    since: str = "kept",
) -> pd.DataFrame:
    """Keep detections of one animal at one trap that are an interval or more apart.

    Parameters
    ----------
    detections : DataFrame
        With the columns ``by`` and ``date`` (true times, local clock).
    interval : str or Timedelta
        Such as "30min", "4h" or "1D". With "1D" and dates without time each day counts once.
    by : sequence of str
        Columns within which detections are compared.
    date : str
    since : {"kept", "previous"}
        Whether the interval is counted from the last detection that was kept, or from the previous
        one: a visit then ends only after a gap.

    Returns
    -------
    DataFrame
        The rows that are kept, in their order and with their index.

    Raises
    ------
    DataError
        Missing columns or dates, an interval that is none.

    Examples
    --------
    >>> frame = pd.DataFrame({"animal_id": "A", "trap_id": "T", "date": pd.to_datetime(
    ...     ["2024-05-01 10:00", "2024-05-01 10:20", "2024-05-01 10:40"])})
    >>> len(independent_detections(frame)), len(independent_detections(frame, since="previous"))
    (2, 1)
    """
    if since not in ("kept", "previous"):
        raise DataError(f"since must be 'kept' or 'previous'; got {since!r}.")
    absent = [name for name in (*by, date) if name not in detections.columns]
    if absent:
        raise DataError(f"The detections have no column {_checks.listed(map(repr, absent))}.")
    try:
        gap = pd.Timedelta(interval).to_timedelta64()
        when = pd.to_datetime(detections[date]).to_numpy(dtype="datetime64[ns]")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"Detections need true times in {date!r} and an interval such as '30min': {error}."
        ) from None
    if np.isnat(when).any():
        rows = np.flatnonzero(np.isnat(when)) + 1
        raise DataError(f"No date in {_checks.rows_listed(rows)}: drop these rows or fill it in.")
    keep = np.zeros(len(when), dtype=bool)
    for where in detections.groupby(list(by), sort=False, dropna=False).indices.values():
        last = None
        for i in np.asarray(where)[np.argsort(when[where], kind="stable")]:
            keep[i] = last is None or when[i] - last >= gap
            if keep[i] or since == "previous":
                last = when[i]
    return detections[keep]
