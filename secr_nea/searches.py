"""Searched areas and transects: their shapes checked, and the search that a position belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError

AREA, TRANSECT = "area_search", "transect"
SEARCHES = (AREA, TRANSECT)
"""Detector words of searches, whose detections have positions."""

DIMENSION = {TRANSECT: 1, AREA: 2}
"""Whether a search is a line or an area; detectors that are points have 0."""

_KINDS = {
    "Polygon": AREA,
    "MultiPolygon": AREA,
    "LineString": TRANSECT,
    "LinearRing": TRANSECT,
    "MultiLineString": TRANSECT,
}


def dimensions(detector: Sequence[str]) -> IntArray:
    """0 for a point, 1 for a transect, 2 for a searched area; int64 array, shape (n_traps,)."""
    return np.array([DIMENSION.get(word, 0) for word in detector], dtype=np.int64)


def kind_of(geometry: Any, name: str) -> str:
    """Detector word of a geometry.

    Raises
    ------
    DataError
        If it is neither polygon nor line, empty, or crosses itself.
    """
    word = _KINDS.get(getattr(geometry, "geom_type", ""))
    if word is None:
        raise DataError(
            f"Search {name!r} must be a polygon (area_search) or a line (transect); it is "
            f"{getattr(geometry, 'geom_type', type(geometry).__name__)}."
        )
    if geometry.is_empty or not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise DataError(f"Search {name!r} is empty or has missing coordinates.")
    if word == AREA and not geometry.is_valid:
        raise DataError(
            f"Search {name!r} is not a proper polygon: {shapely.is_valid_reason(geometry)}. "
            "Correct it, for example with shapely.make_valid()."
        )
    if not (geometry.area if word == AREA else geometry.length) > 0.0:
        raise DataError(f"Search {name!r} has no {'area' if word == AREA else 'length'}.")
    return word


def checked_searches(
    searches: Sequence[Any] | None, detector: tuple[str, ...], ids: tuple[str, ...]
) -> tuple[Any, ...]:
    """One geometry or None per detector, which agree with its word.

    Raises
    ------
    DataError
        Searches without a geometry, points with one, geometries of another kind.
    """
    found = (None,) * len(ids) if searches is None else tuple(searches)
    if len(found) != len(ids):
        raise DataError(
            f"searches must hold a geometry or None for each trap ({len(ids)}); got {len(found)}."
        )
    for name, word, geometry in zip(ids, detector, found, strict=True):
        if geometry is None and word in SEARCHES:
            raise DataError(
                f"{name!r} is a detector {word!r} without a geometry. Make searches with "
                "TrapArray.from_searches(geometries)."
            )
        if geometry is not None and word not in SEARCHES:
            raise DataError(f"{name!r} has a geometry, but is a detector {word!r}, a point.")
        if geometry is not None and kind_of(geometry, name) != word:
            raise DataError(
                f"{name!r} is a detector {word!r}, but its geometry is {geometry.geom_type}."
            )
    return tuple(None if g is None else shapely.force_2d(g) for g in found)


def middle_of(geometry: Any) -> tuple[float, float]:
    """A point within an area, or the middle of a line."""
    if _KINDS.get(geometry.geom_type) == AREA:
        point = geometry.representative_point()
    else:
        point = geometry.interpolate(0.5, normalized=True)
    return float(point.x), float(point.y)


def nearest_search(xy: FloatArray, searches: Sequence[Any]) -> tuple[IntArray, FloatArray]:
    """The search that contains each position or is nearest to it, and how far away it is.

    Parameters
    ----------
    xy : float64 array, shape (n, 2), metres
    searches : sequence of geometry or None
        None is never nearest.

    Returns
    -------
    int64 array, shape (n,)
    float64 array, shape (n,), metres
        0 within an area; infinite where there is no search at all.
    """
    away = np.full((len(searches), len(xy)), np.inf)
    points = shapely.points(xy)
    for k, geometry in enumerate(searches):
        if geometry is not None:
            away[k] = shapely.distance(geometry, points)
    nearest = away.argmin(axis=0).astype(np.int64)
    return nearest, away[nearest, np.arange(len(xy))]


def distance_to_searches(xy: FloatArray, searches: Sequence[Any]) -> FloatArray:
    """Distance from each position to the nearest search, metres, shape (n,); 0 within an area."""
    return nearest_search(xy, searches)[1]
