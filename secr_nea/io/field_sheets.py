"""Two or three sheets of a field workbook (cameras, detections, operation) as field tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

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
from secr_nea.io.sheets import as_text, is_workbook, read_cells
from secr_nea.io.synonyms import decimal_points, renamed
from secr_nea.quality.occasions import operating_time

Columns: TypeAlias = Mapping[str, str] | str | None
NUMBERS = ("x", "y", "longitude", "latitude", "effort", "count", "occasion")
DATED = ("start", "end", "time")


def read_field_tables(
    traps: PathLike | pd.DataFrame,
    detections: PathLike | pd.DataFrame | None = None,
    operation: PathLike | pd.DataFrame | None = None,
    *,
    crs: CRSLike | None = None,
    dates: str | Mapping[str, str] = "infer",
    edge_days: str = "half",
    columns: Mapping[str, Columns] | str | None = "synonyms",
    sheets: Mapping[str, str] | None = None,
    encoding: str | None = None,
    species: str | None = None,
) -> FieldTables:
    """Read field sheets: CSV (comma, semicolon, tab) or Excel, with their dates and their effort.

    Parameters
    ----------
    traps : file or DataFrame
        One row for each station: trap_id; x and y (metres), or longitude and latitude, or x, y
        and utm_zone; start and end of operation, or effort; session; the others are covariates.
        A workbook with all sheets may be given alone.
    detections : file or DataFrame, optional
        One row for each detection: animal_id, trap_id, time (or occasion), sex, count, session.
    operation : file or DataFrame, optional
        Intervals: trap_id, start, end; or occasions: trap_id, occasion, effort. Without it, start
        and end (or effort) of the traps table.
    crs : anything pyproj understands, optional
        Of x and y; not needed with degrees or zones.
    dates : {"infer", "dmy", "mdy"}, or mapping of table to one of them
        Order of day and month in text; e.g. ``{"traps": "dmy", "detections": "mdy"}``.
    edge_days : {"half", "whole", "none"}
        What a set-up or retrieval day without time of day counts.
    columns : "synonyms", None, or mapping of table to mapping of our name to their column
        "synonyms" takes the columns that `suggest_columns` finds and warns, so that you can
        confirm it.
    sheets : mapping of table to sheet, optional
    encoding : str, optional
        Of CSV files; UTF-8 when None.
    species : str, optional
        Which rows of the detections to keep, where they have a column species.

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
        Columns taken by synonym; true dates beside text dates.
    """
    if detections is None and is_workbook(traps):
        detections = traps
    notes: list[str] = []

    def table(source: Any, what: str) -> pd.DataFrame:
        frame = read_cells(source, what, sheet=(sheets or {}).get(what), encoding=encoding)
        chosen = columns if isinstance(columns, str) or columns is None else columns.get(what)
        place = _place(source, what)
        frame, note = renamed(frame, chosen, what, place, confirm=what)
        notes.extend([note] if note else [])
        for name in NUMBERS:
            if name in frame.columns:
                frame[name] = decimal_points(frame[name])
        return frame

    def order(what: str) -> str:
        return dates if isinstance(dates, str) else dates.get(what, "infer")

    places = table(traps, "traps")
    _columns.require_columns(places, ["trap_id"], "traps")
    xy, system, where = _coordinates(places, crs, _place(traps, "traps"))
    notes += where
    made = _identified(places, ("trap_id",), "traps")
    made["x"], made["y"] = xy[:, 0], xy[:, 1]
    made = _with_degrees(made, used={"x", "y"} <= set(places.columns) and system is not None)
    own = [name for name in (*DATED, "effort", "utm_zone") if name in made]
    source = table(operation, "operation") if operation is not None else places
    working, told = _operation(
        source,
        order("operation" if operation is not None else "traps"),
        edge_days,
        operation is not None,
    )
    notes += told
    seen = (
        _detections(table(detections, "detections"), order("detections"), species)
        if detections is not None
        else pd.DataFrame({"animal_id": [], "trap_id": []}, dtype=object)
    )
    if species is not None and "species" not in seen.columns:
        notes.append(f"The detections have no column species: all are taken as {species}.")
    for name, frame in (("operation", working), ("detections", seen)):
        _match_sessions(made, frame, name)
    return FieldTables(
        traps=made.drop(columns=own),
        operation=working,
        detections=seen,
        crs=system,
        source=str(traps) if not isinstance(traps, pd.DataFrame) else "data frames",
        timezone="as written",
        notes=tuple(notes),
    )


def _with_degrees(traps: pd.DataFrame, *, used: bool) -> pd.DataFrame:
    """Traps with longitude and latitude as numbers; without them where x and y are ``used``."""
    names = [name for name in ("longitude", "latitude") if name in traps.columns]
    degrees = traps[names].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    if used or len(names) < 2 or not np.isfinite(degrees.to_numpy()).all():
        return traps.drop(columns=names)
    return traps.assign(**{name: degrees[name] for name in names})


def _place(source: Any, what: str) -> str:
    return (
        f"the {what} table"
        if isinstance(source, pd.DataFrame)
        else (f"{Path(source).name} ({what})")
    )


def _identified(frame: pd.DataFrame, ids: tuple[str, ...], what: str) -> pd.DataFrame:
    """Copy with ids as text; DataError for empty ones."""
    made = frame.copy()
    for name in (*ids, SESSION):
        if name in made.columns:
            made[name] = _columns.id_column(frame, name, f"{name} of the {what} table")
    made["row"] = frame.index
    return made.drop(columns="row") if what == "traps" else made


def _coordinates(
    frame: pd.DataFrame, crs: CRSLike | None, place: str
) -> tuple[np.ndarray, Any, list[str]]:
    """Metres, their system, and what was chosen."""
    metric = {"x", "y"} <= set(frame.columns)
    degrees = {"longitude", "latitude"} <= set(frame.columns)
    numbers = {
        name: _columns.number_column(frame, name, "traps")
        for name in (("x", "y") if metric else ("longitude", "latitude") if degrees else ())
    }
    if metric and "utm_zone" in frame.columns and crs is None:
        zones = _columns.id_column(frame, "utm_zone", "utm_zone")
        xy, system = projections.zones_to_metres(numbers["x"], numbers["y"], zones)
        named = _checks.listed(dict.fromkeys(zones))
        return xy, system, [f"x and y are of UTM zone {named}; now {system.name}."]
    if metric:
        told = ["Column utm_zone is not used: crs= was given."] if "utm_zone" in frame else []
        if degrees:
            told.append("x and y are used, longitude and latitude are not.")
        return np.column_stack([numbers["x"], numbers["y"]]), as_crs(crs), told
    if not degrees:
        raise DataError(
            f"{place} has no coordinates: columns x and y (metres), or longitude and latitude, are "
            f"needed. Its columns: {_checks.listed(frame.columns, 20)}."
        )
    given = as_crs(crs)
    is_source = given is not None and given.is_geographic
    system = given if given is not None and is_source else projections.WGS84
    target = None if is_source else given
    xy, local = projections.to_metres(numbers["longitude"], numbers["latitude"], system, target)
    return xy, local, [f"Degrees were projected to: {local.name}."]


def _operation(
    frame: pd.DataFrame, order: str, edge_days: str, own_table: bool
) -> tuple[pd.DataFrame, list[str]]:
    """Operation table, from its own sheet or from the columns of the traps table."""
    keys = [name for name in (SESSION, "trap_id") if name in frame.columns]
    if own_table:
        _columns.require_columns(frame, ["trap_id"], "operation")
    made = _identified(frame[keys], tuple(keys), "operation")
    if {"start", "end"} <= set(frame.columns):
        what = "operation" if own_table else "traps"
        order = order_of_table(frame, ("start", "end"), f"the {what} table", order)
        for edge in ("start", "end"):
            times, bare = parse_times(
                frame[edge].tolist(),
                order,
                f"{edge} of the {'operation' if own_table else 'traps'} table",
                [int(row) for row in frame.index],
            )
            made[edge] = operating_time(times, bare, edge=edge, edge_days=edge_days)
            if edge == "start":
                first = bare
        made["share"] = 1.0
        check_intervals(made, "operation")
        told = f"Set-up and retrieval days without a time count as: {edge_days}."
        notes = [told] if bool(np.any(first | bare)) else []
        if "effort" in frame.columns:
            notes.append("Effort is made from start and end; the column effort is not used.")
        return made, notes
    if "effort" in frame.columns:
        made["effort"] = _columns.number_column(frame, "effort", "operation")
        made["occasion"] = 1
        if "occasion" in frame.columns:
            made["occasion"] = _columns.number_column(frame, "occasion", "operation").astype(int)
        return made, []
    if own_table:
        raise DataError(
            "The operation table needs start and end, or occasion and effort. Its columns: "
            f"{_checks.listed(frame.columns, 20)}."
        )
    return made.iloc[:0].assign(occasion=[], effort=[]), ["No effort is told: 1 everywhere."]


def _detections(frame: pd.DataFrame, order: str, species: str | None) -> pd.DataFrame:
    _columns.require_columns(frame, ["animal_id", "trap_id"], "detections")
    if species is not None and "species" in frame.columns:
        frame = frame[frame["species"].map(as_text) == species]
        if not len(frame):
            raise DataError(f"The detections table has no row of species {species!r}.")
    made = _identified(frame, ("animal_id", "trap_id"), "detections")
    if "time" in frame.columns:
        rows = [int(row) for row in frame.index]
        place = "time of the detections table"
        made["time"], made["date_only"] = parse_times(frame["time"].tolist(), order, place, rows)
    if "sex" in made.columns:
        made["sex"] = [as_text(cell).strip() or None for cell in made["sex"]]
    return made


def _match_sessions(traps: pd.DataFrame, other: pd.DataFrame, what: str) -> None:
    """DataError when only one table tells the session, or they tell different ones."""
    if not len(other):
        return
    if (SESSION in traps.columns) != (SESSION in other.columns):
        lacking = what if SESSION in traps.columns else "traps"
        raise DataError(f"The {lacking} table has no column session, but the other one has.")
    if SESSION in traps.columns:
        known = list(dict.fromkeys(traps[SESSION]))
        unknown = [name for name in dict.fromkeys(other[SESSION]) if name not in known]
        if unknown:
            raise DataError(
                f"The {what} table names sessions that the traps table does not have: "
                f"{_checks.listed(map(repr, unknown))}; it has {_checks.listed(map(repr, known))}."
            )
