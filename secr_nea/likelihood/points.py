"""Detection of animals by the place of their activity centre: p.(x), and where an animal lives."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.blocks import BlockInput, block_adjoint, block_sums, tile_log_hazard
from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.parameters import sum_by_row

_TILE = 2048


def total_hazard(
    likelihood: Likelihood, coefficients: FloatArray, b: int, xy: FloatArray | None = None
) -> FloatArray:
    """Total hazard over the whole survey of an animal that was never detected.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    xy : float64 array, shape (n_points, 2), metres, optional
        Places of the activity centre; the mask points by default.

    Returns
    -------
    float64 array, shape (n_points,)
        H(x); the probability of being detected at least once is 1 - exp(-H(x)).
    """
    item = likelihood.inputs(coefficients)[b]
    item = BlockInput(item.block.without_animals(xy), item.values, item.log_weight)
    tables = item.block.tables
    effort = np.zeros(item.block.n_columns)
    effort[tables.exposure_column] = tables.exposure_effort
    out = np.empty(item.block.n_points)
    with np.errstate(all="ignore"):
        for start in range(0, len(out), _TILE):
            stop = min(start + _TILE, len(out))
            log_hazard = tile_log_hazard(item, likelihood.model.detection, start, stop)
            out[start:stop] = effort @ np.exp(log_hazard)
    return out


def log_encounter(
    likelihood: Likelihood, coefficients: FloatArray, b: int, animals: IntArray
) -> FloatArray:
    """log(D a Pr(w_i | x)) of some animals at every mask point, up to a constant of each animal.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    animals : int64 array, shape (n_chosen,)
        Indices of animals in the survey.

    Returns
    -------
    float64 array, shape (n_chosen, n_points)
    """
    item = likelihood.inputs(coefficients)[b]
    tables = item.block.tables
    out = item.log_weight - np.repeat(
        total_hazard(likelihood, coefficients, b)[None, :], len(animals), axis=0
    )
    with np.errstate(all="ignore"):
        for start in range(0, out.shape[1], _TILE):
            stop = min(start + _TILE, out.shape[1])
            log_hazard = tile_log_hazard(item, likelihood.model.detection, start, stop)
            for row, i in enumerate(animals):
                part = slice(tables.detection_start[i], tables.detection_start[i + 1])
                out[row, start:stop] += (
                    tables.detection_count[part] @ log_hazard[tables.detection_column[part]]
                )
                for e in range(tables.occasion_start[i], tables.occasion_start[i + 1]):
                    r = tables.occasion_term[e]
                    span = slice(tables.competing_start[r], tables.competing_start[r + 1])
                    a = tables.competing_effort[span] @ np.exp(
                        log_hazard[tables.competing_column[span]]
                    )
                    out[row, start:stop] += tables.occasion_count[e] * _competing(a)
    return out


def _competing(a: FloatArray) -> FloatArray:
    """log((exp(a) - 1) / a), without overflow."""
    safe = np.maximum(a, 1e-12)
    return np.asarray(safe + np.log(-np.expm1(-safe) / safe))


def expected_detected(
    likelihood: Likelihood,
    coefficients: FloatArray,
    b: int,
    weight: FloatArray,
    xy: FloatArray | None = None,
) -> tuple[float, FloatArray, FloatArray]:
    """sum_m W_m p.(x_m), with its derivatives.

    Parameters
    ----------
    likelihood : Likelihood
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    weight : float64 array, shape (n_points,)
        W, such as expected animals per cell, or the cell area.
    xy : float64 array, shape (n_points, 2), metres, optional
        Points; the mask points by default.

    Returns
    -------
    float
        The sum.
    float64 array, shape (n_coefficients,)
        Its derivative through p. to the coefficients of detection.
    float64 array, shape (n_points,)
        Its derivative to log W.
    """
    model = likelihood.model
    item = likelihood.inputs(coefficients)[b]
    block = item.block.without_animals(xy)
    with np.errstate(divide="ignore"):
        log_weight = np.log(np.asarray(weight, dtype=np.float64))
    # A point of weight 0 takes part with a weight of exp(-745), which is 0 for every purpose.
    inputs = [BlockInput(block, item.values, np.maximum(log_weight, -745.0))]
    value = float(block_sums(inputs, model.detection)[0].detected[0])
    adjoint = block_adjoint(inputs, model.detection, [np.empty(0)], [np.ones(1)])[0]
    n_rows = len(model.detection_rows.frame)
    d_values = [sum_by_row(block.column_row, part, n_rows) for part in adjoint.values]
    return value, model.pull_back_detection(coefficients, d_values), adjoint.log_weight
