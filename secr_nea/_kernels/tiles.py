"""One tile of mask points: encounter probabilities of animals, and their adjoint.

Shapes: J hazard columns, P exposure patterns, R competing terms, n animals, t points of the tile.

The tables of a block of data (see `secr_nea.likelihood.tables`) say, for a mask point x,

- exposures: pattern p has total hazard H_p(x) = H_base(x) + sum_j E_pj h_j(x);
- competing terms: C_r(x) = log((exp(A) - 1) / A), with A = sum_j T_rj h_j(x);
- animals, ordered by pattern:
  log Pr(w_i | x) = -H_p(i)(x) + sum_j y_ij log h_j(x) + sum_r c_ir C_r(x) + constant.

Poisson counts need no competing terms; a binary or binomial detection adds C with A = T h_j,
because log(exp(T h) - 1) = log(T h) + C(T h); multi-catch detectors add C of the whole occasion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from secr_nea._kernels.scalars import at_least_once, log_growths, times_log_growth_slopes
from secr_nea._numba import exp, kernel
from secr_nea._typing import FloatArray, IntArray


class Tables(NamedTuple):
    """Sparse tables of one block of data; rows are contiguous ranges given by ``*_start``."""

    base: IntArray  # (P,) row of the base pattern whose hazard is added, or -1
    exposure_start: IntArray  # (P + 1,)
    exposure_column: IntArray
    exposure_effort: FloatArray
    competing_start: IntArray  # (R + 1,)
    competing_column: IntArray
    competing_effort: FloatArray
    pattern_start: IntArray  # (P + 1,) animals of each pattern
    detection_start: IntArray  # (n + 1,)
    detection_column: IntArray
    detection_count: FloatArray
    occasion_start: IntArray  # (n + 1,)
    occasion_term: IntArray
    occasion_count: FloatArray
    undetected: IntArray  # (U,) patterns whose probability of detection is needed


@kernel
def squared_distances(
    sites: FloatArray, points: FloatArray, start: int, stop: int, out: FloatArray
) -> None:
    """Squared Euclidean distances, out[k, m] = |site k - point (start + m)|^2, in m^2.

    sites (n_sites, 2) and points (2, n_points) are in metres.
    """
    points_x = points[0, start:stop]
    points_y = points[1, start:stop]
    for k in range(sites.shape[0]):
        x = sites[k, 0]
        y = sites[k, 1]
        row = out[k]
        for m in range(row.size):
            dx = points_x[m] - x
            dy = points_y[m] - y
            row[m] = dx * dx + dy * dy


@kernel
def _add_rows(
    start: int, stop: int, column: IntArray, weight: FloatArray, rows: FloatArray, out: FloatArray
) -> None:
    """out += sum of weight[e] * rows[column[e]] over the entries start <= e < stop."""
    for e in range(start, stop):
        row = rows[column[e]]
        factor = weight[e]
        for m in range(out.size):
            out[m] += factor * row[m]


@kernel
def _hazards(log_hazard: FloatArray, hazard: FloatArray) -> None:
    """hazard = exp(log_hazard), (J, t)."""
    for j in range(log_hazard.shape[0]):
        for m in range(log_hazard.shape[1]):
            hazard[j, m] = exp(log_hazard[j, m])


@kernel
def _pattern_hazard(p: int, tables: Tables, hazard: FloatArray, totals: FloatArray) -> None:
    """totals[p] = H_p, the total hazard of pattern p at each point (its base comes before it)."""
    total = totals[p]
    total[:] = 0.0
    if tables.base[p] >= 0:
        total[:] = totals[tables.base[p]]
    _add_rows(
        tables.exposure_start[p],
        tables.exposure_start[p + 1],
        tables.exposure_column,
        tables.exposure_effort,
        hazard,
        total,
    )


@kernel
def _competing_terms(tables: Tables, hazard: FloatArray, argument: FloatArray) -> None:
    """argument[r] = A_r, (R, t)."""
    for r in range(tables.competing_start.size - 1):
        argument[r, :] = 0.0
        _add_rows(
            tables.competing_start[r],
            tables.competing_start[r + 1],
            tables.competing_column,
            tables.competing_effort,
            hazard,
            argument[r],
        )


@kernel
def _log_encounter(
    i: int,
    tables: Tables,
    log_weight: FloatArray,
    total: FloatArray,
    log_hazard: FloatArray,
    competing: FloatArray,
    out: FloatArray,
) -> None:
    """out = log W + log Pr(w_i | x) without the constant, at each point of the tile."""
    for m in range(out.size):
        out[m] = log_weight[m] - total[m]
    _add_rows(
        tables.detection_start[i],
        tables.detection_start[i + 1],
        tables.detection_column,
        tables.detection_count,
        log_hazard,
        out,
    )
    _add_rows(
        tables.occasion_start[i],
        tables.occasion_start[i + 1],
        tables.occasion_term,
        tables.occasion_count,
        competing,
        out,
    )


@kernel
def encounter_logs(
    tables: Tables, pattern: IntArray, first: int, log_hazard: FloatArray, out: FloatArray
) -> None:
    """Lower bound of log Pr(w_i | x), competing terms left out, at one point for each animal.

    pattern (n,) is that of the animals first, first + 1, ..., log_hazard (J, n); out (n,).
    """
    for i in range(out.size):
        total = 0.0
        p = pattern[i]
        while p >= 0:
            for e in range(tables.exposure_start[p], tables.exposure_start[p + 1]):
                hazard = exp(log_hazard[tables.exposure_column[e], i])
                total -= tables.exposure_effort[e] * hazard
            p = tables.base[p]
        for e in range(tables.detection_start[first + i], tables.detection_start[first + i + 1]):
            total += tables.detection_count[e] * log_hazard[tables.detection_column[e], i]
        out[i] = total


@kernel
def tile_value(
    tables: Tables,
    log_hazard: FloatArray,
    log_weight: FloatArray,
    largest: FloatArray,
    total_weight: FloatArray,
    detected: FloatArray,
) -> None:
    """Sums over the points of one tile.

    log_hazard (J, t), log_weight (t,) = log(D a) of the points. Writes, for each animal,
    largest = max_m (log W_m + log Pr(w_i | x_m)) and total_weight = sum_m exp(same - largest);
    for each undetected pattern u, detected = sum_m W_m (1 - exp(-H_u)).
    """
    n_columns, n_points = log_hazard.shape
    n_patterns = tables.base.size
    hazard = np.empty((n_columns, n_points))
    totals = np.empty((n_patterns, n_points))
    competing = np.empty((tables.competing_start.size - 1, n_points))
    log_pr = np.empty(n_points)
    _hazards(log_hazard, hazard)
    _competing_terms(tables, hazard, competing)
    for r in range(competing.shape[0]):
        log_growths(competing[r], competing[r])
    for p in range(n_patterns):
        _pattern_hazard(p, tables, hazard, totals)
        for i in range(tables.pattern_start[p], tables.pattern_start[p + 1]):
            _log_encounter(i, tables, log_weight, totals[p], log_hazard, competing, log_pr)
            top = -np.inf
            for m in range(n_points):
                top = max(top, log_pr[m])
            total = 0.0
            if top > -np.inf:
                for m in range(n_points):
                    total += exp(log_pr[m] - top)
            largest[i] = top
            total_weight[i] = total
    for u in range(tables.undetected.size):
        row = totals[tables.undetected[u]]
        total = 0.0
        for m in range(n_points):
            total += exp(log_weight[m]) * at_least_once(row[m])
        detected[u] = total


@kernel
def _push_exposures(
    tables: Tables, hazard: FloatArray, d_totals: FloatArray, d_log_hazard: FloatArray
) -> None:
    """From derivatives to total hazards H_p to those to log hazards, bases last."""
    for p in range(tables.base.size - 1, -1, -1):
        if tables.base[p] >= 0:
            base_row = d_totals[tables.base[p]]
            for m in range(base_row.size):
                base_row[m] += d_totals[p, m]
        for e in range(tables.exposure_start[p], tables.exposure_start[p + 1]):
            j = tables.exposure_column[e]
            effort = tables.exposure_effort[e]
            for m in range(hazard.shape[1]):
                d_log_hazard[j, m] += effort * hazard[j, m] * d_totals[p, m]


@kernel
def tile_adjoint(
    tables: Tables,
    log_hazard: FloatArray,
    log_weight: FloatArray,
    animal_log: FloatArray,
    undetected_factor: FloatArray,
    d_log_hazard: FloatArray,
    d_log_weight: FloatArray,
) -> None:
    """Derivatives of the log-likelihood at the points of one tile.

    animal_log (n,) is log sum_m W_m Pr(w_i | x_m) over all points (and classes), without the
    constant; undetected_factor (U,) the derivative of the log-likelihood to each detected sum.
    Writes d logL / d log h (J, t) and d logL / d log W (t,).
    """
    n_columns, n_points = log_hazard.shape
    n_patterns = tables.base.size
    n_terms = tables.competing_start.size - 1
    hazard = np.empty((n_columns, n_points))
    totals = np.empty((n_patterns, n_points))
    argument = np.empty((n_terms, n_points))
    competing = np.empty((n_terms, n_points))
    d_competing = np.zeros((n_terms, n_points))
    d_totals = np.zeros((n_patterns, n_points))
    posterior = np.empty(n_points)
    _hazards(log_hazard, hazard)
    _competing_terms(tables, hazard, argument)
    for r in range(n_terms):
        log_growths(argument[r], competing[r])
    d_log_hazard[:, :] = 0.0
    d_log_weight[:] = 0.0
    for p in range(n_patterns):
        _pattern_hazard(p, tables, hazard, totals)
        for i in range(tables.pattern_start[p], tables.pattern_start[p + 1]):
            _log_encounter(i, tables, log_weight, totals[p], log_hazard, competing, posterior)
            for m in range(n_points):
                posterior[m] = exp(posterior[m] - animal_log[i])
            for m in range(n_points):
                d_log_weight[m] += posterior[m]
            d_total = d_totals[p]
            for m in range(n_points):
                d_total[m] -= posterior[m]
            for e in range(tables.detection_start[i], tables.detection_start[i + 1]):
                row = d_log_hazard[tables.detection_column[e]]
                count = tables.detection_count[e]
                for m in range(n_points):
                    row[m] += count * posterior[m]
            for e in range(tables.occasion_start[i], tables.occasion_start[i + 1]):
                row = d_competing[tables.occasion_term[e]]
                count = tables.occasion_count[e]
                for m in range(n_points):
                    row[m] += count * posterior[m]
    for u in range(tables.undetected.size):
        p = tables.undetected[u]
        factor = undetected_factor[u]
        row = d_totals[p]
        for m in range(n_points):
            weight = factor * exp(log_weight[m])
            d_log_weight[m] += weight * at_least_once(totals[p, m])
            row[m] += weight * exp(-totals[p, m])
    for r in range(n_terms):
        times_log_growth_slopes(argument[r], d_competing[r])
        for e in range(tables.competing_start[r], tables.competing_start[r + 1]):
            j = tables.competing_column[e]
            effort = tables.competing_effort[e]
            for m in range(n_points):
                d_log_hazard[j, m] += effort * hazard[j, m] * d_competing[r, m]
    _push_exposures(tables, hazard, d_totals, d_log_hazard)
