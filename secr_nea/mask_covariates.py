"""Values of rasters and polygon layers at the centres of mask cells."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj

from secr_nea import _checks, _columns
from secr_nea import raster_windows as windows
from secr_nea._crs import describe
from secr_nea._typing import FloatArray
from secr_nea.errors import CRSError, DataError
from secr_nea.mask_builders import in_crs, read_layer
from secr_nea.mask_grid import as_raster

if TYPE_CHECKING:
    import xarray

METHODS = ("nearest", "linear", "mean", "mode")
"""How a raster is read: the cell at the centre, between cells, or all cells within a mask cell."""


def values_at(
    xy: FloatArray,
    crs: pyproj.CRS | None,
    source: Any,
    name: str,
    method: str,
    spacing: float,
) -> np.ndarray[Any, Any]:
    """Values of a source at points.

    Parameters
    ----------
    xy : float64 array, shape (n_points, 2), metres
    crs : pyproj.CRS or None
        System of the points.
    source : raster path, DataArray, (vector path or GeoDataFrame, column), or array of n_points
    values name : str
        Name of the covariate, for messages.
    method : {"nearest", "linear", "mean", "mode"}
        How rasters are read: the raster cell that holds the point, between raster cells, or the
        mean or the most frequent value of all raster cells in the mask cell.
    spacing : float, metres
        Width of the mask cells.

    Returns
    -------
    array, shape (n_points,)
        Missing (NaN) outside the source.

    Raises
    ------
    DataError, CRSError
        Unreadable sources, wrong lengths, systems that are not known.
    """
    import xarray

    if method not in METHODS:
        raise DataError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if isinstance(source, str | os.PathLike):
        source = open_raster(source, name)
    if isinstance(source, xarray.DataArray):
        return _raster_at(xy, crs, source, name, method, spacing)
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], str):
        return _layer_at(xy, crs, source[0], source[1], name)
    values = np.asarray(source)
    if values.shape != (len(xy),):
        raise DataError(
            f"Covariate {name!r} must have one value per mask point, shape ({len(xy)},); got "
            f"{values.shape}."
        )
    return values


def open_raster(path: Any, name: str) -> xarray.DataArray:
    """First band of a raster file, masked where it has no data; dims (y, x)."""
    import rioxarray

    if not Path(path).exists():
        raise DataError(
            f"{name}: there is no file {os.fspath(path)!r} (looked from {str(Path.cwd())!r})."
        )
    try:
        raster: Any = rioxarray.open_rasterio(path, masked=True)
    except Exception as error:
        raise DataError(
            f"{name}: {os.fspath(path)!r} cannot be read as a raster: {error}"
        ) from error
    return one_band(raster, name)


def one_band(raster: xarray.DataArray, name: str) -> xarray.DataArray:
    """The raster with dims (y, x); DataError when there are several bands or other axes."""
    if "band" in raster.dims and raster.sizes["band"] == 1:
        raster = raster.squeeze("band", drop=True)
    if set(raster.dims) != {"x", "y"}:
        raise DataError(
            f"{name}: a raster with the dims y and x is needed; got "
            f"{tuple(map(str, raster.dims))}. Choose one band: raster.sel(band=1)."
        )
    return raster.transpose("y", "x")


def raster_crs(raster: xarray.DataArray) -> pyproj.CRS | None:
    """Coordinate reference system written in a raster, if any."""
    import rioxarray  # noqa: F401  (adds .rio)

    return None if raster.rio.crs is None else pyproj.CRS.from_user_input(raster.rio.crs)


def _raster_at(
    xy: FloatArray,
    crs: pyproj.CRS | None,
    raster: xarray.DataArray,
    name: str,
    method: str,
    spacing: float,
) -> FloatArray:
    raster = windows.ascending(one_band(raster, name))
    x, y = _in_raster_crs(xy, crs, raster_crs(raster), name)
    if method in ("mean", "mode"):
        values = _within_cells(xy, crs, raster, spacing, method)
    else:
        sample = windows.nearest if method == "nearest" else windows.linear
        values = windows.at_points(raster, x, y, sample)
    missing = int(np.isnan(values).sum())
    if missing == len(values):
        raise DataError(
            f"Covariate {name!r}: the raster has no value at any of the {len(values)} mask points. "
            "Do they overlap (same area, same CRS)?"
        )
    if missing:
        _checks.warn(
            f"Covariate {name!r}: the raster has no value at {missing} of {len(values)} mask "
            "points; they are missing (NaN).",
            stacklevel=5,
        )
    return values


def _in_raster_crs(
    xy: FloatArray, crs: pyproj.CRS | None, target: pyproj.CRS | None, name: str
) -> tuple[FloatArray, FloatArray]:
    if (crs is None) != (target is None):
        raise CRSError(
            f"Covariate {name!r}: the CRS of the {'mask' if crs is None else 'raster'} is not "
            f"known (mask: {describe(crs)}, raster: {describe(target)}). "
            "Give the mask crs=..., or the raster raster.rio.write_crs(...)."
        )
    if crs is None or target is None:
        return xy[:, 0], xy[:, 1]
    x, y = pyproj.Transformer.from_crs(crs, target, always_xy=True).transform(xy[:, 0], xy[:, 1])
    return np.asarray(x), np.asarray(y)


def _within_cells(
    xy: FloatArray, crs: pyproj.CRS | None, raster: xarray.DataArray, spacing: float, method: str
) -> FloatArray:
    """Mean or most frequent value of the raster cells in each mask cell, by GDAL's warper."""
    template = as_raster(xy, spacing, np.ones(len(xy)), "mask", "1")
    # Without any CRS both are in the same plane; the warper only needs one name for it.
    systems = {"src_crs": raster_crs(raster), "dst_crs": crs} if crs is not None else {}
    values = []
    for strip in _strips(template, spacing, crs, raster):
        part = windows.within(raster, _bounds(strip, spacing, crs, raster))
        values.append(windows.warped(part, strip, spacing, method, **systems))
    cells = template.copy(data=np.concatenate(values))
    return windows.nearest(windows.ascending(cells), xy[:, 0], xy[:, 1])


