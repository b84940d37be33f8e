"""Arithmetic of time intervals: union, difference, intersection and overlap, in days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from secr_nea._typing import FloatArray

Interval = tuple[float, float]
"""Start and end in days since 1970-01-01, local clock; the end is not part of it."""


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Disjoint intervals that cover the same time, in order.

    Examples
    --------
    >>> union([(3, 5), (0, 2), (1, 3)])
    [(0, 5)]
    """
    out: list[Interval] = []
    for start, end in sorted(pair for pair in intervals if pair[1] > pair[0]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def difference(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """Time in the first and not in the second.

    Examples
    --------
    >>> difference([(0, 10)], [(2, 3), (8, 12)])
    [(0, 2), (3, 8)]
    """
    out = union(first)
    for start, end in union(second):
        pieces = [((a, min(b, start)), (max(a, end), b)) for a, b in out]
        out = [part for pair in pieces for part in pair if part[1] > part[0]]
    return out


def intersection(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """Time in both.

    Examples
    --------
    >>> intersection([(0, 4), (6, 9)], [(3, 7)])
    [(3, 4), (6, 7)]
    """
    return union((max(a, c), min(b, d)) for a, b in union(first) for c, d in union(second))


def overlap(
    intervals: Sequence[Interval] | FloatArray,
    edges: FloatArray,
    share: FloatArray | None = None,
    *,
    add: bool = True,
) -> FloatArray:
    """Time of the intervals within each bin.

    Parameters
    ----------
    intervals : sequence of (start, end)
        In days, or in any other unit that is also that of the edges and of the result.
    edges : float64 array, shape (n_bins + 1,), increasing
    share : float64 array, shape (n_intervals,), optional
        What a unit of time of each interval counts; 1 by default.
    add : bool
        Where intervals overlap, whether each counts, or only the one with the largest share.

    Returns
    -------
    float64 array, shape (n_bins,)
    """
    start, end = np.asarray(intervals, dtype=np.float64).reshape(-1, 2).T
    cuts = np.unique(np.concatenate([start, end, edges]))
    cuts = cuts[(cuts >= edges[0]) & (cuts <= edges[-1])]
    active = (start[:, None] <= cuts[None, :-1]) & (end[:, None] >= cuts[None, 1:])
    rate = np.where(active, 1.0 if share is None else share[:, None], 0.0)
    at_once = rate.sum(axis=0) if add else rate.max(axis=0, initial=0.0)
    into = np.searchsorted(edges, cuts[:-1], side="right") - 1
    counted = np.bincount(into, weights=at_once * np.diff(cuts), minlength=len(edges) - 1)
    return counted.astype(np.float64)
