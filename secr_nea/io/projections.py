"""Metres from degrees: a local projection centred on the array, chosen and named.

Nobody is asked for a zone: zones split mountain ranges (46/47 the Sayan, 45/46 Chikhachev). The
local projection is Lambert's azimuthal equal-area one, so that areas, and with them densities, are
true; distances are wrong by less than d^2 / (8 R^2), which is 0.01 % at 180 km from the centre.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyproj
from pyproj.crs import GeographicCRS, ProjectedCRS
from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion

from secr_nea import _checks
from secr_nea._crs import as_crs, describe
from secr_nea._typing import CRSLike, FloatArray
from secr_nea.errors import CRSError, DataError

WGS84 = pyproj.CRS.from_epsg(4326)
FALSE_ORIGIN = 500_000.0
"""Metres added to x and y, so that coordinates near the centre are positive."""
WIDE = 15.0
"""Degrees from the centre beyond which places are not one survey."""
ZONE = re.compile(
    r"\s*(?:UTM\s*(?:zone)?\s*)?(\d{1,2})\s*([A-HJ-NP-Za-hj-np-z]?)\s*", re.IGNORECASE
)


def check_degrees(longitude: FloatArray, latitude: FloatArray, place: str) -> None:
    """DataError when numbers cannot be longitudes and latitudes, with their rows."""
    bad = ~(np.isfinite(longitude) & np.isfinite(latitude))
    bad |= (np.abs(longitude) > 180) | (np.abs(latitude) > 90)
    if bad.any():
        told = _checks.listed(
            f"row {i + 1}: longitude {longitude[i]:g}, latitude {latitude[i]:g}"
            for i in np.flatnonzero(bad)
        )
        raise DataError(
            f"{place}: no place on the Earth: {told}. Are the two swapped, or in metres?"
        )


def local_projection(longitude: FloatArray, latitude: FloatArray) -> pyproj.CRS:
    """Equal-area projection in metres, centred on places.

    Parameters
    ----------
    longitude, latitude : float64 arrays, shape (n,), degrees on WGS 84

    Returns
    -------
    pyproj.CRS
        Its name tells the centre, which is rounded to 0.1 degrees.

    Raises
    ------
    DataError
        Places that are no degrees, or too far apart for one survey.

    Notes
    -----
    Snyder (1987), Map projections, a working manual, chapter 24. The centre is the mean of the
    unit vectors, so that the date line and the poles are places like others.
    """
    if not len(longitude):
        raise DataError("There is no place: at least one row with coordinates is needed.")
    check_degrees(longitude, latitude, "coordinates")
    lam, phi = np.radians(longitude), np.radians(latitude)
    vectors = np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    centre = vectors.mean(axis=0)
    length = float(np.linalg.norm(centre))
    away = np.degrees(np.arccos(np.clip(vectors @ centre / max(length, 1e-12), -1, 1)))
    if away.max() > WIDE:
        far = int(away.argmax())
        raise DataError(
            f"The places are up to {away.max() * 111.2:,.0f} km from their centre (row {far + 1}: "
            f"longitude {longitude[far]:g}, latitude {latitude[far]:g}): this is not one survey. "
            "Correct the coordinates, or give crs=."
        )
    lat0 = round(float(np.degrees(np.arctan2(centre[2], np.hypot(*centre[:2])))), 1)
    lon0 = round(float(np.degrees(np.arctan2(centre[1], centre[0]))), 1)
    east, north = "W" if lon0 < 0 else "E", "S" if lat0 < 0 else "N"
    return ProjectedCRS(
        name=f"Local equal-area projection at {abs(lat0):g} {north} {abs(lon0):g} {east}",
        conversion=LambertAzimuthalEqualAreaConversion(
            latitude_natural_origin=lat0,
            longitude_natural_origin=lon0,
            false_easting=FALSE_ORIGIN,
            false_northing=FALSE_ORIGIN,
        ),
        geodetic_crs=GeographicCRS(name="WGS 84"),
    )


def to_metres(
    x: FloatArray, y: FloatArray, source: CRSLike, crs: CRSLike | None = None
) -> tuple[FloatArray, pyproj.CRS]:
    """Coordinates of any system in metres.

    Parameters
    ----------
    x, y : float64 arrays, shape (n,)
        In ``source``; longitude and latitude when that is in degrees.
    source : anything pyproj understands
    crs : anything pyproj understands, optional
        Where to; a local projection when None and ``source`` is geographic or Web Mercator, else
        ``source`` itself.

    Returns
    -------
    float64 array, shape (n, 2), metres
    pyproj.CRS

    Raises
    ------
    DataError, CRSError
    """
    given = as_crs(source)
    assert given is not None
    if given.is_geographic:
        check_degrees(x, y, "coordinates")
    target = as_crs(crs)
    if target is None:
        if not (given.is_geographic or _is_web_mercator(given)):
            return np.column_stack([x, y]), given
        target = local_projection(*to_degrees(x, y, given))
    if not target.is_projected:
        raise CRSError(
            f"crs={describe(target)} is not in metres. Give a projected system, or none."
        )
    moved = pyproj.Transformer.from_crs(given, target, always_xy=True).transform(x, y)
    xy = np.column_stack(moved)
    if not np.isfinite(xy).all():
        bad = np.flatnonzero(~np.isfinite(xy).all(axis=1)) + 1
        raise CRSError(
            f"{_checks.rows_listed(bad)}: no such place in {describe(given)}, or {describe(target)}"
            " does not reach there."
        )
    return xy, target


def to_degrees(x: FloatArray, y: FloatArray, source: CRSLike) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude on WGS 84, degrees, shape (n,) each."""
    longitude, latitude = pyproj.Transformer.from_crs(
        as_crs(source), WGS84, always_xy=True
    ).transform(x, y)
    return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)


