"""Integrals of detection shapes over a whole range: the plane, or an endless straight line.

For searched areas and transects lambda0 is the expected number of detections, per unit effort, of
an animal whose whole range is searched, so that the hazard at a place is lambda0 s(d) divided by
the integral of s. With d the distance, that is 2 pi int s(d) d dd over the plane and 2 int s(d) dd
along a line (Efford 2011, Environmetrics 22, 570-579).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from secr_nea._typing import FloatArray
from secr_nea.detection import shapes
from secr_nea.detection.shapes import Shape

# Every formula also holds for complex parameters, from which its derivative follows exactly.
Integral = Callable[..., Any]

_ROOT = np.sqrt(2.0 * np.pi)


def _annular_line(sigma: Any, w: Any) -> Any:
    return _ROOT * sigma * (1.0 + special.erf(w / (np.sqrt(2.0) * sigma)))


def _annular_plane(sigma: Any, w: Any) -> Any:
    return (
        2.0 * np.pi * sigma**2 * np.exp(-0.5 * (w / sigma) ** 2)
        + np.pi * w * _annular_line(sigma, w)
    )  # fmt: skip


def _gamma_of_finite(x: Any) -> Any:
    """Gamma(x), infinite for x <= 0, where the range has no end."""
    return np.where(np.real(x) > 0.0, special.gamma(x), np.inf)


_INTEGRALS: dict[Shape, tuple[Integral, Integral]] = {
    shapes.HALF_NORMAL: (lambda s: _ROOT * s, lambda s: 2.0 * np.pi * s**2),
    shapes.EXPONENTIAL: (lambda s: 2.0 * s, lambda s: 2.0 * np.pi * s**2),
    shapes.HAZARD_RATE: (
        lambda s, z: 2.0 * s * _gamma_of_finite(1.0 - 1.0 / z),
        lambda s, z: np.pi * s**2 * _gamma_of_finite(1.0 - 2.0 / z),
    ),
    shapes.ANNULAR_NORMAL: (_annular_line, _annular_plane),
    shapes.W_EXPONENTIAL: (
        lambda s, w: 2.0 * (w + s),
        lambda s, w: np.pi * (w**2 + 2.0 * s * w + 2.0 * s**2),
    ),
    shapes.CUMULATIVE_LOGNORMAL: (lambda s, z: 2.0 * s, lambda s, z: np.pi * (s**2 + z**2)),
    shapes.CUMULATIVE_GAMMA: (lambda s, z: 2.0 * s, lambda s, z: np.pi * s**2 * (1.0 + 1.0 / z)),
    shapes.VARIABLE_POWER: (
        lambda s, z: 2.0 * s * special.gamma(1.0 + 1.0 / z),
        lambda s, z: np.pi * s**2 * special.gamma(1.0 + 2.0 / z),
    ),
}


def has_whole_range(shape: Shape) -> bool:
    """Whether the integrals of a shape are known, so that it may be used for searches."""
    return shape in _INTEGRALS


def whole_range(
    shape: Shape, dimension: int, *parameters: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """Integral of a shape, and the derivatives of its logarithm.

    Parameters
    ----------
    shape : Shape
    dimension : int
        1 for an endless line, 2 for the plane.
    *parameters : float64 arrays, shape (n,)
        Parameters of the shape, natural scale.

    Returns
    -------
    float64 array, shape (n,), m or m^2
        Infinite where a range has no end (hazard rate with z <= 1 on a line, 2 on the plane).
    tuple of float64 arrays, each (n,)
        Derivative of the logarithm to each parameter.
    """
    integral = _INTEGRALS[shape][dimension - 1]
    slopes = []
    with np.errstate(all="ignore"):
        value = np.asarray(integral(*parameters), dtype=np.float64)
        for p, parameter in enumerate(parameters):
            # A step along the imaginary axis subtracts nothing, so that it may be tiny.
            step = 1e-30 * parameter
            moved = [q + 1j * step if p == r else q for r, q in enumerate(parameters)]
            slopes.append(np.asarray(np.imag(integral(*moved)) / step / value))
    return value, tuple(slopes)
