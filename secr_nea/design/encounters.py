"""What an animal at each mask point would give: exposure and expected detections at each trap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.design.draws import squared_distances
from secr_nea.design.scenario import Scenario
from secr_nea.design.search_draws import check_search_detection
from secr_nea.detection import DetectionFunction, whole_range
from secr_nea.quadrature import quadrature
from secr_nea.searches import DIMENSION
from secr_nea.traps import TrapArray


@dataclass(frozen=True)
class Encounters:
    """Encounters of one class of animals with every trap, for every place of the activity centre.

    Parameters
    ----------
    exposure : float64 array, shape (n_traps, n_points)
        Total hazard: the probability of no detection by all traps is exp(-sum). For traps that
        work alone exp(-exposure) is also the probability of no detection by that one.
    detections : float64 array, shape (n_traps, n_points)
        Expected number of detections.
    visited : float64 array, shape (n_traps, n_points)
        Probability of any detection by the trap.
    only : float64 array, shape (n_points,)
        Probability of being detected by exactly one trap.
    """

    exposure: FloatArray
    detections: FloatArray
    visited: FloatArray
    only: FloatArray

    @property
    def missed(self) -> FloatArray:
        """Probability of no detection at all, shape (n_points,)."""
        return np.asarray(np.exp(-self.exposure.sum(axis=0)))


def encounters_of(scenario: Scenario, values: tuple[FloatArray, ...]) -> Encounters:
    """Encounters of animals with the given parameters at every mask point.

    Parameters
    ----------
    scenario : Scenario
    values : tuple of float64 arrays, each (n_traps, n_occasions)
        Parameters in the order of the detection function.

    Returns
    -------
    Encounters

    Notes
    -----
    With h the hazard and T the effort of an occasion, the expected number of detections is T h
    (count, searches), 1 - exp(-T h) (binary), T (1 - exp(-h)) (binomial) and, for multi-catch
    traps with total hazard H, T h / H (1 - exp(-H)). A capped detector catches the animal that
    comes first: integral over u from 0 to 1 of T h exp(-T h u) E exp(-S u), with S the hazard of
    all other animals, a Poisson process; exact for its detections, and taken to be independent
    between detectors and occasions for the number of animals.
    """
    traps = scenario.traps
    check_search_detection(traps, scenario.detection)
    points = scenario.mask.xy
    kind = np.array(traps.detector)
    multi, capped = kind == "multi", kind == "capped"
    shape = (traps.n_traps, len(points))
    exposure, detections = np.zeros(shape), np.zeros(shape)
    log_elsewhere, log_not_here = np.zeros(shape), np.zeros(shape)
    d2 = squared_distances(traps.xy, points, scenario.distances)
    for times, s in _distinct_occasions(traps, values):
        hazard = _hazard(traps, scenario.detection, d2, points, [value[:, s] for value in values])
        effort = traps.effort[:, s, None]
        total = hazard * effort
        if capped.any():
            caught = _caught(scenario.animals_at_points, total[capped])
            total[capped] = -np.log1p(-np.minimum(caught, 1.0 - 1e-12))
        found = _expected_detections(kind, total, hazard, effort)
        exposure += times * total
        detections += times * found
        if multi.any():
            own = found[multi]
            taken = own.sum(axis=0)
            with np.errstate(divide="ignore"):
                log_elsewhere[multi] += times * np.log(np.maximum(1.0 - taken + own, 0.0))
                log_not_here[multi] += times * np.log1p(-np.minimum(own, 1.0))
    return Encounters(
        exposure,
        detections,
        np.where(multi[:, None], -np.expm1(log_not_here), -np.expm1(-exposure)),
        _exactly_one(exposure, multi, log_elsewhere),
    )


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def _caught(animals: FloatArray, total: FloatArray) -> FloatArray:
    """Probability that an animal is the first at capped detectors, (n_capped, n_points)."""
    found = np.zeros_like(total)
    for node, weight in zip(0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS, strict=True):
        others = np.exp(-(-np.expm1(-total * node) @ animals))
        found += weight * total * np.exp(-total * node) * others[:, None]
    return found


def _distinct_occasions(traps: TrapArray, values: tuple[FloatArray, ...]) -> list[tuple[int, int]]:
    """How often each distinct occasion happens, and the first one of its kind."""
    columns = np.concatenate([traps.effort, *values]).T
    _, first, times = np.unique(columns, axis=0, return_index=True, return_counts=True)
    return list(zip(times.tolist(), first.tolist(), strict=True))


def _hazard(
    traps: TrapArray,
    function: DetectionFunction,
    d2: FloatArray,
    points: FloatArray,
    values: list[FloatArray],
) -> FloatArray:
    """Hazard per unit effort of each trap, searches integrated, shape (n_traps, n_points)."""
    with np.errstate(divide="ignore"):  # log 0 where nothing can be detected
        hazard = np.exp(function.log_hazard(d2, *(value[:, None] for value in values)))
        for k in np.flatnonzero(traps.is_search):
            own = [value[k : k + 1] for value in values]
            xy, weight = quadrature(traps.searches[k], 0.5 * float(own[1][0]))
            whole = whole_range(function.shape, DIMENSION[traps.detector[k]], *own[1:])[0]
            at = np.exp(
                function.log_hazard(squared_distances(xy, points), *(v[:, None] for v in own))
            )
            hazard[k] = weight @ at / whole
    return np.asarray(hazard)


def _expected_detections(
    kind: np.ndarray[tuple[int], np.dtype[np.str_]],
    total: FloatArray,
    hazard: FloatArray,
    effort: FloatArray,
) -> FloatArray:
    """Expected detections of one occasion, shape (n_traps, n_points)."""
    found = total.copy()
    binary, binomial, multi = (kind == word for word in ("binary", "binomial", "multi"))
    once = binary | (kind == "capped")
    found[once] = -np.expm1(-total[once])
    found[binomial] = -np.expm1(-hazard[binomial]) * effort[binomial]
    if multi.any():
        all_traps = total[multi].sum(axis=0)
        share = total[multi] / np.maximum(all_traps, 1e-300)
        found[multi] = share * -np.expm1(-all_traps)
    return found


def _exactly_one(exposure: FloatArray, multi: BoolArray, log_elsewhere: FloatArray) -> FloatArray:
    """Probability of being detected by exactly one trap, whatever the number of detections.

    A trap that works alone: missed by all others, and not by it. A multi-catch trap: on every
    occasion taken by it or by none, and not always by none.
    """
    missed_alone = np.exp(-exposure[~multi].sum(axis=0))
    missed_multi = np.exp(-exposure[multi].sum(axis=0))
    others = exposure[~multi].sum(axis=0) - exposure[~multi]
    one_alone = (np.exp(-others) * -np.expm1(-exposure[~multi])).sum(axis=0)
    one_multi = (np.exp(log_elsewhere[multi]) - missed_multi).sum(axis=0)
    return np.asarray(one_alone * missed_multi + missed_alone * one_multi)
