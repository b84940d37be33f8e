"""Checks of when cameras worked: dates of operation, effort, and whether the two agree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from secr_nea import _checks
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.quality.cells import numbers_of
from secr_nea.quality.dates import DateColumn, of_another_hand
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.names import same_id_hint
from secr_nea.quality.operation_rows import (
    days_of,
    duration_days,
    exchange_evident,
    period_table,
    periods,
    span_days,
)
from secr_nea.quality.raw_tables import RawTables

SHORT_DAYS = 6.0
"""Cameras that worked at most so many days are told of, where others worked four times as long."""
FAR_DAYS = 400
"""Dates farther than this from the median of the table are doubted."""

_FAILED = re.compile(
    r"lost|stolen|theft|missing|broken|fail|malfunction|damag|destroy|not work|dead|flat|full|"
    r"утер|утрач|украд|слом|полом|неисправ|не\s*работ|пропа|сбой|отказ|сел[аи]?\b|разря|полна|"
    r"заполн|переполн|поврежд|уничтож",
    re.IGNORECASE,
)
_LOST = re.compile(r"lost|stolen|theft|утер|утрач|украд|пропа", re.IGNORECASE)
LONGEST_DAYS = 3 * 365
"""No camera works longer within one survey; a wrong digit in the year makes it so."""
MOST_OF_TYPICAL = 0.75
"""A camera that failed and still counts for this share of what others do was hardly shortened."""


def date_text(day: np.datetime64) -> str:
    """Day as text, ``2024-03-31``."""
    return str(day.astype("datetime64[D]"))


def check_operation(tables: RawTables) -> Iterator[Finding]:
    """Findings about periods of operation and effort.

    Parameters
    ----------
    tables : RawTables

    Yields
    ------
    Finding
    """
    for name in ("traps", "operation"):
        if name in tables.raw and (tables.has(name, "start") or tables.has(name, "end")):
            yield from _period_dates(tables, name)
    if "operation" in tables.raw:
        yield from _operation_ids(tables)
        yield from _overlaps(tables)
    yield from _effort_columns(tables)
    yield from _effort_values(tables)
    yield from _short_lived(tables)
    yield from _failed(tables)


def _period_dates(tables: RawTables, name: str) -> Iterator[Finding]:
    rows = tables.rows(name)
    start, end = tables.dates(name, "start"), tables.dates(name, "end")
    for role, dates in (("start", start), ("end", end)):
        yield from unreadable_dates(tables, name, role, dates)
    if not (tables.has(name, "start") and tables.has(name, "end")):
        return
    _, _, swapped_start, swapped_end = exchange_evident(tables, name, start, end)
    swapped: BoolArray = swapped_start | swapped_end | start.other_order | end.other_order
    if swapped.any():
        told = _checks.listed(
            f"row {rows[i]} ({_period(start, end, i)})" for i in np.flatnonzero(swapped)
        )
        seen = (
            f"Day and month of start or end look exchanged in {told}: as written the period ends "
            "before it starts, or disagrees with the effort or with the other dates; exchanged it "
            "fits."
        )
        if (start.other_order | end.other_order)[swapped].all():
            seen = f"Dates that exist only with day and month the other way round: {told}."
        yield found("day-month-swapped", name, rows[swapped], seen)
    for role, dates in (("start", start), ("end", end)):
        yield from dates_of_another_hand(tables, name, role, dates, swapped)
    backward = (span_days(start, end) < 0) & ~swapped
    if backward.any():
        told = _checks.listed(
            f"row {rows[i]} ({_period(start, end, i)})" for i in np.flatnonzero(backward)
        )
        yield found(
            "end-before-start", name, rows[backward], f"The end is before the start: {told}."
        )
    yield from _far_dates(tables, name, start, end, swapped | backward)
    yield from _incomplete(tables, name, start, end)


def _period(start: DateColumn, end: DateColumn, i: Any) -> str:
    return f"{date_text(start.when[i])} to {date_text(end.when[i])}"


def unreadable_dates(
    tables: RawTables, name: str, role: str, dates: DateColumn
) -> Iterator[Finding]:
    """Finding about cells of a date column that hold no date.

    Parameters
    ----------
    tables : RawTables
    name, role : str
    dates : DateColumn

    Yields
    ------
    Finding
    """
    if dates.bad.any():
        rows, cells = tables.rows(name), tables.cells(name, role)
        where = np.flatnonzero(dates.bad)
        told = _checks.listed(f"{str(cells[i])!r} in row {rows[i]}" for i in where)
        column = tables.columns[name][role]
        yield found("date-not-understood", name, rows[where], f"{column}: {told}.")


def dates_of_another_hand(
    tables: RawTables, name: str, role: str, dates: DateColumn, known: BoolArray
) -> Iterator[Finding]:
    """Finding about dates that are written like those of the other order, and exist in both.

    Parameters
    ----------
    tables : RawTables
    name, role : str
    dates : DateColumn
    known : bool array, shape (n_rows,)
        Rows that are told as exchanged already.

    Yields
    ------
    Finding
    """
    cells = tables.cells(name, role)
    doubted: BoolArray = of_another_hand(list(cells), tables.orders[name]) & ~known
    if doubted.any():
        rows, other = tables.rows(name), dates.swapped()
        told = _checks.listed(
            f"row {rows[i]}: {str(cells[i]).strip()!r}, read as {date_text(dates.when[i])}, may be "
            f"{date_text(other[i])}"
            for i in np.flatnonzero(doubted)
        )
        seen = f"Written like dates that exist only with day and month the other way round: {told}."
        yield found("day-month-swapped", name, rows[doubted], seen, severity="warning")


def _far_dates(
    tables: RawTables, name: str, start: DateColumn, end: DateColumn, known: BoolArray
) -> Iterator[Finding]:
    """Dates in another year than nearly all others of their survey."""
    rows, session = tables.rows(name), tables.session(name)
    endless: BoolArray = ~known & (span_days(start, end) > LONGEST_DAYS)
    if endless.any():
        told = _checks.listed(
            f"row {rows[i]} ({_period(start, end, i)})" for i in np.flatnonzero(endless)
        )
        yield found("date-far-from-others", name, rows[endless],
                    f"A period of more than three years: {told}.")  # fmt: skip
    known = known | endless
    for survey in dict.fromkeys(session.tolist()):
        mine = (session == survey) & ~known & ~np.isnat(start.when) & ~np.isnat(end.when)
        if mine.sum() < 4:
            continue
        middle = np.sort(days_of(start.when[mine]))[mine.sum() // 2]
        far = mine & (
            (np.abs((days_of(start.when) - middle).astype(float)) > FAR_DAYS)
            | (np.abs((days_of(end.when) - middle).astype(float)) > FAR_DAYS)
        )
        if far.any() and far.sum() <= max(1, 0.1 * mine.sum()):
            told = _checks.listed(
                f"row {rows[i]} ({_period(start, end, i)})" for i in np.flatnonzero(far)
            )
            seen = f"Most cameras were set up around {date_text(middle)}; far from it: {told}."
            yield found("date-far-from-others", name, rows[far], seen)


def _incomplete(
    tables: RawTables, name: str, start: DateColumn, end: DateColumn
) -> Iterator[Finding]:
    """Periods without start or end whose length is not known from the effort either."""
    gap = (np.isnat(start.when) & ~start.bad) | (np.isnat(end.when) & ~end.bad)
    if name == "traps":
        if "operation" in tables.raw:
            return
        stated = effort_of_rows(tables)
        gap &= np.isnan(stated) if stated is not None else np.ones(len(gap), dtype=bool)
        if tables.effort_columns:
            return  # told as effort-missing
    if gap.any():
        rows = tables.rows(name)
        ids = tables.text(name, "trap_id")
        told = _checks.listed(f"row {rows[i]} ({ids[i]})" for i in np.flatnonzero(gap))
        yield found("operation-incomplete", name, rows[gap], f"Start or end is empty: {told}.")


def effort_of_rows(tables: RawTables) -> FloatArray | None:
    """Total stated effort of each row of the traps table; None when there is no effort column."""
    if not tables.effort_columns:
        return None
    frame = tables.raw["traps"]
    columns = [numbers_of(frame[name].tolist())[0] for name in tables.effort_columns]
    table = np.column_stack(columns)
    total: FloatArray = np.where(np.isnan(table).all(axis=1), np.nan, np.nansum(table, axis=1))
    return total


def _operation_ids(tables: RawTables) -> Iterator[Finding]:
    rows, ids = tables.rows("operation"), tables.text("operation", "trap_id")
    known = set(tables.text("traps", "trap_id"))
    blank = ids == ""
    if blank.any():
        yield found("trap-id-missing", "operation", rows[blank],
                    f"No trap in {_checks.rows_listed(rows[blank])}.")  # fmt: skip
    for name in dict.fromkeys(ids[~blank].tolist()):
        if name not in known:
            where = rows[ids == name]
            hint = same_id_hint(name, known)
            seen = f"{name!r} is not in the traps table{hint}."
            yield found("operation-at-unknown-trap", "operation", where, seen)
    trap_rows, trap_ids = tables.rows("traps"), tables.text("traps", "trap_id")
    idle = ~np.isin(trap_ids, ids) & (trap_ids != "")
    if idle.any():
        seen = f"No period for {_checks.listed(trap_ids[idle])}."
        yield found("trap-without-operation", "traps", trap_rows[idle], seen)


def _overlaps(tables: RawTables) -> Iterator[Finding]:
    """Periods of one camera that share days (a common day of change is none)."""
    known = periods(tables)
    known = known[known["start"].notna() & known["end"].notna() & (known["start"] <= known["end"])]
    for (_, trap, camera), group in known.groupby(["session", "trap_id", "camera"], sort=False):
        ordered = group.sort_values("start", kind="stable")
        reach = ordered["end"].cummax().shift()
        clash = np.flatnonzero((ordered["start"] < reach).to_numpy())
        if clash.size:
            rows = ordered["row"].to_numpy()
            pairs = sorted({int(rows[i - 1]) for i in clash} | {int(rows[i]) for i in clash})
            who = f"{trap}, camera {camera}" if camera else str(trap)
            seen = f"Periods of {who} overlap: {_checks.rows_listed(pairs)}."
            yield found("operation-overlaps", "operation", pairs, seen)


def _effort_columns(tables: RawTables) -> Iterator[Finding]:
    """Cells that are no effort at all."""
    rows, frame = tables.rows("traps"), tables.raw["traps"]
    for column in tables.effort_columns:
        cells = frame[column].tolist()
        values, bad = numbers_of(cells)
        if bad.any():
            where = np.flatnonzero(bad)
            told = _checks.listed(f"{str(cells[i])!r} in row {rows[i]}" for i in where)
            yield found("effort-not-number", "traps", rows[bad], f"{column}: {told}.")
        negative = values < 0
        if negative.any():
            told = _checks.listed(f"row {r}: {v:g}" for r, v in
                                  zip(rows[negative], values[negative], strict=True))  # fmt: skip
            yield found("effort-negative", "traps", rows[negative], f"{column} is below 0: {told}.")
        if len(tables.effort_columns) > 1 and not (values > 0).any():
            yield found("occasion-without-effort", "traps", [], f"{column} is 0 for every trap.")


def _effort_values(tables: RawTables) -> Iterator[Finding]:
    """Effort that is missing, zero, or not what the dates say."""
    effort = effort_of_rows(tables)
    if effort is None:
        return
    rows = tables.rows("traps")
    bad = np.zeros(len(rows), dtype=bool)
    for column in tables.effort_columns:
        bad |= numbers_of(tables.raw["traps"][column].tolist())[1]
    span = _span_of_rows(tables)
    missing = np.isnan(effort) & ~bad
    if "operation" in tables.raw:
        missing[:] = False
    if missing.any():
        seen = f"Effort is empty in {_checks.rows_listed(rows[missing])}."
        inferable = bool(np.isfinite(span[missing]).all())
        yield found("effort-missing", "traps", rows[missing], seen,
                    severity="warning" if inferable else "error")  # fmt: skip
    yield from _zero_effort(tables, effort, span)
    if len(tables.effort_columns) == 1:
        yield from _against_dates(tables, effort, span)


def _span_of_rows(tables: RawTables) -> FloatArray:
    """Days between start and end of the rows of the traps table, exchanged dates put right."""
    if not (tables.has("traps", "start") and tables.has("traps", "end")):
        return np.full(len(tables.rows("traps")), np.nan)
    start, end = tables.dates("traps", "start"), tables.dates("traps", "end")
    return span_days(*exchange_evident(tables, "traps", start, end)[:2])


def _zero_effort(tables: RawTables, effort: FloatArray, span: FloatArray) -> Iterator[Finding]:
    rows, notes = tables.rows("traps"), tables.text("traps", "note")
    told_why = np.array([bool(_FAILED.search(note)) for note in notes], dtype=bool)
    zero = effort == 0
    contradicted = zero & ~told_why & (span >= 2)
    # a row without any date beside dated ones says by itself that the camera was never out
    never = np.isnan(span) & bool(np.isfinite(span).any())
    silent = zero & ~told_why & ~contradicted & ~never
    for chosen, severity in ((contradicted, "error"), (silent, "warning")):
        if chosen.any():
            seen = f"Effort is 0 in {_checks.rows_listed(rows[chosen])}"
            seen += (
                ", although the dates say that the camera was out." if severity == "error" else "."
            )
            yield found("effort-zero", "traps", rows[chosen], seen, severity=severity)


def _against_dates(tables: RawTables, effort: FloatArray, span: FloatArray) -> Iterator[Finding]:
    rows = tables.rows("traps")
    with np.errstate(invalid="ignore"):
        comparable = np.isfinite(span) & (span >= 0) & (effort > 0)
        more = comparable & (effort > span + 1)
        fewer = comparable & (effort < span - 1)
    if not _is_days(effort, span, comparable):
        return
    notes = tables.text("traps", "note")
    explained = np.array([bool(_FAILED.search(note)) for note in notes], dtype=bool)
    for chosen, word, severity in (
        (more, "more", "error"),
        (fewer & ~explained, "fewer", "warning"),
    ):
        if chosen.any():
            told = _checks.listed(
                f"row {rows[i]}: effort {effort[i]:g}, {span[i]:g} days by the dates"
                for i in np.flatnonzero(chosen)
            )
            seen = f"Effort is {word} than the days from start to end: {told}."
            yield found("effort-against-dates", "traps", rows[chosen], seen, severity=severity)


def _is_days(effort: FloatArray, span: FloatArray, comparable: BoolArray) -> bool:
    """Whether effort is counted in days: it agrees with the dates in a third of rows or more."""
    if not comparable.any():
        return False
    agrees = np.abs(effort - span)[comparable] <= 1
    return bool(agrees.mean() >= 1 / 3)


def _short_lived(tables: RawTables) -> Iterator[Finding]:
    """Cameras that worked a few days while others worked weeks."""
    rows, ids = tables.rows("traps"), tables.text("traps", "trap_id")
    days = _days_worked(tables)
    if days is None:
        return
    worked = days[days > 0]
    if len(worked) < 4:
        return
    typical = float(np.median(worked))
    with np.errstate(invalid="ignore"):
        short = (days > 0) & (days <= SHORT_DAYS) & (days < typical / 4.0)
    if short.any():
        told = _checks.listed(
            f"{ids[i]} ({days[i]:g} days, row {rows[i]})" for i in np.flatnonzero(short)
        )
        seen = f"Worked {SHORT_DAYS:g} days or less, while half of all worked {typical:g}: {told}."
        yield found("short-lived-camera", "traps", rows[short], seen)
    yield from _lost(tables, days, typical)


def _days_worked(tables: RawTables) -> FloatArray | None:
    """Days that each trap worked: stated effort, else days between its dates."""
    effort = effort_of_rows(tables)
    if effort is not None:
        return effort
    if period_table(tables) is None:
        return None
    known = periods(tables)
    known["days"] = duration_days(known)
    total = known.groupby(["session", "trap_id"])["days"].sum(min_count=1)
    if set(known["session"]) == set(tables.session("traps")):
        keys = zip(tables.session("traps"), tables.text("traps", "trap_id"), strict=True)
        return np.array([total.get(key, np.nan) for key in keys], dtype=np.float64)
    by_trap = known.groupby("trap_id")["days"].sum(min_count=1)
    ids = tables.text("traps", "trap_id")
    return np.array([by_trap.get(name, np.nan) for name in ids], dtype=np.float64)


def _lost(tables: RawTables, days: FloatArray, typical: float) -> Iterator[Finding]:
    rows, notes = tables.rows("traps"), tables.text("traps", "note")
    lost = np.array([bool(_LOST.search(note)) for note in notes], dtype=bool)
    if not lost.any() or lost.all():
        return
    with np.errstate(invalid="ignore"):
        full = lost & (days >= np.nanmax(np.where(lost, 0, days))) & (days >= typical)
    if full.any():
        told = _checks.listed(
            f"row {rows[i]} ({notes[i]}, {days[i]:g} days)" for i in np.flatnonzero(full)
        )
        yield found("lost-camera-with-full-effort", "traps", rows[full],
                    f"Noted as lost, but worked as long as any other: {told}.")  # fmt: skip


def _failed(tables: RawTables) -> Iterator[Finding]:
    """Rows whose note tells of a failure that their days of work know nothing of."""
    name = period_table(tables) or "traps"
    if tables.problem_columns(name):
        return
    rows, stations = tables.rows(name), tables.text(name, "trap_id")
    notes = tables.text(name, "status" if name == "operation" else "note")
    failed = np.array([bool(_FAILED.search(n)) and not _LOST.search(n) for n in notes], dtype=bool)
    if name == "operation":  # of several periods the others are the failure
        keys = list(zip(stations, tables.text(name, "camera"), strict=True))
        failed &= np.array([keys.count(key) == 1 for key in keys], dtype=bool)
    days = effort_of_rows(tables) if name == "traps" else None
    if days is None:
        days = duration_days(periods(tables))
    if not failed.any() or not (days > 0).any():
        return
    with np.errstate(invalid="ignore"):
        full = failed & (days >= MOST_OF_TYPICAL * float(np.median(days[days > 0])))
    if full.any():
        told = _checks.listed(
            f"row {rows[i]} ({notes[i]}, {days[i]:g} days)" for i in np.flatnonzero(full)
        )
        seen = f"Noted as failed, but counted about as long as the others: {told}."
        yield found("failure-not-in-effort", name, rows[full], seen)
