"""Checks of identities: placeholders, two spellings of an id, contradictory sex and age."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from secr_nea import _checks
from secr_nea.quality.cells import is_empty, text_of
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.names import (
    is_placeholder,
    one_letter_apart,
    sex_of,
    spelling_groups,
    spelling_key,
)
from secr_nea.quality.operation_rows import days_of
from secr_nea.quality.raw_tables import RawTables

TABLE = "detections"
MOST_ALIKE = 3
"""More findings alike than this in one survey are told as one."""
_LIST = re.compile(r"[,;/+&]|\s(?:и|and)\s")
_DEAD = re.compile(r"dead|died|killed|poach|removed|мертв|мёртв|погиб|убит", re.IGNORECASE)


def check_ids(tables: RawTables) -> Iterator[Finding]:
    """Findings about the ids of traps and animals.

    Parameters
    ----------
    tables : RawTables

    Yields
    ------
    Finding
    """
    for table, role in (("traps", "trap_id"), (TABLE, "trap_id"), (TABLE, "animal_id")):
        yield from _spaces(tables, table, role)
    yield from _trap_ids(tables)
    rows, names = tables.rows(TABLE), tables.text(TABLE, "animal_id")
    blank = names == ""
    if blank.any():
        yield found("animal-id-missing", TABLE, rows[blank],
                    f"No animal in {_checks.rows_listed(rows[blank])}.")  # fmt: skip
    yield from _placeholders(tables)
    yield from _several(tables)
    real = [name for name in dict.fromkeys(names) if name and not is_placeholder(name)]
    yield from _spellings(tables, TABLE, "animal_id", real)


def _spaces(tables: RawTables, table: str, role: str) -> Iterator[Finding]:
    rows = tables.rows(table)
    cells = [text_of(cell) for cell in tables.cells(table, role)]
    padded = np.array([cell != cell.strip() for cell in cells], dtype=bool)
    if padded.any():
        told = _checks.listed(f"{cells[i]!r} in row {rows[i]}" for i in np.flatnonzero(padded))
        yield found("spaces-around-id", table, rows[padded], f"{told}.")


def _trap_ids(tables: RawTables) -> Iterator[Finding]:
    rows, names = tables.rows("traps"), tables.text("traps", "trap_id")
    session = tables.session("traps")
    blank = names == ""
    if blank.any():
        yield found("trap-id-missing", "traps", rows[blank],
                    f"No trap id in {_checks.rows_listed(rows[blank])}.")  # fmt: skip
    for survey in dict.fromkeys(session.tolist()):
        mine = (session == survey) & ~blank & ~tables.paired()
        own, number = np.unique(names[mine].astype(str), return_counts=True)
        twice = [str(name) for name in own[number > 1]]
        # a pair of cameras at every station is one matter, not one for each station
        groups = [twice] if len(twice) > MOST_ALIKE else [[name] for name in twice]
        for group in groups:
            where = rows[mine & np.isin(names.astype(str), group)]
            words = f"Trap {group[0]!r} stands in {_checks.rows_listed(where)}."
            if len(group) > 1:
                words = (
                    f"{_checks.plural(len(group), 'trap')} stand in several rows each "
                    f"({_checks.listed(map(repr, group))})."
                )
            yield found("duplicate-trap", "traps", where, words)
        yield from _spellings(tables, "traps", "trap_id", own.tolist())


def _placeholders(tables: RawTables) -> Iterator[Finding]:
    rows, names = tables.rows(TABLE), tables.text(TABLE, "animal_id")
    for name in dict.fromkeys(names.tolist()):
        if is_placeholder(name):
            where = rows[names == name]
            yield found("placeholder-id", TABLE, where,
                        f"Animal {name!r} in {_checks.rows_listed(where)}.")  # fmt: skip


def _several(tables: RawTables) -> Iterator[Finding]:
    """Cells with a list of animals, of which one at least has rows of its own."""
    rows, names = tables.rows(TABLE), tables.text(TABLE, "animal_id")
    alone = {spelling_key(name) for name in names if name and len(_LIST.split(name)) == 1}
    for name in dict.fromkeys(names.tolist()):
        parts = [part.strip() for part in _LIST.split(name)]
        if len(parts) > 1 and all(parts) and any(spelling_key(part) in alone for part in parts):
            where = rows[names == name]
            yield found("several-animals-in-one-row", TABLE, where,
                        f"{name!r} in {_checks.rows_listed(where)}.")  # fmt: skip


def _spellings(tables: RawTables, table: str, role: str, names: list[str]) -> Iterator[Finding]:
    """Two spellings of one id; and names one letter apart, which is milder."""
    kind = f"near-duplicate-{'animal' if role == 'animal_id' else 'trap'}-id"
    rows, cells = tables.rows(table), tables.text(table, role)

    def told(group: list[str]) -> tuple[list[int], str]:
        where = {name: rows[cells == name].tolist() for name in group}
        words = (f"{name!r} ({_checks.rows_listed(at)})" for name, at in where.items())
        return [row for at in where.values() for row in at], ", ".join(words)

    groups = spelling_groups(names)
    for group in groups:
        where, words = told(group)
        yield found(kind, table, where, f"Spellings of one id? {words}.")
    rest = [name for name in names if not any(name in group[1:] for group in groups)]
    for pair in one_letter_apart(rest):
        where, words = told(list(pair))
        yield found(kind, table, where, f"One letter apart: {words}.", severity="warning")


def check_animals(tables: RawTables) -> Iterator[Finding]:
    """Findings about what is told of animals: sex, age, fate.

    Parameters
    ----------
    tables : RawTables

    Yields
    ------
    Finding
    """
    if tables.has(TABLE, "sex"):
        yield from _sex_words(tables)
        yield from _contradictory(tables, "sex")
    if tables.has(TABLE, "age"):
        yield from _contradictory(tables, "age")
    if tables.has(TABLE, "fate") and tables.has(TABLE, "date"):
        yield from _after_death(tables)


def _sex_words(tables: RawTables) -> Iterator[Finding]:
    rows, words = tables.rows(TABLE), tables.text(TABLE, "sex")
    read = [sex_of(word) for word in words]
    strange = np.array([sex is None for sex in read], dtype=bool)
    if strange.any():
        told = _checks.listed(f"{words[i]!r} in row {rows[i]}" for i in np.flatnonzero(strange))
        yield found("sex-not-understood", TABLE, rows[strange], f"{told}.")
    for sex in ("female", "male"):
        mine = np.array([s == sex for s in read], dtype=bool)
        spelt, number = np.unique(words[mine].astype(str), return_counts=True)
        if len(spelt) > 1:
            main = spelt[np.argmax(number)]
            other = mine & (words != main)
            seen = f"{sex} is written {_checks.listed(map(repr, map(str, spelt)))}."
            yield found("sex-in-several-spellings", TABLE, rows[other], seen)


def _contradictory(tables: RawTables, role: str) -> Iterator[Finding]:
    """One animal with two values of what does not change."""
    rows, names = tables.rows(TABLE), tables.text(TABLE, "animal_id")
    words = tables.text(TABLE, role)
    keys = names if role == "sex" else np.array(
        [f"{s}\x1f{n}" for s, n in zip(tables.session(TABLE), names, strict=True)], dtype=object
    )  # fmt: skip
    if role == "sex":
        values = np.array([sex_of(word) or "" for word in words], dtype=object)
    else:
        values = np.array(["" if is_empty(w) else w.casefold() for w in words], dtype=object)
    for key in dict.fromkeys(keys[names != ""].tolist()):
        name = key.rpartition("\x1f")[2]
        mine = (keys == key) & (values != "")
        kinds = list(dict.fromkeys(values[mine].tolist()))
        if len(kinds) < 2 or is_placeholder(name):
            continue
        told = "; ".join(
            f"{kind} in {_checks.rows_listed(rows[mine & (values == kind)])}" for kind in kinds
        )
        yield found(f"{role}-contradictory", TABLE, rows[mine], f"Animal {name!r} is {told}.")


def _after_death(tables: RawTables) -> Iterator[Finding]:
    rows, names = tables.rows(TABLE), tables.text(TABLE, "animal_id")
    dead = np.array([bool(_DEAD.search(word)) for word in tables.text(TABLE, "fate")], dtype=bool)
    day = days_of(tables.dates(TABLE, "date").when)
    for name in dict.fromkeys(names[dead].tolist()):
        end = day[dead & (names == name)]
        if np.isnat(end).all():
            continue
        later = (names == name) & (day > np.nanmin(end))
        if later.any():
            seen = f"Animal {name!r} was found dead on {np.nanmin(end)} and detected later."
            yield found("detection-after-death", TABLE, rows[later], seen)
