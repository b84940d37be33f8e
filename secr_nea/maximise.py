"""Maximise the log-likelihood of a model, and say how it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import optimize
from tqdm import tqdm

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.boundaries import boundaries
from secr_nea.diagnosis import FLAT_SE, Diagnosis, verdict
from secr_nea.errors import FitError
from secr_nea.estimate import Estimate
from secr_nea.friction_scan import bridging, friction_of, other_tops, settled
from secr_nea.individuals import LATENT
from secr_nea.likelihood import ClusterLikelihood, Likelihood, likelihood_of, likelihood_on
from secr_nea.model import Model
from secr_nea.parameters import predictor_scale
from secr_nea.smoothing import Penalties, Smoothing
from secr_nea.start import chained_start, crude_starts, thinning

_GAIN = 1e-6  # log-likelihood that may be left at a maximum
_MOST_STARTS = 6


@dataclass(frozen=True)
class _Scaled:
    """Minus the log-likelihood in units of the predictors, see `predictor_scale`.

    With penalised smooths the penalty 1/2 sum_j stiffness_j u_j^2 is added.
    """

    likelihood: Likelihood | ClusterLikelihood
    scale: FloatArray
    tick: Callable[[], None]
    stiffness: FloatArray | None = None
    recent: list[tuple[FloatArray, tuple[float, FloatArray]]] = field(default_factory=list)

    @classmethod
    def of(
        cls, likelihood: Likelihood | ClusterLikelihood, near: FloatArray, tick: Callable[[], None]
    ) -> _Scaled:
        return cls(likelihood, predictor_scale(likelihood.model.parameters, near), tick)

    def __call__(self, u: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = self.plain(u)
        if self.stiffness is None:
            return value, gradient
        return value + self.penalty(u), gradient + self.stiffness * u

    def plain(self, u: FloatArray) -> tuple[float, FloatArray]:
        """Minus the log-likelihood and its derivative, without a penalty."""
        # A search ends where the next one begins: the last few answers are remembered.
        for known, answer in self.recent:
            if np.array_equal(known, u):
                return answer
        self.tick()
        value, gradient = self.likelihood.value_and_gradient(u / self.scale)
        self.recent.append((u.copy(), (-value, -gradient / self.scale)))
        del self.recent[:-4]
        return self.recent[-1][1]

    def penalty(self, u: FloatArray) -> float:
        """What the penalty takes from the log-likelihood."""
        return 0.0 if self.stiffness is None else 0.5 * float(self.stiffness @ u**2)

    def hessian(self, u: FloatArray, step: FloatArray) -> FloatArray:
        """Second derivatives by central differences of the gradient (the penalty's are exact)."""
        rows = []
        for j, h in enumerate(step):
            shift = np.zeros_like(u)
            shift[j] = h
            rows.append((self.plain(u + shift)[1] - self.plain(u - shift)[1]) / (2.0 * h))
        hessian = np.array(rows)
        if self.stiffness is not None:
            hessian = hessian + np.diag(self.stiffness)
        return np.asarray(0.5 * (hessian + hessian.T))


@dataclass(frozen=True)
class _Point:
    """Where a search stands, in scaled coordinates.

    ``kinked`` are coefficients at a top that is a kink: there is a slope on either side of it.
    """

    u: FloatArray
    value: float
    gradient: FloatArray
    hessian: FloatArray
    kinked: tuple[int, ...] = ()


def _search(
    target: _Scaled, u: FloatArray, hessian: FloatArray | None, tolerance: float
) -> FloatArray:
    """BFGS in coordinates in which the (approximate) information is the unit matrix."""
    start_value, start_gradient = target(u)
    if not np.isfinite(start_value):
        return u
    if hessian is None:
        hessian = _forward_hessian(target, u, start_gradient)
    if not np.isfinite(hessian).all():
        hessian = np.eye(len(u))
    eigenvalues, vectors = np.linalg.eigh(hessian)
    stretch = vectors / np.sqrt(np.maximum(np.abs(eigenvalues), 1.0))

    def transformed(v: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = target(u + stretch @ v)
        if not np.isfinite(value):
            # A wall rather than an infinity: the line search steps back from it.
            return start_value + 1e6, np.zeros_like(v)
        return value, stretch.T @ gradient

    found = optimize.minimize(
        transformed,
        np.zeros_like(u),
        jac=True,
        method="BFGS",
        options={"gtol": tolerance, "maxiter": 300},
    )
    return np.asarray(u + stretch @ found.x)


def _forward_hessian(target: _Scaled, u: FloatArray, gradient: FloatArray) -> FloatArray:
    """Rough second derivatives, one gradient a coefficient."""
    rows = []
    for j in range(len(u)):
        shift = np.zeros_like(u)
        shift[j] = 1e-4
        rows.append((target(u + shift)[1] - gradient) / 1e-4)
    hessian = np.array(rows)
    return np.asarray(0.5 * (hessian + hessian.T))


_STEP = 1e-3  # of the central differences, in units of the predictors


def _summit(target: _Scaled, u: FloatArray) -> _Point:
    """Let runaway coefficients run, then Newton steps until nothing is left to gain."""
    width = bridging(target.likelihood.model, _STEP)
    value, gradient = target(u)
    point = _Point(u, value, gradient, target.hessian(u, width))
    pushed = _push_flat(target, point)
    if pushed is not point:
        point = replace(pushed, hessian=target.hessian(pushed.u, width))
    for _ in range(6):
        gain, move = _newton(point)
        if gain < 1e-2 * _GAIN:
            break
        trial = point.u - move
        value, gradient = target(trial)
        if not value < point.value:
            break
        hessian = target.hessian(trial, width) if gain > 1e-4 else point.hessian
        point = _Point(trial, value, gradient, hessian)
    return point


def _newton(point: _Point) -> tuple[float, FloatArray]:
    """Newton step over the directions that are not flat, and the gain it promises."""
    if not np.isfinite(point.hessian).all():
        return 0.0, np.zeros_like(point.u)
    eigenvalues, vectors = np.linalg.eigh(point.hessian)
    slopes = vectors.T @ point.gradient
    firm = eigenvalues > FLAT_SE**-2.0
    move = np.where(firm, slopes / np.where(firm, eigenvalues, 1.0), 0.0)
    gain = 0.5 * float(np.abs(slopes * move).sum())
    length = float(np.linalg.norm(move))
    return gain, np.asarray(vectors @ move * min(1.0, 2.0 / max(length, 1e-300)))


def _push_flat(target: _Scaled, point: _Point) -> _Point:
    """Follow weak directions outwards while that gains anything (a coefficient at infinity)."""
    if not np.isfinite(point.hessian).all():
        return point
    eigenvalues, vectors = np.linalg.eigh(point.hessian)
    for j in np.flatnonzero(np.abs(eigenvalues) < 0.1):
        direction = vectors[:, j] * (-1.0 if vectors[:, j] @ point.gradient > 0.0 else 1.0)
        for _ in range(6):
            trial = point.u + 3.0 * direction
            value, gradient = target(trial)
            if not value < point.value - 0.1 * _GAIN:
                break
            point = _Point(trial, value, gradient, point.hessian)
    return point


def _covariance(point: _Point, names: tuple[str, ...]) -> tuple[FloatArray, BoolArray, bool]:
    """Covariance in scaled coordinates, which coefficients are flat, positive definiteness."""
    n = len(names)
    nothing = np.full((n, n), np.nan)
    if not np.isfinite(point.hessian).all():
        return nothing, np.zeros(n, dtype=bool), False
    eigenvalues, vectors = np.linalg.eigh(point.hessian)
    covariance = (vectors / np.maximum(eigenvalues, 1e-8)) @ vectors.T
    flat = np.asarray(np.diag(covariance) > FLAT_SE**2)
    kept = np.flatnonzero(~flat)
    inner = point.hessian[np.ix_(kept, kept)]
    if len(kept) and np.linalg.eigvalsh(inner)[0] <= 0.0:
        return nothing, flat, False
    return covariance, flat, True


def maximise(
    model: Model,
    *,
    start: Mapping[str, float] | None = None,
    progress: bool = True,
    thorough: bool = True,
    client: Any = None,
) -> Estimate:
    """Fit a model by maximum likelihood.

    Parameters
    ----------
    model : Model
    start : mapping of coefficient name to float, optional
        Coefficients to start from, such as those of a simpler model; names that the model does
        not have are ignored.
    progress : bool
        Whether to show a progress bar when the fit takes more than a few seconds.
    thorough : bool
        Whether latent classes are always tried from several starts, as their likelihood may have
        several maxima.
    client : distributed.Client, optional
        Cluster whose workers evaluate the surveys side by side.

    Returns
    -------
    Estimate
        With a diagnosis that says whether it can be used.

    Raises
    ------
    FitError
        If no animal was detected, every parameter is fixed, or the data are impossible under every
        starting value.

    Notes
    -----
    BFGS with the exact gradient, preconditioned by a difference Hessian, first on a thinned mask
    when the mask is large; then Newton steps on the full mask with the Hessian from central
    differences of the gradient, whose inverse is the covariance. Further starting values are
    tried when the first does not end at a proper maximum. Where formulas have penalised smooths,
    the penalised log-likelihood is maximised, and smoothing parameters and coefficients are
    estimated in turn (see `secr_nea.smoothing`).
    """
    began = time.perf_counter()
    if not any(survey.n_animals for survey in model.surveys):
        raise FitError(
            "No animal was detected, so nothing can be estimated. Report the effort and the "
            "detection rate with its upper limit (minimum_count), and plan a larger survey."
        )
    if not model.n_coefficients:
        raise FitError(
            f"Every parameter is fixed ({', '.join(model.parameters)}), so there is nothing to "
            "estimate; leave one of them out of fixed=, or use log_likelihood."
        )
    bar = tqdm(desc="fit", unit=" evaluations", delay=3.0, leave=False, disable=not progress)
    with bar, np.errstate(all="ignore"):
        starts = crude_starts(model)
        if start is not None:
            starts.insert(0, chained_start(model, starts[0], start))
        search = _Search.of(model, starts[0], lambda: bar.update(), client)
        starts = search.ranked(starts, keep_first=start is not None)
        if not starts:
            raise FitError(
                "The data are impossible at every starting value: the log-likelihood is not "
                "finite. Is the mask large enough to hold the animals, and in the same units?"
            )
        begin = search.approach(starts[0])
        best = search.climb(begin)
        several = thorough and model.individuals.variable == LATENT
        if several or not _is_maximum(best, search.full):
            best = search.look_elsewhere(best, begin[0], starts[1:_MOST_STARTS])
        if friction_of(model):
            best = search.over_friction(best)
        target, smoothing = search.full, None
        if search.penalties is not None:
            target, best, smoothing = _smooth(search.full, search.penalties, best)
        evaluations = search.n_evaluations
    seconds = time.perf_counter() - began
    return replace(_estimate(target, best, evaluations, seconds), smoothing=smoothing)


@dataclass(frozen=True)
class _Search:
    """A first search on a thinned mask, then the climb on the full one."""

    full: _Scaled
    thin: _Scaled
    already: int
    penalties: Penalties | None

    @classmethod
    def of(cls, model: Model, near: FloatArray, tick: Callable[[], None], client: Any) -> _Search:
        likelihood = likelihood_of(model) if client is None else likelihood_on(model, client)
        every = thinning(model)
        full = _Scaled.of(likelihood, near, tick)
        penalties = None
        if model.smooths:
            n_animals = sum(survey.n_animals for survey in model.surveys)
            penalties = Penalties.of(model.smooths, full.scale, n_animals)
            full = replace(full, stiffness=penalties.stiffness(penalties.start))
        thin = full
        if every > 1:
            thin = replace(full, likelihood=likelihood.thinned(every), recent=[])
        return cls(full, thin, likelihood.n_evaluations, penalties)

    @property
    def n_evaluations(self) -> int:
        """Evaluations of the full likelihood during this search."""
        return self.full.likelihood.n_evaluations - self.already

    def ranked(self, starts: list[FloatArray], keep_first: bool) -> list[FloatArray]:
        """Possible starts, the most promising first (after one that the user gave)."""
        values = [self.thin.likelihood.value(start) for start in starts]
        order = sorted(range(len(starts)), key=lambda i: (not (keep_first and i == 0), -values[i]))
        return [starts[i] * self.full.scale for i in order if np.isfinite(values[i])]

    def approach(self, u: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Top of the hill on the thinned mask and the information there (None when not thinned)."""
        if self.thin is self.full:
            return u, None
        u = _search(self.thin, u, None, 1e-3)
        return u, self.thin.hessian(u, bridging(self.thin.likelihood.model, _STEP))

    def climb(self, begin: tuple[FloatArray, FloatArray | None]) -> _Point:
        """To the top of the hill on the full mask."""
        u = _search(self.full, begin[0], begin[1], 2e-3)
        point = _summit(self.full, u)
        friction = friction_of(self.full.likelihood.model)
        if friction and _left(point, np.zeros(len(u), dtype=bool)) >= _GAIN:
            u = settled(self.full, point.u, point.hessian, friction)
            value, gradient = self.full(u)
            point = _Point(u, value, gradient, point.hessian, friction)
        return point

    def look_elsewhere(
        self, best: _Point, first_top: FloatArray, starts: list[FloatArray]
    ) -> _Point:
        """Try the other starts where the first did not end at a proper maximum.

        Their tops are compared on the thinned mask (where there is one); only a higher one is
        climbed to its end.
        """
        top = best.u if self.thin is self.full else first_top
        height = self.thin(top)[0]
        for start in starts:
            u = _search(self.thin, start, None, 1e-2)
            if self.thin(u)[0] < height - 1e-3:
                again = self.climb((u, None))
                best = again if again.value < best.value - 1e-9 else best
        return best

    def over_friction(self, best: _Point) -> _Point:
        """Look for higher tops along each coefficient of friction, on both sides of 0.

        The friction of a landscape and its inverse can fit nearly alike, and ways that switch make
        several tops on one side. The other coefficients follow each value of the scan; distances
        are measured once for each. Tops of the scan are climbed if they come near the best.
        """
        for j in friction_of(self.full.likelihood.model):
            for u in other_tops(self.full, best.u, best.value, best.hessian, j):
                top = _search(self.full, u, best.hessian, 1e-2)
                if self.full(top)[0] < best.value - 1e-3:
                    again = self.climb((top, best.hessian))
                    best = again if again.value < best.value - 1e-9 else best
        return best


_MOST_FITS = 30  # penalised fits in search of the smoothing parameters
_SAME_EDF = 1e-3  # effective degrees of freedom that smoothing parameters need not be told apart by


def _smooth(
    target: _Scaled, penalties: Penalties, point: _Point
) -> tuple[_Scaled, _Point, Smoothing]:
    """Smoothing parameters and coefficients in turn, each fit from the one before."""
    now = penalties.start
    settled = False
    names = target.likelihood.model.coefficient_names
    for n_fits in range(1, _MOST_FITS + 1):
        stiffness = penalties.stiffness(now)
        information = point.hessian - np.diag(stiffness)
        if not np.isfinite(information).all():
            break
        slope = stiffness * point.u - point.gradient
        new = penalties.update(now, point.u, slope, information)
        edf = [_edf(penalties, values, information) for values in (now, new)]
        settled = bool(np.abs(edf[1] - edf[0]).max() < _SAME_EDF)
        if settled or n_fits == _MOST_FITS:
            break
        now = new
        target = replace(target, stiffness=penalties.stiffness(now))
        point = _refit(target, point, penalties.stiffness(now) - stiffness)
    covariance = np.nan_to_num(_covariance(point, names)[0], nan=0.0)
    marginal = penalties.log_marginal(-point.value, point.hessian, now)
    return target, point, penalties.record(now, covariance, marginal, n_fits, settled)


def _edf(penalties: Penalties, parameters: FloatArray, information: FloatArray) -> FloatArray:
    """Effective degrees of freedom were the information the same at other smoothing parameters."""
    whole = information + np.diag(penalties.stiffness(parameters))
    return penalties.edf(np.asarray(np.linalg.pinv(whole, hermitian=True)), parameters)


def _refit(target: _Scaled, point: _Point, change: FloatArray) -> _Point:
    """Penalised maximum for a changed penalty: Newton steps with the information at hand."""
    value, gradient = target(point.u)
    now = _Point(point.u, value, gradient, point.hessian + np.diag(change))
    for _ in range(10):
        gain, move = _newton(now)
        if gain < 1e-2 * _GAIN:
            return _summit(target, now.u)
        value, gradient = target(now.u - move)
        if not value < now.value:
            break
        now = _Point(now.u - move, value, gradient, now.hessian)
    return _summit(target, _search(target, now.u, now.hessian, 2e-3))


def _is_maximum(point: _Point, target: _Scaled) -> bool:
    """Whether a point is a proper maximum with nothing flat."""
    _, flat, definite = _covariance(point, target.likelihood.model.coefficient_names)
    return definite and not flat.any() and _left(point, flat) < _GAIN


def _left(point: _Point, flat: BoolArray) -> float:
    """Expected gain that is left, over the coefficients that are not flat."""
    smooth = ~flat
    smooth[list(point.kinked)] = False
    kept = np.flatnonzero(smooth)
    if not np.isfinite(point.hessian).all() or not np.isfinite(point.gradient).all():
        return np.inf
    if not len(kept):
        return 0.0
    gradient = point.gradient[kept]
    inner = point.hessian[np.ix_(kept, kept)]
    return float(0.5 * gradient @ np.linalg.lstsq(inner, gradient, rcond=None)[0])


def _estimate(target: _Scaled, point: _Point, evaluations: int, seconds: float) -> Estimate:
    model = target.likelihood.model
    covariance, flat, definite = _covariance(point, model.coefficient_names)
    left = _left(point, flat)
    flat_slope = float(np.abs(point.gradient[flat]).max(initial=0.0))
    converged = bool(np.isfinite(point.value) and abs(left) < _GAIN and flat_slope < 1e-4)
    names = tuple(np.array(model.coefficient_names, dtype=object)[flat])
    coefficients = point.u / target.scale
    boundary = boundaries(model, coefficients)
    coefficients.setflags(write=False)
    scaled = covariance / np.outer(target.scale, target.scale)
    scaled.setflags(write=False)
    diagnosis = Diagnosis(
        converged=converged,
        distance_to_maximum=left,
        gradient=float(np.abs(point.gradient).max()),
        positive_definite=definite,
        flat=names,
        boundary=boundary,
        n_evaluations=evaluations,
        seconds=seconds,
        message=verdict(converged, definite, names, boundary),
    )
    log_likelihood = -point.value + target.penalty(point.u)
    return Estimate(model, coefficients, scaled, log_likelihood, diagnosis)
