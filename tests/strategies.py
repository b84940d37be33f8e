"""Hypothesis strategies for small valid designs, captures and parameters, as plain arrays.

Coordinates are metres in the thousands, as in a projected system; nothing here knows the library.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

EFFORTS = (0.0, 0.25, 0.5, 1.0, 1.5, 3.0, 7.0, 30.0)
WHOLE_EFFORTS = (0.0, 1.0, 2.0, 3.0, 7.0)
POINT_DETECTORS = ("count", "binary", "binomial")
EXTRA_PARAMETER = {
    "hazard_rate": "z",
    "hazard_hazard_rate": "z",
    "compound_half_normal": "z",
    "cumulative_gamma": "z",
    "hazard_cumulative_gamma": "z",
    "hazard_variable_power": "z",
    "cumulative_lognormal": "z",
    "w_exponential": "w",
    "annular_normal": "w",
    "hazard_annular_normal": "w",
}
HAZARD_FUNCTIONS = (
    "hazard_half_normal",
    "hazard_hazard_rate",
    "hazard_exponential",
    "hazard_annular_normal",
    "hazard_cumulative_gamma",
    "hazard_variable_power",
)
PROBABILITY_FUNCTIONS = (
    "half_normal",
    "hazard_rate",
    "exponential",
    "compound_half_normal",
    "w_exponential",
    "annular_normal",
    "cumulative_lognormal",
    "cumulative_gamma",
)


def floats(low, high):
    """Ordinary numbers between two bounds."""
    return st.floats(low, high, allow_nan=False, allow_infinity=False, width=64)


@st.composite
def trap_coordinates(draw, n_traps=None):
    """(n_traps, 2) float64, metres: 2 to 4 different places at least 500 m apart."""
    n = draw(st.integers(2, 4)) if n_traps is None else n_traps
    step = st.tuples(st.integers(0, 16), st.integers(0, 16))
    places = draw(st.lists(step, min_size=n, max_size=n, unique=True))
    corner = np.array([draw(st.integers(1, 900)), draw(st.integers(1, 5500))]) * 1000.0
    return corner + 500.0 * np.array(places, dtype=float)


@st.composite
def efforts(draw, n_traps, n_occasions=None, *, whole=False):
    """(n_traps, n_occasions) float64 with zeros and fractions (or whole), not all zero."""
    n_columns = draw(st.integers(1, 3)) if n_occasions is None else n_occasions
    values = st.sampled_from(WHOLE_EFFORTS if whole else EFFORTS)
    flat = draw(st.lists(values, min_size=n_traps * n_columns, max_size=n_traps * n_columns))
    out = np.array(flat).reshape(n_traps, n_columns)
    if not out.any():
        out[0, 0] = 1.0
    return out


@st.composite
def mask_points(draw, traps):
    """((n_points, 2) float64, spacing): 10 to 40 cells of a regular grid around the traps.

    Some cells may be missing, as lakes are; no trap is at the centre of a cell.
    """
    n_columns, n_rows = draw(st.integers(4, 8)), draw(st.integers(4, 5))
    spacing = draw(st.sampled_from((1000.0, 1500.0, 2000.0, 3000.0)))
    middle = traps.mean(axis=0) + np.array([37.0, -61.0])
    x = middle[0] + spacing * (np.arange(n_columns) - (n_columns - 1) / 2)
    y = middle[1] + spacing * (np.arange(n_rows) - (n_rows - 1) / 2)
    points = np.column_stack([np.tile(x, n_rows), np.repeat(y, n_columns)])
    n_missing = draw(st.integers(0, min(6, len(points) - 10)))
    missing = draw(st.sets(st.integers(0, len(points) - 1), max_size=n_missing))
    return np.delete(points, sorted(missing), axis=0), spacing


@st.composite
def histories(draw, effort, detector, *, max_animals=4, min_animals=1):
    """(n_animals, n_occasions, n_traps) int64 that such detectors can give; no empty history.

    `detector` is one word: count, binary, binomial, multi or capped.
    """
    n_traps, n_occasions = effort.shape
    free = [(s, k) for s in range(n_occasions) for k in range(n_traps) if effort[k, s] > 0]
    out = []
    for _ in range(draw(st.integers(min_animals, max_animals))):
        if not free:
            break
        at = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        history = np.zeros((n_occasions, n_traps), dtype=np.int64)
        for s, k in at:
            if detector == "multi" and history[s].any():
                continue
            history[s, k] = draw(st.integers(1, _most(detector, effort[k, s])))
            if detector == "capped":
                free.remove((s, k))
        out.append(history)
    return np.array(out, dtype=np.int64).reshape(len(out), n_occasions, n_traps)


def _most(detector, effort):
    """Largest count of one record."""
    if detector == "count":
        return 4
    return int(effort) if detector == "binomial" else 1


@st.composite
def designs(draw, detector="count"):
    """Dict of traps (n_traps, 2), effort, points (n_points, 2), spacing, cell_area (km2), detector,
    histories (animal, occasion, trap)."""
    traps = draw(trap_coordinates())
    effort = draw(efforts(len(traps), whole=detector == "binomial"))
    points, spacing = draw(mask_points(traps))
    return {
        "traps": traps,
        "effort": effort,
        "points": points,
        "spacing": spacing,
        "cell_area": spacing**2 / 1e6,
        "detector": detector,
        "histories": draw(histories(effort, detector)),
    }


@st.composite
def detection_parameters(draw, detection_function):
    """Natural-scale parameters by name: lambda0 or g0, sigma (m), z or w where there is one."""
    sigma = draw(floats(800.0, 4000.0))
    name = "lambda0" if detection_function.startswith("hazard_") else "g0"
    # the probability form that is called hazard_rate
    name = "g0" if detection_function == "hazard_rate" else name
    out = {name: draw(floats(0.005, 0.6)), "sigma": sigma}
    extra = EXTRA_PARAMETER.get(detection_function)
    if extra == "w":
        out["w"] = draw(floats(0.1, 1.5)) * sigma
    elif detection_function == "cumulative_lognormal":
        out["z"] = draw(floats(0.2, 1.5)) * sigma
    elif extra == "z":
        out["z"] = draw(floats(1.2, 6.0))
    return out


@st.composite
def densities(draw, n_points):
    """(n_points,) float64, animals per 100 km2, level or uneven; always positive."""
    level = draw(floats(0.3, 20.0))
    if draw(st.booleans()):
        return np.full(n_points, level)
    slope = draw(floats(-1.5, 1.5))
    return level * np.exp(slope * np.linspace(-1, 1, n_points))
