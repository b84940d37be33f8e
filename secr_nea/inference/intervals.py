"""Standard errors by the delta method, and intervals that stay where the quantity can be."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.estimate import z_value


def delta_variance(gradient: FloatArray, covariance: FloatArray) -> float:
    """Variance g' V g of a function of the coefficients.

    Parameters
    ----------
    gradient : float64 array, shape (n_coefficients,)
    covariance : float64 array, shape (n_coefficients, n_coefficients)

    Returns
    -------
    float
    """
    return float(gradient @ covariance @ gradient)


def lognormal_interval(
    estimate: float, se: float, level: float, least: float = 0.0
) -> tuple[float, float]:
    """Interval of a positive quantity: least + (estimate - least) / C and times C.

    C = exp(z sqrt(log(1 + cv^2))), with cv = se / (estimate - least); Burnham et al. (1987).

    Parameters
    ----------
    estimate, se : float
    level : float
        Confidence level.
    least : float
        What is known to be there (such as the number of animals detected).

    Returns
    -------
    lower, upper : float
        nan where the standard error is.
    """
    above = estimate - least
    if not above > 0.0 or not np.isfinite(se):
        return (estimate, estimate) if above == 0.0 and se == 0.0 else (np.nan, np.nan)
    factor = float(np.exp(z_value(level) * np.sqrt(np.log1p((se / above) ** 2))))
    return least + above / factor, least + above * factor
