"""Covariates from terrain: slope, ruggedness, means over a neighbourhood, distance to a feature."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
from scipy import ndimage

from secr_nea import _checks
from secr_nea._crs import describe, same_crs
from secr_nea._typing import CRSLike, FloatArray, PathLike
from secr_nea.errors import CRSError, DataError
from secr_nea.mask_builders import in_crs, read_layer
from secr_nea.mask_covariates import one_band, open_raster, raster_crs

if TYPE_CHECKING:
    import xarray

    from secr_nea.mask import HabitatMask

__all__ = ["distance_to", "focal_mean", "ruggedness", "slope"]


def slope(elevation: PathLike | xarray.DataArray, *, crs: CRSLike | None = None) -> Any:
    """Steepness of the ground.

    Parameters
    ----------
    elevation : raster path or DataArray, dims (y, x), metres
    crs : optional
        Projected system in which it is computed; needed when the raster is in degrees (the CRS of
        the mask, ``mask.crs``).

    Returns
    -------
    DataArray, dims (y, x), degrees
        NaN at the edge of the raster and beside missing cells.

    Raises
    ------
    DataError, CRSError

    Notes
    -----
    Horn, B. K. P. (1981) Hill shading and the reflectance map. Proc. IEEE 69, 14-47.
    """
    raster, width, height = _in_metres(elevation, crs)
    z = raster.to_numpy().astype(np.float64)
    smooth, step = np.array([1.0, 2.0, 1.0]), np.array([-1.0, 0.0, 1.0])
    across = ndimage.correlate(z, np.outer(smooth, step), mode="constant", cval=np.nan)
    along = ndimage.correlate(z, np.outer(step, smooth), mode="constant", cval=np.nan)
    gradient = np.hypot(across / (8.0 * width), along / (8.0 * height))
    return _like(raster, np.degrees(np.arctan(gradient)), "slope", "degrees")


def ruggedness(elevation: PathLike | xarray.DataArray, *, crs: CRSLike | None = None) -> Any:
    """Terrain ruggedness index: root of the summed squared differences to the eight neighbours.

    Parameters
    ----------
    elevation : raster path or DataArray, dims (y, x), metres
    crs : optional
        As for `slope`. The index grows with the cell size: compare rasters of one resolution.

    Returns
    -------
    DataArray, dims (y, x), metres
        NaN at the edge of the raster and beside missing cells.

    Raises
    ------
    DataError, CRSError

    Notes
    -----
    Riley, S. J., DeGloria, S. D. & Elliot, R. (1999) A terrain ruggedness index that quantifies
    topographic heterogeneity. Intermountain Journal of Sciences 5, 23-27.
    """
    raster, _, _ = _in_metres(elevation, crs)
    z = np.pad(raster.to_numpy().astype(np.float64), 1, constant_values=np.nan)
    rows, columns = raster.shape
    centre = z[1:-1, 1:-1]
    total = np.zeros_like(centre)
    for i in range(3):
        for j in range(3):
            total += (z[i : i + rows, j : j + columns] - centre) ** 2
    return _like(raster, np.sqrt(total), "ruggedness", "m")


def focal_mean(
    raster: PathLike | xarray.DataArray, radius: float, *, crs: CRSLike | None = None
) -> Any:
    """Mean over a circle around each cell: a covariate at the scale on which animals choose.

    Parameters
    ----------
    raster : raster path or DataArray, dims (y, x)
    radius : float, metres
    crs : optional
        As for `slope`.

    Returns
    -------
    DataArray, dims (y, x)
        Mean of the cells with a value whose centre is within the radius; NaN where there is none.

    Raises
    ------
    DataError, CRSError
        Also if the radius is less than a cell.
    """
    given, width, height = _in_metres(raster, crs)
    radius = _checks.positive(radius, "radius")
    if radius < min(width, height):
        raise DataError(
            f"radius = {radius:g} m is less than a cell of the raster, {min(width, height):g} m."
        )
    reach_x, reach_y = int(radius // width), int(radius // height)
    y, x = np.ogrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
    window = (((x * width) ** 2 + (y * height) ** 2) <= radius**2).astype(np.float64)
    z = given.to_numpy().astype(np.float64)
    known = np.isfinite(z)
    total, number = _windowed(np.where(known, z, 0.0), window), _windowed(1.0 * known, window)
    mean = np.where(number > 0.5, total / np.maximum(number, 0.5), np.nan)
    return _like(given, mean, str(given.name or "mean"), str(given.attrs.get("units", "")))


def _windowed(values: FloatArray, window: FloatArray) -> FloatArray:
    """Sums over a window, by Fourier transforms: a wide window costs no more than a narrow one."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(values, window, mode="same"))


def distance_to(features: Any, mask: HabitatMask) -> FloatArray:
    """Distance from each mask point to the nearest of some features.

    Parameters
    ----------
    features : path, GeoDataFrame, or shapely geometries
        Rivers, roads, villages, a border. A layer in another CRS is transformed.
    mask : HabitatMask

    Returns
    -------
    float64 array, shape (n_points,), metres
        0 inside polygons. Give it to ``mask.with_covariates(river=...)``.

    Raises
    ------
    DataError, CRSError
    """
    import shapely

    if isinstance(features, str | os.PathLike):
        features = read_layer(features, "features")
    if hasattr(features, "geometry") and hasattr(features, "crs"):
        features = list(in_crs(features, mask.crs, "features").geometry)
    shapes = [g for g in np.atleast_1d(np.asarray(features, dtype=object)) if g is not None]
    if not shapes or all(shape.is_empty for shape in shapes):
        raise DataError("There are no features to measure the distance to.")
    tree = shapely.STRtree(shapes)
    points = shapely.points(mask.xy)
    _, distance = tree.query_nearest(points, return_distance=True, all_matches=False)
    return np.asarray(distance, dtype=np.float64)


def _in_metres(source: Any, crs: CRSLike | None) -> tuple[xarray.DataArray, float, float]:
    """A raster in a projected system, and the width and height of its cells in metres."""
    raster = open_raster(source, "raster") if isinstance(source, str | os.PathLike) else source
    raster = one_band(raster, "raster")
    own = raster_crs(raster)
    wanted = None if crs is None else pyproj.CRS.from_user_input(crs)
    if own is not None and wanted is not None and not same_crs(own, wanted):
        from rasterio.enums import Resampling

        raster = raster.astype(np.float64).rio.write_nodata(np.nan)
        raster = raster.rio.reproject(wanted, resampling=Resampling.bilinear)
        own = wanted
    if own is not None and own.is_geographic:
        raise CRSError(
            f"The raster is in degrees ({describe(own)}); distances need metres. Give crs=, the "
            "projected system of the mask (mask.crs)."
        )
    x, y = raster["x"].to_numpy(), raster["y"].to_numpy()
    if len(x) < 3 or len(y) < 3:
        raise DataError(f"The raster has {len(y)} x {len(x)} cells; at least 3 x 3 are needed.")
    return raster, abs(float(x[1] - x[0])), abs(float(y[1] - y[0]))


def _like(raster: xarray.DataArray, values: FloatArray, name: str, units: str) -> Any:
    """Values on the grid of a raster."""
    import rioxarray  # noqa: F401  (adds .rio)

    made = raster.copy(data=values).rename(name)
    made.attrs = {"units": units}
    made.encoding = {}
    return made if raster.rio.crs is None else made.rio.write_crs(raster.rio.crs)
