"""Whether the mask is large and fine enough for the movements that the fit found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import pdot
from secr_nea.traps import TrapArray
from secr_nea.units import M2_PER_KM2

BIAS_LIMIT = 0.01
SPACING_LIMIT = 0.6
_RING_POINTS = 2000


def typical_sigma(estimate: Estimate) -> float:
    """Sigma in metres, averaged over traps by their effort.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    float
    """
    position = estimate.model.detection.parameters.index("sigma")
    values = estimate.model.detection_values(estimate.coefficients)[position]
    total, weight = 0.0, 0.0
    for survey, rows in zip(
        estimate.model.surveys, estimate.model.detection_rows.rows, strict=True
    ):
        everyone = values[rows].reshape(-1, *survey.traps.effort.shape).mean(axis=0)
        total += float((everyone * survey.traps.effort).sum())
        weight += float(survey.traps.effort.sum())
    return total / weight


def check_mask(estimate: Estimate) -> pd.DataFrame:
    """Buffer and spacing of each mask measured against the fitted scale of movement.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    DataFrame
        Index: survey. Columns: buffer_m (largest distance from a mask point to its nearest
        trap), buffer_in_sigma, spacing_m, spacing_in_sigma, relative_bias (how much larger the
        effective sampling area, and so how much smaller the density, would be with a mask
        without end; habitat is assumed to go on in the same share), adequate.

    Notes
    -----
    relative_bias = share of habitat * sum of p.(x) a outside the buffer / sum of p.(x) a of the
    mask. Above 0.01 density is estimated too high; widen the mask.
    """
    rows = {}
    sigma = typical_sigma(estimate)
    for survey in estimate.model.surveys:
        operating = survey.traps.subset(survey.traps.effort.sum(axis=1) > 0.0)
        buffer = float(operating.distance_from(survey.mask.xy).max())
        inside = float(_probability(estimate, survey.name).sum()) * survey.mask.cell_area
        outside = _outside_mass(estimate, survey.name, operating, buffer, sigma)
        bias = outside * _habitat_share(survey.mask.area, operating, buffer) / max(inside, 1e-300)
        in_sigma = survey.mask.spacing / sigma
        rows[survey.name] = {
            "buffer_m": buffer,
            "buffer_in_sigma": buffer / sigma,
            "spacing_m": survey.mask.spacing,
            "spacing_in_sigma": in_sigma,
            "relative_bias": bias,
            "adequate": bias <= BIAS_LIMIT and in_sigma <= SPACING_LIMIT,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("survey")


def _probability(estimate: Estimate, survey: str, xy: FloatArray | None = None) -> FloatArray:
    """Probability of detection, averaged over groups."""
    groups = estimate.model.individuals
    names = groups.levels if groups.grouped else (None,)
    return np.asarray(
        np.mean([pdot(estimate, xy, survey=survey, group=name) for name in names], axis=0)
    )


def _lattice(traps: TrapArray, reach: float) -> tuple[FloatArray, FloatArray, float]:
    """Regular points around the traps, their distance to the nearest trap, their area in km2."""
    west, south, east, north = traps.bounds
    low = np.array([west, south]) - reach
    high = np.array([east, north]) + reach
    step = float(np.sqrt(np.prod(high - low) / _RING_POINTS))
    axes = [np.arange(a + step / 2.0, b, step) for a, b in zip(low, high, strict=True)]
    xy = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    return xy, traps.distance_from(xy), step**2 / M2_PER_KM2


def _outside_mass(
    estimate: Estimate, survey: str, traps: TrapArray, buffer: float, sigma: float
) -> float:
    """Sum of p.(x) a over the surroundings of the mask, km2."""
    reach = max(1.5 * estimate.model.detection.shape.reach * sigma, buffer + 2.0 * sigma)
    xy, distance, area = _lattice(traps, reach)
    beyond = xy[distance > buffer]
    return float(_probability(estimate, survey, beyond).sum()) * area if len(beyond) else 0.0


def _habitat_share(mask_area: float, traps: TrapArray, buffer: float) -> float:
    """Share of the area within the buffer that is habitat."""
    _, distance, area = _lattice(traps, buffer)
    return min(1.0, mask_area / max(float((distance <= buffer).sum()) * area, 1e-300))


def effective_area_by_buffer(estimate: Estimate, *, survey: str, n_steps: int = 40) -> pd.DataFrame:
    """Effective sampling area of the part of the mask within a distance of the traps.

    Parameters
    ----------
    estimate : Estimate
    survey : str
        Name of the survey.
    n_steps : int
        Number of buffers.

    Returns
    -------
    DataFrame
        Columns: buffer_m, effective_area_km2, density_per_100km2 (animals detected divided by
        that area). The curves level out where the buffer is wide enough.
    """
    item = next(s for s in estimate.model.surveys if s.name == survey)
    distance = item.traps.subset(item.traps.effort.sum(axis=1) > 0.0).distance_from(item.mask.xy)
    p = _probability(estimate, survey)
    buffers = np.linspace(distance.max() / n_steps, distance.max(), n_steps)
    order = np.argsort(distance)
    cumulative = np.cumsum(p[order]) * item.mask.cell_area
    position = np.searchsorted(distance[order], buffers, side="right") - 1
    area = np.where(position >= 0, cumulative[np.maximum(position, 0)], np.nan)
    return pd.DataFrame(
        {
            "buffer_m": buffers,
            "effective_area_km2": area,
            "density_per_100km2": 100.0 * item.n_animals / area,
        }
    )
