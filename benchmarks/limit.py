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
        "product": shortest(products) * 1e9 / (200 * 48 * 32 * 48),
        "memory": copied / shortest(lambda: np.copyto(target, large), 5),
    }


def operations(block, adjoint, hazards_too):
    """Exponentials and multiply-adds that one mask point needs, with or without log hazards."""
    tables = block.tables
    columns, terms = len(tables.exposure_column), len(tables.competing_column)
    detections = len(tables.detection_column) + len(tables.occasion_term)
    # A half-normal log hazard is three multiply-adds; a competing term an exp and a log.
    exponentials = columns + block.n_animals + 2 + 2 * terms
    passes = columns + detections + 2 * block.n_animals + 6 * terms + 3 * columns * hazards_too
    if adjoint:
        passes += columns + detections + 2 * block.n_animals + 6 * terms
        passes += 2 * columns * hazards_too  # to lambda0 and sigma
    return exponentials, passes


def limit_of(items, ns_exp, ns_add, *needs):
    """Seconds of everything that must be done over all blocks."""
    total = 0.0
    for item in items:
        exponentials, passes = operations(item.block, *needs)
        total += item.block.n_points * (exponentials * ns_exp + passes * ns_add)
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


def grid_operations(given, adjoint):
    """Exponentials, multiply-adds of matrix products and plain ones, of the kernels for grids."""
    patches, own = given.given.patches, given.given
    cells = patches.width * patches.height
    edges = patches.width + patches.height
    shapes, animals = np.diff(given.near.start), np.diff(given.near_animals.start)
    entries, terms = entries_near(given)
    alone = animals * (own.rows.n_terms > 0)
    # Hazards, weight, survival and detected; a competing term is an exp and a log.
    exponentials = ((shapes + animals) * edges + (3 + alone + 2 * terms) * cells).sum()
    products = ((entries + animals) * cells).sum()
    plain = ((4 + alone) * cells).sum()
    if adjoint:
        # A slope of a competing term is another exp; the pass repeats the value's.
        exponentials += (terms * cells).sum()
        products += ((2 * entries + 3 * animals) * cells).sum()
        plain += ((4 + 2 * alone) * cells).sum()
    return exponentials, products, plain


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
            counts = grid_operations(given, adjoint)
            needs = (limits["exp"], limits["product"], limits["add"])
            limit += 1e-9 * sum(n * ns for n, ns in zip(counts, needs, strict=True))
        yield what, seconds, limit


def kernel_rows(limits):
    """Lines of a table in Markdown."""
    for name in MEASURED:
        items, found = kernel_times(name)
        size = sum(item.block.n_points * item.block.n_columns for item in items)
        of_tiles = (
            (what, seconds, limit_of(items, limits["exp"], limits["add"], *needs))
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

One thread can do {1.0 / limits["exp"]:.2f} x 10^9 exponentials a second by the kernels' inlined exp
({limits["exp"]:.2f} ns each; NumPy's own takes {limits["numpy exp"]:.2f} ns), a multiply-add in the
cache in {limits["add"]:.2f} ns, one within a matrix product in {limits["product"]:.3f} ns, and copies
{limits["memory"]:.1f} GB/s from and to memory. The limit of a kernel is the time of the exponentials
and multiply-adds of its formula at these speeds; nothing else is counted, such as the laying out of
a patch. "tile" is the general kernel with log hazards given, "with hazards" includes them. ns are per
hazard column and mask point, most of which the kernels for grids never look at.

| problem | kernel | ms | ns | limit, ms | reached |
|---|---|---:|---:|---:|---:|"""
    yield from kernel_rows(limits)


def main():
    machine.restart_with_one_blas_thread()
    print(*section(), sep="\n")


if __name__ == "__main__":
    main()
