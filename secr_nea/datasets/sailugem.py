"""The example survey: simulated snow leopards on the real terrain of the Sailugem ridge."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from secr_nea import _checks
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas
    import xarray

CRS = "EPSG:32645"
"""WGS 84 / UTM zone 45N, the coordinate reference system of all files."""


def data_path(name: str) -> Path:
    """Where a file of the example data lies, so that it can be read like a file of one's own.

    All animals, cameras and detections in these files are simulated; ``README.md`` among them
    describes every column.

    Parameters
    ----------
    name : str
        ``"cameras.csv"``, ``"detections.csv"``, ``"individuals.csv"``, ``"elevation.tif"``,
        ``"ruggedness.tif"``, ``"countries.geojson"``, ``"truth.json"`` or ``"README.md"``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        If there is no such file; the message lists those there are.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.read_traps(
    ...     sn.datasets.data_path("cameras.csv"), effort_column="effort_days", crs="EPSG:32645"
    ... ).n_traps
    44
    """
    # the package is never run from inside an archive: rasters are opened by their path
    folder = Path(str(resources.files("secr_nea.datasets"))) / "data"
    known = sorted(path.name for path in folder.iterdir() if path.is_file())
    if name not in known:
        raise DataError(
            f"There is no example file {name!r}{_checks.did_you_mean(name, known)}. "
            f"There are {', '.join(known)}."
        )
    return folder / name


def sailugem(spacing: float = 2000.0, buffer: float = 25_000.0) -> Survey:
    """SIMULATED camera-trap survey of snow leopards on the Mongolia-Russia border.

    The terrain and the border are real. The 44 cameras, the 28 animals and their 96 detections are
    simulated (random numbers; see `sailugem_truth`): they show how things work and say nothing
    about snow leopards of the Sailugem ridge.

    Parameters
    ----------
    spacing : float, metres
        Side of a mask cell.
    buffer : float, metres
        How far the mask reaches from the cameras. The rasters end 28 km from the outermost cameras:
        beyond, covariates are missing, with a warning.

    Returns
    -------
    Survey
        One occasion, count detectors with their camera-days as effort. Traps have the covariates
        ``topography`` (canyon, ridge, saddle) and ``country``; animals ``sex``, unknown for three;
        mask points ``elevation`` and ``ruggedness`` (metres), both also standardised
        (``elevation_std``, ``ruggedness_std``), and ``country``. Built once: a second call returns
        the same object.

    Raises
    ------
    DataError
        If spacing or buffer is not a number above 0, or they make an unusable mask.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.datasets.sailugem()
    Survey('Sailugem', 28 animals, 96 detections, 44 traps, 1 occasion, 1,840 mask points)
    """
    return _survey(_checks.positive(spacing, "spacing"), _checks.positive(buffer, "buffer"))


@cache
def _survey(spacing: float, buffer: float) -> Survey:
    """Survey of the files with one of the possible masks."""
    traps = TrapArray.from_dataframe(
        pd.read_csv(data_path("cameras.csv")),
        effort="effort_days",
        detector="count",
        covariates=["topography", "country"],
        crs=CRS,
    )
    captures = CaptureHistory.from_dataframe(
        pd.read_csv(data_path("detections.csv")),
        traps,
        individuals=pd.read_csv(data_path("individuals.csv")),
    )
    mask = (
        HabitatMask.around(traps, buffer=buffer, spacing=spacing)
        .with_covariates(
            # centres of the mask stand on corners of the raster's cells: the mean of the four
            method="linear",
            elevation=data_path("elevation.tif"),
            ruggedness=data_path("ruggedness.tif"),
            country=(sailugem_countries(), "country"),
        )
        .with_scaled("elevation", "ruggedness")
    )
    return Survey(captures, mask, name="Sailugem")


def sailugem_countries() -> geopandas.GeoDataFrame:
    """Mongolia and Russia within the frame of the simulated Sailugem survey.

    The border is that of Natural Earth 1:10m: generalised, and no statement about sovereignty.

    Returns
    -------
    geopandas.GeoDataFrame
        Two rows; the column ``country`` and polygons in EPSG:32645.

    Examples
    --------
    >>> import secr_nea as sn
    >>> list(sn.datasets.sailugem_countries()["country"])
    ['Mongolia', 'Russia']
    """
    import geopandas

    return geopandas.read_file(data_path("countries.geojson"))


def sailugem_elevation() -> xarray.DataArray:
    """Real elevation of the frame of the simulated Sailugem survey (NOAA GLOBE, 500 m cells).

    Returns
    -------
    DataArray, float32, dims (y, x), metres above sea level
        y from north to south, in EPSG:32645.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.datasets.sailugem_elevation().shape
    (192, 266)
    """
    import rioxarray

    opened: Any = rioxarray.open_rasterio(data_path("elevation.tif"), masked=True)
    with opened as bands:
        elevation: xarray.DataArray = bands.squeeze("band", drop=True).load()
    elevation.attrs = {"units": "m", "long_name": "elevation"}
    return elevation.rename("elevation")


def sailugem_truth() -> dict[str, Any]:
    """Parameters that the Sailugem survey was simulated with, and how many animals were alive.

    Returns
    -------
    dict
        As in ``truth.json``: lambda0 per camera-day by topography, sigma in metres, intercept and
        slope of the log density (animals per 100 km2) on ruggedness in metres, and the number of
        simulated animals within 25 km of a camera, also by country.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.datasets.sailugem_truth()["sigma_m"]
    5500.0
    """
    truth: dict[str, Any] = json.loads(data_path("truth.json").read_text(encoding="utf-8"))
    return truth
