"""What a command shows of an estimate, and models at coefficients that were given."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

import secr_nea as sn
from secr_nea.diagnosis import Diagnosis
from secr_nea.estimate import Estimate
from secr_nea.report.tables import abundance_shown, density_by_survey


def evaluated(model: sn.Model, coefficients: Mapping[str, float]) -> sn.FitResult:
    """A model at given coefficients, with no standard error of anything.

    Parameters
    ----------
    model : Model
    coefficients : mapping of coefficient name to float
        Link scale; all of them.

    Returns
    -------
    FitResult

    Raises
    ------
    ModelError
        If names are missing or unknown.
    """
    began = time.perf_counter()
    values = model.coefficients(coefficients)
    log_likelihood = sn.log_likelihood(model, values)
    diagnosis = Diagnosis(
        converged=False,
        distance_to_maximum=np.nan,
        gradient=np.nan,
        positive_definite=False,
        flat=(),
        boundary=(),
        n_evaluations=1,
        seconds=time.perf_counter() - began,
        message="Evaluated at the given coefficients; nothing was fitted.",
    )
    unknown = np.full((len(values), len(values)), np.nan)
    return sn.FitResult.of(Estimate(model, values, unknown, log_likelihood, diagnosis))


def show(fit: sn.FitResult, *, level: float, variance: str) -> None:
    """Print a fit and, where it converged, the numbers of animals.

    Parameters
    ----------
    fit : FitResult
    level : float
        Confidence level of the intervals of abundance.
    variance : {"poisson", "mspe"}
    """
    print(fit)
    if fit.diagnosis.converged:
        table = density_by_survey(fit, level=level, variance=variance)
        print("\nAbundance (D: animals per 100 km2)")
        print(abundance_shown(table, level).to_string(index=False))
