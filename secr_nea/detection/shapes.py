"""How detection falls with distance: one entry a shape, its formula beside its derivatives.

Every shape is 1 where detection is best and gives log s(d) and the derivatives of log s to its
parameters and to d^2. Squared distances come in as (n_columns, n_points), m^2, and each parameter
as (n_columns, 1). Formulas and their sources: Efford (2025) "secr", appendix on detection
functions; Buckland et al. (2001) for the hazard-rate; Efford, Borchers & Byrom (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from secr_nea._typing import FloatArray

ShapeFunction = Callable[..., FloatArray]
SlopeFunction = Callable[..., tuple[FloatArray, ...]]


@dataclass(frozen=True)
class Shape:
    """One shape of the fall of detection with distance.

    Parameters
    ----------
    parameters : tuple of str
        Names of the parameters after the amplitude: ``sigma`` first, then ``z`` or ``w``.
    formula : str
        The shape as text, for printing.
    log_value : callable
        ``log_value(d2, *parameters)`` -> log s, (n_columns, n_points).
    slopes : callable
        ``slopes(d2, *parameters)`` -> derivatives of log s to each parameter, then to d2.
    reach : float
        Distance, in units of sigma, beyond which hardly any detection happens (for buffers).
    start : float or None
        Starting value of z (a number) or of w (in units of sigma).
    falls : bool
        Whether s(d) is known nowhere to rise with distance.
    """

    parameters: tuple[str, ...]
    formula: str
    log_value: ShapeFunction
    slopes: SlopeFunction
    reach: float = 4.0
    start: float | None = None
    falls: bool = False


def _half_normal(d2: FloatArray, sigma: FloatArray) -> FloatArray:
    return d2 * (-0.5 / sigma**2)


def _half_normal_slopes(d2: FloatArray, sigma: FloatArray) -> tuple[FloatArray, ...]:
    return d2 / sigma**3, -0.5 / sigma**2


def _exponential(d2: FloatArray, sigma: FloatArray) -> FloatArray:
    return np.sqrt(d2) / -sigma


def _exponential_slopes(d2: FloatArray, sigma: FloatArray) -> tuple[FloatArray, ...]:
    d = np.sqrt(d2)
    return d / sigma**2, -0.5 / (sigma * np.maximum(d, 1e-300))


def _hazard_rate_log_power(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    """log (d / sigma)^-z, kept finite at d = 0."""
    return np.minimum(-0.5 * z * np.log(np.maximum(d2, 1e-300) / sigma**2), 700.0)


def _hazard_rate(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    log_u = _hazard_rate_log_power(d2, sigma, z)
    # 1 - exp(-u) = u to the last digit where u is tiny.
    return np.where(log_u < -37.0, log_u, np.log(-np.expm1(-np.exp(np.maximum(log_u, -37.0)))))


def _hazard_rate_slopes(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> tuple[FloatArray, ...]:
    u = np.exp(_hazard_rate_log_power(d2, sigma, z))
    # d log(1 - exp(-u)) / d log u = u / (exp(u) - 1), 1 for u -> 0 and 0 for u -> infinity.
    ratio = u / np.maximum(np.expm1(u), 1e-300)
    d2 = np.maximum(d2, 1e-300)
    return ratio * z / sigma, ratio * -0.5 * np.log(d2 / sigma**2), ratio * -0.5 * z / d2


def _variable_power(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    return -np.exp(0.5 * z * np.log(np.maximum(d2, 1e-300) / sigma**2))


def _variable_power_slopes(
    d2: FloatArray, sigma: FloatArray, z: FloatArray
) -> tuple[FloatArray, ...]:
    d2 = np.maximum(d2, 1e-300)
    log_ratio = 0.5 * np.log(d2 / sigma**2)
    power = np.exp(z * log_ratio)
    return power * z / sigma, -power * log_ratio, -0.5 * z * power / d2


def _annular_normal(d2: FloatArray, sigma: FloatArray, w: FloatArray) -> FloatArray:
    return -0.5 * ((np.sqrt(d2) - w) / sigma) ** 2


def _annular_normal_slopes(
    d2: FloatArray, sigma: FloatArray, w: FloatArray
) -> tuple[FloatArray, ...]:
    d = np.sqrt(d2)
    off = (d - w) / sigma**2
    return off * (d - w) / sigma, off, -0.5 * off / np.maximum(d, 1e-300)


def _w_exponential(d2: FloatArray, sigma: FloatArray, w: FloatArray) -> FloatArray:
    return -np.maximum(np.sqrt(d2) - w, 0.0) / sigma


def _w_exponential_slopes(
    d2: FloatArray, sigma: FloatArray, w: FloatArray
) -> tuple[FloatArray, ...]:
    d = np.sqrt(d2)
    beyond = (d >= w).astype(np.float64)
    return (
        beyond * (d - w) / sigma**2,
        beyond / sigma,
        -0.5 * beyond / (sigma * np.maximum(d, 1e-300)),
    )


def _log_miss(u: FloatArray) -> FloatArray:
    """log(1 - exp(-u)) for u > 0, exact for small and for large u."""
    small = np.log(-np.expm1(-np.minimum(u, 1.0)))
    return np.where(u < 1.0, small, np.log1p(-np.exp(-np.maximum(u, 1.0))))


def _compound_half_normal(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    u = 0.5 * np.maximum(d2, 1e-300) / sigma**2
    near = np.minimum(u, 37.0)
    # 1 - (1 - exp(-u))^z = z exp(-u) to the last digit where exp(-u) is tiny.
    s = -np.expm1(z * _log_miss(near))
    return np.where(u < 37.0, np.log(np.maximum(s, 1e-300)), np.log(z) - u)


def _compound_half_normal_slopes(
    d2: FloatArray, sigma: FloatArray, z: FloatArray
) -> tuple[FloatArray, ...]:
    u = 0.5 * np.maximum(d2, 1e-300) / sigma**2
    near = np.minimum(u, 600.0)
    log_miss = _log_miss(near)
    # s = 1 - miss^z; d log s / d log miss = -z miss^z / (1 - miss^z) = -z / (miss^-z - 1)
    per_log_miss = -z / np.maximum(np.expm1(-z * log_miss), 1e-300)
    per_u = per_log_miss / np.maximum(np.expm1(near), 1e-300)
    return per_u * -2.0 * u / sigma, per_log_miss * log_miss / z, per_u * 0.5 / sigma**2


def _uniform(d2: FloatArray, sigma: FloatArray) -> FloatArray:
    return np.where(d2 <= sigma**2, 0.0, -np.inf)


def _uniform_slopes(d2: FloatArray, sigma: FloatArray) -> tuple[FloatArray, ...]:
    zero = np.zeros(np.broadcast_shapes(d2.shape, sigma.shape))
    return zero, zero


def _lognormal_parts(
    d2: FloatArray, sigma: FloatArray, z: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Scale s of the log distance, and the standard score of log d."""
    s2 = np.log1p((z / sigma) ** 2)
    s = np.sqrt(s2)
    return s, (0.5 * np.log(np.maximum(d2, 1e-300)) - np.log(sigma) + 0.5 * s2) / s


