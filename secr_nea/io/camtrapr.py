"""Tables of camtrapR: camera trap table, record table of individuals, camera operation matrix.

Niedballa et al. (2016), camtrapR: an R package for efficient camera trap data management, Methods
in Ecology and Evolution 7, 1457-1462.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._crs import as_crs
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io import projections
from secr_nea.io.dates import order_of_table, parse_times
from secr_nea.io.field_tables import SESSION, FieldTables
from secr_nea.io.operation import check_intervals
from secr_nea.io.sheets import as_text, read_cells
from secr_nea.quality.occasions import DAY, operating_time

PROBLEM = re.compile(r"Problem(\d+)_(from|to)")
ROW_NAME = re.compile(r"(?P<station>.+?)(?:__SESS_(?P<session>.+?))?(?:__CAM_(?P<camera>.+))?")
STATION = "Station"
NOT_COVARIATES = ("session", "Camera", "camera", "Setup_date", "Retrieval_date")
XY = (("utm_x", "utm_y"), ("x", "y"), ("gps_x", "gps_y"), ("longitude", "latitude"))
Frame = pd.DataFrame


def read_camtrapr(
    stations: PathLike | Frame,
    records: PathLike | Frame,
    operation: PathLike | Frame | None = None,
    *,
    species: str | None = None,
    dates: str = "infer",
    edge_days: str = "half",
    x: str | None = None,
    y: str | None = None,
    crs: CRSLike | None = None,
) -> FieldTables:
    """Read the tables of camtrapR.

    Parameters
    ----------
    stations : CSV file, workbook or DataFrame
        The camera trap table: Station, coordinates (utm_x, utm_y, or longitude, latitude),
        Setup_date, Retrieval_date, Problem1_from, Problem1_to ...; with several cameras or
        sessions the columns Camera, session.
    records : CSV file, workbook or DataFrame
        The record table of individuals: Station, Species, Individual, DateTimeOriginal (or Date
        and Time); further columns such as sex describe the animal.
    operation : CSV file or DataFrame, optional
        Camera operation matrix: row names in the first column, one column for each date; empty or
        NA = not set up, 0 = not operating, 1, fractions or numbers of cameras = effort of the day.
        Used in place of the dates of ``stations``.
    species : str, optional
        May be left out when the records are of one species.
    dates : {"infer", "dmy", "mdy"}
        Order of day and month in text.
    edge_days : {"half", "whole", "none"}
        What set-up and retrieval days count; camtrapR counts half of them since version 2.1.
    x, y : str, optional
        Columns of the coordinates, where they have other names.
    crs : anything pyproj understands, optional
        Of the coordinates; a local projection is made of degrees.

    Returns
    -------
    FieldTables

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with the table and row numbers (1 = first data row).

    Warns
    -----
    SecrWarning
        True dates beside text dates.
    """
    table = read_cells(stations, "stations")
    _columns.require_columns(table, [STATION], "stations")
    named = _columns.id_column(table, STATION, STATION)
    keys = {"trap_id": named}
    if SESSION in table.columns:
        keys[SESSION] = _columns.id_column(table, SESSION, SESSION)
    traps, system = _stations(table, keys, x, y, crs)
    told = []
    if operation is None:
        working = _from_dates(table, keys, dates, edge_days)
        told.append(f"Set-up and retrieval days count as: {edge_days}.")
    else:
        working = _from_matrix(read_cells(operation, "operation", row_names=True), keys)
    seen, notes = _records(read_cells(records, "records"), species, dates)
    return FieldTables(
        traps=traps,
        operation=working,
        detections=seen,
        crs=system,
        source=str(stations) if not isinstance(stations, Frame) else "data frames",
        timezone="local, as the cameras showed it",
        notes=(*told, *notes),
        animal_covariates=("sex",),
    )


def _stations(
    table: Frame, keys: dict[str, list[str]], x: str | None, y: str | None, crs: CRSLike | None
) -> tuple[Frame, Any]:
    """One row for each station and session."""
    columns = [str(name) for name in table.columns]
    pair = (x, y) if x is not None and y is not None else None
    pair = pair or next((two for two in XY if set(two) <= set(columns)), None)
    if pair is None:
        raise DataError(
            "The stations table has no coordinates that are recognised. Say which columns: x=, y=. "
            f"Its columns: {_checks.listed(columns, 20)}."
        )
    _columns.require_columns(table, [str(name) for name in pair], "stations")
    easting, northing = (_columns.number_column(table, str(n), "stations") for n in pair)
    given = as_crs(crs)
    if pair == XY[3] and (given is None or not given.is_geographic):
        xy, system = projections.to_metres(easting, northing, projections.WGS84, given)
    elif given is not None:
        xy, system = projections.to_metres(easting, northing, given)
    else:
        xy, system = np.column_stack([easting, northing]), None
    skipped = {STATION, *NOT_COVARIATES, *map(str, pair)}
    kept = [n for n in columns if n not in skipped and not PROBLEM.fullmatch(n)]
    made = pd.DataFrame({**keys, "x": xy[:, 0], "y": xy[:, 1]})
    for name in kept:
        made[name] = table[name].to_numpy()
    ids = list(keys)
    first = made.drop_duplicates(ids)
    at = first.set_index(ids).loc[
        pd.MultiIndex.from_frame(made[ids]) if len(ids) > 1 else made["trap_id"]
    ]
    away = np.hypot(made["x"] - at["x"].to_numpy(), made["y"] - at["y"].to_numpy())
    if (away > 100.0).any():
        k = int(away.argmax())
        raise DataError(
            f"Station {made['trap_id'][k]!r} is at two places {away[k]:,.0f} m apart (row "
            f"{table.index[k]})."
        )
    return first, system


def _from_dates(table: Frame, keys: dict[str, list[str]], dates: str, edge_days: str) -> Frame:
    """Intervals from set-up to retrieval, without the periods of problems."""
    _columns.require_columns(table, ["Setup_date", "Retrieval_date"], "stations")
    named = [n for n in table.columns if PROBLEM.fullmatch(str(n))]
    named = ["Setup_date", "Retrieval_date", *named]
    dates = order_of_table(table, named, "the stations table", dates)
    rows = [int(row) for row in table.index]
    edges = {}
    for column, edge in (("Setup_date", "start"), ("Retrieval_date", "end")):
        times, bare = parse_times(
            table[column].tolist(), dates, f"{column} of the stations table", rows
        )
        edges[edge] = operating_time(times, bare, edge=edge, edge_days=edge_days)
    whole = pd.DataFrame({**keys, **edges, "row": rows})
    check_intervals(whole, "stations")
    problems = _problems(table, dates, rows)
    made = []
    for i, row in enumerate(whole.to_dict("records")):
        pieces = [(edges["start"][i], edges["end"][i])]
        for first, last in problems[i]:
            pieces = [part for piece in pieces for part in _without(piece, first, last)]
        made += [{**row, "start": a, "end": b, "share": 1.0} for a, b in pieces]
    return pd.DataFrame(made, columns=[*whole.columns, "share"])


Interval = tuple[np.datetime64, np.datetime64]


def _without(piece: Interval, first: np.datetime64, last: np.datetime64) -> list[Interval]:
    parts = [(piece[0], min(piece[1], first)), (max(piece[0], last), piece[1])]
    return [(a, b) for a, b in parts if b > a]


def _problems(table: Frame, dates: str, rows: list[int]) -> list[list[Interval]]:
    """Periods without operation of each row: whole days, both ends included."""
    found: list[list[Interval]] = [[] for _ in rows]
    for number in sorted({m[1] for name in table.columns if (m := PROBLEM.fullmatch(str(name)))}):
        names = f"Problem{number}_from", f"Problem{number}_to"
        _columns.require_columns(table, names, "stations")
        (first, _bare_first), (last, bare_last) = (
            parse_times(table[n].tolist(), dates, f"{n} of the stations table", rows, missing=True)
            for n in names
        )
        last = last + np.where(bare_last, 1, 0) * DAY
        for i, row in enumerate(rows):
            if np.isnat(first[i]) != np.isnat(last[i]) or last[i] < first[i]:
                raise DataError(
                    f"{names[0]} and {names[1]} of row {row} are no period: "
                    f"{table[names[0]][row]!r} to {table[names[1]][row]!r}."
                )
            if not np.isnat(first[i]):
                found[i].append((first[i], last[i]))
    return found


def _from_matrix(matrix: Frame, keys: dict[str, list[str]]) -> Frame:
    """Intervals of equal effort from a camera operation matrix."""
    names = [as_text(cell) for cell in matrix.iloc[:, 0]]
    days = _days([str(name) for name in matrix.columns[1:]])
    made = []
    for row, name, cells in zip(matrix.index, names, matrix.iloc[:, 1:].to_numpy(), strict=True):
        match = ROW_NAME.fullmatch(name)
        if match is None:
            raise DataError(f"operation matrix, row {row}: {name!r} names no station.")
        where = {"trap_id": match["station"]}
        if SESSION in keys:
            if match["session"] is None:
                raise DataError(
                    f"operation matrix, row {row}: {name!r} tells no session (__SESS_)."
                )
            where[SESSION] = match["session"]
        if match["station"] not in keys["trap_id"]:
            raise DataError(
                f"operation matrix, row {row}: station {match['station']!r} is not in the stations "
                f"table{_checks.did_you_mean(match['station'], keys['trap_id'])}."
            )
        effort = np.array([_share(cell, row, days[k]) for k, cell in enumerate(cells)])
        cuts = [0, *(np.flatnonzero(np.diff(effort)) + 1), len(effort)]
        for a, b in itertools.pairwise(cuts):
            if b > a and effort[a] > 0:
                made.append(
                    {**where, "start": days[a], "end": days[b - 1] + DAY, "share": effort[a]}
                )
    if not made:
        raise DataError("The operation matrix has no day on which any camera operated.")
    frame = pd.DataFrame(made)
    for edge in ("start", "end"):
        frame[edge] = frame[edge].to_numpy().astype("datetime64[s]")
    return frame


def _share(cell: Any, row: int, day: np.datetime64) -> float:
    text = as_text(cell).strip()
    if text in ("", "NA", "NaN"):
        return 0.0
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1000:
        raise DataError(f"operation matrix, row {row}, {day}: {text!r} is no effort of a day.")
    return value


def _days(columns: list[str]) -> np.ndarray:
    """Dates of the columns, which must follow each other without gaps."""
    texts = [name.removeprefix("X").replace(".", "-")[:10] for name in columns]
    days, _ = (
        parse_times(list(texts), "dmy", "columns of the operation matrix")
        if texts
        else (np.array([], dtype="datetime64[s]"), None)
    )
    if not len(days) or (np.diff(days) != DAY).any():
        raise DataError(
            "The columns of the operation matrix after the first must be dates that follow each "
            f"other, such as 2024-03-01, 2024-03-02; they are {_checks.listed(columns)}."
        )
    return days


def _records(table: Frame, species: str | None, dates: str) -> tuple[Frame, list[str]]:
    needed = [STATION, "Individual"]
    _columns.require_columns(table, needed, "records")
    notes = []
    if "Species" in table.columns:
        seen = list(dict.fromkeys(as_text(cell) for cell in table["Species"]))
        if species is None and len(seen) > 1:
            raise DataError(
                f"The records are of {len(seen)} species: {_checks.listed(seen)}. Say which: "
                f"species={seen[0]!r}."
            )
        if species is not None and species not in seen:
            raise DataError(
                f"The records have no species {species!r}{_checks.did_you_mean(species, seen)}; "
                f"they have {_checks.listed(seen)}."
            )
        if species is not None:
            kept = np.array([as_text(cell) == species for cell in table["Species"]])
            notes = (
                [f"Left out, other species: {int((~kept).sum())} records."]
                if not kept.all()
                else []
            )
            table = table[kept]
    if "DateTimeOriginal" in table.columns:
        cells = table["DateTimeOriginal"].tolist()
    else:
        _columns.require_columns(table, ["DateTimeOriginal"], "records")
    rows = [int(row) for row in table.index]
    times, bare = parse_times(cells, dates, "DateTimeOriginal of the records table", rows)
    made = pd.DataFrame(
        {
            "animal_id": _columns.id_column(table, "Individual", "Individual"),
            "trap_id": _columns.id_column(table, STATION, STATION),
            "time": times,
            "date_only": bare,
        },
        index=table.index,
    )
    sex = next((name for name in table.columns if str(name).casefold() == "sex"), None)
    if sex is not None:
        made["sex"] = [as_text(cell).strip() or None for cell in table[sex]]
    if SESSION in table.columns:
        made[SESSION] = _columns.id_column(table, SESSION, SESSION)
    return made, notes
