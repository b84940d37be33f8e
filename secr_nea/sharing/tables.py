"""Tables as CSV that keep every digit and the kind of every column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from secr_nea.errors import DataError


def write_table(base: pd.DataFrame, more: pd.DataFrame | None, path: Path) -> dict[str, str]:
    """Write a table; the kind of each column is returned for the manifest.

    Parameters
    ----------
    base : DataFrame
    more : DataFrame or None
        Further columns, with the same rows.
    path : Path

    Returns
    -------
    dict of column name to ``"number"``, ``"whole"``, ``"text"`` or ``"yes_no"``
    """
    parts = [base.reset_index(drop=True)]
    parts += [] if more is None else [more.reset_index(drop=True)]
    frame = pd.concat(parts, axis=1)
    frame.to_csv(path, index=False)
    return {str(name): _kind(column) for name, column in frame.items()}


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "yes_no"
    if pd.api.types.is_integer_dtype(column):
        return "whole"
    return "number" if pd.api.types.is_numeric_dtype(column) else "text"


def read_table(path: Path, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Parameters
    ----------
    path : Path
    kinds : mapping of column name to kind

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError
        If its columns are others.
    """
    if not kinds:
        return pd.DataFrame()
    # Only an empty cell is missing: an animal may be called "NA".
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    if list(frame.columns) != list(kinds):
        raise DataError(
            f"{path.name} has the columns {', '.join(map(str, frame.columns))}; "
            f"needed: {', '.join(kinds)}."
        )
    for name, kind in kinds.items():
        if kind == "yes_no":
            frame[name] = frame[name].map({"True": True, "False": False}).astype(bool)
        elif kind == "whole":
            frame[name] = frame[name].astype("int64")
        elif kind == "number":
            frame[name] = frame[name].astype("float64")
    return frame
