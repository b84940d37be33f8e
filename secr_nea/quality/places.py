"""Where traps stand: metres from whatever the table has, and the mistakes that moved them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyproj
from scipy.spatial import cKDTree

from secr_nea._typing import BoolArray, FloatArray

WGS84 = pyproj.CRS.from_epsg(4326)
WEB_MERCATOR = pyproj.CRS.from_epsg(3857)
EARTH_RADIUS = 6378137.0
JOINT_KM = 60.0
"""Cameras on two sides of a zone joint stand at most this far from each other."""


def local_projection(lon: FloatArray, lat: FloatArray) -> pyproj.CRS:
    """Equal-area projection centred on an array: true metres without any choice of a zone.

    Parameters
    ----------
    lon, lat : float64 arrays, shape (n,), degrees
        NaN where unknown.

    Returns
    -------
    pyproj.CRS
        Lambert azimuthal equal-area, centred on the median rounded to 0.1 degree.
    """
    lon_0, lat_0 = centre_of(lon, lat)
    return pyproj.CRS.from_proj4(
        f"+proj=laea +lat_0={lat_0:g} +lon_0={lon_0:g} +datum=WGS84 +units=m +no_defs"
    )


def centre_of(lon: FloatArray, lat: FloatArray) -> tuple[float, float]:
    """Median longitude and latitude, rounded to 0.1 degree."""
    return round(float(np.nanmedian(lon)), 1), round(float(np.nanmedian(lat)), 1)


def transformed(x: FloatArray, y: FloatArray, source: pyproj.CRS, target: pyproj.CRS) -> FloatArray:
    """Coordinates in another system, shape (n, 2); NaN where there is no image."""
    out = pyproj.Transformer.from_crs(source, target, always_xy=True).transform(x, y)
    xy = np.column_stack([np.asarray(part, dtype=np.float64) for part in out])
    return np.where(np.isfinite(xy), xy, np.nan)


def utm(zone: int, north: bool = True) -> pyproj.CRS:
    """UTM system of a zone."""
    return pyproj.CRS.from_epsg((32600 if north else 32700) + zone)


def zone_of(lon: FloatArray) -> FloatArray:
    """UTM zone of longitudes, 1 to 60 (without the exceptions of Norway)."""
    return np.floor((lon + 180.0) / 6.0) % 60 + 1


def mercator_place(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of Web Mercator coordinates, degrees."""
    latitude = math.degrees(2.0 * math.atan(math.exp(y / EARTH_RADIUS)) - math.pi / 2.0)
    return math.degrees(x / EARTH_RADIUS), latitude


def nearest(to: FloatArray, places: FloatArray, rank: int = 1) -> FloatArray:
    """Distance of each place to the nearest of others; with rank 2 to the nearest but itself."""
    found = np.asarray(cKDTree(to).query(places, k=rank)[0], dtype=np.float64)
    return found if rank == 1 else found[:, rank - 1]


def far_from_rest(xy: FloatArray) -> tuple[FloatArray, float]:
    """Distance of each place from the median place, and that within which nearly all others lie.

    Parameters
    ----------
    xy : float64 array, shape (n, 2)

    Returns
    -------
    distance : float64 array, shape (n,)
    usual : float
        80 % quantile of the distances: up to a fifth of the rows may be wrong.
    """
    distance = np.hypot(*(xy - np.median(xy, axis=0)).T)
    return distance, float(np.quantile(distance, 0.8))


def swapped_rows(xy: FloatArray) -> BoolArray:
    """Rows whose place is far from the rest, and among the rest with x and y exchanged.

    A row is taken when its distance from the median place is more than twenty times what it is
    with the two numbers exchanged, and ten times what is usual.
    """
    if len(xy) < 4:
        return np.zeros(len(xy), dtype=bool)
    distance, usual = far_from_rest(xy)
    exchanged = np.hypot(*(xy[:, ::-1] - np.median(xy, axis=0)).T)
    scale = max(usual, 1e-9)
    out: BoolArray = (distance > 10.0 * scale) & (exchanged < distance / 20.0)
    return out


def looks_exchanged(xy: FloatArray) -> bool:
    """Tell whether the whole x column holds northings and the whole y column eastings.

    Russian maps call the northing x. Eastings that begin with the number of a zone are told from
    Web Mercator above 10,000 km, where its latitudes are arctic.
    """
    x, y = xy.T
    if (y > 1.0e7).all() and gauss_zone(xy[:, ::-1]) is not None:
        return True
    return bool((x > 1.1e6).all() and (x < 9.4e6).all() and (y > 1.0e5).all() and (y < 9.0e5).all())


