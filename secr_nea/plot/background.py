"""What lies under and around a map: borders, protected areas, the relief."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea import _checks, mask_builders
from secr_nea._crs import as_crs, describe
from secr_nea._typing import CRSLike
from secr_nea.errors import CRSError, DataError
from secr_nea.plot._colours import INK
from secr_nea.plot._map_axes import background, draw_cells, finish_map, map_axes

if TYPE_CHECKING:
    import geopandas
    import xarray
    from matplotlib.axes import Axes


def regions(
    polygons: Any,
    *,
    label: str | None = None,
    borders: bool = False,
    crs: CRSLike | None = None,
    like: Any = None,
    colour: str = INK,
    ax: Axes | None = None,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Outlines of protected areas or countries, over whatever the axes show.

    Parameters
    ----------
    polygons : GeoDataFrame, GeoSeries, shapely geometry or vector file
    label : str, optional
        Attribute with the names to write into the polygons.
    borders : bool
        Whether the outlines are borders: dashed, and a line that two polygons share drawn once.
    crs : anything pyproj understands, optional
        Coordinate reference system of the map.
    like : HabitatMask, TrapArray or Survey, optional
        Take the coordinate reference system of the map from it.
    colour : matplotlib colour
    ax : Axes, optional
        Where to draw, keeping its limits; new axes by default.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres.

    Raises
    ------
    DataError
        Nothing to draw, or an unknown attribute.
    CRSError
        Polygons in degrees, or without a CRS where one is asked for.

    Examples
    --------
    >>> import secr_nea as sn
    >>> survey = sn.datasets.sailugem()
    >>> ax = sn.plot.mask(survey.mask, "elevation", label="elevation (m)")
    >>> ax = sn.plot.regions(
    ...     sn.datasets.sailugem_countries(), label="country", borders=True, like=survey, ax=ax
    ... )
    """
    frame = _projected(_frame(polygons), as_crs(crs if like is None else like.crs))
    if label is not None and label not in frame.columns:
        known = [str(name) for name in frame.columns if name != frame.geometry.name]
        raise DataError(
            f"The polygons have no attribute {label!r}{_checks.did_you_mean(label, known)}; they "
            f"have {_checks.listed(known) or 'none'}."
        )
    west, south, east, north = (float(edge) for edge in frame.total_bounds)
    ax = map_axes(ax, (west, south, east, north))
    with background(ax):
        _draw_outlines(ax, frame, borders, colour)
    if label is not None:
        _write_names(ax, frame, label, colour)
    return finish_map(ax, coordinates=coordinates, title=title)


