"""How many animals: expected and realised numbers by survey and region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.diagnosis import FLAT_SE
from secr_nea.errors import CRSError, DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.inference.density import PointDensity, point_density
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import delta_variance, lognormal_interval
from secr_nea.inference.regions import region_points
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.layout import Population
from secr_nea.likelihood.points import detection_probability, expected_detected
from secr_nea.mask import HabitatMask
from secr_nea.units import DENSITY_AREA_KM2, animals_per_cell

VARIANCES = ("auto", "poisson", "mspe")


@dataclass(frozen=True)
class Place:
    """One population, its density, detectability and animals where numbers are wanted."""

    estimate: Estimate
    p: int
    mask: HabitatMask
    other_mask: bool
    density: PointDensity

    @property
    def population(self) -> Population:
        """The animals and blocks behind it."""
        return likelihood_of(self.estimate.model).populations[self.p]

    @property
    def per_cell(self) -> FloatArray:
        """Expected animals in each cell."""
        return np.asarray(animals_per_cell(self.density.value, self.mask.cell_area))

    def expected(self, inside: BoolArray) -> tuple[float, FloatArray]:
        """Expected animals in the region, and the gradient."""
        cell = animals_per_cell(1.0, self.mask.cell_area)
        return float((self.per_cell * inside).sum()), self.density.gradient.T @ (inside * cell)

    def undetected(self, inside: BoolArray) -> tuple[float, FloatArray]:
        """Expected animals in the region that were missed, and the gradient."""
        likelihood = likelihood_of(self.estimate.model)
        coefficients = self.estimate.coefficients
        xy = self.mask.xy if self.other_mask else None
        missed = 1.0 - detection_probability(likelihood, coefficients, self.p, xy)
        _, through_p = expected_detected(
            likelihood, coefficients, self.p, self.per_cell * inside, xy
        )
        d_density = missed * inside * animals_per_cell(1.0, self.mask.cell_area)
        total = float((missed * self.per_cell * inside).sum())
        return total, self.density.gradient.T @ d_density - through_p


def abundance(
    estimate: Estimate,
    *,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
    variance: str = "auto",
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
    variance : {"auto", "poisson", "mspe"}
        Variance of the realised number. ``"poisson"``: var(expected) - expected, as R's default;
        it is meant for the whole mask of a survey that shares no coefficients with others.
        ``"mspe"``: the mean squared prediction error, valid everywhere. ``"auto"`` takes the first
        where it is valid and the second elsewhere; the column ``variance`` says which was used.

    Returns
    -------
    DataFrame
        One row per survey and region (with groups: one for each, and one for all). Columns:
        survey, group (with groups), region, area_km2, density_per_100km2,
        density_lower, density_upper, expected_n, expected_se, expected_lower, expected_upper,
        realised_n, realised_se, realised_lower, realised_upper, n_detected, variance.
        ``n_detected`` is the expected number of detected animals that live in the region.

    Raises
    ------
    DataError
        If the region holds no mask point, or an option is unknown.
    CRSError
        If the other mask is in another coordinate reference system.

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
    _check_crs(estimate, mask)
    chosen = range(len(surveys))
    if survey is not None or mask is not None:
        chosen = range(index := survey_index(estimate, survey), index + 1)
    likelihood = likelihood_of(estimate.model)
    rows = []
    for b in chosen:
        where = mask if mask is not None else surveys[b].mask
        places = [
            Place(estimate, p, where, mask is not None, point_density(estimate, p, mask))
            for p in likelihood.of_survey(b)
        ]
        for name, inside in region_points(where, region, by).items():
            own = _own_inside(places[0], inside, region, by, name)
            for group, part in _parts(estimate, places):
                row = _row([places[i] for i in part], inside, own, level, variance)
                head = {"survey": surveys[b].name, **group, "region": name}
                rows.append(head | row)
    return pd.DataFrame(rows)


def _check_crs(estimate: Estimate, mask: HabitatMask | None) -> None:
    """Another mask must be in the CRS of the surveys."""
    own = estimate.model.surveys[0].mask.crs
    if mask is not None and mask.crs is not None and own is not None and mask.crs != own:
        raise CRSError(
            f"The other mask is in {mask.crs.name}, the survey in {own.name}; make the mask in the "
            "CRS of the survey (regions and rasters are reprojected when it is made)."
        )


def _parts(estimate: Estimate, places: list[Place]) -> list[tuple[dict[str, str], list[int]]]:
    """Which populations make a row: each group and all groups; or the only one."""
    individuals = estimate.model.individuals
    everybody = list(range(len(places)))
    if not individuals.grouped:
        return [({}, everybody)]
    each = [({"group": individuals.levels[i]}, [i]) for i in everybody]
    return [*each, ({"group": "all"}, everybody)]


def _own_inside(
    place: Place, inside: BoolArray, region: Any, by: str | None, name: str
) -> BoolArray:
    """The points of the survey's own mask that lie in the region (and on the other mask)."""
    if not place.other_mask:
        return inside
    own = place.estimate.model.surveys[place.population.survey].mask
    found = region_points(own, region, by, some=False).get(name, np.zeros(own.n_points, bool))
    return np.asarray(found & place.mask.contains(own.xy))


