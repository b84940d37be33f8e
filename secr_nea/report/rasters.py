"""Density surfaces as files for a GIS: GeoTIFF, netCDF and GeoPackage."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from secr_nea import inference
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.io.geo_files import write_geotiff, write_netcdf
from secr_nea.survey import Survey


def file_words(names: Sequence[str]) -> dict[str, str]:
    """A part of a file name for each name: letters, digits, dots and dashes.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    dict of str to str
        All different, also where a file system does not tell cases apart.
    """
    words: dict[str, str] = {}
    for name in names:
        word = re.sub(r"[^\w.-]+", "_", name).strip("._") or "survey"
        taken = {other.casefold() for other in words.values()}
        number, unique = 2, word
        while unique.casefold() in taken:
            unique, number = f"{word}_{number}", number + 1
        words[name] = unique
    return words


def is_raster(survey: Survey) -> bool:
    """Whether the cells of a survey's mask are those of a raster.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    bool
    """
    try:
        survey.mask.to_xarray()
    except DataError:
        return False
    return True


def has_one_surface(estimate: Estimate) -> bool:
    """Whether the model has one density surface a survey: a model of density, and no groups.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    bool
    """
    return estimate.model.has_density and not estimate.model.individuals.grouped


def write_rasters(estimate: Estimate, folder: Path, level: float) -> list[Path]:
    """Density, standard error, interval and CV of each survey as GeoTIFF and netCDF.

    Parameters
    ----------
    estimate : Estimate
    folder : Path
    level : float
        Confidence level of the interval.

    Returns
    -------
    list of Path
        ``density_<survey>.tif``, whose bands are named, and ``density_<survey>.nc``, which also
        says where covariates are beyond what was sampled (with groups
        ``density_<survey>_<group>``); none without a model of density, or for a mask whose cells
        are not those of a raster.
    """
    model = estimate.model
    levels = model.individuals.levels if model.individuals.grouped else ()
    words = file_words([survey.name for survey in model.surveys])
    group_words = file_words(levels)
    written = []
    for survey, group in product(model.surveys, levels or (None,)):
        if not model.has_density or not is_raster(survey):
            continue
        surface = inference.density_surface(estimate, survey=survey.name, group=group, level=level)
        parts = ["density", words[survey.name]]
        parts += [group_words[group]] if group is not None else []
        tif, nc = (folder / f"{'_'.join(parts)}.{ending}" for ending in ("tif", "nc"))
        write_geotiff(surface, tif)
        write_netcdf(surface, nc)
        written += [tif, nc]
    return written


def write_cells(estimate: Estimate, folder: Path, level: float) -> list[Path]:
    """Density of every mask cell as polygons, one layer a survey (and group) in a GeoPackage.

    Parameters
    ----------
    estimate : Estimate
    folder : Path
    level : float
        Confidence level of the interval.

    Returns
    -------
    list of Path
        ``density.gpkg`` with density, se, lower, upper (animals per 100 km2), cv and extrapolated;
        nothing without a model of density.
    """
    model = estimate.model
    if not model.has_density:
        return []
    levels = model.individuals.levels if model.individuals.grouped else ()
    words = file_words([survey.name for survey in model.surveys])
    path = folder / "density.gpkg"
    path.unlink(missing_ok=True)
    for survey, group in product(model.surveys, levels or (None,)):
        cells = survey.mask.to_geodataframe()[["geometry"]]
        table = inference.density_table(estimate, survey=survey.name, group=group, level=level)
        for name in table.columns:
            cells[name] = table[name]
        layer = words[survey.name] if group is None else f"{words[survey.name]}_{group}"
        with warnings.catch_warnings():
            # a survey may have no CRS; the reader of the file is told by its absence
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            cells.to_file(path, layer=layer, driver="GPKG", engine="pyogrio")
    return [path]
