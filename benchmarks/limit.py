"""How close the kernels come to what this machine can do: `python benchmarks/limit.py [problem]`.

The limit of a kernel is the time of the exponentials and multiply-adds that its formula needs, when
each ran as fast as it does alone, in a loop over numbers that are in the cache.
"""

from __future__ import annotations

import sys
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

    def numpy_exponentials():
        for _ in range(200):
            np.exp(x, out=out)

    left, right = np.ones((48, 32)), np.ones((32, 48))

    def products():
        for _ in range(200):
            np.dot(left, right)

    return {
        "multiply-add of a product, ns": shortest(products) * 1e9 / (200 * 48 * 32 * 48),
        "exp of the kernels, ns": shortest(lambda: exponentials(x, out, 200)) * each,
        "exp of NumPy, ns": shortest(numpy_exponentials) * each,
        "multiply-add in cache, ns": shortest(lambda: multiply_adds(x, out, 200)) * each,
        "copied from and to memory, GB/s": 2e-9
        * large.nbytes
        / shortest(lambda: np.copyto(target, large), 5),
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
        "tile_value": (shortest(values), False, False),
        "tile_adjoint": (shortest(adjoints), True, False),
        "pass for the value": (shortest(lambda: _tile_sums(items, function)), False, True),
        "pass for the gradient": (
            shortest(lambda: _tile_adjoint(items, function, logs, factors)),
            True,
            True,
        ),
    }


def grid_operations(given, adjoint):
    """Exponentials, multiply-adds of matrix products and plain ones, of the kernels for grids."""
    patches = given.given.patches
    cells = patches.width * patches.height
    edges = patches.width + patches.height
    shapes, animals = np.diff(given.near.start), np.diff(given.near_animals.start)
    exponentials = ((shapes + animals) * edges + 3 * cells).sum()
    products = ((shapes + animals) * cells).sum()
    plain = 4 * cells.sum()
    if adjoint:
        products += ((2 * shapes + 3 * animals) * cells).sum()
        plain += 4 * cells.sum()
    return exponentials, products, plain


def grid_times(name, limits):
    """Seconds of the kernels for grids, and the share of the machine's limit that they reach."""
    target = problem(name)
    items = likelihood_of(target.model).state(target.truth).flat
    sums = block_sums(items, target.model.detection)
    for what, adjoint in (("patch_sums", False), ("patch_adjoint", True)):
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
            exponentials, products, plain = grid_operations(given, adjoint)
            limit += 1e-9 * (
                exponentials * limits["exp of the kernels, ns"]
                + products * limits["multiply-add of a product, ns"]
                + plain * limits["multiply-add in cache, ns"]
            )
        yield what, seconds, limit


def main():
    machine.restart_with_one_blas_thread()
    name = sys.argv[1] if len(sys.argv) > 1 else "gobi_like"
    limits = machine_limits()
    print(f"{machine.processor()}; {machine.versions()}")
    for what, number in limits.items():
        print(f"{what:34s} {number:8.2f}")
    print(f"exponentials per second {1.0 / limits['exp of the kernels, ns']:.2f} x 10^9")
    items, found = kernel_times(name)
    size = sum(item.block.n_points * item.block.n_columns for item in items)
    print(f"\n{name}: {size:,} columns x points; animals and detections come on top")
    for what, (seconds, *needs) in found.items():
        limit = limit_of(
            items, limits["exp of the kernels, ns"], limits["multiply-add in cache, ns"], *needs
        )
        print(
            f"{what:24s} {1e3 * seconds:8.2f} ms {1e9 * seconds / size:7.2f} ns each   "
            f"limit {1e9 * limit / size:5.2f} ns, reached {limit / seconds:4.0%}"
        )
    for what, seconds, limit in grid_times(name, limits):
        print(
            f"{what:24s} {1e3 * seconds:8.2f} ms {1e9 * seconds / size:7.2f} ns each   "
            f"limit {1e9 * limit / size:5.2f} ns, reached {limit / seconds:4.0%}"
        )


if __name__ == "__main__":
    main()
