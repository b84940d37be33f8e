"""Tables as people keep them: CSV with commas, semicolons or tabs, and sheets of Excel workbooks.

Cells come as they are: text from CSV; text, numbers and true dates from Excel.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea import _checks
from secr_nea._columns import ROW, row_numbers
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.io.delimited import decoded, refuse_title, separated
from secr_nea.io.untrusted import MAX_WHOLE, checked_members, existing_file, refusing

WORKBOOKS = (".xlsx", ".xlsm")
OTHER_WORKBOOKS = (".xls", ".ods", ".xlsb", ".numbers")
MAX_ROWS = 1_000_000
MAX_COLUMNS = 2_000
SHEET_WORDS = {
    "traps": ("trap", "camera", "station", "detector", "deployment", "ловуш", "камер", "станци"),
    "detections": ("detection", "capture", "record", "animal", "встреч", "регистр"),
    "operation": ("operation", "effort", "activity", "усили", "работ"),
    "individuals": ("individual", "особ"),
    "mask": ("mask", "habitat"),
}
"""Beginnings of words that tell what a sheet holds."""


def is_workbook(source: object) -> bool:
    """Whether a source is the path of an Excel workbook that can be read."""
    return isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in WORKBOOKS


def read_cells(
    source: PathLike | pd.DataFrame,
    what: str,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
    row_names: bool = False,
) -> pd.DataFrame:
    """Cells of a table, with row numbers.

    Parameters
    ----------
    source : path of a CSV file or Excel workbook, or DataFrame
    what : str
        Kind of table: traps, detections, operation ...
    sheet : str, optional
        Sheet of a workbook; the only one, or the only one whose name tells its kind, when None.
    encoding : str, optional
        Of a CSV file; UTF-8 when None.
    row_names : bool
        Whether the first column may be without a name, as R writes its row names.

    Returns
    -------
    DataFrame of objects, index named "row"
        1 is the row after the header. Rows without any content are left out.

    Raises
    ------
    DataError
    """
    if isinstance(source, pd.DataFrame):
        frame = source.copy()
        if row_names and frame.index.map(lambda name: isinstance(name, str)).all() and len(frame):
            frame.insert(0, "row names", frame.index)
        frame.index = pd.Index(row_numbers(frame), name=ROW)
        _check_header([str(name) for name in frame.columns], "The DataFrame", what)
        return frame
    if not isinstance(source, str | os.PathLike):
        raise DataError(
            f"The {what} table must be a file or a DataFrame; got {type(source).__name__}."
        )
    path = existing_file(source, what, MAX_WHOLE)
    if path.suffix.lower() in OTHER_WORKBOOKS:
        raise DataError(f"{path.name} ({what}): save it as .xlsx or as 'CSV UTF-8'.")
    rows = (
        _workbook_rows(path, what, sheet)
        if is_workbook(path)
        else separated(decoded(path, what, encoding), f"{path.name} ({what})")
    )
    if row_names and rows and rows[0] and _checks.is_missing(rows[0][0]):
        rows[0][0] = "row names"
    refuse_title(rows, f"{path.name} ({what})")
    return _framed(rows, path.name, what)


def _workbook_rows(path: Path, what: str, sheet: str | None) -> list[list[Any]]:
    return workbook_sheets(path, what, lambda names: [_sheet_name(names, path, what, sheet)])[0]


def workbook_sheets(
    path: Path, what: str, chosen: Callable[[list[str]], list[str]]
) -> list[list[list[Any]]]:
    """Cells of sheets of a workbook, row by row from its first one.

    Parameters
    ----------
    path : Path
    what : str
        The table, for messages.
    chosen : function of the names of all sheets
        Names of those to read.

    Returns
    -------
    list of list of list of objects
        Rows of each sheet. Formulas are not computed: the values that Excel stored are read.

    Raises
    ------
    DataError
        No workbook, a damaged one, too large a one.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(
            f"{path.name} is an Excel workbook; reading it needs the package openpyxl: "
            "pip install 'secr-nea[excel]'. Or save it as 'CSV UTF-8'."
        )
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path.name} ({what}) cannot be read as an Excel workbook: it is none, or damaged. "
            "Save it anew as .xlsx, or as 'CSV UTF-8'."
        )
    with refusing(path.name, "an Excel workbook"):
        import openpyxl

        with zipfile.ZipFile(path) as archive:
            checked_members(archive, path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            return [_sheet_rows(book[name], path, what) for name in chosen(book.sheetnames)]
        finally:
            book.close()


def _sheet_rows(sheet: Any, path: Path, what: str) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for row in sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1):
        if len(rows) > MAX_ROWS:
            raise DataError(f"{path.name} ({what}) has more than {MAX_ROWS:,} rows.")
        rows.append(list(row))
    return rows


def _sheet_name(names: list[str], path: Path, what: str, sheet: str | None) -> str:
    if sheet is not None:
        if sheet in names:
            return sheet
        raise DataError(
            f"{path.name} has no sheet {sheet!r}{_checks.did_you_mean(sheet, names)}; it has "
            f"{_checks.listed(map(repr, names))}."
        )
    if len(names) == 1:
        return names[0]
    words = SHEET_WORDS.get("detections" if what == "captures" else what, ())
    fitting = [name for name in names if any(word in name.casefold() for word in words)]
    if len(fitting) == 1:
        return fitting[0]
    raise DataError(
        f"{path.name} has the sheets {_checks.listed(map(repr, names))}. Say which one holds the "
        f"{what}: sheet={names[0]!r}; or name that sheet {what!r}."
    )


def _framed(rows: list[list[Any]], place: str, what: str) -> pd.DataFrame:
    if not rows:
        raise DataError(f"{place} ({what}) is empty: a header with column names is needed.")
    header = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    while header and not header[-1]:
        header.pop()
    _check_header(header, place, what)
    cells, numbers = [], []
    for number, row in enumerate(rows[1:], start=1):
        if all(_checks.is_missing(cell) for cell in row):
            continue
        beyond = [cell for cell in row[len(header) :] if not _checks.is_missing(cell)]
        if beyond:
            raise DataError(
                f"{place} ({what}): row {number} has more cells than the header has columns "
                f"({beyond[0]!r} ...). Are there commas in unquoted text?"
            )
        padded = [*row, *[None] * (len(header) - len(row))][: len(header)]
        cells.append([_clean(cell) for cell in padded])
        numbers.append(number)
    frame = pd.DataFrame(cells, columns=header, index=pd.Index(numbers, name=ROW), dtype=object)
    return frame


def _clean(cell: Any) -> Any:
    return None if _checks.is_missing(cell) else cell


def _check_header(header: list[str], place: str, what: str) -> None:
    if not header or len(header) > MAX_COLUMNS:
        raise DataError(
            f"{place} ({what}) has {len(header):,} columns in its first row; the names of the "
            "columns are needed there."
        )
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(
            f"{place} ({what}) has more than one column {_checks.listed(map(repr, twice))}. Rename "
            "or remove one."
        )
    if "" in header:
        raise DataError(
            f"{place} ({what}): column {header.index('') + 1} has no name. Name it or remove it."
        )


def as_text(cell: Any) -> str:
    """Text of a cell: numbers without needless zeros, dates as ISO, empty as ""."""
    if _checks.is_missing(cell):
        return ""
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, bool):
        return str(cell)
    return _checks.as_text(cell)
