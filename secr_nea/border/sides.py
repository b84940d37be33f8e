"""Which side of a border a place lies on, and how far it is from there to the other side."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj

from secr_nea import _checks, mask_builders
from secr_nea._crs import describe
from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import CRSError, DataError
from secr_nea.units import square_metres_to_km2

NEAR = 1000.0
"""Metres that a detector may stand outside every country (coarse borders leave slivers)."""


@dataclass(frozen=True, eq=False)
class Sides:
    """The sides of a border, in the coordinate reference system of a survey.

    Parameters
    ----------
    names : tuple of str
    polygons : tuple of shapely geometries
        One for each name, metres.
    crs : pyproj.CRS or None
    """

    names: tuple[str, ...]
    polygons: tuple[Any, ...]
    crs: pyproj.CRS | None

    def of(self, xy: FloatArray, *, near: float = 0.0) -> IntArray:
        """Side of each place.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres
        near : float, metres
            A place outside all sides belongs to the nearest one if that is at most so far.

        Returns
        -------
        int64 array, shape (n,)
            Position in ``names``, -1 for none; on the border the first side counts.
        """
        away = self._distances(xy)
        side = np.argmin(away, axis=1)
        return np.where(away[np.arange(len(xy)), side] <= near, side, -1).astype(np.int64)

    def distance_to_other(self, xy: FloatArray, side: IntArray) -> FloatArray:
        """Distance from each place to the nearest other side.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres
        side : int64 array, shape (n,)
            The side that each place is on.

        Returns
        -------
        float64 array, shape (n,), metres
        """
        away = self._distances(xy)
        away[np.arange(len(xy)), side] = np.inf
        return np.asarray(away.min(axis=1, initial=np.inf))

    def _distances(self, xy: FloatArray) -> FloatArray:
        """Distance of each place to each polygon, shape (n, n_sides), 0 inside."""
        import shapely

        points = shapely.points(np.asarray(xy, dtype=np.float64).reshape(-1, 2))
        for polygon in self.polygons:
            shapely.prepare(polygon)
        columns = [shapely.distance(polygon, points) for polygon in self.polygons]
        return np.column_stack(columns)

    def to_geodataframe(self) -> Any:
        """The sides as polygons with their names in the column ``country``."""
        import geopandas

        return geopandas.GeoDataFrame(
            {"country": list(self.names)}, geometry=list(self.polygons), crs=self.crs
        )


def sides_of(
    countries: Any,
    by: str | None,
    *,
    crs: pyproj.CRS | None,
    extent: tuple[float, float, float, float],
    names: Mapping[str, str] | None = None,
) -> Sides:
    """Sides of a border from polygons of countries, or from the line of the border.

    Parameters
    ----------
    countries : GeoDataFrame, GeoSeries, shapely geometry or vector file
        Polygons with their names, or lines.
    by : str or None
        Attribute of the polygons that names the countries; polygons of one name are one country.
    crs : pyproj.CRS or None
        Coordinate reference system of the survey.
    extent : (west, south, east, north), metres
        Ground that matters: a line must part it.
    names : mapping of str to str, optional
        Other names for the sides, such as ``{"north": "Russia"}`` for a line.

    Returns
    -------
    Sides
        Countries that the extent touches, in the order of the layer.

    Raises
    ------
    DataError
        If there are not two sides at least, or an attribute or a name is not known.
    CRSError
        If only one of layer and survey has a coordinate reference system.
    """
    layer = _layer(countries, crs)
    kinds = set(layer.geometry.geom_type)
    if kinds <= {"LineString", "MultiLineString"}:
        found = _parted(layer, extent)
    elif kinds <= {"Polygon", "MultiPolygon"}:
        found = _named(layer, by, extent)
    else:
        raise DataError(
            f"countries must be polygons, or the lines of a border; got {', '.join(sorted(kinds))}."
        )
    if len(found) < 2:
        raise DataError(
            "A border has two sides, but the mask of the survey touches only "
            f"{_checks.listed(found) or 'none'} of the layer. Are both in the right CRS?"
        )
    return Sides(tuple(_renamed(found, names)), tuple(found.values()), crs)


def _layer(countries: Any, crs: pyproj.CRS | None) -> Any:
    import geopandas
    from shapely.geometry.base import BaseGeometry

    if isinstance(countries, str | os.PathLike):
        countries = mask_builders.read_layer(countries, "countries")
    if isinstance(countries, BaseGeometry):
        countries = geopandas.GeoSeries([countries], crs=crs)
    if isinstance(countries, geopandas.GeoSeries):
        countries = countries.to_frame("geometry").set_geometry("geometry")
    if not isinstance(countries, geopandas.GeoDataFrame):
        raise DataError(
            "countries must be a GeoDataFrame of polygons or of the line of the border, or a "
            f"vector file; got {type(countries).__name__}."
        )
    if (countries.crs is None) != (crs is None):
        raise CRSError(
            f"The CRS of countries is {describe(countries.crs)}, that of the survey "
            f"{describe(crs)}; both must be known, or neither. Set it with .set_crs(...)."
        )
    layer = countries if crs is None else countries.to_crs(crs)
    return layer[~(layer.geometry.isna() | layer.geometry.is_empty)]


def _named(layer: Any, by: str | None, extent: tuple[float, ...]) -> dict[str, Any]:
    """Polygons of each country that the extent touches."""
    import shapely

    columns = [str(name) for name in layer.columns if name != layer.geometry.name]
    if by not in layer.columns:
        known = _checks.listed(columns) or "none"
        raise DataError(
            f"The polygons have no attribute {by!r} with the names of the countries; they have "
            f"{known}. Give by= one of them."
        )
    found: dict[str, list[Any]] = {}
    for name, geometry in zip(layer[by], layer.geometry, strict=True):
        key = "" if _checks.is_missing(name) else str(name)
        found.setdefault(key, []).append(geometry)
    ground = shapely.box(*extent)
    whole = {name: shapely.union_all(parts) for name, parts in found.items()}
    touched = {name: shape for name, shape in whole.items() if shape.intersects(ground)}
    if "" in touched:
        raise DataError(
            f"The attribute {by!r} is empty for a polygon that the survey touches. Give it the "
            "name of its country, or leave it out of the layer."
        )
    _warn_of_overlap({name: shape.intersection(ground) for name, shape in touched.items()})
    return touched


def _warn_of_overlap(shapes: Mapping[str, Any]) -> None:
    """Warn of ground that belongs to two countries by more than a sliver along their border."""
    for (one, a), (other, b) in itertools.combinations(shapes.items(), 2):
        both = a.intersection(b)
        if not both.buffer(-NEAR).is_empty:
            _checks.warn(
                f"{one} and {other} overlap by {square_metres_to_km2(both.area):,.0f} km2 in the "
                f"layer; that ground is counted as {one}. "
                "Mend the layer.",
                stacklevel=6,
            )


def _parted(layer: Any, extent: tuple[float, ...]) -> dict[str, Any]:
    """The two sides of a line across the extent, named by where they lie."""
    import shapely

    west, south, east, north = extent
    margin = 0.05 * max(east - west, north - south)
    frame = shapely.box(west - margin, south - margin, east + margin, north + margin)
    lines = shapely.union_all([frame.boundary, layer.geometry.union_all().intersection(frame)])
    pieces = sorted(shapely.get_parts(shapely.polygonize([lines])), key=lambda p: -p.area)
    pieces = [part for p in pieces for part in shapely.get_parts(p)]
    pieces.sort(key=lambda p: -p.area)
    # bends of a line along the frame cut off crumbs
    large = [piece for piece in pieces if piece.area > 0.01 * frame.area]
    if len(large) != 2:
        raise DataError(
            f"The line must part the mask of the survey into two sides; it makes {len(large)}. "
            "Let it run right across the mask, or give polygons of the countries."
        )
    crumbs = [piece for piece in pieces if piece.area <= 0.01 * frame.area]
    first, second = (p.centroid for p in large)
    along = abs(first.x - second.x) > abs(first.y - second.y)
    words = ("west", "east") if along else ("south", "north")
    large.sort(key=lambda p: p.centroid.x if along else p.centroid.y)
    sides = dict(zip(words, large, strict=True))
    for crumb in crumbs:
        # the nearest side that it does not touch along the line
        opposite = max(sides, key=lambda word: sides[word].boundary.intersection(crumb).length)
        other = next(word for word in sides if word != opposite)
        sides[other] = sides[other].union(crumb)
    return sides


def _renamed(found: Mapping[str, Any], names: Mapping[str, str] | None) -> list[str]:
    unknown = [name for name in names or {} if name not in found]
    if unknown:
        raise DataError(
            f"names: there is no side {unknown[0]!r}{_checks.did_you_mean(unknown[0], found)}; "
            f"there are {', '.join(found)}."
        )
    renamed = [(names or {}).get(name, name) for name in found]
    return list(_checks.names(renamed, "country"))
