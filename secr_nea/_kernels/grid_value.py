"""Values over patches of a grid: sums over animals, numbers detected, hazards at points."""

from __future__ import annotations

import numpy as np

from secr_nea._kernels.grid import (
    Animals,
    Rows,
    Shapes,
    end_of_pattern,
    gaussians,
    lay_out,
    minus_total,
    products,
    row_total,
    survival_at_cells,
    survival_of_animal,
    term_growths,
)
from secr_nea._kernels.patches import Near, Patches
from secr_nea._kernels.scalars import at_least_once
from secr_nea._numba import kernel
from secr_nea._typing import FloatArray


@kernel
def _detected(weight: FloatArray, minus: FloatArray) -> float:
    """sum W (1 - exp(-H))."""
    found = 0.0
    w, h = weight.ravel(), minus.ravel()
    for m in range(w.size):
        found += w[m] * at_least_once(-h[m])
    return found


@kernel
def _sums_of_pattern(
    q: int, end: int, ax: FloatArray, ay: FloatArray, survival: FloatArray, sums: FloatArray
) -> None:
    """sums[q] = sum over the cells of survival ax ay, for the near animals q <= . < end."""
    lines = products(ay, survival)
    for z in range(end - q):
        total = 0.0
        for c in range(lines.shape[1]):
            total += lines[z, c] * ax[z, c]
        sums[q + z] = total


@kernel
def patch_sums(
    first: int,
    end: int,
    patches: Patches,
    shapes: Shapes,
    rows: Rows,
    near: Near,
    animals: Animals,
    near_animals: Near,
    log_weight: FloatArray,
    sums: FloatArray,
    detected: FloatArray,
) -> None:
    """Sums over the points of the patches first <= k < end.

    Writes sums (one for each item of near_animals) = sum_m W exp(-H + sum c C) exp(-half d^2), and
    detected (n_patches, U) = sum_m W (1 - exp(-H_u)).
    """
    n_patterns = rows.base.size
    item = near_animals.item
    slot_of_row = np.full(n_patterns + rows.n_terms, -1, np.int64)
    for k in range(first, end):
        a, b = near_animals.start[k], near_animals.start[k + 1]
        if near.start[k] == near.start[k + 1] and a == b:
            detected[k, :] = 0.0
            continue
        cells = lay_out(k, patches, shapes, near, log_weight, slot_of_row)
        ax = gaussians(a, b, item, animals.x, animals.half, cells.x)
        ay = gaussians(a, b, item, animals.y, animals.half, cells.y)
        growth = term_growths(cells, n_patterns) if rows.n_terms else cells.totals
        q, u = a, 0
        while q < b or u < rows.n_undetected:
            # Patterns in their order: those of undetected animals come first.
            p = u if u < rows.n_undetected else animals.pattern[item[q]]
            minus = minus_total(p, rows.base, slot_of_row, cells)
            if u < rows.n_undetected:
                detected[k, u] = _detected(cells.weight, minus)
                u += 1
            after = end_of_pattern(p, q, b, animals, item)
            if after > q and not rows.n_terms:
                survival = survival_at_cells(cells.weight, minus)
                _sums_of_pattern(
                    q, after, ax[q - a : after - a], ay[q - a : after - a], survival, sums
                )
            elif after > q:
                for z in range(q, after):
                    survival = survival_of_animal(
                        item[z], animals, slot_of_row[n_patterns:], growth, cells, minus
                    )
                    z1 = z - a + 1
                    _sums_of_pattern(z, z + 1, ax[z - a : z1], ay[z - a : z1], survival, sums)
            q = after
        for s in range(cells.row.size):
            slot_of_row[cells.row[s]] = -1


@kernel
def patch_hazards(
    patches: Patches, shapes: Shapes, amplitude: FloatArray, near: Near, out: FloatArray
) -> None:
    """out (n_points,) = sum over near shapes of amplitude (G,) times shape, at every point."""
    out[:] = 0.0
    for k in range(patches.width.size):
        first, end = near.start[k], near.start[k + 1]
        if first == end:
            continue
        x = patches.x[k, : patches.width[k]]
        y = patches.y[k, : patches.height[k]]
        total = np.empty((y.size, x.size))
        gx = gaussians(first, end, near.item, shapes.x, shapes.half, x)
        gy = gaussians(first, end, near.item, shapes.y, shapes.half, y)
        row_total(gx, gy, np.arange(end - first), amplitude[near.item[first:end]], total)
        flat = total.ravel()
        for r in range(patches.run_start[k], patches.run_start[k + 1]):
            m, p = patches.run_cell[r], patches.run_point[r]
            for c in range(patches.run_length[r]):
                out[p + c] = flat[m + c]
