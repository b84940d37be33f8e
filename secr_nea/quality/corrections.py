"""Single corrections: cells before and after, how they are found, and how one is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.quality.cells import text_of
from secr_nea.quality.dates import exchanged, read_date
from secr_nea.quality.raw_tables import RawTables


@dataclass(frozen=True)
class Change:
    """One cell, before and after.

    Parameters
    ----------
    table : str
    row : int
        1 = first data row.
    column : str
        "" when the whole row is dropped.
    was, now : str
        Text of the cell; of a dropped row, what it held.
    """

    table: str
    row: int
    column: str
    was: str
    now: str


@dataclass(frozen=True)
class Correction:
    """One decision: what was done, why, and which cells it changed.

    Parameters
    ----------
    action : str
    reason : str
    changes : tuple of Change
    """

    action: str
    reason: str
    changes: tuple[Change, ...]


def correction_of(item: Mapping[str, Any]) -> Correction:
    """Correction from what a ledger file holds; KeyError or TypeError when it is none."""
    changes = tuple(
        Change(
            str(change["table"]), int(change["row"]), str(change["column"]),
            str(change["was"]), str(change["now"]),
        )
        for change in item["changes"]
    )  # fmt: skip
    return Correction(str(item["action"]), str(item["reason"]), changes)


def ids_of(tables: RawTables) -> pd.Series:
    """Animal ids of the detections by row number."""
    return pd.Series(
        tables.text("detections", "animal_id"), index=tables.raw["detections"].index, dtype=object
    )


def column_of(tables: RawTables, table: str, role: str) -> str:
    """Column of a role; DataError when the table has none."""
    if table not in tables.raw:
        raise DataError(f"There is no table {table!r}; there is {_checks.listed(tables.raw)}.")
    if not tables.has(table, role):
        raise DataError(f"The {table} table has no column for {role!r}.")
    return tables.columns[table][role]


def _frame_with(
    tables: Mapping[str, pd.DataFrame], table: str, row: int, where: str
) -> pd.DataFrame:
    if table not in tables:
        raise DataError(f"{where}: there is no table {table!r}; there is {_checks.listed(tables)}.")
    frame = tables[table]
    if row not in frame.index:
        raise DataError(
            f"{where}: the {table} table has no row {row} (it was never there, was dropped before, "
            "or the file has changed)."
        )
    return frame


def cell_of(tables: RawTables, table: str, row: int, column: str) -> object:
    """Cell of a raw table; DataError when there is no such row or column."""
    frame = _frame_with(tables.raw, table, row, "ledger")
    if column not in frame.columns:
        raise DataError(f"The {table} table has no column {column!r}"
                        f"{_checks.did_you_mean(column, map(str, frame.columns))}.")  # fmt: skip
    value: object = frame.at[row, column]
    return value


def held_by(tables: RawTables, table: str, row: int, column: str) -> str:
    """Text of a cell, or of all cells of a row."""
    if column:
        return text_of(cell_of(tables, table, row, column))
    return _row_text(_frame_with(tables.raw, table, row, "ledger"), row)


def _row_text(frame: pd.DataFrame, row: int) -> str:
    return " | ".join(text_of(cell) for cell in frame.loc[[row]].to_numpy(dtype=object)[0])


def rows_named(
    tables: RawTables, table: str, role: str, name: str, *, needed: bool = True
) -> list[int]:
    """Rows whose id is spelt exactly so, or so without the spaces around it."""
    if not tables.has(table, role):
        return []
    cells = [text_of(cell) for cell in tables.cells(table, role)]
    exact = [
        row for row, cell in zip(tables.rows(table).tolist(), cells, strict=True) if cell == name
    ]
    rows = exact or [
        row
        for row, cell in zip(tables.rows(table).tolist(), cells, strict=True)
        if cell.strip() == name
    ]
    if needed and not rows:
        known = dict.fromkeys(cell.strip() for cell in cells)
        raise DataError(
            f"The {table} table has no {role.partition('_')[0]} {name!r}"
            f"{_checks.did_you_mean(name, known)}."
        )
    return rows


def swapped_text(cell: object, tables: RawTables, table: str, row: int) -> str:
    """Date of a cell with day and month exchanged, year first; DataError when that is no date."""
    order = tables.orders.get(table, "dmy")
    read = read_date(cell, order)
    if read is None:
        other = read_date(cell, "mdy" if order == "dmy" else "dmy")
        turned = None if other is None else other.when
    else:
        turned = exchanged(read.when)
    if turned is None:
        raise DataError(
            f"{table}, row {row}: day and month of {text_of(cell)!r} cannot be exchanged."
        )
    return turned.isoformat(sep=" ") if (read or other).has_time else turned.date().isoformat()  # type: ignore[union-attr]


def make(raw: dict[str, pd.DataFrame], change: Change, where: str) -> None:
    """Make one change in place, after a check that the cell still holds what it held."""
    frame = _frame_with(raw, change.table, change.row, where)
    if change.column and change.column not in frame.columns:
        raise DataError(f"{where}: the {change.table} table has no column {change.column!r}.")
    old = frame.at[change.row, change.column] if change.column else None
    held = text_of(old) if change.column else _row_text(frame, change.row)
    if held != change.was:
        raise DataError(
            f"{where}: {change.table}, row {change.row}"
            f"{f', column {change.column!r}' if change.column else ''} holds {held!r}, but held "
            f"{change.was!r} when the correction was written. The table has changed: check the "
            "correction and write it anew."
        )
    if not change.column:
        raw[change.table] = frame.drop(index=change.row)
    else:
        frame.at[change.row, change.column] = _like(old, change.now)


def _like(old: object, text: str) -> Any:
    """The new text as the type that the cell had, where it can be."""
    try:
        if isinstance(old, pd.Timestamp):
            return pd.Timestamp(text)
        if isinstance(old, float | int) and not isinstance(old, bool):
            return float(text)
    except ValueError:
        pass
    return text
