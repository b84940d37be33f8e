"""Places of the traps in metres, as far as they can be trusted, with what was found about them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
import pyproj

from secr_nea import _checks
from secr_nea._crs import check_metres, describe
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import CRSError, SecrWarning
from secr_nea.quality import places
from secr_nea.quality.cells import utm_zone
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.raw_tables import RawTables

MOST_DEGREES = 10.0
"""An array in degrees is smaller than this; one in kilometres is usually larger."""


FARTHEST_NORTH = 72.0
"""No cat is trapped beyond this latitude: a whole table there has the two columns exchanged."""


@dataclass(frozen=True)
class TrapPositions:
    """Places of the rows of the traps table.

    Parameters
    ----------
    xy : float64 array, shape (n_rows, 2), metres
        NaN where the place is unknown or wrong.
    crs : pyproj.CRS or None
        Of ``xy``.
    usable : bool array, shape (n_rows,)
        Rows whose place can be trusted.
    findings : tuple of Finding
    fact : str
        Which coordinates were used, in words.
    """

    xy: FloatArray
    crs: pyproj.CRS | None
    usable: BoolArray
    findings: tuple[Finding, ...] = field(default=())
    fact: str = ""


def trap_positions(tables: RawTables) -> TrapPositions:
    """Read the places of the traps and find what is wrong with them.

    Parameters
    ----------
    tables : RawTables

    Returns
    -------
    TrapPositions
    """
    if tables.has("traps", "x") and tables.has("traps", "y"):
        degrees = tables.crs is not None and tables.crs.is_geographic
        return _geographic(tables, "x", "y") if degrees else _projected(tables)
    return _geographic(tables, "lon", "lat")


def _read(tables: RawTables, first: str, second: str) -> tuple[FloatArray, list[Finding]]:
    """Two columns of coordinates, with findings about gaps and words."""
    rows, said = tables.rows("traps"), []
    names = [tables.columns["traps"][role] for role in (first, second)]
    columns = []
    bad = np.zeros(len(rows), dtype=bool)
    for role, name in zip((first, second), names, strict=True):
        values, unreadable = tables.numbers("traps", role)
        columns.append(values)
        bad |= unreadable
        if unreadable.any():
            cells = np.array([str(cell) for cell in tables.cells("traps", role)], dtype=object)
            told = _checks.listed(
                f"{cells[i]!r} in row {rows[i]}" for i in np.flatnonzero(unreadable)
            )
            said.append(
                found("coordinate-not-number", "traps", rows[unreadable], f"{name}: {told}.")
            )
    xy = np.column_stack(columns)
    gap = ~np.isfinite(xy).all(axis=1) & ~bad
    if gap.any():
        seen = f"{' or '.join(names)} is empty in {_checks.rows_listed(rows[gap])}."
        said.append(found("coordinate-missing", "traps", rows[gap], seen))
    return xy, said


def _geographic(tables: RawTables, lon_role: str, lat_role: str) -> TrapPositions:
    """Traps given by longitude and latitude: checked, then projected to local metres."""
    lonlat, said = _read(tables, lon_role, lat_role)
    rows = tables.rows("traps")
    usable = np.isfinite(lonlat).all(axis=1)
    impossible = usable & ((np.abs(lonlat[:, 0]) > 180.0) | (np.abs(lonlat[:, 1]) > 90.0))
    usable &= ~impossible
    if impossible.any():
        seen = _checks.listed(f"row {r}: longitude {p[0]:g}, latitude {p[1]:g}" for r, p in
                              zip(rows[impossible], lonlat[impossible], strict=True))  # fmt: skip
        said.append(found("latitude-longitude-impossible", "traps", rows[impossible], f"{seen}."))
    swapped = np.zeros(len(rows), dtype=bool)
    swapped[usable] = places.swapped_rows(lonlat[usable])
    if usable.any() and (np.abs(lonlat[usable, 1]) > FARTHEST_NORTH).all():
        swapped |= usable
    if swapped.any():
        said.append(_swapped(rows[swapped], lonlat[swapped], "longitude and latitude"))
        usable &= ~swapped
    xy = np.full(lonlat.shape, np.nan)
    if not usable.any():
        return TrapPositions(xy, None, usable, tuple(said))
    crs = places.local_projection(*lonlat[usable].T)
    xy[usable] = places.transformed(lonlat[usable, 0], lonlat[usable, 1], places.WGS84, crs)
    usable &= np.isfinite(xy).all(axis=1)
    names = " and ".join(tables.columns["traps"][role] for role in (lon_role, lat_role))
    lon_0, lat_0 = places.centre_of(*lonlat[usable].T)
    fact = (
        f"Places are taken from {names} and projected to local metres: Lambert azimuthal "
        f"equal-area around longitude {lon_0:g}, latitude {lat_0:g}."
    )
    said += _far(tables, xy, usable)
    return TrapPositions(xy, crs, usable, tuple(said), fact)


def _swapped(rows: np.ndarray, xy: FloatArray, names: str) -> Finding:
    told = _checks.listed(
        f"row {r}: {p[0]:,.10g}, {p[1]:,.10g}" for r, p in zip(rows, xy, strict=True)
    )
    return found("x-y-swapped", "traps", rows, f"{names} look exchanged: {told}.")


def _projected(tables: RawTables) -> TrapPositions:
    """Traps given by x and y in metres."""
    xy, said = _read(tables, "x", "y")
    usable = np.asarray(np.isfinite(xy).all(axis=1), dtype=bool)
    xy = np.where(usable[:, None], xy, np.nan)
    for step in (_degrees, _exchanged, _zones, _system, _far):
        if usable.any():
            said += step(tables, xy, usable)
    system = tables.crs if tables.crs is not None else stated_zone(tables)
    fact = f"Places are taken from x and y, in {describe(system)}." if system else (
        "Places are taken from x and y as metres; their reference system was not given."
    )  # fmt: skip
    if said and any(f.kind in ("web-mercator", "crs-does-not-fit") for f in said):
        system = None
    return TrapPositions(xy, system, usable, tuple(said), fact)


def stated_zone(tables: RawTables) -> pyproj.CRS | None:
    """UTM system that the zone column names, when all its cells name the same one."""
    zones = {zone for zone in zones_of(tables) if zone is not None}
    return places.utm(*zones.pop()) if len(zones) == 1 else None


def zones_of(tables: RawTables) -> list[tuple[int, bool] | None]:
    """UTM zone that each row states, None where it states none."""
    if not tables.has("traps", "zone"):
        return [None] * len(tables.rows("traps"))
    where = tables.numbers("traps", "lat")[0]
    if not tables.has("traps", "lat"):
        where = tables.numbers("traps", "y")[0]
    cells = tables.cells("traps", "zone")
    return [utm_zone(cell, float(at)) for cell, at in zip(cells, where, strict=True)]


def _degrees(tables: RawTables, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    """Rows, or all of them, with degrees in columns of metres; they are taken out of ``usable``."""
    rows = tables.rows("traps")
    small = usable & (np.abs(xy) <= 180.0).all(axis=1)
    metres = usable & ~small
    if metres.any():
        # small numbers beside others that are not huge are a local origin
        small &= bool(np.abs(xy[metres]).max(axis=1).min() >= 1e5)
    elif small.sum() < 2 or np.ptp(xy[small], axis=0).max() > MOST_DEGREES:
        small[:] = False
    nothing = small & (xy == 0.0).all(axis=1) & bool(metres.any())
    said = []
    if nothing.any():
        usable &= ~nothing
        seen = f"x and y are 0 in {_checks.rows_listed(rows[nothing])}."
        said.append(found("coordinate-missing", "traps", rows[nothing], seen))
    small &= ~nothing
    if not small.any():
        return said
    usable &= ~small
    x, y = xy[small].T
    seen = (
        f"x from {x.min():g} to {x.max():g}, y from {y.min():g} to {y.max():g} in "
        f"{_checks.rows_listed(rows[small])}: these are degrees."
    )
    return [*said, found("degrees-in-metre-columns", "traps", rows[small], seen)]


def _exchanged(tables: RawTables, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    """Rows, or all of them, with x and y exchanged."""
    rows = tables.rows("traps")
    everywhere = places.looks_exchanged(xy[usable]) and usable.sum() > 1
    if everywhere and tables.crs is not None:
        everywhere = not fits(xy[usable], tables.crs) and fits(xy[usable][:, ::-1], tables.crs)
    swapped = usable.copy()
    if not everywhere:
        swapped[:] = False
        swapped[usable] = places.swapped_rows(xy[usable])
    if not swapped.any():
        return []
    names = " and ".join(tables.columns["traps"][role] for role in ("x", "y"))
    finding = _swapped(rows[swapped], xy[swapped], names)
    usable &= ~swapped
    return [finding]


def fits(xy: FloatArray, crs: pyproj.CRS) -> bool:
    """Tell whether a reference system gives true metres where coordinates lie."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecrWarning)
            check_metres(xy, crs, "trap")
    except (CRSError, SecrWarning):
        return False
    return True


