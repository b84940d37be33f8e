"""Direction and ratio of ranges that are longer one way than the other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate, z_value

_UNKNOWN_BEARING = 45.0  # degrees of standard error from which a direction says nothing


def anisotropy(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """How many times as long ranges are along their axis as across, and where the axis points.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``distance=AnisotropicDistance()``.
    level : float
        Confidence level (delta method; the ratio on the log scale, at least 1).

    Returns
    -------
    DataFrame
        One row per survey. Index: survey. Columns: ratio, ratio_se, ratio_lower, ratio_upper;
        bearing (degrees clockwise from grid north, 0 to 180), bearing_se, bearing_lower,
        bearing_upper (missing where the data do not tell a direction); sigma_along and
        sigma_across as multiples of sigma.

    Raises
    ------
    ModelError
        If the model has no anisotropic distance.

    Notes
    -----
    r = sqrt(east^2 + northeast^2), ratio = exp(r), axis atan2(northeast, east) / 2 from the x axis.
    """
    model = estimate.model
    if "stretch_east" not in model.parameters:
        raise ModelError(
            "The model has no direction of ranges; fit with distance=AnisotropicDistance()."
        )
    z = z_value(level)
    rows = {}
    for b, survey in enumerate(model.surveys):
        parts, gradient = [], np.zeros((2, model.n_coefficients))
        for i, name in enumerate(("stretch_east", "stretch_northeast")):
            parameter = model.parameters[name]
            row = parameter.rows[parameter.row_of[b]]
            parts.append(float(row @ estimate.coefficients[parameter.slice]))
            gradient[i, parameter.slice] = row
        covariance = gradient @ estimate.covariance @ gradient.T
        east, northeast = parts
        r = float(np.hypot(east, northeast))
        along = np.array([east, northeast]) / max(r, 1e-12)
        across = np.array([-northeast, east]) / max(r, 1e-12)
        r_se = float(np.sqrt(along @ covariance @ along))
        bearing = (90.0 - 0.5 * np.degrees(np.arctan2(northeast, east))) % 180.0
        bearing_se = 0.5 * np.degrees(np.sqrt(across @ covariance @ across)) / max(r, 1e-12)
        known = bearing_se < _UNKNOWN_BEARING
        rows[survey.name] = {
            "ratio": np.exp(r),
            "ratio_se": np.exp(r) * r_se,
            "ratio_lower": np.exp(max(r - z * r_se, 0.0)),
            "ratio_upper": np.exp(r + z * r_se),
            "bearing": bearing if known else np.nan,
            "bearing_se": bearing_se if known else np.nan,
            "bearing_lower": bearing - z * bearing_se if known else np.nan,
            "bearing_upper": bearing + z * bearing_se if known else np.nan,
            "sigma_along": np.exp(0.5 * r),
            "sigma_across": np.exp(-0.5 * r),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("survey")
