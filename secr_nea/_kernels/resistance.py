"""Resistance of a network: some elements of an inverse, and what edges owe to friction."""

from __future__ import annotations

from typing import Any

import numpy as np

from secr_nea._kernels.paths import LARGER_CONDUCTANCE, MEAN_CONDUCTANCE, MEAN_FRICTION
from secr_nea._numba import kernel
from secr_nea._typing import FloatArray, IntArray


@kernel
def selected_inverse(
    start: IntArray, row: IntArray, lower: Any, pivot: Any, diagonal: Any, below: Any
) -> None:
    """Elements of (L D L')^-1 at the places where L is not zero.

    L is unit lower triangular in compressed columns: column j has rows row[start[j]:start[j + 1]]
    below the diagonal with values ``lower``; D = diag(pivot). Writes the diagonal (n,) and, in
    the order of ``lower``, the elements below it. Real or complex. Takahashi, Fagan & Chin (1973);
    Erisman & Tinney (1975), Communications of the ACM 18, 177-179:
    Z_ij = - sum_k L_kj Z_ik for i > j, and Z_jj = 1 / D_j - sum_k L_kj Z_kj.
    """
    n = pivot.size
    where = np.full(n, -1, np.int64)
    total = np.zeros_like(pivot)
    for j in range(n - 1, -1, -1):
        first, end = start[j], start[j + 1]
        for e in range(first, end):
            where[row[e]] = e
            total[row[e]] = 0.0
        for e in range(first, end):
            k = row[e]
            total[k] += lower[e] * diagonal[k]
            for f in range(start[k], start[k + 1]):
                i = row[f]
                if where[i] >= 0:
                    total[i] += lower[e] * below[f]
                    total[k] += lower[where[i]] * below[f]
        diagonal[j] = 1.0 / pivot[j]
        for e in range(first, end):
            below[e] = -total[row[e]]
            diagonal[j] -= lower[e] * below[e]
            where[row[e]] = -1


@kernel
def edge_adjoint(
    u: IntArray,
    v: IntArray,
    d_log_cost: FloatArray,
    friction: FloatArray,
    average: int,
    out: FloatArray,
) -> None:
    """Add d L / d log friction of every cell to out (n,), from that to the log cost of edges."""
    for e in range(u.size):
        a = friction[u[e]]
        b = friction[v[e]]
        if average == MEAN_FRICTION:
            share = a / (a + b)
        elif average == MEAN_CONDUCTANCE:
            share = b / (a + b)
        elif average == LARGER_CONDUCTANCE and a != b:
            share = 1.0 if a < b else 0.0
        else:
            share = 0.5
        out[u[e]] += d_log_cost[e] * share
        out[v[e]] += d_log_cost[e] * (1.0 - share)
