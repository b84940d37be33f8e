"""The log-likelihood of a model and its exact gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.detection import DetectionFunction
from secr_nea.distances import Measured
from secr_nea.likelihood.blocks import (
    BlockAdjoint,
    BlockInput,
    BlockSums,
    block_adjoint,
    block_sums,
)
from secr_nea.likelihood.capped import CappedFunction, with_shares, without_shares
from secr_nea.likelihood.center_effects import PLAIN, CenterEffects
from secr_nea.likelihood.layout import Population, populations_of
from secr_nea.likelihood.own_distances import OwnDistances
from secr_nea.likelihood.population import POPULATION_TERMS, PopulationTerm, relative_terms
from secr_nea.likelihood.separable import TOLERANCE
from secr_nea.model import Model
from secr_nea.parameters import sum_by_row
from secr_nea.units import animals_per_cell


@dataclass(frozen=True)
class State:
    """A model at given coefficients: what the kernels are asked, population by population.

    Parameters
    ----------
    inputs : list of lists of BlockInput
        One list for each population, one item for each of its blocks.
    is_possible : bool
        Whether all densities and detection parameters are finite and positive.
    """

    inputs: list[list[BlockInput]]
    is_possible: bool

    @property
    def flat(self) -> list[BlockInput]:
        """All blocks in their fixed order."""
        return [item for group in self.inputs for item in group]

    def nested(self, flat: list[Any]) -> list[list[Any]]:
        """Split a list with one item per block by populations."""
        edges = np.cumsum([0, *(len(group) for group in self.inputs)])
        return [flat[a:b] for a, b in pairwise(edges)]


class _Forward(NamedTuple):
    """The log-likelihood and what its derivatives need."""

    value: float
    sums: list[BlockSums]
    animal_log: list[FloatArray]
    terms: list[PopulationTerm]


# With a larger derivative to the numbers detected, these are taken with a smaller tolerance, so
# that what is left out changes no log-likelihood by 1e-10 (see the likelihood page).
_STEEP = 5.0


class Likelihood:
    """The log-likelihood of a model, with its data laid out for the kernels.

    Parameters
    ----------
    model : Model
    surveys : sequence of int, optional
        The part of the likelihood that these surveys make; all by default.
    tolerance : float
        Log-likelihood that may be left out with what is far away.

    Attributes
    ----------
    model : Model
    populations : tuple of Population
        One per survey, or per survey and group.
    distances : OwnDistances
        By the model's metric.
    n_evaluations : int
        How often value or gradient were asked for.
    """

    def __init__(
        self,
        model: Model,
        surveys: Sequence[int] | None = None,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.model = model
        self.n_evaluations = 0
        self.tolerance = tolerance
        self.populations: tuple[Population, ...] = populations_of(model, surveys)
        self.distances = OwnDistances(model)

    def thinned(self, every: int) -> Likelihood:
        """A rough, cheap likelihood over every so many-th mask point, for a first search.

        Parameters
        ----------
        every : int
            1 for all points.

        Returns
        -------
        Likelihood
        """
        thin = object.__new__(Likelihood)
        thin.model = self.model
        thin.n_evaluations = 0
        thin.tolerance = self.tolerance
        thin.populations = tuple(item.thinned(every) for item in self.populations)
        thin.distances = self.distances
        return thin

    def of_survey(self, b: int) -> list[int]:
        """Positions of the populations of a survey: one, or one for each group."""
        return [p for p, item in enumerate(self.populations) if item.survey == b]

    @property
    def is_capped(self) -> bool:
        """Whether any detector keeps one animal an occasion at most."""
        return any(block.capped_effort.any() for item in self.populations for block in item.blocks)

    @cached_property
    def function(self) -> DetectionFunction:
        """The detection function that the blocks are evaluated with."""
        plain = self.model.detection
        return CappedFunction.of(plain) if self.is_capped else plain

    @cached_property
    def constant(self) -> float:
        """Part of the log-likelihood that does not depend on parameters."""
        return float(sum(item.constant for item in self.populations))

    def log_density(self, coefficients: FloatArray) -> FloatArray:
        """Logarithm of density at each distinct row of its design; 0 without a density."""
        if "D" not in self.model.parameters:
            return np.zeros(1)
        with np.errstate(all="ignore"):
            return np.asarray(np.log(self.model.parameters["D"].values(coefficients)))

    def state(self, coefficients: FloatArray) -> State:
        """Everything the kernels need at the given coefficients.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        State
        """
        log_density = self.log_density(coefficients)
        with np.errstate(all="ignore"):
            values = self.model.detection_design.hazards(coefficients)
            log_share = np.log(self.model.mixing.proportions(coefficients))
        inputs = []
        for item in self.populations:
            blocks = []
            effects = self.effects(coefficients, item, log_density)
            for c, block in zip(item.classes, item.blocks, strict=True):
                if len(item.density_rows):
                    weight = log_density[item.density_rows] + np.log(
                        animals_per_cell(1.0, block.cell_area)
                    )
                else:
                    weight = np.full(block.n_points, np.log(block.cell_area))
                if self.model.individuals.is_mixture:
                    weight = weight + log_share[item.survey, c]
                columns = tuple(value[block.column_row][:, None] for value in values)
                blocks.append(BlockInput(block, columns, weight, effects))
            inputs.append(blocks)
        possible = _is_possible(inputs, np.inf if self.model.detection.is_hazard else 1.0)
        if possible and self.is_capped:
            plain = self.model.detection
            inputs = [[with_shares(item, plain) for item in group] for group in inputs]
        return State(inputs, possible)

    def effects(
        self, coefficients: FloatArray, item: Population, log_density: FloatArray
    ) -> CenterEffects:
        """What the place of the activity centre changes, at the points of a population.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        item : Population
        log_density : float64 array
            As from `log_density`.

        Returns
        -------
        CenterEffects
        """
        location = self.model.location_effects
        squared = self.distances.squared(coefficients, item)
        if location is None:
            return PLAIN if squared is None else CenterEffects(squared)
        at_points = log_density[item.density_rows] if len(item.density_rows) else log_density[:1]
        with np.errstate(all="ignore"):
            log_sigma, log_hazard = location.log_factors(
                coefficients, item.survey, item.points, at_points
            )
        return CenterEffects(squared, log_sigma, log_hazard)

    def value(self, coefficients: FloatArray) -> float:
        """Log-likelihood.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,), link scale

        Returns
        -------
        float
            ``-inf`` where the data are impossible.
        """
        self.n_evaluations += 1
        state = self.state(coefficients)
        return self._forward(state).value if state.is_possible else -np.inf

    def _forward(self, state: State, steepness: float = 1.0) -> _Forward:
        """Log-likelihood, log sums of the animals and number terms of each population."""
        tolerance = self.tolerance / steepness
        sums = block_sums(state.flat, self.function, tolerance)
        nested = state.nested(sums)
        total = self.constant
        logs = []
        for item, parts in zip(self.populations, nested, strict=True):
            logs.append(item.animal_log([part.animal_log for part in parts]))
            total += float(logs[-1][item.members].sum())
        terms = self._terms(
            state, [np.sum([part.detected for part in parts], axis=0) for parts in nested]
        )
        total += sum(term.value for term in terms)
        steepest = max(float(np.abs(one.d_detected).max(initial=0.0)) for one in terms)
        if _STEEP < steepest < np.inf and steepness == 1.0:
            # The number detected is needed with more digits than the Poisson term needs.
            return self._forward(state, steepest)
        return _Forward(total if np.isfinite(total) else -np.inf, sums, logs, terms)

    def _terms(self, state: State, detected: list[FloatArray]) -> list[PopulationTerm]:
        """How the number of animals of each population enters."""
        numbers = [item.n_by_pattern for item in self.populations]
        if self.model.is_relative:
            return relative_terms(numbers, detected)
        term = POPULATION_TERMS[self.model.population]
        expected = [
            float(sum(np.exp(i.log_weight).sum() for i in inputs))
            if self.model.population == "binomial"
            else np.nan
            for inputs in state.inputs
        ]
        return [term(*given) for given in zip(numbers, detected, expected, strict=True)]

    def value_and_gradient(self, coefficients: FloatArray) -> tuple[float, FloatArray]:
        """Log-likelihood and its exact derivative to every coefficient.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,), link scale

        Returns
        -------
        float
            Log-likelihood, ``-inf`` where the data are impossible.
        float64 array, shape (n_coefficients,)
            Gradient, nan where the log-likelihood is not finite.
        """
        self.n_evaluations += 1
        nowhere = np.full(self.model.n_coefficients, np.nan)
        state = self.state(coefficients)
        if not state.is_possible:
            return -np.inf, nowhere
        value, sums, logs, terms = self._forward(state)
        if not np.isfinite(value):
            return -np.inf, nowhere
        adjoints = block_adjoint(
            state.flat,
            self.function,
            sums,
            [log[b.animals] for item, log in self._each(logs) for b in item.blocks],
            [term.d_detected for item, term in self._each(terms) for _ in item.blocks],
        )
        adjoints = self.without_shares(state.flat, adjoints)
        for inputs, parts, term in zip(state.inputs, state.nested(adjoints), terms, strict=True):
            if term.d_expected:
                for given, part in zip(inputs, parts, strict=True):
                    part.log_weight[:] += term.d_expected * np.exp(given.log_weight)
        return value, self.pull_back(coefficients, state.nested(adjoints))

    def without_shares(
        self, inputs: Sequence[BlockInput], adjoints: Sequence[BlockAdjoint]
    ) -> list[BlockAdjoint]:
        """Derivatives to parameters and weights alone; shares at capped detectors rest on both."""
        function = self.function
        if not isinstance(function, CappedFunction):
            return list(adjoints)
        return [
            without_shares(item, function, part)
            for item, part in zip(inputs, adjoints, strict=True)
        ]

    def _each(self, values: list[Any]) -> Iterator[tuple[Population, Any]]:
        return zip(self.populations, values, strict=True)

    def pull_back(self, coefficients: FloatArray, adjoints: list[list[BlockAdjoint]]) -> FloatArray:
        """From derivatives to the kernels' inputs to derivatives to the coefficients.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        adjoints : list of lists of BlockAdjoint
            One list for each population.

        Returns
        -------
        float64 array, shape (n_coefficients,)
        """
        model = self.model
        gradient = np.zeros(model.n_coefficients)
        for p, parts in enumerate(adjoints):
            gradient += self.pull_back_classes(coefficients, p, parts)
        totals = [np.sum([part.log_weight for part in parts], axis=0) for parts in adjoints]
        return gradient + self.pull_back_density(coefficients, totals)

    def pull_back_density(
        self, coefficients: FloatArray, d_log_density: Sequence[FloatArray | None]
    ) -> FloatArray:
        """The part of `pull_back` through density.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_log_density : sequence of float64 arrays or None, each (n_points,)
            Derivative to the logarithm of density at each mask point of each population; None
            where it is zero.

        Returns
        -------
        float64 array, shape (n_coefficients,); zero for all but the coefficients of density
        """
        gradient = np.zeros(self.model.n_coefficients)
        if "D" not in self.model.parameters:
            return gradient
        density = self.model.parameters["D"]
        d_log = np.zeros(len(density.rows))
        for item, part in zip(self.populations, d_log_density, strict=True):
            if part is not None:
                if len(density.rows) == 1:
                    d_log += part.sum()
                else:
                    d_log += sum_by_row(item.density_rows, part, len(density.rows))
        gradient[density.slice] = density.pull_back(
            coefficients, d_log / density.values(coefficients)
        )
        return gradient

    def pull_back_classes(
        self,
        coefficients: FloatArray,
        p: int,
        adjoints: list[BlockAdjoint],
        measured: Measured | None = None,
    ) -> FloatArray:
        """The part of `pull_back` through detection and class proportions, of one population.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        p : int
            Which population.
        adjoints : list of BlockAdjoint
            One for each of its blocks.
        measured : Measured, optional
            Distances to the points of the adjoints; those to the mask points by default.

        Returns
        -------
        float64 array, shape (n_coefficients,)
            Of the coefficients of density only what changes sigma.
        """
        model, item = self.model, self.populations[p]
        n_rows = len(model.detection_rows.frame)
        d_values = [np.zeros(n_rows) for _ in model.detection.parameters]
        d_share = np.zeros((len(model.surveys), model.individuals.n_levels))
        for c, block, adjoint in zip(item.classes, item.blocks, adjoints, strict=True):
            for d_value, part in zip(d_values, adjoint.values, strict=True):
                d_value += sum_by_row(block.column_row, part, n_rows)
            d_share[item.survey, c] += adjoint.log_weight.sum()
        gradient = model.detection_design.pull_back(coefficients, d_values)
        if model.mixing.parameters:
            model.mixing.pull_back(coefficients, d_share, gradient)
        if model.location_effects is not None:
            self._pull_back_effects(coefficients, item, adjoints, gradient)
        self.distances.pull_back(coefficients, item, adjoints, measured, gradient)
        return gradient

    def _pull_back_effects(
        self,
        coefficients: FloatArray,
        item: Population,
        adjoints: list[BlockAdjoint],
        gradient: FloatArray,
    ) -> None:
        """Add the derivative through the place of the activity centre to a gradient."""
        location = self.model.location_effects
        assert location is not None
        d_log_sigma = np.zeros(len(item.points))
        d_log_hazard = np.zeros(len(item.points))
        for adjoint in adjoints:
            if adjoint.effects.log_sigma is not None:
                d_log_sigma += adjoint.effects.log_sigma
            if adjoint.effects.log_hazard is not None:
                d_log_hazard += adjoint.effects.log_hazard
        d_log_density = location.pull_back(
            item.survey, item.points, d_log_sigma, d_log_hazard, gradient
        )
        if location.follows_density:
            density = self.model.parameters["D"]
            d_log = sum_by_row(item.density_rows, d_log_density, len(density.rows))
            gradient[density.slice] += density.pull_back(
                coefficients, d_log / density.values(coefficients)
            )


def _is_possible(inputs: list[list[BlockInput]], largest_amplitude: float) -> bool:
    """Whether densities and detection parameters are finite and positive, g0 at most 1."""
    return all(
        bool(np.isfinite(item.log_weight).all())
        and item.effects.is_finite
        and all(bool(np.all(np.isfinite(v) & (v > 0.0))) for v in item.values)
        and bool(np.all(item.values[0] <= largest_amplitude))
        for group in inputs
        for item in group
    )
