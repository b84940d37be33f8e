"""Probability of detection by place, and the effective sampling area."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import expected_detected, total_hazard


def survey_index(estimate: Estimate, survey: str | None) -> int:
    """Position of a survey by its name; None is enough when there is only one.

    Parameters
    ----------
    estimate : Estimate
    survey : str or None

    Returns
    -------
    int

    Raises
    ------
    DataError
        If there is no such survey, or several and none was named.
    """
    names = [item.name for item in estimate.model.surveys]
    if survey is None and len(names) == 1:
        return 0
    if survey not in names:
        asked = "No survey was named" if survey is None else f"There is no survey {survey!r}"
        raise DataError(f"{asked}; choose survey= from {', '.join(names)}.")
    return names.index(survey)


def pdot(
    estimate: Estimate, xy: FloatArray | None = None, *, survey: str | None = None
) -> FloatArray:
    """Probability that an animal is detected at least once, by the place of its activity centre.

    Parameters
    ----------
    estimate : Estimate
    xy : float64 array, shape (n_points, 2), metres, optional
        Activity centres; the points of the survey's mask by default.
    survey : str, optional
        Name of the survey, needed when there are several.

    Returns
    -------
    float64 array, shape (n_points,)

    Raises
    ------
    DataError
        If the survey is not named, or ``xy`` has another shape.
    """
    b = survey_index(estimate, survey)
    points = None if xy is None else np.asarray(xy, dtype=np.float64)
    if points is not None and (points.ndim != 2 or points.shape[1] != 2):
        raise DataError(f"xy must have shape (n_points, 2); got {points.shape}.")
    hazard = total_hazard(likelihood_of(estimate.model), estimate.coefficients, b, points)
    return np.asarray(-np.expm1(-hazard))


def effective_sampling_area(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Area in which as many animals would live as were detected: the sum of p.(x) a.

    Parameters
    ----------
    estimate : Estimate
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: survey. Columns in km2: estimate, se, lower, upper.
    """
    likelihood = likelihood_of(estimate.model)
    rows = {}
    for b, survey in enumerate(estimate.model.surveys):
        weight = np.full(survey.mask.n_points, survey.mask.cell_area)
        area, gradient, _ = expected_detected(likelihood, estimate.coefficients, b, weight)
        se = float(np.sqrt(delta_variance(gradient, estimate.usable_covariance)))
        lower, upper = lognormal_interval(area, se, level)
        rows[survey.name] = {"estimate": area, "se": se, "lower": lower, "upper": upper}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("survey")
