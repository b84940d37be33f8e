"""Half-normal hazards on patches of a grid, where exp(-d^2 / 2 s^2) is a product of two tables.

On a grid exp(-d^2 / (2 s^2)) = exp(-dx^2 / (2 s^2)) exp(-dy^2 / (2 s^2)), so that a patch of w x h
cells needs w + h exponentials for a site, and one multiply-add for each cell. A total hazard is a
sum of such products. All detections of an animal together are a single Gaussian about its weighted
centroid: sum_j y_j log h_j(x) = constant - half * |x - centroid|^2.

Shapes: G distinct Gaussians (place and sigma; columns that differ by lambda0 only share one), E
entries (a shape in a row, with its amplitude), rows = P exposure patterns, then R competing terms
(see `secr_nea._kernels.tiles`), n animals.

Here a patch is laid out; `grid_reach` says what is near it, `grid_value` and `grid_adjoint` go over
all patches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from secr_nea._kernels.patches import Near, Patches
from secr_nea._kernels.scalars import log_growths
from secr_nea._numba import exp, kernel
from secr_nea._typing import FloatArray, IntArray

# A factor below exp(-300) is raised to it: no denormal numbers, and no difference to any sum.
_LOWEST = -300.0
# Multiply-adds of one matrix product: OpenBLAS starts threads of its own above 262,144.
_SMALL_PRODUCT = 250_000


class Shapes(NamedTuple):
    """Distinct Gaussians, and the rows in which each takes part."""

    x: FloatArray  # (G,) metres
    y: FloatArray
    half: FloatArray  # (G,) 1 / (2 sigma^2)
    entry_start: IntArray  # (G + 1,)
    entry_row: IntArray  # (E,)
    amplitude: FloatArray  # (E,) effort times lambda0


class Rows(NamedTuple):
    """The rows: exposure patterns first, then competing terms."""

    base: IntArray  # (P,) pattern whose hazard is added, or -1
    n_undetected: int  # the first U patterns: those of animals that are not detected
    n_terms: int


class Animals(NamedTuple):
    """Each animal's detections as one Gaussian, its pattern and its competing terms."""

    x: FloatArray  # (n,) weighted centroid, metres
    y: FloatArray
    half: FloatArray  # (n,)
    constant: FloatArray  # (n,) sum_j y_j log h_j at the centroid
    pattern: IntArray  # (n,) ascending
    occasion_start: IntArray
    occasion_term: IntArray
    occasion_count: FloatArray


class Cells(NamedTuple):
    """One patch laid out: w columns and h rows of cells, z shapes near it, E' of their entries.

    A slot is a row (pattern or competing term) that has entries here; entries are sorted by slot.
    """

    x: FloatArray  # (w,)
    y: FloatArray  # (h,)
    weight: FloatArray  # (h, w) W, 0 where a cell holds no point
    gx: FloatArray  # (z, w) factors of each shape
    gy: FloatArray  # (z, h)
    row: IntArray  # (n_slots,)
    start: IntArray  # (n_slots + 1,) entries of each slot
    shape: IntArray  # (E',) position of the entry's shape among the near ones
    amplitude: FloatArray  # (E',)
    order: IntArray  # (E',) position of the entry when sorted by shape
    totals: FloatArray  # (n_slots, h, w) total hazard H_p or competing argument A_r


@kernel
def _exponentials(x: FloatArray) -> None:
    """x = exp(x) in place; x is flat, so that one long loop vectorises."""
    for m in range(x.size):
        x[m] = exp(x[m])


@kernel
def gaussians(
    first: int, end: int, item: IntArray, center: FloatArray, half: FloatArray, axis: FloatArray
) -> FloatArray:
    """exp(-half (axis_c - center)^2), (items first <= a < end, cells of the axis)."""
    out = np.empty((end - first, axis.size))
    for a in range(end - first):
        here = center[item[first + a]]
        factor = -half[item[first + a]]
        for c in range(axis.size):
            d = axis[c] - here
            out[a, c] = max(factor * d * d, _LOWEST)
    _exponentials(out.reshape(out.size))
    return out