def _cumulative_lognormal(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    return np.asarray(special.log_ndtr(-_lognormal_parts(d2, sigma, z)[1]))


def _cumulative_lognormal_slopes(
    d2: FloatArray, sigma: FloatArray, z: FloatArray
) -> tuple[FloatArray, ...]:
    s, score = _lognormal_parts(d2, sigma, z)
    density = np.exp(-0.5 * score**2 - special.log_ndtr(-score)) / np.sqrt(2.0 * np.pi)
    s2_per_sigma = -2.0 * z**2 / (sigma * (sigma**2 + z**2))
    s2_per_z = 2.0 * z / (sigma**2 + z**2)
    score_per_s2 = 0.5 / s - 0.5 * score / s**2
    return (
        -density * (-1.0 / (sigma * s) + score_per_s2 * s2_per_sigma),
        -density * score_per_s2 * s2_per_z,
        -density * 0.5 / (s * np.maximum(d2, 1e-300)),
    )


def _cumulative_gamma(d2: FloatArray, sigma: FloatArray, z: FloatArray) -> FloatArray:
    upper = special.gammaincc(z, np.sqrt(d2) * z / sigma)
    return np.asarray(np.log(np.maximum(upper, 1e-300)))


def _cumulative_gamma_slopes(
    d2: FloatArray, sigma: FloatArray, z: FloatArray
) -> tuple[FloatArray, ...]:
    d2 = np.maximum(d2, 1e-300)
    x = np.sqrt(d2) * z / sigma
    log_s = _cumulative_gamma(d2, sigma, z)
    # -d log s / d log x
    fall = np.exp(z * np.log(x) - x - special.gammaln(z) - log_s)
    fall = np.where(log_s > -690.0, fall, 0.0)
    # The incomplete gamma function has no closed derivative to its shape: a central difference.
    step = 1e-5 * z
    per_shape = np.log(np.maximum(special.gammaincc(z + step, x), 1e-300))
    per_shape = (per_shape - np.log(np.maximum(special.gammaincc(z - step, x), 1e-300))) / (
        2.0 * step
    )
    return fall / sigma, per_shape - fall / z, -0.5 * fall / d2


HALF_NORMAL = Shape(
    ("sigma",), "exp(-d^2 / (2 sigma^2))", _half_normal, _half_normal_slopes, falls=True
)
EXPONENTIAL = Shape(
    ("sigma",), "exp(-d / sigma)", _exponential, _exponential_slopes, reach=8.0, falls=True
)
HAZARD_RATE = Shape(
    ("sigma", "z"),
    "1 - exp(-(d / sigma)^-z)",
    _hazard_rate,
    _hazard_rate_slopes,
    12.0,
    4.0,
    falls=True,
)
ANNULAR_NORMAL = Shape(
    ("sigma", "w"),
    "exp(-(d - w)^2 / (2 sigma^2))",
    _annular_normal,
    _annular_normal_slopes,
    4.0,
    0.5,
)
W_EXPONENTIAL = Shape(
    ("sigma", "w"),
    "1 for d < w, else exp(-(d - w) / sigma)",
    _w_exponential,
    _w_exponential_slopes,
    8.0,
    0.5,
    falls=True,
)
COMPOUND_HALF_NORMAL = Shape(
    ("sigma", "z"),
    "1 - (1 - exp(-d^2 / (2 sigma^2)))^z",
    _compound_half_normal,
    _compound_half_normal_slopes,
    4.0,
    1.5,
    falls=True,
)
UNIFORM = Shape(("sigma",), "1 for d <= sigma, else 0", _uniform, _uniform_slopes, 1.0, falls=True)
CUMULATIVE_LOGNORMAL = Shape(
    ("sigma", "z"),
    "1 - F(d), F lognormal with mean sigma and standard deviation z",
    _cumulative_lognormal,
    _cumulative_lognormal_slopes,
    6.0,
    0.5,
    falls=True,
)
CUMULATIVE_GAMMA = Shape(
    ("sigma", "z"),
    "1 - F(d), F gamma with shape z and scale sigma / z",
    _cumulative_gamma,
    _cumulative_gamma_slopes,
    4.0,
    2.0,
    falls=True,
)
VARIABLE_POWER = Shape(
    ("sigma", "z"),
    "exp(-(d / sigma)^z)",
    _variable_power,
    _variable_power_slopes,
    6.0,
    2.0,
    falls=True,
)
