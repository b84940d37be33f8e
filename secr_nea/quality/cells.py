"""Cells of field tables as text, numbers and UTM zones, decimal commas included."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea._checks import as_text, is_missing
from secr_nea._typing import BoolArray, FloatArray

EMPTY_WORDS = frozenset({"na", "n/a", "nan", "null", "none", "nat", "-", "--", "?"})
"""Words that stand for an empty cell in columns other than ids."""

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_THOUSANDS_DOT = re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d+")
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_ZONE = re.compile(
    r"(?:utm|epsg:?|зона|zone|wgs\s*84)*[\s:/_-]*(\d{1,5})\s*([a-z]?)(?:orth|outh)?\b.*"
)


def is_empty(cell: object) -> bool:
    """Tell whether a cell says nothing: blank, missing, or a word such as ``NA``."""
    return is_missing(cell) or (isinstance(cell, str) and cell.strip().casefold() in EMPTY_WORDS)


def text_of(cell: object) -> str:
    """Text of a cell as it stands, "" when blank or missing."""
    return "" if is_missing(cell) else as_text(cell)


def number_of(cell: object, *, metres: bool = False) -> float:
    """Number in a cell; NaN when there is none.

    Parameters
    ----------
    cell : object
        A number, or text with a decimal point or comma and spaces between thousands.
    metres : bool
        Whether the cell is a coordinate in metres, in which ``512,345`` means 512345; elsewhere
        that comma is a decimal one.

    Returns
    -------
    float

    Examples
    --------
    >>> number_of("4 512 345,5"), number_of("512,345", metres=True), number_of("49,25")
    (4512345.5, 512345.0, 49.25)
    """
    if isinstance(cell, bool) or is_empty(cell):
        return np.nan
    if isinstance(cell, int | float | np.number):
        return float(cell)
    if not isinstance(cell, str):
        return np.nan
    text = _SPACES.sub("", cell)
    if _NUMBER.fullmatch(text):
        return float(text)
    if _THOUSANDS.fullmatch(text) and (metres or text.count(",") > 1 or "." in text):
        return float(text.replace(",", ""))
    if _DECIMAL_COMMA.fullmatch(text):
        return float(text.replace(",", "."))
    if _THOUSANDS_DOT.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    return np.nan


def numbers_of(cells: Sequence[object], *, metres: bool = False) -> tuple[FloatArray, BoolArray]:
    """Numbers of a column and which cells hold something that is no number.

    Parameters
    ----------
    cells : sequence
    metres : bool
        As for :func:`number_of`.

    Returns
    -------
    values : float64 array, shape (n,)
        NaN where a cell is empty or unreadable.
    bad : bool array, shape (n,)
        Cells that are neither empty nor finite numbers.
    """
    values = np.array([number_of(cell, metres=metres) for cell in cells], dtype=np.float64)
    empty = np.array([is_empty(cell) for cell in cells], dtype=bool)
    bad = ~empty & ~np.isfinite(values)
    return np.where(np.isfinite(values), values, np.nan), bad


def decimals_of(cells: Sequence[object]) -> int:
    """Largest number of decimals in a column: how finely positions were written down."""
    most = 0
    for cell in cells:
        text = _SPACES.sub("", str(cell)).replace(",", ".")
        if _NUMBER.fullmatch(text) and "." in text and "e" not in text.casefold():
            most = max(most, len(text.rpartition(".")[2]))
    return most


def utm_zone(cell: object, latitude: float = np.nan) -> tuple[int, bool] | None:
    """Zone number and whether it is a northern one, from ``45N``, ``44R``, ``EPSG:32645`` ...

    Parameters
    ----------
    cell : object
    latitude : float, degrees or northing in metres, optional
        Decides whether ``45S`` is the latitude band S (32 to 40 degrees north) or the south.

    Returns
    -------
    (int, bool) or None
        None when the cell holds no zone.

    Examples
    --------
    >>> utm_zone("44R"), utm_zone("45 N"), utm_zone("EPSG:32646"), utm_zone("somewhere")
    ((44, True), (45, True), (46, True), None)
    """
    if is_empty(cell):
        return None
    found = _ZONE.fullmatch(text_of(cell).strip().casefold())
    if found is None:
        return None
    number, letter = int(found[1]), found[2]
    if 32601 <= number <= 32660 or 32701 <= number <= 32760:
        return number % 100, number < 32700
    if not 1 <= number <= 60:
        return None
    if letter == "s":
        band = 30.0 <= latitude <= 42.0 or 3.4e6 <= latitude <= 4.6e6
        return number, bool(band)
    return number, letter == "" or letter >= "n"


def is_serial_number(cell: object) -> bool:
    """Tell whether a cell holds an Excel day number between the years 1982 and 2064."""
    value = number_of(cell)
    return bool(np.isfinite(value) and 30000.0 <= value <= 60000.0)


def column_cells(frame: pd.DataFrame, column: str | None) -> list[object]:
    """Cells of a column; missing ones when the table has no such column."""
    if column is None:
        return [None] * len(frame)
    return list(frame[column].tolist())
