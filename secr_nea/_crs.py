"""Coordinate reference systems: are distances in them true metres, do two of them agree."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pyproj
from pyproj.exceptions import CRSError as ProjCRSError

from secr_nea._checks import warn
from secr_nea._typing import CRSLike, FloatArray
from secr_nea.errors import CRSError

CURE = (
    "Reproject to local metres first, for example with geopandas: "
    "gdf = gdf.to_crs(gdf.estimate_utm_crs())."
)
MAX_STRETCH = 0.10
"""Distances wrong by more than this share are refused ..."""
WARN_STRETCH = 0.02
"""... and by more than this share warned of."""
FAR_OUTSIDE = 10.0
"""Degrees outside a system's area of use from which coordinates are doubted."""


def as_crs(crs: CRSLike | None) -> pyproj.CRS | None:
    """Make a pyproj.CRS of anything that describes one; None stays None."""
    if crs is None:
        return None
    try:
        return pyproj.CRS.from_user_input(crs)
    except ProjCRSError:
        raise CRSError(
            f"{crs!r} does not name a coordinate reference system. Give for example "
            "crs='EPSG:32646'."
        ) from None


@lru_cache(maxsize=64)
def _authority(crs: pyproj.CRS) -> tuple[str, str] | None:
    """Code of a system in a register; the search among all of them takes a tenth of a second."""
    found: tuple[str, str] | None = crs.to_authority()
    return found


def describe(crs: pyproj.CRS | None) -> str:
    """Short name of a coordinate reference system: ``EPSG:32646`` where it has a code."""
    if crs is None:
        return "none"
    authority = _authority(crs)
    return ":".join(authority) if authority else str(crs.name)


def check_metres(xy: FloatArray, crs: pyproj.CRS | None, what: str) -> None:
    """Refuse coordinates between which distances are not metres on the ground.

    Parameters
    ----------
    xy : float64 array, shape (n, 2), finite
    crs : pyproj.CRS or None
    what : str
        What has the coordinates, for messages.

    Raises
    ------
    CRSError
        Degrees, Web Mercator, units other than metres, or a projection that stretches distances by
        more than 10 % where the points lie.
    """
    if crs is not None and crs.is_geographic:
        raise CRSError(
            f"The {what} coordinates are in {describe(crs)}, which is in degrees; metres are "
            f"needed. {CURE}"
        )
    _refuse_degrees_without_crs(xy, crs, what)
    if crs is None:
        return
    _refuse_other_units(crs, what)
    if crs.is_projected:
        _check_stretch(xy, crs, what)


def _refuse_degrees_without_crs(xy: FloatArray, crs: pyproj.CRS | None, what: str) -> None:
    # A custom local projection (no registered area of use) may have its origin inside the array.
    if crs is not None and crs.area_of_use is None:
        return
    looks_like_degrees = (
        len(xy) > 1 and np.abs(xy[:, 0]).max() <= 180 and np.abs(xy[:, 1]).max() <= 90
    )
    if looks_like_degrees:
        raise CRSError(
            f"The {what} coordinates look like degrees (x from {xy[:, 0].min():g} to "
            f"{xy[:, 0].max():g}, "
            f"y from {xy[:, 1].min():g} to {xy[:, 1].max():g}); metres are needed. {CURE}"
        )


def _refuse_other_units(crs: pyproj.CRS, what: str) -> None:
    for axis in crs.axis_info[:2]:
        if not math.isclose(axis.unit_conversion_factor, 1.0, rel_tol=1e-9):
            raise CRSError(
                f"The {what} coordinates are in {describe(crs)}, whose unit is {axis.unit_name}; "
                f"metres are needed. {CURE}"
            )


def _check_stretch(xy: FloatArray, crs: pyproj.CRS, what: str) -> None:
    centre = xy.mean(axis=0)
    geographic = crs.geodetic_crs
    if geographic is None:
        return
    longitude, latitude = pyproj.Transformer.from_crs(crs, geographic, always_xy=True).transform(
        *centre
    )
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise CRSError(
            f"The {what} coordinates (centre x {centre[0]:,.0f}, y {centre[1]:,.0f}) lie outside "
            f"the Earth as {describe(crs)} maps it. "
            "Are x and y swapped, or is the CRS another one?"
        )
    operation = crs.coordinate_operation
    method = operation.method_name if operation is not None else ""
    if "Pseudo Mercator" in method or _authority(crs) == ("EPSG", "3857"):
        raise CRSError(_web_mercator_message(latitude, crs, what))
    factors = pyproj.Proj(crs).get_factors(longitude, latitude)
    stretch = max(factors.tissot_semimajor - 1.0, 1.0 - factors.tissot_semiminor)
    place = f"where the {what} coordinates lie (longitude {longitude:.2f}, latitude {latitude:.2f})"
    doubt = "Is it the right system and zone, and are x and y in the right order?"
    told = f"{describe(crs)} makes distances wrong by up to {stretch:.1%} {place}. {doubt} {CURE}"
    if stretch > MAX_STRETCH:
        raise CRSError(told)
    if stretch > WARN_STRETCH:
        warn(told, stacklevel=5)
    elif _far_outside(longitude, latitude, crs):
        warn(f"{describe(crs)} is not made for the place {place}. {doubt} {CURE}", stacklevel=5)


def _web_mercator_message(latitude: float, crs: pyproj.CRS, what: str) -> str:
    inflation = 1.0 / math.cos(math.radians(latitude)) ** 2
    return (
        f"The {what} coordinates are in {describe(crs)} (Web Mercator), whose metres are not "
        "metres on the ground: at latitude "
        f"{latitude:.1f} areas are inflated 1/cos^2(latitude) = {inflation:.2f} times, and "
        f"densities would be too low by as much. {CURE}"
    )


def _far_outside(longitude: float, latitude: float, crs: pyproj.CRS) -> bool:
    area = crs.area_of_use
    if area is None or area.west > area.east:  # the area crosses the date line
        return False
    inside_longitude = area.west - FAR_OUTSIDE <= longitude <= area.east + FAR_OUTSIDE
    inside_latitude = area.south - FAR_OUTSIDE <= latitude <= area.north + FAR_OUTSIDE
    return not (inside_longitude and inside_latitude)


def same_crs(first: pyproj.CRS, second: pyproj.CRS) -> bool:
    """Tell whether two systems place the same numbers at the same spot."""
    return first == second or first.equals(second, ignore_axis_order=True)
