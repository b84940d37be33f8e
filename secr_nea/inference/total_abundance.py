"""Sums of numbers of animals over regions and surveys, with their common error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.abundance import Place, detected_share, share_gradient
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.inference.regions import region_points
from secr_nea.likelihood import likelihood_of


def total_abundance(
    estimate: Estimate,
    *,
    region: Any = None,
    by: str | None = None,
    names: Sequence[str] | None = None,
    surveys: Sequence[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Number of animals in several regions, or in several surveys, together.

    Estimates of one model rise and fall together, so that the variance of their sum is not the sum
    of their variances.

    Parameters
    ----------
    estimate : Estimate
    region, by : as of `secr_nea.inference.abundance`
    names : sequence of str, optional
        Which of the regions; all by default. Ground that is in two of them counts once.
    surveys : sequence of str, optional
        Which surveys; all by default. Only add surveys of different ground.
    level : float
        Confidence level (log-normal; for the realised number above the animals known to be there).

    Returns
    -------
    DataFrame
        Index: number ("expected", "realised"). Columns: estimate, se, cv, lower, upper,
        n_detected (expected number of detected animals that live there), area_km2.

    Raises
    ------
    DataError
        If a region or survey is not known.
    ModelError
        If the model has no density.

    Notes
    -----
    With G the sum of the gradients, var = G' V G for the expected number; for the realised number
    the prediction errors sum_i P_i (1 - P_i) + sum D a (1 - p.) of the surveys are added
    (`secr_nea.inference.abundance`, ``variance="mspe"``).
    """
    if not estimate.model.has_density:
        raise ModelError("The conditional likelihood has no model of density; see derived_density.")
    model = estimate.model
    chosen = [item.name for item in model.surveys] if surveys is None else list(surveys)
    slopes = np.zeros((2, model.n_coefficients))
    expected = missed = known = error = area = 0.0
    for name in chosen:
        b = survey_index(estimate, name)
        inside = _union(estimate, b, region, by, names)
        area += float(inside.sum()) * model.surveys[b].mask.cell_area
        for place in _places(estimate, b):
            number, slope = place.expected(inside)
            expected += number
            slopes[0] += slope
            undetected, slope = place.undetected(inside)
            missed += undetected
            slopes[1] += slope
            if not inside.all():
                slopes[1] += share_gradient(place, inside)
            share = detected_share(place, inside)
            known += float(share.sum())
            error += float((share * (1.0 - share)).sum()) + undetected
    variances = [delta_variance(slope, estimate.covariance) for slope in slopes]
    rows = {
        "expected": _row(expected, variances[0], level, 0.0),
        "realised": _row(known + missed, variances[1] + error, level, known),
    }
    if model.population == "binomial":
        del rows["realised"]
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("number")
    return frame.assign(n_detected=known, area_km2=area)


def _places(estimate: Estimate, b: int) -> list[Place]:
    mask = estimate.model.surveys[b].mask
    return [
        Place(estimate, p, mask, False, point_density(estimate, p))
        for p in likelihood_of(estimate.model).of_survey(b)
    ]


def _union(
    estimate: Estimate, b: int, region: Any, by: str | None, names: Sequence[str] | None
) -> BoolArray:
    """Points of a survey that lie in any of the regions."""
    found = region_points(estimate.model.surveys[b].mask, region, by)
    wanted = list(found) if names is None else list(names)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise DataError(
            f"There is no region {unknown[0]!r} on the mask of "
            f"{estimate.model.surveys[b].name!r}; there are {', '.join(found)}."
        )
    return np.asarray(np.any([found[name] for name in wanted], axis=0))


def _row(number: float, variance: float, level: float, least: float) -> dict[str, float]:
    se = float(np.sqrt(max(variance, 0.0)))
    lower, upper = lognormal_interval(number, se, level, least)
    return {"estimate": number, "se": se, "cv": se / number, "lower": lower, "upper": upper}
