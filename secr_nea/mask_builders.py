"""Square grids of habitat cells: around traps, inside polygons and from rasters, as arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyproj
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea import raster_windows as windows
from secr_nea._crs import describe, same_crs
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import CRSError, DataError

if TYPE_CHECKING:
    import xarray

MAX_POINTS = 5_000_000
"""A grid of more centres than this is refused: it is a unit mistake, not a mask."""

ROUND_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


class Traps(Protocol):
    """What a builder needs to know of traps."""

    @property
    def xy(self) -> FloatArray:
        """Coordinates, shape (n_traps, 2), metres."""

    @property
    def crs(self) -> pyproj.CRS | None:
        """Coordinate reference system."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north end, metres."""

    def distance_from(self, xy: ArrayLike) -> FloatArray:
        """Distance from each place to the nearest trap, metres."""


class Captures(Protocol):
    """What a builder needs to know of capture histories."""

    @property
    def traps(self) -> Traps:
        """The traps."""

    @property
    def rpsv(self) -> float:
        """First guess of sigma, metres."""


def traps_and_buffer(source: Any, buffer: float | str) -> tuple[Traps, float]:
    """Traps and the width of the buffer around them, metres.

    ``buffer="auto"`` needs captures: 1.5 x 4 sigma, where sigma is guessed from the spread of each
    animal's detections (`rpsv`), rounded up to two digits. The factor 1.5 is there because that
    guess is too small in small arrays.
    """
    traps: Traps = getattr(source, "traps", source)
    if buffer != "auto":
        if isinstance(buffer, str):
            raise DataError(f"buffer must be a width in metres or 'auto'; got {buffer!r}.")
        return traps, _checks.positive(buffer, "buffer")
    if source is traps:
        raise DataError(
            "buffer='auto' guesses how far animals move from their detections, which traps alone "
            "do not have. "
            "Pass the captures, HabitatMask.around(captures, buffer='auto'), or a width in metres, "
            "about 4 sigma."
        )
    if not source.rpsv > 0:
        raise DataError(
            "buffer='auto' needs at least one animal detected at two traps. Give a width in "
            "metres, about 4 sigma of the species."
        )
    return traps, rounded_up(1.5 * 4 * source.rpsv)


