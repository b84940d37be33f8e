"""Profile-likelihood intervals: how far a quantity may move before the data object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import DataError, FitError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.doubts import unearned
from secr_nea.inference.quantities import Quantity, quantities
from secr_nea.likelihood import likelihood_of
from secr_nea.model import Model
from secr_nea.parameters import predictor_scale
from secr_nea.smoothing import Penalties

_REACH = 30.0  # a quantity that the data allow to go so far on its link scale has no limit there
_EXACT = 1e-4  # of the root of the deviance, so that a limit is good to 1e-4 standard errors
_MOST_STEPS = 40
_HIGHER = 1e-3  # log-likelihood above the maximum that is no rounding
_RESIDUAL = 1e-2  # slope left along the constraint, in standard errors (logL off by 5e-5)

Target = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class _Place:
    """A maximum of the log-likelihood with the quantity held at a value.

    ``slope`` is the derivative of the maximum to the value; ``residual`` is what is left to climb.
    """

    value: float
    coefficients: FloatArray
    log_likelihood: float
    slope: float
    residual: float


@dataclass(frozen=True)
class _Profile:
    """The profile of one quantity of a fit.

    Parameters
    ----------
    quantity : Quantity
    target : callable
        Log-likelihood (less the penalty of smooths) and its gradient.
    basis : float64 array, shape (n_coefficients, n_free)
        Directions in which the information is about the unit matrix.
    top : _Place
        The maximum.
    sd : float
        Standard error of the quantity on its link scale, or a guess where it is not known.
    reach : float
        How far from the maximum limits are looked for.
    """

    quantity: Quantity
    target: Target
    basis: FloatArray
    top: _Place
    sd: float
    reach: float

    @classmethod
    def of(cls, estimate: Estimate, quantity: Quantity) -> _Profile:
        if quantity.other_variance > 0.0:
            raise ModelError(
                f"{quantity.name} is derived from the number of animals detected, which the "
                "conditional likelihood does not explain; it has no profile. Fit with "
                "population='poisson'."
            )
        target = penalised(estimate)
        value, gradient = quantity.function(estimate.coefficients)
        scale = predictor_scale(estimate.model.parameters, estimate.coefficients)
        moved = np.abs(gradient) > 1e-12
        basis = _basis(estimate, moved, scale)
        height = target(estimate.coefficients)[0]
        top = _Place(value, estimate.coefficients, height, 0.0, 0.0)
        sd = float(np.linalg.norm(basis.T @ gradient))
        # A coefficient is measured in units of its predictor, everything else is on a link scale.
        unit = float(np.linalg.norm(gradient / scale)) if quantity.link.name == "identity" else 1.0
        return cls(quantity, target, basis, top, sd, max(_REACH * unit, 3.0 * min(sd, _REACH)))

    def at(self, value: float, near: Sequence[_Place]) -> _Place:
        """Constrained maximum for a value of the quantity, started between known places."""
        start = self._start(value, near)
        best = self._maximise(value, start)
        for _ in range(3):
            if best.residual < _RESIDUAL:
                break
            # A restart forgets a curvature that the search learned far away.
            again = self._maximise(value, best.coefficients)
            best = again if again.residual < best.residual else best
        return best

    def _start(self, value: float, near: Sequence[_Place]) -> FloatArray:
        """Coefficients on the line through the two nearest places, or along the ridge."""
        order = sorted({place.value: place for place in near}.values(), key=lambda p: p.value)
        order.sort(key=lambda place: abs(place.value - value))
        first = order[0]
        if len(order) > 1 and abs(first.value - order[1].value) > 1e-9:
            share = (value - first.value) / (order[1].value - first.value)
            share = float(np.clip(share, -3.0, 3.0))
            return first.coefficients + share * (order[1].coefficients - first.coefficients)
        gradient = self.basis.T @ self.quantity.function(first.coefficients)[1]
        move = (value - first.value) / float(gradient @ gradient)
        return first.coefficients + self.basis @ (gradient * float(np.clip(move, -1e3, 1e3)))

    def _maximise(self, value: float, start: FloatArray) -> _Place:
        wall = 1e6

        def objective(v: FloatArray) -> tuple[float, FloatArray]:
            height, gradient = self.target(start + self.basis @ v)
            if not np.isfinite(height):
                return wall, np.zeros_like(v)
            return self.top.log_likelihood - height, -(self.basis.T @ gradient)

        def held(v: FloatArray) -> float:
            return self.quantity.function(start + self.basis @ v)[0] - value

        def held_slope(v: FloatArray) -> FloatArray:
            return self.basis.T @ self.quantity.function(start + self.basis @ v)[1]

        found = optimize.minimize(
            objective,
            np.zeros(self.basis.shape[1]),
            jac=True,
            method="SLSQP",
            constraints=[{"type": "eq", "fun": held, "jac": held_slope}],
            options={"ftol": 1e-9, "maxiter": 60},
        )
        coefficients = start + self.basis @ found.x
        return self._place(coefficients)

    def _place(self, coefficients: FloatArray) -> _Place:
        height, gradient = self.target(coefficients)
        value, along = self.quantity.function(coefficients)
        if not np.isfinite(height) or not np.isfinite(value):
            return _Place(value, coefficients, -np.inf, np.nan, np.inf)
        g, a = self.basis.T @ gradient, self.basis.T @ along
        slope = float(g @ a / (a @ a))
        return _Place(value, coefficients, height, slope, float(np.linalg.norm(g - slope * a)))

    def root(self, place: _Place) -> float:
        """Root of the deviance: about the distance from the maximum in standard errors."""
        return float(np.sqrt(max(2.0 * (self.top.log_likelihood - place.log_likelihood), 0.0)))

    def limit(self, sign: float, z: float) -> tuple[float, str]:
        """Where the root of the deviance is z on one side; infinite where it never is."""
        near = [self.top]
        inside, outside = self.top, None
        end = self.top.value + sign * self.reach
        value = self.top.value + sign * min(z * self.sd, 0.5 * self.reach)
        for _ in range(_MOST_STEPS):
            place = self.at(value, near)
            near.append(place)
            if place.log_likelihood > self.top.log_likelihood + _HIGHER:
                return np.nan, "a higher maximum was found; fit again with another start="
            root = self.root(place)
            if abs(root - z) < _EXACT and place.residual < 10.0 * _RESIDUAL:
                return place.value, self._doubt(place)
            if root < z:
                inside = place
                if sign * (place.value - end) >= -1e-9:
                    return sign * np.inf, "no limit"
            else:
                outside = place
            value = self._next(inside, outside, place, root, z, end, sign)
        return np.nan, "the search for the limit did not end"

    def _next(
        self,
        inside: _Place,
        outside: _Place | None,
        place: _Place,
        root: float,
        z: float,
        end: float,
        sign: float,
    ) -> float:
        """Newton step on the root of the deviance, kept inside what is known."""
        low = inside.value
        high = outside.value if outside is not None else end
        guess = np.nan
        if np.isfinite(root) and root > 1e-6 and np.isfinite(place.slope):
            guess = place.value + (z - root) * root / -place.slope
        if outside is None:
            # A flat stretch promises too long a step; a steep one too short.
            step = max(abs(place.value - self.top.value), 1e-9)
            longest = place.value + sign * 2.0 * step
            if not np.isfinite(guess) or sign * (guess - place.value) <= 0.0:
                guess = longest
            guess = sign * min(sign * guess, sign * longest, sign * end)
            return float(guess)
        width = high - low
        if not np.isfinite(guess) or not 0.0 < (guess - low) / width < 1.0:
            guess = low + 0.5 * width
        return float(guess)

    def _doubt(self, place: _Place) -> str:
        return "" if place.residual < _RESIDUAL else "rough"


def penalised(estimate: Estimate, model: Model | None = None) -> Target:
    """What the fit maximised, at other coefficients: the log-likelihood less penalties of smooths.

    Parameters
    ----------
    estimate : Estimate
    model : Model, optional
        The same model of other data.

    Returns
    -------
    callable
        Coefficients to value and gradient. Smoothing parameters stay as they were estimated.
    """
    model = model or estimate.model
    likelihood = likelihood_of(model)
    if estimate.smoothing is None:
        return likelihood.value_and_gradient
    ones = np.ones(model.n_coefficients)
    penalties = Penalties.of(model.smooths, ones, estimate.fingerprint.n_animals)
    given = np.concatenate([np.array(values) for values in estimate.smoothing.parameters])
    stiffness = penalties.stiffness(given)

    def target(coefficients: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = likelihood.value_and_gradient(coefficients)
        penalty = stiffness * coefficients
        return value - 0.5 * float(penalty @ coefficients), gradient - penalty

    return target


def _basis(estimate: Estimate, moved: BoolArray, scale: FloatArray) -> FloatArray:
    """Directions to search in: the root of the covariance, and flat coefficients that are asked."""
    flat = np.isin(estimate.names, estimate.diagnosis.flat)
    n = len(flat)
    if not estimate.diagnosis.positive_definite:
        return np.diag(0.3 / scale)
    kept = np.flatnonzero(~flat)
    covariance = estimate.covariance[np.ix_(kept, kept)] * np.outer(scale[kept], scale[kept])
    eigenvalues, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(eigenvalues, 1e-12, None))
    basis = np.zeros((n, len(kept)))
    basis[kept] = root / scale[kept, None]
    # Flat coefficients stay where they are, but for those that the quantity itself is made of.
    asked = np.flatnonzero(flat & moved)
    extra = np.zeros((n, len(asked)))
    extra[asked, np.arange(len(asked))] = 1.0 / scale[asked]
    return np.concatenate([basis, extra], axis=1)


def profile_interval(
    estimate: Estimate,
    what: str | Sequence[str] = "density",
    *,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Profile-likelihood intervals of coefficients, real parameters, density and abundance.

    The interval holds the values that the data do not reject: those at which the best
    log-likelihood is less than chi-square / 2 (1.92 for 95 %) below the maximum. It needs no
    standard error, follows the skewness of the likelihood, and is open where the data set no limit.

    Parameters
    ----------
    estimate : Estimate
    what : str or sequence of str
        A coefficient (``"D:Intercept"``), a real parameter (``"sigma"``), ``"density"`` (mean of
        a region, animals per 100 km2), ``"abundance"`` (expected animals in a region) or
        ``"effective_area"`` (km2).
    newdata : DataFrame or mapping, optional
        Covariates at which real parameters are wanted; reference values by default.
    region, by : as of `secr_nea.inference.abundance`
    survey : str, optional
        Only this survey.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: quantity. Columns: estimate, lower, upper, wald_lower, wald_upper, unit, note
        (empty, or why a limit is missing or doubtful, or the fit earned no numbers). Limits may be
        0 or infinite.

    Raises
    ------
    ModelError
        If a quantity is not known, fixed, or derived from the conditional likelihood.
    FitError
        If the fit did not converge.

    Notes
    -----
    The log-likelihood is maximised subject to the quantity by sequential quadratic programming
    with exact gradients, started from the neighbouring solution; the limit is found by Newton steps
    on the root of the deviance, whose derivative is the multiplier of the constraint. Smoothing
    parameters stay as they were estimated. Venzon and Moolgavkar (1988) Applied Statistics 37,
    87-94.
    """
    z = z_value(level)
    _require_maximum(estimate)
    reason = unearned(estimate)
    rows = {}
    for quantity in quantities(
        estimate, what, newdata=newdata, region=region, by=by, survey=survey
    ):
        profile = _Profile.of(estimate, quantity)
        with np.errstate(all="ignore"):
            ends = [profile.limit(sign, z) for sign in (-1.0, 1.0)]
        lower, upper = sorted(quantity.natural(value) for value, _ in ends)
        wald = quantity.wald(estimate, level)
        rows[quantity.name] = {
            # as everywhere, a number that the data do not determine is not shown
            "estimate": quantity.at(estimate)
            if np.isfinite(quantity.spread(estimate)[1])
            else np.nan,
            "lower": lower,
            "upper": upper,
            "wald_lower": wald[0],
            "wald_upper": wald[1],
            "unit": quantity.unit,
            "note": "; ".join(filter(None, [_note(ends), reason])),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def _note(ends: Sequence[tuple[float, str]]) -> str:
    told = [
        f"{side} limit: the data allow any value" if why == "no limit" else f"{side} limit: {why}"
        for side, (_, why) in zip(("lower", "upper"), ends, strict=True)
        if why
    ]
    return "; ".join(told)


def _require_maximum(estimate: Estimate) -> None:
    if not estimate.diagnosis.converged:
        raise FitError(f"A profile needs the maximum. {estimate.diagnosis.message}")


def profile_curve(
    estimate: Estimate,
    what: str,
    values: Sequence[float] | FloatArray | None = None,
    *,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    region: Any = None,
    survey: str | None = None,
) -> pd.DataFrame:
    """Profile log-likelihood of one quantity at given values.

    Parameters
    ----------
    estimate : Estimate
    what : str
        As of `profile_interval`; it must be one quantity.
    values : sequence of float, optional
        Natural-scale values; 21 values within three standard errors by default.
    newdata, region, survey : as of `profile_interval`

    Returns
    -------
    DataFrame
        Columns: value (natural scale), log_likelihood, deviance (twice the fall from the
        maximum).

    Raises
    ------
    ModelError
        If the quantity is not one.
    FitError
        If the fit did not converge.
    """
    _require_maximum(estimate)
    found = quantities(estimate, what, newdata=newdata, region=region, survey=survey)
    if len(found) != 1:
        names = ", ".join(quantity.name for quantity in found)
        raise ModelError(f"A curve is of one quantity; {what!r} stands for {names}.")
    profile = _Profile.of(estimate, found[0])
    link = found[0].link
    if values is None:
        at = profile.top.value + profile.sd * np.linspace(-3.0, 3.0, 21)
    else:
        with np.errstate(invalid="ignore", divide="ignore"):
            at = np.asarray(link.forward(np.asarray(values, dtype=np.float64)))
        if not np.isfinite(at).all():
            raise DataError(
                f"values must be possible values of {found[0].name}, which has a {link.name} link; "
                f"got {np.asarray(values)[~np.isfinite(at)][0]:g}."
            )
    places: dict[int, _Place] = {}
    with np.errstate(all="ignore"):
        for j in np.argsort(np.abs(at - profile.top.value)):
            places[int(j)] = profile.at(float(at[j]), [profile.top, *places.values()])
    heights = np.array([places[j].log_likelihood for j in range(len(at))])
    return pd.DataFrame(
        {
            "value": link.inverse(at),
            "log_likelihood": heights,
            "deviance": 2.0 * (profile.top.log_likelihood - heights),
        }
    )
