"""From sums over the mask to a log-likelihood: how the number of animals enters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from secr_nea._typing import FloatArray


@dataclass(frozen=True)
class PopulationTerm:
    """The part of the log-likelihood of a survey that depends on how many animals there are.

    Parameters
    ----------
    value : float
        Added to the sum of the animals' log sums.
    d_detected : float64 array, shape (n_patterns,)
        Derivative to the expected number of animals detected, sum D a p, for each combination of
        animal covariates.
    d_expected : float
        Derivative to the expected number of animals, sum D a.
    """

    value: float
    d_detected: FloatArray
    d_expected: float


def poisson_term(n_animals: FloatArray, detected: FloatArray, expected: float) -> PopulationTerm:
    """Poisson number of animals: minus the expected number detected.

    Parameters
    ----------
    n_animals : float64 array, shape (n_patterns,)
        Animals detected.
    detected : float64 array, shape (n_patterns,)
        sum D a p.
    expected : float
        sum D a.

    Returns
    -------
    PopulationTerm
    """
    del n_animals, expected
    return PopulationTerm(-float(detected.sum()), -np.ones_like(detected), 0.0)


def binomial_term(n_animals: FloatArray, detected: FloatArray, expected: float) -> PopulationTerm:
    """Fixed number N of animals, independently placed by D: n of N were detected.

    With p = detected / N the term is, for real N >= n,
    log Gamma(N + 1) - log Gamma(N - n + 1) - n log N + (N - n) log(1 - p).

    Parameters
    ----------
    n_animals : float64 array, shape (1,)
    detected : float64 array, shape (1,)
        sum D a p.
    expected : float
        N = sum D a.

    Returns
    -------
    PopulationTerm
        Minus infinity where N < n.
    """
    n, size, seen = float(n_animals.sum()), expected, float(detected.sum())
    if not size >= n or not seen < size:
        return PopulationTerm(-np.inf, np.zeros_like(detected), 0.0)
    log_missed = np.log1p(-seen / size)
    value = gammaln(size + 1.0) - gammaln(size - n + 1.0) - n * np.log(size)
    d_expected = (
        digamma(size + 1.0)
        - digamma(size - n + 1.0)
        - n / size
        + log_missed
        + (size - n) * seen / (size * (size - seen))
    )
    return PopulationTerm(
        float(value + (size - n) * log_missed),
        np.full_like(detected, -(size - n) / (size - seen)),
        float(d_expected),
    )


def conditional_term(
    n_animals: FloatArray, detected: FloatArray, expected: float
) -> PopulationTerm:
    """Given the animals detected: minus n_u log a_u for each combination u of covariates.

    Parameters
    ----------
    n_animals : float64 array, shape (n_patterns,)
        Animals with each combination of covariates.
    detected : float64 array, shape (n_patterns,)
        Effective sampling area of each, sum a p.
    expected : float
        Not used.

    Returns
    -------
    PopulationTerm
        With log n!, so that the value is that of R's secr with ``CL = TRUE``.
    """
    del expected
    value = gammaln(n_animals.sum() + 1.0) - float((n_animals * np.log(detected)).sum())
    return PopulationTerm(float(value), -n_animals / detected, 0.0)


def relative_terms(
    n_animals: Sequence[FloatArray], detected: Sequence[FloatArray]
) -> list[PopulationTerm]:
    """Given the animals detected in all populations together: minus n_u log E_u.

    E_u = sum over populations of sum D a p_u, with relative density D: where an animal lives, and
    in which survey or group, is explained by D; how many animals there are is not.

    Parameters
    ----------
    n_animals, detected : sequences of float64 arrays, each (n_patterns,)
        Of each population; the combinations of covariates are the same in all.

    Returns
    -------
    list of PopulationTerm
        One for each population; the first has the value, with log n!, so that it is that of R's
        secr with ``CL = TRUE`` and covariates of density.
    """
    number = np.sum(n_animals, axis=0)
    expected = np.sum(detected, axis=0)
    value = gammaln(number.sum() + 1.0) - float((number * np.log(expected)).sum())
    slope = -number / expected
    first = PopulationTerm(float(value), slope, 0.0)
    return [first, *(PopulationTerm(0.0, slope, 0.0) for _ in detected[1:])]


POPULATION_TERMS = {
    "poisson": poisson_term,
    "binomial": binomial_term,
    "conditional": conditional_term,
}
"""Every way in which the number of animals may enter, by its name."""
