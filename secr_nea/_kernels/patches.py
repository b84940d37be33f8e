"""Patches of a grid of mask points, and which Gaussians reach which patch: the spatial index."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from secr_nea._numba import kernel
from secr_nea._typing import FloatArray, IntArray


class Patches(NamedTuple):
    """Rectangles of a grid; strips of rows from south to north, in each strip from west to east.

    A patch has ``width`` x ``height`` cells, of which some may hold no point.
    """

    x: FloatArray  # (n_patches, widest) coordinates of the columns of cells, metres
    y: FloatArray  # (n_patches, highest) coordinates of the rows of cells
    width: IntArray  # (n_patches,)
    height: IntArray
    west: FloatArray  # (n_patches,) outermost coordinates
    east: FloatArray
    strip_start: IntArray  # (n_strips + 1,) patches of each strip
    south: FloatArray  # (n_strips,) outermost coordinates
    north: FloatArray
    run_start: IntArray  # (n_patches + 1,) runs of neighbouring points in neighbouring cells
    run_point: IntArray  # first point of each run
    run_cell: IntArray  # its cell, row * width + column
    run_length: IntArray


class Near(NamedTuple):
    """For each patch the things (shapes or animals) that reach it, in ascending order."""

    start: IntArray  # (n_patches + 1,)
    item: IntArray


@kernel
def _visit(
    i: int,
    xy: tuple[float, float, float],
    patches: Patches,
    cursor: IntArray,
    item: IntArray,
    fill: bool,
) -> None:
    """Count (or write) thing i at each patch that its disc (x, y, radius) touches."""
    x, y, reach = xy
    south, north = patches.south, patches.north
    for s in range(np.searchsorted(north, y - reach), south.size):
        if south[s] > y + reach:
            break
        dy = max(south[s] - y, y - north[s], 0.0)
        half_chord = np.sqrt(max(reach * reach - dy * dy, 0.0))
        first, end = patches.strip_start[s], patches.strip_start[s + 1]
        k = first + np.searchsorted(patches.east[first:end], x - half_chord)
        while k < end and patches.west[k] <= x + half_chord:
            if fill:
                item[cursor[k]] = i
            cursor[k] += 1
            k += 1


@kernel
def near_patches(x: FloatArray, y: FloatArray, reach: FloatArray, patches: Patches) -> Near:
    """Which things, at (x, y) in metres, are within reach of each patch; negative: of none.

    The work is that of the pairs found: cameras + patches, not their product.
    """
    n_patches = patches.width.size
    start = np.zeros(n_patches + 1, np.int64)
    none = np.zeros(0, np.int64)
    for i in range(x.size):
        if reach[i] >= 0.0:
            _visit(i, (x[i], y[i], reach[i]), patches, start[1:], none, False)
    for k in range(n_patches):
        start[k + 1] += start[k]
    item = np.empty(start[n_patches], np.int64)
    cursor = start[:-1].copy()
    for i in range(x.size):
        if reach[i] >= 0.0:
            _visit(i, (x[i], y[i], reach[i]), patches, cursor, item, True)
    return Near(start, item)
