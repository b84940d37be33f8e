"""Columns of users' tables, read as text or numbers; every complaint names its rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from secr_nea._checks import (
    as_text,
    did_you_mean,
    is_categorical,
    is_missing,
    listed,
    refuse_padding,
    rows_listed,
)
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError

ROW = "row"
"""Name of an index that holds row numbers of the file (1 = first data row)."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
MISSING_WORDS = frozenset({"na", "n/a", "nan", "null"})


def row_numbers(frame: pd.DataFrame) -> list[int]:
    """Row number of each row for messages; 1 is the first data row of the user's table."""
    if frame.index.name == ROW:
        return [int(row) for row in frame.index]
    return list(range(1, len(frame) + 1))


def require_columns(frame: pd.DataFrame, columns: Iterable[str], table: str) -> None:
    """DataError when columns are absent; it names the nearest present ones."""
    present = [str(column) for column in frame.columns]
    absent = [column for column in columns if column not in present]
    if absent:
        wanted = listed(f"{column!r}{did_you_mean(column, present)}" for column in absent)
        raise DataError(
            f"The {table} table has no column {wanted}. Its columns: {listed(present, 20)}. Rename "
            "the column in the table."
        )


def id_column(frame: pd.DataFrame, column: str, what: str) -> list[str]:
    """Ids as text, one per row; DataError for empty or blank-padded cells, with their rows."""
    rows = row_numbers(frame)
    cells = frame[column].tolist()
    empty = [row for row, cell in zip(rows, cells, strict=True) if is_missing(cell)]
    if empty:
        raise DataError(
            f"{what} is missing in {rows_listed(empty)} (column {column!r}). Fill it in or remove "
            "these rows."
        )
    texts = [as_text(cell) for cell in cells]
    refuse_padding(texts, what, rows)
    return texts


def number_column(
    frame: pd.DataFrame, column: str, what: str, *, missing: bool = False
) -> FloatArray:
    """Numbers of a column, one per row.

    Parameters
    ----------
    frame : DataFrame
    column : str
    what : str
        The table, for messages.
    missing : bool
        Whether empty cells are allowed; they become NaN.

    Returns
    -------
    float64 array, shape (n_rows,)

    Raises
    ------
    DataError
        Text that is not a number, decimal commas, infinite values, empty cells when they are not
        allowed.
    """
    rows = row_numbers(frame)
    cells = frame[column]
    values = _parse(cells)
    empty = np.array([_is_empty(cell) for cell in cells], dtype=bool)
    _refuse_text(cells, rows, np.isnan(values) & ~empty, f"column {column!r} of the {what} table")
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any():
        where = rows_listed(row for row, flag in zip(rows, bad, strict=True) if flag)
        raise DataError(
            f"column {column!r} of the {what} table is missing or infinite in {where}. Fill in the "
            "numbers or remove these rows."
        )
    return values


def typed_covariate(cells: pd.Series, rows: Sequence[int]) -> pd.Series:
    """Covariate read as text: float64 when its cells are numbers, else text; empty stays missing.

    Raises
    ------
    DataError
        Decimal commas, or a few words among numbers (they would turn a number into a factor
        unnoticed).
    """
    if (
        not is_categorical(cells)
        or cells.dtype == bool
        or isinstance(cells.dtype, pd.CategoricalDtype)
    ):
        return cells
    values = _parse(cells)
    empty = np.array([_is_empty(cell) for cell in cells], dtype=bool)
    words = np.isnan(values) & ~empty
    n_words, n_numbers = int(words.sum()), int((~words & ~empty).sum())
    commas = [isinstance(cell, str) and bool(DECIMAL_COMMA.fullmatch(cell)) for cell in cells]
    if n_words and (n_numbers > n_words or any(commas)):
        _refuse_text(cells, rows, words, f"covariate column {cells.name!r}")
    if n_words:
        return pd.Series(
            [np.nan if gone else cell for cell, gone in zip(cells, empty, strict=True)],
            index=cells.index,
            name=cells.name,
            dtype=object,
        )
    return pd.Series(values, index=cells.index, name=cells.name)


def _is_empty(cell: object) -> bool:
    return is_missing(cell) or (isinstance(cell, str) and cell.strip().casefold() in MISSING_WORDS)


def _parse(cells: pd.Series) -> FloatArray:
    """Numbers where there are any, NaN elsewhere; text is read to the last digit as Python does."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)
    values = (
        pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    )
    found = ~np.isnan(values)
    values[found] = [float(cell) for cell in cells[found]]
    return values


def _refuse_text(cells: pd.Series, rows: Sequence[int], bad: np.ndarray, column: str) -> None:
    if not bad.any():
        return
    culprits = [(row, cell) for row, cell, flag in zip(rows, cells, bad, strict=True) if flag]
    where = rows_listed(row for row, _ in culprits)
    found = listed(dict.fromkeys(repr(cell) for _, cell in culprits))
    if all(isinstance(cell, str) and DECIMAL_COMMA.fullmatch(cell) for _, cell in culprits):
        raise DataError(
            f"{column} has decimal commas in {where}: {found}. "
            "Write decimal points, or read the table with pandas.read_csv(..., decimal=',') and "
            "pass the frame."
        )
    raise DataError(
        f"{column} is not a number in {where}: {found}. Correct these cells; leave a cell empty "
        "where the value is unknown."
    )
