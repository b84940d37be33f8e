"""Classes of animals, such as sexes: density of each, their ratio, and who belongs where."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from secr_nea._typing import FloatArray
from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import log_encounter
from secr_nea.units import DENSITY_AREA_KM2, animals_per_cell


def _require_classes(estimate: Estimate) -> None:
    if not estimate.model.individuals.is_mixture:
        raise ModelError("The model has no classes; fit with classes='sex' (or 2, or 3).")


def _proportion_gradient(estimate: Estimate, b: int) -> tuple[FloatArray, FloatArray]:
    """Proportions of the classes of a survey, (C,), and their gradients, (C, n_coefficients)."""
    model = estimate.model
    proportions = model.class_proportions(estimate.coefficients)[b]
    gradients = np.zeros((len(proportions), model.n_coefficients))
    for c in range(len(proportions)):
        d_log = np.zeros((len(model.surveys), len(proportions)))
        d_log[b, c] = proportions[c]
        model.mixing.pull_back(estimate.coefficients, d_log, gradients[c])
    return proportions, gradients


def class_densities(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Proportion, density and expected number of each class in each survey.

    Parameters
    ----------
    estimate : Estimate
        A fit with classes.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row per survey and class. Columns: survey, the class, proportion, proportion_lower,
        proportion_upper (logit scale), density_per_100km2, density_se, density_lower,
        density_upper, expected_n (log-normal; averaged over the survey's mask). Without a model
        of density (conditional likelihood) only the proportions are given.

    Raises
    ------
    ModelError
        If the model has no classes.
    """
    _require_classes(estimate)
    model = estimate.model
    covariance = estimate.covariance
    rows = []
    for b, survey in enumerate(model.surveys):
        proportions, gradients = _proportion_gradient(estimate, b)
        total, slope = np.nan, np.zeros(model.n_coefficients)
        if model.has_density:
            density = point_density(estimate, b)
            cell = animals_per_cell(1.0, survey.mask.cell_area)
            total = float(density.value.sum() * cell)
            slope = density.gradient.sum(axis=0) * cell
        scale = DENSITY_AREA_KM2 / survey.mask.area
        for c, name in enumerate(model.individuals.levels):
            share = proportions[c]
            sd = np.sqrt(delta_variance(gradients[c], covariance))
            spread = z_value(level) * sd / (share * (1.0 - share))
            odds = np.log(share / (1.0 - share))
            number = share * total
            se = np.sqrt(delta_variance(share * slope + total * gradients[c], covariance))
            lower, upper = lognormal_interval(number, float(se), level)
            rows.append(
                {
                    "survey": survey.name,
                    model.individuals.variable: name,
                    "proportion": share,
                    "proportion_lower": 1.0 / (1.0 + np.exp(spread - odds)),
                    "proportion_upper": 1.0 / (1.0 + np.exp(-spread - odds)),
                    "density_per_100km2": number * scale,
                    "density_se": float(se) * scale,
                    "density_lower": lower * scale,
                    "density_upper": upper * scale,
                    "expected_n": number,
                }
            )
    return pd.DataFrame(rows)


def class_ratio(estimate: Estimate, of: str, to: str, *, level: float = 0.95) -> pd.DataFrame:
    """Ratio of two classes in each survey, such as females per male.

    Parameters
    ----------
    estimate : Estimate
        A fit with classes.
    of, to : str
        Levels: the ratio is ``of`` divided by ``to``.
    level : float
        Confidence level (log scale).

    Returns
    -------
    DataFrame
        Index: survey. Columns: ratio, se, lower, upper.

    Raises
    ------
    ModelError
        If the model has no such classes.
    """
    _require_classes(estimate)
    levels = estimate.model.individuals.levels
    unknown = [name for name in (of, to) if name not in levels]
    if unknown:
        raise ModelError(f"There is no class {unknown[0]!r}; there are {', '.join(levels)}.")
    if of == to:
        raise ModelError(f"A ratio needs two classes; got {of!r} twice.")
    rows = {}
    for b, survey in enumerate(estimate.model.surveys):
        share, gradient = _proportion_gradient(estimate, b)
        i, j = levels.index(of), levels.index(to)
        slope = gradient[i] / share[i] - gradient[j] / share[j]
        sd = float(np.sqrt(delta_variance(slope, estimate.covariance)))
        ratio = float(share[i] / share[j])
        z = z_value(level)
        rows[survey.name] = {
            "ratio": ratio,
            "se": ratio * float(np.sqrt(np.expm1(sd**2))),
            "lower": ratio * float(np.exp(-z * sd)),
            "upper": ratio * float(np.exp(z * sd)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("survey")


def class_membership(estimate: Estimate, *, survey: str | None = None) -> pd.DataFrame:
    """Probability that each detected animal belongs to each class.

    Parameters
    ----------
    estimate : Estimate
        A fit with classes.
    survey : str, optional
        Name of the survey, needed when there are several.

    Returns
    -------
    DataFrame
        Index: animal ids. One column per class; rows sum to 1, and are 0 and 1 where the class
        is known.

    Raises
    ------
    ModelError
        If the model has no classes.

    Notes
    -----
    Pr(c | w_i) is proportional to proportion_c sum_m D_m Pr(w_i | x_m, c).
    """
    _require_classes(estimate)
    b = survey_index(estimate, survey)
    model = estimate.model
    animals = np.arange(model.surveys[b].n_animals)
    likelihood = likelihood_of(model)
    with np.errstate(divide="ignore"):
        logs = [
            logsumexp(log_encounter(likelihood, estimate.coefficients, b, animals, c), axis=1)
            for c in range(model.individuals.n_levels)
        ]
    table = np.exp(np.array(logs) - logsumexp(np.array(logs), axis=0)).T
    ids = pd.Index(model.surveys[b].captures.animal_ids, name="animal_id")
    return pd.DataFrame(table, index=ids, columns=list(model.individuals.levels))
