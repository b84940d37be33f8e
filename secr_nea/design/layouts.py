"""Layouts that do not look at the animals: grids, clusters, lacework, coverage, random designs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.design.streams import LAYOUT, Seed, stream
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray


def layout(
    sites: TrapArray,
    number: int,
    kind: str = "regular",
    *,
    spacing: float | None = None,
    cluster_size: int = 4,
    seed: Seed = 1,
) -> TrapArray:
    """A standard layout of cameras among candidate sites.

    Parameters
    ----------
    sites : TrapArray
        Candidates; see `candidate_sites`.
    number : int
        Cameras.
    kind : {"regular", "cluster", "lacework", "coverage", "grts", "random"}
        A square grid; small square grids on a large one; close cameras along the lines of a wide
        mesh; the centres of equally large, compact strata (k-means); a random sample that is
        spread out evenly (generalised random tessellation); a simple random sample.
    spacing : float, metres, optional
        Of the grid; of cameras within clusters and along the lines of a lacework. By default the
        grid is as wide as the sites allow; clusters and lines take half of that.
    cluster_size : int
        Cameras of a cluster; cameras along each side of a mesh of the lacework.
    seed : int, numpy SeedSequence, numpy Generator, or None
        Where grids begin, and of random layouts.

    Returns
    -------
    TrapArray
        The sites nearest to the layout, each once.

    Raises
    ------
    DataError
        If there are not so many sites, or the kind is unknown.

    References
    ----------
    Walvoort, D. J. J. et al. (2010) Computers & Geosciences 36, 1261-1267 (coverage). Stevens, D.
    L. and Olsen, A. R. (2004) Journal of the American Statistical Association 99, 262-278 (GRTS).
    Efford, M. G. (2025) on lacework in the package secr.
    """
    if kind not in KINDS:
        raise DataError(f"There is no layout {kind!r}; choose one of {', '.join(KINDS)}.")
    if not 1 <= number <= sites.n_traps:
        raise DataError(f"{number} cameras cannot stand at {sites.n_traps} sites.")
    if spacing is not None:
        spacing = _checks.positive(spacing, "spacing")
    rng = stream(seed, LAYOUT)
    return sites.subset(KINDS[kind](sites.xy, number, spacing, cluster_size, rng))


def grid_positions(
    xy: FloatArray, number: int, spacing: float, origin: FloatArray, centre: FloatArray
) -> IntArray:
    """Sites nearest to the nodes of a square grid, at most ``number``, the closest to a centre.

    Parameters
    ----------
    xy : float64 array, shape (n_sites, 2), metres
    number : int
    spacing : float, metres
    origin : float64 array, shape (2,), metres
        Any node.
    centre : float64 array, shape (2,), metres

    Returns
    -------
    int64 array, shape (at most number,)
    """
    low = np.floor((xy.min(axis=0) - origin) / spacing)
    high = np.ceil((xy.max(axis=0) - origin) / spacing)
    axes = [origin[a] + spacing * np.arange(low[a], high[a] + 1) for a in (0, 1)]
    nodes = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    return _snapped(xy, nodes, number, 0.5 * spacing, centre)


def _snapped(
    xy: FloatArray, nodes: FloatArray, number: int, most: float, centre: FloatArray
) -> IntArray:
    """Sites that are nearest to nodes and not farther than ``most``, the closest to a centre."""
    away, site = cKDTree(xy).query(nodes)
    site = np.unique(np.atleast_1d(np.asarray(site))[np.asarray(away) <= most])
    order = np.argsort(np.hypot(*(xy[site] - centre).T), kind="stable")
    return np.asarray(np.atleast_1d(site)[order[:number]], dtype=np.int64)


def _widest(
    xy: FloatArray, number: int, make: Callable[[float], IntArray], finest: float
) -> IntArray:
    """The layout with the widest spacing that still has all cameras; filled up where none has."""
    low, high = finest, float(np.ptp(xy, axis=0).max())
    best = make(low)
    for _ in range(20):
        middle = float(np.sqrt(low * high))
        found = make(middle)
        if len(found) >= number:
            best, low = found, middle
        else:
            high = middle
    return _filled(xy, best, number)


def _filled(xy: FloatArray, chosen: IntArray, number: int) -> IntArray:
    """Add the sites farthest from those chosen until there are enough."""
    found = list(chosen[:number])
    nearest = np.full(len(xy), np.inf)
    for k in found:
        nearest = np.minimum(nearest, np.hypot(*(xy - xy[k]).T))
    nearest[found] = -1.0
    while len(found) < number:
        k = int(np.argmax(nearest))
        found.append(k)
        nearest = np.minimum(nearest, np.hypot(*(xy - xy[k]).T))
        nearest[found] = -1.0
    return np.array(found, dtype=np.int64)


def _finest(xy: FloatArray) -> float:
    return float(np.median(np.asarray(cKDTree(xy).query(xy, k=min(2, len(xy)))[0])[:, -1])) or 1.0


def _regular(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    at, centre = rng.random(2), xy.mean(axis=0)

    def make(step: float) -> IntArray:
        return grid_positions(xy, number, step, xy.min(axis=0) + at * step, centre)

    return make(spacing) if spacing else _widest(xy, number, make, _finest(xy))


def _cluster(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    if size < 1:
        raise DataError(f"cluster_size must be 1 or more; got {size}.")
    n_clusters = int(np.ceil(number / size))
    widest = xy[_regular(xy, n_clusters, None, 1, rng)]
    between = _finest(widest) if len(widest) > 1 else float(np.ptp(xy, axis=0).max())
    step = spacing or max(between / (2.0 * np.sqrt(size)), _finest(xy))
    side = np.arange(int(np.ceil(np.sqrt(size))))
    inner = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)[:size]
    offsets = step * (inner - inner.mean(axis=0))
    # a cluster at the edge would be squeezed: its middle must have room on all sides
    away = np.asarray(cKDTree(xy).query(xy[:, None] + offsets)[0])
    room = np.flatnonzero((away <= 0.5 * step).all(axis=1))
    room = room if len(room) >= n_clusters else np.arange(len(xy))
    middle = room[_regular(xy[room], n_clusters, None, 1, rng)]
    found: list[int] = []
    for place in xy[middle]:
        for node in place + offsets:
            free = np.setdiff1d(np.argsort(np.hypot(*(xy - node).T))[: number + 1], found, True)
            near = free[np.argmin(np.hypot(*(xy[free] - node).T))]
            found.append(int(near))
    return np.array(found[:number], dtype=np.int64)


def _lacework(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    """Nodes of a fine grid that lie on the lines of a mesh ``size`` times as wide."""
    at, centre = rng.random(2), xy.mean(axis=0)

    def make(step: float) -> IntArray:
        origin = xy.min(axis=0) + at * step
        n = np.ceil((xy.max(axis=0) - origin) / step).astype(int) + 1
        i, j = np.meshgrid(np.arange(-1, n[0]), np.arange(-1, n[1]), indexing="ij")
        on_line = (i % size == 0) | (j % size == 0)
        nodes = origin + step * np.column_stack([i[on_line], j[on_line]])
        return _snapped(xy, nodes, number, 0.5 * step, centre)

    return make(spacing) if spacing else _widest(xy, number, make, _finest(xy))


def _coverage(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    from scipy.cluster.vq import kmeans2

    scaled = (xy - xy.mean(axis=0)) / xy.std()
    if number == len(xy):
        return np.arange(number, dtype=np.int64)
    start = scaled[_filled(xy, np.array([int(rng.integers(len(xy)))]), number)]
    centres, _ = kmeans2(scaled, start, minit="matrix", iter=50, missing="warn")
    site = np.unique(np.asarray(cKDTree(scaled).query(centres)[1], dtype=np.int64))
    return _filled(xy, site, number)


def _random(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    return rng.choice(len(xy), number, replace=False).astype(np.int64)


_LEVELS = 16  # quarters of quarters: cells below any distance between sites


def _grts(
    xy: FloatArray, number: int, spacing: float | None, size: int, rng: np.random.Generator
) -> IntArray:
    """Systematic sample along a line through quarters of quarters in random order."""
    low, side = xy.min(axis=0), float(np.ptp(xy, axis=0).max()) or 1.0
    unit = np.clip((xy - low + rng.random(2) * 0.5 * side) / (1.5 * side), 0.0, 1.0 - 1e-12)
    address = np.zeros(len(xy), dtype=np.int64)
    for _ in range(_LEVELS):
        unit = unit * 2.0
        half = np.floor(unit).astype(np.int64)
        unit = unit - half
        quarter = 2 * half[:, 1] + half[:, 0]
        # each cell orders its quarters by its own permutation
        cells, of_cell = np.unique(address, return_inverse=True)
        orders = np.argsort(rng.random((len(cells), 4)), axis=1)
        address = 4 * address + orders[of_cell.reshape(-1), quarter]
    order = np.lexsort([rng.random(len(xy)), address])
    at = (rng.random() + np.arange(number)) * len(xy) / number
    return order[np.floor(at).astype(np.int64)].astype(np.int64)


KINDS: dict[
    str,
    Callable[[FloatArray, int, float | None, int, np.random.Generator], IntArray],
] = {
    "regular": _regular,
    "cluster": _cluster,
    "lacework": _lacework,
    "coverage": _coverage,
    "grts": _grts,
    "random": _random,
}
"""Every layout by its word."""
