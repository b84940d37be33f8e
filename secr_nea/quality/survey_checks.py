"""Checks across surveys and of the whole: matching names, covariates, enough data for SECR."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.quality.cells import is_empty, number_of, text_of
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.names import is_placeholder, spelling_key
from secr_nea.quality.operation_checks import effort_of_rows
from secr_nea.quality.operation_rows import days_of
from secr_nea.quality.raw_tables import RawTables

FEW_ANIMALS = 8
FEW_RECAPTURES = 10
FEW_AT_TWO_TRAPS = 5
"""Below any of these an estimate is hardly possible; see the guidance on sparse data."""
MOST_LEVELS = 10
SMALLEST_SHARE = 0.03


def check_surveys(tables: RawTables) -> Iterator[Finding]:
    """Findings about names of surveys, animals in several, covariates and the amount of data.

    Parameters
    ----------
    tables : RawTables

    Yields
    ------
    Finding
    """
    yield from _names(tables)
    yield from _shared_animals(tables)
    yield from _levels(tables)
    yield from _amount(tables)


def _names(tables: RawTables) -> Iterator[Finding]:
    several = {}
    for table in tables.raw:
        if tables.has(table, "session"):
            names, rows = tables.session(table), tables.rows(table)
            blank = names == ""
            if blank.any():
                yield found("session-missing", table, rows[blank],
                            f"No survey in {_checks.rows_listed(rows[blank])}.")  # fmt: skip
            several[table] = list(dict.fromkeys(names[~blank].tolist()))
    traps, detections = several.get("traps"), several.get("detections")
    if traps is None and detections is not None and len(detections) > 1:
        seen = (
            f"The detections name {len(detections)} surveys ({_checks.listed(detections)}), the "
            "traps table none."
        )
        yield found("surveys-matched-by-position", "traps", [], seen)
    if (
        detections is None
        and traps is not None
        and len(traps) > 1
        and len(tables.raw["detections"])
    ):
        seen = (
            f"The traps table names {len(traps)} surveys ({_checks.listed(traps)}), the detections "
            "none."
        )
        yield found("surveys-matched-by-position", "detections", [], seen)
    if traps and detections is not None:
        yield from _compared(tables, traps, detections)


def _compared(tables: RawTables, traps: list[str], detections: list[str]) -> Iterator[Finding]:
    unknown = [name for name in detections if name not in traps]
    misspelt = {spelling_key(name) for name in unknown}
    silent = [n for n in traps if n not in detections and spelling_key(n) not in misspelt]
    rows, names = tables.rows("detections"), tables.session("detections")
    if unknown and len(unknown) == len(detections) == len(traps) and len(traps) > 1:
        seen = (
            f"The traps table has {_checks.listed(traps)}; the detections have "
            f"{_checks.listed(detections)}. No name is the same."
        )
        yield found("surveys-matched-by-position", "detections", rows, seen)
        return
    for name in unknown:
        where = rows[names == name]
        hint = _checks.did_you_mean(name, traps)
        yield found("unknown-session", "detections", where,
                    f"Survey {name!r} has no traps{hint}.")  # fmt: skip
    if silent and len(traps) > 1:
        where = tables.rows("traps")[np.isin(tables.session("traps"), silent)]
        yield found("survey-without-detections", "traps", where,
                    f"No detection in survey {_checks.listed(silent)}.")  # fmt: skip


def _shared_animals(tables: RawTables) -> Iterator[Finding]:
    if not tables.has("detections", "session"):
        return
    names, session = tables.text("detections", "animal_id"), tables.session("detections")
    rows = tables.rows("detections")
    known = np.array([bool(n) and not is_placeholder(n) for n in names], dtype=bool) & (
        session != ""
    )
    if tables.has("traps", "session"):
        known &= np.isin(session, tables.session("traps"))
    frame = pd.DataFrame({"animal": names, "survey": session, "row": rows})[known]
    if frame["survey"].nunique() < 2:
        return
    number = frame.groupby("animal")["survey"].nunique()
    shared = number[number > 1].index.tolist()
    if not shared:
        return
    mine = frame[frame["animal"].isin(shared)]
    told = _checks.listed(
        f"{name} ({_checks.listed(dict.fromkeys(mine['survey'][mine['animal'] == name]))})"
        for name in shared
    )
    together = _same_time(tables, set(mine["survey"]))
    seen = f"{_checks.plural(len(shared), 'animal')} in more than one survey: {told}."
    yield found("animal-in-several-surveys", "detections", mine["row"], seen,
                severity="warning" if together else None)  # fmt: skip


def _same_time(tables: RawTables, surveys: set[str]) -> bool:
    """Whether detections of two surveys overlap in time; without dates nothing is known."""
    if not tables.has("detections", "date"):
        return False
    day, session = days_of(tables.dates("detections", "date").when), tables.session("detections")
    spans = []
    for name in surveys:
        mine = day[(session == name) & ~np.isnat(day)]
        if len(mine):
            spans.append((mine.min(), mine.max()))
    spans.sort()
    return any(a[1] >= b[0] for a, b in pairwise(spans))


def _levels(tables: RawTables) -> Iterator[Finding]:
    """Levels of trap covariates: spelt in two ways, without detections, in one survey only."""
    rows, ids, session = (
        tables.rows("traps"), tables.text("traps", "trap_id"), tables.session("traps")
    )  # fmt: skip
    keys = set(zip(tables.session("detections"), tables.text("detections", "trap_id"), strict=True))
    one = tables.has("detections", "session") != tables.has("traps", "session")
    anywhere = {trap for _, trap in keys}
    visited = np.array(
        [(s, t) in keys or (one and t in anywhere) for s, t in zip(session, ids, strict=True)],
        dtype=bool,
    )
    effort = effort_of_rows(tables)
    operated = np.ones(len(rows), dtype=bool) if effort is None else ~(effort <= 0)
    for column in tables.covariates():
        cells = np.array([text_of(c).strip() for c in tables.raw["traps"][column]], dtype=object)
        if not _is_factor(cells):
            continue
        yield from _spelt_twice(column, cells, rows)
        names = list(dict.fromkeys(c for c in cells if not is_empty(c)))
        if visited.any():
            spelt = np.array([_letters(cell) for cell in cells], dtype=object)
            for key, name in {_letters(name): name for name in names}.items():
                mine = (spelt == key) & operated
                if mine.any() and not visited[mine].any():
                    number = _checks.plural(int(mine.sum()), "trap")
                    seen = f"No detection at the {number} with {column} = {name}."
                    yield found("level-without-detections", "traps", rows[mine], seen)
        yield from _one_survey_only(column, cells, session, rows)


def _is_factor(cells: np.ndarray) -> bool:
    """Whether a column of text is a covariate with a few levels, and no list of remarks."""
    known = [cell for cell in cells if not is_empty(cell)]
    names = set(known)
    if len(names) < 2 or all(np.isfinite(number_of(name)) for name in names):
        return False
    return len(names) <= min(MOST_LEVELS, max(3, len(known) // 3))


def _letters(name: str) -> str:
    """Spelling without case, spaces and punctuation."""
    return "".join(ch for ch in name.casefold() if ch.isalnum())


def _spelt_twice(column: str, cells: np.ndarray, rows: np.ndarray) -> Iterator[Finding]:
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(cell for cell in cells if not is_empty(cell)):
        groups.setdefault(_letters(name), []).append(name)
    for group in groups.values():
        if len(group) > 1:
            number = {name: int((cells == name).sum()) for name in group}
            main = max(number, key=lambda name: number[name])
            other = np.isin(cells, [name for name in group if name != main])
            seen = f"{column} has the levels {_checks.listed(map(repr, group))}."
            yield found("level-spelt-differently", "traps", rows[other], seen)


def _one_survey_only(
    column: str, cells: np.ndarray, session: np.ndarray, rows: np.ndarray
) -> Iterator[Finding]:
    surveys = [name for name in dict.fromkeys(session.tolist()) if name]
    if len(surveys) < 2:
        return
    own = {s: {c for c in cells[session == s] if not is_empty(c)} for s in surveys}
    # another spelling of a level is told as such
    keys = [{_letters(name) for name in levels} for levels in own.values()]
    common = set.intersection(*keys)
    odd = sorted(name for name in set.union(*own.values()) if _letters(name) not in common)
    if odd:
        told = _checks.listed(f"{s}: {_checks.listed(sorted(levels))}" for s, levels in own.items())
        yield found("levels-differ-between-surveys", "traps", rows[np.isin(cells, odd)],
                    f"Levels of {column} differ ({told}).")  # fmt: skip


def _amount(tables: RawTables) -> Iterator[Finding]:
    """Whether there are animals and recaptures enough for SECR at all."""
    names, session = tables.text("detections", "animal_id"), tables.session("detections")
    traps = tables.text("detections", "trap_id")
    known = np.array([bool(n) and not is_placeholder(n) for n in names], dtype=bool) & (traps != "")
    counts = np.ones(len(names))
    if tables.has("detections", "count"):
        counts = np.nan_to_num(np.maximum(tables.numbers("detections", "count")[0], 1.0), nan=1.0)
    frame = pd.DataFrame({"s": session, "animal": names, "trap": traps, "count": counts})[known]
    by_animal = frame.groupby(["s", "animal"])
    n, detections = by_animal.ngroups, int(frame["count"].sum())
    at_two = int((by_animal["trap"].nunique() > 1).sum()) if n else 0
    recaptures = detections - n
    if n >= FEW_ANIMALS and recaptures >= FEW_RECAPTURES and at_two >= FEW_AT_TWO_TRAPS:
        return
    seen = (
        f"{_checks.plural(n, 'animal')}, {_checks.plural(recaptures, 'recapture')}, "
        f"{_checks.plural(at_two, 'animal')} at two traps or more (fewer than {FEW_ANIMALS}, "
        f"{FEW_RECAPTURES} or {FEW_AT_TWO_TRAPS})."
    )
    effort = effort_of_rows(tables)
    total = float(np.nansum(effort)) if effort is not None else 0.0
    if total > 0:
        seen += f" Detections per 100 units of effort: {100.0 * detections / total:.3g}."
    if at_two == 0:
        seen += " No animal was seen at two traps: sigma, and so density, cannot be estimated."
    yield found("too-few-detections", "detections", [], seen,
                severity="error" if at_two == 0 else "warning")  # fmt: skip
