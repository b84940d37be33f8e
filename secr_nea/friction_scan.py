"""Look along a coefficient of friction, on both sides of 0, for tops that a search would miss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize

from secr_nea._typing import FloatArray
from secr_nea.model import Model

_FRICTIONS = np.array([0.1, 0.25, 0.5, 0.8, 1.2, 1.7])  # for covariates of root mean square 1
_NEAR_TOP = 3.0  # log-likelihood below the best within which another top is climbed
_HOPELESS = 20.0
_MOST_STEPS = 6
_NOTHING = 1e-9  # log-likelihood that is not worth a step
_SETTLED = 0.1  # standard errors within which the top of a kink is looked for

Target = Callable[[FloatArray], tuple[float, FloatArray]]
"""Minus the log-likelihood and its derivative."""


def friction_of(model: Model) -> tuple[int, ...]:
    """Positions of the coefficients of friction among those of a model.

    Parameters
    ----------
    model : Model
    """
    if "noneuc" not in model.parameters:
        return ()
    own = model.parameters["noneuc"].slice
    return tuple(range(own.start, own.stop))


def bridging(model: Model, step: float) -> FloatArray:
    """Steps of central differences, ten times as wide for friction, to bridge its kinks.

    Parameters
    ----------
    model : Model
    step : float
        For other coefficients.
    """
    steps = np.full(model.n_coefficients, step)
    steps[list(friction_of(model))] = 10.0 * step
    return steps


def settled(
    target: Target, u: FloatArray, hessian: FloatArray, friction: tuple[int, ...]
) -> FloatArray:
    """The top near a point where the likelihood may have a kink.

    Where a way switches, the slope jumps, and at the top it may fall to both sides without ever
    being 0. So the top is looked for by values alone, along each coefficient of friction with the
    others following it.

    Parameters
    ----------
    target : callable
    u : float64 array, shape (n_coefficients,)
        Near the top.
    hessian : float64 array, shape (n_coefficients, n_coefficients)
        Information.
    friction : tuple of int

    Returns
    -------
    float64 array, shape (n_coefficients,)
        Not lower than ``u``.
    """
    if not np.isfinite(hessian).all():
        return u
    covariance = np.linalg.pinv(hessian, hermitian=True)
    value = target(u)[0]
    for j in friction:
        if not covariance[j, j] > 0.0:
            continue
        along = covariance[:, j] / np.sqrt(covariance[j, j])
        begin = u
        found = optimize.minimize_scalar(
            lambda t, begin=begin, along=along: target(begin + t * along)[0],
            bounds=(-_SETTLED, _SETTLED),
            method="bounded",
            options={"xatol": 1e-4 * _SETTLED},
        )
        if found.fun < value:
            u, value = begin + found.x * along, found.fun
    return _polished(target, u, hessian, friction)


def _polished(
    target: Target, u: FloatArray, hessian: FloatArray, friction: tuple[int, ...]
) -> FloatArray:
    """Newton steps of the other coefficients while friction stays as it is."""
    kept = np.delete(np.arange(len(u)), friction)
    inner = hessian[np.ix_(kept, kept)]
    value, gradient = target(u)
    for _ in range(_MOST_STEPS):
        step = np.linalg.lstsq(inner, gradient[kept], rcond=None)[0]
        if 0.5 * float(gradient[kept] @ step) < _NOTHING:
            break
        trial = u.copy()
        trial[kept] -= step
        lower, slope = target(trial)
        if not lower < value:
            break
        u, value, gradient = trial, lower, slope
    return u


def other_tops(
    target: Target, best: FloatArray, value: float, hessian: FloatArray, j: int
) -> list[FloatArray]:
    """Places near the tops of the profile of one coefficient, the highest first.

    Parameters
    ----------
    target : callable
    best : float64 array, shape (n_coefficients,)
        The best point so far, in units of the predictors.
    value : float
        Minus the log-likelihood there.
    hessian : float64 array, shape (n_coefficients, n_coefficients)
        Information there.
    j : int
        Which coefficient.

    Returns
    -------
    list of float64 arrays
        Those with a log-likelihood that comes near the best.
    """
    scan = _scan(target, best, value, hessian, j)
    values = np.array([np.inf, *(found for found, _ in scan), np.inf])
    inner = values[1:-1]
    is_top = (inner <= values[:-2]) & (inner <= values[2:]) & (inner < value + _NEAR_TOP)
    tops = np.flatnonzero(is_top)
    return [scan[i][1] for i in tops[np.argsort(inner[tops])]]


def _scan(
    target: Target, best: FloatArray, value: float, hessian: FloatArray, j: int
) -> list[tuple[float, FloatArray]]:
    """(value, coefficients) at several values of coefficient j, the others following it."""
    grid = np.concatenate([-_FRICTIONS[::-1], _FRICTIONS])
    begin = int(np.abs(grid - best[j]).argmin())
    found: dict[int, tuple[float, FloatArray]] = {}
    for way in (range(begin, len(grid)), range(begin - 1, -1, -1)):
        u = best
        for i in way:
            u = u.copy()
            u[j] = grid[i]
            u = _others(target, u, hessian, j)
            found[i] = (target(u)[0], u)
            outwards = grid[i] * (i - begin) > 0.0 and abs(grid[i]) >= 0.5
            if outwards and found[i][0] > value + _HOPELESS:
                break
    return [found[i] for i in sorted(found)]


def _others(target: Target, u: FloatArray, hessian: FloatArray, j: int) -> FloatArray:
    """Coefficients with all but coefficient j led roughly to their best.

    Distances stay as they are meanwhile, and are not measured again.
    """
    kept = np.delete(np.arange(len(u)), j)
    eigenvalues, vectors = np.linalg.eigh(hessian[np.ix_(kept, kept)])
    stretch = vectors / np.sqrt(np.maximum(np.abs(eigenvalues), 1.0))

    def moved(v: FloatArray) -> FloatArray:
        out = u.copy()
        out[kept] += stretch @ v
        return out

    def transformed(v: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = target(moved(v))
        if not np.isfinite(value):
            return 1e30, np.zeros_like(v)
        return value, stretch.T @ gradient[kept]

    found = optimize.minimize(
        transformed,
        np.zeros_like(u[kept]),
        jac=True,
        method="BFGS",
        options={"gtol": 0.2, "maxiter": 8},
    )
    return moved(found.x)