def rounded_up(value: float) -> float:
    """Next number with two digits: 26340 -> 27000."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(math.ceil(value / unit - 1e-9) * unit)


def default_spacing(buffer: float) -> float:
    """Sixteenth of the buffer, rounded to 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 x 10^k metres.

    It is a quarter of sigma when the buffer is 4 sigma.
    """
    wanted = buffer / 16
    unit = 10.0 ** math.floor(math.log10(wanted))
    return float(unit * min(ROUND_STEPS, key=lambda step: abs(step - wanted / unit)))


def grid_centres(bounds: tuple[float, float, float, float], spacing: float) -> FloatArray:
    """Cell centres (i + 0.5) x spacing within bounds (west, south, east, north), shape (n, 2).

    They come row by row from the south-west, and sit at fixed places of the plane whatever the
    bounds, so that masks of neighbouring surveys fit together.
    """
    west, south, east, north = bounds
    columns = np.arange(math.ceil(west / spacing - 0.5), math.floor(east / spacing - 0.5) + 1)
    rows = np.arange(math.ceil(south / spacing - 0.5), math.floor(north / spacing - 0.5) + 1)
    if len(columns) * len(rows) > MAX_POINTS:
        raise DataError(
            f"A spacing of {spacing:g} m over {(east - west) / 1000:,.0f} x "
            f"{(north - south) / 1000:,.0f} km gives "
            f"{len(columns) * len(rows):,} cells, too many. Use a larger spacing or a smaller "
            "buffer, and check that coordinates are metres."
        )
    x, y = np.meshgrid((columns + 0.5) * spacing, (rows + 0.5) * spacing)
    return np.column_stack([x.ravel(), y.ravel()])


def around(traps: Traps, buffer: float, spacing: float, habitat: Any, exclude: Any) -> FloatArray:
    """Centres within ``buffer`` metres of a trap, inside ``habitat``, outside ``exclude``."""
    west, south, east, north = traps.bounds
    centres = grid_centres((west - buffer, south - buffer, east + buffer, north + buffer), spacing)
    if len(centres):
        centres = centres[traps.distance_from(centres) <= buffer]
    if habitat is not None:
        centres = centres[inside(centres, polygon_geometry(habitat, traps.crs, "habitat"))]
    if exclude is not None:
        centres = centres[~inside(centres, polygon_geometry(exclude, traps.crs, "exclude"))]
    if not len(centres):
        raise DataError(
            f"No habitat cell of {spacing:g} m lies within {buffer:g} m of a trap. "
            "Do the habitat polygons and the traps overlap (same projection)? Is the buffer at "
            "least one spacing?"
        )
    return centres


def inside(xy: FloatArray, geometry: Any) -> BoolArray:
    """Which points lie inside a geometry or on its edge, shape (n,)."""
    import shapely

    shapely.prepare(geometry)
    covered: BoolArray = np.asarray(
        shapely.intersects_xy(geometry, xy[:, 0], xy[:, 1]), dtype=np.bool_
    )
    return covered


def polygon_geometry(source: Any, crs: pyproj.CRS | None, what: str) -> Any:
    """One shapely geometry from a vector file, a GeoDataFrame, a GeoSeries or shapely polygons.

    Parameters
    ----------
    source : path, GeoDataFrame, GeoSeries, shapely geometry or list of these
    crs : pyproj.CRS or None
        System of the mask; layers with a CRS are transformed to it. Bare shapely geometries have
        none and are taken to be in it.
    what : str
        For messages: ``habitat``, ``exclude``, ``polygon``.

    Returns
    -------
    shapely.Geometry
        Valid polygon or collection of polygons, in ``crs``.

    Raises
    ------
    DataError
        No readable layer, no polygons.
    CRSError
        One of the two systems is known and the other is not.
    """
    import shapely

    geometry = shapely.union_all(layer_shapes(source, crs, what, "polygons"))
    if geometry.is_empty or geometry.area == 0:
        raise DataError(f"{what} has no polygon with an area in it.")
    return geometry


def layer_shapes(
    source: Any, crs: pyproj.CRS | None, what: str, kinds: str
) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Valid shapely geometries of a layer, in the system of the mask.

    Parameters
    ----------
    source : path, GeoDataFrame, GeoSeries, shapely geometry or list of these
    crs : pyproj.CRS or None
        System of the mask.
    what : str
        For messages: ``habitat``, ``barriers``.
    kinds : str
        What the geometries should be, for messages: ``polygons``.

    Returns
    -------
    object array, shape (n,)

    Raises
    ------
    DataError, CRSError
        As for `polygon_geometry`.
    """
    import geopandas
    import shapely

    if isinstance(source, str | os.PathLike):
        source = read_layer(source, what)
    if isinstance(source, geopandas.GeoDataFrame | geopandas.GeoSeries):
        source = in_crs(source, crs, what).geometry
    shapes = np.atleast_1d(np.asarray(source, dtype=object))
    try:
        if not np.isfinite(shapely.get_coordinates(shapes)).all():
            raise DataError(
                f"{what} has coordinates that are missing or infinite; mend or leave out these "
                "shapes."
            )
        return np.asarray(shapely.make_valid(shapes))
    except TypeError:
        raise DataError(
            f"{what} must be a file, a GeoDataFrame or shapely {kinds}; got "
            f"{type(source).__name__}."
        ) from None


def read_layer(path: Any, what: str) -> Any:
    """GeoDataFrame from a vector file; DataError when there is none."""
    import geopandas

    if not Path(path).exists():
        raise DataError(
            f"{what}: there is no file {os.fspath(path)!r} (looked from {str(Path.cwd())!r})."
        )
    try:
        layer = geopandas.read_file(path)
    except Exception as error:
        raise DataError(
            f"{what}: {os.fspath(path)!r} cannot be read as a vector layer: {error}"
        ) from error
    if not isinstance(layer, geopandas.GeoDataFrame):
        raise DataError(
            f"{what}: {os.fspath(path)!r} is a table without shapes; a map layer is needed "
            "(GeoPackage, GeoJSON, shapefile ...)."
        )
    return layer


