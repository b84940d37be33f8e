"""From the rows of captures and individuals tables to positions, counts and covariates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea import _checks, _columns
from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.searches import nearest_search

if TYPE_CHECKING:
    from secr_nea.traps import TrapArray

PLACEHOLDERS = frozenset(
    {
        "unknown",
        "unk",
        "unsure",
        "na",
        "n/a",
        "nan",
        "none",
        "?",
        "unidentified",
        "unid",
        "undetermined",
    }
)
"""Words that stand for "we do not know who it was" and would become an animal of their own."""


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which "2" comes before "10", and "F2" before "F10"."""
    parts = re.split(r"(\d+)", name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
    return [*key, (2, 0, name)]


def refuse_placeholders(
    ids: Sequence[str], animals: Sequence[str] = (), rows: Sequence[int] = ()
) -> None:
    """DataError when an id is a word for "unknown"; rows are told when ``animals`` are given."""
    found = [name for name in ids if name.strip().casefold() in PLACEHOLDERS]
    if not found:
        return
    where = [row for name, row in zip(animals, rows, strict=True) if name in found]
    raise DataError(
        "Animal id "
        f"{_checks.listed(map(repr, found))}{f' in {_checks.rows_listed(where)}' if where else ''} "
        "does not name an animal; "
        "it would be analysed as one. Remove these detections, or give each animal its own id."
    )


def occasion_positions(frame: pd.DataFrame, column: str, n_occasions: int) -> IntArray:
    """0-based occasions of the rows."""
    if column not in frame.columns:
        if n_occasions > 1:
            hint = _checks.did_you_mean(column, map(str, frame.columns))
            raise DataError(
                f"The captures table has no column {column!r}{hint}, but the traps have "
                f"{n_occasions} occasions. Add it, with 1 to {n_occasions}."
            )
        return np.zeros(len(frame), dtype=np.int64)
    rows = _columns.row_numbers(frame)
    occasions = _checks.whole_numbers(
        _columns.number_column(frame, column, "captures"), "occasion", rows
    )
    bad = np.flatnonzero((occasions < 1) | (occasions > n_occasions))
    if bad.size:
        raise DataError(
            f"occasion must be 1 to {n_occasions}; {_checks.rows_listed(rows[i] for i in bad)}: "
            f"{_checks.listed(occasions[bad])}. "
            "If there were more occasions, give the traps n_occasions= or effort for each of them."
        )
    return occasions - 1


def counts_of(frame: pd.DataFrame, column: str) -> IntArray | None:
    """Counts of the rows, 1 or more; None when there is no such column."""
    if column not in frame.columns:
        return None
    rows = _columns.row_numbers(frame)
    counts = _checks.whole_numbers(_columns.number_column(frame, column, "captures"), "count", rows)
    bad = np.flatnonzero(counts < 1)
    if bad.size:
        raise DataError(
            f"count must be 1 or more; {_checks.rows_listed(rows[i] for i in bad)}: "
            f"{_checks.listed(counts[bad])}. "
            "Leave out rows without a detection."
        )
    return counts


def trap_positions(trap_ids: Sequence[str], traps: TrapArray, rows: Sequence[int]) -> IntArray:
    """0-based traps of the rows."""
    position = {name: k for k, name in enumerate(traps.ids)}
    unknown = dict.fromkeys(name for name in trap_ids if name not in position)
    if unknown:
        told = []
        for name in unknown:
            where = _checks.rows_listed(
                row for trap, row in zip(trap_ids, rows, strict=True) if trap == name
            )
            told.append(f"{name!r} in {where}{_checks.did_you_mean(name, traps.ids)}")
        raise DataError(
            f"Detections at traps that are not in the traps table: {_checks.listed(told)}. Correct "
            "the id or add the trap."
        )
    return np.array([position[name] for name in trap_ids], dtype=np.int64)


def located_rows(
    frame: pd.DataFrame,
    traps: TrapArray,
    trap_id: str,
    columns: tuple[str, str],
    tolerance: float,
) -> tuple[IntArray, FloatArray]:
    """0-based traps of the rows where some are searches, and positions (NaN where not needed).

    A row without a trap id belongs to the search that contains it or is nearest to it.
    """
    _columns.require_columns(frame, columns, "captures")
    rows = np.array(_columns.row_numbers(frame), dtype=np.int64)
    named = np.zeros(len(frame), dtype=bool)
    trap = np.full(len(frame), -1, dtype=np.int64)
    if trap_id in frame.columns:
        named = np.array([not _checks.is_missing(cell) for cell in frame[trap_id]], dtype=bool)
        known = _columns.id_column(frame[named], trap_id, "trap id")
        trap[named] = trap_positions(known, traps, rows[named].tolist())
    xy = np.column_stack(
        [_columns.number_column(frame, name, "captures", missing=True) for name in columns]
    )
    needed = ~named | traps.is_search[trap]
    gaps = needed & ~np.isfinite(xy).all(axis=1)
    if gaps.any():
        raise DataError(
            f"The position ({', '.join(columns)}) is missing in {_checks.rows_listed(rows[gaps])}. "
            "Detections of searches need it; detections of traps need a trap id."
        )
    away = np.zeros(len(frame))
    trap[~named], away[~named] = nearest_search(xy[~named], traps.searches)
    for k in np.unique(trap[named & needed]):
        mine = named & (trap == k)
        away[mine] = nearest_search(xy[mine], [traps.searches[k]])[1]
    far = np.flatnonzero(away > tolerance)
    if far.size:
        told = _checks.listed(
            f"row {rows[i]}: {away[i]:,.0f} m from {traps.ids[trap[i]]!r}" for i in far
        )
        raise DataError(
            f"Detections farther than {tolerance:g} m from their search: {told}. Correct the "
            "positions (metres, the projection of the searches), or give tolerance=."
        )
    xy[~needed] = np.nan
    return trap, xy


def positions_of(
    traps: TrapArray, trap: IntArray, count: IntArray, xy: ArrayLike | None
) -> tuple[FloatArray, IntArray]:
    """Positions of the detections of searches, and the record of each; one detection a record."""
    owner = np.flatnonzero(traps.is_search[trap]).astype(np.int64)
    if not owner.size:
        return np.zeros((0, 2)), owner
    if xy is None:
        raise DataError(
            f"{_checks.plural(owner.size, 'detection')} of searches without a position; give "
            "xy=, or columns x and y of the captures table."
        )
    places = _checks.numbers(xy, "xy")
    if places.shape != (len(trap), 2):
        raise DataError(f"xy must have shape (n_records, 2) = ({len(trap)}, 2); got {places.shape}")
    bad = owner[~np.isfinite(places[owner]).all(axis=1) | (count[owner] != 1)]
    if bad.size:
        raise DataError(
            "Each detection of a search is a record of its own, with a position and a count of 1; "
            f"{_checks.rows_listed(bad + 1)} of the captures {'is' if bad.size == 1 else 'are'} "
            "not. Repeat the row for each detection."
        )
    return places[owner], owner


def covariates_of_detections(
    frame: pd.DataFrame, animals: Sequence[str], ids: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """Animals' covariates from columns of the captures table; rows of an animal must agree."""
    table = pd.DataFrame(index=pd.Index(ids))
    for column in columns:
        cells = _columns.typed_covariate(frame[column], _columns.row_numbers(frame))
        known = pd.Series(cells.to_numpy(), index=list(animals), dtype=cells.dtype).dropna()
        different = known.groupby(level=0).nunique()
        contradictory = [str(name) for name in different.index[different > 1]]
        if contradictory:
            told = _checks.listed(
                f"{name!r}: {_checks.listed(_checks.levels(known[name]))}" for name in contradictory
            )
            raise DataError(
                f"{column} is contradictory within one animal ({told}). Decide for each animal, or "
                "leave the doubtful cells empty."
            )
        table[column] = known[~known.index.duplicated()].reindex(list(ids))
    return table


def covariates_of_individuals(
    individuals: pd.DataFrame, animal_id: str, ids: Sequence[str], from_detections: pd.DataFrame
) -> pd.DataFrame:
    """One row per animal in the order of ``ids``; both tables must name the same animals."""
    rows = _columns.row_numbers(individuals)
    named = _checks.names(
        _columns.id_column(individuals, animal_id, "animal id of the individuals table"),
        "animal id of the individuals table",
        rows,
    )
    known, listed_ids = set(ids), set(named)
    absent = [name for name in ids if name not in listed_ids]
    if absent:
        told = _checks.listed(
            f"{name!r}{_checks.did_you_mean(name, listed_ids - known)}" for name in absent
        )
        raise DataError(
            f"Detected animals that are not in the individuals table: {told}. Add a row for each; "
            "its cells may be empty."
        )
    unseen = [
        f"{name!r} in row {row}" for name, row in zip(named, rows, strict=True) if name not in known
    ]
    if unseen:
        raise DataError(
            f"The individuals table names animals without any detection: {_checks.listed(unseen)}. "
            "Correct the id, or keep only detected animals: "
            'individuals[individuals["animal_id"].isin(captures["animal_id"])].'
        )
    table = individuals.drop(columns=[animal_id]).set_index(pd.Index(named)).loc[list(ids)]
    for column in from_detections.columns:
        if column not in table.columns:
            table[column] = from_detections[column]
            continue
        both = table[column].notna() & from_detections[column].notna()
        different = [
            name
            for name in ids
            if both[name] and table[column][name] != from_detections[column][name]
        ]
        if different:
            told = _checks.listed(
                f"{name!r}: {table[column][name]} and {from_detections[column][name]}"
                for name in different
            )
            raise DataError(
                f"{column} differs between the individuals and the captures table ({told}). Decide "
                "for each animal."
            )
    return table


def add_up(
    where: Sequence[IntArray], counts: IntArray, sizes: tuple[int, int, int]
) -> tuple[tuple[IntArray, ...], IntArray]:
    """Repeated records added up, sorted by animal, occasion, trap; and where each one went."""
    if not len(counts):
        return (*where, counts), counts
    keys, which = np.unique(np.ravel_multi_index(tuple(where), sizes), return_inverse=True)
    total = np.zeros(len(keys), dtype=np.int64)
    np.add.at(total, which, counts)
    return (*np.unravel_index(keys, sizes), total), which.reshape(-1).astype(np.int64)


def identical_among(animal: IntArray, records: IntArray) -> list[int]:
    """How many animals share each distinct history, largest first.

    ``animal`` is sorted; rows of ``records`` say all that tells one record from another.
    """
    starts = np.flatnonzero(np.diff(animal)) + 1
    pieces = np.split(records, starts) if len(records) else []
    return sorted(Counter(piece.tobytes() for piece in pieces).values(), reverse=True)
