"""Density derived from the conditional likelihood, with its two components of variance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.likelihood import likelihood_of
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
        Animal covariate: one row for each of its levels.
    numbers : {"poisson", "binomial"}
        Distribution of the number of animals in the mask, for the first component of variance.
    level : float
        Confidence level (log-normal interval).

    Returns
    -------
    DataFrame
        One row per survey (and level). Columns: survey, the covariate, n_detected,
        density_per_100km2, se, lower, upper, cv_n (from the number detected), cv_a (from the
        effective area), cv.

    Raises
    ------
    ModelError
        If the fit is not one of the conditional likelihood.
    DataError
        If the covariate is not known.

    Notes
    -----
    D = sum_i 1 / a_i; var D = sum_i 1 / a_i^2 (times 1 - a_i / A for a fixed number in the area A
    of the mask) + G' V G, with G the gradient of D (Huggins 1989; Borchers and Efford 2008).
    """
    model = estimate.model
    if model.population != "conditional":
        raise ModelError("derived_density needs a fit with population='conditional'.")
    if numbers not in ("poisson", "binomial"):
        raise DataError(f"numbers must be 'poisson' or 'binomial'; got {numbers!r}.")
    rows = []
    for b, survey in enumerate(model.surveys):
        for label, chosen in _chosen(estimate, b, by):
            row = _row(estimate, b, chosen, numbers, level)
            rows.append({"survey": survey.name, **label, **row})
    return pd.DataFrame(rows)


def _chosen(estimate: Estimate, b: int, by: str | None) -> list[tuple[dict[str, str], BoolArray]]:
    """Which animals make each row."""
    captures = estimate.model.surveys[b].captures
    if by is None:
        return [({}, np.ones(captures.n_animals, dtype=bool))]
    if by not in captures.covariates:
        known = ", ".join(map(str, captures.covariates)) or "none"
        raise DataError(f"The animals have no covariate {by!r}; they have {known}.")
    values = captures.covariates[by].astype(object)
    levels = sorted({str(v) for v in values.dropna()})
    return [({by: level}, (values == level).to_numpy(dtype=bool)) for level in levels]


def _row(
    estimate: Estimate, b: int, chosen: BoolArray, numbers: str, level: float
) -> dict[str, float]:
    model = estimate.model
    mask = model.surveys[b].mask
    own = model.individuals.surveys[b]
    likelihood = likelihood_of(model)
    weight = np.full(mask.n_points, mask.cell_area)
    count = np.bincount(own.pattern_of[chosen], minlength=len(own.patterns)).astype(np.float64)
    area, _ = expected_detected(likelihood, estimate.coefficients, b, weight)
    factor = -count / area**2
    _, gradient = expected_detected(likelihood, estimate.coefficients, b, weight, factor=factor)
    density = float((count / area).sum())
    share = 1.0 - area / mask.area if numbers == "binomial" else np.ones_like(area)
    var_n = float((count * share / area**2).sum())
    var_a = delta_variance(gradient, estimate.covariance)
    se = float(np.sqrt(var_n + var_a))
    lower, upper = lognormal_interval(density, se, level)
    scale = DENSITY_AREA_KM2
    least = max(density, 1e-300)
    return {
        "n_detected": float(chosen.sum()),
        "density_per_100km2": density * scale,
        "se": se * scale,
        "lower": lower * scale,
        "upper": upper * scale,
        "cv_n": float(np.sqrt(var_n)) / least,
        "cv_a": float(np.sqrt(var_a)) / least,
        "cv": se / least,
    }
