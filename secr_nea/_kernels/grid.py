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
from secr_nea._kernels.scalars import at_least_once, log_growth, log_growth_slope
from secr_nea._numba import exp, kernel
from secr_nea._typing import FloatArray, IntArray

# A factor below exp(-300) is raised to it: no denormal numbers, and no difference to any sum.
_LOWEST = -300.0


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
            out[a, c] = exp(max(factor * d * d, _LOWEST))
    return out


@kernel
def _weights(k: int, patches: Patches, log_weight: FloatArray) -> FloatArray:
    """W at the cells of patch k that hold a point, 0 at the others, (h, w)."""
    cells = np.full(patches.height[k] * patches.width[k], -np.inf)
    for q in range(patches.point_start[k], patches.point_start[k + 1]):
        cells[patches.cell[q]] = log_weight[patches.point[q]]
    for m in range(cells.size):
        cells[m] = exp(cells[m])
    return cells.reshape((patches.height[k], patches.width[k]))


@kernel
def _add_products(
    gx: FloatArray, gy: FloatArray, which: IntArray, amplitude: FloatArray, out: FloatArray
) -> None:
    """out[r, c] += sum_e amplitude_e gy[which_e, r] gx[which_e, c], four at a time."""
    n = which.size
    fours = n // 4 * 4
    for e in range(0, fours, 4):
        i0, i1, i2, i3 = which[e], which[e + 1], which[e + 2], which[e + 3]
        for r in range(out.shape[0]):
            a0 = amplitude[e] * gy[i0, r]
            a1 = amplitude[e + 1] * gy[i1, r]
            a2 = amplitude[e + 2] * gy[i2, r]
            a3 = amplitude[e + 3] * gy[i3, r]
            for c in range(out.shape[1]):
                out[r, c] += a0 * gx[i0, c] + a1 * gx[i1, c] + a2 * gx[i2, c] + a3 * gx[i3, c]
    for e in range(fours, n):
        i0 = which[e]
        for r in range(out.shape[0]):
            a0 = amplitude[e] * gy[i0, r]
            for c in range(out.shape[1]):
                out[r, c] += a0 * gx[i0, c]


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
    totals = np.zeros((row.size, y.size, x.size))
    for s in range(row.size):
        a, b = start[s], start[s + 1]
        _add_products(gx, gy, shape[a:b], amplitude[a:b], totals[s])
    weight = _weights(k, patches, log_weight)
    return Cells(x, y, weight, gx, gy, row, start, shape, amplitude, order, totals)


@kernel
def _growth(cells: Cells, n_patterns: int) -> FloatArray:
    """C_r of the competing terms at each slot, (n_slots, h, w); nothing at those of patterns."""
    out = np.empty(cells.totals.shape)
    for s in range(cells.row.size):
        if cells.row[s] >= n_patterns:
            total, here = cells.totals[s], out[s]
            for r in range(total.shape[0]):
                for c in range(total.shape[1]):
                    here[r, c] = log_growth(total[r, c])
    return out


@kernel
def _add(values: FloatArray, out: FloatArray) -> None:
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] += values[r, c]


@kernel
def _pattern_total(p: int, base: IntArray, slot_of_row: IntArray, cells: Cells) -> FloatArray:
    """H_p, the hazard of pattern p and of its base, (h, w)."""
    out = np.zeros(cells.weight.shape)
    if slot_of_row[p] >= 0:
        _add(cells.totals[slot_of_row[p]], out)
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        _add(cells.totals[slot_of_row[base[p]]], out)
    return out


@kernel
def _survival(weight: FloatArray, total: FloatArray) -> FloatArray:
    """W exp(-H), (h, w)."""
    out = np.empty(weight.shape)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] = weight[r, c] * exp(-total[r, c])
    return out


@kernel
def _survival_of_animal(
    i: int,
    animals: Animals,
    slot_of_term: IntArray,
    growth: FloatArray,
    weight: FloatArray,
    total: FloatArray,
) -> FloatArray:
    """W exp(-H + sum_r c_ir C_r), in one exponential: either alone could under- or overflow."""
    out = np.zeros(weight.shape)
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_term[animals.occasion_term[e]]
        if s >= 0:
            count, row = animals.occasion_count[e], growth[s]
            for r in range(out.shape[0]):
                for c in range(out.shape[1]):
                    out[r, c] += count * row[r, c]
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] = weight[r, c] * exp(out[r, c] - total[r, c])
    return out


