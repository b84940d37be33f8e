"""Overdispersion of the numbers of animals in surveys or clusters of detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.expected_counts import ExpectedCounts
from secr_nea.inference.living import living
from secr_nea.inference.quantities import overall_density, quantities


@dataclass(frozen=True, eq=False)
class Overdispersion:
    """Variance of the numbers of animals detected, relative to what the fit expects.

    Parameters
    ----------
    c_hat : float
        Fletcher's estimate; 1 for a Poisson process, larger where animals are clustered.
    pearson : float
        Pearson chi-square over its degrees of freedom; more variable than ``c_hat`` where
        expected numbers are small.
    df : int
        Degrees of freedom.
    table : DataFrame
        One row per unit: observed and expected number of animals detected.
    """

    c_hat: float
    pearson: float
    df: int
    table: pd.DataFrame

    @property
    def inflation(self) -> float:
        """What standard errors of density are multiplied with; never below 1."""
        return float(np.sqrt(max(self.c_hat, 1.0)))

    def __str__(self) -> str:
        return (
            f"c-hat {self.c_hat:.2f} from {len(self.table)} units (df {self.df}); standard errors "
            f"of density x {self.inflation:.2f}\n{self.table.round(2).to_string()}"
        )


def overdispersion(estimate: Estimate, *, by: str | None = None) -> Overdispersion:
    """Overdispersion of the number of animals detected in surveys or clusters of detectors.

    Parameters
    ----------
    estimate : Estimate
    by : str, optional
        Trap covariate that names clusters far enough apart that few animals are detected in two;
        surveys by default.

    Returns
    -------
    Overdispersion

    Raises
    ------
    DataError
        If there are too few units, or the covariate is unknown or missing somewhere.
    ModelError
        If animals are not detected independently (capped detectors).

    Notes
    -----
    With n_j animals detected in unit j, E_j expected, J units and p coefficients of density:
    X2 = sum (n - E)^2 / E, s = mean of (n - E) / E, c-hat = X2 / (J - p) / (1 + s). It takes a
    dozen units or more to be known. With fewer detections at a detector than animals, clusters of
    detectors and not single detectors must be the units. Fletcher (2012) Biometrika 99, 230-237;
    Bischof et al. (2020) Ecosphere 11, e03122, on what overdispersion does to SECR.
    """
    units = _surveys(estimate) if by is None else _clusters(estimate, by)
    n = units["observed"].to_numpy(dtype=np.float64)
    expected = units["expected"].to_numpy(dtype=np.float64)
    density = estimate.model.parameters.get("D")
    used = density.n_coefficients if density is not None else 0
    used += 0 if estimate.model.has_density else 1  # the level, which is derived
    df = len(units) - used
    if df < 1:
        raise DataError(
            f"{len(units)} units and {used} coefficients of density leave nothing to estimate "
            "overdispersion from. Use several surveys, or by= a trap covariate that names clusters."
        )
    pearson = float(((n - expected) ** 2 / expected).sum()) / df
    s = float(((n - expected) / expected).mean())
    return Overdispersion(pearson / (1.0 + s), pearson, df, units)


def _surveys(estimate: Estimate) -> pd.DataFrame:
    rows = {}
    for b, survey in enumerate(estimate.model.surveys):
        every = np.zeros(survey.traps.n_traps, dtype=np.int64)
        rows[survey.name] = {
            "observed": survey.n_animals,
            "expected": float(_expected_animals(estimate, b, every, 1)[0]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("unit")


def _clusters(estimate: Estimate, by: str) -> pd.DataFrame:
    rows = []
    several = len(estimate.model.surveys) > 1
    for b, survey in enumerate(estimate.model.surveys):
        covariates = survey.traps.covariates
        if by not in covariates or covariates[by].isna().any():
            known = ", ".join(map(str, covariates)) or "none"
            raise DataError(
                f"The traps of {survey.name!r} need the covariate {by!r} without gaps; they have "
                f"{known}."
            )
        names, cluster = np.unique(covariates[by].astype(str), return_inverse=True)
        cluster = cluster.reshape(-1).astype(np.int64)
        expected = _expected_animals(estimate, b, cluster, len(names))
        captures = survey.captures
        pairs = np.unique(np.column_stack([captures.animal, cluster[captures.trap]]), axis=0)
        observed = np.bincount(pairs[:, 1], minlength=len(names))
        rows += [
            {
                "unit": f"{survey.name}, {name}" if several else name,
                "observed": int(observed[j]),
                "expected": float(expected[j]),
            }
            for j, name in enumerate(names)
        ]
    return pd.DataFrame(rows).set_index("unit")


def _expected_animals(estimate: Estimate, b: int, cluster: IntArray, n_clusters: int) -> FloatArray:
    """Expected number of different animals detected in each cluster of detectors."""
    model, coefficients = estimate.model, estimate.coefficients
    counts = ExpectedCounts(model, b)
    total = np.zeros(n_clusters)
    for c, u, weight in living(model, coefficients, b):
        points = np.arange(model.surveys[b].mask.n_points)
        hazard = counts.total_hazard(coefficients, points, animal_class=c, pattern=u)
        for j in range(n_clusters):
            total[j] += float(weight @ -np.expm1(-hazard[:, cluster == j].sum(axis=1)))
    return total


def inflated_interval(
    estimate: Estimate,
    c_hat: float | Overdispersion,
    what: str | Sequence[str] = "density",
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Intervals widened for overdispersion.

    Parameters
    ----------
    estimate : Estimate
    c_hat : float or Overdispersion
        Values below 1 count as 1.
    what : str or sequence of str
        Quantities as of `secr_nea.inference.profile_interval`; ``"density"`` is the mean over the
        masks of all surveys.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: quantity. Columns: estimate, se, cv, lower, upper, unit. Standard errors on the link
        scale are multiplied with the root of c-hat.

    Raises
    ------
    ModelError
        If a quantity is not known.
    DataError
        If c_hat is no number.
    """
    value = c_hat.c_hat if isinstance(c_hat, Overdispersion) else float(c_hat)
    if not np.isfinite(value):
        raise DataError(f"c_hat must be a number; got {c_hat!r}.")
    z, factor = z_value(level), float(np.sqrt(max(value, 1.0)))
    words = [what] if isinstance(what, str) else list(what)
    rows = {}
    for word in words:
        found = [overall_density(estimate)] if word == "density" else quantities(estimate, word)
        for quantity in found:
            middle, sd = quantity.spread(estimate)
            sd = sd * factor
            natural = quantity.natural(middle)
            slope = float(quantity.link.slope(np.asarray(middle)))
            se = abs(slope) * sd
            if quantity.link.name == "log":
                se = natural * float(np.sqrt(np.expm1(sd**2)))
            rows[quantity.name] = {
                "estimate": natural,
                "se": se,
                "cv": se / abs(natural),
                "lower": quantity.natural(middle - z * sd),
                "upper": quantity.natural(middle + z * sd),
                "unit": quantity.unit,
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def replicate_density(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Mean density with the variance between replicate surveys instead of the Poisson variance.

    Parameters
    ----------
    estimate : Estimate
        A fit of three surveys or more that are random samples of one region (replicate arrays,
        ridges) and share their density model.
    level : float
        Confidence level (log-normal, with Student's t for the number of surveys).

    Returns
    -------
    DataFrame
        One row. Columns: density_per_100km2, se, cv, lower, upper, cv_n (between surveys),
        cv_n_poisson, cv_detection, n_surveys.

    Raises
    ------
    DataError
        If there are fewer than three surveys.

    Notes
    -----
    With n_j animals detected and E_j expected in survey j of J, the rate r = sum n / sum E has
    var(r) = J / ((J - 1) E^2) sum E_j^2 (n_j / E_j - r)^2, E = sum E_j: the encounter rate
    variance of Buckland et al. (2001) Introduction to distance sampling, p. 78, with E_j in the
    place of the length of a line. The variance of detection is that of the effective sampling
    areas, by the delta method.
    """
    model = estimate.model
    n_surveys = len(model.surveys)
    if n_surveys < 3:
        raise DataError(
            f"The variance between surveys needs three or more; there "
            f"{'is 1' if n_surveys == 1 else f'are {n_surveys}'}."
        )
    table = _surveys(estimate)
    n, expected = table["observed"].to_numpy(np.float64), table["expected"].to_numpy(np.float64)
    total = float(expected.sum())
    rate = float(n.sum()) / total
    spread = float((expected**2 * (n / expected - rate) ** 2).sum())
    cv_n = float(np.sqrt(n_surveys / ((n_surveys - 1.0) * total**2) * spread)) / rate
    cv_detection = _detection_cv(estimate)
    density = overall_density(estimate).at(estimate)
    cv = float(np.hypot(cv_n, cv_detection))
    width = float(np.exp(_t_value(level, n_surveys - 1) * np.sqrt(np.log1p(cv**2))))
    row = {
        "density_per_100km2": density,
        "se": density * cv,
        "cv": cv,
        "lower": density / width,
        "upper": density * width,
        "cv_n": cv_n,
        "cv_n_poisson": 1.0 / float(np.sqrt(n.sum())),
        "cv_detection": cv_detection,
        "n_surveys": n_surveys,
    }
    return pd.DataFrame([row])


def _t_value(level: float, df: int) -> float:
    from scipy.stats import t

    z_value(level)
    return float(t.ppf(0.5 + level / 2.0, df))


def _detection_cv(estimate: Estimate) -> float:
    """Coefficient of variation of density that comes from the detection parameters."""
    found = quantities(estimate, "effective_area")
    areas = np.array([quantity.at(estimate) for quantity in found])
    slopes = np.array([quantity.function(estimate.coefficients)[1] for quantity in found])
    gradient = (areas[:, None] * slopes).sum(axis=0) / areas.sum()
    return float(np.sqrt(max(gradient @ estimate.covariance @ gradient, 0.0)))
