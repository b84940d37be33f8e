"""Dates and times of field sheets: text in a stated order, serial numbers and true dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import BoolArray
from secr_nea.errors import DataError
from secr_nea.quality.dates import ORDERS, order_told_by, read_date

OFFSET = r"T.*(?:Z|[+-]\d{2}:?\d{2})$"
FIRST_YEAR, LAST_YEAR = 1950, 2100


def order_of_table(frame: pd.DataFrame, columns: Sequence[str], place: str, order: str) -> str:
    """The same for some columns of a table whose index numbers its rows."""
    cells = (
        (int(row), c) for name in columns for row, c in zip(frame.index, frame[name], strict=True)
    )
    return order_of(cells, place, order)


def parse_times(
    cells: Sequence[object],
    order: str,
    place: str,
    rows: Sequence[int] | None = None,
    *,
    missing: bool = False,
) -> tuple[np.ndarray, BoolArray]:
    """Times of a column.

    Parameters
    ----------
    cells : sequence
        Text (ISO, dd/mm/yyyy or mm/dd/yyyy, 3 Nov 2022), datetime objects, or serial day numbers
        of Excel; all of them may stand in one column.
    order : {"infer", "dmy", "mdy"}
        Order of text such as 03/11/2022. "infer" takes the only order that all such cells of the
        column allow.
    place : str
        The table and column, for messages.
    rows : sequence of int, optional
        Row numbers for messages.
    missing : bool
        Whether cells may be empty (NaT).

    Returns
    -------
    datetime64[s] array, shape (n,)
        As written, without any zone.
    bool array, shape (n,)
        Which of them have no time of day.

    Raises
    ------
    DataError
        Empty cells, text that is no date, dates that do not exist, an order that is not clear.

    Warns
    -----
    SecrWarning
        True dates beside text in the order mm/dd: Excel may have swapped day and month.
    """
    where = list(range(1, len(cells) + 1)) if rows is None else list(rows)
    found = order_of([(row, cell) for row, cell in zip(where, cells, strict=True)], place, order)
    times = np.full(len(cells), np.datetime64("NaT", "s"), dtype="datetime64[s]")
    date_only = np.zeros(len(cells), dtype=bool)
    bad: list[str] = []
    for i, cell in enumerate(cells):
        if _checks.is_missing(cell):
            if not missing:
                bad.append(f"row {where[i]}: empty")
            continue
        read = read_date(cell, found)
        if read is None or not _is_clear(cell, read.when.year, read.form):
            bad.append(f"row {where[i]}: {str(cell)!r}")
            continue
        times[i], date_only[i] = read.when, not read.has_time
    if bad:
        raise DataError(
            f"{place} is no date in {_checks.listed(bad)}. Write 2023-01-06, or say the order of "
            "day and month ('dmy' or 'mdy')."
        )
    _warn_of_true_dates(cells, where, place)
    return times, date_only


def _is_clear(cell: object, year: int, form: str) -> bool:
    """Whether the year is a possible one and, in text, written in full: 03/11/22 is no date."""
    in_full = form in ("serial", "date") or str(year) in str(cell)
    return FIRST_YEAR <= year <= LAST_YEAR and in_full


def order_of(cells: Iterable[tuple[int, object]], place: str, order: str = "infer") -> str:
    """Order of day and month of a table.

    Parameters
    ----------
    cells : iterable of (row, cell)
        Of all columns with dates of the table.
    place : str
        For messages.
    order : {"infer", "dmy", "mdy"}
        "infer": the only order that all cells allow.

    Returns
    -------
    {"dmy", "mdy"}

    Raises
    ------
    DataError
        Cells that allow both orders, or that contradict each other.
    """
    if order not in ("infer", *ORDERS):
        raise DataError(f"dates must be 'infer', 'dmy' or 'mdy'; got {order!r}.")
    if order != "infer":
        return order
    told = [(row, cell, order_told_by(cell)) for row, cell in cells]
    day_first, month_first = ([row for row, _, only in told if only == one] for one in ORDERS)
    if day_first and month_first:
        raise DataError(
            f"{place} mixes day/month ({_checks.rows_listed(day_first)}) and month/day "
            f"({_checks.rows_listed(month_first)}). Correct one of them."
        )
    # dots are written where the day comes first
    unclear = [cell for _, cell, only in told if only == "either" and "." not in str(cell)]
    if unclear and not day_first and not month_first:
        raise DataError(
            f"{place}: no cell tells whether {str(unclear[0]).strip()!r} is day/month or "
            "month/day. Say so: dates='dmy' or dates='mdy'."
        )
    return "mdy" if month_first else "dmy"


def _warn_of_true_dates(cells: Sequence[object], rows: Sequence[int], place: str) -> None:
    true_dates = [
        row
        for row, cell in zip(rows, cells, strict=True)
        if isinstance(cell, dt.date) and cell.day <= 12
    ]
    text = any(order_told_by(cell) for cell in cells)
    if true_dates and text:
        _checks.warn(
            f"{place} holds text and {_checks.plural(len(true_dates), 'true date')} whose day is "
            f"12 or less ({_checks.rows_listed(true_dates)}): Excel may have swapped day and month "
            "when they were typed. They are taken as they are; compare them with the operation of "
            "the cameras.",
            stacklevel=5,
        )


def offsets_of(texts: pd.Series) -> list[str]:
    """Offsets from UTC written at the end of ISO times, in order of appearance; "" for none."""
    ends = texts.str.extract(r"(Z|[+-]\d{2}:?\d{2})$", expand=False).fillna("")
    return [offset if offset != "Z" else "+00:00" for offset in ends.unique()]


def _check_offsets(texts: pd.Series, wanted: bool, place: str) -> None:
    """Times without an offset are nobody's: they may be UTC or local."""
    odd = (texts != "") & (texts.str.contains(OFFSET, regex=True) != wanted)
    if odd.any():
        row = texts.index[odd][0]
        raise DataError(
            f"{place}: {texts[row]!r} in row {row} has {'no' if wanted else 'an'} offset from UTC, "
            f"but the deployments have {'one' if wanted else 'none'} "
            f"({_checks.plural(int(odd.sum()), 'such row')}). Write all times alike."
        )


def zoned_times(texts: pd.Series, zone: dt.tzinfo | None, place: str) -> np.ndarray:
    """ISO times with offsets as local times of a zone.

    Parameters
    ----------
    texts : Series of str
    zone : tzinfo or None
        None where the texts have no offset: they are taken as they are.
    place : str
        For messages.

    Returns
    -------
    datetime64[s] array, shape (n,)
        NaT where a cell is empty.

    Raises
    ------
    DataError
        With the rows (the index of ``texts``) of what is no time, or of times with and without
        offset where the others are not.
    """
    texts = texts.astype(str)
    _check_offsets(texts, zone is not None, place)
    parsed = pd.to_datetime(texts.where(texts != ""), format="ISO8601", utc=True, errors="coerce")
    bad = parsed.isna() & (texts != "")
    if bad.any():
        told = _checks.listed(f"row {row}: {texts[row]!r}" for row in texts.index[bad])
        raise DataError(f"{place} is no time (such as 2023-01-06T14:05:00+07:00): {told}.")
    if zone is not None:
        parsed = parsed.dt.tz_convert(zone)
    local = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    years = local[~np.isnat(local)].astype("datetime64[Y]").astype(np.int64) + 1970
    if years.size and not (years.min() >= FIRST_YEAR and years.max() <= LAST_YEAR):
        raise DataError(f"{place} has times between the years {years.min()} and {years.max()}.")
    return np.asarray(local)