@kernel
def _detected(weight: FloatArray, total: FloatArray) -> float:
    """sum W (1 - exp(-H))."""
    found = 0.0
    for r in range(total.shape[0]):
        for c in range(total.shape[1]):
            found += weight[r, c] * at_least_once(total[r, c])
    return found


@kernel
def _weighted_sum(gx: FloatArray, gy: FloatArray, values: FloatArray) -> float:
    """sum v gx gy over the cells of a patch; rows come in fours."""
    line = np.zeros(gx.size)
    for r in range(0, gy.size, 4):
        b0, b1, b2, b3 = gy[r], gy[r + 1], gy[r + 2], gy[r + 3]
        for c in range(line.size):
            line[c] += (
                b0 * values[r, c]
                + b1 * values[r + 1, c]
                + b2 * values[r + 2, c]
                + b3 * values[r + 3, c]
            )
    total = 0.0
    for c in range(line.size):
        total += line[c] * gx[c]
    return total


@kernel
def _squared_moments(
    gx: FloatArray, gy: FloatArray, dx: FloatArray, dy: FloatArray, values: FloatArray
) -> tuple[float, float]:
    """sum v g and sum v g d^2 over the cells of a patch, g = gx gy, d^2 = dx^2 + dy^2."""
    plain, squared = np.zeros(gx.size), np.zeros(gx.size)
    for r in range(0, gy.size, 4):
        b0, b1, b2, b3 = gy[r], gy[r + 1], gy[r + 2], gy[r + 3]
        d0, d1, d2, d3 = dy[r], dy[r + 1], dy[r + 2], dy[r + 3]
        e0, e1, e2, e3 = b0 * d0 * d0, b1 * d1 * d1, b2 * d2 * d2, b3 * d3 * d3
        for c in range(plain.size):
            v0, v1, v2, v3 = values[r, c], values[r + 1, c], values[r + 2, c], values[r + 3, c]
            plain[c] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
            squared[c] += e0 * v0 + e1 * v1 + e2 * v2 + e3 * v3
    total, total_squared = 0.0, 0.0
    for c in range(plain.size):
        total += gx[c] * plain[c]
        total_squared += gx[c] * (squared[c] + dx[c] * dx[c] * plain[c])
    return total, total_squared


