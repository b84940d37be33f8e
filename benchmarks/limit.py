"""How close the kernels come to what this machine can do: `python benchmarks/limit.py`.

The limit of a kernel is the time of the exponentials and multiply-adds that its formula needs, when
each ran as fast as it does alone, in a loop over numbers that are in the cache. Times are of the
processor, on one thread.
"""

from __future__ import annotations

import time

import machine
import numpy as np
import ways
from problems import problem

import secr_nea as sn
from secr_nea._kernels.scalars import log_growths, times_log_growth_slopes
from secr_nea._kernels.tiles import tile_adjoint, tile_value
from secr_nea._numba import exp, kernel
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.blocks import (
    _tasks,
    _tile_adjoint,
    _tile_sums,
    block_sums,
    tile_log_hazard,
)
from secr_nea.likelihood.separable import PatchAdjoint, PatchSums

IN_CACHE = 4096
MEASURED = ("gobi_like", "two_country_block")
"""Counts, and binary detectors, whose competing terms take most of the time."""


@kernel
def exponentials(x, out, times):
    for _ in range(times):
        for m in range(x.size):
            out[m] = exp(x[m])


@kernel
def multiply_adds(x, out, times):
    for k in range(times):
        factor = 1e-9 * k
        for m in range(x.size):
            out[m] += factor * x[m]


@kernel
def growths(x, out, times):
    for _ in range(times):
        log_growths(x, out)


@kernel
def growth_slopes(x, out, times):
    out[:] = 1.0
    for _ in range(times):
        times_log_growth_slopes(x, out)


def shortest(function, repetitions=15):
    """Shortest time of the processor in seconds, after a first call that compiles."""
    function()
    times = []
    for _ in range(repetitions):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return min(times)


def machine_limits():
    """Nanoseconds of one exponential and one multiply-add, and bytes per nanosecond of memory."""
    x = np.linspace(-30.0, 0.0, IN_CACHE)
    out = np.zeros_like(x)
    each = 1e9 / (200 * IN_CACHE)
    large = np.zeros(25_000_000)
    target = np.ones_like(large)
    small = np.linspace(1e-6, 0.4, IN_CACHE)
    left, right = np.ones((48, 32)), np.ones((32, 48))

    def numpy_exponentials():
        for _ in range(200):
            np.exp(x, out=out)

    def products():
        for _ in range(200):
            np.dot(left, right)

    copied = 2e-9 * large.nbytes
    return {
        "exp": shortest(lambda: exponentials(x, out, 200)) * each,
        "numpy exp": shortest(numpy_exponentials) * each,
        "add": shortest(lambda: multiply_adds(x, out, 200)) * each,
        "growth": shortest(lambda: growths(small, out, 200)) * each,
        "slope": shortest(lambda: growth_slopes(small, out, 200)) * each,
        "product": shortest(products) * 1e9 / (200 * 48 * 32 * 48),
        "memory": copied / shortest(lambda: np.copyto(target, large), 5),
    }


def tile_limit(items, limits, adjoint, hazards_too):
    """Seconds of everything that the tile kernels must do over all blocks."""
    total = 0.0
    for item in items:
        tables = item.block.tables
        columns, terms = len(tables.exposure_column), len(tables.competing_column)
        detections = len(tables.detection_column) + len(tables.occasion_term)
        # A half-normal log hazard is three multiply-adds.
        adds = columns + detections + 2 * item.block.n_animals + 3 * columns * hazards_too
        if adjoint:
            # The same again, and the sums that lambda0 and sigma need.
            adds += columns + detections + 2 * item.block.n_animals + 2 * columns * hazards_too
        point = (columns + item.block.n_animals + 2) * limits["exp"] + adds * limits["add"]
        point += terms * (limits["growth"] + adjoint * limits["slope"])
        total += item.block.n_points * point
    return 1e-9 * total


def kernel_times(name):
    """Seconds of the tile kernels alone and of the passes around them, on one thread."""
    sn.set_threads(1)
    target = problem(name)
    function = target.model.detection
    items = likelihood_of(target.model).state(target.truth).flat
    with ways.general_kernels():
        sums = block_sums(items, function)
    logs, factors = [s.animal_log for s in sums], [-np.ones_like(s.detected) for s in sums]
    tiles = []
    for b, _, start, stop in _tasks(items):
        hazards = tile_log_hazard(items[b], function, start, stop)
        tiles.append((items[b], b, hazards, np.ascontiguousarray(items[b].log_weight[start:stop])))

    def values():
        for item, b, hazards, weights in tiles:
            out = np.empty((2, item.block.n_animals))
            detected = np.empty_like(sums[b].detected)
            tile_value(item.block.tables, hazards, weights, out[0], out[1], detected)

    def adjoints():
        for item, b, hazards, weights in tiles:
            d_hazards, d_weights = np.empty_like(hazards), np.empty_like(weights)
            tile_adjoint(
                item.block.tables, hazards, weights, logs[b], factors[b], d_hazards, d_weights
            )

    return items, {
        "value, tile": (shortest(values), False, False),
        "adjoint, tile": (shortest(adjoints), True, False),
        "value, tile with hazards": (shortest(lambda: _tile_sums(items, function)), False, True),
        "adjoint, tile with hazards": (
            shortest(lambda: _tile_adjoint(items, function, logs, factors)),
            True,
            True,
        ),
    }


