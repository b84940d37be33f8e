"""Probability of detection by place, and the effective sampling area."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability, expected_detected


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
        If there is no such survey, or several and none was named, or no fit was given.
    """
    if not isinstance(estimate, Estimate):
        raise DataError(f"A fit is needed, from sn.fit(...); got {type(estimate).__name__}.")
    names = [item.name for item in estimate.model.surveys]
    if survey is None and len(names) == 1:
        return 0
    if survey not in names:
        asked = "No survey was named" if survey is None else f"There is no survey {survey!r}"
        raise DataError(f"{asked}; choose survey= from {', '.join(names)}.")
    return names.index(survey)


def population_index(estimate: Estimate, survey: str | None, group: str | None) -> int:
    """Position of the population of a survey, or of one of its groups.

    Parameters
    ----------
    estimate : Estimate
    survey, group : str or None

    Returns
    -------
    int

    Raises
    ------
    DataError
        If the survey or the group is not known, or has to be named.
    """
    b = survey_index(estimate, survey)
    individuals = estimate.model.individuals
    if not individuals.grouped:
        if group is not None:
            raise DataError(f"The model has no groups; leave out group={group!r}.")
        return b
    if group not in individuals.levels:
        raise DataError(
            f"The model has groups; choose group= from {', '.join(individuals.levels)}."
        )
    return b * individuals.n_levels + individuals.levels.index(group)


def pdot(
    estimate: Estimate,
    xy: FloatArray | None = None,
    *,
    survey: str | None = None,
    group: str | None = None,
) -> FloatArray:
    """Probability that an animal is detected at least once, by the place of its activity centre.

    Parameters
    ----------
    estimate : Estimate
    xy : float64 array, shape (n_points, 2), metres, optional
        Activity centres; the points of the survey's mask by default.
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups. Over classes the probability is
        averaged by their proportions; with animal covariates it is that of the first animal.

    Returns
    -------
    float64 array, shape (n_points,)

    Raises
    ------
    DataError
        If the survey is not named, or ``xy`` has another shape.
    """
    p = population_index(estimate, survey, group)
    points = None if xy is None else np.asarray(xy, dtype=np.float64)
    if points is not None and (points.ndim != 2 or points.shape[1] != 2):
        raise DataError(f"xy must have shape (n_points, 2); got {points.shape}.")
    return detection_probability(likelihood_of(estimate.model), estimate.coefficients, p, points)


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
        One row per survey (and group, and combination of animal covariates). Index: survey.
        Columns in km2: estimate, se, lower, upper; with groups or animal covariates also
        ``animals``, which says whose area it is.
    """
    likelihood = likelihood_of(estimate.model)
    individuals = estimate.model.individuals
    rows = []
    for p, item in enumerate(likelihood.populations):
        survey = estimate.model.surveys[item.survey]
        weight = np.full(survey.mask.n_points, survey.mask.cell_area)
        patterns = individuals.surveys[item.survey].patterns
        for u in range(len(patterns)):
            factor = np.zeros(len(patterns))
            factor[u] = 1.0
            areas, gradient = expected_detected(
                likelihood, estimate.coefficients, p, weight, factor=factor
            )
            se = float(np.sqrt(delta_variance(gradient, estimate.covariance)))
            lower, upper = lognormal_interval(float(areas[u]), se, level)
            row = {"survey": survey.name}
            if individuals.grouped:
                row["animals"] = individuals.levels[item.group]
            elif len(patterns.columns):
                row["animals"] = ", ".join(f"{k}={v}" for k, v in patterns.iloc[u].items())
            rows.append(row | {"estimate": areas[u], "se": se, "lower": lower, "upper": upper})
    return pd.DataFrame(rows).set_index("survey")
