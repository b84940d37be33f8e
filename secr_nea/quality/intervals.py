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


def overlap(intervals: Sequence[Interval], edges: FloatArray) -> FloatArray:
    """Days of the intervals within each bin; intervals that overlap count each.

    Parameters
    ----------
    intervals : sequence of (start, end), days
    edges : float64 array, shape (n_bins + 1,), days, increasing

    Returns
    -------
    float64 array, shape (n_bins,)
    """
    total = np.zeros(len(edges) - 1)
    for start, end in intervals:
        inside = np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1])
        total += np.maximum(inside, 0.0)
    return total