@kernel
def _weights(k: int, patches: Patches, log_weight: FloatArray) -> FloatArray:
    """W at the cells of patch k that hold a point, 0 at the others, (h, w)."""
    cells = np.full(patches.height[k] * patches.width[k], -np.inf)
    for b in range(patches.run_start[k], patches.run_start[k + 1]):
        m, p = patches.run_cell[b], patches.run_point[b]
        for c in range(patches.run_length[b]):
            cells[m + c] = log_weight[p + c]
    _exponentials(cells)
    return cells.reshape((patches.height[k], patches.width[k]))


@kernel
def add(factor: float, values: FloatArray, out: FloatArray) -> None:
    """out += factor values, (h, w)."""
    v, o = values.ravel(), out.ravel()
    for m in range(o.size):
        o[m] += factor * v[m]


@kernel
def products(a: FloatArray, b: FloatArray) -> FloatArray:
    """Matrix product a b of (n, m) and (m, w), by BLAS.

    It is done in parts so small that no BLAS starts threads of its own for them.
    """
    n, m, width = a.shape[0], a.shape[1], b.shape[1]
    rows = max(1, _SMALL_PRODUCT // (m * width + 1))
    out = np.empty((n, width))
    if n <= rows:
        np.dot(a, b, out)
        return out
    for first in range(0, n, rows):
        np.dot(a[first : first + rows], b, out[first : first + rows])
    return out


@kernel
def sum_of_products(gx: FloatArray, gy: FloatArray, out: FloatArray) -> None:
    """out[r, c] = sum_e gy[e, r] gx[e, c], (h, w), from (e, w) and (e, h)."""
    terms = max(1, _SMALL_PRODUCT // (out.size + 1))
    np.dot(gy[:terms].T, gx[:terms], out)
    part = np.empty(out.shape)
    for first in range(terms, gx.shape[0], terms):
        np.dot(gy[first : first + terms].T, gx[first : first + terms], part)
        add(1.0, part, out)


@kernel
def rank_one(factor: float, gx: FloatArray, gy: FloatArray, out: FloatArray) -> None:
    """out[r, c] = factor gy[r] gx[c]."""
    for r in range(gy.size):
        a = factor * gy[r]
        for c in range(gx.size):
            out[r, c] = a * gx[c]


@kernel
def row_total(
    gx: FloatArray, gy: FloatArray, shape: IntArray, amplitude: FloatArray, out: FloatArray
) -> None:
    """out = sum over a row's entries of amplitude times shape, (h, w)."""
    if shape.size == 1:
        rank_one(amplitude[0], gx[shape[0]], gy[shape[0]], out)
        return
    own_x = np.empty((shape.size, gx.shape[1]))
    own_y = np.empty((shape.size, gy.shape[1]))
    for e in range(shape.size):
        z, a = shape[e], amplitude[e]
        for c in range(gx.shape[1]):
            own_x[e, c] = gx[z, c]
        for r in range(gy.shape[1]):
            own_y[e, r] = a * gy[z, r]
    sum_of_products(own_x, own_y, out)


@kernel
def _sorted_entries(
    first: int, end: int, item: IntArray, shapes: Shapes, slot_of_row: IntArray
) -> tuple[IntArray, IntArray, IntArray, FloatArray, IntArray]:
    """Rows, start, shape, amplitude and order of `Cells`: a counting sort of entries by row.

    Writes the slot of each row that occurs into slot_of_row, which is -1 everywhere before.
    """
    n_entries = 0
    for a in range(first, end):
        n_entries += shapes.entry_start[item[a] + 1] - shapes.entry_start[item[a]]
    row = np.empty(n_entries, np.int64)
    start = np.zeros(n_entries + 1, np.int64)
    n_slots = 0
    for a in range(first, end):
        for e in range(shapes.entry_start[item[a]], shapes.entry_start[item[a] + 1]):
            r = shapes.entry_row[e]
            if slot_of_row[r] < 0:
                slot_of_row[r] = n_slots
                row[n_slots] = r
                n_slots += 1
            start[slot_of_row[r] + 1] += 1
    for s in range(n_slots):
        start[s + 1] += start[s]
    cursor = start[:n_slots].copy()
    shape, order = np.empty(n_entries, np.int64), np.empty(n_entries, np.int64)
    amplitude = np.empty(n_entries)
    position = 0
    for a in range(first, end):
        for e in range(shapes.entry_start[item[a]], shapes.entry_start[item[a] + 1]):
            s = slot_of_row[shapes.entry_row[e]]
            shape[cursor[s]] = a - first
            amplitude[cursor[s]] = shapes.amplitude[e]
            order[cursor[s]] = position
            cursor[s] += 1
            position += 1
    return row[:n_slots], start[: n_slots + 1], shape, amplitude, order


@kernel
def lay_out(
    k: int,
    patches: Patches,
    shapes: Shapes,
    near: Near,
    log_weight: FloatArray,
    slot_of_row: IntArray,
) -> Cells:
    """Weights, factors, and total hazards and competing arguments at the cells of patch k."""
    x = patches.x[k, : patches.width[k]]
    y = patches.y[k, : patches.height[k]]
    first, end = near.start[k], near.start[k + 1]
    gx = gaussians(first, end, near.item, shapes.x, shapes.half, x)
    gy = gaussians(first, end, near.item, shapes.y, shapes.half, y)
    row, start, shape, amplitude, order = _sorted_entries(
        first, end, near.item, shapes, slot_of_row
    )
    totals = np.empty((row.size, y.size, x.size))
    for s in range(row.size):
        a, b = start[s], start[s + 1]
        row_total(gx, gy, shape[a:b], amplitude[a:b], totals[s])
    weight = _weights(k, patches, log_weight)
    return Cells(x, y, weight, gx, gy, row, start, shape, amplitude, order, totals)


@kernel
def term_growths(cells: Cells, n_patterns: int) -> FloatArray:
    """C_r of the competing terms at each slot, (n_slots, h, w); nothing at those of patterns."""
    out = np.empty(cells.totals.shape)
    for s in range(cells.row.size):
        if cells.row[s] >= n_patterns:
            log_growths(cells.totals[s].ravel(), out[s].ravel())
    return out


@kernel
def minus_total(p: int, base: IntArray, slot_of_row: IntArray, cells: Cells) -> FloatArray:
    """-H_p, minus the hazard of pattern p and of its base, (h, w)."""
    out = np.zeros(cells.weight.shape)
    if slot_of_row[p] >= 0:
        add(-1.0, cells.totals[slot_of_row[p]], out)
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        add(-1.0, cells.totals[slot_of_row[base[p]]], out)
    return out


@kernel
def survival_at_cells(weight: FloatArray, log_survival: FloatArray) -> FloatArray:
    """W exp(log survival), (h, w)."""
    out = np.empty(weight.shape)
    o, w, x = out.ravel(), weight.ravel(), log_survival.ravel()
    for m in range(o.size):
        o[m] = w[m] * exp(x[m])
    return out


@kernel
def survival_of_animal(
    i: int,
    animals: Animals,
    slot_of_term: IntArray,
    growth: FloatArray,
    cells: Cells,
    minus: FloatArray,
) -> FloatArray:
    """W exp(-H + sum_r c_ir C_r), in one exponential: either alone could under- or overflow."""
    log_survival = minus.copy()
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_term[animals.occasion_term[e]]
        if s >= 0:
            add(animals.occasion_count[e], growth[s], log_survival)
    return survival_at_cells(cells.weight, log_survival)


@kernel
def end_of_pattern(p: int, q: int, end: int, animals: Animals, item: IntArray) -> int:
    """End of the near animals, from place q on, that have pattern p."""
    while q < end and animals.pattern[item[q]] == p:
        q += 1
    return q
