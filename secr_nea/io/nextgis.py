"""Exports of NextGIS (GeoPackage, GeoJSON, CSV): one feature a visit, set-up to retrieval.

Field names are often Russian, and layers from the server are in Web Mercator, whose metres are not
metres on the ground: they are projected.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io import projections
from secr_nea.io.boundary import read_boundary
from secr_nea.io.dates import parse_times
from secr_nea.io.field_sheets import read_field_tables
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.sheets import as_text, read_cells
from secr_nea.io.synonyms import COMMON
from secr_nea.quality.columns import plain
from secr_nea.quality.occasions import operating_time

NAMES = {
    "trap_id": COMMON["trap_id"],
    "time": "time date datetime dt visitdate дата датавизита датаивремя датаосмотра датапосещения",
    "event": "event action work type status событие тип типработ действие статус вид работ "
    "видработ",
}
EVENTS = {
    "set": ("set", "setup", "install", "deploy", "start", "установ", "постав", "начал"),
    "check": ("check", "visit", "service", "провер", "осмотр", "обслуж", "замен"),
    "removed": ("remov", "retriev", "collect", "end", "сня", "демонт", "убра", "оконч"),
    "failed": ("fail", "broken", "lost", "stolen", "слом", "украд", "утер", "потер", "неиспр"),
}
"""Beginnings of words that tell what was done at a visit."""
SAME_PLACE = 250.0


def read_nextgis(
    path: PathLike,
    detections: PathLike | pd.DataFrame | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    dates: str = "infer",
    edge_days: str = "half",
    crs: CRSLike | None = None,
    still_there: str | None = None,
) -> FieldTables:
    """Read visits to cameras that were recorded with NextGIS Collector, Mobile or Web.

    Parameters
    ----------
    path : .gpkg, .geojson, .shp or .csv file
        One point for each visit, with the number of the camera, the date and what was done (set,
        check, removed; установка, проверка, снятие). A CSV file has longitude and latitude.
    detections : CSV file, workbook or DataFrame, optional
        Identified animals, as for `read_field_tables`; NextGIS has none.
    columns : mapping, optional
        Field of the layer for trap_id, time and event, where the names are not recognised.
    layer : str, optional
    dates : {"infer", "dmy", "mdy"}
    edge_days : {"half", "whole", "none"}
        What a day without time of day counts.
    crs : anything pyproj understands, optional
        Projection of the traps; a local one when None.
    still_there : date, optional
        Day until which cameras without a last visit are known to have operated; without it such a
        camera counts until its last check, and is told of.

    Returns
    -------
    FieldTables
        A trap is a camera number; its place is that of its first visit.

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with row numbers (1 = first feature).
    """
    place = Path(path).name
    table, x, y, system = _features(path, layer)
    named = _fields(table, columns, place)
    xy, local = projections.to_metres(x, y, system, crs)
    rows = [int(row) for row in table.index]
    times, bare = parse_times(
        table[named["time"]].tolist(), dates, f"{named['time']} of {place}", rows
    )
    visits = pd.DataFrame(
        {
            "trap_id": _columns.id_column(table, named["trap_id"], named["trap_id"]),
            "time": times,
            "date_only": bare,
            "event": [
                _event(cell, row, place)
                for row, cell in zip(rows, table[named["event"]], strict=True)
            ],
            "x": xy[:, 0],
            "y": xy[:, 1],
            "row": rows,
        }
    ).sort_values(["time", "row"], kind="stable", ignore_index=True)
    operation, notes = _intervals(visits, edge_days, still_there, place)
    traps = _places(visits, place)
    tables = FieldTables(
        traps=traps,
        operation=operation,
        detections=pd.DataFrame({n: pd.Series(dtype=object) for n in ("animal_id", "trap_id")}),
        crs=local,
        source=str(path),
        timezone="as written",
        notes=(f"{len(visits)} visits to {len(traps)} cameras.", *notes),
    )
    if detections is None:
        return tables
    seen = read_field_tables(traps, detections, crs=local, dates=dates)
    return FieldTables(
        **{**tables.__dict__, "detections": seen.detections, "notes": (*tables.notes, *seen.notes)}
    )


def _features(path: PathLike, layer: str | None) -> tuple[pd.DataFrame, Any, Any, Any]:
    """Attributes and coordinates of the visits."""
    if Path(path).suffix.lower() == ".csv":
        table = read_cells(path, "visits")
        degrees = {plain(name): str(name) for name in table.columns}
        pairs = (("longitude", "latitude"), ("lon", "lat"), ("долгота", "широта"))
        found = next((p for p in pairs if set(p) <= set(degrees)), None)
        if found is None:
            raise DataError(
                f"{Path(path).name} has no columns longitude and latitude. Its columns: "
                f"{_checks.listed(table.columns, 20)}. Export a GeoPackage instead."
            )
        x, y = (_columns.number_column(table, degrees[name], "visits") for name in found)
        return table, x, y, projections.WGS84
    frame = read_boundary(path, layer=layer)
    kinds = set(frame.geometry.geom_type)
    if kinds == {"MultiPoint"} or kinds == {"Point", "MultiPoint"}:
        frame = frame.set_geometry(frame.geometry.centroid)
        kinds = {"Point"}
    if kinds != {"Point"}:
        raise DataError(
            f"{Path(path).name}: visits must be points; it has {_checks.listed(kinds)}. "
            "Transects and searched areas are read by read_searches."
        )
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    table.index = pd.RangeIndex(1, len(table) + 1, name=_columns.ROW)
    return table, frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), frame.crs


def _fields(table: pd.DataFrame, columns: Mapping[str, str] | None, place: str) -> dict[str, str]:
    present = [str(name) for name in table.columns]
    named = dict(columns or {})
    for name, words in NAMES.items():
        if name in named:
            if named[name] not in present:
                raise DataError(
                    f"{place} has no field {named[name]!r}"
                    f"{_checks.did_you_mean(named[name], present)}; it has "
                    f"{_checks.listed(map(repr, present), 20)}."
                )
            continue
        keys = {plain(word) for word in (name, *words.split())}
        like = [column for column in present if plain(column) in keys]
        if len(like) != 1:
            raise DataError(
                f"{place}: {'no field' if not like else _checks.listed(map(repr, like))} may be "
                f"{name}. Say which: columns={{{name!r}: ...}}. Its fields: "
                f"{_checks.listed(map(repr, present), 20)}."
            )
        named[name] = like[0]
    return named


def _event(cell: Any, row: int, place: str) -> str:
    text = as_text(cell).strip().casefold()
    for event, beginnings in EVENTS.items():
        if any(text.startswith(word) for word in beginnings):
            return event
    raise DataError(
        f"{place}, row {row}: {text!r} does not tell what was done. Known are words that begin "
        f"with {_checks.listed((word for words in EVENTS.values() for word in words), 30)}."
    )


def _intervals(
    visits: pd.DataFrame, edge_days: str, still_there: str | None, place: str
) -> tuple[pd.DataFrame, list[str]]:
    """Operation of each camera, from set-up to removal or failure."""
    made, notes, open_ones = [], [], []
    end_of_all = None
    if still_there is not None:
        (end_of_all,), _ = parse_times([still_there], "infer", "still_there")
    for name, own in visits.groupby("trap_id", sort=False):
        begun = None
        for visit in own.to_dict("records"):
            edge = "end" if begun is not None and visit["event"] != "set" else "start"
            (time,) = operating_time(
                np.array([visit["time"]], dtype="datetime64[s]"),
                np.array([visit["date_only"]]),
                edge=edge,
                edge_days=edge_days,
            )
            if visit["event"] == "set":
                if begun is not None:
                    raise DataError(
                        f"{place}: camera {name!r} is set twice without being removed (row "
                        f"{visit['row']}). Add the visit that ended its first period."
                    )
                begun, last = time, time
            elif begun is None:
                raise DataError(
                    f"{place}: camera {name!r}: {visit['event']} in row {visit['row']}, but it was "
                    "not set before. Add the visit at which it was set."
                )
            elif visit["event"] == "check":
                last = time
            else:
                # nobody knows when a failed camera stopped: it counts until its last good visit
                made.append((name, begun, time if visit["event"] == "removed" else last))
                begun = None
        if begun is not None:
            open_ones.append(str(name))
            made.append((name, begun, end_of_all if end_of_all is not None else last))
    if open_ones:
        until = still_there or "their last check"
        told = f"Not removed, counted until {until}: {_checks.listed(open_ones, 20)}."
        notes.append(told)
        if still_there is None:
            _checks.warn(
                f"{place}: {told} Give still_there= if they operated longer.", stacklevel=4
            )
    frame = pd.DataFrame(made, columns=["trap_id", "start", "end"]).assign(share=1.0)
    for edge in ("start", "end"):
        frame[edge] = frame[edge].to_numpy().astype("datetime64[s]")
    return frame[frame["end"] > frame["start"]], notes


def _places(visits: pd.DataFrame, place: str) -> pd.DataFrame:
    """Place of the first visit to each camera; all of them must be near it."""
    first = visits.drop_duplicates("trap_id").set_index("trap_id")
    at = first.loc[visits["trap_id"]]
    away = np.hypot(visits["x"] - at["x"].to_numpy(), visits["y"] - at["y"].to_numpy())
    if (away > SAME_PLACE).any():
        k = int(away.argmax())
        raise DataError(
            f"{place}: the visit in row {visits['row'][k]} is {away[k]:,.0f} m from the first one "
            f"to camera {visits['trap_id'][k]!r}. Was it moved? Then give the new place a number "
            "of its own."
        )
    return first[["x", "y"]].reset_index()
