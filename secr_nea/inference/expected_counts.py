"""Expected detections at each detector of an animal that lives in a known cell of the mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.errors import ModelError
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.center_effects import CenterEffects
from secr_nea.model import Model
from secr_nea.quadrature import quadrature
from secr_nea.responses import animal_state
from secr_nea.survey import Survey

KINDS = ("count", "binary", "binomial", "multi", "area_search", "transect")
"""Detectors at which animals are detected independently of each other."""

_CHUNK = 2_000_000  # hazards that are held at once


@dataclass(frozen=True)
class ExpectedCounts:
    """Expected counts of one survey of a model.

    Parameters
    ----------
    model : Model
    survey_index : int
    """

    model: Model
    survey_index: int

    @property
    def survey(self) -> Survey:
        """The survey."""
        return self.model.surveys[self.survey_index]

    @property
    def rows(self) -> IntArray:
        """Row of the detection values, (n_classes, n_patterns, n_states, n_traps, n_occasions)."""
        return self.model.detection_rows.rows[self.survey_index]

    @cached_property
    def kinds(self) -> BoolArray:
        """Which detectors are of each of `KINDS`, shape (n_kinds, n_traps)."""
        detector = np.array(self.survey.traps.detector)
        unknown = sorted(set(detector) - set(KINDS))
        if unknown:
            raise ModelError(
                f"At {', '.join(unknown)} detectors animals get in each other's way, so that there "
                "is no expected count of one animal."
            )
        return np.array([detector == kind for kind in KINDS])

    def states(self, animals: IntArray) -> BoolArray | None:
        """Where and when detected animals are in the state of a learned response.

        Parameters
        ----------
        animals : int64 array, shape (n,)

        Returns
        -------
        bool array, shape (n, n_traps, n_occasions), or None without a learned response
        """
        response = self.model.individuals.response
        if not response:
            return None
        captures, shape = self.survey.captures, self.survey.traps.effort.shape
        found = np.zeros((len(animals), *shape), dtype=bool)
        for row, i in enumerate(animals):
            own = captures.animal == i
            found[row] = animal_state(response, shape, captures.trap[own], captures.occasion[own])
        return found

    def expected(
        self,
        coefficients: FloatArray,
        points: IntArray,
        *,
        animal_class: int = 0,
        pattern: int = 0,
        states: BoolArray | None = None,
    ) -> FloatArray:
        """Expected detections over all occasions.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        points : int64 array, shape (n,)
            Mask points at which the animals have their activity centres.
        animal_class, pattern : int
            Class or group, and combination of covariates, of these animals.
        states : bool array, shape (n, n_traps, n_occasions), optional
            Where and when each is in the state of a learned response: expectations are then given
            what was detected before. Nowhere by default.

        Returns
        -------
        float64 array, shape (n, n_traps)
        """
        return self._in_chunks(coefficients, points, animal_class, pattern, states)[0]

    def moments(
        self,
        coefficients: FloatArray,
        points: IntArray,
        *,
        animal_class: int = 0,
        pattern: int = 0,
    ) -> tuple[FloatArray, FloatArray]:
        """Expectation and variance of the detections of animals without a learned response.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        points : int64 array, shape (n,)
            Mask points.
        animal_class, pattern : int

        Returns
        -------
        float64 array, shape (n, n_traps)
        float64 array, shape (n, n_traps)
        """
        return self._in_chunks(coefficients, points, animal_class, pattern, None)

    def total_hazard(
        self,
        coefficients: FloatArray,
        points: IntArray,
        *,
        animal_class: int = 0,
        pattern: int = 0,
    ) -> FloatArray:
        """Hazard of each detector over all occasions for animals without a learned response.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        points : int64 array, shape (n,)
            Mask points.
        animal_class, pattern : int

        Returns
        -------
        float64 array, shape (n, n_traps)
            An animal is missed by some detectors with probability exp(-sum of their hazards).
        """
        rows = self.rows[animal_class, pattern]
        effort = self.survey.traps.effort
        total = np.zeros((len(points), self.survey.traps.n_traps))
        for s, times in self._occasions(rows, False):
            total += times * self._hazard(coefficients, points, rows[0, :, s]) * effort[:, s]
        return total

    def _in_chunks(
        self,
        coefficients: FloatArray,
        points: IntArray,
        animal_class: int,
        pattern: int,
        states: BoolArray | None,
    ) -> tuple[FloatArray, FloatArray]:
        size = max(1, _CHUNK // max(1, self.survey.traps.effort.size))
        nothing = np.zeros((0, self.survey.traps.n_traps))
        means, variances = [nothing], [nothing]
        for start in range(0, len(points), size):
            part = slice(start, start + size)
            mean, variance = self._chunk(
                coefficients,
                points[part],
                self.rows[animal_class, pattern],
                None if states is None else states[part],
            )
            means.append(mean)
            variances.append(variance)
        return np.concatenate(means), np.concatenate(variances)

    def _chunk(
        self, coefficients: FloatArray, points: IntArray, rows: IntArray, states: BoolArray | None
    ) -> tuple[FloatArray, FloatArray]:
        mean = np.zeros((len(points), self.survey.traps.n_traps))
        variance = np.zeros_like(mean)
        for s, times in self._occasions(rows, states is not None):
            hazard = self._hazard(coefficients, points, rows[0, :, s])
            if states is not None and len(rows) > 1:
                learned = self._hazard(coefficients, points, rows[1, :, s])
                hazard = np.where(states[:, :, s], learned, hazard)
            found = self._of_occasion(hazard, self.survey.traps.effort[:, s])
            mean += times * found[0]
            variance += times * found[1]
        return mean, variance

    def _occasions(self, rows: IntArray, each: bool) -> list[tuple[int, int]]:
        """One of each kind of occasion, and how many there are of it."""
        effort = self.survey.traps.effort
        if each:
            return [(s, 1) for s in range(effort.shape[1])]
        keys = np.concatenate([rows[0].astype(np.float64), effort]).T
        _, first, number = np.unique(keys, axis=0, return_index=True, return_counts=True)
        return [(int(s), int(n)) for s, n in zip(first, number, strict=True)]

    def _of_occasion(self, hazard: FloatArray, effort: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance on one occasion from hazards per unit effort, all (n, n_traps)."""
        _, binary, binomial, multi, _, _ = self.kinds
        exposure = hazard * effort
        mean = np.where(binary, -np.expm1(-exposure), exposure)
        if multi.any():
            whole = np.where(multi, exposure, 0.0).sum(axis=1, keepdims=True)
            taken = np.where(whole > 0.0, -np.expm1(-whole) / np.maximum(whole, 1e-300), 1.0)
            mean = np.where(multi, exposure * taken, mean)
        variance = np.where(binary | multi, mean * (1.0 - mean), mean)
        if binomial.any():
            chance = -np.expm1(-hazard)
            mean = np.where(binomial, chance * effort, mean)
            variance = np.where(binomial, chance * (1.0 - chance) * effort, variance)
        return mean, variance

    def _hazard(self, coefficients: FloatArray, points: IntArray, row: IntArray) -> FloatArray:
        """Hazard per unit effort at every detector, shape (n, n_traps)."""
        model, traps = self.model, self.survey.traps
        values = model.detection_design.hazards(coefficients)
        effects = self._effects(coefficients).at(points)
        xy = self.survey.mask.xy[points]
        at_points = ~traps.is_search
        hazard = np.empty((traps.n_traps, len(points)))
        squared = effects.squared
        if squared is None:
            squared = _squared(traps.xy, xy)
        squared = effects.scaled(squared[: traps.n_traps], 0, len(points))
        with np.errstate(divide="ignore"):
            own = tuple(value[row[at_points], None] for value in values)
            hazard[at_points] = np.exp(model.detection.log_hazard(squared[at_points], *own))
            for k in np.flatnonzero(traps.is_search):
                nodes, weight = quadrature(traps.searches[k], model.smallest_sigma)
                own = tuple(np.full((len(nodes), 1), value[row[k]]) for value in values)
                near = effects.scaled(_squared(nodes, xy), 0, len(points))
                hazard[k] = weight @ np.exp(model.detection.log_hazard(near, *own))
        if effects.log_hazard is not None:
            hazard *= np.exp(effects.log_hazard)
        return hazard.T

    def _effects(self, coefficients: FloatArray) -> CenterEffects:
        """What the place of the activity centre changes; alike for all classes and groups."""
        likelihood = likelihood_of(self.model)
        p = likelihood.of_survey(self.survey_index)[0]
        return likelihood.state(coefficients).inputs[p][0].effects


def _squared(sites: FloatArray, xy: FloatArray) -> FloatArray:
    """Squared straight distances from sites to activity centres, (n_sites, n), m2."""
    difference = sites[:, None, :] - xy
    return np.asarray(np.einsum("kia,kia->ki", difference, difference))


def count_matrix(survey: Survey) -> FloatArray:
    """Detections of each animal at each detector, shape (n_animals, n_traps).

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    float64 array
    """
    captures = survey.captures
    counts = np.zeros((captures.n_animals, survey.traps.n_traps))
    np.add.at(counts, (captures.animal, captures.trap), captures.count)
    return counts
