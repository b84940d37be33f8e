"""Some columns of large CSV tables, piece by piece, as text."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import IO

import pandas as pd

from secr_nea import _checks
from secr_nea._columns import ROW
from secr_nea.errors import DataError
from secr_nea.io.untrusted import refusing

CHUNK = 200_000
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
    text = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    with refusing(place, "a CSV table in UTF-8"):
        header = next(csv.reader(text), [])
    _check_header(header, place, what, required)
    present = [name for name in (*required, *optional) if name in header]
    reader = None
    with refusing(place, "a CSV table in UTF-8"):
        try:
            reader = pd.read_csv(
                text,
                names=header,
                usecols=present,
                dtype={name: "category" if name in repeating else str for name in present},
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
            return
        piece.index = pd.RangeIndex(done + 1, done + len(piece) + 1, name=ROW)
        done += len(piece)
        for name in optional:
            if name not in piece:
                piece[name] = ""
        yield piece


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
