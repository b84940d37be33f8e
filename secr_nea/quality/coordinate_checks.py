"""Checks of the layout of traps: two sources of a place, traps on one spot, arrays like a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyproj

from secr_nea import _checks
from secr_nea._crs import describe
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.quality import places
from secr_nea.quality.cells import decimals_of
from secr_nea.quality.findings import Finding
from secr_nea.quality.kinds import found
from secr_nea.quality.raw_tables import RawTables
from secr_nea.quality.trap_positions import TrapPositions, stated_zone

SMALLEST_GAP_M = 30.0
"""Two sources of a place that differ by less agree."""
GRAVE_GAP_M = 1000.0
"""Differences above this are errors; below, they matter little to movements of kilometres."""
METRES_A_DEGREE = 111_320.0
LINE = 5.0
"""Arrays this many times longer than wide are called linear."""


def check_layout(tables: RawTables, where: TrapPositions) -> Iterator[Finding]:
    """Findings about where traps stand.

    Parameters
    ----------
    tables : RawTables
    where : TrapPositions

    Yields
    ------
    Finding
    """
    yield from where.findings
    kinds = {finding.kind for finding in where.findings}
    if not kinds & {"web-mercator", "degrees-in-metre-columns"}:
        yield from _two_sources(tables, where)
    yield from _same_place(tables, where)
    if not kinds & {"degrees-in-metre-columns", "coordinates-in-kilometres"}:
        yield from _lines(tables, where)


def _two_sources(tables: RawTables, where: TrapPositions) -> Iterator[Finding]:
    """Latitude and longitude against x and y."""
    if not all(tables.has("traps", role) for role in ("x", "y", "lat", "lon")):
        return
    rows = tables.rows("traps")
    lon, lat = tables.numbers("traps", "lon")[0], tables.numbers("traps", "lat")[0]
    impossible = (np.abs(lon) > 180.0) | (np.abs(lat) > 90.0)
    if impossible.any():
        told = _checks.listed(
            f"row {rows[i]}: {lat[i]:g}, {lon[i]:g}" for i in np.flatnonzero(impossible)
        )
        yield found("latitude-longitude-impossible", "traps", rows[impossible],
                    f"Latitude and longitude {told}.")  # fmt: skip
    both = where.usable & np.isfinite(lon) & np.isfinite(lat) & ~impossible
    # rows that were found to be wrong need no second finding
    if both.sum() < 2 or np.all(tables.crs is not None and tables.crs.is_geographic):
        return
    offsets, system = _offsets(tables, where.xy[both], lon[both], lat[both], where.crs)
    gap = np.hypot(*offsets.T)
    if where.crs is not None and np.median(gap) > 5 * GRAVE_GAP_M:
        better, other = _offsets(tables, where.xy[both], lon[both], lat[both], None, stated=False)
        if np.median(np.hypot(*better.T)) < 5 * SMALLEST_GAP_M:
            seen = (
                f"In {describe(where.crs)} x and y lie {np.median(gap) / 1000:,.0f} km from "
                f"latitude and longitude; {other} they agree."
            )
            yield found("crs-does-not-fit", "traps", rows[both], seen)
            return
    turned = _exchanged(tables, where.xy[both], lon[both], lat[both], gap, where.crs)
    if turned.any():
        chosen = np.flatnonzero(both)[turned]
        told = _checks.listed(f"row {rows[i]}: {lat[i]:g}, {lon[i]:g}" for i in chosen)
        yield found("x-y-swapped", "traps", rows[chosen],
                    f"latitude and longitude look exchanged, beside x and y: {told}.")  # fmt: skip
        gap = np.where(turned, 0.0, gap)
    cells = [tables.cells("traps", role) for role in ("lat", "lon")]
    fineness = 0.8 * METRES_A_DEGREE * 10.0 ** -min(decimals_of(column) for column in cells)
    apart = gap > max(SMALLEST_GAP_M, fineness)
    if not apart.any():
        return
    chosen = np.flatnonzero(both)[apart]
    pairs = sorted(zip(gap[apart].tolist(), rows[chosen].tolist(), strict=True), reverse=True)
    told = _checks.listed(f"row {row} ({away:,.0f} m)" for away, row in pairs)
    seen = f"Latitude and longitude lie elsewhere than x and y ({system}): {told}."
    if _constant(offsets[apart]) and apart.all():
        seen += " All are moved alike: is it another datum?"
    grave = bool(gap.max() > GRAVE_GAP_M)
    yield found("latitude-longitude-disagree", "traps", rows[chosen], seen,
                severity="error" if grave else "warning")  # fmt: skip


def _exchanged(
    tables: RawTables,
    xy: FloatArray,
    lon: FloatArray,
    lat: FloatArray,
    gap: FloatArray,
    crs: pyproj.CRS | None,
) -> BoolArray:
    """Rows far from x and y whose latitude and longitude agree with them when exchanged."""
    far: BoolArray = (gap > GRAVE_GAP_M) & (np.abs(lon) <= 90.0)
    if not far.any():
        return far
    offsets, _ = _offsets(tables, xy, np.where(far, lat, lon), np.where(far, lon, lat), crs)
    far &= np.hypot(*offsets.T) < GRAVE_GAP_M
    return far


def _constant(offsets: FloatArray) -> bool:
    size = float(np.hypot(*offsets.mean(axis=0)))
    return len(offsets) > 2 and size > 0 and bool(offsets.std(axis=0).max() < 0.1 * size)


def _offsets(
    tables: RawTables,
    xy: FloatArray,
    lon: FloatArray,
    lat: FloatArray,
    known: pyproj.CRS | None,
    *,
    stated: bool = True,
) -> tuple[FloatArray, str]:
    """Offsets of x and y from longitude and latitude, and the system in which they were compared.

    Without a stated system the UTM zones around the place are tried, then any rigid motion: x and y
    may be in a local system.
    """
    system = (known or stated_zone(tables)) if stated else None
    if system is not None:
        offsets = xy - places.transformed(lon, lat, places.WGS84, system)
        return np.where(np.isfinite(offsets), offsets, 1e7), f"in {describe(system)}"
    zone = int(places.zone_of(np.array([np.median(lon)]))[0])
    north = bool(np.median(lat) >= 0)
    candidates = [(zone + step - 1) % 60 + 1 for step in (0, -1, 1)]
    tried = []
    for number in candidates:
        offsets = xy - places.transformed(lon, lat, places.WGS84, places.utm(number, north))
        tried.append((float(np.median(np.hypot(*offsets.T))), number, offsets))
    best, number, offsets = min(tried, key=lambda t: t[0])
    if best < 5000.0 or len(xy) < 5:
        return offsets, f"in UTM zone {number}{'N' if north else 'S'}"
    local = places.transformed(lon, lat, places.WGS84, places.local_projection(lon, lat))
    return places.matched_shape(xy, local)[0], "by the shape of the array"


def _same_place(tables: RawTables, where: TrapPositions) -> Iterator[Finding]:
    """Different traps of a survey at the same coordinates."""
    rows, names = tables.rows("traps"), tables.text("traps", "trap_id")
    groups: dict[tuple[str, float, float], list[int]] = {}
    for i in np.flatnonzero(where.usable).tolist():
        x, y = where.xy[i]
        groups.setdefault((tables.session("traps")[i], round(x, 1), round(y, 1)), []).append(i)
    alike = [group for group in groups.values() if len({names[i] for i in group}) > 1]
    if alike:
        told = _checks.listed((" = ".join(names[i] for i in group) for group in alike), 5)
        yield found("traps-at-same-place", "traps", (rows[i] for group in alike for i in group),
                    f"Different traps at the same coordinates: {told}.")  # fmt: skip


def _lines(tables: RawTables, where: TrapPositions) -> Iterator[Finding]:
    """Arrays that are much longer than wide, survey by survey."""
    session = tables.session("traps")
    for survey in dict.fromkeys(session.tolist()):
        mine: BoolArray = where.usable & (session == survey)
        xy = np.unique(where.xy[mine], axis=0)
        if len(xy) < 4:
            continue
        ratio = places.elongation(xy)
        if ratio < LINE:
            continue
        axis = np.linalg.svd(xy - xy.mean(axis=0), full_matrices=False)[2]
        length, width = np.ptp((xy - xy.mean(axis=0)) @ axis.T, axis=0) / 1000.0
        name = f" of survey {survey}" if len(set(session)) > 1 else ""
        seen = (
            f"The {len(xy)} traps{name} stand in a strip {length:,.0f} km long and {width:,.1f} km "
            "wide."
        )
        rows = tables.rows("traps")[mine].tolist() if name else []
        yield found("linear-array", "traps", rows, seen)
