"""Whether the mask is large and fine enough for the movements that the fit found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability, mean_log_factors
from secr_nea.survey import Survey
from secr_nea.units import M2_PER_KM2

BIAS_LIMIT = 0.01
SPACING_LIMIT = 0.6
_LATTICE_POINTS = 2500
_FILLED = 0.75


def typical_sigma(estimate: Estimate) -> float:
    """Sigma in straight metres, averaged over traps by their effort (and over the mask).

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    float
        With a metric of its own, how far apart in a straight line places about one sigma apart
        are (the median over traps and mask points).
    """
    sigma = metric_sigma(estimate)
    return likelihood_of(estimate.model).distances.straight(estimate.coefficients, sigma)


def metric_sigma(estimate: Estimate) -> float:
    """Sigma as the model measures distance, averaged over traps by their effort.

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
    likelihood = likelihood_of(estimate.model)
    log_factor, _ = mean_log_factors(likelihood, estimate.coefficients)
    return total / weight * float(np.exp(log_factor))


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
        without end; habitat is assumed to go on in the same share), adequate. With resistances
        spacing_in_sigma is missing: sigma is no length.

    Notes
    -----
    relative_bias = share of habitat * sum of p.(x) a beyond the buffer (or outside the convex
    hull of a mask that fills its hull) / sum of p.(x) a of the mask. Above 0.01 density is
    estimated too high, unless habitat really ends there; widen the mask.
    """
    rows = {}
    sigma = typical_sigma(estimate)
    metric = estimate.model.metric
    is_length = metric is None or metric.sigma_unit == "m"
    for survey in estimate.model.surveys:
        buffer = float(survey.traps.distance_from(survey.mask.xy).max())
        inside = float(_probability(estimate, survey.name).sum()) * survey.mask.cell_area
        outside = _outside_mass(estimate, survey, buffer, sigma)
        bias = outside / max(inside, 1e-300)
        in_sigma = survey.mask.spacing / sigma if is_length else np.nan
        rows[survey.name] = {
            "buffer_m": buffer,
            "buffer_in_sigma": buffer / sigma,
            "spacing_m": survey.mask.spacing,
            "spacing_in_sigma": in_sigma,
            "relative_bias": bias,
            "adequate": bias <= BIAS_LIMIT and not in_sigma > SPACING_LIMIT,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("survey")


def wanted_buffer(estimate: Estimate, buffer: float) -> float:
    """Buffer to try in place of one that is too narrow, metres.

    Parameters
    ----------
    estimate : Estimate
    buffer : float, metres
        The one in use.
    """
    # where sigma varies by place, the usual reach may be less than there already is
    return max(estimate.model.detection.shape.reach * typical_sigma(estimate), 1.25 * buffer)


def _outside_mass(estimate: Estimate, survey: Survey, buffer: float, sigma: float) -> float:
    """Sum of p.(x) a over habitat beyond the buffer or outside the mask's convex hull, km2."""
    import shapely

    mask = survey.mask
    hull = shapely.MultiPoint(mask.xy).convex_hull.buffer(mask.spacing / 2.0, cap_style="square")
    reach = max(1.5 * estimate.model.detection.shape.reach * sigma, buffer + sigma)
    west, south, east, north = survey.traps.bounds
    low = np.array([west, south]) - reach
    high = np.array([east, north]) + reach
    step = float(np.sqrt(np.prod(high - low) / _LATTICE_POINTS))
    axes = [np.arange(a + step / 2.0, b, step) for a, b in zip(low, high, strict=True)]
    xy = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    cell = step**2 / M2_PER_KM2
    inside = survey.traps.distance_from(xy) <= buffer + mask.spacing / 2.0
    if mask.area * M2_PER_KM2 > _FILLED * hull.area:
        # A mask that fills its hull was cut off by hand (a box); others end where habitat does.
        inside &= shapely.contains_xy(hull, xy)
    beyond = xy[~inside]
    if not len(beyond):
        return 0.0
    share = min(1.0, mask.area / max(float(inside.sum()) * cell, 1e-300))
    return share * float(_probability(estimate, survey.name, beyond).sum()) * cell


def _probability(estimate: Estimate, survey: str, xy: FloatArray | None = None) -> FloatArray:
    """Probability of detection, averaged over groups."""
    likelihood = likelihood_of(estimate.model)
    found = [
        detection_probability(likelihood, estimate.coefficients, p, xy, beyond=True)
        for p in likelihood.of_survey(survey_index(estimate, survey))
    ]
    return np.asarray(np.mean(found, axis=0))


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
    item = estimate.model.surveys[survey_index(estimate, survey)]
    distance = item.traps.distance_from(item.mask.xy)
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


def effective_area_by_spacing(estimate: Estimate, *, survey: str) -> pd.DataFrame:
    """How far off the effective sampling area is when the mask has coarser or finer cells.

    Parameters
    ----------
    estimate : Estimate
    survey : str
        Name of the survey.

    Returns
    -------
    DataFrame
        Columns: spacing_m, spacing_in_sigma, effective_area_km2, relative_error (largest
        difference, over all places that a grid of that spacing may have, from the finest; the
        relative error of density is the same with the other sign).

    Notes
    -----
    Every k-th row and column of the mask stand for cells k times as wide, in k x k ways; finer
    grids have the points of each cell divided into 2 x 2 and 3 x 3. Only the integral changes:
    the fitted coefficients stay.
    """
    b = survey_index(estimate, survey)
    mask = estimate.model.surveys[b].mask
    sigma = typical_sigma(estimate)
    cell = np.rint((mask.xy - mask.xy.min(axis=0)) / mask.spacing).astype(np.int64)
    p = _probability(estimate, survey)
    areas: dict[float, FloatArray] = {}
    for k in _DIVISIONS:
        inner = (np.arange(k) + 0.5) / k - 0.5
        steps = np.stack(np.meshgrid(inner, inner), axis=-1).reshape(-1, 2) * mask.spacing
        total = sum(float(_probability(estimate, survey, mask.xy + step).sum()) for step in steps)
        areas[mask.spacing / k] = np.array([total * mask.cell_area / k**2])
    for k in _MULTIPLES:
        part = (cell[:, 0] % k) * k + cell[:, 1] % k
        sums = np.bincount(part, weights=p, minlength=k * k)
        areas[mask.spacing * k] = np.asarray(sums * k**2 * mask.cell_area, dtype=np.float64)
    best = float(areas[min(areas)][0])
    rows = [
        {
            "spacing_m": spacing,
            "spacing_in_sigma": spacing / sigma,
            "effective_area_km2": float(areas[spacing].mean()),
            "relative_error": float(np.abs(areas[spacing] / best - 1.0).max()),
        }
        for spacing in sorted(areas)
    ]
    return pd.DataFrame(rows)


_DIVISIONS = (3, 2)
_MULTIPLES = (1, 2, 3, 4, 5, 6)
