"""Field tables from files as people save them, and the check of files, tables or surveys."""

from __future__ import annotations

import csv
import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io.csv_text import Table
from secr_nea.quality import Findings, Ledger, RawTables, check_tables, raw_tables
from secr_nea.quality.survey_objects import check_survey_objects
from secr_nea.survey import Survey

SEPARATORS = (",", ";", "\t", "|")
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
) -> RawTables:
    """Read the tables of a survey as they are, and say what their columns mean.

    Parameters
    ----------
    traps, detections, operation : CSV or Excel file, or DataFrame
        CSV files separated by commas, semicolons or tabs, with decimal points or commas. Of an
        Excel file with several sheets the one whose name tells the table is read, else the first.
    columns, dates, crs
        As for :func:`raw_tables`.

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
        name: read_raw_table(table, name) for name, table in given.items() if table is not None
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
    )
    return check_tables(tables, detector=detector, ledger=ledger)


def read_raw_table(source: Table, what: str) -> pd.DataFrame:
    """A table cell by cell, its index numbering the data rows from 1.

    Parameters
    ----------
    source : path or DataFrame
    what : str
        "traps", "operation" or "detections", for messages and to find the sheet of a workbook.

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
    return _text_table(_decoded(path, what), path.name, what)


def _decoded(path: Path, what: str) -> str:
    content = path.read_bytes()
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} ({what}) is not UTF-8 text (byte {error.start:,}). "
            "Save it as 'CSV UTF-8'."
        ) from None
    if "\x00" in text:
        raise DataError(f"{path.name} ({what}) is no text: it holds zero bytes.")
    return text


def _text_table(text: str, name: str, what: str) -> pd.DataFrame:
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise DataError(f"{name} ({what}) has no header line with the names of the columns.")
    separator = max(
        SEPARATORS, key=lambda mark: (_outside_quotes(lines[0], mark), -SEPARATORS.index(mark))
    )
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise DataError(f"{name} ({what}) cannot be read as a table: {error}.") from None
    header = rows[0]
    # spreadsheets leave empty columns at the right
    while header and not header[-1].strip():
        header = header[:-1]
    width = len(header)
    cells = []
    for number, row in enumerate(rows[1:], start=1):
        if any(cell.strip() for cell in row[width:]):
            raise DataError(
                f"{name} ({what}): row {number} has more cells than the header has columns "
                f"({len(row)}, {width}). Are there decimal commas, or separators in unquoted text?"
            )
        cells.append((row + [""] * width)[:width])
    blank = [i for i, cell in enumerate(header) if not cell.strip()]
    header = [cell if cell.strip() else f"column {i + 1}" for i, cell in enumerate(header)]
    frame = pd.DataFrame(cells, columns=header, dtype=object)
    keep = [i for i in range(width) if i not in blank or any(row[i].strip() for row in cells)]
    frame = frame.iloc[:, keep]
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _outside_quotes(line: str, mark: str) -> int:
    return sum(part.count(mark) for part in line.split('"')[::2])


def _excel(path: Path, what: str) -> pd.DataFrame:
    """One sheet of a workbook, cells as they are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # styles and validations are of no matter
            sheets: dict[Any, pd.DataFrame] = pd.read_excel(
                path, sheet_name=None, dtype=object, keep_default_na=False, na_values=[""]
            )
    except ImportError:
        raise DataError(
            f"{path.name} ({what}) is an Excel file. Install openpyxl (pip install "
            "'secr-nea[excel]'), or save it as 'CSV UTF-8'."
        ) from None
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError(f"{path.name} ({what}) cannot be read as an Excel file: {error}.") from None
    if not sheets:
        raise DataError(f"{path.name} ({what}) has no sheet.")
    likely = [name for name in sheets if any(part in str(name).casefold() for part in SHEETS[what])]
    frame = sheets[likely[0] if likely else next(iter(sheets))]
    frame = frame.dropna(axis="columns", how="all") if len(frame) else frame
    if not len(frame.columns):
        raise DataError(f"{path.name} ({what}): the sheet is empty.")
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame
