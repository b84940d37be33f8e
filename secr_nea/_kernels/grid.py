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
    undetected: IntArray  # (U,) patterns whose probability of detection is needed
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


class Entries(NamedTuple):
    """The entries that matter in one patch, row by row, and where a row stands among them."""

    slot_of_row: IntArray  # (P + R,) -1 for rows without entries here
    row: IntArray  # row of each slot
    start: IntArray  # (n_slots + 1,)
    shape: IntArray  # position among the shapes near the patch
    amplitude: FloatArray
    order: IntArray  # position among the entries of the patch, shape by shape


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
    first: int,
    end: int,
    item: IntArray,
    center: FloatArray,
    half: FloatArray,
    axis: FloatArray,
    out: FloatArray,
) -> None:
    """out[a, c] = exp(-half (axis_c - center)^2) for the items first <= a < end."""
    for a in range(first, end):
        g = item[a]
        here = center[g]
        factor = -half[g]
        row = out[a - first, : axis.size]
        for c in range(row.size):
            d = axis[c] - here
            row[c] = exp(max(factor * d * d, _LOWEST))


@kernel
def _entries_of_patch(first: int, end: int, item: IntArray, shapes: Shapes, out: Entries) -> int:
    """Sort the entries of the near shapes by row; returns the number of rows that have any."""
    n_slots = 0
    for a in range(first, end):
        for e in range(shapes.entry_start[item[a]], shapes.entry_start[item[a] + 1]):
            r = shapes.entry_row[e]
            if out.slot_of_row[r] < 0:
                out.slot_of_row[r] = n_slots
                out.row[n_slots] = r
                out.start[n_slots] = 0
                n_slots += 1
            out.start[out.slot_of_row[r]] += 1
    total = 0
    for s in range(n_slots):
        count = out.start[s]
        out.start[s] = total
        total += count
    position = 0
    for a in range(first, end):
        for e in range(shapes.entry_start[item[a]], shapes.entry_start[item[a] + 1]):
            s = out.slot_of_row[shapes.entry_row[e]]
            place = out.start[s]
            out.shape[place] = a - first
            out.amplitude[place] = shapes.amplitude[e]
            out.order[place] = position
            out.start[s] += 1
            position += 1
    for s in range(n_slots, 0, -1):
        out.start[s] = out.start[s - 1]
    out.start[0] = 0
    return n_slots


