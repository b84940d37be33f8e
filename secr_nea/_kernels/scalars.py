"""Functions of a hazard that several kernels share, each exact for small and for large values."""

from __future__ import annotations

from secr_nea._numba import exp, inlined, kernel, log
from secr_nea._typing import FloatArray

# Below this argument the series of C(A) and of its slope are right to the last digit.
_SERIES = 0.5


@inlined
def _log_growth_series(a: float) -> float:
    """C(a) for 0 <= a <= 0.5 (error < 1e-16)."""
    z = a * a
    return a * 0.5 + z * (
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


@inlined
def log_growth(a: float) -> float:
    """C(a) = log((exp(a) - 1) / a) for a >= 0."""
    large = max(a, _SERIES)
    direct = large + log((1.0 - exp(-large)) / large)
    return _log_growth_series(a) if a < _SERIES else direct


@inlined
def _slope_series(a: float) -> float:
    """Derivative of C for 0 <= a <= 0.5."""
    z = a * a
    return 0.5 + a * (
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


@inlined
def log_growth_slope(a: float) -> float:
    """Derivative of C: 1 / (1 - exp(-a)) - 1 / a."""
    large = max(a, _SERIES)
    direct = 1.0 / (1.0 - exp(-large)) - 1.0 / large
    return _slope_series(a) if a < _SERIES else direct


@kernel
def _largest(values: FloatArray) -> float:
    most = 0.0
    for m in range(values.size):
        most = max(most, values[m])
    return most


@kernel
def log_growths(a: FloatArray, out: FloatArray) -> None:
    """out = C(a) for flat arrays; without exponentials where all arguments are small."""
    if _largest(a) < _SERIES:
        for m in range(a.size):
            out[m] = _log_growth_series(a[m])
    else:
        for m in range(a.size):
            out[m] = log_growth(a[m])


@kernel
def times_log_growth_slopes(a: FloatArray, out: FloatArray) -> None:
    """Multiply out by the derivative of C at a, for flat arrays."""
    if _largest(a) < _SERIES:
        for m in range(a.size):
            out[m] *= _slope_series(a[m])
    else:
        for m in range(a.size):
            out[m] *= log_growth_slope(a[m])


@inlined
def at_least_once(h: float) -> float:
    """1 - exp(-h) for h >= 0; by its series below 1e-3, where the difference loses digits."""
    series = h * (1.0 - h * (0.5 - h * (1.0 / 6.0 - h * (1.0 / 24.0 - h * (1.0 / 120.0)))))
    return series if h < 1e-3 else 1.0 - exp(-h)
