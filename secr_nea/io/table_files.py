"""Tables as CSV files or sheets of one Excel workbook, and the folders they go to."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.errors import DataError

MAX_SHEET_NAME = 31
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of text that a spreadsheet would run as a formula."""


def made_folder(folder: PathLike) -> Path:
    """The folder, made when it does not exist; DataError when it cannot be."""
    home = Path(folder)
    if home.exists() and not home.is_dir():
        raise DataError(f"{str(folder)!r} is a file; a folder is needed. Name another one.")
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"The folder {str(folder)!r} cannot be made: {error.strerror or error}."
        ) from error
    return home


def write_tables(tables: Mapping[str, pd.DataFrame], path: PathLike) -> list[Path]:
    """Write tables to one Excel workbook, or to a folder of CSV files.

    Parameters
    ----------
    tables : mapping of name to DataFrame
        Their index is not written.
    path : .xlsx file, or folder

    Returns
    -------
    list of Path
        The workbook, or one CSV file for each table.

    Raises
    ------
    DataError
        No table, names that are no names of sheets or files, a place that cannot be written.

    Notes
    -----
    Text that begins like a formula is written as text, so that opening a workbook runs nothing.
    """
    if not tables:
        raise DataError("There is no table to write.")
    for name in tables:
        if not re.fullmatch(r"[^\\/*?:\[\]]{1,31}", name) or name.startswith("."):
            raise DataError(
                f"{name!r} is no name of a sheet or file: 1 to {MAX_SHEET_NAME} characters, none "
                "of \\ / * ? : [ ]."
            )
    if Path(path).suffix.lower() == ".xlsx":
        return [_workbook(tables, Path(path))]
    home = made_folder(path)
    files = []
    for name, table in tables.items():
        file = home / f"{name}.csv"
        table.to_csv(file, index=False)
        files.append(file)
    return files


def _workbook(tables: Mapping[str, pd.DataFrame], path: Path) -> Path:
    if importlib.util.find_spec("openpyxl") is None:
        raise DataError(
            "Writing Excel workbooks needs the package openpyxl: pip install 'secr-nea[excel]'. "
            "Or name a folder for CSV files."
        )
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for name, table in tables.items():
        sheet = book.create_sheet(name)
        sheet.append([str(column) for column in table.columns])
        for row in table.itertuples(index=False):
            sheet.append([_cell(sheet, value) for value in row])
    try:
        book.save(path)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
    return path


def _cell(sheet: object, value: object) -> object:
    """A value that openpyxl writes; missing ones are empty cells, text is never a formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if _checks.is_missing(value):
        return None
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, bool | int | float):
        return value
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", str(value)))
    cell.data_type = "s"
    return cell