@kernel
def _sum_of_products(
    gx: FloatArray,
    gy: FloatArray,
    which: IntArray,
    amplitude: FloatArray,
    width: int,
    out: FloatArray,
) -> None:
    """out[row, column] = sum_e amplitude_e gy[which_e, row] gx[which_e, column], out (h * w,)."""
    n = which.size
    n_fours = n // 4 * 4
    for r in range(out.size // width):
        row = out[r * width : (r + 1) * width]
        row[:] = 0.0
        for e in range(0, n_fours, 4):
            w0, w1, w2, w3 = which[e], which[e + 1], which[e + 2], which[e + 3]
            a0 = amplitude[e] * gy[w0, r]
            a1 = amplitude[e + 1] * gy[w1, r]
            a2 = amplitude[e + 2] * gy[w2, r]
            a3 = amplitude[e + 3] * gy[w3, r]
            g0, g1 = gx[w0, :width], gx[w1, :width]
            g2, g3 = gx[w2, :width], gx[w3, :width]
            for c in range(row.size):
                row[c] += a0 * g0[c] + a1 * g1[c] + a2 * g2[c] + a3 * g3[c]
        for e in range(n_fours, n):
            a0 = amplitude[e] * gy[which[e], r]
            g0 = gx[which[e], :width]
            for c in range(row.size):
                row[c] += a0 * g0[c]


@kernel
def _weighted_rows(weight: FloatArray, values: FloatArray, width: int, out: FloatArray) -> None:
    """out[column] = sum_row weight[row] values[row, column]; rows come in fours."""
    out[:] = 0.0
    for r in range(0, values.size // width, 4):
        b0, b1, b2, b3 = weight[r], weight[r + 1], weight[r + 2], weight[r + 3]
        v0 = values[r * width : (r + 1) * width]
        v1 = values[(r + 1) * width : (r + 2) * width]
        v2 = values[(r + 2) * width : (r + 3) * width]
        v3 = values[(r + 3) * width : (r + 4) * width]
        for c in range(out.size):
            out[c] += b0 * v0[c] + b1 * v1[c] + b2 * v2[c] + b3 * v3[c]


@kernel
def _dot(a: FloatArray, b: FloatArray) -> float:
    """sum a b."""
    total = 0.0
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@kernel
def _squared_moments(
    g: tuple[FloatArray, FloatArray],
    offset: tuple[FloatArray, FloatArray],
    values: FloatArray,
    work: FloatArray,
) -> tuple[float, float]:
    """sum v g and sum v g d^2 over a patch, with g = gx gy and offsets from the site."""
    gx, gy = g
    dx, dy = offset
    width = gx.size
    plain, squared, weight = work[0, :width], work[1, :width], work[2, : gy.size]
    for r in range(gy.size):
        weight[r] = gy[r] * dy[r] * dy[r]
    _weighted_rows(gy, values, width, plain)
    _weighted_rows(weight, values, width, squared)
    for c in range(width):
        squared[c] += dx[c] * dx[c] * plain[c]
    return _dot(gx, plain), _dot(gx, squared)


@kernel
def _first_moments(
    g: tuple[FloatArray, FloatArray],
    offset: tuple[FloatArray, FloatArray],
    values: FloatArray,
    work: FloatArray,
) -> tuple[float, float]:
    """sum v g dx and sum v g dy; `work[0]` holds what `_squared_moments` left there."""
    gx, gy = g
    dx, dy = offset
    width = gx.size
    plain, squared, weight = work[0, :width], work[1, :width], work[2, : gy.size]
    for r in range(gy.size):
        weight[r] = gy[r] * dy[r]
    _weighted_rows(weight, values, width, squared)
    along = _dot(gx, squared)
    for c in range(width):
        squared[c] = dx[c] * plain[c]
    return _dot(gx, squared), along


@kernel
def _offsets(axis: FloatArray, center: float, out: FloatArray) -> None:
    for c in range(axis.size):
        out[c] = axis[c] - center


@kernel
def _load_weights(k: int, patches: Patches, log_weight: FloatArray, out: FloatArray) -> None:
    """out = W at the cells of patch k that hold a point, 0 at the others."""
    out[:] = -np.inf
    for q in range(patches.point_start[k], patches.point_start[k + 1]):
        out[patches.cell[q]] = log_weight[patches.point[q]]
    for m in range(out.size):
        out[m] = exp(out[m])


@kernel
def _pattern_total(
    p: int, base: IntArray, slot_of_row: IntArray, totals: FloatArray, out: FloatArray
) -> None:
    """out = H_p, the hazard of pattern p and of its base."""
    out[:] = 0.0
    s = slot_of_row[p]
    if s >= 0:
        row = totals[s, : out.size]
        for m in range(out.size):
            out[m] += row[m]
    if base[p] >= 0 and slot_of_row[base[p]] >= 0:
        row = totals[slot_of_row[base[p]], : out.size]
        for m in range(out.size):
            out[m] += row[m]


@kernel
def _survival(weight: FloatArray, total: FloatArray, out: FloatArray) -> None:
    """out = W exp(-H)."""
    for m in range(out.size):
        out[m] = weight[m] * exp(-total[m])


@kernel
def _survival_of_animal(
    i: int,
    animals: Animals,
    slot_of_row: IntArray,
    n_patterns: int,
    growth: FloatArray,
    weight: FloatArray,
    total: FloatArray,
    out: FloatArray,
) -> None:
    """out = W exp(-H + sum_r c_ir C_r), the competing terms in one exponential with H."""
    for m in range(out.size):
        out[m] = -total[m]
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_row[n_patterns + animals.occasion_term[e]]
        if s >= 0:
            count = animals.occasion_count[e]
            row = growth[s, : out.size]
            for m in range(out.size):
                out[m] += count * row[m]
    for m in range(out.size):
        out[m] = weight[m] * exp(out[m])


@kernel
def _detected(weight: FloatArray, total: FloatArray) -> float:
    """sum W (1 - exp(-H))."""
    found = 0.0
    for m in range(total.size):
        found += weight[m] * at_least_once(total[m])
    return found


@kernel
def _sizes(first: int, end: int, near: Near, shapes: Shapes) -> tuple[int, int]:
    """Most shapes, and most entries, near any patch first <= k < end."""
    most_shapes, most_entries = 1, 1
    for k in range(first, end):
        entries = 0
        for a in range(near.start[k], near.start[k + 1]):
            g = near.item[a]
            entries += shapes.entry_start[g + 1] - shapes.entry_start[g]
        most_shapes = max(most_shapes, near.start[k + 1] - near.start[k])
        most_entries = max(most_entries, entries)
    return most_shapes, most_entries


@kernel
def _room_for_entries(n_entries: int, n_rows: int) -> Entries:
    return Entries(
        np.full(n_rows, -1, np.int64),
        np.empty(n_entries, np.int64),
        np.empty(n_entries + 1, np.int64),
        np.empty(n_entries, np.int64),
        np.empty(n_entries),
        np.empty(n_entries, np.int64),
    )


@kernel
def _most_slots(n_entries: int, n_rows: int) -> int:
    return min(n_entries, n_rows)


@kernel
def _row_totals(
    n_slots: int,
    entries: Entries,
    gx: FloatArray,
    gy: FloatArray,
    width: int,
    size: int,
    totals: FloatArray,
) -> None:
    """totals[slot] = sum of the row's entries, the total hazard or competing argument."""
    for s in range(n_slots):
        part = slice(entries.start[s], entries.start[s + 1])
        _sum_of_products(
            gx, gy, entries.shape[part], entries.amplitude[part], width, totals[s, :size]
        )


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
    n_rows = n_patterns + rows.n_terms
    widest, highest = patches.x.shape[1], patches.y.shape[1]
    most_shapes, most_entries = _sizes(first, end, near, shapes)
    entries = _room_for_entries(most_entries, n_rows)
    gx = np.empty((max(most_shapes, 1), widest))
    gy = np.empty((max(most_shapes, 1), highest))
    one_x, one_y = np.empty((1, widest)), np.empty((1, highest))
    totals = np.empty((_most_slots(most_entries, n_rows), widest * highest))
    weights, hazards, survivals = np.empty((3, widest * highest))
    own, line = np.empty(widest * highest), np.empty(widest)
    for k in range(first, end):
        width, height = patches.width[k], patches.height[k]
        size = width * height
        x, y = patches.x[k, :width], patches.y[k, :height]
        a, b = near.start[k], near.start[k + 1]
        if a == b and near_animals.start[k] == near_animals.start[k + 1]:
            detected[k, :] = 0.0
            continue
        weight, hazard, survival = weights[:size], hazards[:size], survivals[:size]
        _load_weights(k, patches, log_weight, weight)
        _gaussians(a, b, near.item, shapes.x, shapes.half, x, gx)
        _gaussians(a, b, near.item, shapes.y, shapes.half, y, gy)
        n_slots = _entries_of_patch(a, b, near.item, shapes, entries)
        _row_totals(n_slots, entries, gx, gy, width, size, totals)
        for s in range(n_slots):
            if entries.row[s] >= n_patterns:
                row = totals[s, :size]
                for m in range(size):
                    row[m] = log_growth(row[m])
        for u in range(rows.undetected.size):
            _pattern_total(rows.undetected[u], rows.base, entries.slot_of_row, totals, hazard)
            detected[k, u] = _detected(weight, hazard)
        pattern = -1
        for q in range(near_animals.start[k], near_animals.start[k + 1]):
            i = near_animals.item[q]
            if animals.pattern[i] != pattern:
                pattern = animals.pattern[i]
                _pattern_total(pattern, rows.base, entries.slot_of_row, totals, hazard)
                _survival(weight, hazard, survival)
            _gaussians(q, q + 1, near_animals.item, animals.x, animals.half, x, one_x)
            _gaussians(q, q + 1, near_animals.item, animals.y, animals.half, y, one_y)
            values = survival
            if animals.occasion_start[i + 1] > animals.occasion_start[i]:
                values = own[:size]
                _survival_of_animal(
                    i, animals, entries.slot_of_row, n_patterns, totals, weight, hazard, values
                )
            _weighted_rows(one_y[0], values, width, line[:width])
            sums[q] = _dot(one_x[0, :width], line[:width])
        for s in range(n_slots):
            entries.slot_of_row[entries.row[s]] = -1


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
    n_rows = n_patterns + rows.n_terms
    widest, highest = patches.x.shape[1], patches.y.shape[1]
    room = widest * highest
    most_shapes, most_entries = _sizes(first, end, near, shapes)
    most_animals = 1
    for k in range(first, end):
        most_animals = max(most_animals, near_animals.start[k + 1] - near_animals.start[k])
    entries = _room_for_entries(most_entries, n_rows)
    slots = _most_slots(most_entries, n_rows)
    gx, gy = np.empty((most_shapes, widest)), np.empty((most_shapes, highest))
    ax, ay = np.empty((most_animals, widest)), np.empty((most_animals, highest))
    which, factor = np.empty(most_animals, np.int64), np.empty(most_animals)
    totals, d_rows = np.empty((slots, room)), np.empty((slots, room))
    growth = np.empty((slots if rows.n_terms else 1, room))
    weights, hazards, survivals = np.empty((3, room))
    posteriors, d_weights, d_totals = np.empty((3, room))
    own = np.empty(room)
    dx, dy, work = np.empty(widest), np.empty(highest), np.empty((3, max(widest, highest)))
    for k in range(first, end):
        width, height = patches.width[k], patches.height[k]
        size = width * height
        x, y = patches.x[k, :width], patches.y[k, :height]
        a, b = near.start[k], near.start[k + 1]
        qa, qb = near_animals.start[k], near_animals.start[k + 1]
        if a == b and qa == qb:
            for q in range(patches.point_start[k], patches.point_start[k + 1]):
                d_log_weight[patches.point[q]] = 0.0
            continue
        weight, hazard, survival = weights[:size], hazards[:size], survivals[:size]
        posterior, d_weight, d_total = posteriors[:size], d_weights[:size], d_totals[:size]
        _load_weights(k, patches, log_weight, weight)
        _gaussians(a, b, near.item, shapes.x, shapes.half, x, gx)
        _gaussians(a, b, near.item, shapes.y, shapes.half, y, gy)
        n_slots = _entries_of_patch(a, b, near.item, shapes, entries)
        slot_of_row = entries.slot_of_row
        _row_totals(n_slots, entries, gx, gy, width, size, totals)
        for s in range(n_slots):
            d_rows[s, :size] = 0.0
            if entries.row[s] >= n_patterns:
                for m in range(size):
                    growth[s, m] = log_growth(totals[s, m])
        d_weight[:] = 0.0
        _gaussians(qa, qb, near_animals.item, animals.x, animals.half, x, ax)
        _gaussians(qa, qb, near_animals.item, animals.y, animals.half, y, ay)
        q = qa
        while q < qb:
            pattern = animals.pattern[near_animals.item[q]]
            _pattern_total(pattern, rows.base, slot_of_row, totals, hazard)
            _survival(weight, hazard, survival)
            d_total[:] = 0.0
            n_plain = 0
            while q < qb and animals.pattern[near_animals.item[q]] == pattern:
                i = near_animals.item[q]
                g = (ax[q - qa, :width], ay[q - qa, :height])
                _offsets(x, animals.x[i], dx[:width])
                _offsets(y, animals.y[i], dy[:height])
                offset = (dx[:width], dy[:height])
                values = survival
                if animals.occasion_start[i + 1] > animals.occasion_start[i]:
                    values = own[:size]
                    _survival_of_animal(
                        i, animals, slot_of_row, n_patterns, growth, weight, hazard, values
                    )
                    _posterior_of_animal(scale[i], g, values, posterior)
                    _push_animal(i, animals, slot_of_row, n_patterns, posterior, d_rows)
                    for m in range(size):
                        d_weight[m] += posterior[m]
                        d_total[m] -= posterior[m]
                else:
                    which[n_plain] = q - qa
                    factor[n_plain] = scale[i]
                    n_plain += 1
                plain, squared = _squared_moments(g, offset, values, work)
                along, up = _first_moments(g, offset, values, work)
                moments[0, q] = scale[i] * plain
                moments[1, q] = scale[i] * along
                moments[2, q] = scale[i] * up
                moments[3, q] = scale[i] * squared
                q += 1
            if n_plain:
                _sum_of_products(ax, ay, which[:n_plain], factor[:n_plain], width, posterior)
                for m in range(size):
                    p = posterior[m] * survival[m]
                    d_weight[m] += p
                    d_total[m] -= p
            _push_pattern(pattern, rows.base, slot_of_row, d_total, d_rows)
        for u in range(rows.undetected.size):
            p = rows.undetected[u]
            _pattern_total(p, rows.base, slot_of_row, totals, hazard)
            for m in range(size):
                w = undetected_factor[u] * weight[m]
                d_weight[m] += w * at_least_once(hazard[m])
                d_total[m] = w * exp(-hazard[m])
            _push_pattern(p, rows.base, slot_of_row, d_total, d_rows)
        for s in range(n_slots):
            d_row = d_rows[s, :size]
            if entries.row[s] >= n_patterns:
                for m in range(size):
                    d_row[m] *= log_growth_slope(totals[s, m])
            for e in range(entries.start[s], entries.start[s + 1]):
                z = entries.shape[e]
                item = near.item[a + z]
                _offsets(x, shapes.x[item], dx[:width])
                _offsets(y, shapes.y[item], dy[:height])
                plain, squared = _squared_moments(
                    (gx[z, :width], gy[z, :height]), (dx[:width], dy[:height]), d_row, work
                )
                d_entries[0, entry_start[k] + entries.order[e]] = plain
                d_entries[1, entry_start[k] + entries.order[e]] = squared
        for q in range(patches.point_start[k], patches.point_start[k + 1]):
            d_log_weight[patches.point[q]] = d_weight[patches.cell[q]]
        for s in range(n_slots):
            slot_of_row[entries.row[s]] = -1


@kernel
def _posterior_of_animal(
    scale: float, g: tuple[FloatArray, FloatArray], values: FloatArray, out: FloatArray
) -> None:
    """out = scale gx gy values, the posterior of an animal at each cell."""
    gx, gy = g
    width = gx.size
    for r in range(gy.size):
        factor = scale * gy[r]
        row, value = out[r * width : (r + 1) * width], values[r * width : (r + 1) * width]
        for c in range(row.size):
            row[c] = factor * gx[c] * value[c]


@kernel
def _push_animal(
    i: int,
    animals: Animals,
    slot_of_row: IntArray,
    n_patterns: int,
    posterior: FloatArray,
    d_rows: FloatArray,
) -> None:
    """Add an animal's posterior to the derivatives to its competing terms."""
    for e in range(animals.occasion_start[i], animals.occasion_start[i + 1]):
        s = slot_of_row[n_patterns + animals.occasion_term[e]]
        if s >= 0:
            count = animals.occasion_count[e]
            row = d_rows[s, : posterior.size]
            for m in range(posterior.size):
                row[m] += count * posterior[m]


@kernel
def _push_pattern(
    p: int, base: IntArray, slot_of_row: IntArray, d_total: FloatArray, d_rows: FloatArray
) -> None:
    """Add the derivative to H_p to those to its own entries and to its base."""
    for s in (slot_of_row[p], slot_of_row[base[p]] if base[p] >= 0 else -1):
        if s >= 0:
            row = d_rows[s, : d_total.size]
            for m in range(d_total.size):
                row[m] += d_total[m]
