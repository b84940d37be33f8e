"""Some columns of large CSV tables, piece by piece, as text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import BufferedIOBase, StringIO, TextIOWrapper
from typing import IO, Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._columns import ROW
from secr_nea.errors import DataError
from secr_nea.io.untrusted import refusing

CHUNK = 200_000
BEYOND = "cells beyond the header"
"""Name of one more column, in which a row that is too long shows itself."""
TAIL = 100_000
"""Bytes at the end of a file that are kept, to see whether its last row is complete."""
MAX_COLUMNS = 2_000


def read_columns(
    stream: IO[bytes],
    place: str,
    what: str,
    required: Sequence[str],
    optional: Sequence[str] = (),
    *,
    repeating: Sequence[str] = (),
    chunk: int = CHUNK,
) -> Iterator[pd.DataFrame]:
    """Pieces of a CSV table with the columns that are needed.

    Parameters
    ----------
    stream : binary stream
    place : str
        File name for messages.
    what : str
        Kind of table, for messages.
    required, optional : sequence of str
        Columns; optional ones that are absent come as empty text.
    repeating : sequence of str
        Columns with few different words: they come as categories, which are small and quick.
    chunk : int
        Rows of a piece.

    Yields
    ------
    DataFrame of str
        Its index numbers the rows of the file (1 = first data row).

    Raises
    ------
    DataError
        Absent or repeated columns, rows with more cells than the header, other encodings.
    """
    tail: Any = Tail(stream)
    text = TextIOWrapper(tail, encoding="utf-8-sig", newline="")
    with refusing(place, "a CSV table in UTF-8"):
        header = next(csv.reader(text), [])
    _check_header(header, place, what, required)
    present = [name for name in (*required, *optional) if name in header]
    reader: Any = None
    rows: Any = WithHeader(text, [*header, BEYOND])
    with refusing(place, "a CSV table in UTF-8"):
        try:
            reader = pd.read_csv(
                rows,
                usecols=[*present, BEYOND],
                dtype={
                    name: "category" if name in (*repeating, BEYOND) else str
                    for name in [*present, BEYOND]
                },
                keep_default_na=False,
                na_filter=False,
                chunksize=chunk,
                index_col=False,
                skip_blank_lines=True,
            )
        except pd.errors.EmptyDataError:
            return
    done = 0
    while True:
        with refusing(place, "a CSV table in UTF-8"):
            piece = next(reader, None)
        if piece is None:
            _check_last_row(tail.end, len(header), place)
            return
        piece.index = pd.RangeIndex(done + 1, done + len(piece) + 1, name=ROW)
        done += len(piece)
        long = piece.index[~piece.pop(BEYOND).isin(("", np.nan))]
        if len(long):
            raise DataError(
                f"{place}: more cells than the header has columns, {_checks.rows_listed(long)}. "
                "Are there commas in unquoted text?"
            )
        for name in optional:
            if name not in piece:
                piece[name] = ""
        yield piece


class Tail(BufferedIOBase):
    """A stream of bytes that remembers its end.

    Parameters
    ----------
    stream : binary stream
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.end = b""

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Next bytes."""
        content = self._stream.read(-1 if size is None else size)
        self.end = (self.end + content)[-TAIL:]
        return content

    def read1(self, size: int = -1, /) -> bytes:
        """Next bytes."""
        return self.read(TAIL if size < 0 else size)


class WithHeader:
    """A stream of text with a header line put in front.

    Parameters
    ----------
    text : stream of text
    header : sequence of str
    """

    def __init__(self, text: TextIOWrapper, header: Sequence[str]) -> None:
        line = StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(header)
        self._head = line.getvalue()
        self._text = text

    def read(self, size: int = -1, /) -> str:
        """Next characters; the header comes alone."""
        head, self._head = self._head, ""
        return head or self._text.read(size)

    def __iter__(self) -> WithHeader:
        return self

    def __next__(self) -> str:
        line = self.read(100_000)
        if not line:
            raise StopIteration
        return line


def _check_last_row(end: bytes, n_columns: int, place: str) -> None:
    """DataError when the last row stops within: the file was cut off."""
    if end.endswith((b"\n", b"\r")) or not end:
        return
    last = end.replace(b"\r", b"\n").rpartition(b"\n")[2].decode("utf-8", errors="replace")
    cells = next(csv.reader([last]), [])
    if len(cells) < n_columns and '"' not in last:
        raise DataError(
            f"{place} ends within a row ({len(cells)} of {n_columns} cells): it is not complete. "
            "Copy or export it again."
        )


def _check_header(header: list[str], place: str, what: str, required: Sequence[str]) -> None:
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{place}: {len(header):,} columns are too many for a {what} table.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{place} has more than one column {_checks.listed(map(repr, twice))}.")
    absent = [name for name in required if name not in header]
    if absent:
        told = _checks.listed(f"{name!r}{_checks.did_you_mean(name, header)}" for name in absent)
        raise DataError(
            f"{place} ({what}) has no column {told}. Its columns: {_checks.listed(header, 20)}."
        )
