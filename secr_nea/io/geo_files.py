"""Maps for a GIS: GeoPackage of traps, detections, mask and density; GeoTIFF and netCDF."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks, inference
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.io.field_tables import FieldTables
from secr_nea.survey import Survey, as_surveys

if TYPE_CHECKING:
    import geopandas
    import xarray


def write_geopackage(path: PathLike, what: Any) -> Path:
    """Write surveys, a fit, field tables or named layers to one GeoPackage.

    Parameters
    ----------
    path : .gpkg file
        Replaced when it exists.
    what : Survey, sequence of Survey, fit, FieldTables, or mapping of layer name to GeoDataFrame
        Surveys give the layers traps, detections and mask, with a column session; a fit also the
        layer density (animals per 100 km2, with standard error, interval and CV).

    Returns
    -------
    Path

    Raises
    ------
    DataError
        Another ending, nothing to write, a place that cannot be written, surveys in different
        projections.
    """
    file = Path(path)
    if file.suffix.lower() != ".gpkg":
        raise DataError(f"A GeoPackage ends in .gpkg; got {file.name!r}.")
    layers = _layers(what)
    if not layers:
        raise DataError("There is no layer to write.")
    nowhere = [name for name, frame in layers.items() if len(frame) and frame.crs is None]
    if nowhere:
        _checks.warn(
            f"{file.name}: the CRS of {_checks.listed(nowhere)} is not known, so a GIS cannot "
            "place them. Give crs= where the coordinates are read."
        )
    try:
        file.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            for name, frame in layers.items():
                if len(frame):
                    _storable(frame).to_file(file, layer=name, driver="GPKG")
    except (OSError, RuntimeError) as error:
        raise DataError(f"{str(path)!r} cannot be written: {error}.") from error
    return file


def _layers(what: Any) -> dict[str, geopandas.GeoDataFrame]:
    if isinstance(what, Mapping):
        return dict(what)
    if isinstance(what, FieldTables):
        return {"traps": what.to_geodataframe()}
    fit = what if isinstance(what, Estimate) else None
    surveys = as_surveys(fit.model.surveys if fit is not None else what)
    layers = {
        "traps": _together([_named(s.traps.to_geodataframe(), s) for s in surveys]),
        "detections": _together([_named(_detections(s), s) for s in surveys]),
        "mask": _together([_named(s.mask.to_geodataframe(), s) for s in surveys]),
    }
    if fit is not None and "D" in fit.model.parameters and not fit.model.individuals.grouped:
        layers["density"] = _together([_density(fit, s) for s in surveys])
    return layers


def _named(frame: Any, survey: Survey) -> Any:
    frame = frame.drop(columns="session", errors="ignore")
    frame.insert(0, "session", survey.name)
    return frame


def _together(frames: list[Any]) -> Any:
    import geopandas

    systems = {str(frame.crs) for frame in frames}
    if len(systems) > 1:
        raise DataError(
            f"The surveys are in different systems ({_checks.listed(systems)}); write one "
            "GeoPackage for each."
        )
    crs = frames[0].crs
    return geopandas.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs)


def _detections(survey: Survey) -> Any:
    """Points of the detections, with what is known of the animals."""
    import geopandas

    captures = survey.captures
    frame = captures.to_dataframe()
    if not {"x", "y"} <= set(frame.columns):
        at = dict(zip(survey.traps.ids, survey.traps.xy.tolist(), strict=True))
        places = np.array([at[name] for name in frame["trap_id"]], dtype=float).reshape(-1, 2)
        frame["x"], frame["y"] = places[:, 0], places[:, 1]
    frame = frame.merge(captures.individuals(), on="animal_id", how="left")
    points = geopandas.points_from_xy(frame["x"], frame["y"])
    return geopandas.GeoDataFrame(frame, geometry=points, crs=survey.traps.crs)


def _density(fit: Estimate, survey: Survey) -> Any:
    """Mask cells with the density in them."""
    surface = inference.density_surface(fit, survey=survey.name)
    frame = _named(survey.mask.to_geodataframe()[["x", "y", "geometry"]], survey)
    for name in surface.data_vars:
        if surface[name].dims == ("y", "x"):
            picked = surface[name].sel(
                x=_along(survey.mask.xy[:, 0]),
                y=_along(survey.mask.xy[:, 1]),
                method="nearest",
            )
            frame[str(name)] = np.asarray(picked).astype(float)
    return frame


def _along(values: Any) -> Any:
    import xarray

    return xarray.DataArray(values, dims="cell")


def _storable(frame: Any) -> Any:
    """Columns that a GeoPackage holds: numbers, text, times."""
    frame = frame.copy()
    for name in frame.columns:
        if name != frame.geometry.name and frame[name].dtype == object:
            frame[name] = [None if _checks.is_missing(v) else str(v) for v in frame[name]]
    return frame


def write_geotiff(surface: xarray.Dataset | xarray.DataArray, path: PathLike) -> Path:
    """Write a surface as GeoTIFF, one named band for each of its variables.

    Parameters
    ----------
    surface : Dataset or DataArray, dims (y, x)
        Such as ``fit.density_surface()`` or ``mask.to_xarray("elevation")``.
    path : .tif file

    Returns
    -------
    Path

    Raises
    ------
    DataError
        A place that cannot be written.
    """
    import rioxarray  # noqa: F401  (adds .rio)

    given: Any = surface
    if hasattr(given, "data_vars"):
        flags = [name for name in given.data_vars if given[name].dtype == bool]
        given = given.drop_vars(flags)
    try:
        given.astype("float32").rio.to_raster(path, compress="deflate")
    except (OSError, RuntimeError) as error:
        raise DataError(f"{str(path)!r} cannot be written: {error}.") from error
    return Path(path)


def write_netcdf(surface: xarray.Dataset | xarray.DataArray, path: PathLike) -> Path:
    """Write a surface as netCDF 4 with its coordinate reference system.

    Parameters
    ----------
    surface : Dataset or DataArray
    path : .nc file

    Returns
    -------
    Path

    Raises
    ------
    DataError
        A place that cannot be written.
    """
    try:
        surface.to_netcdf(path, engine="h5netcdf")
    except (OSError, RuntimeError) as error:
        raise DataError(f"{str(path)!r} cannot be written: {error}.") from error
    return Path(path)
