"""CSV files and workbooks as text, cell by cell: nothing guessed, malformed files refused."""

from __future__ import annotations

import csv
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from secr_nea._checks import is_missing, listed
from secr_nea._columns import ROW, row_numbers
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.io.sheets import OTHER_WORKBOOKS, as_text, is_workbook, read_cells
from secr_nea.io.synonyms import decimal_points, renamed

Table: TypeAlias = PathLike | pd.DataFrame
Columns: TypeAlias = Mapping[str, str] | str | None


def read_text_table(
    source: Table,
    what: str,
    *,
    sheet: str | None = None,
    columns: Columns = None,
    decimal: str = ".",
) -> pd.DataFrame:
    """A table whose index numbers the rows of the file, 1 = first data row.

    Parameters
    ----------
    source : path of a CSV file or Excel workbook, or DataFrame
        Files are read as text; the columns of a DataFrame keep their types.
    what : str
        The kind of table, for messages: ``traps``, ``captures`` ...
    sheet : str, optional
        Sheet of a workbook; needed where its name does not tell what it holds.
    columns : mapping of our name to the table's, "synonyms", or None
        See `secr_nea.io.synonyms.renamed`.
    decimal : {".", ","}
        Decimal mark of numbers that are text.

    Returns
    -------
    DataFrame, index named "row"
        Rows without any content are left out.

    Raises
    ------
    DataError
        No such file, an old spreadsheet, another separator or encoding than comma and UTF-8,
        rows of uneven length, nothing in it, repeated column names.
    """
    if isinstance(source, pd.DataFrame):
        frame = source.copy()
        _refuse_repeated([str(column) for column in frame.columns], what)
        frame.index = pd.Index(row_numbers(frame), name=ROW)
    elif is_workbook(source):
        cells = read_cells(source, what, sheet=sheet)
        frame = cells.map(as_text)
    elif isinstance(source, str | os.PathLike):
        frame = _read_csv(Path(source), what)
    else:
        raise DataError(
            f"The {what} table must be a CSV file or a DataFrame; got {type(source).__name__}."
        )
    frame, _ = renamed(frame, columns, what, f"the {what} table")
    if decimal not in (".", ","):
        raise DataError(f"decimal must be '.' or ','; got {decimal!r}.")
    if decimal == ",":
        frame = frame.apply(decimal_points)
    empty = frame.map(is_missing).all(axis=1) if len(frame) else pd.Series(dtype=bool)
    return frame[~empty.to_numpy(dtype=bool)] if len(frame) else frame


def _read_csv(path: Path, what: str) -> pd.DataFrame:
    _refuse_other_files(path, what)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
        if header:
            _check_header(header, path, what)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                index_col=False,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise DataError(
            f"{path} ({what}) is not UTF-8 text. Save it as 'CSV UTF-8', or read it with "
            "pandas.read_csv(..., encoding=...) and pass the frame."
        ) from None
    except pd.errors.EmptyDataError:
        raise DataError(
            f"{path} ({what}) is empty: a header line with the column names is needed."
        ) from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(
            f"{path} ({what}): a row has more cells than the header has columns ({error}). "
            "Are there decimal commas, or commas in unquoted text?"
        ) from None
    frame.index = pd.RangeIndex(1, len(frame) + 1, name=ROW)
    return frame


def _refuse_other_files(path: Path, what: str) -> None:
    if not path.is_file():
        raise DataError(f"There is no {what} file {str(path)!r} (looked from {str(Path.cwd())!r}).")
    if path.suffix.lower() in OTHER_WORKBOOKS:
        raise DataError(
            f"{path} ({what}) is an old spreadsheet. Save it as .xlsx or 'CSV UTF-8', "
            f"or pass the frame: pandas.read_excel({path.name!r}, dtype=str)."
        )


def _check_header(header: list[str], path: Path, what: str) -> None:
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            raise DataError(
                f"{path} ({what}): columns are separated by {name}, not commas. "
                f"Read it with pandas.read_csv(..., sep={mark!r}, decimal=',', "
                f"dtype={{...ids...: str}}) and pass the frame."
            )
    _refuse_repeated(header, what)


def _refuse_repeated(columns: list[str], what: str) -> None:
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise DataError(
            f"The {what} table has more than one column {listed(map(repr, repeated))}. Rename or "
            "remove one."
        )


@contextmanager
def naming(source: object, what: str = "", survey: str | None = None) -> Iterator[None]:
    """Put the file and the survey in front of the message of any data error raised inside."""
    try:
        yield
    except DataError as error:
        place = (
            [Path(source).name] if isinstance(source, str | os.PathLike) else [what] if what else []
        )
        place += [f"survey {survey!r}"] if survey is not None else []
        if not place:
            raise
        raise type(error)(f"{', '.join(place)}: {error}") from error
