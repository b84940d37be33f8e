"""Interactive map of a survey or fit in a web browser, where folium is installed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from secr_nea.errors import CRSError, DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.plot._colours import DENSITY_MAP, INK, spread_colours
from secr_nea.plot._positions import mean_positions
from secr_nea.survey import Survey


def explore(
    thing: Survey | Estimate,
    *,
    survey: str | None = None,
    regions: Any = None,
    tiles: Any = "OpenStreetMap",
) -> Any:
    """Interactive map with exact positions: for your own eyes, never for publication.

    Parameters
    ----------
    thing : Survey or FitResult
        Of a fit the density surface is shown as well.
    survey : str, optional
        Name of the survey, needed when a fit has several.
    regions : GeoDataFrame or vector file, optional
        Borders or protected areas to draw.
    tiles : str or None
        Background as of geopandas' ``explore``; None for none (needs no network).

    Returns
    -------
    folium.Map
        Shows itself in a notebook; ``.save("map.html")`` writes it to a file.

    Raises
    ------
    DataError
        If folium is not installed, or something else is given.
    CRSError
        If the survey has no coordinate reference system.

    Examples
    --------
    >>> import secr_nea as sn
    >>> drawn = sn.plot.explore(sn.datasets.sailugem(), tiles=None)
    """
    try:
        import folium
        import mapclassify  # noqa: F401  (geopandas needs it)
    except ImportError as error:
        raise DataError(
            "The interactive map needs folium and mapclassify: pip install 'secr-nea[explore]'."
        ) from error
    fit = thing if isinstance(thing, Estimate) else None
    if fit is not None:
        item = fit.model.surveys[survey_index(fit, survey)]
    elif isinstance(thing, Survey):
        item = thing
    else:
        raise DataError(f"A Survey or a fit is needed; got {type(thing).__name__}.")
    if item.crs is None:
        raise CRSError("An interactive map needs a CRS; give crs= when reading the traps.")
    drawn = folium.Map(tiles=tiles, control_scale=True)
    if fit is not None and fit.model.has_density and not fit.model.individuals.grouped:
        _add_density(fit, item, drawn)
    if regions is not None:
        _add_regions(regions, item, drawn)
    _add_captures(item, drawn)
    _add_traps(item, drawn)
    west, south, east, north = item.mask.to_geodataframe().to_crs("EPSG:4326").total_bounds
    drawn.fit_bounds([[float(south), float(west)], [float(north), float(east)]])
    folium.LayerControl().add_to(drawn)
    return drawn


def _add_density(fit: Estimate, item: Survey, drawn: Any) -> None:
    from secr_nea.inference.density import point_density

    b = [survey.name for survey in fit.model.surveys].index(item.name)
    cells = item.mask.to_geodataframe()[["geometry"]]
    cells["density per 100 km2"] = point_density(fit, b).value
    cells.explore(
        column="density per 100 km2",
        cmap=DENSITY_MAP,
        m=drawn,
        name="density",
        style_kwds={"stroke": False, "fillOpacity": 0.6},
    )


def _add_regions(regions: Any, item: Survey, drawn: Any) -> None:
    from secr_nea.plot.background import _frame

    shown = _frame(regions).to_crs(item.crs)
    style = {"fill": False, "color": INK, "weight": 2, "dashArray": "8 4"}
    shown.explore(m=drawn, name="regions", style_kwds=style)


def _add_captures(item: Survey, drawn: Any) -> None:
    import geopandas
    import shapely

    history = item.captures
    if not history.n_animals:
        return
    centres = mean_positions(history)
    animal, at, count = history.places
    frame = geopandas.GeoDataFrame(
        {"animal": [history.animal_ids[i] for i in animal], "detections": count.astype(int)},
        geometry=[
            shapely.LineString([centre, place]) if (centre != place).any() else shapely.Point(place)
            for centre, place in zip(centres[animal], at, strict=True)
        ],
        crs=item.crs,
    )
    colours = spread_colours(centres)
    frame["colour"] = [colours[i] for i in animal]
    frame.explore(
        m=drawn,
        name="animals",
        color=frame["colour"].tolist(),
        tooltip=["animal", "detections"],
        popup=False,
        style_kwds={"weight": 2},
    )


def _add_traps(item: Survey, drawn: Any) -> None:
    traps = item.traps
    frame = traps.to_geodataframe()[["trap_id", "geometry"]]
    frame["effort"] = traps.effort.sum(axis=1)
    found = pd.Series(item.captures.count).groupby(item.captures.trap).sum()
    frame["detections"] = found.reindex(range(traps.n_traps), fill_value=0).to_numpy()
    frame.explore(
        m=drawn,
        name="detectors",
        color=INK,
        marker_kwds={"radius": 4},
        style_kwds={"fillOpacity": 0.9},
    )
