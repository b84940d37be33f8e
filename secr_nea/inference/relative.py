"""The absolute form of relative density: a level for what the conditional likelihood estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.density import PointDensity, modelled_density
from secr_nea.inference.intervals import delta_variance
from secr_nea.inference.variants import variant
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability, expected_detected
from secr_nea.units import animals_per_cell


@dataclass(frozen=True)
class Level:
    """What relative density is multiplied with, animals per 100 km2.

    Parameters
    ----------
    value : float
        k = sum over animals of 1 / E_u, with E_u the integral of relative density times p. for
        animals with the covariates u.
    gradient : float64 array, shape (n_coefficients,)
    number_variance : float
        Part of the variance of k that comes from the number of animals detected.
    """

    value: float
    gradient: FloatArray
    number_variance: float


def level_of(estimate: Estimate, counts: FloatArray, numbers: str = "poisson") -> Level:
    """Level of relative density for some of the animals.

    Parameters
    ----------
    estimate : Estimate
        A fit with relative density.
    counts : float64 array, shape (n_patterns,)
        Animals with each combination of covariates, over all surveys.
    numbers : {"poisson", "binomial"}
        Distribution of the number of animals in the masks.

    Returns
    -------
    Level
    """
    likelihood = likelihood_of(estimate.model)
    seen = np.zeros_like(counts)
    everybody = 0.0
    for p in range(len(likelihood.populations)):
        weight, _ = _per_cell(estimate, p)
        everybody += float(weight.sum())
        seen += expected_detected(likelihood, estimate.coefficients, p, weight)[0]
    factor = -counts / seen**2
    gradient = np.zeros(estimate.n_parameters)
    for p in range(len(likelihood.populations)):
        weight, density = _per_cell(estimate, p)
        _, through_p = expected_detected(
            likelihood, estimate.coefficients, p, weight, factor=factor
        )
        gradient += through_p
        cell = weight / density.value
        for u in np.flatnonzero(counts):
            found = detection_probability(likelihood, estimate.coefficients, p, None, int(u))
            gradient += factor[u] * (density.gradient.T @ (found * cell))
    share = 1.0 - seen / everybody if numbers == "binomial" else np.ones_like(seen)
    return Level(float((counts / seen).sum()), gradient, float((counts * share / seen**2).sum()))


def _per_cell(estimate: Estimate, p: int) -> tuple[FloatArray, PointDensity]:
    """Relative density times the cell area, and relative density with its gradient."""
    density = modelled_density(estimate, p)
    block = likelihood_of(estimate.model).populations[p].blocks[0]
    return np.asarray(animals_per_cell(density.value, block.cell_area)), density


def counts_of(estimate: Estimate, chosen: Sequence[BoolArray] | None = None) -> FloatArray:
    """Animals with each combination of covariates, over all surveys.

    Parameters
    ----------
    estimate : Estimate
    chosen : sequence of bool arrays, each (n_animals of the survey,), optional
        Which animals; all by default.

    Returns
    -------
    float64 array, shape (n_patterns,)
    """
    surveys = estimate.model.individuals.surveys
    total = np.zeros(len(surveys[0].patterns))
    for b, own in enumerate(surveys):
        pattern = own.pattern_of if chosen is None else own.pattern_of[chosen[b]]
        total += np.bincount(pattern, minlength=len(total))
    return total


def absolute_coefficients(
    estimate: Estimate, *, numbers: str = "poisson", level: float = 0.95
) -> pd.DataFrame:
    """Coefficients with the level that relative density lacks, ``D:Intercept``.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``population="conditional"`` and a formula for ``D``.
    numbers : {"poisson", "binomial"}
        Distribution of the number of animals in the masks.
    level : float
        Confidence level (Wald).

    Returns
    -------
    DataFrame
        Index: coefficient names, ``D:Intercept`` first (animals per 100 km2 where every term is
        0, logarithm). Columns: estimate, se, lower, upper.

    Raises
    ------
    ModelError
        If density is not relative.

    Notes
    -----
    D = k D' with k = sum_i 1 / (sum D' a p._i); var log k = (sum_i 1 / E_i^2 + G' V G) / k^2.
    """
    _require_relative(estimate)
    coefficients, covariance = _absolute(estimate, level_of(estimate, counts_of(estimate), numbers))
    z = z_value(level)
    se = np.sqrt(np.diag(covariance))
    se[1:][np.isin(estimate.names, estimate.diagnosis.flat)] = np.nan
    return pd.DataFrame(
        {
            "estimate": coefficients,
            "se": se,
            "lower": coefficients - z * se,
            "upper": coefficients + z * se,
        },
        index=pd.Index(["D:Intercept", *estimate.names], name="coefficient"),
    )


def _absolute(estimate: Estimate, level: Level) -> tuple[FloatArray, FloatArray]:
    """Coefficients with the intercept of density in front, and their covariance."""
    slope = level.gradient / level.value
    covariance = np.zeros((len(slope) + 1, len(slope) + 1))
    covariance[1:, 1:] = estimate.covariance
    covariance[0, 1:] = covariance[1:, 0] = estimate.covariance @ slope
    covariance[0, 0] = level.number_variance / level.value**2 + delta_variance(
        slope, estimate.covariance
    )
    return np.concatenate([[np.log(level.value)], estimate.coefficients]), covariance


def absolute_density(estimate: Estimate) -> Estimate:
    """The full fit that a fit with relative density implies, for abundance, maps and reports.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``population="conditional"`` and a formula for ``D``, without animal covariates
        in the formulas of detection.

    Returns
    -------
    Estimate
        Of the model with ``population="poisson"``: its coefficients are at the maximum of the full
        likelihood, without another search.

    Raises
    ------
    ModelError
        If density is not relative, or detection depends on animal covariates, for which there is
        no full likelihood (use `absolute_coefficients` and `derived_density`).
    """
    _require_relative(estimate)
    model = estimate.model
    names = list(model.individuals.surveys[0].patterns.columns)
    if names:
        raise ModelError(
            f"Detection depends on {', '.join(names)} of the animals, so that there is no full "
            "likelihood. Use absolute_coefficients and derived_density(by=...), or fit with "
            f"groups={names[0]!r}."
        )
    full = variant(model, population="poisson")
    coefficients, covariance = _absolute(estimate, level_of(estimate, counts_of(estimate)))
    return replace(
        estimate,
        model=full,
        coefficients=coefficients,
        covariance=covariance,
        log_likelihood=likelihood_of(full).value(coefficients),
    )


def _require_relative(estimate: Estimate) -> None:
    if not estimate.model.is_relative:
        raise ModelError(
            "The fit has no relative density; it needs population='conditional' and a formula "
            "for D."
        )
