"""Text files of cells (CSV): encoding, separator and rows; a damaged file is refused as a whole."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secr_nea._checks import is_missing
from secr_nea.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r"sep=(.)[;,\t ]*\r?\n")
_FIRST_ROWS = 10


def decoded(path: Path, what: str, encoding: str | None = None) -> str:
    """Text of a file.

    Parameters
    ----------
    path : Path
    what : str
        The table, for messages.
    encoding : str, optional
        UTF-8 (or UTF-16 that says so in its first bytes) when None.

    Returns
    -------
    str

    Raises
    ------
    DataError
        Another encoding, or no text.
    """
    content = path.read_bytes()
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode(encoding or ("utf-16" if utf16 else "utf-8-sig"))
    except (UnicodeError, LookupError):
        raise DataError(
            f"{path.name} ({what}) is not {encoding or 'UTF-8'} text. Save it as 'CSV UTF-8', or "
            "say encoding='cp1251' (Russian Windows), 'cp1252' (western), 'gb18030' (Chinese); at "
            "the command line --encoding cp1251."
        ) from None
    if "\x00" in text:
        raise DataError(f"{path.name} ({what}) is no text: it holds zero bytes.")
    return text


def separated(text: str, place: str) -> list[list[str]]:
    """Cells of a table, row by row, the header first.

    The separator is the one that stands most often in the first line outside of quotes, or that
    a line ``sep=;`` above it names.

    Parameters
    ----------
    text : str
    place : str
        File and table, for messages.

    Returns
    -------
    list of list of str

    Raises
    ------
    DataError
        A quotation mark that is not closed: it would make one cell of all rows that follow.
    """
    named = _SEPARATOR_LINE.match(text)
    if named is not None:
        text = text[named.end() :]
    head = text.splitlines()[0] if text else ""
    mark = max(SEPARATORS, key=lambda m: (_outside_quotes(head, m), -SEPARATORS.index(m)))
    mark = named[1] if named is not None else mark
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    except csv.Error as error:
        raise DataError(f"{place} cannot be read as a table: {error}.") from None
    _refuse_swallowed(rows, mark, place)
    return rows


def _outside_quotes(line: str, mark: str) -> int:
    return sum(part.count(mark) for part in line.split('"')[::2])


def _refuse_swallowed(rows: Sequence[Sequence[str]], mark: str, place: str) -> None:
    """Refuse cells that hold whole rows of the table, as after a quotation mark not closed."""
    width = len(rows[0]) if rows else 0
    for number, row in enumerate(rows):
        for cell in row:
            lines = cell.splitlines()[1:]
            if width > 1 and any(line.count(mark) >= width - 1 for line in lines):
                where = f"row {number}" if number else "the header"
                raise DataError(
                    f'{place}: in {where} a quotation mark (") is not closed; {len(lines):,} '
                    "lines after it would become one cell. Remove the mark, or close it."
                )


def refuse_title(rows: Sequence[Sequence[Any]], place: str) -> None:
    """Refuse a table whose first row is a title or empty, with the names of the columns below.

    Parameters
    ----------
    rows : sequence of rows
    place : str

    Raises
    ------
    DataError
    """
    filled = [sum(not is_missing(cell) for cell in row) for row in rows[:_FIRST_ROWS]]
    header = next((i for i, number in enumerate(filled) if number > 2), 0)
    if header == 0 or filled[0] > 1:
        return
    words = [str(cell).strip() for cell in rows[0] if not is_missing(cell)]
    told = f"holds only {words[0]!r}" if words else "is empty"
    above = f"the {header} rows" if header > 1 else "the row"
    raise DataError(
        f"{place}: the first row {told}. The names of the columns seem to stand in row "
        f"{header + 1}: remove {above} above."
    )
