"""Dates of detections and of operation, from tables beside a survey."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.io.csv_text import read_text_table


def read_dated(table: Any, what: str, names: Sequence[str], dates: Sequence[str]) -> pd.DataFrame:
    """A table with dates, from a DataFrame or a CSV file.

    Parameters
    ----------
    table : DataFrame or CSV file
    what : str
        What it is called in messages.
    names, dates : sequence of str
        Columns that are text, and columns that are dates. An empty date stays empty.

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError
        If a column is missing, or a date cannot be read.
    """
    found = read_text_table(table, what) if isinstance(table, str | os.PathLike) else table
    if not isinstance(found, pd.DataFrame):
        raise DataError(f"{what} must be a DataFrame or a file; got {type(found).__name__}.")
    for name in (*names, *dates):
        if name not in found.columns:
            raise DataError(
                f"{what}: there is no column {name!r}"
                f"{_checks.did_you_mean(name, map(str, found.columns))}."
            )
    changed: dict[str, Any] = {name: found[name].astype(str).str.strip() for name in names}
    for name in dates:
        # ISO dates only: 03/04/2024 is March to one reader and April to another
        changed[name] = pd.to_datetime(found[name], format="ISO8601", errors="coerce")
        given = found[name].notna() & (found[name].astype(str).str.strip() != "")
        bad = np.flatnonzero(given & changed[name].isna())
        if bad.size:
            raise DataError(
                f"{what}: {name} cannot be read in {_checks.rows_listed(bad + 1)}: "
                f"{_checks.listed(repr(v) for v in found[name].iloc[bad])}. Write dates as "
                "2024-06-30."
            )
    return found.assign(**changed)
