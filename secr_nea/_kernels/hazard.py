"""From the logarithm of a probability of detection to the logarithm of the hazard behind it."""

from __future__ import annotations

from secr_nea._numba import exp, inlined, kernel, log
from secr_nea._typing import FloatArray


@inlined
def _minus_log1p_minus(g: float) -> float:
    """-log(1 - g) for 0 <= g < 1, exact for small g: the rounding of 1 - g cancels (Kahan)."""
    u = 1.0 - g
    safe = min(u, 1.0 - 1e-16)
    return g if u == 1.0 else log(safe) * (g / (safe - 1.0))


@kernel
def log_hazard_of_probability(log_probability: FloatArray, log_hazard: FloatArray) -> None:
    """log h with h = -log(1 - g), from log g; arrays (J, t).

    For log g < -36, h = g to the last digit.
    """
    for j in range(log_probability.shape[0]):
        for m in range(log_probability.shape[1]):
            log_g = log_probability[j, m]
            g = exp(max(log_g, -36.0))
            h = _minus_log1p_minus(g)
            log_hazard[j, m] = log(h) if log_g > -36.0 else log_g


@kernel
def log_hazard_slope(log_probability: FloatArray, slope: FloatArray) -> None:
    """d log h / d log g = g / ((1 - g) h), with h = -log(1 - g); arrays (J, t)."""
    for j in range(log_probability.shape[0]):
        for m in range(log_probability.shape[1]):
            g = exp(max(log_probability[j, m], -36.0))
            slope[j, m] = g / ((1.0 - g) * _minus_log1p_minus(g))
