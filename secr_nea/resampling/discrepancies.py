"""How far counts are from what a fit expects at the activity centres of the animals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.estimate import Estimate
from secr_nea.inference.expected_counts import ExpectedCounts, count_matrix
from secr_nea.inference.living import living
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability, log_encounter
from secr_nea.model import Model
from secr_nea.parameters import sum_by_row

TESTS = ("animal by detector", "animal", "detector", "distance")
"""What the counts are summed over."""


@dataclass(frozen=True)
class DistanceClasses:
    """Edges of classes of distance between activity centre and detector, metres."""

    edges: FloatArray

    def of(self, xy: FloatArray, sites: FloatArray) -> IntArray:
        """Class of every pair, shape (n, n_sites)."""
        difference = xy[:, None, :] - sites
        distance = np.sqrt(np.einsum("ika,ika->ik", difference, difference))
        return np.asarray(np.searchsorted(self.edges, distance, side="right"), dtype=np.int64)

    @property
    def number(self) -> int:
        """How many classes there are."""
        return len(self.edges) + 1


def distance_classes(estimate: Estimate, number: int) -> DistanceClasses:
    """Classes of distance with about equal expected detections of all animals.

    Parameters
    ----------
    estimate : Estimate
    number : int

    Returns
    -------
    DistanceClasses
    """
    model = estimate.model
    distances, weights = [], []
    for b, survey in enumerate(model.surveys):
        counts = ExpectedCounts(model, b)
        for c, u, weight in living(model, estimate.coefficients, b):
            xy, points = survey.mask.xy, np.arange(survey.mask.n_points)
            expected = counts.expected(estimate.coefficients, points, animal_class=c, pattern=u)
            difference = xy[:, None, :] - survey.traps.xy
            distances.append(np.sqrt(np.einsum("ika,ika->ik", difference, difference)).ravel())
            weights.append((expected * weight[:, None]).ravel())
    distance, weight = np.concatenate(distances), np.concatenate(weights)
    order = np.argsort(distance)
    share = np.cumsum(weight[order]) / weight.sum()
    at = np.searchsorted(share, np.arange(1, number) / number)
    return DistanceClasses(np.unique(distance[order][np.minimum(at, len(order) - 1)]))


@dataclass(frozen=True)
class Completed:
    """Counts of the detected animals of a survey and draws of where they live.

    Parameters
    ----------
    counts : float64 array, shape (n_animals, n_traps)
    expected : float64 array, shape (n_draws, n_animals, n_traps)
    distance : int64 array, shape (n_draws, n_animals, n_traps)
        Class of distance.
    totals : float64 array, shape (n_animals,)
        Expected detections of an animal that was detected where it was, however often.
    missed : float64 array, shape (n_traps, n_classes of distance)
        Expected detections of animals that happened to be missed, at the rate of all animals.
    """

    counts: FloatArray
    expected: FloatArray
    distance: IntArray
    totals: FloatArray
    missed: FloatArray

    def discrepancies(self) -> FloatArray:
        """Freeman-Tukey statistic of each of `TESTS`, averaged over the draws, shape (4,)."""
        y, e = self.counts, self.expected
        cells = _freeman_tukey(y, e).sum(axis=(1, 2))
        animals = _freeman_tukey(y.sum(axis=1), self.totals).sum()
        detectors = _freeman_tukey(y.sum(axis=0), e.sum(axis=1) + self.missed.sum(axis=1))
        n_classes = self.missed.shape[1]
        by_class = []
        for own, place in zip(e, self.distance, strict=True):
            observed = sum_by_row(place.ravel(), y.ravel(), n_classes)
            foreseen = sum_by_row(place.ravel(), own.ravel(), n_classes)
            by_class.append(_freeman_tukey(observed, foreseen + self.missed.sum(axis=0)).sum())
        return np.array([cells.mean(), animals, detectors.sum(axis=1).mean(), np.mean(by_class)])


def _freeman_tukey(observed: FloatArray, expected: FloatArray) -> FloatArray:
    return np.asarray((np.sqrt(observed) - np.sqrt(expected)) ** 2)


def complete(
    model: Model,
    coefficients: FloatArray,
    b: int,
    classes: DistanceClasses,
    n_draws: int,
    rng: np.random.Generator,
) -> Completed:
    """Draw activity centres (and classes) of the detected animals from their posterior.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    classes : DistanceClasses
    n_draws : int
    rng : numpy Generator

    Returns
    -------
    Completed
    """
    survey = model.surveys[b]
    counts = ExpectedCounts(model, b)
    everywhere = _everywhere(counts, coefficients)
    encounters = _encounters(model, coefficients, b)
    n, n_traps = survey.n_animals, survey.traps.n_traps
    expected = np.zeros((n_draws, n, n_traps))
    distance = np.zeros((n_draws, n, n_traps), dtype=np.int64)
    pattern_of = model.individuals.surveys[b].pattern_of
    for animals, class_of, point in _posterior(encounters, n_draws, rng):
        states = counts.states(animals)
        for c in np.unique(class_of):
            for u in np.unique(pattern_of[animals]):
                draw, place = np.nonzero((class_of == c) & (pattern_of[animals] == u))
                if not len(draw):
                    continue
                where = point[draw, place]
                expected[draw, animals[place]] = (
                    everywhere(int(c), int(u))[where]
                    if states is None
                    else counts.expected(
                        coefficients,
                        where,
                        animal_class=int(c),
                        pattern=int(u),
                        states=states[place],
                    )
                )
                distance[draw, animals[place]] = classes.of(survey.mask.xy[where], survey.traps.xy)
    observed = count_matrix(survey)
    totals = np.zeros(n)
    for encounter in encounters:
        rows = encounter.animals
        totals[rows] = _totals(encounter, everywhere, pattern_of[rows], observed[rows].sum(axis=1))
    missed = _missed(model, coefficients, b, everywhere, classes)
    return Completed(observed, expected, distance, totals, missed)


Everywhere: TypeAlias = Callable[[int, int], FloatArray]
"""Class and pattern to expected detections at every mask point, (n_points, n_traps)."""


def _everywhere(counts: ExpectedCounts, coefficients: FloatArray) -> Everywhere:
    points = np.arange(counts.survey.mask.n_points)

    @cache
    def found(animal_class: int, pattern: int) -> FloatArray:
        return counts.expected(coefficients, points, animal_class=animal_class, pattern=pattern)

    return found


@dataclass(frozen=True)
class _Encounter:
    """log-probability of what was seen of the animals of one population, at every place.

    Classes have blocks of columns: ``log_joint`` is (n_animals, n_classes * n_points).
    """

    animals: IntArray
    classes: IntArray
    log_joint: FloatArray


def _encounters(model: Model, coefficients: FloatArray, b: int) -> list[_Encounter]:
    likelihood = likelihood_of(model)
    found = []
    for p in likelihood.of_survey(b):
        item = likelihood.populations[p]
        if len(item.members):
            logs = [
                log_encounter(likelihood, coefficients, p, item.members, c) for c in item.classes
            ]
            joined = np.concatenate(logs, axis=1)
            found.append(_Encounter(item.members, np.array(item.classes), joined))
    return found


def _totals(
    encounter: _Encounter, everywhere: Everywhere, pattern_of: IntArray, counts: FloatArray
) -> FloatArray:
    """Expected detections of each animal given where it was detected but not how often.

    With H expected detections at a place, an animal is detected y times there with about the
    probability of a Poisson number above 0. It is divided out, so that an animal that was
    detected often is not moved to where animals are detected often, and its total can be
    compared with H / (1 - exp(-H)).
    """
    totals = np.zeros(len(counts))
    for u in np.unique(pattern_of):
        own = pattern_of == u
        fields = [everywhere(int(c), int(u)).sum(axis=1) for c in encounter.classes]
        hazard = np.maximum(np.concatenate(fields), 1e-300)
        seen = -np.expm1(-hazard)
        how_often = counts[own, None] * np.log(hazard) - hazard - np.log(seen)
        where = encounter.log_joint[own] - how_often
        weight = np.exp(where - where.max(axis=1, keepdims=True))
        totals[own] = weight @ (hazard / seen) / weight.sum(axis=1)
    return totals


def _posterior(
    encounters: list[_Encounter], n_draws: int, rng: np.random.Generator
) -> list[tuple[IntArray, IntArray, IntArray]]:
    """For each population: its animals, and class and mask point of each, (n_draws, n)."""
    found = []
    for item in encounters:
        logs = item.log_joint
        edges = np.cumsum(np.exp(logs - logs.max(axis=1, keepdims=True)), axis=1)
        which = np.empty((n_draws, len(logs)), dtype=np.int64)
        for i, row in enumerate(edges):
            which[:, i] = np.searchsorted(row, rng.random(n_draws) * row[-1], side="right")
        block, point = np.divmod(which, logs.shape[1] // len(item.classes))
        found.append((item.animals, item.classes[block], point))
    return found


def _missed(
    model: Model,
    coefficients: FloatArray,
    b: int,
    everywhere: Everywhere,
    classes: DistanceClasses,
) -> FloatArray:
    """Expected detections of the missed animals, shape (n_traps, n_classes)."""
    survey = model.surveys[b]
    likelihood = likelihood_of(model)
    place = classes.of(survey.mask.xy, survey.traps.xy)
    n_traps, size = survey.traps.n_traps, classes.number
    total = np.zeros(n_traps * size)
    slot = place + size * np.arange(n_traps)
    for c, u, weight in living(model, coefficients, b):
        p = next(q for q in likelihood.of_survey(b) if c in likelihood.populations[q].classes)
        seen = detection_probability(likelihood, coefficients, p, pattern=u, only_class=c)
        missed = 1.0 - seen
        share = everywhere(c, u) * (weight * missed)[:, None]
        total += np.bincount(slot.ravel(), weights=share.ravel(), minlength=len(total))
    return np.asarray(total.reshape(n_traps, size))
