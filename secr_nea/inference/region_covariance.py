"""How the numbers of animals in several regions vary together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.abundance import Place, share_gradient
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.regions import region_points
from secr_nea.likelihood import likelihood_of

KINDS = ("expected", "realised")


def abundance_covariance(
    estimate: Estimate,
    region: Any,
    *,
    by: str | None = None,
    survey: str | None = None,
    kind: str = "realised",
) -> pd.DataFrame:
    """Covariance of the numbers of animals in several regions of one survey.

    The estimates of two countries come from one density surface and one detection function, so
    they rise and fall together: the variance of their sum is not the sum of their variances.

    Parameters
    ----------
    estimate : Estimate
    region : as of `secr_nea.inference.abundance`
    by : str, optional
        Attribute of the polygons that names the regions.
    survey : str, optional
        Name of the survey, needed when there are several.
    kind : {"realised", "expected"}

    Returns
    -------
    DataFrame, regions x regions
        The diagonal holds the squared standard errors of `abundance` (for realised numbers those
        of ``variance="mspe"``); the sum over a set of regions that do not overlap is the squared
        standard error of their union. nan where the fit has no standard errors.

    Raises
    ------
    DataError
        If the kind is not known, or the regions cannot be used.
    ModelError
        If the model has no density.

    Notes
    -----
    Expected numbers: g_A' V g_B. Realised numbers, for regions that do not overlap:
    G_A' V G_B - sum_i P_iA P_iB, with P_iA the probability that detected animal i has its activity
    centre in A and G the gradient of the realised number; where regions overlap, the detected and
    missed animals of the overlap are added.
    """
    if kind not in KINDS:
        raise DataError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}.")
    b = survey_index(estimate, survey)
    mask = estimate.model.surveys[b].mask
    regions = region_points(mask, region, by)
    places = [
        Place(estimate, p, mask, False, point_density(estimate, p))
        for p in likelihood_of(estimate.model).of_survey(b)
    ]
    find = _expected if kind == "expected" else _realised
    matrix = find(places, regions)
    if not estimate.diagnosis.positive_definite:
        matrix = np.full_like(matrix, np.nan)
    names = pd.Index(list(regions), name="region")
    return pd.DataFrame(matrix, index=names, columns=names.rename(None))


def _expected(places: list[Place], regions: Mapping[str, BoolArray]) -> FloatArray:
    gradients = np.array(
        [sum(place.expected(inside)[1] for place in places) for inside in regions.values()]
    )
    return np.asarray(gradients @ places[0].estimate.covariance @ gradients.T)


def _realised(places: list[Place], regions: Mapping[str, BoolArray]) -> FloatArray:
    inside = list(regions.values())
    gradients = np.array([_realised_gradient(places, points) for points in inside])
    matrix = gradients @ places[0].estimate.covariance @ gradients.T
    share = [
        activity_center_probabilities(place.estimate, place.p)
        if len(place.population.members)
        else np.zeros((0, place.mask.n_points))
        for place in places
    ]
    for a, b in combinations_with_replacement(range(len(inside)), 2):
        both = inside[a] & inside[b]
        error = sum(place.undetected(both)[0] for place in places)
        for own in share:
            error += float((own @ both - (own @ inside[a]) * (own @ inside[b])).sum())
        matrix[a, b] += error
        matrix[b, a] = matrix[a, b]
    return np.asarray(matrix)


def _realised_gradient(places: list[Place], inside: BoolArray) -> FloatArray:
    gradient = np.sum([place.undetected(inside)[1] for place in places], axis=0)
    if inside.all():
        return np.asarray(gradient)
    return np.asarray(gradient + sum(share_gradient(place, inside) for place in places))
