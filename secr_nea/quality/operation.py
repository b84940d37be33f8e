"""When cameras worked, as intervals of local time, and the effort that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.quality.dates import DateColumn, read_dates, zone_of
from secr_nea.quality.intervals import Interval, difference, intersection, overlap, union
from secr_nea.quality.occasions import DAY, occasion_edges, operating_time
from secr_nea.quality.operation_rows import period_table, span_days
from secr_nea.quality.raw_tables import RawTables

STATIONS = ("any", "sum", "all")
DAY_SECONDS = 86400.0


@dataclass(frozen=True, eq=False, repr=False)
class Effort:
    """Effort of traps on occasions, in days of operation; read-only.

    Parameters
    ----------
    effort : float64 array, shape (n_traps, n_occasions), days
    trap_ids : tuple of str
    edges : float64 array, shape (n_occasions + 1,)
        Where occasions begin and end, days since 1970-01-01 by the local clock.
    rule : str
        How it was computed, in words, for the report.
    """

    effort: FloatArray
    trap_ids: tuple[str, ...]
    edges: FloatArray
    rule: str

    @property
    def n_occasions(self) -> int:
        """Number of occasions."""
        return int(self.effort.shape[1])

    @property
    def occasions(self) -> pd.DataFrame:
        """Start and end of the occasions: columns occasion (1, 2 ...), start, end, days, effort."""
        when = pd.to_datetime(np.round(self.edges * DAY_SECONDS), unit="s")
        return pd.DataFrame(
            {
                "occasion": np.arange(1, self.n_occasions + 1),
                "start": when[:-1],
                "end": when[1:],
                "days": np.diff(self.edges),
                "effort": self.effort.sum(axis=0),
            }
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Long table trap_id, occasion, effort, as ``read_traps(..., effort=)`` takes it."""
        return pd.DataFrame(
            {
                "trap_id": np.repeat(np.array(self.trap_ids, dtype=object), self.n_occasions),
                "occasion": np.tile(np.arange(1, self.n_occasions + 1), len(self.trap_ids)),
                "effort": self.effort.ravel(),
            }
        )

    def occasion_of(self, when: np.ndarray, has_time: np.ndarray | bool = True) -> IntArray:
        """Occasion of each moment, 1, 2, 3 ...; 0 outside all of them.

        Parameters
        ----------
        when : datetime64 array, shape (n,), local clock
        has_time : bool array, shape (n,), or bool
            Whether the time of the day is known. Of other moments only the day is.

        Returns
        -------
        int64 array, shape (n,)

        Raises
        ------
        DataError
            A day without time that an occasion's edge cuts in two.
        """
        days = when.astype("datetime64[s]").astype(np.float64) / DAY_SECONDS
        days = np.where(np.isnat(when), np.nan, days)
        timed = np.broadcast_to(np.asarray(has_time, dtype=bool), days.shape)
        cut_inside = np.any(np.isclose(self.edges % 1.0, 0.5))
        if cut_inside and self.n_occasions > 1:
            whole = np.floor(days)[:, None]
            split = ((self.edges[1:-1] > whole) & (self.edges[1:-1] < whole + 1)).any(axis=1)
            lacking = np.flatnonzero(split & ~timed & np.isfinite(days))
            if lacking.size:
                raise DataError(
                    f"Occasions start at noon, and {_checks.plural(lacking.size, 'detection')} "
                    f"({_checks.rows_listed(lacking + 1)}) on such a day have no time. Give times, "
                    "or starts_at='midnight'."
                )
        # a day without time lies where its noon lies
        at = np.where(timed, days, np.floor(days) + 0.5 - 1e-9)
        found = np.searchsorted(self.edges, at, side="right")
        inside = np.isfinite(at) & (found >= 1) & (found <= self.n_occasions)
        return np.where(inside, found, 0).astype(np.int64)

    def __repr__(self) -> str:
        return (
            f"Effort({_checks.plural(len(self.trap_ids), 'trap')}, "
            f"{_checks.plural(self.n_occasions, 'occasion')}, {self.effort.sum():,.6g} days)"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Operation:
    """Intervals in which each trap operated, local clock; read-only.

    Parameters
    ----------
    intervals : mapping of trap id to list of (start, end)
        Days since 1970-01-01 by the local clock; where cameras of a station are added up intervals
        may overlap.
    rule : str
        How days of set-up and retrieval, failures and pairs were counted, in words.
    zone : str or None
        Time zone of the clock, such as "Asia/Hovd".
    """

    intervals: Mapping[str, list[Interval]]
    rule: str
    zone: str | None = field(default=None)

    @classmethod
    def from_tables(
        cls,
        tables: RawTables,
        *,
        edge_days: str = "half",
        station: str = "any",
        zone: str | None = None,
        survey: str | None = None,
    ) -> Operation:
        """Read when cameras worked from the operation table, or from the traps table.

        Parameters
        ----------
        tables : RawTables
            With start and end of operation, in the table "operation" if there is one. Columns
            Problem1_from, Problem1_to ... tell failures.
        edge_days : {"half", "whole", "none"}
            What the days of set-up and of retrieval count each, where only dates are known. "half"
            makes the sum equal to retrieval minus set-up. The day on which a failure begins or ends
            counts the same.
        station : {"any", "sum", "all"}
            Several cameras of a station: it operates while any works, their days are added up, or
            it operates while all work.
        zone : str, optional
            IANA name of the time zone. Times that state their distance from UTC are converted to
            it; others are taken as its clock.
        survey : str, optional
            Which survey; needed when the tables hold several.

        Returns
        -------
        Operation

        Raises
        ------
        DataError
            No dates, rows without start or end (a lost camera: state its last working day), ends
            before starts, unknown zones or words, times with distance from UTC and no ``zone``.
        """
        if station not in STATIONS:
            raise DataError(f"station must be {', '.join(STATIONS)}; got {station!r}.")
        name = period_table(tables)
        if name is None:
            raise DataError(
                "No table tells when cameras worked: columns start and end are needed, in the "
                "operation or the traps table."
            )
        mine = rows_of_survey(tables, name, survey)
        worked = _working(tables, name, mine, edge_days, zone)
        traps = tables.text("traps", "trap_id")[rows_of_survey(tables, "traps", survey)]
        intervals = {trap: _station(worked.get(trap, {}), station) for trap in traps}
        rule = (
            f"Set-up and retrieval days without a time count as: {edge_days}; "
            f"{_STATION_WORDS[station]}; local clock{f' of {zone}' if zone else ''}."
        )
        return cls(intervals, rule, zone)

    @property
    def trap_ids(self) -> tuple[str, ...]:
        """Ids of the traps in the order of the traps table."""
        return tuple(self.intervals)

    @property
    def span(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last day on which any trap operated.

        Raises
        ------
        DataError
            When none ever did.
        """
        first, last = self._ends()
        return _day(np.floor(first)), _day(np.ceil(last) - 1)

    def _ends(self) -> Interval:
        every = [pair for pairs in self.intervals.values() for pair in pairs]
        if not every:
            raise DataError("No trap ever operated.")
        return min(start for start, _ in every), max(end for _, end in every)

    def daily(self) -> pd.DataFrame:
        """Share of each day that each trap operated: one row a trap, one column a day."""
        first, last = self.span
        edges = np.arange(_number(first), _number(last) + 2)
        days = pd.date_range(str(first), str(last), freq="D")
        return pd.DataFrame(
            [overlap(pairs, edges) for pairs in self.intervals.values()],
            index=pd.Index(self.trap_ids, name="trap_id"),
            columns=days,
        )

    def effort(
        self,
        *,
        days: float | None = None,
        start: object = None,
        end: object = None,
        starts_at: str = "midnight",
    ) -> Effort:
        """Effort on occasions of a length.

        Parameters
        ----------
        days : int, optional
            Length of an occasion; one occasion for the whole time by default. The last may be
            shorter: its effort says so.
        start, end : date, optional
            First and last day to use, both included; the whole span by default.
        starts_at : {"midnight", "noon"}
            When occasions begin. A night stays in one occasion when that is noon.

        Returns
        -------
        Effort

        Raises
        ------
        DataError
            Unknown words, an end before the start, a length that is no whole number of days.
        """
        first, last = self._ends()
        begin = _moment(first) if start is None else _as_day(start, "start")
        finish = _moment(last) if end is None else _as_day(end, "end") + DAY
        edges = occasion_edges(begin, finish, days, starts_at).astype(np.float64) / DAY_SECONDS
        table = np.array([overlap(pairs, edges) for pairs in self.intervals.values()])
        effort: FloatArray = _checks.read_only(table.round(9), np.float64)
        words = "One occasion" if days is None else f"Occasions of {days:g} days"
        return Effort(effort, self.trap_ids, edges, f"{self.rule} {words}, from {starts_at}.")

    def __repr__(self) -> str:
        total = sum(b - a for pairs in self.intervals.values() for a, b in pairs)
        return f"Operation({_checks.plural(len(self.intervals), 'trap')}, {total:,.6g} days)"


_STATION_WORDS = {
    "any": "a station operates while any of its cameras works",
    "sum": "days of the cameras of a station are added up",
    "all": "a station operates while all of its cameras work",
}


def rows_of_survey(tables: RawTables, name: str, survey: str | None) -> np.ndarray:
    """Positions of a survey's rows; DataError when there are several and none is named."""
    session = tables.session(name)
    if not tables.has(name, "session"):
        return np.arange(len(session))
    known = list(dict.fromkeys(session.tolist()))
    if survey is None:
        if len(known) > 1:
            raise DataError(f"The {name} table holds {_checks.listed(known)}. Name one: survey=.")
        return np.arange(len(session))
    if survey not in known and name != "detections":
        raise DataError(
            f"The {name} table has no survey {survey!r}{_checks.did_you_mean(survey, known)}."
        )
    return np.flatnonzero(session == survey)


def _working(
    tables: RawTables, name: str, mine: np.ndarray, edge_days: str, zone: str | None
) -> dict[str, dict[str, list[Interval]]]:
    """Working time of each camera of each trap."""
    rows = tables.rows(name)
    begin = _clock_days(tables.dates(name, "start"), zone, rows, name, "start", edge_days)
    finish = _clock_days(tables.dates(name, "end"), zone, rows, name, "end", edge_days)
    _refuse_gaps(tables, name, mine, begin, finish)
    traps, cameras = tables.text(name, "trap_id"), tables.text(name, "camera")
    worked: dict[str, dict[str, list[Interval]]] = {}
    for i in mine:
        spoilt = _failures(tables, name, i, edge_days, zone, float(finish[i]))
        pieces = difference([(float(begin[i]), float(finish[i]))], spoilt)
        worked.setdefault(traps[i], {}).setdefault(cameras[i], []).extend(pieces)
    return worked


def _clock_days(
    dates: DateColumn, zone: str | None, rows: np.ndarray, name: str, edge: str, edge_days: str
) -> FloatArray:
    """Starts or ends of operation, days since 1970 by the local clock."""
    when = local_clock(dates, zone, rows, name)
    moved = operating_time(when, ~dates.has_time, edge=edge, edge_days=edge_days)
    return np.where(np.isnat(moved), np.nan, moved.astype(np.float64) / DAY_SECONDS)


def local_clock(dates: DateColumn, zone: str | None, rows: np.ndarray, name: str) -> np.ndarray:
    """Moments by the clock of a zone, datetime64[s].

    Parameters
    ----------
    dates : DateColumn
    zone : str or None
    rows : int64 array
        Row numbers, for messages.
    name : str
        The table, for messages.

    Returns
    -------
    datetime64[s] array

    Raises
    ------
    DataError
        An unknown zone, or times with their distance from UTC and no zone to convert them to.
    """
    stated = np.flatnonzero(np.isfinite(dates.offset_minutes))
    if zone is None:
        if stated.size:
            raise DataError(
                f"Times of the {name} table state their distance from UTC "
                f"({_checks.rows_listed(rows[stated])}). Say which clock to use: "
                "zone='Asia/Hovd', for example."
            )
        return dates.when
    place = zone_of(zone)
    when = dates.when.copy()
    for i in stated:
        utc = dates.when[i] - np.timedelta64(int(dates.offset_minutes[i]), "m")
        local = pd.Timestamp(utc).tz_localize("UTC").tz_convert(place).tz_localize(None)
        when[i] = np.datetime64(local.to_pydatetime(), "s")
    return when


def _refuse_gaps(
    tables: RawTables, name: str, mine: np.ndarray, begin: FloatArray, finish: FloatArray
) -> None:
    """DataError for rows without start or end, or with an end before the start."""
    rows, traps = tables.rows(name), tables.text(name, "trap_id")
    gaps = [
        i for i in mine if not np.isfinite(begin[i] + finish[i]) and not _never(tables, name, i)
    ]
    if gaps:
        told = _checks.listed(f"row {rows[i]} ({traps[i]})" for i in gaps)
        raise DataError(
            f"The {name} table lacks start or end in {told}. Of a lost camera give the last day on "
            "which it is known to have worked, for example by Ledger.set_value."
        )
    spans = span_days(tables.dates(name, "start"), tables.dates(name, "end"))
    reversed_rows = [i for i in mine if spans[i] < 0]
    if reversed_rows:
        told = _checks.listed(f"row {rows[i]} ({traps[i]})" for i in reversed_rows)
        raise DataError(
            f"The {name} table has an end before its start in {told}. Correct the dates."
        )


def _never(tables: RawTables, name: str, i: int) -> bool:
    """Whether a row without dates says that the camera never worked: its effort is 0."""
    if name != "traps" or len(tables.effort_columns) != 1:
        return False
    return bool(tables.numbers("traps", "effort")[0][i] == 0)


def _failures(
    tables: RawTables, name: str, i: int, edge_days: str, zone: str | None, finish: float
) -> list[Interval]:
    """Times at which a camera did not work within its period."""
    out = []
    order, rows = tables.orders.get(name, "dmy"), tables.rows(name)[i : i + 1]
    for columns in tables.problem_columns(name):
        cells = [tables.raw[name][column].iloc[i] for column in columns]
        begin, end = (
            float(_clock_days(read_dates([cell], order), zone, rows, name, edge, edge_days)[0])
            for cell, edge in zip(cells, ("end", "start"), strict=True)
        )
        if np.isfinite(begin) and np.isfinite(end):
            # broken until the day of retrieval: the retrieval itself is no effort
            out.append((begin, finish if np.floor(end) >= np.floor(finish - 1e-9) else end))
    return out


def _station(cameras: Mapping[str, list[Interval]], station: str) -> list[Interval]:
    every = [union(pairs) for pairs in cameras.values()]
    if station == "sum":
        return [pair for pairs in every for pair in pairs]
    if station == "any" or not every:
        return union(pair for pairs in every for pair in pairs)
    common = every[0]
    for pairs in every[1:]:
        common = intersection(common, pairs)
    return common


def _moment(days: float) -> np.datetime64:
    return np.datetime64("1970-01-01T00:00:00") + np.timedelta64(round(days * DAY_SECONDS), "s")


def _day(number: float) -> np.datetime64:
    return np.datetime64("1970-01-01") + np.timedelta64(int(number), "D")


def _number(day: np.datetime64) -> float:
    return float(day.astype("datetime64[D]").astype(np.int64))


def _as_day(value: object, name: str) -> np.datetime64:
    try:
        return np.datetime64(pd.Timestamp(str(value)).date().isoformat())
    except (ValueError, TypeError):
        raise DataError(f"{name} must be a date such as '2024-05-01'; got {value!r}.") from None