def _is_web_mercator(crs: pyproj.CRS) -> bool:
    operation = crs.coordinate_operation
    return "Pseudo Mercator" in (operation.method_name if operation is not None else "")


def zone_crs(text: str) -> pyproj.CRS:
    """UTM system (WGS 84) of a zone as it is written in field sheets: ``44R``, ``UTM 46 N``.

    Parameters
    ----------
    text : str
        Number, and a latitude band or N or S.

    Returns
    -------
    pyproj.CRS

    Raises
    ------
    DataError
        No zone, or a bare ``S``, which may be the band of 32 to 40 degrees north or the south.
    """
    match = ZONE.fullmatch(str(text))
    number = int(match.group(1)) if match else 0
    band = match.group(2).upper() if match else ""
    if not 1 <= number <= 60 or (band and band in "ABYZ"):
        raise DataError(f"{text!r} is no UTM zone. Write it like 44R or 46N, or give crs=.")
    if not band or band == "S":
        raise DataError(
            f"UTM zone {text!r} does not tell north from south"
            f"{' (S is also the band of 32 to 40 degrees north)' if band else ''}. Give crs=, for "
            f"example crs='EPSG:{32600 + number}' (north) or crs='EPSG:{32700 + number}' (south)."
        )
    return pyproj.CRS.from_epsg((32600 if band >= "N" else 32700) + number)


def zones_to_metres(
    x: FloatArray, y: FloatArray, zones: Sequence[str], crs: CRSLike | None = None
) -> tuple[FloatArray, pyproj.CRS]:
    """Coordinates of one or several UTM zones in one system.

    Parameters
    ----------
    x, y : float64 arrays, shape (n,), metres
    zones : sequence of str, shape (n,)
        Zone of each row, as for `zone_crs`.
    crs : anything pyproj understands, optional
        Where to; the zone itself when there is only one, else a local projection.

    Returns
    -------
    float64 array, shape (n, 2), metres
    pyproj.CRS
    """
    systems = {name: zone_crs(name) for name in dict.fromkeys(zones)}
    if len({system.to_epsg() for system in systems.values()}) == 1:
        return to_metres(x, y, next(iter(systems.values())), crs)
    longitude, latitude = np.empty(len(x)), np.empty(len(x))
    named = np.array(zones, dtype=object)
    for name, system in systems.items():
        mine = named == name
        longitude[mine], latitude[mine] = to_degrees(x[mine], y[mine], system)
    return to_metres(longitude, latitude, WGS84, crs)
