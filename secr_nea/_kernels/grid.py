"""Half-normal hazards on patches of a grid, where exp(-d^2 / 2 s^2) is a product of two tables.

On a grid exp(-d^2 / (2 s^2)) = exp(-dx^2 / (2 s^2)) exp(-dy^2 / (2 s^2)), so that a patch of w x h
cells needs w + h exponentials for a site, and one multiply-add for each cell. A total hazard is a
sum of such products. All detections of an animal together are a single Gaussian about its weighted
centroid: sum_j y_j log h_j(x) = constant - half * |x - centroid|^2.

Shapes: G distinct Gaussians (place and sigma; columns that differ by lambda0 only share one), E
entries (a shape in a row, with its amplitude), rows = P exposure patterns, then R competing terms
(see `secr_nea._kernels.tiles`), n animals.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from secr_nea._kernels.patches import Near, Patches
from secr_nea._kernels.scalars import at_least_once, log_growths, times_log_growth_slopes
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
def animal_gaussians(
    tables: tuple[IntArray, IntArray, FloatArray],
    xy: FloatArray,
    log_lambda: FloatArray,
    half: FloatArray,
    out: FloatArray,
) -> None:
    """Centroid x, y, half and constant of each animal, out (4, n).

    tables are the start, column and count of the detections; xy (J, 2), log_lambda and half (J,)
    belong to the columns. With w_j = y_j / (2 sigma_j^2), the centroid is sum w_j s_j / sum w_j.
    """
    start, column, count = tables
    for i in range(start.size - 1):
        weight, x, y = 0.0, 0.0, 0.0
        for e in range(start[i], start[i + 1]):
            w = count[e] * half[column[e]]
            weight += w
            x += w * xy[column[e], 0]
            y += w * xy[column[e], 1]
        x /= weight
        y /= weight
        constant = 0.0
        for e in range(start[i], start[i + 1]):
            j = column[e]
            d2 = (xy[j, 0] - x) ** 2 + (xy[j, 1] - y) ** 2
            constant += count[e] * (log_lambda[j] - half[j] * d2)
        out[0, i] = x
        out[1, i] = y
        out[2, i] = weight
        out[3, i] = constant


@kernel
def pattern_hazard_at(
    i: int,
    place: tuple[float, float],
    patch: int,
    animals: Animals,
    base: IntArray,
    shapes: Shapes,
    near: Near,
) -> float:
    """Upper limit of the total hazard of animal i's pattern at a place in a patch."""
    x, y = place
    p = animals.pattern[i]
    total = 0.0
    for a in range(near.start[patch], near.start[patch + 1]):
        g = near.item[a]
        value = exp(-shapes.half[g] * ((shapes.x[g] - x) ** 2 + (shapes.y[g] - y) ** 2))
        for e in range(shapes.entry_start[g], shapes.entry_start[g + 1]):
            if shapes.entry_row[e] == p or shapes.entry_row[e] == base[p]:
                total += max(shapes.amplitude[e], 0.0) * value
    return total


@kernel
def animal_reach(
    animals: Animals,
    anchor: IntArray,
    anchor_patch: IntArray,
    points: FloatArray,
    log_weight: FloatArray,
    base: IntArray,
    shapes: Shapes,
    near: Near,
    log_share: float,
    out: FloatArray,
) -> None:
    """Distance from its centroid beyond which an animal's centre contributes nothing, metres.

    One mask point, the anchor, bounds the animal's sum from below; all points beyond the reach r
    together hold at most exp(log_share - half r^2) of that. log_share is the logarithm of the
    total weight of the mask over the share of its sum that an animal may lose.
    """
    for i in range(anchor.size):
        m = anchor[i]
        x, y = points[0, m], points[1, m]
        hazard = pattern_hazard_at(i, (x, y), anchor_patch[i], animals, base, shapes, near)
        d2 = (x - animals.x[i]) ** 2 + (y - animals.y[i]) ** 2
        floor = log_weight[m] - hazard - animals.half[i] * d2
        out[i] = np.sqrt(max(log_share - floor, 0.0) / animals.half[i])


@kernel
def _exponentials(x: FloatArray) -> None:
    """x = exp(x) in place; x is flat, so that one long loop vectorises."""
    for m in range(x.size):
        x[m] = exp(x[m])


