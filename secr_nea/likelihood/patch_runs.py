"""Patches of all blocks as runs of about equal cost, which threads take one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from secr_nea._numba import PIECES, get_threads, run_tasks
from secr_nea._typing import FloatArray
from secr_nea.likelihood.separable import Situation

# Least nanoseconds of work that threads share: to cut it takes about 40,000, to wake
# a thread 50,000, and the other half of the work must be worth more than that.
_THREAD_NANOSECONDS = 400_000.0

Piece = tuple[int, Situation, int, int]
"""Patches of a block: its number, its situation, the first patch and the end."""


def run_patches(
    situations: Sequence[Situation | None],
    run: Callable[[int, Situation, int, int], None],
    times_value: float,
) -> None:
    """Run all patches of all blocks, on threads where the work is worth it.

    Parameters
    ----------
    situations : sequence of Situation or None
        Of each block; None where other kernels serve.
    run : callable
        ``run(block, situation, first, end)`` does the patches first <= k < end.
    times_value : float
        How many times as long as the value it takes.
    """
    used = [(b, given) for b, given in enumerate(situations) if given is not None]
    threads = get_threads()
    least = _THREAD_NANOSECONDS / times_value
    cost: list[FloatArray] = []
    # The bound spares small surveys the sum over what is near each patch.
    if threads > 1 and sum(given.most_cost for _, given in used) > least:
        cost = [given.cost for _, given in used]
    if sum(float(part.sum()) for part in cost) <= least:
        for b, given in used:
            run(b, given, 0, len(given.given.patches.width))
        return

    def work(chosen: Sequence[list[Piece]]) -> None:
        for part in chosen:
            for piece in part:
                run(*piece)

    run_tasks(work, _equal_parts(used, cost, PIECES * threads), threads)


def _equal_parts(
    used: Sequence[tuple[int, Situation]], cost: Sequence[FloatArray], n_parts: int
) -> list[list[Piece]]:
    """Runs of neighbouring patches of about equal cost, across blocks."""
    total = np.concatenate(cost).cumsum()
    cuts = set(total.searchsorted(total[-1] * np.arange(1, n_parts) / n_parts).tolist())
    parts: list[list[Piece]] = [[]]
    start = 0
    for (b, given), own in zip(used, cost, strict=True):
        end = start + len(own)
        inside = [cut for cut in sorted(cuts) if start < cut < end]
        for low, high in pairwise([start, *inside, end]):
            if low in cuts and parts[-1]:
                parts.append([])
            parts[-1].append((b, given, low - start, high - start))
        start = end
    return parts