def detected_share(place: Place, own_inside: BoolArray) -> FloatArray:
    """Probability that each detected animal lives in the region, shape (n_members,)."""
    members = place.population.members
    if own_inside.all() or not len(members):
        return np.ones(len(members))
    return np.asarray(activity_center_probabilities(place.estimate, place.p) @ own_inside)


def share_gradient(place: Place, own_inside: BoolArray) -> FloatArray:
    """Derivative of the expected number of detected animals in the region, central differences."""
    estimate = place.estimate
    se = np.sqrt(np.diag(estimate.covariance))
    gradient = np.zeros(len(se))
    for j in np.flatnonzero((se > 0.0) & ~np.isin(estimate.names, estimate.diagnosis.flat)):
        step = 0.01 * se[j]
        sums = []
        for sign in (1.0, -1.0):
            coefficients = estimate.coefficients.copy()
            coefficients[j] += sign * step
            moved = Estimate(
                estimate.model, coefficients, estimate.covariance, np.nan, estimate.diagnosis
            )
            sums.append(float((activity_center_probabilities(moved, place.p) @ own_inside).sum()))
        gradient[j] = (sums[0] - sums[1]) / (2.0 * step)
    return gradient


def _row(
    places: list[Place],
    inside: BoolArray,
    own_inside: BoolArray,
    level: float,
    variance: str,
) -> dict[str, object]:
    """Numbers of one or several populations in one region."""
    estimate, mask = places[0].estimate, places[0].mask
    area = float(inside.sum()) * mask.cell_area
    numbers = [place.expected(inside) for place in places]
    expected = sum(number for number, _ in numbers)
    gradient = np.sum([slope for _, slope in numbers], axis=0)
    expected_var = delta_variance(gradient, estimate.covariance)
    known_errors = estimate.diagnosis.positive_definite
    expected_se = float(np.sqrt(expected_var)) if known_errors else np.nan
    share = np.concatenate([detected_share(place, own_inside) for place in places])
    realised, realised_se, method = _realised(
        places, inside, own_inside, share, expected_var - expected, variance
    )
    if expected_se > FLAT_SE * expected:
        # The data do not determine how many there are: no number is shown.
        expected = expected_se = realised = realised_se = np.nan
        method = "none"
    lower, upper = lognormal_interval(expected, expected_se, level)
    known = float(share.sum())
    realised_lower, realised_upper = lognormal_interval(realised, realised_se, level, known)
    scale = DENSITY_AREA_KM2 / area
    return {
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
    places: list[Place],
    inside: BoolArray,
    own_inside: BoolArray,
    share: FloatArray,
    excess: float,
    variance: str,
) -> tuple[float, float, str]:
    """Realised number, its standard error, and the kind of variance that was used."""
    estimate = places[0].estimate
    if estimate.model.population == "binomial":
        # A fixed number of animals has no realised number apart from the expected one.
        return np.nan, np.nan, "none"
    parts = [place.undetected(inside) for place in places]
    missed = sum(number for number, _ in parts)
    realised = float(share.sum()) + missed
    if not estimate.diagnosis.positive_definite:
        return realised, np.nan, "none"
    whole = bool(inside.all() and own_inside.all())
    alone = len(estimate.model.surveys) == 1
    if excess > 0.0 and whole and (variance == "poisson" or (variance == "auto" and alone)):
        return realised, float(np.sqrt(excess)), "poisson"
    gradient = np.sum([slope for _, slope in parts], axis=0)
    if not whole:
        gradient = gradient + np.sum(
            [share_gradient(place, own_inside) for place in places], axis=0
        )
    error = float((share * (1.0 - share)).sum()) + missed
    total = error + delta_variance(gradient, estimate.covariance)
    return realised, float(np.sqrt(total)), "mspe"
