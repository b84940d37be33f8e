"""Results for everybody: totals and coarse cells, and nothing that leads to a camera."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import inference
from secr_nea._typing import FloatArray, PathLike
from secr_nea._version import __version__
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import point_density
from secr_nea.likelihood import likelihood_of
from secr_nea.sharing.package import MANIFEST, new_folder
from secr_nea.units import DENSITY_AREA_KM2

if TYPE_CHECKING:
    import geopandas

SMALLEST_CELL = 10_000.0
"""Metres: finer cells would show where cameras stand."""

_REMOVED = (
    "positions, names and dates of cameras",
    "names and histories of animals",
    "habitat mask, its covariates and the density of its cells",
    "coordinates of the survey",
)


def share_public(
    fit: Estimate,
    folder: PathLike,
    *,
    regions: Any = None,
    by: str | None = None,
    cell: float | None = 25_000.0,
    level: float = 0.95,
) -> Path:
    """Write numbers for the public: abundance of regions, and density in coarse cells.

    Parameters
    ----------
    fit : FitResult
    folder : path
        New or empty.
    regions, by
        As ``region`` and ``by`` of `FitResult.abundance`.
    cell : float, metres, or None
        Width of the coarse cells, 10 km at least; None leaves them out, so that only totals of
        regions are told. They lie at fixed places of the plane, whatever was surveyed.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    Path
        The folder: ``abundance.csv``, ``density_cells.csv`` and, with a CRS,
        ``density_cells.geojson``, and ``manifest.json`` that lists what was left out.

    Raises
    ------
    DataError
        If the cells are too small or the folder is not empty.
    """
    if cell is not None and not cell >= SMALLEST_CELL:
        raise DataError(
            f"cell = {cell:g} m is too fine for the public; use at least {SMALLEST_CELL:g} m, or "
            "None for totals only."
        )
    home = new_folder(folder)
    files = ["abundance.csv"]
    table = inference.abundance(fit, region=regions, by=by, level=level)
    table.to_csv(home / files[0], index=False, float_format="%.4g")
    if cell is not None:
        cells = coarse_density(fit, cell)
        files.append("density_cells.csv")
        pd.DataFrame(cells.drop(columns="geometry")).to_csv(
            home / files[-1], index=False, float_format="%.4g"
        )
        if cells.crs is not None:
            files.append("density_cells.geojson")
            cells.to_crs("EPSG:4326").to_file(home / files[-1], driver="GeoJSON")
    manifest = {
        "level": "public",
        "made_by": f"secr_nea {__version__}",
        "files": files,
        "cell_m": cell,
        "removed": list(_REMOVED),
    }
    (home / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return home


def coarse_density(fit: Estimate, cell: float) -> geopandas.GeoDataFrame:
    """Expected animals and density in coarse cells of all surveys.

    Parameters
    ----------
    fit : FitResult
    cell : float, metres
        Width of the cells.

    Returns
    -------
    GeoDataFrame, one row per survey and cell
        Columns: survey, cell (its number), habitat_km2, expected_n, density_per_100km2, geometry.
        Cells of which less than a tenth is habitat are left out.
    """
    import geopandas
    import shapely

    parts = []
    for b, survey in enumerate(fit.model.surveys):
        density = _density(fit, b)
        index = np.floor(survey.mask.xy / cell).astype(np.int64)
        places, which = np.unique(index, axis=0, return_inverse=True)
        area = np.bincount(which.ravel()) * survey.mask.cell_area
        animals = np.bincount(
            which.ravel(), weights=density * survey.mask.cell_area / DENSITY_AREA_KM2
        )
        west, south = (places * cell).T
        frame = geopandas.GeoDataFrame(
            {
                "survey": survey.name,
                "cell": np.arange(1, len(places) + 1),
                "habitat_km2": area,
                "expected_n": animals,
                "density_per_100km2": DENSITY_AREA_KM2 * animals / area,
            },
            geometry=shapely.box(west, south, west + cell, south + cell),
            crs=survey.crs,
        )
        parts.append(frame[area * 1e6 >= 0.1 * cell**2])
    joined = pd.concat(parts, ignore_index=True)
    return geopandas.GeoDataFrame(joined, geometry="geometry", crs=parts[0].crs)


def _density(fit: Estimate, b: int) -> FloatArray:
    """Density at every mask point of a survey, all groups together."""
    populations = likelihood_of(fit.model).of_survey(b)
    return np.asarray(np.sum([point_density(fit, p).value for p in populations], axis=0))