def in_crs(layer: Any, crs: pyproj.CRS | None, what: str) -> Any:
    """Geopandas layer transformed to the system of the mask."""
    if layer.crs is None and crs is None:
        return layer
    if layer.crs is None:
        raise CRSError(
            f"{what} has no CRS, while the mask is in {describe(crs)}. Say in which one it is: "
            "layer = layer.set_crs(...)."
        )
    if crs is None:
        raise CRSError(
            f"{what} is in {describe(pyproj.CRS(layer.crs))}, but the CRS of the traps or mask is "
            "not known. Give it: TrapArray(..., crs='EPSG:...')."
        )
    return layer if same_crs(pyproj.CRS(layer.crs), crs) else layer.to_crs(crs)


def raster_cells(
    raster: xarray.DataArray, keep: Callable[[FloatArray], BoolArray] | tuple[float, float] | None
) -> tuple[FloatArray, FloatArray, float]:
    """Centres and values of the raster cells to keep, and their spacing in metres.

    Parameters
    ----------
    raster : DataArray, dims (y, x), projected
    keep : function of the values, cell by cell, (lowest, highest) value, or None
        Which cells are habitat; all with a value when None.

    Returns
    -------
    xy : float64 array, shape (n, 2), metres
    values : float64 array, shape (n,)
    spacing : float, metres
    """
    x, y = raster["x"].to_numpy().astype(np.float64), raster["y"].to_numpy().astype(np.float64)
    spacing = _square_cell(x, y)
    centres, kept = [], []
    low, high = np.inf, -np.inf
    for strip in windows.row_strips(raster):
        values = strip.to_numpy().astype(np.float64)
        known = np.isfinite(values)
        low = min(low, values.min(initial=np.inf, where=known))
        high = max(high, values.max(initial=-np.inf, where=known))
        chosen = known & _kept(values, keep)
        columns, rows = np.meshgrid(x, strip["y"].to_numpy().astype(np.float64))
        centres.append(np.column_stack([columns[chosen], rows[chosen]]))
        kept.append(values[chosen])
    if not sum(map(len, kept)):
        told = f"values {low:g} to {high:g}" if low <= high else "no cell has a value"
        raise DataError(f"No raster cell is kept ({told}, keep={keep!r}).")
    return np.concatenate(centres), np.concatenate(kept), spacing


def _kept(
    values: FloatArray, keep: Callable[[FloatArray], BoolArray] | tuple[float, float] | None
) -> BoolArray:
    """Which cells of a strip of a raster are habitat."""
    if keep is None:
        return np.ones(values.shape, dtype=np.bool_)
    if not callable(keep):
        return np.asarray((values >= keep[0]) & (values <= keep[1]))
    chosen = np.asarray(keep(values), dtype=np.bool_)
    first = values[:1, : max(values.shape[1] // 2, 1)]
    alone = np.asarray(keep(first), dtype=np.bool_)
    if chosen.shape != values.shape or not np.array_equal(alone, chosen[:1, : first.shape[1]]):
        raise DataError(
            "keep must decide cell by cell, as lambda z: z > 3000 does: the raster is read in "
            "parts. Compute a mean or a quantile of the whole raster before, and compare with it."
        )
    return chosen


def _square_cell(x: FloatArray, y: FloatArray) -> float:
    if len(x) < 2 or len(y) < 2:
        raise DataError(f"The raster must have at least 2 x 2 cells; got {len(y)} x {len(x)}.")
    width, height = abs(float(x[-1] - x[0])) / (len(x) - 1), abs(float(y[-1] - y[0])) / (len(y) - 1)
    if not math.isclose(width, height, rel_tol=1e-6):
        raise DataError(
            f"Raster cells must be square; they are {width:g} x {height:g} m. "
            "Resample: raster.rio.reproject(crs, resolution=...) makes square cells."
        )
    return width
