"""Dates and times of field sheets: text in a stated order, serial numbers and true dates."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import BoolArray
from secr_nea.errors import DataError

ORDERS = ("dmy", "mdy")
CLOCK = r"(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?)?"
ISO = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){CLOCK}\s*(Z|[+-]\d{{2}}:?\d{{2}})?")
NUMERIC = re.compile(rf"(\d{{1,2}})[-/.\s](\d{{1,2}})[-/.\s](\d{{4}}){CLOCK}")
NAMED = re.compile(rf"(\d{{1,2}})[-/.\s]*([A-Za-z]{{3,9}})[-/.,\s]*(\d{{4}}){CLOCK}")
OFFSET = r"T.*(?:Z|[+-]\d{2}:?\d{2})$"
SERIAL = re.compile(r"\d{5}(\.\d+)?")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
EXCEL_EPOCH = np.datetime64("1899-12-30", "s")
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
    times = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[s]")
    date_only = np.zeros(len(cells), dtype=bool)
    bad: list[str] = []
    for i, cell in enumerate(cells):
        if _checks.is_missing(cell):
            if not missing:
                bad.append(f"row {where[i]}: empty")
            continue
        try:
            times[i], date_only[i] = _one(cell, found)
        except (ValueError, OverflowError):
            bad.append(f"row {where[i]}: {str(cell)!r}")
    if bad:
        raise DataError(
            f"{place} is no date in {_checks.listed(bad)}. Write 2023-01-06, or say the order of "
            "day and month ('dmy' or 'mdy')."
        )
    _warn_of_true_dates(cells, where, place)
    return times, date_only


def _one(cell: object, order: str) -> tuple[np.datetime64, bool]:
    """One cell; ValueError when it is no date."""
    if isinstance(cell, dt.datetime | np.datetime64):
        naive = cell.replace(tzinfo=None) if isinstance(cell, dt.datetime) else cell
        stamp: np.datetime64 = np.array([naive], dtype="datetime64[s]")[0]
        return _plausible(stamp), bool(stamp == stamp.astype("datetime64[D]"))
    if isinstance(cell, dt.date):
        return _plausible(np.datetime64(cell, "s")), True
    text = str(cell).strip()
    if SERIAL.fullmatch(text):
        seconds = round(float(text) * 86_400)
        return _plausible(EXCEL_EPOCH + np.timedelta64(seconds, "s")), seconds % 86_400 == 0
    if match := ISO.fullmatch(text):
        return _built(match[1], match[2], match[3], match.groups()[3:7])
    if match := NAMED.fullmatch(text):
        month = MONTHS.index(match[2][:3].casefold()) + 1
        return _built(match[3], month, match[1], match.groups()[3:7])
    match = NUMERIC.fullmatch(text)
    if not match:
        raise ValueError(text)
    first, second = (match[1], match[2]) if order == "dmy" else (match[2], match[1])
    return _built(match[3], second, first, match.groups()[3:7])


def _built(
    year: object, month: object, day: object, clock: Sequence[str | None]
) -> tuple[np.datetime64, bool]:
    hour, minute, second, half = clock
    h = int(hour or 0)
    if half:
        if not 1 <= h <= 12:
            raise ValueError(hour)
        h = h % 12 + (12 if half.casefold() == "pm" else 0)
    parts = (int(str(year)), int(str(month)), int(str(day)), h, int(minute or 0), int(second or 0))
    return _plausible(np.datetime64(dt.datetime(*parts), "s")), hour is None


def _plausible(stamp: np.datetime64) -> np.datetime64:
    year = int(stamp.astype("datetime64[Y]").astype(int)) + 1970
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(str(stamp))
    return stamp


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
    matches = [
        (row, match)
        for row, cell in cells
        if isinstance(cell, str) and (match := NUMERIC.fullmatch(cell.strip()))
    ]
    # dots are written where the day comes first
    slashes = [(row, match) for row, match in matches if "." not in match[0]]
    day_first = [row for row, match in matches if int(match[1]) > 12]
    month_first = [row for row, match in matches if int(match[2]) > 12]
    if day_first and month_first:
        raise DataError(
            f"{place} mixes day/month ({_checks.rows_listed(day_first)}) and month/day "
            f"({_checks.rows_listed(month_first)}). Correct one of them."
        )
    ambiguous = any(int(match[1]) != int(match[2]) for _, match in slashes)
    if ambiguous and not day_first and not month_first:
        raise DataError(
            f"{place}: no cell tells whether {slashes[0][1][0]!r} is day/month or month/day. Say "
            "so: dates='dmy' or dates='mdy'."
        )
    return "mdy" if month_first else "dmy"


def _warn_of_true_dates(cells: Sequence[object], rows: Sequence[int], place: str) -> None:
    true_dates = [
        row
        for row, cell in zip(rows, cells, strict=True)
        if isinstance(cell, dt.date) and cell.day <= 12
    ]
    text = any(isinstance(cell, str) and NUMERIC.fullmatch(cell.strip()) for cell in cells)
    if true_dates and text:
        _checks.warn(
            f"{place} holds text and {_checks.plural(len(true_dates), 'true date')} whose day is "
            f"12 or less ({_checks.rows_listed(true_dates)}): Excel may have swapped day and month "
            "when they were typed. They are taken as they are; compare them with the operation of "
            "the cameras.",
            stacklevel=5,
        )


def zone_of(name: str) -> dt.tzinfo:
    """Time zone from a name: ``Asia/Hovd``, ``+07:00``, ``UTC``; DataError when there is none."""
    text = name.strip()
    if match := re.fullmatch(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", text):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes <= 15 * 60:
            return dt.timezone(dt.timedelta(minutes=minutes if match[1] == "+" else -minutes))
    if text.upper() in ("UTC", "GMT", "Z"):
        return dt.UTC
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"There is no time zone {name!r}. Write it like 'Asia/Hovd' or '+07:00'."
        ) from None


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
