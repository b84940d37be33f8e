"""Logarithms of hazards: from a probability of detection, and of the half-normal at one stroke."""

from __future__ import annotations

from secr_nea._numba import exp, inlined, kernel, log
from secr_nea._typing import FloatArray, IntArray


@inlined
def _minus_log1p_minus(g: float) -> float:
    """-log(1 - g), exact for small g: the rounding of 1 - g cancels (Kahan); 690 for g = 1."""
    u = 1.0 - g
    safe = min(max(u, 1e-300), 1.0 - 1e-16)
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
            slope[j, m] = g / (max(1.0 - g, 1e-300) * _minus_log1p_minus(g))


@kernel
def half_normal_log_hazard(
    sites: FloatArray,
    points: FloatArray,
    start: int,
    stop: int,
    column_site: IntArray,
    log_lambda0: FloatArray,
    sigma: FloatArray,
    out: FloatArray,
) -> None:
    """log lambda0_j - d^2 / (2 sigma_j^2) straight from coordinates, out (J, stop - start).

    The hazard half-normal is by far the most used function; this spares the pass over d^2.
    """
    # Slices of one length and no index arithmetic: only so does the inner loop vectorise.
    points_x = points[0, start:stop]
    points_y = points[1, start:stop]
    for j in range(column_site.size):
        x = sites[column_site[j], 0]
        y = sites[column_site[j], 1]
        top = log_lambda0[j]
        factor = -0.5 / (sigma[j] * sigma[j])
        row = out[j]
        for m in range(row.size):
            dx = points_x[m] - x
            dy = points_y[m] - y
            row[m] = top + factor * (dx * dx + dy * dy)


@kernel
def weighted_sums(weight: FloatArray, value: FloatArray, out: FloatArray) -> None:
    """out[0, j] = sum_m weight[j, m] and out[1, j] = sum_m weight[j, m] value[j, m]."""
    for j in range(weight.shape[0]):
        plain = 0.0
        product = 0.0
        for m in range(weight.shape[1]):
            plain += weight[j, m]
            product += weight[j, m] * value[j, m]
        out[0, j] = plain
        out[1, j] = product
