"""The log-likelihood of a model and its exact gradient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.likelihood.blocks import (
    BlockAdjoint,
    BlockInput,
    BlockSums,
    block_adjoint,
    block_sums,
)
from secr_nea.likelihood.population import POPULATION_TERMS, PopulationTerm
from secr_nea.likelihood.tables import Block, build_block
from secr_nea.model import Model
from secr_nea.parameters import sum_by_row
from secr_nea.units import animals_per_cell


class Likelihood:
    """The log-likelihood of a model, with its data laid out for the kernels.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    model : Model
    blocks : tuple of Block
        One per survey.
    n_evaluations : int
        How often value or gradient were asked for.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.n_evaluations = 0
        self.blocks: tuple[Block, ...] = tuple(
            build_block(survey, rows, model.detection_parameters)
            for survey, rows in zip(model.surveys, model.detection_rows.rows, strict=True)
        )
        edges = np.cumsum([0, *(block.n_points for block in self.blocks)])
        density_rows = model.parameters["D"].row_of
        self._density_rows = [density_rows[a:b] for a, b in pairwise(edges)]

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
        thin.blocks = tuple(block.thinned(every) for block in self.blocks)
        thin._density_rows = [rows[::every] for rows in self._density_rows]
        return thin

    @cached_property
    def constant(self) -> float:
        """Part of the log-likelihood that does not depend on parameters."""
        return float(sum(block.constant for block in self.blocks))

    def inputs(self, coefficients: FloatArray) -> list[BlockInput]:
        """Everything the kernels need at the given coefficients, one item per block.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        list of BlockInput
        """
        density = self.model.parameters["D"]
        with np.errstate(all="ignore"):
            log_density = np.log(density.values(coefficients))
        values = self.model.detection_values(coefficients)
        return [
            BlockInput(
                block,
                tuple(value[block.column_row][:, None] for value in values),
                log_density[rows] + np.log(animals_per_cell(1.0, block.cell_area)),
            )
            for block, rows in zip(self.blocks, self._density_rows, strict=True)
        ]

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
        inputs = self.inputs(coefficients)
        if not _possible(inputs):
            return -np.inf
        sums = block_sums(inputs, self.model.detection)
        return self._total(sums, self._population(inputs, sums))

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
        inputs = self.inputs(coefficients)
        nowhere = np.full(self.model.n_coefficients, np.nan)
        if not _possible(inputs):
            return -np.inf, nowhere
        sums = block_sums(inputs, self.model.detection)
        terms = self._population(inputs, sums)
        value = self._total(sums, terms)
        if not np.isfinite(value):
            return -np.inf, nowhere
        adjoints = block_adjoint(
            inputs,
            self.model.detection,
            [s.animal_log for s in sums],
            [np.array([term.d_detected]) for term in terms],
        )
        for item, adjoint, term in zip(inputs, adjoints, terms, strict=True):
            if term.d_expected:
                adjoint.log_weight[:] += term.d_expected * np.exp(item.log_weight)
        return value, self.pull_back(coefficients, adjoints)

    def _population(self, inputs: list[BlockInput], sums: list[BlockSums]) -> list[PopulationTerm]:
        term = POPULATION_TERMS[self.model.population]
        return [
            term(i.block.n_animals, float(s.detected[0]), float(np.exp(i.log_weight).sum()))
            for i, s in zip(inputs, sums, strict=True)
        ]

    def _total(self, sums: list[BlockSums], terms: list[PopulationTerm]) -> float:
        total = self.constant
        for block_sum, term in zip(sums, terms, strict=True):
            total += float(block_sum.animal_log.sum()) + term.value
        return total if np.isfinite(total) else -np.inf

    def pull_back(self, coefficients: FloatArray, adjoints: list[BlockAdjoint]) -> FloatArray:
        """From derivatives to the kernels' inputs to derivatives to the coefficients.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        adjoints : list of BlockAdjoint

        Returns
        -------
        float64 array, shape (n_coefficients,)
        """
        n_rows = len(self.model.detection_rows.frame)
        d_values = [np.zeros(n_rows) for _ in self.model.detection.parameters]
        for block, adjoint in zip(self.blocks, adjoints, strict=True):
            for d_value, part in zip(d_values, adjoint.values, strict=True):
                d_value += sum_by_row(block.column_row, part, n_rows)
        gradient = self.model.pull_back_detection(coefficients, d_values)
        density = self.model.parameters["D"]
        d_log = np.concatenate([adjoint.log_weight for adjoint in adjoints])
        row_of = np.concatenate(self._density_rows)
        d_density = sum_by_row(row_of, d_log, len(density.rows))
        gradient[density.slice] = density.pull_back(
            coefficients, d_density / density.values(coefficients)
        )
        return gradient


def _possible(inputs: list[BlockInput]) -> bool:
    """Whether all densities and detection parameters are finite and positive."""
    return all(
        bool(np.isfinite(item.log_weight).all())
        and all(bool(np.all(np.isfinite(v) & (v > 0.0))) for v in item.values)
        for item in inputs
    )


_COMPILED: WeakKeyDictionary[Model, Likelihood] = WeakKeyDictionary()


def likelihood_of(model: Model) -> Likelihood:
    """The likelihood of a model; its tables are built once and kept as long as the model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Likelihood
    """
    if model not in _COMPILED:
        _COMPILED[model] = Likelihood(model)
    return _COMPILED[model]


def log_likelihood(model: Model, coefficients: Mapping[str, float] | Iterable[float]) -> float:
    """Log-likelihood of a model at given coefficients.

    It includes every constant of the data (1/y! of counts, identical histories), so that models
    of the same data can be compared by AIC; the value equals that of R's secr with
    ``details = list(fastproximity = FALSE)``.

    Parameters
    ----------
    model : Model
    coefficients : mapping of name to float, or sequence of float
        Link-scale coefficients, as in ``model.coefficient_names``.

    Returns
    -------
    float
        ``-inf`` where the data are impossible.

    Raises
    ------
    ModelError
        If the coefficients do not fit the model.

    Notes
    -----
    log L = sum_i log(sum_m D_m a Pr(w_i | x_m)) - sum_m D_m a p.(x_m) - sum_h log(f_h!), for a
    Poisson number of animals.

    References
    ----------
    Borchers, D. L. and Efford, M. G. (2008) Spatially explicit maximum likelihood methods for
    capture-recapture studies. Biometrics 64, 377-385.
    """
    return likelihood_of(model).value(model.coefficients(coefficients))


def log_likelihood_gradient(
    model: Model, coefficients: Mapping[str, float] | Iterable[float]
) -> tuple[float, FloatArray]:
    """Log-likelihood and its exact gradient at given coefficients.

    Parameters
    ----------
    model : Model
    coefficients : mapping of name to float, or sequence of float
        Link-scale coefficients, as in ``model.coefficient_names``.

    Returns
    -------
    float
        Log-likelihood.
    float64 array, shape (n_coefficients,)
        Derivative to each coefficient; nan where the log-likelihood is ``-inf``.

    Raises
    ------
    ModelError
        If the coefficients do not fit the model.
    """
    return likelihood_of(model).value_and_gradient(model.coefficients(coefficients))
