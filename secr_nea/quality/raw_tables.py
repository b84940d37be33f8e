"""The two or three tables that a team holds, as they are, and what their columns mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyproj

from secr_nea import _checks
from secr_nea._columns import ROW, row_numbers
from secr_nea._crs import as_crs, describe
from secr_nea._printing import facts_html
from secr_nea._typing import BoolArray, CRSLike, FloatArray
from secr_nea.errors import DataError
from secr_nea.quality.cells import column_cells, is_empty, numbers_of, text_of
from secr_nea.quality.columns import mapping_table, match_columns
from secr_nea.quality.dates import ORDERS, DateColumn, decide_order, read_date, read_dates

TABLES = ("traps", "operation", "detections")
ONE_SURVEY = "survey"
"""Name of the survey where no table has a session column."""

PLACE = ("x", "y", "lat", "lon", "zone")
"""Roles of the columns that say where a trap stands."""
_NUMBERED_EFFORT = re.compile(r"(?:effort|usage|occ(?:asion)?|so)[ _.-]*(\d+)", re.IGNORECASE)
_PROBLEM = re.compile(r"problem[ _.-]*(\d*)[ _.-]*(from|to|start|end)", re.IGNORECASE)


@dataclass(frozen=True, eq=False, repr=False)
class RawTables:
    """Raw tables of traps, camera operation and detections, with the meaning of their columns.

    The tables stay as they are, cell by cell; what is read from them (numbers, dates, sexes) is
    derived. Rows are numbered from 1, the first data row; rows that were dropped leave a gap.

    Parameters
    ----------
    raw : mapping of "traps", "operation", "detections" to DataFrame
        Each with an index named "row". There may be no "operation".
    columns : mapping of table to mapping of role to column
    crs : pyproj.CRS or None
        Of x and y.
    orders : mapping of table to {"dmy", "mdy"}
        How dates are read.
    decided : mapping of table to str
        How the order was found: "given", "none" (no date depends on it), "stated by days above 12",
        "fitted" to the rest of the data, or "undecided".

    See Also
    --------
    raw_tables : Makes one.
    """

    raw: Mapping[str, pd.DataFrame]
    columns: Mapping[str, Mapping[str, str]]
    crs: pyproj.CRS | None = None
    orders: Mapping[str, str] = field(default_factory=dict)
    decided: Mapping[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[str, ...]:
        """What was decided while reading, in words."""
        return tuple(
            f"Dates of the {name} table are read as {ORDERS[self.orders[name]]} ({how})."
            for name, how in self.decided.items()
            if how != "none"
        )

    @property
    def mapping(self) -> pd.DataFrame:
        """Which column plays which role: columns table, role, column."""
        return mapping_table(self.columns)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any cell of the tables."""
        return _checks.fingerprint({name: frame.astype(str) for name, frame in self.raw.items()})

    def has(self, table: str, role: str) -> bool:
        """Whether a table is there and has a column for a role."""
        return role in self.columns.get(table, {})

    def rows(self, table: str) -> np.ndarray[Any, Any]:
        """Row numbers of a table, int64 array, 1 = first data row."""
        return self.raw[table].index.to_numpy(dtype=np.int64)

    def cells(self, table: str, role: str) -> list[object]:
        """Cells of a role as they stand; None everywhere when there is no such column."""
        return column_cells(self.raw[table], self.columns[table].get(role))

    def text(self, table: str, role: str) -> np.ndarray[Any, Any]:
        """Cells of a role as text without spaces around it, object array."""
        return np.array([text_of(c).strip() for c in self.cells(table, role)], dtype=object)

    def numbers(self, table: str, role: str) -> tuple[FloatArray, BoolArray]:
        """Numbers of a role, and which cells hold something that is no number."""
        return numbers_of(self.cells(table, role), metres=role in ("x", "y"))

    def dates(self, table: str, role: str) -> DateColumn:
        """Dates of a role, read in the order of the table."""
        return read_dates(self.cells(table, role), self.orders.get(table, "dmy"))

    def session(self, table: str) -> np.ndarray[Any, Any]:
        """Name of the survey of each row; "survey" where the table does not say."""
        if not self.has(table, "session"):
            return np.full(len(self.raw[table]), ONE_SURVEY, dtype=object)
        return self.text(table, "session")

    @cached_property
    def effort_columns(self) -> list[str]:
        """Columns of the traps table with the effort of each occasion, or the one of all."""
        frame = self.raw["traps"]
        numbered = {
            int(found[1]): str(column)
            for column in frame.columns
            if (found := _NUMBERED_EFFORT.fullmatch(str(column).strip()))
        }
        if len(numbered) > 1 and sorted(numbered) == list(range(1, len(numbered) + 1)):
            return [numbered[i] for i in sorted(numbered)]
        return [self.columns["traps"]["effort"]] if self.has("traps", "effort") else []

    def problem_columns(self, table: str) -> list[tuple[str, str]]:
        """Pairs of columns with first and last day of a failure (Problem1_from, Problem1_to)."""
        pairs: dict[str, dict[str, str]] = {}
        for column in self.raw[table].columns:
            if found := _PROBLEM.fullmatch(str(column).strip()):
                end = "from" if found[2].casefold() in ("from", "start") else "to"
                pairs.setdefault(found[1], {})[end] = str(column)
        return [(pair["from"], pair["to"]) for _, pair in sorted(pairs.items()) if len(pair) == 2]

    def paired(self) -> BoolArray:
        """Rows of the traps table that repeat a station for its next camera.

        The cameras have different names; place, covariates and survey are the same, and no effort
        is stated, so that it follows from the periods of all cameras.
        """
        frame = self.raw["traps"]
        repeats = np.zeros(len(frame), dtype=bool)
        if not (self.has("traps", "camera") and self.has("traps", "trap_id")):
            return repeats
        if self.effort_columns:
            return repeats
        places = [self.columns["traps"][r] for r in PLACE if self.has("traps", r)]
        same = list(
            zip(*(map(text_of, frame[c]) for c in (*places, *self.covariates())), strict=True)
        )
        stations: dict[tuple[str, str], list[int]] = {}
        keys = zip(self.session("traps"), self.text("traps", "trap_id"), strict=True)
        for i, key in enumerate(keys):
            stations.setdefault(key, []).append(i)
        camera = self.text("traps", "camera")
        for group in stations.values():
            names = {camera[i] for i in group} - {""}
            if len(names) == len(group) and len({same[i] for i in group}) == 1:
                repeats[group[1:]] = True
        return repeats

    def covariates(self) -> list[str]:
        """Columns of the traps table that play no role: what may explain detection."""
        used = {*self.columns["traps"].values(), *self.effort_columns}
        used |= {name for pair in self.problem_columns("traps") for name in pair}
        return [str(name) for name in self.raw["traps"].columns if str(name) not in used]

    def with_raw(self, raw: Mapping[str, pd.DataFrame]) -> RawTables:
        """Tables with other cells; columns, dates and reference system are read as before."""
        return RawTables(raw, self.columns, self.crs, self.orders, self.decided)

    def __repr__(self) -> str:
        parts = [f"{name}: {_checks.plural(len(frame), 'row')}" for name, frame in self.raw.items()]
        return f"RawTables({', '.join(parts)}, CRS {describe(self.crs)})"

    def _repr_html_(self) -> str:
        roles = {
            f"columns of {table}": ", ".join(f"{r} = {c}" for r, c in roles.items())
            for table, roles in self.columns.items()
        }
        size = {name: _checks.plural(len(frame), "row") for name, frame in self.raw.items()}
        read = {"read": " ".join(self.facts)} if self.facts else {}
        return facts_html("Field tables", size | roles | {"CRS": describe(self.crs)} | read)


