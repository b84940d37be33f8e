"""Derivatives of the values over patches of a grid to hazards and weights."""

from __future__ import annotations

import numpy as np

from secr_nea._kernels.grid import (
    Animals,
    Cells,
    Rows,
    Shapes,
    add,
    end_of_pattern,
    gaussians,
    lay_out,
    minus_total,
    products,
    rank_one,
    sum_of_products,
    survival_at_cells,
    survival_of_animal,
    term_growths,
)
from secr_nea._kernels.patches import Near, Patches
from secr_nea._kernels.scalars import at_least_once, times_log_growth_slopes
from secr_nea._numba import exp, kernel
from secr_nea._typing import FloatArray, IntArray


@kernel
def _moments_of_pattern(
    q: int,
    end: int,
    ax: FloatArray,
    ay: FloatArray,
    offsets: tuple[FloatArray, FloatArray],
    survival: FloatArray,
    moments: FloatArray,
) -> None:
    """moments[:, q] = sums over the cells of survival ax ay times 1, dx, dy and d^2.

    offsets are the dx (n, w) and dy (n, h) from the centroid of each animal q <= . < end.
    """
    dx, dy = offsets
    n, height = ay.shape
    weights = np.empty((3 * n, height))
    for z in range(n):
        for r in range(height):
            weights[z, r] = ay[z, r]
            weights[n + z, r] = ay[z, r] * dy[z, r]
            weights[2 * n + z, r] = ay[z, r] * dy[z, r] * dy[z, r]
    lines = products(weights, survival)
    for z in range(n):
        mass, along, up, squared = 0.0, 0.0, 0.0, 0.0
        for c in range(ax.shape[1]):
            plain = ax[z, c] * lines[z, c]
            mass += plain
            along += plain * dx[z, c]
            up += ax[z, c] * lines[n + z, c]
            squared += plain * dx[z, c] * dx[z, c] + ax[z, c] * lines[2 * n + z, c]
        moments[0, q + z] = mass
        moments[1, q + z] = along
        moments[2, q + z] = up
        moments[3, q + z] = squared


@kernel
def _offsets(
    first: int, end: int, item: IntArray, center: FloatArray, axis: FloatArray
) -> FloatArray:
    """Distance along an axis from each item to each cell, (items, cells)."""
    out = np.empty((end - first, axis.size))
    for a in range(end - first):
        here = center[item[first + a]]
        for c in range(axis.size):
            out[a, c] = axis[c] - here
    return out


@kernel
def _posterior(
    scale: FloatArray, ax: FloatArray, ay: FloatArray, survival: FloatArray
) -> FloatArray:
    """Sum over animals of scale ax ay survival, at each cell, (h, w)."""
    out = np.empty(survival.shape)
    scaled = np.empty(ay.shape)
    for z in range(scale.size):
        for r in range(ay.shape[1]):
            scaled[z, r] = scale[z] * ay[z, r]
    if scale.size == 1:
        rank_one(1.0, ax[0], scaled[0], out)
    else:
        sum_of_products(ax, scaled, out)
    o, v = out.ravel(), survival.ravel()
    for m in range(o.size):
        o[m] *= v[m]
    return out


@kernel
def _push_undetected(
    factor: float, cells: Cells, minus: FloatArray, d_weight: FloatArray, d_total: FloatArray
) -> None:
    """d_log_weight += factor W (1 - exp(-H)); d_total += factor W exp(-H)."""
    w, h = cells.weight.ravel(), minus.ravel()
    d_w, d_h = d_weight.ravel(), d_total.ravel()
    for m in range(w.size):
        d_w[m] += factor * w[m] * at_least_once(-h[m])
        d_h[m] += factor * w[m] * exp(h[m])


@kernel
def _push_pattern(
    p: int, base: IntArray, slot_of_row: IntArray, d_total: FloatArray, d_rows: FloatArray
) -> None:
    """Add the derivative to H_p to those to its own entries and to its base."""
    if slot_of_row[p] >= 0:
        add(1.0, d_total, d_rows[slot_of_row[p]])
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        add(1.0, d_total, d_rows[slot_of_row[base[p]]])


@kernel
def _push_row(
    gx: FloatArray,
    gy: FloatArray,
    offsets: tuple[FloatArray, FloatArray],
    entries: tuple[IntArray, IntArray],
    d_row: FloatArray,
    out: FloatArray,
) -> None:
    """out[:, place] = sum of d_row times the shape, and times the shape and d^2, for each entry.

    entries are the shapes of a row's entries and their places.
    """
    shape, place = entries
    dx, dy = offsets
    n, height = shape.size, gy.shape[1]
    weights = np.empty((2 * n, height))
    for e in range(n):
        z = shape[e]
        for r in range(height):
            weights[e, r] = gy[z, r]
            weights[n + e, r] = gy[z, r] * dy[z, r] * dy[z, r]
    lines = products(weights, d_row)
    for e in range(n):
        z = shape[e]
        plain, squared = 0.0, 0.0
        for c in range(gx.shape[1]):
            g = gx[z, c] * lines[e, c]
            plain += g
            squared += g * dx[z, c] * dx[z, c] + gx[z, c] * lines[n + e, c]
        out[0, place[e]] = plain
        out[1, place[e]] = squared


