"""From sums over the mask to a log-likelihood: Poisson or fixed number of animals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln


@dataclass(frozen=True)
class PopulationTerm:
    """The part of the log-likelihood of a survey that depends on how many animals there are.

    Parameters
    ----------
    value : float
        Added to the sum of the animals' log sums.
    d_detected : float
        Derivative to the expected number of animals detected, sum D a p.
    d_expected : float
        Derivative to the expected number of animals, sum D a.
    """

    value: float
    d_detected: float
    d_expected: float


def poisson_term(n_animals: int, detected: float, expected: float) -> PopulationTerm:
    """Poisson number of animals: minus the expected number detected.

    Parameters
    ----------
    n_animals : int
    detected : float
    expected : float

    Returns
    -------
    PopulationTerm
    """
    return PopulationTerm(-detected, -1.0, 0.0)


def binomial_term(n_animals: int, detected: float, expected: float) -> PopulationTerm:
    """Fixed number N of animals, independently placed by D: n of N were detected.

    With p = detected / N the term is, for real N >= n,
    log Gamma(N + 1) - log Gamma(N - n + 1) - n log N + (N - n) log(1 - p).

    Parameters
    ----------
    n_animals : int
    detected : float
        sum D a p.
    expected : float
        N = sum D a.

    Returns
    -------
    PopulationTerm
        Minus infinity where N < n.
    """
    n, size = float(n_animals), expected
    if not size >= n or not detected < size:
        return PopulationTerm(-np.inf, 0.0, 0.0)
    log_missed = np.log1p(-detected / size)
    value = gammaln(size + 1.0) - gammaln(size - n + 1.0) - n * np.log(size)
    d_expected = (
        digamma(size + 1.0)
        - digamma(size - n + 1.0)
        - n / size
        + log_missed
        + (size - n) * detected / (size * (size - detected))
    )
    return PopulationTerm(
        float(value + (size - n) * log_missed),
        float(-(size - n) / (size - detected)),
        float(d_expected),
    )


POPULATION_TERMS = {"poisson": poisson_term, "binomial": binomial_term}
"""Every distribution of the number of animals by its name."""
