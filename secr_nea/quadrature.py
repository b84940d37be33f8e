"""Points and weights that stand for a searched area or line in integrals over it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError

WIDTH = 2.0
"""Largest side of a piece, in units of sigma."""

TOLERANCE = 1e-8
"""Error of one piece for a half-normal, relative to its peak times the size of the piece."""

MOST_POINTS = 300_000
"""More points than this are refused: sigma is tiny against the search."""


@lru_cache(maxsize=1024)
def quadrature(geometry: Any, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre points of a polygon or line, for functions that vary on the scale of sigma.

    Areas are cut by a grid of cells at most ``WIDTH`` sigma wide. Whole cells have a product rule;
    what a boundary cuts from a cell is the signed sum of the triangles between its edges and
    one point, each a square folded at that point. Lines are cut at their vertices and into pieces
    at most ``WIDTH`` sigma long.

    Parameters
    ----------
    geometry : shapely geometry
        Polygon, MultiPolygon, LineString or MultiLineString, metres.
    sigma : float, metres
        Smallest scale of a half-normal for which integrals are to be exact.

    Returns
    -------
    float64 array, shape (n, 2), metres
    float64 array, shape (n,), m^2 or m
        Weights; they add up to the area or the length.

    Notes
    -----
    With n points on a piece of length L the error of a half-normal is at most
    (n!)^3 / ((2 n + 1) ((2 n)!)^2 2^n) (L / sigma)^(2 n) of its peak times L; n is the smallest
    for which that is below ``TOLERANCE`` (6 on a whole cell). Functions with a kink at the
    activity centre, such as the exponential, converge slowly: their error falls with the cube of
    the distance between points.

    Raises
    ------
    DataError
        If more than ``MOST_POINTS`` points would be needed.
    """
    size = WIDTH * sigma
    n_cells = float(geometry.area / size**2 + geometry.length / size)
    n_vertices = int(shapely.get_num_coordinates(geometry))
    if n_cells * _n_points(WIDTH) ** 2 + 2 * n_vertices > MOST_POINTS:
        raise DataError(
            f"A search of {geometry.area / 1e6:,.1f} km2, {geometry.length / 1e3:,.1f} km of line "
            f"and {n_vertices:,} vertices is too large for integrals as fine as {sigma:,.0f} m. "
            "Give smallest_sigma=, the smallest sigma that is plausible, in metres, or simplify "
            "the line, for example with shapely.simplify(geometry, 10)."
        )
    rule = _area if geometry.area > 0.0 else _line
    parts = [part for single in shapely.get_parts(geometry) for part in rule(single, size)]
    xy = np.concatenate([points for points, _ in parts])
    weight = np.concatenate([weights for _, weights in parts])
    return _checks.read_only(xy, np.float64), _checks.read_only(weight, np.float64)


Rule = tuple[FloatArray, FloatArray]


def _n_points(ratio: float) -> int:
    """Number of Gauss-Legendre points on a piece of ``ratio`` sigma."""
    n = 1
    while _error(n, ratio) > TOLERANCE:
        n += 1
    return n


def _error(n: int, ratio: float) -> float:
    factor = math.factorial(n) ** 3 / ((2 * n + 1) * math.factorial(2 * n) ** 2 * 2**n)
    return float(factor * ratio ** (2 * n))


@lru_cache(maxsize=64)
def _gauss(n: int) -> Rule:
    """Points and weights on [0, 1]."""
    at, weight = np.polynomial.legendre.leggauss(n)
    return (at + 1.0) / 2.0, weight / 2.0


def _line(line: Any, size: float) -> Iterator[Rule]:
    """Every straight piece of a line."""
    for a, b in pairwise(shapely.get_coordinates(line)):
        length = float(np.hypot(*(b - a)))
        n_pieces = max(1, math.ceil(length / size - 1e-9))
        if length == 0.0:
            continue
        at, weight = _gauss(_n_points(WIDTH * length / n_pieces / size))
        along = ((np.arange(n_pieces)[:, None] + at) / n_pieces).reshape(-1, 1)
        yield a + along * (b - a), np.tile(weight * length / n_pieces, n_pieces)


def _area(polygon: Any, size: float) -> Iterator[Rule]:
    """Every cell of a grid over a polygon."""
    west, south, east, north = polygon.bounds
    columns = max(1, math.ceil((east - west) / size - 1e-9))
    rows = max(1, math.ceil((north - south) / size - 1e-9))
    x, y = np.linspace(west, east, columns + 1), np.linspace(south, north, rows + 1)
    i, j = (index.ravel() for index in np.meshgrid(np.arange(columns), np.arange(rows)))
    cells = shapely.box(x[i], y[j], x[i + 1], y[j + 1])
    shapely.prepare(polygon)
    whole = shapely.covers(polygon, cells)
    touched = shapely.intersects(polygon, cells) & ~whole
    for west, south, east, north in shapely.bounds(cells[whole]):
        yield _rectangle(west, south, east - west, north - south, size)
    for piece in shapely.intersection(polygon, cells[touched]):
        for part in shapely.get_parts(piece):
            if part.area > 0.0:
                yield from _fan(part, size)


def _rectangle(west: float, south: float, width: float, height: float, size: float) -> Rule:
    u, u_weight = _gauss(_n_points(WIDTH * width / size))
    v, v_weight = _gauss(_n_points(WIDTH * height / size))
    x, y = np.meshgrid(west + width * u, south + height * v)
    weight = np.outer(v_weight * height, u_weight * width)
    return np.column_stack([x.ravel(), y.ravel()]), weight.ravel()


def _fan(polygon: Any, size: float) -> Iterator[Rule]:
    """Signed triangles between one point and every edge; holes turn the other way round."""
    apex = np.array([polygon.centroid.x, polygon.centroid.y])
    for ring in shapely.get_rings(polygon):
        is_outer = ring.equals(polygon.exterior)
        turn = 1.0 if bool(shapely.is_ccw(ring)) == is_outer else -1.0
        for a, b in pairwise(shapely.get_coordinates(ring)):
            cross = (a[0] - apex[0]) * (b[1] - apex[1]) - (a[1] - apex[1]) * (b[0] - apex[0])
            if cross == 0.0:
                continue
            reach = max(np.hypot(*(a - apex)), np.hypot(*(b - apex)))
            # the fold multiplies by u: one point more
            u, u_weight = _gauss(_n_points(WIDTH * float(reach) / size) + 1)
            v, v_weight = _gauss(_n_points(WIDTH * float(np.hypot(*(b - a))) / size))
            edge = a + v[:, None] * (b - a) - apex
            yield (
                (apex + u[:, None, None] * edge).reshape(-1, 2),
                np.outer(u * u_weight, v_weight * cross * turn).ravel(),
            )
