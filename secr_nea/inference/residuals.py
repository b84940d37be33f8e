"""Residuals of each detector: detections that were made and that the fit expects."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.expected_counts import ExpectedCounts, count_matrix
from secr_nea.inference.living import living


def detector_residuals(estimate: Estimate, *, survey: str | None = None) -> pd.DataFrame:
    """Observed and expected detections at each detector.

    Parameters
    ----------
    estimate : Estimate
    survey : str, optional
        Only this survey.

    Returns
    -------
    DataFrame
        One row per survey and detector. Columns: survey, trap_id, x, y (metres), effort,
        observed, expected (detections of all animals), se (of the observed number when the model
        is true), residual ((observed - expected) / se), animals (different animals detected).
        Residuals beyond 2 or 3 that lie together on the map speak of a covariate that is missing.

    Raises
    ------
    DataError
        If there is no such survey.
    ModelError
        If animals are not detected independently (capped detectors).

    Notes
    -----
    E_k = sum_m D_m a E(y_k | x_m). For a Poisson number of animals the number at a detector is a
    compound Poisson variable with variance sum_m D_m a E(y_k^2 | x_m). With a learned response the
    expectation is that of animals before they were detected. With the conditional likelihood
    animals are taken to be equally dense everywhere.
    """
    names = [item.name for item in estimate.model.surveys]
    chosen = range(len(names)) if survey is None else [survey_index(estimate, survey)]
    return pd.concat([_of_survey(estimate, b) for b in chosen], ignore_index=True)


def _of_survey(estimate: Estimate, b: int) -> pd.DataFrame:
    model = estimate.model
    item = model.surveys[b]
    expected, variance = expected_by_detector(estimate, b)
    counts = count_matrix(item)
    observed = counts.sum(axis=0)
    se = np.sqrt(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.where(se > 0.0, (observed - expected) / se, np.nan)
    return pd.DataFrame(
        {
            "survey": item.name,
            "trap_id": list(item.traps.ids),
            "x": item.traps.xy[:, 0],
            "y": item.traps.xy[:, 1],
            "effort": item.traps.effort.sum(axis=1),
            "observed": observed,
            "expected": expected,
            "se": se,
            "residual": residual,
            "animals": (counts > 0.0).sum(axis=0),
        }
    )


def expected_by_detector(estimate: Estimate, b: int) -> tuple[FloatArray, FloatArray]:
    """Expected detections at each detector of a survey and their variance, each (n_traps,).

    Parameters
    ----------
    estimate : Estimate
    b : int
        Which survey.

    Returns
    -------
    float64 array, shape (n_traps,)
        Expectation.
    float64 array, shape (n_traps,)
        Variance.
    """
    model, coefficients = estimate.model, estimate.coefficients
    counts = ExpectedCounts(model, b)
    points = np.arange(model.surveys[b].mask.n_points)
    mean = np.zeros(model.surveys[b].traps.n_traps)
    square = np.zeros_like(mean)
    for c, u, weight in living(model, coefficients, b):
        expected, variance = counts.moments(coefficients, points, animal_class=c, pattern=u)
        mean += weight @ expected
        square += weight @ (variance + expected**2)
    if model.population == "binomial":
        total = sum(float(weight.sum()) for _, _, weight in living(model, coefficients, b))
        square -= mean**2 / total
    return mean, square
