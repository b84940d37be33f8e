"""How many animals: expected and realised numbers by survey and region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.inference.density import PointDensity, point_density
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.inference.regions import region_points
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import expected_detected, total_hazard
from secr_nea.mask import HabitatMask
from secr_nea.units import DENSITY_AREA_KM2, animals_per_cell

VARIANCES = ("poisson", "mspe")


@dataclass(frozen=True)
class _Place:
    """One survey, its density, detectability and animals on the mask where numbers are wanted."""

    estimate: Estimate
    b: int
    mask: HabitatMask
    other_mask: bool
    density: PointDensity

    @property
    def per_cell(self) -> FloatArray:
        """Expected animals in each cell."""
        return np.asarray(animals_per_cell(self.density.value, self.mask.cell_area))

    @property
    def _xy(self) -> FloatArray | None:
        return self.mask.xy if self.other_mask else None

    def undetected(self, inside: BoolArray) -> tuple[float, FloatArray]:
        """Expected animals in the region that were missed, and its gradient."""
        likelihood = likelihood_of(self.estimate.model)
        coefficients = self.estimate.coefficients
        hazard = total_hazard(likelihood, coefficients, self.b, self._xy)
        missed = np.exp(-hazard) * self.per_cell * inside
        _, through_p, _ = expected_detected(
            likelihood, coefficients, self.b, self.per_cell * inside, self._xy
        )
        d_density = np.exp(-hazard) * inside * animals_per_cell(1.0, self.mask.cell_area)
        return float(missed.sum()), self.density.gradient.T @ d_density - through_p


def abundance(
    estimate: Estimate,
    *,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
    variance: str = "poisson",
) -> pd.DataFrame:
    """Expected and realised number of animals, by survey and region.

    The expected number is what the density surface promises for the region, also for another time
    or place; the realised number is how many animals were there during this survey: those that
    were detected, and those that were missed.

    Parameters
    ----------
    estimate : Estimate
    region : None, str, path, GeoDataFrame or shapely geometry, optional
        Whole mask by default; polygons; or the name of a categorical mask covariate.
    by : str, optional
        Attribute of the polygons that names the regions.
    survey : str, optional
        Only this survey.
    mask : HabitatMask, optional
        Other points to predict at (with the covariates of the density formula); needs ``survey``
        when there are several. It should hold all animals that could be detected.
    level : float
        Confidence level of the intervals (log-normal; for realised numbers above the animals
        known to be there).
    variance : {"poisson", "mspe"}
        For the realised number on a whole mask: the Poisson variance, var(expected) - expected,
        as R's default; or the mean squared prediction error. Where the first is not positive,
        and for parts of a mask, the second is used; the column ``variance`` says which.

    Returns
    -------
    DataFrame
        One row per survey and region. Columns: survey, region, area_km2, density_per_100km2,
        density_lower, density_upper, expected_n, expected_se, expected_lower, expected_upper,
        realised_n, realised_se, realised_lower, realised_upper, n_detected, variance.
        ``n_detected`` is the expected number of detected animals that live in the region.

    Raises
    ------
    DataError
        If the region holds no mask point, or an option is unknown.

    Notes
    -----
    E(N) = sum D a; realised N = sum_i Pr(x_i in region | w_i) + sum D a (1 - p.). With V the
    covariance and g, G the gradients, var E(N) = g' V g; the prediction error of the realised N
    is sum_i P_i (1 - P_i) + sum D a (1 - p.) + G' V G. Efford and Fewster (2013) Oikos 122,
    918-928, for whole masks.
    """
    if variance not in VARIANCES:
        raise DataError(f"variance must be one of {', '.join(VARIANCES)}; got {variance!r}.")
    surveys = estimate.model.surveys
    chosen = range(len(surveys))
    if survey is not None or mask is not None:
        chosen = range(index := survey_index(estimate, survey), index + 1)
    rows = []
    for b in chosen:
        where = mask if mask is not None else surveys[b].mask
        place = _Place(estimate, b, where, mask is not None, point_density(estimate, b, mask))
        for name, inside in region_points(where, region, by).items():
            share = _detected_share(place, inside, region, by, name)
            rows.append(_row(place, name, inside, share, level, variance))
    return pd.DataFrame(rows)


def _detected_share(
    place: _Place, inside: BoolArray, region: Any, by: str | None, name: str
) -> FloatArray:
    """Probability that each detected animal lives in the region, shape (n_animals,)."""
    own = place.estimate.model.surveys[place.b]
    if region is None or (inside.all() and not place.other_mask):
        return np.ones(own.n_animals)
    if place.other_mask:
        inside = region_points(own.mask, region, by).get(name, np.zeros(own.mask.n_points, bool))
    if not own.n_animals:
        return np.ones(0)
    return activity_center_probabilities(place.estimate, place.b) @ inside


def _share_gradient(place: _Place, inside: BoolArray) -> FloatArray:
    """Derivative of the expected number of detected animals in the region, central differences."""
    estimate = place.estimate
    se = np.sqrt(np.diag(estimate.usable_covariance))
    gradient = np.zeros(len(se))
    for j in np.flatnonzero(se > 0.0):
        step = 0.01 * se[j]
        sums = []
        for sign in (1.0, -1.0):
            coefficients = estimate.coefficients.copy()
            coefficients[j] += sign * step
            moved = Estimate(
                estimate.model, coefficients, estimate.covariance, np.nan, estimate.diagnosis
            )
            sums.append(float((activity_center_probabilities(moved, place.b) @ inside).sum()))
        gradient[j] = (sums[0] - sums[1]) / (2.0 * step)
    return gradient


def _row(
    place: _Place,
    name: str,
    inside: BoolArray,
    share: FloatArray,
    level: float,
    variance: str,
) -> dict[str, object]:
    covariance = place.estimate.usable_covariance
    area = float(inside.sum()) * place.mask.cell_area
    expected = float((place.per_cell * inside).sum())
    cell = animals_per_cell(1.0, place.mask.cell_area)
    expected_var = delta_variance(place.density.gradient.T @ (inside * cell), covariance)
    expected_se = (
        float(np.sqrt(expected_var)) if place.estimate.diagnosis.positive_definite else np.nan
    )
    realised, realised_se, method = _realised(
        place, inside, share, expected_var - expected, variance
    )
    lower, upper = lognormal_interval(expected, expected_se, level)
    known = float(share.sum())
    realised_lower, realised_upper = lognormal_interval(realised, realised_se, level, known)
    scale = DENSITY_AREA_KM2 / area
    return {
        "survey": place.estimate.model.surveys[place.b].name,
        "region": name,
        "area_km2": area,
        "density_per_100km2": expected * scale,
        "density_lower": lower * scale,
        "density_upper": upper * scale,
        "expected_n": expected,
        "expected_se": expected_se,
        "expected_lower": lower,
        "expected_upper": upper,
        "realised_n": realised,
        "realised_se": realised_se,
        "realised_lower": realised_lower,
        "realised_upper": realised_upper,
        "n_detected": known,
        "variance": method,
    }


def _realised(
    place: _Place, inside: BoolArray, share: FloatArray, excess: float, variance: str
) -> tuple[float, float, str]:
    """Realised number, its standard error, and the kind of variance that was used."""
    model = place.estimate.model
    if model.population == "binomial":
        # A fixed number of animals has no realised number apart from the expected one.
        return np.nan, np.nan, "none"
    missed, gradient = place.undetected(inside)
    realised = float(share.sum()) + missed
    if not place.estimate.diagnosis.positive_definite:
        return realised, np.nan, "none"
    whole = bool((share == 1.0).all())
    if variance == "poisson" and whole and excess > 0.0:
        return realised, float(np.sqrt(excess)), "poisson"
    if not whole:
        gradient = gradient + _share_gradient(place, inside)
    error = float((share * (1.0 - share)).sum()) + missed
    total = error + delta_variance(gradient, place.estimate.usable_covariance)
    return realised, float(np.sqrt(total)), "mspe"