@kernel
def _all_moments(
    gx: FloatArray, gy: FloatArray, dx: FloatArray, dy: FloatArray, values: FloatArray
) -> tuple[float, float, float, float]:
    """sum v g times 1, dx, dy and d^2 over the cells of a patch."""
    plain, up, squared = np.zeros(gx.size), np.zeros(gx.size), np.zeros(gx.size)
    for r in range(0, gy.size, 4):
        b0, b1, b2, b3 = gy[r], gy[r + 1], gy[r + 2], gy[r + 3]
        d0, d1, d2, d3 = b0 * dy[r], b1 * dy[r + 1], b2 * dy[r + 2], b3 * dy[r + 3]
        e0, e1, e2, e3 = d0 * dy[r], d1 * dy[r + 1], d2 * dy[r + 2], d3 * dy[r + 3]
        for c in range(plain.size):
            v0, v1, v2, v3 = values[r, c], values[r + 1, c], values[r + 2, c], values[r + 3, c]
            plain[c] += b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3
            up[c] += d0 * v0 + d1 * v1 + d2 * v2 + d3 * v3
            squared[c] += e0 * v0 + e1 * v1 + e2 * v2 + e3 * v3
    total, along, total_up, total_squared = 0.0, 0.0, 0.0, 0.0
    for c in range(plain.size):
        total += gx[c] * plain[c]
        along += gx[c] * dx[c] * plain[c]
        total_up += gx[c] * up[c]
        total_squared += gx[c] * (squared[c] + dx[c] * dx[c] * plain[c])
    return total, along, total_up, total_squared


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
    slot_of_row = np.full(n_patterns + rows.n_terms, -1, np.int64)
    for k in range(first, end):
        a, b = near_animals.start[k], near_animals.start[k + 1]
        if near.start[k] == near.start[k + 1] and a == b:
            detected[k, :] = 0.0
            continue
        cells = _lay_out(k, patches, shapes, near, log_weight, slot_of_row)
        ax = _gaussians(a, b, near_animals.item, animals.x, animals.half, cells.x)
        ay = _gaussians(a, b, near_animals.item, animals.y, animals.half, cells.y)
        growth = _growth(cells, n_patterns) if rows.n_terms else cells.totals
        q, u = a, 0
        while q < b or u < rows.n_undetected:
            # Patterns in their order: those of undetected animals come first.
            p = u if u < rows.n_undetected else animals.pattern[near_animals.item[q]]
            total = _pattern_total(p, rows.base, slot_of_row, cells)
            if u < rows.n_undetected:
                detected[k, u] = _detected(cells.weight, total)
                u += 1
            survival = cells.weight
            if q < b and animals.pattern[near_animals.item[q]] == p:
                survival = _survival(cells.weight, total)
            while q < b and animals.pattern[near_animals.item[q]] == p:
                i = near_animals.item[q]
                values = survival
                if animals.occasion_start[i + 1] > animals.occasion_start[i]:
                    values = _survival_of_animal(
                        i, animals, slot_of_row[n_patterns:], growth, cells.weight, total
                    )
                sums[q] = _weighted_sum(ax[q - a], ay[q - a], values)
                q += 1
        for s in range(cells.row.size):
            slot_of_row[cells.row[s]] = -1


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

    scale (n,) turns exp(-half d^2) W exp(-H + sum c C) into the posterior of animal i. Writes, at
    entry_start[k] + position, d_entries (2, .) = sum_m dL/dA s and sum_m dL/dA s d^2 with A the
    row's total and s the shape; at each item of near_animals, moments (4, .) = posterior mass and
    its moments x, y, d^2 about the centroid; d_log_weight (n_points,).
    """
    n_patterns = rows.base.size
    slot_of_row = np.full(n_patterns + rows.n_terms, -1, np.int64)
    for k in range(first, end):
        a, b = near_animals.start[k], near_animals.start[k + 1]
        if near.start[k] == near.start[k + 1] and a == b:
            for m in range(patches.point_start[k], patches.point_start[k + 1]):
                d_log_weight[patches.point[m]] = 0.0
            continue
        cells = _lay_out(k, patches, shapes, near, log_weight, slot_of_row)
        ax = _gaussians(a, b, near_animals.item, animals.x, animals.half, cells.x)
        ay = _gaussians(a, b, near_animals.item, animals.y, animals.half, cells.y)
        growth = _growth(cells, n_patterns) if rows.n_terms else cells.totals
        d_rows = np.zeros(cells.totals.shape)
        d_weight = np.zeros(cells.weight.shape)
        q, u = a, 0
        while q < b or u < rows.n_undetected:
            p = u if u < rows.n_undetected else animals.pattern[near_animals.item[q]]
            total = _pattern_total(p, rows.base, slot_of_row, cells)
            survival = _survival(cells.weight, total)
            d_total = np.zeros(cells.weight.shape)
            if u < rows.n_undetected:
                _push_undetected(undetected_factor[u], survival, d_total)
                _push_detected(undetected_factor[u], cells.weight, total, d_weight)
                u += 1
            first_of_pattern = q
            posterior = np.zeros(cells.weight.shape)
            while q < b and animals.pattern[near_animals.item[q]] == p:
                i = near_animals.item[q]
                values = survival
                if animals.occasion_start[i + 1] > animals.occasion_start[i]:
                    values = _survival_of_animal(
                        i, animals, slot_of_row[n_patterns:], growth, cells.weight, total
                    )
                    _push_animal(
                        i,
                        animals,
                        slot_of_row[n_patterns:],
                        _posterior(scale[i], ax[q - a], ay[q - a], values),
                        posterior,
                        d_rows,
                    )
                _write_moments(q, a, animals, near_animals, cells, ax, ay, values, scale, moments)
                q += 1
            _add_plain_animals(
                first_of_pattern, q, a, animals, near_animals, ax, ay, scale, survival, posterior
            )
            _add(posterior, d_weight)
            _subtract(posterior, d_total)
            _push_pattern(p, rows.base, slot_of_row, d_total, d_rows)
        _push_entries(k, cells, shapes, near, n_patterns, d_rows, entry_start[k], d_entries)
        flat = d_weight.reshape(d_weight.size)
        for m in range(patches.point_start[k], patches.point_start[k + 1]):
            d_log_weight[patches.point[m]] = flat[patches.cell[m]]
        for s in range(cells.row.size):
            slot_of_row[cells.row[s]] = -1


@kernel
def _subtract(values: FloatArray, out: FloatArray) -> None:
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] -= values[r, c]


@kernel
def _push_detected(
    factor: float, weight: FloatArray, total: FloatArray, d_weight: FloatArray
) -> None:
    """d_log_weight += factor W (1 - exp(-H))."""
    for r in range(total.shape[0]):
        for c in range(total.shape[1]):
            d_weight[r, c] += factor * weight[r, c] * at_least_once(total[r, c])


@kernel
def _push_undetected(factor: float, survival: FloatArray, d_total: FloatArray) -> None:
    """d_total += factor W exp(-H)."""
    for r in range(survival.shape[0]):
        for c in range(survival.shape[1]):
            d_total[r, c] += factor * survival[r, c]


@kernel
def _posterior(scale: float, gx: FloatArray, gy: FloatArray, values: FloatArray) -> FloatArray:
    """scale gx gy values, the posterior of an animal at each cell, (h, w)."""
    out = np.empty(values.shape)
    for r in range(out.shape[0]):
        factor = scale * gy[r]
        for c in range(out.shape[1]):
            out[r, c] = factor * gx[c] * values[r, c]
    return out


@kernel
def _push_animal(
    i: int,
    animals: Animals,
    slot_of_term: IntArray,
    own: FloatArray,
    posterior: FloatArray,
    d_rows: FloatArray,
) -> None:
    """Add an animal's posterior to that of its pattern and to its competing terms."""
    _add(own, posterior)
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_term[animals.occasion_term[e]]
        if s >= 0:
            count, row = animals.occasion_count[e], d_rows[s]
            for r in range(own.shape[0]):
                for c in range(own.shape[1]):
                    row[r, c] += count * own[r, c]


