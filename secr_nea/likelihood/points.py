"""Detection of animals by the place of their activity centre: p.(x), and where an animal lives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances import Measured
from secr_nea.errors import ModelError
from secr_nea.likelihood.blocks import (
    BlockAdjoint,
    BlockInput,
    block_adjoint,
    block_sums,
    is_grid,
    tile_log_hazard,
)
from secr_nea.likelihood.center_effects import FARTHEST_SQUARED, CenterAdjoint, CenterEffects
from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.likelihood.separable import pattern_hazard
from secr_nea.likelihood.tables import Block
from secr_nea.model import Model

_TILE = 2048


def detection_probability(
    likelihood: Likelihood,
    coefficients: FloatArray,
    p: int,
    xy: FloatArray | None = None,
    pattern: int = 0,
    *,
    beyond: bool = False,
    only_class: int | None = None,
) -> FloatArray:
    """Probability that an animal is detected at least once, averaged over its possible classes.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    p : int
        Which population (survey, or survey and group).
    xy : float64 array, shape (n_points, 2), metres, optional
        Places of the activity centre; the mask points by default.
    pattern : int
        Combination of animal covariates (conditional likelihood).
    beyond : bool
        Whether places outside the mask are allowed where detection depends on the place; they
        are like the nearest mask point.
    only_class : int, optional
        The probability of an animal of this class, instead of the average.

    Returns
    -------
    float64 array, shape (n_points,)
    """
    item = likelihood.populations[p]
    share = likelihood.model.mixing.proportions(coefficients)[item.survey]
    places = mask_points(likelihood.model, item.survey, xy, beyond=beyond)
    measured = measured_at(likelihood, coefficients, item.survey, xy, beyond=beyond)
    total: FloatArray | None = None
    for c, given in zip(item.classes, likelihood.state(coefficients).inputs[p], strict=True):
        if only_class is not None and c != only_class:
            continue
        block = given.block.without_animals(xy)
        effects = effects_at(given.effects, places, measured)
        hazard = _pattern_hazard(
            likelihood, BlockInput(block, given.values, _NOTHING, effects), pattern
        )
        found = -np.expm1(-hazard)
        if likelihood.model.individuals.is_mixture and only_class is None:
            found = found * share[c]
        total = found if total is None else total + found
    return np.asarray(total)


_NOTHING: FloatArray = np.zeros(0)


def measured_at(
    likelihood: Likelihood,
    coefficients: FloatArray,
    b: int,
    xy: FloatArray | None,
    *,
    beyond: bool = False,
) -> Measured | None:
    """Distances of a survey to other places than its mask points, by the model's own metric.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    xy : float64 array, shape (n_points, 2), metres, or None
        Places; None stands for the mask points.
    beyond : bool
        Whether places may lie outside the cells of the metric.

    Returns
    -------
    Measured or None
        None for straight distances, and for the mask points.

    Raises
    ------
    ModelError
        If a distance cannot be had.
    """
    if xy is None or likelihood.model.metric is None:
        return None
    measured = likelihood.distances.measured(coefficients, b, xy, beyond=beyond)
    if measured is None:
        raise ModelError("Distances cannot be measured at these coefficients: they are not finite.")
    return measured


def effects_at(
    effects: CenterEffects, places: IntArray | None, measured: Measured | None
) -> CenterEffects:
    """Effects of the place at other points than those of the mask.

    Parameters
    ----------
    effects : CenterEffects
        At the mask points.
    places : int64 array, shape (n_points,), or None
        Mask point that each place belongs to; None: the mask points themselves, or nothing
        depends on it.
    measured : Measured or None
        Distances to the places.

    Returns
    -------
    CenterEffects
    """
    at_places = effects if places is None else replace(effects, squared=None).at(places)
    if measured is None:
        return at_places
    return replace(at_places, squared=np.minimum(measured.squared, FARTHEST_SQUARED))


def mask_points(
    model: Model, b: int, xy: FloatArray | None, *, beyond: bool = False
) -> IntArray | None:
    """Mask point whose cell holds each place, where detection depends on the place itself.

    Parameters
    ----------
    model : Model
    b : int
        Which survey.
    xy : float64 array, shape (n_points, 2), metres, or None
        Places; None stands for the mask points.
    beyond : bool
        Whether places may lie outside the mask.

    Returns
    -------
    int64 array, shape (n_points,), or None
        None where it is not needed.

    Raises
    ------
    ModelError
        If a place is outside the cells of the mask.
    """
    if xy is None or model.location_effects is None:
        return None
    mask = model.surveys[b].mask
    index, distance = mask.nearest(xy)
    outside = np.flatnonzero(distance > _CELL_CORNER * mask.spacing)
    if outside.size and not beyond:
        x, y = xy[outside[0]]
        raise ModelError(
            f"{outside.size} of {len(xy)} places lie outside the mask of "
            f"{model.surveys[b].name!r}, the first at ({x:.0f}, {y:.0f}). Detection depends on the "
            "place of the activity centre in this model, and is known within the mask only: fit "
            "with a mask that covers the places."
        )
    return index


# From the centre of a square cell to its corner, in spacings, and a little for rounding.
_CELL_CORNER = 0.7072


def _pattern_effort(block: Block, pattern: int) -> FloatArray:
    """Effort of one exposure pattern in each column, its base included."""
    tables = block.tables
    effort = np.zeros(block.n_columns)
    while pattern >= 0:
        part = slice(tables.exposure_start[pattern], tables.exposure_start[pattern + 1])
        effort[tables.exposure_column[part]] += tables.exposure_effort[part]
        pattern = int(tables.base[pattern])
    return effort


def _pattern_hazard(likelihood: Likelihood, item: BlockInput, pattern: int) -> FloatArray:
    """Total hazard of one exposure pattern at every point of a block."""
    if is_grid(item, likelihood.function):
        return pattern_hazard(item.block, item.values, pattern)
    effort = _pattern_effort(item.block, pattern)
    out = np.empty(item.block.n_points)
    with np.errstate(all="ignore"):
        for start in range(0, len(out), _TILE):
            stop = min(start + _TILE, len(out))
            log_hazard = tile_log_hazard(item, likelihood.function, start, stop)
            out[start:stop] = effort @ np.exp(log_hazard)
    return out


def mean_log_factors(likelihood: Likelihood, coefficients: FloatArray) -> tuple[float, float]:
    """Factors of sigma and of the hazard by place, averaged over all mask points.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)

    Returns
    -------
    tuple of two floats
        Means of the logarithms; 0 where detection is the same everywhere.
    """
    if likelihood.model.location_effects is None:
        return 0.0, 0.0
    effects = [item.effects for item in likelihood.state(coefficients).flat]
    found = [
        [float(np.mean(part)) for part in parts if part is not None] or [0.0]
        for parts in ([e.log_sigma for e in effects], [e.log_hazard for e in effects])
    ]
    return float(np.mean(found[0])), float(np.mean(found[1]))


def log_encounter(
    likelihood: Likelihood,
    coefficients: FloatArray,
    p: int,
    animals: IntArray,
    only_class: int | None = None,
) -> FloatArray:
    """log(D a Pr(w_i | x)) of some animals at every mask point, up to a constant of each animal.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    p : int
        Which population (survey, or survey and group).
    animals : int64 array, shape (n_chosen,)
        Indices of animals in the survey; they must belong to the population.
    only_class : int, optional
        Only as a member of this class (minus infinity where that is impossible).

    Returns
    -------
    float64 array, shape (n_chosen, n_points)
        Summed over the classes that each animal may belong to.
    """
    item = likelihood.populations[p]
    total: FloatArray | None = None
    for c, given in zip(item.classes, likelihood.state(coefficients).inputs[p], strict=True):
        if only_class is not None and c != only_class:
            continue
        part = _block_encounter(likelihood, given, animals)
        total = part if total is None else np.logaddexp(total, part)
    return np.asarray(total)


def _block_encounter(likelihood: Likelihood, item: BlockInput, animals: IntArray) -> FloatArray:
    """log(W Pr(w_i | x)) within one block; minus infinity for animals that it does not hold."""
    block, tables = item.block, item.block.tables
    place = {int(animal): i for i, animal in enumerate(block.animals)}
    out = np.full((len(animals), block.n_points), -np.inf)
    inside = [(row, place[int(a)]) for row, a in enumerate(animals) if int(a) in place]
    patterns = np.searchsorted(tables.pattern_start, [i for _, i in inside], side="right") - 1
    hazards = {int(u): _pattern_hazard(likelihood, item, int(u)) for u in np.unique(patterns)}
    for (row, _), u in zip(inside, patterns, strict=True):
        out[row] = item.log_weight - hazards[int(u)]
    with np.errstate(all="ignore"):
        for start in range(0, block.n_points, _TILE):
            stop = min(start + _TILE, block.n_points)
            log_hazard = tile_log_hazard(item, likelihood.function, start, stop)
            for row, i in inside:
                out[row, start:stop] += _records(block, i, log_hazard)
    return out


def _records(block: Block, i: int, log_hazard: FloatArray) -> FloatArray:
    """What the records of animal i (position in the block) add at the points of a tile."""
    tables = block.tables
    part = slice(tables.detection_start[i], tables.detection_start[i + 1])
    total = tables.detection_count[part] @ log_hazard[tables.detection_column[part]]
    for e in range(tables.occasion_start[i], tables.occasion_start[i + 1]):
        r = tables.occasion_term[e]
        span = slice(tables.competing_start[r], tables.competing_start[r + 1])
        a = tables.competing_effort[span] @ np.exp(log_hazard[tables.competing_column[span]])
        total = total + tables.occasion_count[e] * _competing(a)
    return np.asarray(total)


def _competing(a: FloatArray) -> FloatArray:
    """log((exp(a) - 1) / a), without overflow."""
    safe = np.maximum(a, 1e-12)
    return np.asarray(safe + np.log(-np.expm1(-safe) / safe))


def expected_detected(
    likelihood: Likelihood,
    coefficients: FloatArray,
    p: int,
    weight: FloatArray,
    xy: FloatArray | None = None,
    factor: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """sum_m W_m p.(x_m) for each combination of animal covariates, and a derivative.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    p : int
        Which population (survey, or survey and group).
    weight : float64 array, shape (n_points,)
        W, such as expected animals per cell, or the cell area.
    xy : float64 array, shape (n_points, 2), metres, optional
        Points; the mask points by default.
    factor : float64 array, shape (n_patterns,), optional
        Weights of the combinations in the derivative; ones by default.

    Returns
    -------
    float64 array, shape (n_patterns,)
        The sums.
    float64 array, shape (n_coefficients,)
        Derivative of factor @ sums through p. to the coefficients of the model.
    """
    model = likelihood.model
    item = likelihood.populations[p]
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.asarray(weight, dtype=np.float64))
        log_share = np.log(model.mixing.proportions(coefficients)[item.survey])
    # A point of weight 0 takes part with a weight of exp(-745), which is 0 for every purpose.
    log_weight = np.maximum(log_weight, -745.0)
    places = mask_points(model, item.survey, xy)
    measured = measured_at(likelihood, coefficients, item.survey, xy)
    inputs, living = [], []
    for c, given in zip(item.classes, likelihood.state(coefficients).inputs[p], strict=True):
        share = log_share[c] if model.individuals.is_mixture else 0.0
        block = given.block.without_animals(xy)
        effects = effects_at(given.effects, places, measured)
        inputs.append(BlockInput(block, given.values, log_weight + share, effects))
        living.append(given)
    sums = block_sums(inputs, likelihood.function)
    detected = np.sum([part.detected for part in sums], axis=0)
    ones = np.ones(len(detected)) if factor is None else factor
    nobody = [np.empty(0) for _ in inputs]
    adjoints = block_adjoint(inputs, likelihood.function, sums, nobody, [ones for _ in inputs])
    if places is not None:
        adjoints = [
            replace(part, effects=_on_points(part.effects, places, len(item.points)))
            for part in adjoints
        ]
    if not likelihood.is_capped:
        return detected, likelihood.pull_back_classes(coefficients, p, adjoints, measured)
    return detected, _through_shares(likelihood, coefficients, p, living, adjoints)


def _through_shares(
    likelihood: Likelihood,
    coefficients: FloatArray,
    p: int,
    living: list[BlockInput],
    adjoints: list[BlockAdjoint],
) -> FloatArray:
    """Derivative with capped detectors, where p. rests on the density of all animals."""
    # The weights of the sum are given; only those of the animals that compete depend on density.
    adjoints = likelihood.without_shares(
        living,
        [
            replace(part, log_weight=np.zeros(given.block.n_points))
            for part, given in zip(adjoints, living, strict=True)
        ],
    )
    d_log_density: list[FloatArray | None] = [None] * len(likelihood.populations)
    d_log_density[p] = np.sum([part.log_weight for part in adjoints], axis=0)
    gradient = likelihood.pull_back_classes(coefficients, p, adjoints)
    return gradient + likelihood.pull_back_density(coefficients, d_log_density)


def _on_points(adjoint: CenterAdjoint, places: IntArray, n_points: int) -> CenterAdjoint:
    """Derivatives to the factors by mask point; distances keep the places they were measured to."""
    factors = replace(adjoint, squared=None).on_points(places, n_points)
    return replace(factors, squared=adjoint.squared)