def _zones(tables: RawTables, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    """Cameras in two UTM zones: stated, evident from longitude, or evident from a tear."""
    rows = tables.rows("traps")
    stated = zones_of(tables)
    names = [zone[0] if zone is not None else 0 for zone in stated]
    kinds, number = np.unique([name for name in names if name], return_counts=True)
    if len(kinds) > 1:
        main = int(kinds[np.argmax(number)])
        other = np.array([name not in (0, main) for name in names])
        seen = (
            f"Zones {_checks.listed(kinds)}: most rows are in {main}, "
            f"{_checks.rows_listed(rows[other])} in another. The numbers of different zones stand "
            "in the same columns x and y."
        )
        usable &= ~other
        return [found("utm-zone-joint", "traps", rows[other], seen)]
    said = []
    if len(kinds) == 1 and tables.crs is not None and tables.crs.utm_zone is not None:
        given = int(tables.crs.utm_zone[:-1])
        if given != int(kinds[0]):
            seen = (
                f"The column {tables.columns['traps']['zone']} says zone {kinds[0]}, but the "
                f"reference system given is {describe(tables.crs)}, zone {given}."
            )
            said.append(found("crs-does-not-fit", "traps", rows, seen))
    joint = places.torn_apart(xy[usable])
    if joint is None:
        return said
    beyond = np.zeros(len(rows), dtype=bool)
    beyond[usable] = joint.east
    rest = usable & ~beyond
    if beyond.sum() > rest.sum():
        beyond, rest = rest, beyond
    seen = (
        f"{_checks.rows_listed(rows[beyond])}: the array is torn into two parts "
        f"{joint.apart_km:,.0f} km apart, which are {joint.true_km:,.0f} km apart when one is in "
        "the next UTM zone."
    )
    usable &= ~beyond
    return [*said, found("utm-zone-joint", "traps", rows[beyond], seen)]


def _system(tables: RawTables, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    """Web Mercator, and systems that do not fit the coordinates."""
    rows, places_used = tables.rows("traps"), xy[usable]
    crs = tables.crs
    if crs is not None and not crs.is_projected and not crs.is_geographic:
        crs = None
    mercator = crs is not None and (
        crs.to_epsg() == 3857 or "Pseudo Mercator" in str(crs.coordinate_operation)
    )
    looks = places.looks_mercator(places_used) and not (crs is not None and fits(places_used, crs))
    if mercator or looks:
        lon, lat = places.mercator_place(*np.median(places_used, axis=0))
        inflation = 1.0 / np.cos(np.radians(lat)) ** 2
        words = "They are given as" if mercator else "They look like"
        seen = (
            f"x around {np.median(places_used[:, 0]):,.0f}, y around "
            f"{np.median(places_used[:, 1]):,.0f}. {words} Web Mercator (EPSG:3857), near "
            f"longitude {lon:.1f}, latitude {lat:.1f}; areas are inflated {inflation:.2f} times."
        )
        zone = None if mercator else places.gauss_zone(places_used)
        if zone is not None:
            seen += (
                f" Or they are Gauss-Krueger coordinates (Pulkovo 1942) of zone {zone}, between "
                f"longitude {6 * zone - 6} and {6 * zone}: then say crs='EPSG:{28400 + zone}'."
            )
        return [found("web-mercator", "traps", rows[usable], seen)]
    if crs is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", SecrWarning)
                check_metres(places_used, crs, "trap")
        except (CRSError, SecrWarning) as problem:
            seen = str(problem).split(" Reproject to")[0]
            return [found("crs-does-not-fit", "traps", rows[usable], seen)]
    return _kilometres(rows, places_used, usable)


def _kilometres(rows: np.ndarray, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    if len(xy) < 4:
        return []
    apart = places.nearest(xy, xy, 2)
    typical = float(np.median(apart))
    if not (0.0 < typical < 20.0 and np.ptp(xy, axis=0).max() < 500.0):
        return []
    size = float(np.ptp(xy, axis=0).max())
    seen = f"Neighbouring traps are {typical:.3g} apart and the whole array {size:.4g}."
    return [found("coordinates-in-kilometres", "traps", rows[usable], seen)]


def _far(tables: RawTables, xy: FloatArray, usable: BoolArray) -> list[Finding]:
    """Traps far from every other one of their survey; they are taken out of ``usable``."""
    said, rows, session = [], tables.rows("traps"), tables.session("traps")
    for survey in dict.fromkeys(session.tolist()):
        mine = np.flatnonzero(usable & (session == survey))
        if len(mine) < 5 or len(np.unique(xy[mine], axis=0)) < 5:
            continue
        nearest = places.nearest(np.unique(xy[mine], axis=0), xy[mine], 2)
        typical = float(np.median(nearest))
        lost = mine[(nearest > 20.0 * typical) & (nearest > 50_000.0)]
        if len(lost):
            away = dict(zip(mine.tolist(), nearest, strict=True))
            told = _checks.listed(
                f"row {rows[i]} ({away[i] / 1000:,.0f} km)" for i in lost.tolist()
            )
            usable[lost] = False
            said.append(found("trap-far-away", "traps", rows[lost],
                              f"Far from every other trap: {told}."))  # fmt: skip
    return said
