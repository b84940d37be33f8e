"""Which points of a mask belong to which region: polygons, an attribute of them, or a covariate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._checks import is_categorical, is_missing, warn
from secr_nea._typing import BoolArray
from secr_nea.errors import CRSError, DataError
from secr_nea.mask import HabitatMask

if TYPE_CHECKING:
    import geopandas

WHOLE = "whole mask"


def region_points(
    mask: HabitatMask, region: Any, by: str | None = None, *, some: bool = True
) -> dict[str, BoolArray]:
    """Points of each region.

    Parameters
    ----------
    mask : HabitatMask
    region : None, str, path, GeoDataFrame, GeoSeries, shapely geometry or mapping
        None for the whole mask; the name of a categorical mask covariate; polygons; or which points
        belong to each region, a mapping of name to bool array of shape (n_points,).
    by : str, optional
        Attribute of the polygons that names the regions; polygons with the same value are one
        region. Without it all polygons are one region.
    some : bool
        Whether it is an error that no point lies in any region.

    Returns
    -------
    dict of str to bool array, shape (n_points,)
        A point belongs to a region when its centre lies inside or on the edge.

    Raises
    ------
    DataError, CRSError
        If a region holds no point of the mask, the attribute is missing, or the CRS is unknown.
    """
    if region is None:
        return {WHOLE: np.ones(mask.n_points, dtype=bool)}
    if isinstance(region, Mapping):
        return _given(mask, region)
    if isinstance(region, str) and region in mask.covariates:
        if not is_categorical(mask.covariates[region]):
            raise DataError(
                f"The mask covariate {region!r} is numeric; regions need names. Make it text."
            )
        values = mask.covariates[region].astype(object)
        levels = sorted({str(v) for v in values.dropna()})
        return {level: (values == level).to_numpy(dtype=bool) for level in levels}
    polygons = _polygons(mask, region)
    columns = [str(c) for c in polygons.columns if c != polygons.geometry.name]
    if by is not None and by not in polygons.columns:
        raise DataError(
            f"The regions have no attribute {by!r}; they have {', '.join(columns) or 'none'}."
        )
    if by is None and len(polygons) > 1 and columns:
        warn(
            f"The {len(polygons)} polygons are taken as one region; for a row each give by= one "
            f"of their attributes: {', '.join(columns)}.",
            stacklevel=4,
        )
    names = ["region"] * len(polygons)
    if by is not None:
        names = ["" if is_missing(name) else str(name) for name in polygons[by]]
    found = _points_inside(mask, polygons, names)
    if found.pop("", np.zeros(0)).any():
        raise DataError(
            f"The attribute {by!r} is empty for a polygon that holds points of the mask. Give it a "
            "name, or leave it out of the layer."
        )
    empty = [name for name, inside in found.items() if not inside.any()]
    if some and len(empty) == len(found):
        raise DataError(
            "No point of the mask lies in any of the regions. Are both in the right CRS?"
        )
    return {name: inside for name, inside in found.items() if name not in empty}


def _given(mask: HabitatMask, region: Mapping[Any, Any]) -> dict[str, BoolArray]:
    """Regions whose points are told one by one."""
    found = {str(name): np.asarray(inside) for name, inside in region.items()}
    for name, inside in found.items():
        if inside.shape != (mask.n_points,) or inside.dtype != np.bool_:
            raise DataError(
                f"Region {name!r} must be a bool array with one value per mask point, shape "
                f"({mask.n_points},); got {inside.dtype} of shape {inside.shape}."
            )
    found = {name: inside for name, inside in found.items() if inside.any()}
    if not found:
        raise DataError("No point of the mask lies in any of the regions.")
    return found


def _polygons(mask: HabitatMask, region: Any) -> geopandas.GeoDataFrame:
    """The regions as a GeoDataFrame in the CRS of the mask."""
    import geopandas
    from shapely.geometry.base import BaseGeometry

    if isinstance(region, str | Path):
        if not Path(region).exists():
            raise DataError(
                f"{str(region)!r} is neither a file nor a covariate of the mask "
                f"({', '.join(map(str, mask.covariates)) or 'it has none'})."
            )
        region = geopandas.read_file(region)
    if isinstance(region, BaseGeometry):
        return geopandas.GeoDataFrame(geometry=[region], crs=mask.crs)
    if isinstance(region, geopandas.GeoSeries):
        region = region.to_frame("geometry")
    if not isinstance(region, geopandas.GeoDataFrame):
        raise DataError(
            f"region must be polygons (GeoDataFrame, file, geometry) or the name of a mask "
            f"covariate; got {type(region).__name__}."
        )
    if (region.crs is None) != (mask.crs is None):
        raise CRSError(
            "The CRS of the regions and of the mask must both be known (or both unknown): the "
            f"regions have {region.crs}, the mask {mask.crs}. Set it with .set_crs(...)."
        )
    return region if mask.crs is None else region.to_crs(mask.crs)


def _points_inside(
    mask: HabitatMask, polygons: geopandas.GeoDataFrame, names: list[str]
) -> dict[str, BoolArray]:
    import shapely

    points = shapely.points(mask.xy)
    found: dict[str, BoolArray] = {}
    for name, geometry in zip(names, polygons.geometry, strict=True):
        shapely.prepare(geometry)
        inside = shapely.intersects(geometry, points)
        found[name] = found[name] | inside if name in found else inside
    return found
