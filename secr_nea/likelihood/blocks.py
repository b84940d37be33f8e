"""Sums over the mask of one or several blocks, tile by tile, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from secr_nea._kernels.hazard import half_normal_log_hazard, weighted_sums
from secr_nea._kernels.tiles import squared_distances, tile_adjoint, tile_value
from secr_nea._numba import PIECES, get_threads, run_tasks
from secr_nea._typing import FloatArray
from secr_nea.detection import DetectionFunction
from secr_nea.likelihood.center_effects import PLAIN, CenterAdjoint, CenterEffects
from secr_nea.likelihood.separable import (
    TOLERANCE,
    PatchAdjoint,
    PatchSums,
    Situation,
    keeps_digits,
    situation,
)
from secr_nea.likelihood.tables import Block

# A tile's hazards (columns x points doubles) should stay in a core's own cache.
_TILE_NUMBERS = 40_000
# Below this many hazards and encounters, handing work to a thread costs more than it saves.
_THREAD_NUMBERS = 200_000
# The same for the kernels for grids, in nanoseconds of work: to cut it takes about 40,000, to wake
# a thread 50,000, and the other half of the work must be worth more than that.
_THREAD_NANOSECONDS = 400_000.0
# Derivatives take so many times as long as the value.
_ADJOINT_COST = 2.0

Columns = tuple[FloatArray, ...]


@dataclass(frozen=True)
class BlockInput:
    """A block with the values that an evaluation needs.

    Parameters
    ----------
    block : Block
    values : tuple of float64 arrays, each (J, 1)
        Detection parameters of each hazard column, natural scale.
    log_weight : float64 array, shape (n_points,)
        Logarithm of the expected number of activity centres in each cell.
    effects : CenterEffects
        What the place of the activity centre changes: distances, sigma, hazard.
    """

    block: Block
    values: Columns
    log_weight: FloatArray
    effects: CenterEffects = PLAIN


@dataclass(frozen=True)
class BlockSums:
    """Sums over all points of a block.

    Parameters
    ----------
    animal_log : float64 array, shape (n_animals,)
        log sum_m W_m Pr(w_i | x_m), without the constant.
    detected : float64 array, shape (n_undetected_patterns,)
        sum_m W_m p.(x_m) for each pattern that undetected animals may have.
    situation : Situation, optional
        What the kernels for grids were given, where they were used.
    """

    animal_log: FloatArray
    detected: FloatArray
    situation: Situation | None = None


@dataclass(frozen=True)
class BlockAdjoint:
    """Derivatives of the log-likelihood to the inputs of a block.

    Parameters
    ----------
    values : tuple of float64 arrays, each (J,)
        To each detection parameter of each hazard column.
    log_weight : float64 array, shape (n_points,)
    effects : CenterAdjoint
    """

    values: Columns
    log_weight: FloatArray
    effects: CenterAdjoint = field(default_factory=lambda: CenterAdjoint.zeros(PLAIN))


Task = tuple[int, int, int, int]


def _tasks(inputs: Sequence[BlockInput]) -> list[Task]:
    """(block, tile, first point, end) of all tiles of all blocks, in their fixed order."""
    tasks = []
    for b, item in enumerate(inputs):
        size = int(np.clip(_TILE_NUMBERS // max(item.block.n_columns, 8) // 64 * 64, 128, 2048))
        edges = range(0, item.block.n_points, size)
        tasks += [(b, t, a, min(a + size, item.block.n_points)) for t, a in enumerate(edges)]
    return tasks


def _threads(inputs: Sequence[BlockInput]) -> int:
    work = sum(i.block.n_points * (i.block.n_columns + 2 * i.block.n_animals) for i in inputs)
    return max(1, min(get_threads(), work // _THREAD_NUMBERS))


def tile_distances(item: BlockInput, start: int, stop: int) -> FloatArray:
    """Squared distances from the site of each column to the points of a tile.

    Parameters
    ----------
    item : BlockInput
    start, stop : int
        First point and end of the tile.

    Returns
    -------
    float64 array, shape (J, stop - start), m^2
    """
    block = item.block
    if item.effects.squared is not None:
        d2 = np.ascontiguousarray(item.effects.squared[:, start:stop])
    else:
        d2 = np.empty((len(block.sites), stop - start))
        squared_distances(block.sites, block.points, start, stop, d2)
    one_to_one = block.n_columns == len(block.sites)
    return item.effects.scaled(d2 if one_to_one else d2[block.column_site], start, stop)


def _is_fused(item: BlockInput, function: DetectionFunction) -> bool:
    """Whether distance and half-normal hazard are computed in one go."""
    return function.is_fused and item.effects.is_plain


def tile_log_hazard(
    item: BlockInput, function: DetectionFunction, start: int, stop: int
) -> FloatArray:
    """Log hazard of each column at the points of a tile.

    Parameters
    ----------
    item : BlockInput
    function : DetectionFunction
    start, stop : int
        First point and end of the tile.

    Returns
    -------
    float64 array, shape (J, stop - start)
    """
    block = item.block
    if not _is_fused(item, function):
        log_hazard = function.log_hazard(tile_distances(item, start, stop), *item.values)
        if item.effects.log_hazard is not None:
            log_hazard += item.effects.log_hazard[start:stop]
        return log_hazard
    out = np.empty((block.n_columns, stop - start))
    lambda0, sigma = (value[:, 0] for value in item.values)
    half_normal_log_hazard(
        block.sites, block.points, start, stop, block.column_site, np.log(lambda0), sigma, out
    )
    return out


def block_sums(
    inputs: Sequence[BlockInput], function: DetectionFunction, tolerance: float = TOLERANCE
) -> list[BlockSums]:
    """Log probabilities of the animals and expected numbers detected.

    Parameters
    ----------
    inputs : sequence of BlockInput
    function : DetectionFunction
    tolerance : float
        Far cameras and animals are left out where that changes the sum of all log sums, and that
        of all expected numbers, by less.

    Returns
    -------
    list of BlockSums, one per block
    """
    found = _grid_sums(inputs, function, tolerance)
    rest = [b for b, sums in enumerate(found) if sums is None]
    for b, sums in zip(rest, _tile_sums([inputs[b] for b in rest], function), strict=True):
        found[b] = sums
    return [sums for sums in found if sums is not None]


def block_adjoint(
    inputs: Sequence[BlockInput],
    function: DetectionFunction,
    sums: Sequence[BlockSums],
    animal_log: Sequence[FloatArray],
    undetected_factor: Sequence[FloatArray],
) -> list[BlockAdjoint]:
    """Derivatives of sum_i animal_log + sum_u factor_u detected_u to the inputs.

    Parameters
    ----------
    inputs : sequence of BlockInput
    function : DetectionFunction
    sums : sequence of BlockSums
        What `block_sums` returned for the same inputs.
    animal_log : sequence of float64 arrays, each (n_animals,)
        Log sums of each animal, over all blocks that share it.
    undetected_factor : sequence of float64 arrays, each (n_undetected_patterns,)

    Returns
    -------
    list of BlockAdjoint, one per block
    """
    found = _grid_adjoint(inputs, sums, animal_log, undetected_factor)
    rest = [b for b, adjoint in enumerate(found) if adjoint is None]
    by_tiles = _tile_adjoint(
        [inputs[b] for b in rest],
        function,
        [animal_log[b] for b in rest],
        [undetected_factor[b] for b in rest],
    )
    for b, adjoint in zip(rest, by_tiles, strict=True):
        found[b] = adjoint
    return [adjoint for adjoint in found if adjoint is not None]


# --- masks that are grids, half-normal hazards ----------------------------------------------------


def is_grid(item: BlockInput, function: DetectionFunction) -> bool:
    """Whether the kernels for grids apply.

    Parameters
    ----------
    item : BlockInput
    function : DetectionFunction

    Returns
    -------
    bool
        Half-normal hazards, mask points on a grid, and parameters far from over- and underflow.
    """
    bounds = ((0.0, 1e100), (1e-3, 1e12))
    return (
        _is_fused(item, function)
        and all(
            low <= value.min(initial=low) and value.max(initial=low) <= high
            for value, (low, high) in zip(item.values, bounds, strict=True)
        )
        and item.block.separable is not None
    )


def _situations(
    inputs: Sequence[BlockInput], function: DetectionFunction, tolerance: float
) -> list[Situation | None]:
    """Blocks to which the kernels for grids apply, with what is near each patch."""
    usable = [is_grid(item, function) for item in inputs]
    size = sum(
        item.block.n_animals + item.block.n_points * float(np.exp(item.log_weight.max()))
        for item, use in zip(inputs, usable, strict=True)
        if use
    )
    change = max(tolerance / max(size, 1.0), 1e-100)
    return [
        situation(item.block, item.values, item.log_weight, change) if use else None
        for item, use in zip(inputs, usable, strict=True)
    ]


def _grid_sums(
    inputs: Sequence[BlockInput], function: DetectionFunction, tolerance: float
) -> list[BlockSums | None]:
    """Sums of the blocks to which the kernels for grids apply, None for the others."""
    situations = _situations(inputs, function, tolerance)
    rooms = {b: PatchSums.of(given) for b, given in enumerate(situations) if given is not None}
    _run_patches(situations, lambda b, given, *part: rooms[b].run(given, *part), 1.0)
    found: list[BlockSums | None] = [None] * len(inputs)
    for b, given in enumerate(situations):
        if given is not None:
            animal_log, detected = rooms[b].together(given)
            if keeps_digits(given, animal_log):
                found[b] = BlockSums(animal_log, detected, given)
    return found


def _grid_adjoint(
    inputs: Sequence[BlockInput],
    sums: Sequence[BlockSums],
    animal_log: Sequence[FloatArray],
    undetected_factor: Sequence[FloatArray],
) -> list[BlockAdjoint | None]:
    """Derivatives of the blocks to which the kernels for grids apply, None for the others."""
    situations = [part.situation for part in sums]
    rooms = {
        b: PatchAdjoint.of(given, animal_log[b], undetected_factor[b])
        for b, given in enumerate(situations)
        if given is not None
    }
    _run_patches(situations, lambda b, given, *part: rooms[b].run(given, *part), _ADJOINT_COST)
    found: list[BlockAdjoint | None] = [None] * len(inputs)
    for b, given in enumerate(situations):
        if given is not None:
            values = rooms[b].together(given, inputs[b].block, inputs[b].values)
            found[b] = BlockAdjoint(values, rooms[b].d_log_weight)
    return found


Piece = tuple[int, Situation, int, int]
"""Patches of a block: its number, its situation, the first patch and the end."""


def _run_patches(
    situations: Sequence[Situation | None],
    run: Callable[[int, Situation, int, int], None],
    times_value: float,
) -> None:
    """Run all patches of all blocks, on threads where the work, in values, is worth it."""
    used = [(b, given) for b, given in enumerate(situations) if given is not None]
    threads = get_threads()
    cost = [given.cost for _, given in used] if threads > 1 else []
    if times_value * sum(float(part.sum()) for part in cost) <= _THREAD_NANOSECONDS:
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


# --- everything else, tile by tile ----------------------------------------------------------------


def _tile_sums(inputs: Sequence[BlockInput], function: DetectionFunction) -> list[BlockSums]:
    """As `block_sums`, for any detection function and any points."""
    tasks = _tasks(inputs)
    n_tiles = [sum(task[0] == b for task in tasks) for b in range(len(inputs))]
    sizes = [(n, i.block.n_animals) for n, i in zip(n_tiles, inputs, strict=True)]
    largest = [np.empty(size) for size in sizes]
    total = [np.empty(size) for size in sizes]
    detected = [
        np.empty((n, len(i.block.tables.undetected))) for n, i in zip(n_tiles, inputs, strict=True)
    ]

    def work(part: Sequence[Task]) -> None:
        with np.errstate(all="ignore"):
            for b, t, start, stop in part:
                item = inputs[b]
                tile_value(
                    item.block.tables,
                    tile_log_hazard(item, function, start, stop),
                    item.log_weight[start:stop],
                    largest[b][t],
                    total[b][t],
                    detected[b][t],
                )

    run_tasks(work, tasks, _threads(inputs))
    return [
        BlockSums(_log_sum(largest[b], total[b]), detected[b].sum(axis=0))
        for b in range(len(inputs))
    ]


def _log_sum(largest: FloatArray, total: FloatArray) -> FloatArray:
    """Combine the tiles' (largest, sum) of each animal in their fixed order."""
    top = largest.max(axis=0, initial=-np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(np.isneginf(largest), 0.0, np.exp(largest - top))
        return np.asarray(top + np.log((total * scaled).sum(axis=0)))


def _tile_adjoint(
    inputs: Sequence[BlockInput],
    function: DetectionFunction,
    animal_log: Sequence[FloatArray],
    undetected_factor: Sequence[FloatArray],
) -> list[BlockAdjoint]:
    """As `block_adjoint`, for any detection function and any points."""
    tasks = _tasks(inputs)
    n_values = len(function.parameters)
    d_weight = [np.empty(item.block.n_points) for item in inputs]
    d_values = [
        np.empty((sum(task[0] == b for task in tasks), n_values, item.block.n_columns))
        for b, item in enumerate(inputs)
    ]
    d_effects = [CenterAdjoint.zeros(item.effects) for item in inputs]

    def work(part: Sequence[Task]) -> None:
        with np.errstate(all="ignore"):
            for b, t, start, stop in part:
                item = inputs[b]
                log_hazard = tile_log_hazard(item, function, start, stop)
                d_log_hazard = np.empty_like(log_hazard)
                tile_adjoint(
                    item.block.tables,
                    log_hazard,
                    item.log_weight[start:stop],
                    animal_log[b],
                    undetected_factor[b],
                    d_log_hazard,
                    d_weight[b][start:stop],
                )
                if _is_fused(item, function):
                    d_values[b][t] = _half_normal_contract(item, d_log_hazard, log_hazard)
                    continue
                d2 = tile_distances(item, start, stop)
                slopes = function.slopes(d2, *item.values)
                for v in range(n_values):
                    d_values[b][t, v] = _contract(d_log_hazard, slopes[v])
                d_effects[b].add_tile(
                    item.effects, start, stop, d_log_hazard, d2, slopes[-1], item.block.column_site
                )

    run_tasks(work, tasks, _threads(inputs))
    return [
        BlockAdjoint(tuple(d_values[b].sum(axis=0)), d_weight[b], d_effects[b])
        for b in range(len(inputs))
    ]


def _contract(d_log_hazard: FloatArray, slope: FloatArray) -> FloatArray:
    """sum_m d_log_hazard[j, m] slope[j, m], where slope may be one number a column."""
    if slope.shape[1] == 1:
        return np.asarray(d_log_hazard.sum(axis=1) * slope[:, 0])
    return np.asarray(np.einsum("jm,jm->j", d_log_hazard, slope))


def _half_normal_contract(
    item: BlockInput, d_log_hazard: FloatArray, log_hazard: FloatArray
) -> FloatArray:
    """Derivatives to lambda0 and sigma, (2, J), with d^2 = 2 sigma^2 (log lambda0 - log h)."""
    lambda0, sigma = (value[:, 0] for value in item.values)
    sums = np.empty((2, len(lambda0)))
    weighted_sums(d_log_hazard, log_hazard, sums)
    plain = sums[0].copy()
    sums[0] = plain / lambda0
    sums[1] = 2.0 * (np.log(lambda0) * plain - sums[1]) / sigma
    return sums
