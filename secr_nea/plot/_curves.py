"""Detection by distance at reference covariates, with intervals by the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.diagnosis import FLAT_SE
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate, z_value
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import mean_log_factors
from secr_nea.model import Model
from secr_nea.units import M2_PER_KM2, SIGMA_AT_UNIT_DENSITY

MOST_CURVES = 6
_STEP = 1e-5


@dataclass(frozen=True)
class Curve:
    """Hazard of detection by distance for one combination of covariates.

    Parameters
    ----------
    label : str
        Levels of the factors; empty where there are none.
    hazard, lower, upper : float64 arrays, shape (n_distances,)
        Per unit effort; limits are nan where a coefficient is flat.
    """

    label: str
    hazard: FloatArray
    lower: FloatArray
    upper: FloatArray


def reference_rows(estimate: Estimate, by: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Covariates at which detection is shown: numbers at their mean, factors level by level.

    Parameters
    ----------
    estimate : Estimate
    by : str or None
        The factor whose levels are shown, others at their most frequent level. None: all
        combinations that occur, or the first factor when they are more than six.

    Returns
    -------
    rows : DataFrame, one row per curve
    factors : list of str
        Those whose levels differ between rows.

    Raises
    ------
    DataError
        If detection does not depend on ``by``.
    """
    frame = estimate.model.detection_rows.frame
    factors = [str(n) for n, c in frame.items() if isinstance(c.dtype, pd.CategoricalDtype)]
    if by is not None and by not in factors:
        raise DataError(
            f"Detection does not depend on a factor {by!r}"
            f"{_checks.did_you_mean(by, factors)}; it depends on "
            f"{_checks.listed(factors) or 'none'}."
        )
    rows = frame[factors].drop_duplicates() if factors else pd.DataFrame(index=[0])
    shown = factors
    if by is not None or len(rows) > MOST_CURVES:
        shown = [factors[0] if by is None else by]
        times = frame[shown[0]].value_counts()
        frequent = times[times > 0].index[:MOST_CURVES]
        rows = pd.DataFrame({n: frame[n].mode().iloc[:1].repeat(len(frequent)) for n in factors})
        rows[shown[0]] = frequent
    for name in factors:
        rows[name] = pd.Categorical(rows[name], categories=frame[name].cat.categories)
    rows = rows.sort_values(shown).reset_index(drop=True) if shown else rows
    for name in frame.columns.difference(factors):
        rows[name] = float(frame[name].mean())
    return rows[list(frame.columns)], shown


def detection_curves(
    estimate: Estimate, distance: FloatArray, *, by: str | None, level: float
) -> tuple[list[Curve], list[str]]:
    """Hazard by distance with pointwise intervals.

    Parameters
    ----------
    estimate : Estimate
    distance : float64 array, shape (n_distances,), metres
    by : str or None
        See `reference_rows`.
    level : float
        Confidence level.

    Returns
    -------
    curves : list of Curve
    factors : list of str
        What the labels of the curves are levels of.

    Notes
    -----
    Var(log h(d)) = g' V g with g the derivative of log h(d) to the coefficients (central
    differences), and limits exp(log h(d) -+ z sd).
    """
    rows, factors = reference_rows(estimate, by)
    z = z_value(level)
    curves = []
    for i in range(len(rows)):
        row = rows.iloc[[i]].reset_index(drop=True)
        log_hazard = _log_hazard(estimate, row, distance, estimate.coefficients)
        sd = _standard_deviation(estimate, row, distance)
        label = ", ".join(str(rows[name].iloc[i]) for name in factors)
        with np.errstate(over="ignore"):
            limits = np.exp(log_hazard - z * sd), np.exp(log_hazard + z * sd)
        curves.append(Curve(label, np.exp(log_hazard), *limits))
    return curves, factors


def _standard_deviation(estimate: Estimate, row: pd.DataFrame, distance: FloatArray) -> FloatArray:
    """Standard deviation of the log hazard, shape (n_distances,); nan where it is not known."""
    beta = estimate.coefficients
    used = [p.slice for p in estimate.model.detection_parameters]
    positions = [k for part in used for k in range(part.start, part.stop)]
    if estimate.model.location_effects is not None:
        positions = list(range(len(beta)))
    gradient = np.zeros((len(distance), len(beta)))
    for k in positions:
        ends = []
        for step in (_STEP, -_STEP):
            moved = beta.copy()
            moved[k] += step
            ends.append(_log_hazard(estimate, row, distance, moved))
        # both -inf where the hazard is 0: nothing changes there
        with np.errstate(invalid="ignore"):
            gradient[:, k] = np.nan_to_num((ends[0] - ends[1]) / (2.0 * _STEP))
    variance = np.einsum("di,ij,dj->d", gradient, estimate.covariance, gradient)
    sd = np.sqrt(np.maximum(variance, 0.0))
    return np.where(sd > FLAT_SE, np.nan, sd)


def _log_hazard(
    estimate: Estimate, row: pd.DataFrame, distance: FloatArray, coefficients: FloatArray
) -> FloatArray:
    """Log hazard by distance for one row of covariates, shape (n_distances,)."""
    model = estimate.model
    values = []
    for parameter in model.detection_parameters:
        if parameter.design is None:
            values.append(parameter.values(coefficients))
        else:
            predictor = parameter.design.apply(row) @ coefficients[parameter.slice]
            values.append(parameter.link.inverse(predictor))
    log_sigma, log_factor = mean_log_factors(likelihood_of(model), coefficients)
    if "sigmak" in model.parameters:
        values[1] = values[1] * SIGMA_AT_UNIT_DENSITY
    if "a0" in model.parameters:
        rate = values[0] * M2_PER_KM2 / (2.0 * np.pi * values[1] ** 2)
        values[0] = rate if model.detection.is_hazard else -np.expm1(-rate)
    if model.detection_design.area is not None:
        values[0] = _amplitude_of_area(model, row, values)
    columns = [np.reshape(value, (1, 1)) for value in values]
    scaled = np.atleast_2d(distance**2) * np.exp(-2.0 * log_sigma)
    with np.errstate(divide="ignore"):
        return np.asarray(model.detection.log_hazard(scaled, *columns)[0] + log_factor)


def _amplitude_of_area(model: Model, row: pd.DataFrame, values: list[FloatArray]) -> FloatArray:
    """Amplitude from esa in the survey of the row, with this sigma at all of its traps."""
    frame = model.detection_rows.frame
    alike = np.ones(len(frame), dtype=bool)
    for name, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            alike &= (column == row[name].iloc[0]).to_numpy(dtype=bool)
    first = int(np.argmax(alike))
    area, *shapes = [np.full(len(frame), float(np.ravel(value)[0])) for value in values]
    assert model.detection_design.area is not None
    return model.detection_design.area.amplitudes(area, shapes)[first : first + 1]
