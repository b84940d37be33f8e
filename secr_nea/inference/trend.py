"""How fast a population grows: the finite rate of increase between surveys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.density import modelled_density
from secr_nea.inference.detectability import population_index
from secr_nea.inference.intervals import delta_variance
from secr_nea.mask import HabitatMask


def rate_of_increase(
    estimate: Estimate,
    *,
    times: Sequence[float] | str | None = None,
    mask: HabitatMask | None = None,
    group: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Finite rate of increase lambda of the animals on one area, from survey to survey.

    Parameters
    ----------
    estimate : Estimate
        A fit to several surveys in the order of time, whose density differs between them, such as
        ``D="~ session"``, ``"~ session_trend"`` or ``"~ session * rugged"``.
    times : sequence of float, or str, optional
        Time of each survey, rising, such as years; or the survey covariate that has it. By default
        surveys are one unit of time apart.
    mask : HabitatMask, optional
        The area, with the covariates of the density formula; the mask of the first survey by
        default. Where surveys have masks of their own, the area should be common to all.
    group : str, optional
        Group of animals, needed when the model has groups.
    level : float
        Confidence level (Wald, logarithm of lambda).

    Returns
    -------
    DataFrame
        One row for each step from survey to survey and, with more than two, one for the whole
        period. Columns: from, to, time, and per unit of time rate (lambda: 1.05 grows by 5 %), se,
        lower, upper.

    Raises
    ------
    ModelError
        If there is one survey, or density is the same in all.
    DataError
        If times do not fit the surveys.

    Notes
    -----
    lambda = (sum_m D_2m / sum_m D_1m)^(1 / time), with both densities over the same cells; for
    additive effects of session this is exp of their difference whatever the other covariates are.
    The likelihood takes the numbers of animals in different surveys to be independent. Where the
    same animals live through several surveys, they are not, and the interval of lambda is wider
    than it need be.
    """
    surveys = estimate.model.surveys
    if len(surveys) < 2:
        raise ModelError("A rate of increase needs a fit to at least two surveys.")
    when = _times(estimate, times)
    area = surveys[0].mask if mask is None else mask
    totals = [_log_total(estimate, survey.name, group, area) for survey in surveys]
    if all(np.allclose(slope, totals[0][1]) for _, slope in totals):
        raise ModelError(
            f"Density is the same in all surveys (D {estimate.model.parameters['D'].text}), so "
            "that there is no rate to tell; use D='~ session' or '~ session_trend'."
        )
    steps = [(b, b + 1) for b in range(len(surveys) - 1)]
    if len(surveys) > 2:
        steps.append((0, len(surveys) - 1))
    z = z_value(level)
    rows = []
    for first, last in steps:
        span = float(when[last] - when[first])
        log_rate = (totals[last][0] - totals[first][0]) / span
        slope = (totals[last][1] - totals[first][1]) / span
        sd = np.sqrt(delta_variance(slope, estimate.covariance))
        rate = float(np.exp(log_rate))
        rows.append(
            {
                "from": surveys[first].name,
                "to": surveys[last].name,
                "time": span,
                "rate": rate,
                "se": rate * float(np.sqrt(np.expm1(sd**2))),
                "lower": float(np.exp(log_rate - z * sd)),
                "upper": float(np.exp(log_rate + z * sd)),
            }
        )
    return pd.DataFrame(rows)


def _times(estimate: Estimate, times: Sequence[float] | str | None) -> FloatArray:
    """Time of each survey, rising."""
    surveys = estimate.model.surveys
    if times is None:
        return np.arange(len(surveys), dtype=np.float64)
    if isinstance(times, str):
        lacking = [survey.name for survey in surveys if times not in survey.covariates]
        if lacking:
            raise DataError(
                f"The survey {lacking[0]!r} has no covariate {times!r}; give times as numbers."
            )
        given = [survey.covariates[times] for survey in surveys]
    else:
        given = list(times)
    numbers = _checks.numbers(given, "times")
    if numbers.shape != (len(surveys),):
        raise DataError(f"times must have one number for each of {len(surveys)} surveys.")
    if not (np.isfinite(numbers).all() and (np.diff(numbers) > 0.0).all()):
        names = ", ".join(survey.name for survey in surveys)
        raise DataError(
            f"times must rise from survey to survey ({names}); got {numbers.tolist()}. Give the "
            "surveys to fit in the order of time."
        )
    return numbers


def _log_total(
    estimate: Estimate, survey: str, group: str | None, mask: HabitatMask
) -> tuple[float, FloatArray]:
    """Logarithm of the summed density of one survey over an area, and its gradient."""
    if not (estimate.model.has_density or estimate.model.is_relative):
        raise ModelError(
            "The conditional likelihood has no density; give it a formula for D (relative density "
            "is enough), or use population='poisson'."
        )
    density = modelled_density(estimate, population_index(estimate, survey, group), mask)
    total = float(density.value.sum())
    return float(np.log(total)), density.gradient.sum(axis=0) / total