def raw_tables(
    traps: pd.DataFrame,
    detections: pd.DataFrame,
    operation: pd.DataFrame | None = None,
    *,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    dates: str | Mapping[str, str] = "infer",
    crs: CRSLike | None = None,
) -> RawTables:
    """Say what the columns of raw tables mean, and change nothing in them.

    Parameters
    ----------
    traps : DataFrame
        One row per trap: its id; x and y (metres) or latitude and longitude; and, where known,
        session, UTM zone, start and end of operation, effort, a note, covariates.
    detections : DataFrame
        One row per detection: animal, trap; and, where known, session, occasion, date, sex, count.
    operation : DataFrame, optional
        One row per period in which a camera worked: trap, start, end; camera where a station has
        several.
    columns : mapping of table to mapping of role to column, optional
        What columns mean where their names do not tell; ``RawTables.mapping`` shows the roles.
    dates : {"infer", "dmy", "mdy"} or mapping of table to one of them
        Order of day and month. "infer" decides it for each table: by days above 12, else by what
        agrees with the effort and with the periods of operation.
    crs : anything pyproj understands, optional
        Coordinate reference system of x and y.

    Returns
    -------
    RawTables

    Raises
    ------
    DataError
        A table without rows (no trap), columns that cannot be found, unknown orders of dates.
    """
    given = {"traps": traps, "operation": operation, "detections": detections}
    raw = {name: _numbered(frame, name) for name, frame in given.items() if frame is not None}
    if not len(raw["traps"]):
        raise DataError("The traps table has no rows: at least one trap is needed.")
    chosen = columns or {}
    for name in chosen:
        if name not in raw:
            raise DataError(f"columns names the table {name!r}; there is {_checks.listed(raw)}.")
    meaning = {name: match_columns(frame, name, chosen.get(name)) for name, frame in raw.items()}
    if "trap_id" not in chosen.get("traps", {}):
        meaning["traps"] = _same_traps(raw, meaning)
    if "time" not in chosen.get("detections", {}):
        meaning["detections"] = _dated(raw["detections"], meaning["detections"])
    tables = RawTables(raw, meaning, as_crs(crs))
    orders, decided = _orders(tables, dates)
    return RawTables(raw, meaning, tables.crs, orders, decided)