@kernel
def _gaussians(
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
def _add(factor: float, values: FloatArray, out: FloatArray) -> None:
    """out += factor values, (h, w)."""
    v, o = values.ravel(), out.ravel()
    for m in range(o.size):
        o[m] += factor * v[m]


@kernel
def _products(a: FloatArray, b: FloatArray) -> FloatArray:
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
def _sum_of_products(gx: FloatArray, gy: FloatArray, out: FloatArray) -> None:
    """out[r, c] = sum_e gy[e, r] gx[e, c], (h, w), from (e, w) and (e, h)."""
    terms = max(1, _SMALL_PRODUCT // (out.size + 1))
    np.dot(gy[:terms].T, gx[:terms], out)
    part = np.empty(out.shape)
    for first in range(terms, gx.shape[0], terms):
        np.dot(gy[first : first + terms].T, gx[first : first + terms], part)
        _add(1.0, part, out)


@kernel
def _rank_one(factor: float, gx: FloatArray, gy: FloatArray, out: FloatArray) -> None:
    """out[r, c] = factor gy[r] gx[c]."""
    for r in range(gy.size):
        a = factor * gy[r]
        for c in range(gx.size):
            out[r, c] = a * gx[c]


@kernel
def _row_total(
    gx: FloatArray, gy: FloatArray, shape: IntArray, amplitude: FloatArray, out: FloatArray
) -> None:
    """out = sum over a row's entries of amplitude times shape, (h, w)."""
    if shape.size == 1:
        _rank_one(amplitude[0], gx[shape[0]], gy[shape[0]], out)
        return
    own_x = np.empty((shape.size, gx.shape[1]))
    own_y = np.empty((shape.size, gy.shape[1]))
    for e in range(shape.size):
        z, a = shape[e], amplitude[e]
        for c in range(gx.shape[1]):
            own_x[e, c] = gx[z, c]
        for r in range(gy.shape[1]):
            own_y[e, r] = a * gy[z, r]
    _sum_of_products(own_x, own_y, out)


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
def _lay_out(
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
    gx = _gaussians(first, end, near.item, shapes.x, shapes.half, x)
    gy = _gaussians(first, end, near.item, shapes.y, shapes.half, y)
    row, start, shape, amplitude, order = _sorted_entries(
        first, end, near.item, shapes, slot_of_row
    )
    totals = np.empty((row.size, y.size, x.size))
    for s in range(row.size):
        a, b = start[s], start[s + 1]
        _row_total(gx, gy, shape[a:b], amplitude[a:b], totals[s])
    weight = _weights(k, patches, log_weight)
    return Cells(x, y, weight, gx, gy, row, start, shape, amplitude, order, totals)


@kernel
def _growth(cells: Cells, n_patterns: int) -> FloatArray:
    """C_r of the competing terms at each slot, (n_slots, h, w); nothing at those of patterns."""
    out = np.empty(cells.totals.shape)
    for s in range(cells.row.size):
        if cells.row[s] >= n_patterns:
            log_growths(cells.totals[s].ravel(), out[s].ravel())
    return out


@kernel
def _minus_total(p: int, base: IntArray, slot_of_row: IntArray, cells: Cells) -> FloatArray:
    """-H_p, minus the hazard of pattern p and of its base, (h, w)."""
    out = np.zeros(cells.weight.shape)
    if slot_of_row[p] >= 0:
        _add(-1.0, cells.totals[slot_of_row[p]], out)
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        _add(-1.0, cells.totals[slot_of_row[base[p]]], out)
    return out


@kernel
def _survival(weight: FloatArray, log_survival: FloatArray) -> FloatArray:
    """W exp(log survival), (h, w)."""
    out = np.empty(weight.shape)
    o, w, x = out.ravel(), weight.ravel(), log_survival.ravel()
    for m in range(o.size):
        o[m] = w[m] * exp(x[m])
    return out


@kernel
def _survival_of_animal(
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
            _add(animals.occasion_count[e], growth[s], log_survival)
    return _survival(cells.weight, log_survival)


@kernel
def _detected(weight: FloatArray, minus: FloatArray) -> float:
    """sum W (1 - exp(-H))."""
    found = 0.0
    w, h = weight.ravel(), minus.ravel()
    for m in range(w.size):
        found += w[m] * at_least_once(-h[m])
    return found


@kernel
def _end_of_pattern(p: int, q: int, end: int, animals: Animals, item: IntArray) -> int:
    """End of the near animals, from place q on, that have pattern p."""
    while q < end and animals.pattern[item[q]] == p:
        q += 1
    return q


@kernel
def _sums_of_pattern(
    q: int, end: int, ax: FloatArray, ay: FloatArray, survival: FloatArray, sums: FloatArray
) -> None:
    """sums[q] = sum over the cells of survival ax ay, for the near animals q <= . < end."""
    lines = _products(ay, survival)
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
        cells = _lay_out(k, patches, shapes, near, log_weight, slot_of_row)
        ax = _gaussians(a, b, item, animals.x, animals.half, cells.x)
        ay = _gaussians(a, b, item, animals.y, animals.half, cells.y)
        growth = _growth(cells, n_patterns) if rows.n_terms else cells.totals
        q, u = a, 0
        while q < b or u < rows.n_undetected:
            # Patterns in their order: those of undetected animals come first.
            p = u if u < rows.n_undetected else animals.pattern[item[q]]
            minus = _minus_total(p, rows.base, slot_of_row, cells)
            if u < rows.n_undetected:
                detected[k, u] = _detected(cells.weight, minus)
                u += 1
            after = _end_of_pattern(p, q, b, animals, item)
            if after > q and not rows.n_terms:
                survival = _survival(cells.weight, minus)
                _sums_of_pattern(
                    q, after, ax[q - a : after - a], ay[q - a : after - a], survival, sums
                )
            elif after > q:
                for z in range(q, after):
                    survival = _survival_of_animal(
                        item[z], animals, slot_of_row[n_patterns:], growth, cells, minus
                    )
                    z1 = z - a + 1
                    _sums_of_pattern(z, z + 1, ax[z - a : z1], ay[z - a : z1], survival, sums)
            q = after
        for s in range(cells.row.size):
            slot_of_row[cells.row[s]] = -1


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
    lines = _products(weights, survival)
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
        _rank_one(1.0, ax[0], scaled[0], out)
    else:
        _sum_of_products(ax, scaled, out)
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
        _add(1.0, d_total, d_rows[slot_of_row[p]])
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        _add(1.0, d_total, d_rows[slot_of_row[base[p]]])


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
    lines = _products(weights, d_row)
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
            cells = _lay_out(k, patches, shapes, near, log_weight, slot_of_row)
            ax = _gaussians(a, b, item, animals.x, animals.half, cells.x)
            ay = _gaussians(a, b, item, animals.y, animals.half, cells.y)
            dx = _offsets(a, b, item, animals.x, cells.x)
            dy = _offsets(a, b, item, animals.y, cells.y)
            growth = _growth(cells, n_patterns) if rows.n_terms else cells.totals
            d_rows = np.zeros(cells.totals.shape)
            q, u = a, 0
            while q < b or u < rows.n_undetected:
                p = u if u < rows.n_undetected else animals.pattern[item[q]]
                minus = _minus_total(p, rows.base, slot_of_row, cells)
                d_total = np.zeros(cells.weight.shape)
                if u < rows.n_undetected:
                    _push_undetected(undetected_factor[u], cells, minus, d_weight, d_total)
                    u += 1
                after = _end_of_pattern(p, q, b, animals, item)
                # Animals of a pattern all at once, but one by one where they have competing terms.
                step = 1 if rows.n_terms else max(after - q, 1)
                for z in range(q, after, step):
                    here = slice(z - a, z - a + step)
                    if rows.n_terms:
                        survival = _survival_of_animal(
                            item[z], animals, slot_of_row[n_patterns:], growth, cells, minus
                        )
                    else:
                        survival = _survival(cells.weight, minus)
                    own = _posterior(scale[z : z + step], ax[here], ay[here], survival)
                    _moments_of_pattern(
                        z, z + step, ax[here], ay[here], (dx[here], dy[here]), survival, moments
                    )
                    _add(1.0, own, d_weight)
                    _add(-1.0, own, d_total)
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
            _add(animals.occasion_count[e], own, d_rows[s])


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
        gx = _gaussians(first, end, near.item, shapes.x, shapes.half, x)
        gy = _gaussians(first, end, near.item, shapes.y, shapes.half, y)
        _row_total(gx, gy, np.arange(end - first), amplitude[near.item[first:end]], total)
        flat = total.ravel()
        for r in range(patches.run_start[k], patches.run_start[k + 1]):
            m, p = patches.run_cell[r], patches.run_point[r]
            for c in range(patches.run_length[r]):
                out[p + c] = flat[m + c]
