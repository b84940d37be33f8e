"""Grids of points: are they centres of square cells, how large, and where in a raster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.units import M2_PER_KM2

if TYPE_CHECKING:
    import xarray

REGULAR = 1e-6
"""Distances between centres count as equal up to this share when the spacing is inferred ..."""
ROUNDED = 1e-2
"""... and when it is given, so that coordinates may be rounded."""
# A search for the neighbours of more points than this takes noticeable time.
_MANY = 20_000


def refuse_repeated(points: FloatArray) -> None:
    """DataError when a point stands in the mask twice."""
    repeated = np.flatnonzero(pd.DataFrame(points).duplicated(keep=False))
    if repeated.size:
        raise DataError(
            f"The mask has the same point more than once ({_checks.rows_listed(repeated + 1)}); "
            "its area would count twice. Remove the repeats; "
            "if the table holds the masks of several surveys, read it with read_mask(..., "
            "survey=...) or read_surveys()."
        )


def cell_size(
    points: FloatArray, spacing: float | None, cell_area: float | None
) -> tuple[float, float]:
    """Spacing in metres and cell area in km2, from the points and what was given."""
    area = None if cell_area is None else _checks.positive(cell_area, "cell_area")
    side = None if spacing is None else _checks.positive(spacing, "spacing")
    if side is None and area is not None and not _is_square_grid(points):
        side = float(np.sqrt(area * M2_PER_KM2))
        _refuse_closer(points, side)
    elif side is None:
        side = _inferred_spacing(points)
    else:
        _check_spacing(points, side, whole_grid=area is None)
    if area is None:
        return side, side**2 / M2_PER_KM2
    if abs(area * M2_PER_KM2 / side**2 - 1) > 0.01:
        _checks.warn(
            f"cell_area is {area:g} km2, but cells of {side:g} m have {side**2 / M2_PER_KM2:g} "
            "km2. "
            "The given area is used; check its unit (km2, not hectares or m2).",
            stacklevel=4,
        )
    return side, area


def _is_lattice(points: FloatArray, side: float) -> bool:
    """Whether all points are on a grid along the axes and most have a neighbour in their row.

    False where it is not plain to see: this only spares large masks the search for neighbours.
    """
    steps = (points - points.min(axis=0)) / side
    cells = np.rint(steps)
    if np.abs(steps - cells).max() > 0.1 * REGULAR:
        return False
    column, row = cells.T.astype(np.int64)
    key = np.sort(row * (column.max() + 2) + column)
    return bool(np.mean(np.diff(key) == 1) > 0.9)


def _neighbour_distances(points: FloatArray) -> FloatArray:
    """Distances to the 8 nearest other points, shape (n_points, <= 8), ascending, metres."""
    k = min(9, len(points))
    distances = np.asarray(cKDTree(points).query(points, k=k)[0], dtype=np.float64)
    return distances[:, 1:]


def _is_square_grid(points: FloatArray) -> bool:
    if len(points) < 2:
        return False
    if len(points) > _MANY and _is_lattice(points, _typical_step(points)):
        return True
    distances = _neighbour_distances(points)
    side = float(np.median(distances[:, 0]))
    # nearly all: isolated cells have a farther nearest neighbour
    regular = np.mean(np.abs(distances[:, 0] / side - 1) <= REGULAR) >= 0.9 and distances[
        :, 0
    ].min() >= side * (1 - REGULAR)
    in_line = np.linalg.matrix_rank(points - points[0], tol=side * REGULAR) < 2
    diagonal = bool((np.abs(distances / (side * np.sqrt(2)) - 1) <= REGULAR).any())
    return bool(regular and (in_line or diagonal))


def _typical_step(points: FloatArray) -> float:
    """Most usual distance from a point to the next one in the order given, metres."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    return float(np.median(steps[steps > 0.0])) if (steps > 0.0).any() else np.inf


def _inferred_spacing(points: FloatArray) -> float:
    if len(points) == 1:
        raise DataError(
            "The spacing of a single mask point cannot be inferred. Give spacing= (metres)."
        )
    step = _typical_step(points)
    if len(points) > _MANY and _is_lattice(points, step):
        return step
    if not _is_square_grid(points):
        nearest = _neighbour_distances(points)[:, 0]
        raise DataError(
            "The mask points are not on a square grid: distances to the nearest point are "
            f"{nearest.min():.6g} to {nearest.max():.6g} m "
            f"(median {np.median(nearest):.6g}). Give spacing= (metres) if the coordinates are "
            "only rounded, or cell_area= (km2) "
            "if the points are irregular; do not transform a grid of points between projections, "
            "make it anew."
        )
    return float(np.median(_neighbour_distances(points)[:, 0]))


def _refuse_closer(points: FloatArray, side: float) -> FloatArray:
    nearest = _neighbour_distances(points)[:, 0] if len(points) > 1 else np.array([side])
    if nearest.min() < side * (1 - ROUNDED):
        raise DataError(
            f"A spacing of {side:.6g} m contradicts the mask points: some are only "
            f"{nearest.min():.6g} m apart, so their cells would overlap. "
            "Leave spacing and cell_area out to have them inferred, or correct them."
        )
    return nearest


def _check_spacing(points: FloatArray, side: float, whole_grid: bool) -> None:
    if len(points) > _MANY and _is_lattice(points, side):
        return
    nearest = _refuse_closer(points, side)
    if whole_grid and len(points) > 1 and np.median(nearest) > side * (1 + ROUNDED):
        raise DataError(
            f"A spacing of {side:.6g} m contradicts the mask points: most are "
            f"{np.median(nearest):.6g} m apart, so the cells would leave gaps. "
            "Leave spacing out to have it inferred, or give cell_area= as well if the gaps are "
            "meant."
        )


def as_raster(
    points: FloatArray, spacing: float, values: FloatArray, name: str, units: str
) -> xarray.DataArray:
    """Values of the points on the full grid, dims (y, x), north first; NaN where there is no point.

    Raises
    ------
    DataError
        The grid is not aligned with the axes.
    """
    import xarray

    west, north = points[:, 0].min(), points[:, 1].max()
    steps = (points - [west, north]) / [spacing, -spacing]
    column, row = np.rint(steps).astype(np.int64).T
    aligned = np.abs(steps - np.rint(steps)).max() <= ROUNDED
    if not aligned or len(np.unique(row * (column.max() + 1) + column)) < len(points):
        raise DataError(
            "The cells of this mask are not on a grid aligned with the x and y axes, so they "
            "cannot be a raster. Use to_geodataframe()."
        )
    x = west + spacing * np.arange(column.max() + 1)
    y = north - spacing * np.arange(row.max() + 1)
    grid = np.full((len(y), len(x)), np.nan)
    grid[row, column] = values
    metres = {"units": "m"}
    return xarray.DataArray(
        grid,
        dims=("y", "x"),
        coords={"y": ("y", y, metres), "x": ("x", x, metres)},
        name=name,
        attrs={"units": units},
    )