def looks_mercator(xy: FloatArray) -> bool:
    """Tell whether coordinates without a system can hardly be anything but Web Mercator.

    UTM eastings stay below 900 km. Beyond that, places that Web Mercator puts into Eurasia's
    latitudes and longitudes are taken as such.
    """
    x, y = xy.T
    if not (x > 1.0e6).all() or not (y > 1.0e6).all():
        return False
    corners = [mercator_place(float(x[i]), float(y[i])) for i in (x.argmin(), x.argmax())]
    return all(20.0 <= lon <= 180.0 and 10.0 <= lat <= 75.0 for lon, lat in corners)


def gauss_zone(xy: FloatArray) -> int | None:
    """Zone of Gauss-Krueger coordinates whose x begins with it (15,604,000), if they may be such.

    Zones 4 to 32 cover Russia and Mongolia; EPSG:28400 and the zone is Pulkovo 1942.
    """
    x, y = xy.T
    zones = np.unique(np.floor(x / 1e6))
    inside = (x % 1e6 > 1.0e5) & (x % 1e6 < 9.0e5) & (y > 3.8e6) & (y < 8.5e6)
    one = len(zones) == 1 and 4 <= zones[0] <= 32 and bool(inside.all())
    return int(zones[0]) if one else None


@dataclass(frozen=True)
class Joint:
    """Two groups of cameras that a UTM joint has torn apart.

    Parameters
    ----------
    east : bool array, shape (n,)
        Cameras beyond the joint, with small eastings.
    apart_km, true_km : float
        Smallest distance between the groups as the numbers say, and on the ground.
    """

    east: BoolArray
    apart_km: float
    true_km: float


def torn_apart(xy: FloatArray) -> Joint | None:
    """Groups of cameras with eastings of two neighbouring UTM zones, if they look like that.

    The gap between the groups must be wide, both must lie near the edges of their zones, and they
    must be neighbours when the second is placed in the next zone.
    """
    if len(xy) < 3:
        return None
    order = np.argsort(xy[:, 0], kind="stable")
    gaps = np.diff(xy[order, 0])
    cut = int(np.argmax(gaps))
    low, high = order[: cut + 1], order[cut + 1 :]
    if gaps[cut] < 150_000.0 or xy[:, 0].min() < 1.0e5 or xy[:, 0].max() > 9.0e5:
        return None
    if not (xy[:, 1].min() > 1.0e6 and xy[:, 1].max() < 9.4e6):
        return None
    # any pair of neighbouring zones has the same geometry
    west = transformed(xy[high, 0], xy[high, 1], utm(30), WGS84)
    east = transformed(xy[low, 0], xy[low, 1], utm(31), WGS84)
    apart = float(nearest(xy[high], xy[low]).min()) / 1000.0
    geod = pyproj.Geod(ellps="WGS84")
    true = min(
        float(np.min(geod.inv(np.full(len(west), lon), np.full(len(west), lat), *west.T)[2]))
        for lon, lat in east
    )
    if true / 1000.0 > JOINT_KM or apart < 3.0 * JOINT_KM:
        return None
    beyond = np.zeros(len(xy), dtype=bool)
    beyond[low] = True
    return Joint(beyond, apart, true / 1000.0)


def elongation(xy: FloatArray) -> float:
    """How many times longer an array is than wide: ratio of its two principal spreads.

    For traps spread evenly over a rectangle it is length divided by width; infinite on a line.

    Examples
    --------
    >>> elongation(np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]))
    1.0
    """
    if len(xy) < 2:
        return 1.0
    spread = np.linalg.svd(xy - xy.mean(axis=0), compute_uv=False)
    if spread[0] == 0.0:
        return 1.0
    return (
        math.inf
        if spread[-1] < 1e-9 * spread[0] or len(spread) < 2
        else float(spread[0] / spread[1])
    )


def matched_shape(xy: FloatArray, reference: FloatArray) -> tuple[FloatArray, float]:
    """Offsets of places from where a reference puts them, when the two differ by a rigid motion.

    The motion (shift, rotation, scale) is fitted to the half that agrees best.

    Parameters
    ----------
    xy, reference : float64 arrays, shape (n, 2), metres

    Returns
    -------
    offsets : float64 array, shape (n, 2), metres
    scale : float
        Length in ``xy`` of a metre of the reference.
    """
    use = np.ones(len(xy), dtype=bool)
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (xy, reference))
    scale = 1.0 + 0.0j
    shift = 0.0 + 0.0j
    for _ in range(10):
        a, b = w[use] - w[use].mean(), z[use] - z[use].mean()
        size = float((np.abs(a) ** 2).sum())
        scale = complex((a.conj() * b).sum() / size) if size > 0 else 1.0 + 0.0j
        shift = complex(z[use].mean() - scale * w[use].mean())
        error = np.abs(z - scale * w - shift)
        use = error <= np.quantile(error, 0.6)
    residual = z - scale * w - shift
    return np.column_stack([residual.real, residual.imag]), abs(scale)
