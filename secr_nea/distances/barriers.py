"""Rivers, fences and lakes: what they add to the cost of the steps that they lie across."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances.graph import MaskGraph
from secr_nea.errors import DataError
from secr_nea.mask_builders import layer_shapes


def with_barriers(
    graph: MaskGraph, barriers: Any, *, crossing_cost: float, polygon_friction: float
) -> MaskGraph:
    """The graph with barriers: steps that cannot be taken, or cost more.

    Parameters
    ----------
    graph : MaskGraph
    barriers : vector file, GeoDataFrame or shapely geometry
        Lines and polygons; layers are transformed to the CRS of the cells.
    crossing_cost : float, metres
        What crossing a line once adds to the way; infinite: it cannot be crossed.
    polygon_friction : float
        Metres of way for a metre within a polygon; infinite: it cannot be entered.

    Returns
    -------
    MaskGraph

    Raises
    ------
    DataError, CRSError
        If the barriers cannot be read, or are neither lines nor polygons.
    """
    import shapely

    shapes = layer_shapes(barriers, graph.cells.crs, "barriers", "lines or polygons")
    parts = shapely.get_parts(shapes)
    dimension = shapely.get_dimensions(parts)
    if not len(parts) or (dimension < 1).any():
        raise DataError(
            "barriers must be lines (rivers, fences) or polygons (lakes, towns); got "
            f"{', '.join(sorted({part.geom_type for part in parts})) or 'nothing'}."
        )
    u, k, steps = _steps_near(graph, shapely.union_all(parts))
    if not len(u):
        _checks.warn(
            "No barrier comes near the cells over which distances are measured, so barriers= "
            "changes nothing. Check the coordinates of the layer and its CRS.",
            stacklevel=2,
        )
    added = np.zeros(len(u))
    lines, areas = parts[dimension == 1], parts[dimension == 2]
    if len(lines):
        line = shapely.union_all(lines)
        shapely.prepare(line)
        added[shapely.intersects(line, steps)] += crossing_cost
    if len(areas):
        inside = shapely.length(shapely.intersection(steps, shapely.union_all(areas)))
        inside[inside < 1e-9 * graph.cells.spacing] = 0.0
        with np.errstate(invalid="ignore"):
            added += np.where(inside > 0.0, (polygon_friction - 1.0) * inside, 0.0)
    return _with_extra(graph, u, k, added)


def _steps_near(graph: MaskGraph, geometry: Any) -> tuple[IntArray, IntArray, Any]:
    """Cell and number of the steps that may touch a geometry, and the steps as lines."""
    import shapely

    shapely.prepare(geometry)
    xy = graph.cells.xy
    near = shapely.dwithin(shapely.points(xy), geometry, float(graph.lengths.max()))
    cell = np.flatnonzero(near)
    u, k = np.nonzero(graph.table[cell] >= 0)
    u = cell[u]
    ends = np.stack([xy[u], xy[graph.table[u, k]]], axis=1)
    return u, k, shapely.linestrings(ends)


def _with_extra(graph: MaskGraph, u: IntArray, k: IntArray, added: FloatArray) -> MaskGraph:
    table = graph.table.copy()
    blocked = np.isinf(added)
    table[u[blocked], k[blocked]] = -1
    if not (added[~blocked] > 0.0).any():
        return replace(graph, table=table)
    extra = np.zeros(table.shape) if not graph.extra.size else graph.extra.copy()
    extra[u[~blocked], k[~blocked]] += added[~blocked]
    return replace(graph, table=table, extra=extra)