@kernel
def _write_moments(
    q: int,
    first: int,
    animals: Animals,
    near_animals: Near,
    cells: Cells,
    ax: FloatArray,
    ay: FloatArray,
    values: FloatArray,
    scale: FloatArray,
    moments: FloatArray,
) -> None:
    """Posterior mass and moments of the animal at place q of the list of near ones."""
    i = near_animals.item[q]
    dx, dy = cells.x - animals.x[i], cells.y - animals.y[i]
    found = _all_moments(ax[q - first], ay[q - first], dx, dy, values)
    moments[0, q] = scale[i] * found[0]
    moments[1, q] = scale[i] * found[1]
    moments[2, q] = scale[i] * found[2]
    moments[3, q] = scale[i] * found[3]


@kernel
def _add_plain_animals(
    q: int,
    end: int,
    first: int,
    animals: Animals,
    near_animals: Near,
    ax: FloatArray,
    ay: FloatArray,
    scale: FloatArray,
    survival: FloatArray,
    posterior: FloatArray,
) -> None:
    """Add the posteriors of all animals of a pattern that have no competing terms."""
    which, factor = np.empty(end - q, np.int64), np.empty(end - q)
    n = 0
    for z in range(q, end):
        i = near_animals.item[z]
        if animals.occasion_start[i + 1] == animals.occasion_start[i]:
            which[n] = z - first
            factor[n] = scale[i]
            n += 1
    if n == 0:
        return
    together = np.zeros(survival.shape)
    _add_products(ax, ay, which[:n], factor[:n], together)
    for r in range(survival.shape[0]):
        for c in range(survival.shape[1]):
            posterior[r, c] += together[r, c] * survival[r, c]


@kernel
def _push_pattern(
    p: int, base: IntArray, slot_of_row: IntArray, d_total: FloatArray, d_rows: FloatArray
) -> None:
    """Add the derivative to H_p to those to its own entries and to its base."""
    if slot_of_row[p] >= 0:
        _add(d_total, d_rows[slot_of_row[p]])
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        _add(d_total, d_rows[slot_of_row[base[p]]])


@kernel
def _push_entries(
    k: int,
    cells: Cells,
    shapes: Shapes,
    near: Near,
    n_patterns: int,
    d_rows: FloatArray,
    start: int,
    d_entries: FloatArray,
) -> None:
    """From derivatives to totals to those to each entry's amplitude and 1 / sigma^2."""
    for s in range(cells.row.size):
        d_row, total = d_rows[s], cells.totals[s]
        if cells.row[s] >= n_patterns:
            for r in range(d_row.shape[0]):
                for c in range(d_row.shape[1]):
                    d_row[r, c] *= log_growth_slope(total[r, c])
        for e in range(cells.start[s], cells.start[s + 1]):
            z = cells.shape[e]
            g = near.item[near.start[k] + z]
            dx, dy = cells.x - shapes.x[g], cells.y - shapes.y[g]
            plain, squared = _squared_moments(cells.gx[z], cells.gy[z], dx, dy, d_row)
            d_entries[0, start + cells.order[e]] = plain
            d_entries[1, start + cells.order[e]] = squared
