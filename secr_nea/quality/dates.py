"""Dates of field tables: text in any order, Excel's day numbers and true dates in one column."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray
from secr_nea.errors import DataError
from secr_nea.quality.cells import is_empty, is_serial_number, number_of

ORDERS = {"dmy": "day/month/year", "mdy": "month/day/year"}
"""Orders of dates that are written with numbers only and begin with no year."""

_CLOCK = (
    r"(?:[T,\s]+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?)?\s*(?P<zone>z|[+-]\d{2}:?\d{2})?"
)
_ISO = re.compile(rf"(?P<year>\d{{4}})[-/.](?P<a>\d{{1,2}})[-/.](?P<b>\d{{1,2}}){_CLOCK}", re.I)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d{2})(?P<a>\d{2})(?P<b>\d{2})")
_NUMERIC = re.compile(
    rf"(?P<a>\d{{1,2}})[-/.\s](?P<b>\d{{1,2}})[-/.\s](?P<year>\d{{4}}|\d{{2}}){_CLOCK}", re.I
)
_NAMED = re.compile(
    rf"(?P<day>\d{{1,2}})[-/.\s]*(?P<month>[^\W\d]{{3,}})\.?[-/.,\s]*(?P<year>\d{{4}}|\d{{2}}){_CLOCK}",
    re.I,
)
_NAMED_FIRST = re.compile(
    rf"(?P<month>[^\W\d]{{3,}})\.?\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_CLOCK}",
    re.I,
)
_MONTHS = (
    ("jan", "янв"), ("feb", "фев"), ("mar", "мар"), ("apr", "апр"), ("may", "мая", "май"),
    ("jun", "июн"), ("jul", "июл"), ("aug", "авг"), ("sep", "сен"), ("oct", "окт"),
    ("nov", "ноя"), ("dec", "дек"),
)  # fmt: skip
_EXCEL_ZERO = datetime(1899, 12, 30)


@dataclass(frozen=True)
class ReadDate:
    """One cell read as a date.

    Parameters
    ----------
    when : datetime
        Clock time as written, without a zone.
    form : str
        ``"iso"``, ``"serial"``, ``"date"`` (a true date of a spreadsheet), ``"numeric"`` (day and
        month in the table's order) or ``"named"`` (month as a word).
    has_time : bool
    offset_minutes : int or None
        Distance from UTC where the cell states it.
    """

    when: datetime
    form: str
    has_time: bool
    offset_minutes: int | None = None


def read_date(cell: object, order: str) -> ReadDate | None:
    """Read a cell as a date.

    Parameters
    ----------
    cell : object
    order : {"dmy", "mdy"}
        How dates such as 03/04/2024 are to be read.

    Returns
    -------
    ReadDate or None
        None when the cell is empty or no date that exists.

    Examples
    --------
    >>> read_date("03/04/2024", "dmy").when.date(), read_date("03/04/2024", "mdy").when.date()
    (datetime.date(2024, 4, 3), datetime.date(2024, 3, 4))
    >>> read_date("31/02/2024", "dmy") is None, read_date("45385", "dmy").form
    (True, 'serial')
    """
    if isinstance(cell, pd.Timestamp | datetime | np.datetime64):
        return _true_date(cell)
    if isinstance(cell, date):
        return ReadDate(datetime(cell.year, cell.month, cell.day), "date", False)
    if is_empty(cell) or isinstance(cell, bool):
        return None
    text = str(cell).strip()
    if compact := _COMPACT.fullmatch(text):
        return _built(compact["year"], compact["a"], compact["b"], compact, "iso")
    if is_serial_number(cell):
        days = number_of(cell)
        return ReadDate(
            _EXCEL_ZERO + timedelta(seconds=round(days * 86400)), "serial", days % 1 > 0
        )
    return _text_date(text, order)


def _true_date(cell: Any) -> ReadDate | None:
    stamp = pd.Timestamp(cell)
    if pd.isna(stamp):
        return None
    offset = stamp.utcoffset()
    minutes = None if offset is None else int(offset.total_seconds() // 60)
    when = stamp.tz_localize(None).floor("s").to_pydatetime()
    return ReadDate(when, "date", (when.hour, when.minute, when.second) != (0, 0, 0), minutes)


def _text_date(text: str, order: str) -> ReadDate | None:
    if found := _ISO.fullmatch(text):
        return _built(found["year"], found["a"], found["b"], found, "iso")
    if found := _NUMERIC.fullmatch(text):
        day, month = ("a", "b") if order == "dmy" else ("b", "a")
        return _built(found["year"], found[month], found[day], found, "numeric")
    if found := _NAMED.fullmatch(text) or _NAMED_FIRST.fullmatch(text):
        month_number = _month(found["month"])
        if month_number is not None:
            return _built(found["year"], month_number, found["day"], found, "named")
    return None


def _month(word: str) -> int | None:
    start = word.casefold()[:3]
    return next((i + 1 for i, names in enumerate(_MONTHS) if start in names), None)


def _built(
    year: str, month: str | int, day: str | int, found: re.Match[str], form: str
) -> ReadDate | None:
    clock = found.groupdict()
    full_year = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)
    hour, minute, second = (int(clock.get(part) or 0) for part in ("hour", "minute", "second"))
    half = (clock.get("half") or "").casefold()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    try:
        when = datetime(full_year, int(month), int(day), hour, minute, second)
    except ValueError:
        return None
    return ReadDate(when, form, clock.get("hour") is not None, _offset(clock.get("zone")))


def _offset(zone: str | None) -> int | None:
    if not zone:
        return None
    if zone.casefold() == "z":
        return 0
    digits = zone[1:].replace(":", "")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)


def exchanged(when: datetime) -> datetime | None:
    """The same date with day and month exchanged; None when there is no such date or no change.

    Examples
    --------
    >>> exchanged(datetime(2023, 6, 1))
    datetime.datetime(2023, 1, 6, 0, 0)
    """
    if when.day > 12 or when.day == when.month:
        return None
    return when.replace(month=when.day, day=when.month)


@dataclass(frozen=True)
class DateColumn:
    """A column of dates, read.

    Parameters
    ----------
    when : datetime64[s] array, shape (n,)
        NaT where empty or unreadable.
    bad : bool array, shape (n,)
        Cells that hold something that is no date.
    other_order : bool array, shape (n,)
        Dates that exist only with day and month the other way round than in the rest of the table;
        ``when`` has them that way.
    has_time : bool array, shape (n,)
    forms : tuple of str, n values
        As in :class:`ReadDate`; "" where there is no date.
    offset_minutes : float64 array, shape (n,)
        Distance from UTC where stated, else NaN.
    """

    when: np.ndarray[Any, Any]
    bad: BoolArray
    other_order: BoolArray
    has_time: BoolArray
    forms: tuple[str, ...]
    offset_minutes: np.ndarray[Any, Any]

    def swapped(self) -> np.ndarray[Any, Any]:
        """Dates with day and month exchanged, datetime64[s]; NaT where that is no date."""
        out = np.full(self.when.shape, np.datetime64("NaT", "s"), dtype="datetime64[s]")
        for i, moment in enumerate(self.when.tolist()):
            other = None if moment is None else exchanged(moment)
            # a month that was written as a word cannot have been swapped
            if other is not None and self.forms[i] != "named":
                out[i] = np.datetime64(other, "s")
        return out

    def changed(self, index: BoolArray, to: np.ndarray[Any, Any]) -> DateColumn:
        """Copy with other dates at the chosen places."""
        return DateColumn(
            np.where(index, to, self.when), self.bad, self.other_order, self.has_time,
            self.forms, self.offset_minutes,
        )  # fmt: skip


def read_dates(cells: Sequence[object], order: str) -> DateColumn:
    """Read a column of dates in the order of its table.

    Parameters
    ----------
    cells : sequence
    order : {"dmy", "mdy"}

    Returns
    -------
    DateColumn
    """
    n = len(cells)
    when = np.full(n, np.datetime64("NaT", "s"), dtype="datetime64[s]")
    bad, other_order, has_time = (np.zeros(n, dtype=bool) for _ in range(3))
    forms, offset = [""] * n, np.full(n, np.nan)
    for i, cell in enumerate(cells):
        found = read_date(cell, order)
        if found is None and not is_empty(cell):
            found = read_date(cell, "mdy" if order == "dmy" else "dmy") or _year_day_month(cell)
            other_order[i] = found is not None
            bad[i] = found is None
        if found is not None:
            when[i], forms[i], has_time[i] = found.when, found.form, found.has_time
            offset[i] = np.nan if found.offset_minutes is None else found.offset_minutes
    return DateColumn(when, bad, other_order, has_time, tuple(forms), offset)


def of_another_hand(cells: Sequence[object], order: str) -> BoolArray:
    """Dates that exist in both orders, but are written with the sign of those of the other order.

    Beside ``13.04.2024`` and ``04/25/2024`` the cell ``05/03/2024`` is rather 3 May.

    Parameters
    ----------
    cells : sequence
    order : {"dmy", "mdy"}
        Of the table.

    Returns
    -------
    bool array, shape (n,)
    """
    told = [order_told_by(cell) for cell in cells]
    signs = [_sign(cell) if how else "" for cell, how in zip(cells, told, strict=True)]
    own = {sign for sign, how in zip(signs, told, strict=True) if how == order}
    other = {
        sign for sign, how in zip(signs, told, strict=True) if how not in ("", "either", order)
    }
    marked = [how == "either" and s in other - own for s, how in zip(signs, told, strict=True)]
    return np.array(marked, dtype=bool)


def _sign(cell: object) -> str:
    found = re.match(r"\s*\d+(\D)", str(cell))
    return found[1] if found else ""


def _year_day_month(cell: object) -> ReadDate | None:
    found = _ISO.fullmatch(str(cell).strip())
    return None if found is None else _built(found["year"], found["b"], found["a"], found, "iso")


def order_told_by(cell: object) -> str:
    """Order of day and month that a cell allows.

    Returns
    -------
    {"dmy", "mdy", "either", ""}
        "": the cell is no such date, or the same one in both orders.

    Examples
    --------
    >>> [order_told_by(cell) for cell in ("31/01/2024", "3/4/2024", "4/4/2024", "2024-01-31")]
    ['dmy', 'either', '', '']
    """
    if not isinstance(cell, str):
        return ""
    found = {order: read for order in ORDERS if (read := read_date(cell, order))}
    if len(found) == 2:
        return "either" if found["dmy"].when != found["mdy"].when else ""
    return next(iter(found), "")


def decide_order(
    columns: Sequence[Sequence[object]],
    fits: Callable[[str], float],
    fallback: str = "dmy",
) -> tuple[str, str]:
    """Order of day and month in the date columns of one table.

    Dates that exist in one order only decide. Where there is none, the order that fits better to
    the rest of the data does.

    Parameters
    ----------
    columns : sequence of sequences of cells
    fits : function of an order
        How many rows make sense in that order.
    fallback : {"dmy", "mdy"}
        What to take when nothing decides.

    Returns
    -------
    order : {"dmy", "mdy"}
    how : {"none", "stated by days above 12", "fitted", "undecided"}
        ``"none"``: no date depends on the order.
    """
    told = [order_told_by(cell) for column in columns for cell in column]
    only = {order: told.count(order) for order in ORDERS}
    if only["dmy"] != only["mdy"]:
        return max(only, key=lambda order: only[order]), "stated by days above 12"
    if "either" not in told and not only["dmy"]:
        return fallback, "none"
    score = {order: fits(order) for order in ORDERS}
    if score["dmy"] == score["mdy"]:
        return fallback, "undecided"
    return max(score, key=lambda order: score[order]), "fitted"


def zone_of(name: str) -> tzinfo:
    """Time zone from a name: ``Asia/Hovd``, ``+07:00``, ``UTC``; DataError when there is none."""
    text = name.strip()
    if match := re.fullmatch(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", text):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        if minutes <= 15 * 60:
            return timezone(timedelta(minutes=minutes if match[1] == "+" else -minutes))
    if text.upper() in ("UTC", "GMT", "Z"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise DataError(
            f"There is no time zone {name!r}. Write it like 'Asia/Hovd' or '+07:00'."
        ) from None
