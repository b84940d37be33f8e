"""When each camera worked: periods from the traps or the operation table, one row a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.quality.dates import DateColumn, read_dates

if TYPE_CHECKING:
    from secr_nea.quality.raw_tables import RawTables

DAY = np.timedelta64(1, "D")
FAR = 60
"""Days outside the other cameras' dates from which a date is doubted."""


def days_of(when: np.ndarray) -> np.ndarray:
    """Calendar days of moments, datetime64[D]."""
    return when.astype("datetime64[D]")


def span_days(start: DateColumn, end: DateColumn) -> FloatArray:
    """Days from start to end, by the calendar; NaN where one of them is unknown."""
    gap = days_of(end.when) - days_of(start.when)
    known = ~np.isnat(gap)
    return np.where(known, gap.astype(np.float64, copy=False), np.nan) if len(gap) else np.zeros(0)


def period_table(tables: RawTables) -> str | None:
    """The table that says when cameras worked: "operation", "traps", or None."""
    for name in ("operation", "traps"):
        if name in tables.raw and tables.has(name, "start") and tables.has(name, "end"):
            return name
    return None


def periods(tables: RawTables, *, mended: bool = True) -> pd.DataFrame:
    """Periods in which traps operated, as the tables tell them.

    Parameters
    ----------
    tables : RawTables
    mended : bool
        Whether dates whose day and month are evidently exchanged are put right, so that one
        mistake is not reported for everything that depends on it.

    Returns
    -------
    DataFrame, one row per period
        session, trap_id, camera, start, end (datetime64[s]), row, in the order of the table. Empty
        when no table tells periods.
    """
    name = period_table(tables)
    if name is None:
        blank = np.array([], dtype="datetime64[s]")
        empty = {"session": [], "trap_id": [], "camera": [], "start": blank, "end": blank}
        return pd.DataFrame({**empty, "row": np.array([], dtype=np.int64)})
    start, end = tables.dates(name, "start"), tables.dates(name, "end")
    if mended:
        start, end = exchange_evident(tables, name, start, end)[:2]
    return pd.DataFrame(
        {
            "session": tables.session(name),
            "trap_id": tables.text(name, "trap_id"),
            "camera": tables.text(name, "camera"),
            "start": start.when,
            "end": end.when,
            "row": tables.rows(name),
        }
    )


def duration_days(known: pd.DataFrame) -> FloatArray:
    """Days from start to end of periods, as from :func:`periods`; NaN where one is unknown."""
    gap = known["end"].to_numpy() - known["start"].to_numpy()
    days: FloatArray = np.where(np.isnat(gap), np.nan, gap / DAY)
    return days


def exchange_evident(
    tables: RawTables, name: str, start: DateColumn, end: DateColumn
) -> tuple[DateColumn, DateColumn, BoolArray, BoolArray]:
    """Periods that make sense only with day and month of one date exchanged.

    A period is doubtful when it ends before it starts, when it disagrees with the stated effort,
    or when one end lies far outside the other rows' dates. It is taken as exchanged when exchanging
    one date, or both, removes the doubt and, where effort is stated, makes the days equal to it.

    Returns
    -------
    start, end : DateColumn
        With the dates exchanged where that is evident.
    start_swapped, end_swapped : bool array, shape (n_rows,)
    """
    effort = _total_effort(tables, name)
    lowest, highest = _usual_range(start, end)
    doubt = _doubtful(start, end, effort, lowest, highest)
    swapped_start, swapped_end = np.zeros(len(doubt), dtype=bool), np.zeros(len(doubt), dtype=bool)
    for change_start, change_end in ((True, False), (False, True), (True, True)):
        a = start.changed(np.full(len(doubt), change_start), start.swapped())
        b = end.changed(np.full(len(doubt), change_end), end.swapped())
        both = ~np.isnat(a.when) & ~np.isnat(b.when)
        cured = doubt & both & ~_doubtful(a, b, effort, lowest, highest)
        if effort is not None:
            cured &= ~(np.abs(span_days(a, b) - effort) > 1)
        cured &= ~(swapped_start | swapped_end)
        swapped_start |= cured & change_start
        swapped_end |= cured & change_end
    return (
        start.changed(swapped_start, start.swapped()),
        end.changed(swapped_end, end.swapped()),
        swapped_start,
        swapped_end,
    )