@kernel
def _push_entries(
    k: int,
    cells: Cells,
    shapes: Shapes,
    near: Near,
    n_patterns: int,
    d_rows: FloatArray,
    out: FloatArray,
) -> None:
    """From derivatives to totals to those to each entry's amplitude, and times d^2."""
    first, end = near.start[k], near.start[k + 1]
    offsets = (
        _offsets(first, end, near.item, shapes.x, cells.x),
        _offsets(first, end, near.item, shapes.y, cells.y),
    )
    for s in range(cells.row.size):
        if cells.row[s] >= n_patterns:
            times_log_growth_slopes(cells.totals[s].ravel(), d_rows[s].ravel())
        a, b = cells.start[s], cells.start[s + 1]
        _push_row(cells.gx, cells.gy, offsets, (cells.shape[a:b], cells.order[a:b]), d_rows[s], out)


@kernel
def patch_adjoint(
    first: int,
    end: int,
    patches: Patches,
    shapes: Shapes,
    rows: Rows,
    near: Near,
    animals: Animals,
    near_animals: Near,
    log_weight: FloatArray,
    scale: FloatArray,
    undetected_factor: FloatArray,
    entry_start: IntArray,
    d_entries: FloatArray,
    moments: FloatArray,
    d_log_weight: FloatArray,
) -> None:
    """Derivatives of the log-likelihood at the points of the patches first <= k < end.

    scale (one for each item of near_animals) turns exp(-half d^2) W exp(-H + sum c C) into the
    posterior of the animal. Writes, at entry_start[k] + position, d_entries (2, .) = sum_m dL/dA s
    and sum_m dL/dA s d^2 with A the row's total and s the shape; at each item of near_animals,
    moments (4, .) = sum_m exp(-half d^2) W exp(-H + sum c C) times 1, dx, dy, d^2 about the
    centroid; d_log_weight (n_points,).
    """
    n_patterns = rows.base.size
    item = near_animals.item
    slot_of_row = np.full(n_patterns + rows.n_terms, -1, np.int64)
    for k in range(first, end):
        a, b = near_animals.start[k], near_animals.start[k + 1]
        d_weight = np.zeros((patches.height[k], patches.width[k]))
        if near.start[k] < near.start[k + 1] or a < b:
            cells = lay_out(k, patches, shapes, near, log_weight, slot_of_row)
            ax = gaussians(a, b, item, animals.x, animals.half, cells.x)
            ay = gaussians(a, b, item, animals.y, animals.half, cells.y)
            dx = _offsets(a, b, item, animals.x, cells.x)
            dy = _offsets(a, b, item, animals.y, cells.y)
            growth = term_growths(cells, n_patterns) if rows.n_terms else cells.totals
            d_rows = np.zeros(cells.totals.shape)
            q, u = a, 0
            while q < b or u < rows.n_undetected:
                p = u if u < rows.n_undetected else animals.pattern[item[q]]
                minus = minus_total(p, rows.base, slot_of_row, cells)
                d_total = np.zeros(cells.weight.shape)
                if u < rows.n_undetected:
                    _push_undetected(undetected_factor[u], cells, minus, d_weight, d_total)
                    u += 1
                after = end_of_pattern(p, q, b, animals, item)
                # Animals of a pattern all at once, but one by one where they have competing terms.
                step = 1 if rows.n_terms else max(after - q, 1)
                for z in range(q, after, step):
                    here = slice(z - a, z - a + step)
                    if rows.n_terms:
                        survival = survival_of_animal(
                            item[z], animals, slot_of_row[n_patterns:], growth, cells, minus
                        )
                    else:
                        survival = survival_at_cells(cells.weight, minus)
                    own = _posterior(scale[z : z + step], ax[here], ay[here], survival)
                    _moments_of_pattern(
                        z, z + step, ax[here], ay[here], (dx[here], dy[here]), survival, moments
                    )
                    add(1.0, own, d_weight)
                    add(-1.0, own, d_total)
                    if rows.n_terms:
                        _push_terms(item[z], animals, slot_of_row[n_patterns:], own, d_rows)
                q = after
                _push_pattern(p, rows.base, slot_of_row, d_total, d_rows)
            out = d_entries[:, entry_start[k] : entry_start[k + 1]]
            _push_entries(k, cells, shapes, near, n_patterns, d_rows, out)
            for s in range(cells.row.size):
                slot_of_row[cells.row[s]] = -1
        flat = d_weight.ravel()
        for r in range(patches.run_start[k], patches.run_start[k + 1]):
            m, p = patches.run_cell[r], patches.run_point[r]
            for c in range(patches.run_length[r]):
                d_log_weight[p + c] = flat[m + c]


@kernel
def _push_terms(
    i: int, animals: Animals, slot_of_term: IntArray, own: FloatArray, d_rows: FloatArray
) -> None:
    """Add an animal's posterior to the derivatives to its competing terms."""
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_term[animals.occasion_term[e]]
        if s >= 0:
            add(animals.occasion_count[e], own, d_rows[s])
