"""Rasters of any size, a window at a time: a file is never read as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.errors import DataError

if TYPE_CHECKING:
    import xarray

CELLS = 4_000_000
"""Cells of a raster that are held in memory at once."""

PLANE = "EPSG:32645"  # any plane, where none is known

Sample = Callable[["xarray.DataArray", FloatArray, FloatArray], FloatArray]


def ascending(raster: xarray.DataArray) -> xarray.DataArray:
    """The raster with both axes ascending, nothing loaded.

    Parameters
    ----------
    raster : DataArray, dims (y, x)

    Returns
    -------
    DataArray, dims (y, x)
    """
    for name in ("x", "y"):
        axis = raster[name].to_numpy()
        if len(axis) > 1 and axis[0] > axis[-1]:
            raster = raster.isel({name: slice(None, None, -1)})
    return raster


def row_strips(raster: xarray.DataArray) -> Iterator[xarray.DataArray]:
    """The raster in strips of whole rows, each loaded for as long as it is looked at.

    Parameters
    ----------
    raster : DataArray, dims (y, x)

    Yields
    ------
    DataArray, dims (y, x)
    """
    height = max(1, CELLS // raster.sizes["x"])
    for start in range(0, raster.sizes["y"], height):
        yield raster.isel(y=slice(start, start + height)).load()


def at_points(raster: xarray.DataArray, x: FloatArray, y: FloatArray, sample: Sample) -> FloatArray:
    """Values at points, from windows that hold the cells around them.

    Parameters
    ----------
    raster : DataArray, dims (y, x), both ascending
    x, y : float64 arrays, shape (n,)
        In the system of the raster.
    sample : function of (window, x, y)
        Values at the points of a window, from no more than their own and the next cells.

    Returns
    -------
    float64 array, shape (n,)
        NaN outside the raster.

    Raises
    ------
    DataError
        If the raster has less than 2 x 2 cells.
    """
    column, inside_x = cell_of(raster["x"].to_numpy(), x)
    row, inside_y = cell_of(raster["y"].to_numpy(), y)
    values = np.full(len(x), np.nan)
    inside = np.flatnonzero(inside_x & inside_y)
    if not len(inside):
        return values
    across = slice(max(int(column[inside].min()) - 1, 0), int(column[inside].max()) + 2)
    strip = row // max(1, CELLS // (across.stop - across.start))
    order = inside[np.argsort(strip[inside], kind="stable")]
    for chosen in np.split(order, np.flatnonzero(np.diff(strip[order])) + 1):
        down = slice(max(int(row[chosen].min()) - 1, 0), int(row[chosen].max()) + 2)
        window = raster.isel(y=down, x=across).load()
        values[chosen] = sample(window, x[chosen], y[chosen])
    return values


def nearest(window: xarray.DataArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Value of the cell that holds each point; NaN outside."""
    column, inside_x = cell_of(window["x"].to_numpy(), x)
    row, inside_y = cell_of(window["y"].to_numpy(), y)
    values = window.to_numpy()[row, column].astype(np.float64)
    return np.where(inside_x & inside_y, values, np.nan)


def linear(window: xarray.DataArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Value between the centres of the four cells around each point; NaN outside."""
    import xarray

    points = {"x": xarray.DataArray(x, dims="point"), "y": xarray.DataArray(y, dims="point")}
    values: FloatArray = window.astype(np.float64).interp(points, method="linear").to_numpy()
    return values


def cell_of(centres: np.ndarray[Any, Any], at: FloatArray) -> tuple[IntArray, BoolArray]:
    """Index of the cell around each place along one ascending axis, and whether there is one."""
    if len(centres) < 2:
        raise DataError("A raster needs at least 2 x 2 cells to be sampled.")
    edges = np.concatenate(
        [
            [1.5 * centres[0] - 0.5 * centres[1]],
            (centres[1:] + centres[:-1]) / 2,
            [1.5 * centres[-1] - 0.5 * centres[-2]],
        ]
    )
    index = np.searchsorted(edges, at, side="right") - 1
    known = np.isfinite(at) & (index >= 0) & (index < len(centres))
    return np.clip(index, 0, len(centres) - 1), known


def within(
    raster: xarray.DataArray, bounds: tuple[float, float, float, float]
) -> xarray.DataArray | None:
    """Part of a raster that covers a rectangle, not loaded; None where there is none.

    Parameters
    ----------
    raster : DataArray, dims (y, x), both ascending
    bounds : left, bottom, right, top
        In the system of the raster.

    Returns
    -------
    DataArray or None
        With two cells to spare on each side.
    """
    parts = {}
    for name, low, high in (("x", bounds[0], bounds[2]), ("y", bounds[1], bounds[3])):
        start, stop = np.searchsorted(raster[name].to_numpy(), [low, high])
        parts[name] = slice(max(int(start) - 2, 0), int(stop) + 2)
    part = raster.isel(parts)
    return part if min(part.sizes.values()) >= 2 else None


def warped(
    part: xarray.DataArray | None,
    cells: xarray.DataArray,
    spacing: float,
    method: str,
    src_crs: Any = PLANE,
    dst_crs: Any = PLANE,
) -> FloatArray:
    """Mean or most frequent value of a raster in each cell of another, by GDAL's warper.

    Parameters
    ----------
    part : DataArray or None
        The raster, both axes ascending; None where there is none.
    cells : DataArray, dims (y, x)
        North first.
    spacing : float, metres
        Side of these cells.
    method : {"mean", "mode"}
    src_crs, dst_crs : anything rasterio understands
        Their systems.

    Returns
    -------
    float64 array, shape of ``cells``
        NaN where the raster has no value.
    """
    from rasterio.enums import Resampling
    from rasterio.transform import from_origin
    from rasterio.warp import reproject

    out = np.full(cells.shape, np.nan)
    if part is None:
        return out
    x, y = part["x"].to_numpy(), part["y"].to_numpy()
    width, height = (x[-1] - x[0]) / (len(x) - 1), (y[-1] - y[0]) / (len(y) - 1)
    own_x, own_y = cells["x"].to_numpy(), cells["y"].to_numpy()
    reproject(
        part.to_numpy().astype(np.float64)[::-1],
        out,
        src_transform=from_origin(x[0] - width / 2.0, y[-1] + height / 2.0, width, height),
        dst_transform=from_origin(
            own_x[0] - spacing / 2.0, own_y[0] + spacing / 2.0, spacing, spacing
        ),
        src_crs=src_crs,
        dst_crs=dst_crs,
        src_nodata=np.nan,
        dst_nodata=np.nan,
        resampling=Resampling.average if method == "mean" else Resampling.mode,
    )
    return out
