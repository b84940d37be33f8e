"""Rivers, fences and lakes: what they add to the cost of the steps that they lie across."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances.graph import MaskGraph
from secr_nea.errors import DataError
from secr_nea.mask_builders import layer_shapes, read_layer


def with_barriers(
    graph: MaskGraph, barriers: Any, *, crossing_cost: float | str, polygon_friction: float | str
) -> MaskGraph:
    """The graph with barriers: steps that cannot be taken, or cost more.

    Parameters
    ----------
    graph : MaskGraph
    barriers : vector file, GeoDataFrame or shapely geometry
        Lines and polygons; layers are transformed to the CRS of the cells.
    crossing_cost : float, metres, or str
        What crossing a line once adds to the way; infinite: it cannot be crossed. Or the column of
        the layer that says so for each line, missing where it cannot be crossed.
    polygon_friction : float or str
        Metres of way for a metre within a polygon; infinite: it cannot be entered. Or a column.

    Returns
    -------
    MaskGraph

    Raises
    ------
    DataError, CRSError
        If the barriers cannot be read, are neither lines nor polygons, or cannot cost so much.
    """
    import shapely

    if isinstance(barriers, str | os.PathLike):
        barriers = read_layer(barriers, "barriers")
    shapes = layer_shapes(barriers, graph.cells.crs, "barriers", "lines or polygons")
    crossing = _of_shapes(barriers, crossing_cost, len(shapes), "crossing_cost", 0.0)
    friction = _of_shapes(barriers, polygon_friction, len(shapes), "polygon_friction", 1.0)
    parts, shape = shapely.get_parts(shapes, return_index=True)
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
    is_line, is_area = dimension == 1, dimension == 2
    for cost in np.unique(crossing[shape[is_line]]):
        line = shapely.union_all(parts[is_line & (crossing[shape] == cost)])
        shapely.prepare(line)
        added[shapely.intersects(line, steps)] += cost
    for factor in np.unique(friction[shape[is_area]]):
        area = shapely.union_all(parts[is_area & (friction[shape] == factor)])
        inside = shapely.length(shapely.intersection(steps, area))
        inside[inside < 1e-9 * graph.cells.spacing] = 0.0
        with np.errstate(invalid="ignore"):
            added += np.where(inside > 0.0, (factor - 1.0) * inside, 0.0)
    return _with_extra(graph, u, k, added)


def _of_shapes(barriers: Any, given: float | str, n: int, name: str, lowest: float) -> FloatArray:
    """What each shape of a layer costs: one number for all, or those of a column."""
    if not isinstance(given, str):
        return np.full(n, float(given))
    columns = list(getattr(barriers, "columns", []))
    if given not in columns:
        raise DataError(
            f"{name} must be a number of {lowest:g} or more, or a column of the layer of barriers; "
            f"got {given!r}, and the columns are {_checks.listed(columns) or 'none'}."
        )
    values = _checks.numbers(barriers[given], f"{name}: the column {given!r}")
    values = np.where(np.isnan(values), np.inf, values)
    if (values < lowest).any():
        raise DataError(
            f"{name} must be {lowest:g} or more for every barrier; the column {given!r} has "
            f"{values.min():g}."
        )
    return np.asarray(values)


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
