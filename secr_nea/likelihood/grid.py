"""Mask points as patches of a grid, where they are one."""

from __future__ import annotations

import numpy as np

from secr_nea._kernels.patches import Patches
from secr_nea._typing import FloatArray, IntArray

# A patch's arrays should stay in the innermost cache; long rows vectorise best.
_WIDEST, _HIGHEST = 64, 32
# Below this share of cells that hold a point, patches cost more than they save.
_FULLEST = 0.1


def _levels(values: FloatArray) -> tuple[FloatArray, IntArray]:
    """Distinct coordinates, ascending, and which of them each value is; equal up to rounding."""
    sorted_values = np.unique(values)
    rounding = 8.0 * np.spacing(np.abs(sorted_values).max())
    first = np.concatenate([[True], np.diff(sorted_values) > rounding])
    levels = sorted_values[first]
    return levels, np.searchsorted(levels, values + rounding, side="right") - 1


def patches_of(points: FloatArray) -> Patches | None:
    """Cut the grid on which points lie into patches.

    Parameters
    ----------
    points : float64 array, shape (2, n_points), metres

    Returns
    -------
    Patches or None
        None where the points are not on (a part of) a grid along the axes, so that patches would
        be nearly empty. The spacing of the grid may vary.
    """
    n_points = points.shape[1]
    if n_points == 0:
        return None
    (xs, column), (ys, row) = (_levels(axis) for axis in points)
    n_strips = -(-len(ys) // _HIGHEST)
    height = -(-len(ys) // n_strips)
    strip = row // height
    window, first, width = _windows(strip, column, n_strips)
    key = strip * (window.max() + 1) + window
    used, patch = np.unique(key, return_inverse=True)
    strip_of = used // (window.max() + 1)
    left = first[strip_of] + (used % (window.max() + 1)) * width[strip_of]
    widths = width[strip_of]
    heights = np.minimum(height, len(ys) - strip_of * height)
    if n_points < _FULLEST * float((widths * heights).sum()):
        return None
    cell = (row - strip * height) * widths[patch] + column - left[patch]
    order = np.lexsort((cell, patch))
    taken = patch[order] * _WIDEST * _HIGHEST + cell[order]
    step = np.diff(taken)
    if (step == 0).any():
        return None
    starts = np.searchsorted(patch[order], np.arange(len(used)))
    breaks = (step != 1) | (np.diff(order) != 1)
    breaks[starts[1:] - 1] = True
    runs = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    return Patches(
        x=_axis(xs, left, int(widths.max())),
        y=_axis(ys, strip_of * height, int(heights.max())),
        width=widths,
        height=heights,
        west=np.minimum.reduceat(points[0][order], starts),
        east=np.maximum.reduceat(points[0][order], starts),
        strip_start=np.searchsorted(strip_of, np.arange(n_strips + 1)).astype(np.int64),
        south=ys[np.arange(n_strips) * height],
        north=ys[np.minimum((np.arange(n_strips) + 1) * height, len(ys)) - 1],
        run_start=np.searchsorted(runs, np.append(starts, n_points)).astype(np.int64),
        run_point=order[runs].astype(np.int64),
        run_cell=cell[order[runs]].astype(np.int64),
        run_length=np.diff(np.append(runs, n_points)).astype(np.int64),
    )


def _windows(
    strip: IntArray, column: IntArray, n_strips: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Window of each point in its strip, and the first column and window width of each strip."""
    first = np.full(n_strips, np.iinfo(np.int64).max)
    last = np.full(n_strips, -1)
    np.minimum.at(first, strip, column)
    np.maximum.at(last, strip, column)
    span = last - first + 1
    n_windows = -(-span // _WIDEST)
    width = -(-span // n_windows)
    return (column - first[strip]) // width[strip], first, width


def _axis(levels: FloatArray, left: IntArray, size: int) -> FloatArray:
    """Coordinates of the cells of each patch along one axis; beyond the last level it repeats."""
    index = np.minimum(left[:, None] + np.arange(size), len(levels) - 1)
    return np.ascontiguousarray(levels[index])


def thinning(points: FloatArray, every: int) -> IntArray:
    """About every so many-th point; of a grid every k-th column and row, with k^2 near ``every``.

    Parameters
    ----------
    points : float64 array, shape (2, n_points), metres
    every : int

    Returns
    -------
    int64 array, shape (n_kept,)
    """
    k = round(np.sqrt(every))
    columns, rows = (_levels(axis)[1] for axis in points)
    kept = np.flatnonzero((columns % k == k // 2) & (rows % k == k // 2))
    if k < 2 or len(kept) < 0.5 * points.shape[1] / every:
        kept = np.arange(0, points.shape[1], every)
    return kept.astype(np.int64)


def patch_of(patches: Patches, points: IntArray) -> IntArray:
    """Patch of some of the points.

    Parameters
    ----------
    patches : Patches
    points : int64 array, shape (n,)

    Returns
    -------
    int64 array, shape (n,)
    """
    order = np.argsort(patches.run_point)
    run = order[np.searchsorted(patches.run_point[order], points, side="right") - 1]
    return np.asarray(np.searchsorted(patches.run_start, run, side="right") - 1, dtype=np.int64)
