"""Density derived from the conditional likelihood, with its two components of variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import modelled_density
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.inference.relative import counts_of, level_of
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.layout import Population
from secr_nea.likelihood.points import expected_detected
from secr_nea.units import DENSITY_AREA_KM2


def derived_density(
    estimate: Estimate, *, by: str | None = None, numbers: str = "poisson", level: float = 0.95
) -> pd.DataFrame:
    """Density as the sum of 1 / effective sampling area over the animals detected.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``population="conditional"``.
    by : str, optional
        Animal covariate: one row for each of its levels (with groups there is one for each anyway).
    numbers : {"poisson", "binomial"}
        Distribution of the number of animals in the mask, for the first component of variance.
    level : float
        Confidence level (log-normal interval).

    Returns
    -------
    DataFrame
        One row per survey (and group, or level). Columns: survey, the covariate, n_detected,
        density_per_100km2 (with relative density: its mean over the mask), se, lower, upper, cv_n
        (from the number detected), cv_a (from the effective area), cv.

    Raises
    ------
    ModelError
        If the fit is not one of the conditional likelihood, or has groups and ``by`` is given.
    DataError
        If the covariate is not known.

    Notes
    -----
    D = sum_i 1 / a_i; var D = sum_i 1 / a_i^2 (times 1 - a_i / A for a fixed number in the area A
    of the mask) + G' V G, with G the gradient of D (Huggins 1989; Borchers and Efford 2008). With
    relative density D', a_i is the integral of D' p._i over all surveys, and D the sum times the
    mean of D' over the mask.
    """
    model = estimate.model
    if model.population != "conditional":
        raise ModelError("derived_density needs a fit with population='conditional'.")
    if numbers not in ("poisson", "binomial"):
        raise DataError(f"numbers must be 'poisson' or 'binomial'; got {numbers!r}.")
    if model.individuals.grouped and by is not None:
        raise ModelError(
            f"The fit has groups ({model.individuals.variable}), with a row for each; leave out by."
        )
    rows = []
    for p, item in enumerate(likelihood_of(model).populations):
        for label, chosen in _chosen(estimate, item, by):
            derived = _relative if model.is_relative else _from_area
            density, gradient, var_n = derived(estimate, p, chosen, numbers)
            row = _row(estimate, density, gradient, var_n, level)
            number = float(chosen[item.survey][item.members].sum())
            name = model.surveys[item.survey].name
            rows.append({"survey": name, **label, "n_detected": number, **row})
    return pd.DataFrame(rows)


def _chosen(
    estimate: Estimate, item: Population, by: str | None
) -> list[tuple[dict[str, str], list[BoolArray]]]:
    """Which animals of every survey make each row of a population."""
    model = estimate.model
    if by is None:
        grouped = model.individuals.grouped
        label = {model.individuals.variable: model.individuals.levels[item.group]}
        everybody = [np.ones(survey.n_animals, dtype=bool) for survey in model.surveys]
        return [(label if grouped else {}, everybody)]
    values = [_covariate(survey.captures, by) for survey in model.surveys]
    levels = sorted({str(v) for v in values[item.survey].dropna()})
    return [
        ({by: level}, [(one.astype(str) == level).to_numpy(dtype=bool) for one in values])
        for level in levels
    ]


def _covariate(captures: CaptureHistory, by: str) -> pd.Series:
    if by not in captures.covariates:
        known = ", ".join(map(str, captures.covariates)) or "none"
        raise DataError(f"The animals have no covariate {by!r}; they have {known}.")
    return captures.covariates[by].astype(object)


Derived = tuple[float, FloatArray, float]
"""A density (animals per km2), its gradient, and the variance from the number detected."""


def derived_of_population(estimate: Estimate, p: int) -> Derived:
    """Density derived from all animals detected, of one population.

    Parameters
    ----------
    estimate : Estimate
        A fit of the conditional likelihood.
    p : int
        Which population.

    Returns
    -------
    float
        Animals per km2.
    float64 array, shape (n_coefficients,)
        Gradient.
    float
        Variance from the number detected, if that is Poisson.
    """
    everybody = [np.ones(survey.n_animals, dtype=bool) for survey in estimate.model.surveys]
    derived = _relative if estimate.model.is_relative else _from_area
    return derived(estimate, p, everybody, "poisson")


def _from_area(estimate: Estimate, p: int, chosen: Sequence[BoolArray], numbers: str) -> Derived:
    """Sum of 1 / effective sampling area over the chosen animals of one population."""
    likelihood = likelihood_of(estimate.model)
    item = likelihood.populations[p]
    mask = estimate.model.surveys[item.survey].mask
    own = estimate.model.individuals.surveys[item.survey]
    members = item.members[chosen[item.survey][item.members]]
    weight = np.full(mask.n_points, mask.cell_area)
    count = np.bincount(own.pattern_of[members], minlength=len(own.patterns)).astype(np.float64)
    area, _ = expected_detected(likelihood, estimate.coefficients, p, weight)
    factor = -count / area**2
    _, gradient = expected_detected(likelihood, estimate.coefficients, p, weight, factor=factor)
    share = 1.0 - area / mask.area if numbers == "binomial" else np.ones_like(area)
    return float((count / area).sum()), gradient, float((count * share / area**2).sum())


def _relative(estimate: Estimate, p: int, chosen: Sequence[BoolArray], numbers: str) -> Derived:
    """Mean over the mask of relative density, times the level that the chosen animals imply."""
    level = level_of(estimate, counts_of(estimate, chosen), numbers)
    density = modelled_density(estimate, p)
    mean = float(density.value.mean()) / DENSITY_AREA_KM2
    slope = density.gradient.mean(axis=0) / DENSITY_AREA_KM2
    gradient = level.gradient * mean + level.value * slope
    return level.value * mean, gradient, level.number_variance * mean**2


def _row(
    estimate: Estimate, density: float, gradient: FloatArray, var_n: float, level: float
) -> dict[str, float]:
    var_a = delta_variance(gradient, estimate.covariance)
    se = float(np.sqrt(var_n + var_a))
    lower, upper = lognormal_interval(density, se, level)
    scale = DENSITY_AREA_KM2
    least = max(density, 1e-300)
    return {
        "density_per_100km2": density * scale,
        "se": se * scale,
        "lower": lower * scale,
        "upper": upper * scale,
        "cv_n": float(np.sqrt(var_n)) / least,
        "cv_a": float(np.sqrt(var_a)) / least,
        "cv": se / least,
    }