def _strips(
    template: xarray.DataArray, spacing: float, crs: pyproj.CRS | None, raster: xarray.DataArray
) -> list[xarray.DataArray]:
    """The raster of a mask in strips of rows, each over not too many cells of another raster."""
    below = windows.within(raster, _bounds(template, spacing, crs, raster))
    wanted = 1 if below is None else -(-below.size // windows.CELLS)
    number = min(wanted, template.sizes["y"])
    edges = np.linspace(0, template.sizes["y"], number + 1).astype(int).tolist()
    return [template.isel(y=slice(low, high)) for low, high in pairwise(edges)]


def _bounds(
    cells: xarray.DataArray, spacing: float, crs: pyproj.CRS | None, raster: xarray.DataArray
) -> tuple[float, float, float, float]:
    """Rectangle in the system of a raster that holds the cells of another."""
    half = spacing / 2.0
    x, y = cells["x"].to_numpy(), cells["y"].to_numpy()
    corners = (x.min() - half, y.min() - half, x.max() + half, y.max() + half)
    target = raster_crs(raster)
    if crs is None or target is None:
        return corners
    turn = pyproj.Transformer.from_crs(crs, target, always_xy=True)
    left, bottom, right, top = turn.transform_bounds(*corners)
    return left, bottom, right, top


def _layer_at(
    xy: FloatArray, crs: pyproj.CRS | None, layer: Any, column: str, name: str
) -> np.ndarray[Any, Any]:
    """Value of ``column`` of the first polygon that covers each point; missing outside."""
    import shapely

    layer = read_layer(layer, name) if isinstance(layer, str | os.PathLike) else layer
    if column not in layer.columns:
        raise DataError(
            f"Covariate {name!r}: the layer has no column "
            f"{column!r}{_checks.did_you_mean(column, map(str, layer.columns))}."
        )
    layer = in_crs(layer, crs, f"The layer of covariate {name!r}")
    tree = shapely.STRtree(np.asarray(layer.geometry))
    point, polygon = tree.query(shapely.points(xy), predicate="intersects")
    first: dict[int, int] = {}
    for p, g in sorted(zip(point.tolist(), polygon.tolist(), strict=True)):
        first.setdefault(p, g)
    found = layer[column].reset_index(drop=True).reindex([first.get(m, -1) for m in range(len(xy))])
    outside = len(xy) - len(first)
    if outside == len(xy):
        raise DataError(
            f"Covariate {name!r}: no mask point lies in any of the {len(layer)} polygons. Do they "
            "overlap (same area, same CRS)?"
        )
    if outside:
        _checks.warn(
            f"Covariate {name!r}: {outside} of {len(xy)} mask points lie in no polygon; they are "
            "missing (NaN).",
            stacklevel=5,
        )
    return np.asarray(found)


def standardised(covariates: pd.DataFrame, name: str) -> tuple[FloatArray, float, float]:
    """Covariate minus its mean over its standard deviation, shape (n_points,), and these two."""
    _columns.require_columns(covariates, [name], "mask covariates")
    if _checks.is_categorical(covariates[name]):
        raise DataError(f"Mask covariate {name!r} is a factor; only numbers can be standardised.")
    values = covariates[name].to_numpy(dtype=np.float64)
    known = values[~np.isnan(values)]
    sd = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    if not sd > 0:
        raise DataError(
            f"Mask covariate {name!r} does not vary over the mask; it cannot be standardised or "
            "explain density."
        )
    mean = float(known.mean())
    return (values - mean) / sd, mean, sd
