"""Checks of detections: who, where and when, against the traps and their operation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import BoolArray
from secr_nea.quality.cells import is_empty, numbers_of, text_of
from secr_nea.quality.dates import DateColumn
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.names import same_id_hint
from secr_nea.quality.operation_checks import (
    date_text,
    dates_of_another_hand,
    effort_of_rows,
    unreadable_dates,
)
from secr_nea.quality.operation_rows import days_of, days_outside, periods
from secr_nea.quality.raw_tables import RawTables

TABLE = "detections"
MOST_ALIKE = 3
"""More unknown traps than this are told as one finding."""


def check_detections(tables: RawTables, detector: str) -> Iterator[Finding]:
    """Findings about the rows of the detections table.

    Parameters
    ----------
    tables : RawTables
    detector : str
        Canonical detector word: "count", "binary", "binomial", "multi".

    Yields
    ------
    Finding
    """
    yield from _unknown_traps(tables)
    if tables.has(TABLE, "date"):
        yield from _dates(tables)
    yield from _without_effort(tables)
    yield from _occasions(tables)
    yield from _counts(tables)
    yield from _copies(tables)
    yield from _too_many(tables, detector)


def _unknown_traps(tables: RawTables) -> Iterator[Finding]:
    rows, names, session = tables.rows(TABLE), tables.text(TABLE, "trap_id"), tables.session(TABLE)
    blank = names == ""
    if blank.any():
        yield found(
            "trap-id-missing", TABLE, rows[blank], f"No trap in {_checks.rows_listed(rows[blank])}."
        )
    trap_session, trap_names = tables.session("traps"), tables.text("traps", "trap_id")
    surveys = dict.fromkeys(trap_session.tolist())
    one = tables.has("traps", "session") != tables.has(TABLE, "session")
    # a trap whose survey is not told may belong to any
    known = {s: set(trap_names[(trap_session == s) | (trap_session == "")]) for s in surveys}
    everywhere = set(trap_names)
    strangers: dict[tuple[str, str], list[int]] = {}
    for row, name, survey in zip(rows.tolist(), names, session, strict=True):
        among = everywhere if one or survey not in known else known[survey]
        if name and name not in among:
            strangers.setdefault((name, survey), []).append(row)
    yield from _in_other_survey(strangers, known)
    lost = [
        (repr(name), same_id_hint(name, known.get(survey, everywhere) or everywhere), where)
        for (name, survey), where in strangers.items()
        if name not in everywhere
    ]
    if len(lost) > MOST_ALIKE:
        told = _checks.listed(f"{name}{hint}" for name, hint, _ in lost)
        every = sorted(row for _, _, where in lost for row in where)
        yield found("unknown-trap", TABLE, every, f"Traps that are not in the traps table: {told}.")
        return
    for name, hint, where in lost:
        seen = f"Trap {name} is not in the traps table{hint}."
        yield found("unknown-trap", TABLE, where, seen)


def _in_other_survey(
    strangers: dict[tuple[str, str], list[int]], known: dict[str, set[str]]
) -> Iterator[Finding]:
    """Detections at traps of another survey than theirs: one finding for each pair of surveys."""
    groups: dict[tuple[str, tuple[str, ...]], dict[str, list[int]]] = {}
    for (name, survey), where in strangers.items():
        others = tuple(other for other, names in known.items() if name in names)
        if others and survey in known:
            groups.setdefault((survey, others), {})[name] = where
    for (survey, others), traps in groups.items():
        rows = sorted(row for where in traps.values() for row in where)
        one = len(traps) == 1
        seen = (
            f"Trap{'' if one else 's'} {_checks.listed(map(repr, traps))} {'is' if one else 'are'} "
            f"not in survey {survey!r}, only in {_checks.listed(others)}."
        )
        yield found("unknown-trap", TABLE, rows, seen)


def _dates(tables: RawTables) -> Iterator[Finding]:
    rows, dates = tables.rows(TABLE), tables.dates(TABLE, "date")
    yield from unreadable_dates(tables, TABLE, "date", dates)
    known = periods(tables)
    blank = np.array([is_empty(cell) for cell in tables.cells(TABLE, "date")], dtype=bool)
    if blank.any() and not blank.all():
        yield found(
            "date-missing", TABLE, rows[blank], f"No date in {_checks.rows_listed(rows[blank])}."
        )
    away, _ = days_outside(tables, known, dates.when)
    if known.empty:
        yield from _swapped(tables, dates, dates.other_order)
        yield from dates_of_another_hand(tables, TABLE, "date", dates, dates.other_order)
        return
    other = days_outside(tables, known, dates.swapped())[1]
    outside = np.isfinite(away) & (away != 0.0)
    swapped: BoolArray = (outside & other) | dates.other_order
    yield from _swapped(tables, dates, swapped)
    yield from dates_of_another_hand(tables, TABLE, "date", dates, swapped)
    lost = np.flatnonzero(outside & ~swapped)
    if lost.size:
        traps = tables.text(TABLE, "trap_id")
        told = _checks.listed(
            f"row {rows[i]} ({traps[i]}, {date_text(dates.when[i])}, "
            f"{_checks.plural(int(abs(away[i])), 'day')} {'before' if away[i] < 0 else 'after'})"
            for i in lost
        )
        yield found("outside-operation", TABLE, rows[lost], f"The camera was not working: {told}.")


def _swapped(tables: RawTables, dates: DateColumn, swapped: BoolArray) -> Iterator[Finding]:
    if not swapped.any():
        return
    rows, cells = tables.rows(TABLE), tables.cells(TABLE, "date")
    turned = np.where(dates.other_order, dates.when, dates.swapped())
    told = _checks.listed(
        f"row {rows[i]}: {text_of(cells[i])!r} is {date_text(turned[i])}"
        for i in np.flatnonzero(swapped)
    )
    seen = (
        f"{_checks.plural(int(swapped.sum()), 'date')} with day and month exchanged ({told}): as "
        "written the camera was not working that day; exchanged it was."
    )
    if dates.other_order[swapped].all():
        seen = f"Dates that exist only with day and month the other way round: {told}."
    yield found("day-month-swapped", TABLE, rows[swapped], seen)


def _without_effort(tables: RawTables) -> Iterator[Finding]:
    """Detections where the effort is zero, at that trap or on that occasion of it."""
    effort = effort_of_rows(tables)
    if effort is None:
        return
    frame, rows = tables.raw["traps"], tables.rows(TABLE)
    table = np.column_stack([numbers_of(frame[c].tolist())[0] for c in tables.effort_columns])
    session = tables.session("traps")
    keys = zip(session, tables.text("traps", "trap_id"), strict=True)
    index = {key: i for i, key in enumerate(keys)}
    occasion = tables.numbers(TABLE, "occasion")[0]
    names, surveys = tables.text(TABLE, "trap_id"), tables.session(TABLE)
    only = next(iter(index))[0] if len(set(session)) == 1 else None
    lost = []
    for j, (name, survey) in enumerate(zip(names, surveys, strict=True)):
        i = index.get((only if only is not None else survey, name))
        if i is None:
            continue
        several = table.shape[1] > 1 and np.isfinite(occasion[j])
        s = int(occasion[j]) - 1 if several else 0
        if several and not (0 <= s < table.shape[1]):
            continue
        value = table[i, s] if several or table.shape[1] == 1 else effort[i]
        if value == 0:
            lost.append(j)
    if lost:
        told = _checks.listed(f"row {rows[j]} (trap {names[j]})" for j in lost)
        yield found("detection-without-effort", TABLE, rows[lost], f"Effort is 0: {told}.")


def _occasions(tables: RawTables) -> Iterator[Finding]:
    n = len(tables.effort_columns)
    rows = tables.rows(TABLE)
    if not tables.has(TABLE, "occasion"):
        if n > 1 and not tables.has(TABLE, "date"):
            yield found("occasion-invalid", TABLE, [],
                        f"There is no column occasion, but effort for {n} occasions.")  # fmt: skip
        return
    values, bad = tables.numbers(TABLE, "occasion")
    blank = np.isnan(values) & ~bad
    if tables.has(TABLE, "date") and n <= 1:
        blank[:] = False
    with np.errstate(invalid="ignore"):
        wrong = bad | blank | (values < 1) | (values != np.floor(values))
        if n > 1:
            wrong |= values > n
    if wrong.any():
        cells = tables.cells(TABLE, "occasion")
        told = _checks.listed(
            f"{text_of(cells[i])!r} in row {rows[i]}" for i in np.flatnonzero(wrong)
        )
        most = f"1 to {n}" if n > 1 else "whole numbers from 1"
        yield found(
            "occasion-invalid", TABLE, rows[wrong], f"Occasions are {most}; there is {told}."
        )
    if tables.has(TABLE, "date"):
        yield from _overlapping_occasions(tables, np.where(wrong, np.nan, values))


def _overlapping_occasions(tables: RawTables, occasion: np.ndarray) -> Iterator[Finding]:
    """Occasions of one survey whose dates overlap, after the later one has begun."""
    dates, session, rows = tables.dates(TABLE, "date"), tables.session(TABLE), tables.rows(TABLE)
    for survey in dict.fromkeys(session.tolist()):
        mine = (session == survey) & np.isfinite(occasion) & ~np.isnat(dates.when)
        day = days_of(dates.when)
        spans = {int(s): np.flatnonzero(mine & (occasion == s)) for s in np.unique(occasion[mine])}
        clash: set[int] = set()
        told = []
        for (s, first), (t, second) in pairwise(sorted(spans.items())):
            if day[first].max() > day[second].min():
                told.append(
                    f"{s} until {date_text(day[first].max())}, {t} from "
                    f"{date_text(day[second].min())}"
                )
                clash |= {int(i) for i in first[day[first] > day[second].min()]}
                clash |= {int(i) for i in second[day[second] < day[first].max()]}
        if clash:
            seen = f"Occasions overlap: {_checks.listed(told)}."
            yield found("occasions-overlap", TABLE, rows[sorted(clash)], seen)


def _counts(tables: RawTables) -> Iterator[Finding]:
    if not tables.has(TABLE, "count"):
        return
    rows, cells = tables.rows(TABLE), tables.cells(TABLE, "count")
    values, bad = tables.numbers(TABLE, "count")
    with np.errstate(invalid="ignore"):
        wrong = bad | (values < 1) | (values != np.floor(values)) & np.isfinite(values)
    if wrong.any():
        told = _checks.listed(
            f"{text_of(cells[i])!r} in row {rows[i]}" for i in np.flatnonzero(wrong)
        )
        yield found(
            "count-invalid", TABLE, rows[wrong], f"Counts must be 1, 2, 3 ...; there is {told}."
        )


def moments(tables: RawTables) -> DateColumn:
    """Dates of the detections with the time of a separate column added, where there is one."""
    dates = tables.dates(TABLE, "date")
    if not tables.has(TABLE, "time"):
        return dates
    clock = pd.to_timedelta(
        [_clock(cell) for cell in tables.cells(TABLE, "time")], errors="coerce"
    ).to_numpy()
    known = ~np.isnat(clock) & ~dates.has_time
    when = np.where(known, dates.when + clock.astype("timedelta64[s]"), dates.when)
    return DateColumn(
        when,
        dates.bad,
        dates.other_order,
        dates.has_time | known,
        dates.forms,
        dates.offset_minutes,
    )


def _clock(cell: object) -> str | None:
    text = text_of(cell).strip()
    return f"{text}:00" if text.count(":") == 1 else text if text.count(":") == 2 else None


def _copies(tables: RawTables) -> Iterator[Finding]:
    """Rows with the same animal, trap and minute."""
    if not tables.has(TABLE, "date"):
        return
    dates, rows = moments(tables), tables.rows(TABLE)
    key = pd.DataFrame(
        {
            "session": tables.session(TABLE),
            "animal": tables.text(TABLE, "animal_id"),
            "trap": tables.text(TABLE, "trap_id"),
            "when": dates.when,
        }
    )[dates.has_time & ~np.isnat(dates.when) & (tables.text(TABLE, "animal_id") != "")]
    twice = key.duplicated(keep=False)
    if twice.any():
        where = key.index[twice]
        groups = key.loc[where].groupby(list(key.columns), sort=False).indices.values()
        told = _checks.listed(
            (" = ".join(f"{rows[where[i]]}" for i in group) for group in groups), 8
        )
        yield found("duplicate-detection", TABLE, rows[where],
                    f"Same animal, trap and time in rows {told}.")  # fmt: skip


def _too_many(tables: RawTables, detector: str) -> Iterator[Finding]:
    """More detections than the detector can give."""
    if detector not in ("binary", "multi"):
        return
    rows = tables.rows(TABLE)
    occasion = np.nan_to_num(tables.numbers(TABLE, "occasion")[0], nan=1.0)
    frame = pd.DataFrame(
        {
            "session": tables.session(TABLE),
            "animal": tables.text(TABLE, "animal_id"),
            "occasion": occasion,
            "trap": tables.text(TABLE, "trap_id"),
        }
    )
    if not tables.has(TABLE, "occasion") and len(tables.effort_columns) != 1:
        return
    if detector == "multi":
        number = frame.groupby(["session", "animal", "occasion"])["trap"].transform("nunique")
        if (number > 1).any():
            where = rows[(number > 1).to_numpy()]
            seen = f"An animal at several traps on one occasion: {_checks.rows_listed(where)}."
            yield found("several-traps-multi", TABLE, where, seen)
        return
    twice = frame.duplicated(keep=False).to_numpy()
    if twice.any():
        seen = (
            f"An animal more than once at a trap and occasion: {_checks.rows_listed(rows[twice])}."
        )
        yield found("several-detections-binary", TABLE, rows[twice], seen)
