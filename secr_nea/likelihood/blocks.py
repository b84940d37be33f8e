"""Sums over the mask of one or several blocks, tile by tile, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from secr_nea._kernels.hazard import half_normal_log_hazard, weighted_sums
from secr_nea._kernels.tiles import squared_distances, tile_adjoint, tile_value
from secr_nea._numba import get_threads, run_tasks
from secr_nea._typing import FloatArray
from secr_nea.detection import DetectionFunction
from secr_nea.likelihood.center_effects import PLAIN, CenterAdjoint, CenterEffects
from secr_nea.likelihood.patch_runs import run_patches
from secr_nea.likelihood.regions import Columns, Region, regions_of
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
# Derivatives take so many times as long as the value.
_ADJOINT_COST = 2.0


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
    regions : list of Region, optional
        What is near each part of a large block.
    """

    animal_log: FloatArray
    detected: FloatArray
    situation: Situation | None = None
    regions: list[Region] | None = None


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
    change = _largest_change(inputs, tolerance)
    found = _grid_sums(inputs, function, change)
    rest = [b for b, sums in enumerate(found) if sums is None]
    parts = [_in_regions(inputs[b], function, change) for b in rest]
    sums = iter(_tile_sums([part for _, own in parts for part in own], function))
    for b, (regions, own) in zip(rest, parts, strict=True):
        found[b] = _joined_sums(inputs[b], regions, [next(sums) for _ in own])
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
    regions = [sums[b].regions or [_whole(inputs[b].block)] for b in rest]
    pairs = [(b, region) for b, own in zip(rest, regions, strict=True) for region in own]
    by_tiles = iter(
        _tile_adjoint(
            [_part(inputs[b], region) for b, region in pairs],
            function,
            [animal_log[b][region.animals] for b, region in pairs],
            [undetected_factor[b] for b, _ in pairs],
        )
    )
    for b, own in zip(rest, regions, strict=True):
        found[b] = _joined_adjoint(inputs[b], own, [next(by_tiles) for _ in own])
    return [adjoint for adjoint in found if adjoint is not None]


def _largest_change(inputs: Sequence[BlockInput], tolerance: float) -> float:
    """How much a total hazard, or the log sum of an animal, may change by what is left out."""
    size = sum(
        item.block.n_animals + item.block.n_points * float(np.exp(item.log_weight.max()))
        for item in inputs
    )
    return max(tolerance / max(size, 1.0), 1e-100)


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
    inputs: Sequence[BlockInput], function: DetectionFunction, change: float
) -> list[Situation | None]:
    """Blocks to which the kernels for grids apply, with what is near each patch."""
    return [
        situation(item.block, item.values, item.log_weight, change)
        if is_grid(item, function)
        else None
        for item in inputs
    ]


def _grid_sums(
    inputs: Sequence[BlockInput], function: DetectionFunction, change: float
) -> list[BlockSums | None]:
    """Sums of the blocks to which the kernels for grids apply, None for the others."""
    situations = _situations(inputs, function, change)
    rooms = {b: PatchSums.of(given) for b, given in enumerate(situations) if given is not None}
    run_patches(situations, lambda b, given, *part: rooms[b].run(given, *part), 1.0)
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
    run_patches(situations, lambda b, given, *part: rooms[b].run(given, *part), _ADJOINT_COST)
    found: list[BlockAdjoint | None] = [None] * len(inputs)
    for b, given in enumerate(situations):
        if given is not None:
            values = rooms[b].together(given, inputs[b].block, inputs[b].values)
            found[b] = BlockAdjoint(values, rooms[b].d_log_weight)
    return found


# --- large blocks, region by region ---------------------------------------------------------------


def _in_regions(
    item: BlockInput, function: DetectionFunction, change: float
) -> tuple[list[Region] | None, list[BlockInput]]:
    """The regions of a block, if it is worth while, and the inputs of each; or the block itself."""
    if not item.effects.is_plain:
        return None, [item]
    regions = regions_of(item.block, function, item.values, item.log_weight, change)
    return regions, [item] if regions is None else [_part(item, region) for region in regions]


def _whole(block: Block) -> Region:
    everything = (block.n_points, block.n_columns, block.n_animals)
    return Region(block, *(np.arange(number) for number in everything))


def _part(item: BlockInput, region: Region) -> BlockInput:
    if region.block is item.block:
        return item
    values = tuple(value[region.columns] for value in item.values)
    return BlockInput(region.block, values, item.log_weight[region.points])


def _joined_sums(
    item: BlockInput, regions: list[Region] | None, parts: Sequence[BlockSums]
) -> BlockSums:
    """Sums over a block from those over its regions, in their fixed order."""
    if regions is None:
        return parts[0]
    animal_log = np.full(item.block.n_animals, -np.inf)
    for region, part in zip(regions, parts, strict=True):
        animal_log[region.animals] = np.logaddexp(animal_log[region.animals], part.animal_log)
    detected = np.sum([part.detected for part in parts], axis=0)
    return BlockSums(animal_log, detected, regions=regions)


def _joined_adjoint(
    item: BlockInput, regions: Sequence[Region], parts: Sequence[BlockAdjoint]
) -> BlockAdjoint:
    """Derivatives to the inputs of a block from those to the inputs of its regions."""
    if regions[0].block is item.block:
        return parts[0]
    values = tuple(np.zeros(item.block.n_columns) for _ in item.values)
    log_weight = np.zeros(item.block.n_points)
    for region, part in zip(regions, parts, strict=True):
        for total, own in zip(values, part.values, strict=True):
            total[region.columns] += own
        log_weight[region.points] = part.log_weight
    return BlockAdjoint(values, log_weight)


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
