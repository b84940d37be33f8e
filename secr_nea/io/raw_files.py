"""Field tables from files as people save them, and the check of files, tables or surveys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea._checks import is_missing
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io.csv_text import Table
from secr_nea.io.delimited import decoded, refuse_title, separated
from secr_nea.io.sheets import workbook_sheets
from secr_nea.quality import Findings, Ledger, RawTables, check_tables, raw_tables
from secr_nea.quality.cells import text_of
from secr_nea.quality.columns import match_columns
from secr_nea.quality.survey_objects import check_survey_objects
from secr_nea.survey import Survey

EXCEL = (".xlsx", ".xlsm")
LARGEST_BYTES = 500_000_000
SHEETS = {
    "traps": ("trap", "camera", "station", "deploy", "site", "камер", "станц"),
    "operation": ("operation", "operat", "effort", "period", "deploy", "работа"),
    "detections": ("detect", "capture", "observ", "record", "animal", "встреч", "регистр"),
}
"""Parts of names of Excel sheets by which a table is found in a workbook of several."""


def read_raw_tables(
    traps: Table,
    detections: Table,
    operation: Table | None = None,
    *,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    dates: str | Mapping[str, str] = "infer",
    crs: CRSLike | None = None,
    encoding: str | None = None,
) -> RawTables:
    """Read the tables of a survey as they are, and say what their columns mean.

    Parameters
    ----------
    traps, detections, operation : CSV or Excel file, or DataFrame
        CSV files separated by commas, semicolons or tabs, with decimal points or commas. Of an
        Excel file with several sheets the one whose name and columns tell the table is read.
    columns, dates, crs
        As for :func:`raw_tables`.
    encoding : str, optional
        Of CSV files, such as "cp1251"; UTF-8 when None.

    Returns
    -------
    RawTables

    Raises
    ------
    DataError
        Files that cannot be read, with the reason in one sentence.
    """
    given = {"traps": traps, "detections": detections, "operation": operation}
    frames = {
        name: read_raw_table(table, name, encoding)
        for name, table in given.items()
        if table is not None
    }
    return raw_tables(
        frames["traps"], frames["detections"], frames.get("operation"),
        columns=columns, dates=dates, crs=crs,
    )  # fmt: skip


def check(
    traps: Table | RawTables | Survey | Iterable[Survey],
    detections: Table | None = None,
    operation: Table | None = None,
    *,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    dates: str | Mapping[str, str] = "infer",
    crs: CRSLike | None = None,
    detector: str = "count",
    ledger: Ledger | PathLike | None = None,
    encoding: str | None = None,
) -> Findings:
    """Check field tables, or surveys, and explain row by row what is wrong.

    Nothing is changed. Corrections are made with a :class:`Ledger`.

    Parameters
    ----------
    traps : CSV or Excel file, DataFrame, RawTables, Survey, or several Surveys
    detections, operation : CSV or Excel file, or DataFrame
        As for :func:`read_raw_tables`; not with RawTables or surveys.
    columns, dates, crs
        As for :func:`raw_tables`.
    detector : str
        What the traps are, as for :class:`TrapArray`.
    ledger : Ledger or path, optional
        Corrections to apply before the check.
    encoding : str, optional
        As for :func:`read_raw_tables`.

    Returns
    -------
    Findings
        Errors first.

    Raises
    ------
    DataError
        Tables that cannot be read, or a ledger that does not fit them.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.check(sn.datasets.sailugem())
    Findings(Nothing was found that must be mended or looked at.)
    """
    if ledger is not None and not isinstance(ledger, Ledger):
        ledger = Ledger.read(ledger)
    if isinstance(traps, RawTables):
        return check_tables(traps, detector=detector, ledger=ledger)
    if not isinstance(traps, str | os.PathLike | pd.DataFrame):
        return check_survey_objects(traps)
    if detections is None:
        raise DataError("check() needs the detections too: check(traps, detections).")
    tables = read_raw_tables(
        traps,
        detections,
        operation,
        columns=columns,
        dates=dates,
        crs=crs,
        encoding=encoding,
    )
    return check_tables(tables, detector=detector, ledger=ledger)


def read_raw_table(source: Table, what: str, encoding: str | None = None) -> pd.DataFrame:
    """A table cell by cell, its index numbering the data rows from 1.

    Parameters
    ----------
    source : path or DataFrame
    what : str
        "traps", "operation" or "detections", for messages and to find the sheet of a workbook.
    encoding : str, optional
        Of a CSV file; UTF-8 when None.

    Returns
    -------
    DataFrame
        Text from CSV files; numbers, dates and text from Excel.

    Raises
    ------
    DataError
        No such file, an unreadable one, no header, rows with more cells than the header.
    """
    if isinstance(source, pd.DataFrame):
        return source
    path = Path(source)
    if path.is_dir():
        raise DataError(f"{str(source)!r} is a folder; name the {what} file in it.")
    if not path.is_file():
        raise DataError(
            f"There is no {what} file {str(source)!r} (looked from {str(Path.cwd())!r})."
        )
    if path.stat().st_size > LARGEST_BYTES:
        raise DataError(f"{path.name} ({what}) is larger than {LARGEST_BYTES / 1e6:,.0f} MB.")
    with path.open("rb") as file:
        head = file.read(4)
    if path.suffix.lower() in EXCEL or head == b"PK\x03\x04":
        return _excel(path, what)
    if path.suffix.lower() in (".xls", ".ods"):
        raise DataError(f"{path.name} ({what}): save it as .xlsx or as 'CSV UTF-8'.")
    text = decoded(path, what, encoding)
    return _table(separated(text, f"{path.name} ({what})"), path.name, what)


def _table(rows: list[list[Any]], name: str, what: str) -> pd.DataFrame:
    """Table whose first row has the names of the columns."""
    place = f"{name} ({what})"
    refuse_title(rows, place)
    header = [text_of(cell).strip() for cell in rows[0]] if rows else []
    # spreadsheets leave empty columns at the right
    while header and not header[-1]:
        header = header[:-1]
    if not header:
        raise DataError(f"{place} has no header line with the names of the columns.")
    width = len(header)
    cells = []
    for number, row in enumerate(rows[1:], start=1):
        if any(not is_missing(cell) for cell in row[width:]):
            raise DataError(
                f"{place}: row {number} has more cells than the header has columns "
                f"({len(row)}, {width}). Are there decimal commas, or separators in unquoted text?"
                f"{'' if all(header) else ' Does the header take two rows? One is needed.'}"
            )
        cells.append((row + [""] * width)[:width])
    blank = [i for i, cell in enumerate(header) if not cell]
    names = [cell or f"column {i + 1}" for i, cell in enumerate(header)]
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    used = [any(not is_missing(row[i]) for row in cells) for i in range(width)]
    frame = frame.iloc[:, [i for i in range(width) if i not in blank or used[i]]]
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _excel(path: Path, what: str) -> pd.DataFrame:
    """One sheet of a workbook: the one whose name and columns tell the table, else the first."""

    def likely(names: list[str]) -> list[str]:
        called = [n for n in names if any(part in n.casefold() for part in SHEETS[what])]
        return called or names

    sheets = [rows for rows in workbook_sheets(path, what, likely) if rows]
    if not sheets:
        raise DataError(f"{path.name} ({what}): the sheet is empty.")
    rows = next((sheet for sheet in sheets if _has_columns(sheet[0], what)), sheets[0])
    refuse_title(rows, f"{path.name} ({what})")
    width = max((i + 1 for row in rows for i, c in enumerate(row) if not is_missing(c)), default=0)
    rows = [[*row, *[None] * width][:width] for row in rows]
    if width and is_missing(rows[0][-1]):
        rows[0][-1] = f"column {width}"  # remarks beside the table
    return _table(rows, path.name, what)


def _has_columns(header: list[Any], what: str) -> bool:
    names = pd.Index(dict.fromkeys(text_of(cell) for cell in header if not is_missing(cell)))
    try:
        match_columns(pd.DataFrame(columns=names), what)
    except DataError:
        return False
    return True