def _same_traps(
    raw: Mapping[str, pd.DataFrame], meaning: Mapping[str, dict[str, str]]
) -> dict[str, str]:
    """Columns of the traps, with the trap id that the detections use where there are several."""
    used = {text_of(c).strip() for c in raw["detections"][meaning["detections"]["trap_id"]]} - {""}
    traps = raw["traps"]

    def share(column: str) -> float:
        known = {text_of(cell).strip() for cell in traps[column]}
        return len(used & known) / max(len(used), 1)

    now = meaning["traps"]["trap_id"]
    best = max(map(str, traps.columns), key=share)
    if not used or share(now) >= 0.5 or share(best) < 0.8:
        return meaning["traps"]
    roles = {role: name for role, name in meaning["traps"].items() if name != best}
    return {**roles, "trap_id": best}


def _dated(detections: pd.DataFrame, roles: dict[str, str]) -> dict[str, str]:
    """Columns of the detections, with a column called time that holds whole dates as the date."""
    if "date" in roles or "time" not in roles:
        return roles
    cells = [cell for cell in column_cells(detections, roles["time"]) if not is_empty(cell)]
    dated = sum(any(read_date(cell, order) is not None for order in ORDERS) for cell in cells)
    if dated < 0.5 * len(cells) or not cells:
        return roles
    return {("date" if role == "time" else role): name for role, name in roles.items()}


def _numbered(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Copy with text as column names, rows numbered from 1, rows without any content left out."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(f"The {what} table must be a DataFrame; got {type(frame).__name__}.")
    fresh = frame.copy()
    names = [str(column).strip() for column in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"The {what} table has more than one column {_checks.listed(map(repr, repeated))}. "
            "Rename or remove one."
        )
    fresh.columns = pd.Index(names)
    fresh.index = pd.Index(row_numbers(frame), name=ROW)
    filled = [any(not _checks.is_missing(cell) for cell in row) for row in fresh.to_numpy(object)]
    return fresh[np.array(filled, dtype=bool)]


def _orders(
    tables: RawTables, dates: str | Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Order of the dates of each table, and how it was decided."""
    from secr_nea.quality.operation_rows import fit_of_operation, fit_to_operation

    asked = dict.fromkeys(TABLES, dates) if isinstance(dates, str) else dict(dates)
    for name, order in asked.items():
        if name not in TABLES or order not in (*ORDERS, "infer"):
            raise DataError(
                f"dates must be 'infer', 'dmy' or 'mdy', or one of them for each of "
                f"{_checks.listed(TABLES)}; got {name!r}: {order!r}."
            )
    orders: dict[str, str] = {}
    decided: dict[str, str] = {}
    for name in (table for table in TABLES if table in tables.raw):
        columns = list(_date_cells(tables, name))
        if asked.get(name, "infer") != "infer":
            orders[name], decided[name] = asked[name], "given"
            continue
        known = RawTables(tables.raw, tables.columns, tables.crs, dict(orders))
        fits = fit_to_operation if name == "detections" else fit_of_operation
        fallback = next(iter(orders.values()), "dmy")
        orders[name], decided[name] = decide_order(columns, partial(fits, known, name), fallback)
    return orders, decided


def _date_cells(tables: RawTables, name: str) -> Iterator[list[object]]:
    for role in ("start", "end", "date"):
        if tables.has(name, role):
            yield tables.cells(name, role)
    for pair in tables.problem_columns(name):
        for column in pair:
            yield list(tables.raw[name][column].tolist())