def hillshade(
    elevation: xarray.DataArray,
    *,
    strength: float = 0.5,
    exaggeration: float = 2.0,
    ax: Axes | None = None,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Soft grey relief as the background of a map, lit from the north-west.

    Parameters
    ----------
    elevation : DataArray, dims (y, x), metres
        Coordinates in metres too.
    strength : float
        0 gives white, 1 shadows in black.
    exaggeration : float
        Of heights.
    ax : Axes, optional
        Where to draw, below what is there and keeping its limits; new axes by default. What is
        drawn later decides the limits.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres.

    Raises
    ------
    DataError
        If the array is not a grid over (y, x) in metres, or the strength is not within 0 and 1.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.hillshade(sn.datasets.sailugem_elevation())
    >>> ax = sn.plot.traps(sn.datasets.sailugem(), ax=ax)
    """
    from matplotlib.colors import LightSource

    if not 0.0 <= strength <= 1.0:
        raise DataError(f"strength must lie between 0 and 1; got {strength!r}.")
    grid, step = _grid(elevation)
    heights = np.asarray(grid, dtype=np.float64)
    missing = np.isnan(heights)
    light = LightSource(azdeg=315, altdeg=45)
    filled = np.where(missing, np.nanmean(heights), heights)
    shade = light.hillshade(filled, vert_exag=exaggeration, dx=step, dy=step)
    grey = grid.copy(data=np.where(missing, np.nan, 1.0 - strength * (1.0 - shade)))
    x, y = np.asarray(grid["x"]), np.asarray(grid["y"])
    ax = map_axes(ax, (float(x.min()), float(y.min()), float(x.max()), float(y.max())))
    with background(ax):
        # zorder -1: images of maps have 1
        draw_cells(ax, grey, step, cmap="gray", vmin=0.0, vmax=1.0, zorder=-1.0)
    return finish_map(ax, coordinates=coordinates, title=title)


def _grid(elevation: xarray.DataArray) -> tuple[xarray.DataArray, float]:
    """The heights north first and west first, and the side of a cell in metres."""
    dims = getattr(elevation, "dims", ())
    if tuple(dims) != ("y", "x") or min(np.shape(elevation)) < 2:
        raise DataError(
            f"elevation must be a DataArray with dims (y, x); got {type(elevation).__name__} with "
            f"dims {tuple(dims)}. Take one band: elevation.squeeze('band', drop=True)."
        )
    grid = elevation.sortby("y", ascending=False).sortby("x")
    step = float(np.median(np.diff(grid["x"].to_numpy())))
    if step < 1.0:
        raise DataError(
            f"The cells of elevation are {step:g} wide, which looks like degrees; metres are "
            "needed. Reproject it: elevation.rio.reproject(mask.crs)."
        )
    return grid, step


def _frame(polygons: Any) -> geopandas.GeoDataFrame:
    import geopandas

    if isinstance(polygons, str | os.PathLike):
        polygons = mask_builders.read_layer(polygons, "regions")
    if isinstance(polygons, geopandas.GeoDataFrame):
        frame = polygons
    elif isinstance(polygons, geopandas.GeoSeries):
        frame = geopandas.GeoDataFrame(geometry=polygons)
    else:
        several = polygons if isinstance(polygons, list | tuple) else [polygons]
        frame = geopandas.GeoDataFrame(geometry=list(several))
    frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if not len(frame):
        raise DataError("The regions have no geometry to draw.")
    return frame


def _projected(frame: geopandas.GeoDataFrame, target: Any) -> geopandas.GeoDataFrame:
    if target is not None and frame.crs is None:
        raise CRSError(
            f"The regions have no CRS, so that they cannot be put on a map in {describe(target)}. "
            "Say what they are in: polygons.set_crs(...)."
        )
    if target is not None:
        return frame.to_crs(target)
    if frame.crs is not None and frame.crs.is_geographic:
        raise CRSError(
            f"The regions are in {describe(frame.crs)}, which is in degrees; the map is in metres. "
            "Give like= (the mask or survey of the map) or crs=."
        )
    return frame


def _draw_outlines(ax: Axes, frame: geopandas.GeoDataFrame, borders: bool, colour: str) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke
    from shapely import get_coordinates, get_parts, line_merge, union_all

    outlines = frame.geometry.boundary
    # dashes drawn twice along a shared border would fill each other's gaps
    merged = line_merge(union_all(outlines.to_numpy())) if borders else outlines.to_numpy()
    lines = [get_coordinates(part) for part in get_parts(merged)]
    style: Any = (0, (6, 2, 1, 2)) if borders else "solid"
    drawn = LineCollection(lines, colors=colour, linewidths=1.1, linestyles=style, zorder=3)
    # an outline keeps dark lines in sight on dark maps
    drawn.set_path_effects([withStroke(linewidth=2.4, foreground="white", alpha=0.6)])
    ax.add_collection(drawn)


def _write_names(ax: Axes, frame: geopandas.GeoDataFrame, label: str, colour: str) -> None:
    """Write each name into the part of its polygon that the map shows, at the widest place."""
    from matplotlib.patheffects import withStroke
    from shapely import area, box, get_parts
    from shapely.ops import polylabel

    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    view = box(west, south, east, north)
    for name, shape in zip(frame[label], frame.geometry, strict=True):
        parts = [p for p in get_parts(shape.intersection(view)) if p.geom_type == "Polygon"]
        if not parts or _checks.is_missing(name):
            continue
        largest = max(parts, key=area)
        place = polylabel(largest, tolerance=0.01 * (east - west))
        text = ax.text(
            place.x, place.y, str(name), color=colour, style="italic", ha="center", va="center"
        )
        text.set(zorder=7, clip_on=True, fontsize="small")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white", alpha=0.8)])
