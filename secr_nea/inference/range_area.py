"""How large a range the fitted scale of movement implies."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.prediction import real_parameters
from secr_nea.units import square_metres_to_km2

_GRID = 40_001
_FARTHEST = 60.0


def range_area(estimate: Estimate, *, share: float = 0.95, level: float = 0.95) -> pd.DataFrame:
    """Area of the circle that holds a share of an animal's activity, if detection follows use.

    Parameters
    ----------
    estimate : Estimate
    share : float
        Share of the activity, such as 0.95.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row per value of sigma (as of `real_parameters`). Columns: at, radius_km, area_km2,
        lower, upper. The interval is that of sigma, and is missing for detection functions with a
        third parameter. nan where the area has no limit, or sigma is not determined.

    Raises
    ------
    DataError
        If the share is not between 0 and 1.
    ModelError
        With distances of the model's own whose ranges are no circles: the area is another one at
        every place. `expected_use` of an animal shows its range.

    Notes
    -----
    The radius r solves int_0^r s(u) u du = share int_0^oo s(u) u du, with s the shape of the
    detection function (Efford, circular.r of secr). For the half-normal r^2 = -2 log(1 - share)
    sigma^2, an area of 5.99 pi sigma^2 for 95 %. Sigma of a camera survey is mostly larger than
    that of collared animals: males pass through, and lines of cameras favour long moves.
    """
    if not 0.0 < share < 1.0:
        raise DataError(f"share must lie between 0 and 1, such as 0.95; got {share!r}.")
    metric = estimate.model.metric
    if metric is not None and not metric.keeps_area:
        raise ModelError(
            f"With {metric.name} a range is no circle, and its area differs from place to place. "
            "Look at the share of time of one animal, fit.expected_use(animal=...), instead."
        )
    real = real_parameters(estimate, level=level)
    sigma = real[real["parameter"] == "sigma"]
    shape = estimate.model.detection.shape
    others = [
        float(real.loc[real["parameter"] == name, "estimate"].mean())
        for name in shape.parameters[1:]
    ]
    rows = []
    for _, row in sigma.iterrows():
        ratio = _radius_in_sigma(estimate, float(row["estimate"]), others, share)
        ends = [float(row[end]) if not others else np.nan for end in ("lower", "upper")]
        radius = ratio * float(row["estimate"])
        areas = [square_metres_to_km2(np.pi * (ratio * s) ** 2) for s in (row["estimate"], *ends)]
        rows.append((row["at"], radius / 1000.0, *map(float, areas)))
    return pd.DataFrame(rows, columns=["at", "radius_km", "area_km2", "lower", "upper"])


def _radius_in_sigma(estimate: Estimate, sigma: float, others: list[float], share: float) -> float:
    """Radius in units of sigma; nan where the activity does not end."""
    if not np.isfinite([sigma, *others]).all():
        return np.nan
    u = np.linspace(0.0, _FARTHEST, _GRID)
    columns = [np.full((1, 1), value) for value in (sigma, *others)]
    with np.errstate(all="ignore"):
        value = np.exp(estimate.model.detection.shape.log_value((u[None] * sigma) ** 2, *columns))
    total: FloatArray = np.concatenate([[0.0], np.cumsum(_trapezoid(value[0] * u, u))])
    # a tail that still grows over the last tenth has no end
    if total[-1] - total[int(0.9 * _GRID)] > 1e-3 * total[-1]:
        return np.nan
    return float(np.interp(share * total[-1], total, u))


def _trapezoid(values: FloatArray, at: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (values[1:] + values[:-1]) * np.diff(at))
