"""Candidate sites for cameras, what it takes to walk there, and files for the people who do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea._columns import require_columns
from secr_nea._typing import BoolArray, FloatArray, IntArray, PathLike
from secr_nea.errors import CRSError, DataError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

_BESIDE = 2.0  # cells that a place may be off the terrain
_WRITERS = {".gpx": "GPX", ".kml": "KML", ".gpkg": "GPKG"}


def candidate_sites(
    mask: HabitatMask,
    *,
    effort: ArrayLike = 1.0,
    detector: str = "count",
    keep: Callable[[HabitatMask], ArrayLike] | ArrayLike | None = None,
    prefix: str = "S",
) -> TrapArray:
    """Sites where a camera could stand: the centres of the cells of a mask.

    Parameters
    ----------
    mask : HabitatMask
        Its covariates become those of the sites: country, elevation, hours of walking ...
    effort : float, or array-like of shape (n_points,) or (n_points, n_occasions)
        Effort of a camera at each site.
    detector : str
    keep : bool array of shape (n_points,), or function of the mask that gives one, optional
        Which cells are sites.
    prefix : str
        Beginning of the sites' names.

    Returns
    -------
    TrapArray

    Raises
    ------
    DataError
        If no cell is kept or effort has the wrong shape.
    """
    chosen = keep(mask) if callable(keep) else keep
    work = _checks.numbers(effort, "effort")
    if work.ndim and (work.ndim > 2 or len(work) != mask.n_points):
        raise DataError(
            "effort must be one number, one for each mask point, or one for each mask point and "
            f"occasion: ({mask.n_points},) or ({mask.n_points}, n_occasions); got {work.shape}."
        )
    if not work.ndim:
        work = np.full(mask.n_points, float(work))
    if chosen is not None:
        where = _checks.positions(chosen, mask.n_points, "mask point")
        mask, work = mask.subset(where), work[where]
    width = len(str(mask.n_points))
    return TrapArray(
        mask.xy,
        ids=[f"{prefix}{k + 1:0{width}d}" for k in range(mask.n_points)],
        effort=work,
        detector=detector,
        covariates=mask.covariates,
        crs=mask.crs,
    )


def walking_hours(
    places: ArrayLike,
    mask: HabitatMask,
    start: ArrayLike,
    *,
    elevation: str = "elevation",
    passable: BoolArray | None = None,
) -> FloatArray:
    """Hours of walking to places and back, by the quickest way over the terrain.

    Parameters
    ----------
    places : TrapArray, or array-like of shape (n, 2), metres
    mask : HabitatMask
        Terrain: its cells are walked over, so it should be wider than the habitat where ways are.
    start : array-like, shape (n_starts, 2), metres
        Where one can drive to: roads, camps, passes. The nearest in time counts.
    elevation : str
        Mask covariate, metres.
    passable : bool array, shape (n_points,), optional
        Cells that can be walked through; all by default.

    Returns
    -------
    float64 array, shape (n,), hours
        Missing (NaN) where there is no way or no terrain, so that it can be a covariate of sites.

    Raises
    ------
    DataError
        If the mask has no such covariate, or a start is not on the mask.

    Notes
    -----
    Speed 6 exp(-3.5 abs(slope + 0.05)) km/h with slope = rise / run, over steps between cells up to
    a knight's move apart; there and back differ, as uphill is slower. What cannot be passed must be
    two cells wide.

    References
    ----------
    Tobler, W. (1993) Three presentations on geographical analysis and modeling. NCGIA report 93-1.
    """
    require_columns(mask.covariates, [elevation], "mask covariates")
    height = _checks.numbers(mask.covariates[elevation].to_numpy(), elevation)
    xy = np.asarray(places.xy if isinstance(places, TrapArray) else places, dtype=np.float64)
    begin = _starts(mask, start)
    tree = cKDTree(mask.xy)
    pairs = tree.query_pairs(np.sqrt(5.0) * 1.01 * mask.spacing, output_type="ndarray")
    if passable is not None:
        pairs = pairs[np.asarray(passable)[pairs].all(axis=1)]
    one, two = np.concatenate([pairs, pairs[:, ::-1]]).T
    run = np.hypot(*(mask.xy[one] - mask.xy[two]).T)
    slope = (height[two] - height[one]) / run
    hours = run / 1000.0 / (6.0 * np.exp(-3.5 * np.abs(slope + 0.05)))
    graph = csr_matrix((hours, (one, two)), shape=(mask.n_points, mask.n_points))
    there = dijkstra(graph, indices=begin, min_only=True)
    back = dijkstra(graph.T.tocsr(), indices=begin, min_only=True)
    cell, away = mask.nearest(xy)
    both = there[cell] + back[cell]
    known = np.isfinite(both) & (away <= _BESIDE * mask.spacing)
    return np.asarray(np.where(known, both, np.nan))


def _starts(mask: HabitatMask, start: ArrayLike) -> IntArray:
    """Cells where a walk begins; DataError for a start that is not on the terrain."""
    cell, away = mask.nearest(np.atleast_2d(_checks.numbers(start, "start")))
    far = np.flatnonzero(away > _BESIDE * mask.spacing)
    if far.size:
        km = _checks.listed(np.round(away[far] / 1000.0, 1))
        raise DataError(
            f"start {_checks.rows_listed(far + 1)}: {km} km from the nearest cell of the mask. "
            "Give places on it, in metres and in the system of the mask, or a wider mask."
        )
    return np.unique(cell)


def write_sites(traps: TrapArray, path: PathLike) -> Path:
    """Write places of cameras for a GPS receiver (GPX), a globe (KML) or a GIS (GeoPackage).

    Parameters
    ----------
    traps : TrapArray
        With a CRS.
    path : str or Path
        Ending with ``.gpx``, ``.kml`` or ``.gpkg``. GPX and KML are in longitude and latitude; a
        GeoPackage keeps the CRS and all covariates.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the ending is another, or the folder does not exist.
    CRSError
        If the traps have no CRS.
    """
    target = Path(path)
    driver = _WRITERS.get(target.suffix.lower())
    if driver is None:
        raise DataError(f"{target.name!r}: the ending must be one of {', '.join(_WRITERS)}.")
    if traps.crs is None:
        raise CRSError(
            "These sites have no CRS, so nobody could find them. Give crs= to the traps."
        )
    if not target.absolute().parent.is_dir():
        raise DataError(f"There is no folder {str(target.absolute().parent)!r}; make it first.")
    frame = traps.to_geodataframe()
    if driver != "GPKG":
        frame = frame.to_crs("EPSG:4326")[["trap_id", "geometry"]]
        frame = frame.rename(columns={"trap_id": "name" if driver == "GPX" else "Name"})
    target.unlink(missing_ok=True)
    frame.to_file(target, driver=driver, engine="pyogrio")
    return target