def _total_effort(tables: RawTables, name: str) -> FloatArray | None:
    """Stated days of effort of each row, where they can be compared with the period."""
    if name != "traps" or not tables.has("traps", "effort") or len(tables.effort_columns) > 1:
        return None
    return tables.numbers("traps", "effort")[0]


def _usual_range(start: DateColumn, end: DateColumn) -> tuple[np.datetime64, np.datetime64]:
    """Dates between which most periods lie, some days wider; robust against a few mistakes."""
    known = ~np.isnat(start.when) & ~np.isnat(end.when) & (start.when <= end.when)
    if known.sum() < 4:
        return np.datetime64("NaT", "s"), np.datetime64("NaT", "s")
    first = np.sort(start.when[known])[int(0.1 * known.sum())]
    last = np.sort(end.when[known])[int(np.ceil(0.9 * known.sum())) - 1]
    return first - FAR * DAY, last + FAR * DAY


def _doubtful(
    start: DateColumn,
    end: DateColumn,
    effort: FloatArray | None,
    lowest: np.datetime64,
    highest: np.datetime64,
) -> BoolArray:
    span = span_days(start, end)
    with np.errstate(invalid="ignore"):
        doubt: BoolArray = span < 0
        if effort is not None:
            comparable = np.isfinite(span) & np.isfinite(effort) & (effort > 0)
            doubt |= comparable & (np.abs(effort - span) > 1)
        else:
            doubt |= _unusual(start, end, lowest, highest)
    return doubt


def _unusual(
    start: DateColumn, end: DateColumn, lowest: np.datetime64, highest: np.datetime64
) -> BoolArray:
    if np.isnat(lowest):
        return np.zeros(len(start.when), dtype=bool)
    return (start.when < lowest) | (end.when > highest)


def fit_of_operation(tables: RawTables, name: str, order: str) -> float:
    """How many periods make sense when dates are read in an order."""
    if not (tables.has(name, "start") and tables.has(name, "end")):
        return 0.0
    start = read_dates(tables.cells(name, "start"), order)
    end = read_dates(tables.cells(name, "end"), order)
    span = span_days(start, end)
    effort = _total_effort(tables, name)
    with np.errstate(invalid="ignore"):
        good = (span >= 0).astype(np.float64)
        if effort is not None:
            good += np.abs(span - effort) <= 1
    return float(good.sum())


def fit_to_operation(tables: RawTables, name: str, order: str) -> float:
    """How many detections lie within the operation of their trap when read in an order."""
    known = periods(tables)
    if known.empty or not tables.has(name, "date"):
        return 0.0
    read = read_dates(tables.cells(name, "date"), order)
    return float(days_outside(tables, known, read.when, name)[1].sum())


def days_outside(
    tables: RawTables, known: pd.DataFrame, when: np.ndarray, name: str = "detections"
) -> tuple[FloatArray, BoolArray]:
    """Days between each detection and the nearest period of its trap.

    Parameters
    ----------
    tables : RawTables
    known : DataFrame
        As from :func:`periods`.
    when : datetime64[s] array, shape (n_rows,)
    name : str
        The table of the detections.

    Returns
    -------
    days : float64 array, shape (n_rows,)
        Negative before, positive after, 0 within; NaN where date or period are unknown.
    inside : bool array, shape (n_rows,)
    """
    by_trap = {
        key: (days_of(group["start"].to_numpy()), days_of(group["end"].to_numpy()))
        for key, group in known.groupby(["session", "trap_id"], sort=False)
    }
    trap, session = tables.text(name, "trap_id"), tables.session(name)
    only = set(known["session"])
    day = days_of(when)
    away = np.full(len(day), np.nan)
    for i in range(len(day)):
        survey = session[i] if session[i] in only or len(only) != 1 else next(iter(only))
        if (survey, trap[i]) not in by_trap or np.isnat(day[i]):
            continue
        start, end = by_trap[survey, trap[i]]
        usable = ~np.isnat(start) & ~np.isnat(end) & (start <= end)
        if usable.any():
            before = np.minimum((day[i] - start[usable]).astype(float), 0.0)
            after = np.maximum((day[i] - end[usable]).astype(float), 0.0)
            gap = before + after
            away[i] = gap[np.argmin(np.abs(gap))]
    return away, away == 0.0
