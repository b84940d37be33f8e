"""Values of rasters and polygon layers at the centres of mask cells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj

from secr_nea import _checks, _columns
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
    raster = one_band(raster, name).sortby(["x", "y"])
    x, y = _in_raster_crs(xy, crs, raster_crs(raster), name)
    if method in ("mean", "mode"):
        values = _within_cells(xy, crs, raster, spacing, method)
    else:
        values = _nearest(raster, x, y) if method == "nearest" else _linear(raster, x, y)
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


def _nearest(raster: xarray.DataArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Value of the raster cell that holds each point; NaN outside the raster."""
    column, inside_x = _cell(raster["x"].to_numpy(), x)
    row, inside_y = _cell(raster["y"].to_numpy(), y)
    # vectorised picking reads only the cells that are needed from a lazily opened file
    import xarray

    picked = raster.isel(
        x=xarray.DataArray(column, dims="point"), y=xarray.DataArray(row, dims="point")
    )
    values = picked.to_numpy().astype(np.float64)
    return np.where(inside_x & inside_y, values, np.nan)


def _cell(
    centres: np.ndarray[Any, Any], at: FloatArray
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
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


def _within_cells(
    xy: FloatArray, crs: pyproj.CRS | None, raster: xarray.DataArray, spacing: float, method: str
) -> FloatArray:
    """Mean or most frequent value of the raster cells in each mask cell, by GDAL's warper."""
    import rioxarray  # noqa: F401  (adds .rio)
    from rasterio.enums import Resampling

    template = as_raster(xy, spacing, np.ones(len(xy)), "mask", "1")
    # Without any CRS both are in the same plane; the warper only needs one name for it.
    plane = "EPSG:32645" if crs is None else crs
    given = raster.astype(np.float64).sortby("y", ascending=False)
    given = given.rio.write_crs(plane if crs is None else raster_crs(raster)).rio.write_nodata(
        np.nan
    )
    how = Resampling.average if method == "mean" else Resampling.mode
    cells = given.rio.reproject_match(template.rio.write_crs(plane), resampling=how)
    cells = cells.assign_coords(x=template["x"], y=template["y"])
    return _nearest(cells.sortby(["x", "y"]), xy[:, 0], xy[:, 1])


def _linear(raster: xarray.DataArray, x: FloatArray, y: FloatArray) -> FloatArray:
    import xarray

    points = {"x": xarray.DataArray(x, dims="point"), "y": xarray.DataArray(y, dims="point")}
    values: FloatArray = raster.astype(np.float64).interp(points, method="linear").to_numpy()
    return values


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
