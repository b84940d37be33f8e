"""Scalar functions of a hazard that several kernels share, each exact for small and large values."""

from __future__ import annotations

from secr_nea._numba import exp, inlined, log


@inlined
def log_growth(a: float) -> float:
    """C(a) = log((exp(a) - 1) / a) for a >= 0; by its series below 0.5 (error < 1e-16)."""
    z = a * a
    series = a * 0.5 + z * (
        1.0 / 24.0
        + z
        * (
            -1.0 / 2880.0
            + z
            * (
                1.0 / 181440.0
                + z * (-1.0 / 9676800.0 + z * (1.0 / 479001600.0 - z * 4.403491782239579e-11))
            )
        )
    )
    large = max(a, 0.5)
    direct = large + log((1.0 - exp(-large)) / large)
    return series if a < 0.5 else direct


@inlined
def log_growth_slope(a: float) -> float:
    """Derivative of C: 1 / (1 - exp(-a)) - 1 / a; by its series below 0.5."""
    z = a * a
    series = 0.5 + a * (
        1.0 / 12.0
        + z
        * (
            -1.0 / 720.0
            + z
            * (
                1.0 / 30240.0
                + z * (-1.0 / 1209600.0 + z * (1.0 / 47900160.0 - z * 5.284190138687493e-10))
            )
        )
    )
    large = max(a, 0.5)
    direct = 1.0 / (1.0 - exp(-large)) - 1.0 / large
    return series if a < 0.5 else direct


@inlined
def at_least_once(h: float) -> float:
    """1 - exp(-h) for h >= 0; by its series below 1e-3, where the difference loses digits."""
    series = h * (1.0 - h * (0.5 - h * (1.0 / 6.0 - h * (1.0 / 24.0 - h * (1.0 / 120.0)))))
    return series if h < 1e-3 else 1.0 - exp(-h)
