"""Searched areas and transects from tables of vertices, GeoPackages and geodata frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from secr_nea import _checks, _columns
from secr_nea._typing import CRSLike
from secr_nea.errors import DataError
from secr_nea.io.csv_text import Table, naming, read_text_table
from secr_nea.io.survey_rows import SESSION, effort_of, one_survey
from secr_nea.searches import AREA, SEARCHES
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas

GEODATA = (".gpkg", ".geojson", ".shp", ".fgb")


def read_searches(
    source: Table | geopandas.GeoDataFrame,
    *,
    detector: str | None = None,
    crs: CRSLike | None = None,
    effort: Table | None = None,
    n_occasions: int | None = None,
    survey: str | None = None,
    survey_column: str = SESSION,
) -> TrapArray:
    """Read the searched areas and transects of one survey.

    Parameters
    ----------
    source : CSV file, DataFrame, GeoDataFrame or file of geodata
        A table of vertices with columns search_id, vertex (1, 2 ... along the border or line), x,
        y (metres), and covariates that are constant within a search; or geodata (GeoPackage,
        GeoJSON, shapefile) with one polygon or line per row, a column search_id, and covariates.
    detector : {"area_search", "transect"}, optional
        What the vertices of a table make. By default a search whose last vertex is its first one
        is an area, any other a transect.
    crs : anything pyproj understands, optional
        Coordinate reference system of a table; geodata have their own.
    effort : CSV file or DataFrame, optional
        Long table with search_id, occasion, effort, as for :func:`read_traps`; 1 by default.
    n_occasions : int, optional
    survey, survey_column
        As for :func:`read_traps`.

    Returns
    -------
    TrapArray
        Join it with cameras by :meth:`TrapArray.joined`.

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with file and row numbers (1 = first data row).
    """
    if detector is not None and detector not in SEARCHES:
        raise DataError(f"detector must be {' or '.join(SEARCHES)}; got {detector!r}.")
    frame = searches_table(source)
    rows = one_survey(frame, survey, survey_column, "searches")
    hours = None
    if effort is not None:
        with naming(effort, "effort"):
            table = read_text_table(effort, "effort")
            hours = one_survey(table, survey, survey_column, "effort")
    own_crs = getattr(frame, "crs", None) if is_geodata(frame) else None
    with naming(source, "searches"):
        return searches_of(rows, detector, own_crs if crs is None else crs, hours, n_occasions)


def searches_table(source: Any) -> Any:
    """Searches of one or several surveys as a table of vertices or a geodata frame.

    Parameters
    ----------
    source : CSV file, DataFrame, GeoDataFrame or file of geodata

    Returns
    -------
    DataFrame or GeoDataFrame
    """
    if isinstance(source, str | Path) and Path(source).suffix.lower() in GEODATA:
        import geopandas

        if not Path(source).is_file():
            raise DataError(f"There is no searches file {str(source)!r}.")
        return geopandas.read_file(source)
    if is_geodata(source):
        return source
    with naming(source, "searches"):
        return read_text_table(source, "searches")


def is_geodata(frame: Any) -> bool:
    """Whether a table has geometries of its own."""
    return hasattr(frame, "geometry") and hasattr(frame, "crs")


def searches_of(
    rows: Any,
    detector: str | None,
    crs: CRSLike | None,
    effort: pd.DataFrame | None,
    n_occasions: int | None,
) -> TrapArray:
    """Searches of one survey from its rows.

    Parameters
    ----------
    rows : DataFrame or GeoDataFrame
    detector : str or None
        What the vertices of a table make.
    crs : anything pyproj understands, or None
    effort : DataFrame or None
        Columns search_id, occasion, effort.
    n_occasions : int or None

    Returns
    -------
    TrapArray
    """
    parts = _geodata(rows) if is_geodata(rows) else _vertices(rows, detector)
    ids, shapes, covariates = parts
    hours = None
    if effort is not None:
        hours = effort_of(effort.rename(columns={"search_id": "trap_id"}), ids, n_occasions)
    return TrapArray.from_searches(
        shapes, ids=ids, effort=hours, n_occasions=n_occasions, covariates=covariates, crs=crs
    )


Parts = tuple[list[str], list[Any], pd.DataFrame]


def _geodata(frame: Any) -> Parts:
    _columns.require_columns(frame, ["search_id"], "searches")
    table = pd.DataFrame(frame.drop(columns=[frame.geometry.name, "search_id"]))
    ids = _columns.id_column(frame, "search_id", "search id")
    return ids, list(frame.geometry), table.reset_index(drop=True)


def _vertices(frame: pd.DataFrame, detector: str | None) -> Parts:
    """Ids, geometries and covariates of a table of vertices, in order of appearance."""
    _columns.require_columns(frame, ["search_id", "x", "y"], "searches")
    named = np.array(_columns.id_column(frame, "search_id", "search id"), dtype=object)
    xy = np.column_stack([_columns.number_column(frame, axis, "searches") for axis in "xy"])
    order = np.arange(len(frame), dtype=np.float64)
    if "vertex" in frame.columns:
        order = _columns.number_column(frame, "vertex", "searches")
    ids = list(dict.fromkeys(named.tolist()))
    shapes = []
    for name in ids:
        own = np.flatnonzero(named == name)
        own = own[np.argsort(order[own], kind="stable")]
        if len(np.unique(order[own])) < len(own):
            raise DataError(f"Search {name!r} has a vertex number twice. Number them 1, 2, 3 ...")
        shapes.append(_shape(name, xy[own], detector))
    numbers = _columns.row_numbers(frame)
    covariates: dict[str, list[Any]] = {}
    for column in frame.columns:
        if column in ("search_id", "vertex", "x", "y"):
            continue
        cells = _columns.typed_covariate(frame[column], numbers).reset_index(drop=True)
        values = [cells[named == name] for name in ids]
        mixed = [name for name, v in zip(ids, values, strict=True) if v.nunique(dropna=False) > 1]
        if mixed:
            raise DataError(
                f"{column} differs between the vertices of search {_checks.listed(mixed)}. A "
                "covariate has one value per search."
            )
        covariates[str(column)] = [v.iloc[0] for v in values]
    return ids, shapes, pd.DataFrame(covariates, index=range(len(ids)))


def _shape(name: str, xy: np.ndarray[Any, Any], detector: str | None) -> Any:
    closed = bool((xy[0] == xy[-1]).all()) and len(xy) > 3
    is_area = closed if detector is None else detector == AREA
    needed = 3 if is_area else 2
    if len(xy) < needed:
        raise DataError(f"Search {name!r} has {len(xy)} vertices; at least {needed} are needed.")
    return shapely.Polygon(xy) if is_area else shapely.LineString(xy)
