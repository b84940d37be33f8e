"""Animals as Gaussians about the centroid of their detections, and how far from it they matter."""

from __future__ import annotations

import numpy as np

from secr_nea._kernels.grid import Animals, Shapes
from secr_nea._kernels.patches import Near
from secr_nea._numba import exp, kernel
from secr_nea._typing import FloatArray, IntArray


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