def grid_limit(given, limits, adjoint):
    """Seconds of everything that the kernels for grids must do over a block."""
    patches, own = given.given.patches, given.given
    cells = patches.width * patches.height
    edges = patches.width + patches.height
    shapes, animals = np.diff(given.near.start), np.diff(given.near_animals.start)
    entries, terms = entries_near(given)
    alone = animals * (own.rows.n_terms > 0)
    # Factors of hazards and animals, weights, survival, the number detected.
    exponentials = (shapes + animals) * edges + (3 + alone) * cells
    products, adds = (entries + animals) * cells, (4 + alone) * cells
    growths = terms * cells * (limits["growth"] + adjoint * limits["slope"])
    if adjoint:
        products = products + (2 * entries + 3 * animals) * cells
        adds = adds + (4 + 2 * alone) * cells
    each = exponentials * limits["exp"] + products * limits["product"] + adds * limits["add"]
    return 1e-9 * float((each + growths).sum())


def entries_near(given):
    """Entries of all rows, and of competing terms, near each patch."""
    shapes, n_patterns = given.shapes, len(given.given.rows.base)
    shape = np.repeat(np.arange(len(shapes.x)), np.diff(shapes.entry_start))
    n = len(shapes.x)
    patch = np.repeat(np.arange(len(given.near.start) - 1), np.diff(given.near.start))
    for chosen in (np.ones(len(shape), dtype=bool), shapes.entry_row >= n_patterns):
        of_shape = np.bincount(shape[chosen], minlength=n)
        yield np.bincount(patch, of_shape[given.near.item], minlength=len(given.near.start) - 1)


def grid_times(name, limits):
    """Seconds of the kernels for grids, and of their limit."""
    target = problem(name)
    items = likelihood_of(target.model).state(target.truth).flat
    sums = block_sums(items, target.model.detection)
    for what, adjoint in (("value, grid", False), ("adjoint, grid", True)):
        seconds, limit = 0.0, 0.0
        for part in sums:
            given = part.situation
            assert given is not None
            room = (
                PatchAdjoint.of(given, part.animal_log, -np.ones_like(part.detected))
                if adjoint
                else PatchSums.of(given)
            )
            n_patches = len(given.given.patches.width)
            seconds += shortest(lambda room=room, given=given, n=n_patches: room.run(given, 0, n))
            limit += grid_limit(given, limits, adjoint)
        yield what, seconds, limit


def kernel_rows(limits):
    """Lines of a table in Markdown."""
    for name in MEASURED:
        items, found = kernel_times(name)
        size = sum(item.block.n_points * item.block.n_columns for item in items)
        of_tiles = (
            (what, seconds, tile_limit(items, limits, *needs))
            for what, (seconds, *needs) in found.items()
        )
        for what, seconds, limit in (*grid_times(name, limits), *of_tiles):
            yield (
                f"| {name} | {what} | {1e3 * seconds:.2f} | {1e9 * seconds / size:.2f} "
                f"| {1e3 * limit:.2f} | {limit / seconds:.0%} |"
            )


def section():
    """The section of the page, line by line."""
    limits = machine_limits()
    yield f"""
## What bounds the kernels

One thread can do {1.0 / limits["exp"]:.2f} x 10^9 exponentials a second by the kernels' inlined
exp ({limits["exp"]:.2f} ns each; NumPy's own takes {limits["numpy exp"]:.2f} ns), a multiply-add in
the cache in {limits["add"]:.2f} ns, one within a matrix product in {limits["product"]:.3f} ns, a
competing term of a binary detector, by its series, in {limits["growth"]:.2f} ns and its slope in
{limits["slope"]:.2f} ns, and copies {limits["memory"]:.1f} GB/s from and to memory. The limit of a
kernel is the time of these in its formula at that speed. Nothing else is counted, such as the
laying out of a patch. "tile" is the general kernel with log hazards given, "with hazards"
includes them. ns are per hazard column and mask point: what the kernels for grids avoid counts
as done.

| problem | kernel | ms | ns | limit, ms | reached |
|---|---|---:|---:|---:|---:|"""
    yield from kernel_rows(limits)


def main():
    machine.restart_with_one_blas_thread()
    print(*section(), sep="\n")


if __name__ == "__main__":
    main()
