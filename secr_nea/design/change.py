"""Power to detect that density has changed from one survey to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.design.study_summary import share_error
from secr_nea.errors import DataError

if TYPE_CHECKING:
    from secr_nea.design.study import Study


_PER_CENT = 10.0  # an RSE or ratio as large as that is meant in per cent


def power_to_detect(
    rse: ArrayLike, change: ArrayLike, *, alpha: float = 0.05, sides: int = 2, scaled: bool = True
) -> FloatArray:
    """Probability that two surveys tell a change of density from none.

    Parameters
    ----------
    rse : array-like
        Relative standard error of density in the first survey; see `expected`, `precision`.
    change : array-like
        Ratio of densities, second to first: 0.8 for a decline by 20 %, whatever the years between.
    alpha : float
        Probability of telling a change where there is none.
    sides : {1, 2}
        1 when only a change in that direction counts.
    scaled : bool
        Whether the second survey is as much more or less precise as its animals are more or fewer
        (RSE^2 in proportion to 1 / density); else both have the same RSE.

    Returns
    -------
    float64 array, broadcast of ``rse`` and ``change``

    Raises
    ------
    DataError
        If rse, change or alpha are not positive, or 10 and more as if in per cent, or sides not 1
        or 2.

    Notes
    -----
    Log-normal errors: log ratio has mean e = log R - log(1 + RSE^2 / R) / 2 + log(1 + RSE^2) / 2
    and variance log(1 + RSE^2) + log(1 + RSE^2 / R) (scaled), or mean log R and variance
    2 log(1 + RSE^2). Power is Phi(e / sd - z) + Phi(-e / sd - z): with two sides a change that is
    told in the wrong direction counts as well, which matters where power is below about 0.2;
    ``sides=1`` leaves it out.

    References
    ----------
    Efford, M. G. and Boulanger, J. (2019) Methods in Ecology and Evolution 10, 1529-1535.
    """
    r, ratio = np.broadcast_arrays(_above_zero(rse, "rse"), _above_zero(change, "change"))
    if (r >= _PER_CENT).any():
        raise DataError(
            f"rse is a share, 0.3 for 30 %; got {_checks.listed(np.unique(r[r >= _PER_CENT]))}."
        )
    if (ratio >= _PER_CENT).any():
        raise DataError(
            "change is the ratio of densities, second to first: 0.8 for a decline by 20 %; got "
            f"{_checks.listed(np.unique(ratio[ratio >= _PER_CENT]))}."
        )
    return _power(r, ratio, alpha, sides, scaled)


def _power(
    r: FloatArray, ratio: FloatArray, alpha: float, sides: int, scaled: bool = True
) -> FloatArray:
    if sides not in (1, 2) or not 0.0 < alpha < 1.0:
        raise DataError(f"sides must be 1 or 2 and alpha a probability; got {sides}, {alpha}.")
    first = np.log1p(r**2)
    second = np.log1p(r**2 / ratio) if scaled else first
    mean = np.log(ratio) - 0.5 * second + 0.5 * first
    at = mean / np.sqrt(first + second)
    z = ndtri(1.0 - alpha / sides)
    if sides == 1:
        return np.asarray(ndtr(np.where(ratio < 1.0, -at, at) - z))
    return np.asarray(ndtr(at - z) + ndtr(-at - z))


def detectable_change(
    rse: float, *, power: float = 0.8, decline: bool = True, alpha: float = 0.05, sides: int = 2
) -> float:
    """The smallest change that two surveys would most probably tell.

    Parameters
    ----------
    rse : float
        Relative standard error of density in the first survey.
    power : float
        Probability of telling it.
    decline : bool
        Whether a decline is looked for; else an increase.
    alpha, sides
        As for `power_to_detect`.

    Returns
    -------
    float
        Ratio of densities, second to first: below 1 for a decline; 0 when no decline that leaves
        any animal would be told, infinity when no increase below a hundredfold.

    Raises
    ------
    DataError
        As `power_to_detect`.
    """
    if not alpha < power < 1.0:
        raise DataError(f"power must lie between alpha and 1; got {power!r}.")

    power_to_detect(rse, 1.0, alpha=alpha, sides=sides)  # what it refuses

    def missing(log_ratio: float) -> float:
        return float(_power(np.array(rse), np.exp(log_ratio), alpha, sides)) - power

    ends = np.linspace(0.0, np.log(100.0), 400)[1:] * (-1.0 if decline else 1.0)
    enough = [end for end in ends if missing(float(end)) >= 0.0]
    if not enough:
        return 0.0 if decline else float("inf")
    return float(np.exp(brentq(missing, 1e-9 if not decline else -1e-9, enough[0])))


def power_of_study(
    study: Study, before: int = 0, after: int | None = None, *, alpha: float = 0.05, sides: int = 2
) -> pd.DataFrame:
    """Share of pairs of simulated surveys that tell the change between two scenarios.

    Replicate r of one scenario is compared with replicate r of the other, by the difference of
    their log densities against the root of the sum of their squared errors. Surveys that failed
    tell nothing and count as not telling a change.

    Parameters
    ----------
    study : Study
        Of scenarios that differ in density, and in whatever else changes between the surveys.
    before : int
        Number of the scenario of the first survey.
    after : int, optional
        Number of the scenario of the second one; all others by default.
    alpha, sides
        As for `power_to_detect`.

    Returns
    -------
    DataFrame
        Index: name of the second scenario. Columns: change (true ratio of densities), power,
        power_error (Monte Carlo), predicted (by `power_to_detect` from the mean RSE), pairs.

    Raises
    ------
    DataError
        If there are no such scenarios.
    """
    number = len(study.grid)
    wanted = [s for s in range(number) if s != before] if after is None else [after]
    if not all(0 <= s < number for s in (before, *wanted)) or not wanted:
        raise DataError(f"The study has the scenarios 0 to {number - 1}; two are needed.")
    first = _densities(study, before)
    rows: dict[str, dict[str, float]] = {}
    for s in wanted:
        second = _densities(study, s)
        both = first.index.intersection(second.index)
        one, two = (
            table.loc[both, ["log", "se"]].to_numpy(np.float64).T for table in (first, second)
        )
        z = (two[0] - one[0]) / np.hypot(one[1], two[1])
        true1, true2 = (study.grid.scenarios[i].mean_density for i in (before, s))
        limit = ndtri(1.0 - alpha / sides)
        told = (np.abs(z) if sides == 2 else np.sign(true2 - true1) * z) > limit
        share, n = float(told.mean()), len(both)
        rse = float(first["rse"].mean())
        rows[study.grid.scenarios[s].name] = {
            "change": true2 / true1,
            "power": share,
            "power_error": share_error(share, n),
            "predicted": float(_power(np.array(rse), np.array(true2 / true1), alpha, sides)),
            "pairs": n,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")


def _densities(study: Study, scenario: int) -> pd.DataFrame:
    """Log density, its error and the RSE of each replicate; missing where the fit failed."""
    if "D|estimate" not in study.results:
        raise DataError(
            "This study has no estimate of density: its surveys failed (see .failures), or its "
            "model is one of the conditional likelihood."
        )
    own = study.results[study.results["scenario"] == scenario].set_index("replicate")
    good = ~own["failed"]
    estimate, se = own["D|estimate"].where(good), own["D|se"].where(good)
    return pd.DataFrame({"log": np.log(estimate), "se": se / estimate, "rse": se / estimate})


def _above_zero(values: ArrayLike, name: str) -> FloatArray:
    array = _checks.numbers(values, name)
    if not (np.isfinite(array) & (array > 0.0)).all():
        raise DataError(f"{name} must be above 0; got {_checks.listed(np.ravel(array))}.")
    return array
