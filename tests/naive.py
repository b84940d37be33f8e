"""Slow, obvious twins of the library's numbers, written from the formulas alone.

Arrays everywhere: `hazard` is per unit effort, shape (occasion, trap, point); `effort` is
(trap, occasion); `histories` is (animal, occasion, trap), integer; `animals` is the expected number
of activity centres in each mask cell (density times cell area). Distances are metres.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
from scipy import sparse, special, stats
from scipy.sparse import csgraph

# --- detection functions -------------------------------------------------------------------------


def half_normal_shape(d, sigma):
    """exp(-d^2 / 2 sigma^2)."""
    return np.exp(-(d**2) / (2 * sigma**2))


def hazard_rate_shape(d, sigma, z):
    """1 - exp(-(d / sigma)^-z), which is 1 at d = 0."""
    with np.errstate(divide="ignore"):
        return 1 - np.exp(-((d / sigma) ** (-z)))


def annular_shape(d, sigma, w):
    """exp(-(d - w)^2 / 2 sigma^2)."""
    return np.exp(-((d - w) ** 2) / (2 * sigma**2))


def w_exponential_shape(d, sigma, w):
    """1 up to w, then exp(-(d - w) / sigma)."""
    return np.where(d < w, 1.0, np.exp(-(d - w) / sigma))


def compound_half_normal_shape(d, sigma, z):
    """1 - (1 - exp(-d^2 / 2 sigma^2))^z."""
    return 1 - (1 - half_normal_shape(d, sigma)) ** z


def uniform_shape(d, sigma):
    """1 up to and including sigma, 0 beyond."""
    return np.where(d <= sigma, 1.0, 0.0)


def cumulative_lognormal_shape(d, sigma, z):
    """Upper tail of a lognormal with mean sigma and standard deviation z."""
    variance = math.log(1 + (z / sigma) ** 2)
    mean = math.log(sigma) - variance / 2
    with np.errstate(divide="ignore"):
        return stats.norm.sf((np.log(d) - mean) / math.sqrt(variance))


def cumulative_gamma_shape(d, sigma, z):
    """Upper tail of a gamma with shape z and scale sigma / z."""
    return special.gammaincc(z, d / (sigma / z))


def exponential_shape(d, sigma):
    """exp(-d / sigma)."""
    return np.exp(-d / sigma)


def variable_power_shape(d, sigma, z):
    """exp(-(d / sigma)^z)."""
    return np.exp(-((d / sigma) ** z))


# name: (R's code, "hazard" or "probability" is what the formula gives, shape that is multiplied)
DETECTION_FUNCTIONS = {
    "half_normal": ("HN", "probability", half_normal_shape),
    "hazard_rate": ("HR", "probability", hazard_rate_shape),
    "exponential": ("EX", "probability", exponential_shape),
    "compound_half_normal": ("CHN", "probability", compound_half_normal_shape),
    "uniform": ("UN", "probability", uniform_shape),
    "w_exponential": ("WEX", "probability", w_exponential_shape),
    "annular_normal": ("ANN", "probability", annular_shape),
    "cumulative_lognormal": ("CLN", "probability", cumulative_lognormal_shape),
    "cumulative_gamma": ("CG", "probability", cumulative_gamma_shape),
    "hazard_half_normal": ("HHN", "hazard", half_normal_shape),
    "hazard_hazard_rate": ("HHR", "hazard", hazard_rate_shape),
    "hazard_exponential": ("HEX", "hazard", exponential_shape),
    "hazard_annular_normal": ("HAN", "hazard", annular_shape),
    "hazard_cumulative_gamma": ("HCG", "hazard", cumulative_gamma_shape),
    "hazard_variable_power": ("HVP", "hazard", variable_power_shape),
}
NAME_OF_CODE = {code: name for name, (code, _, _) in DETECTION_FUNCTIONS.items()}


def hazard(detection_function, d, **parameters):
    """Hazard per unit effort at distance d (metres); lambda0 or g0, sigma, z, w by name.

    `detection_function` is R's code or the full name. Probability forms give -log(1 - g).
    """
    name = NAME_OF_CODE.get(detection_function, detection_function)
    _, form, shape = DETECTION_FUNCTIONS[name]
    d = np.asarray(d, dtype=float)
    if form == "hazard":
        return parameters.pop("lambda0") * shape(d, **parameters)
    with np.errstate(divide="ignore"):
        return -np.log1p(-parameters.pop("g0") * shape(d, **parameters))


def probability(detection_function, d, **parameters):
    """Probability of detection at unit effort at distance d: the form, or 1 - exp(-hazard)."""
    name = NAME_OF_CODE.get(detection_function, detection_function)
    _, form, shape = DETECTION_FUNCTIONS[name]
    d = np.asarray(d, dtype=float)
    if form == "probability":
        return parameters.pop("g0") * shape(d, **parameters)
    return -np.expm1(-parameters.pop("lambda0") * shape(d, **parameters))


def lambda0_from_a0(a0, sigma):
    """lambda0 of a half-normal hazard whose single-detector area is a0 (km2), sigma in metres."""
    return a0 * 1e6 / (2 * math.pi * sigma**2)


# --- distances -----------------------------------------------------------------------------------


def distances(traps, points):
    """Straight distances, shape (trap, point)."""
    out = np.empty((len(traps), len(points)))
    for k, (x, y) in enumerate(traps):
        out[k] = np.hypot(points[:, 0] - x, points[:, 1] - y)
    return out


def least_cost_distances(traps, points, friction, *, spacing, directions):
    """Least-cost distances over the mask's cells, shape (trap, point); inf where there is no way.

    A step between neighbouring cells costs the distance of their centres times the mean of their
    frictions. Traps move to the centre of their cell; an edge is of the southern, eastern cell.
    """
    steps = [(1, 0), (0, 1), (1, 1), (1, -1)]
    if directions == 16:
        steps += [(1, 2), (2, 1), (1, -2), (2, -1)]
    west, south = points.min(axis=0) - spacing / 2
    column_row = np.rint((points - [west, south]) / spacing - 0.5).astype(int)
    cell = {tuple(cr): m for m, cr in enumerate(column_row)}
    origin, target, cost = [], [], []
    for (column, row), m in cell.items():
        for right, up in steps:
            other = cell.get((column + right, row + up))
            if other is not None:
                length = spacing * math.hypot(right, up)
                origin.append(m)
                target.append(other)
                cost.append(length * (friction[m] + friction[other]) / 2)
    graph = sparse.coo_matrix((cost, (origin, target)), shape=(len(points), len(points))).tocsr()
    start = []
    for x, y in traps:
        from_west, from_south = (x - west) / spacing, (y - south) / spacing
        # round-off must not push a trap that sits on an edge into the wrong cell
        start.append(cell[math.floor(from_west + 1e-9), math.ceil(from_south - 1e-9) - 1])
    return csgraph.dijkstra(graph, directed=False, indices=start)


# --- Pr(history | activity centre) ---------------------------------------------------------------


def log_probability_of_record(detector, y, total_hazard, effort):
    """log Pr(y detections at one trap on one occasion) of "count", "binary" or "binomial".

    `total_hazard` is effort times hazard, shape (point,).
    """
    if detector == "count":
        return special.xlogy(y, total_hazard) - total_hazard - math.lgamma(y + 1)
    if effort == 0:
        return np.full_like(total_hazard, 0.0 if y == 0 else -np.inf)
    if detector == "binary":
        return -total_hazard if y == 0 else np.log(-np.expm1(-total_hazard))
    if detector == "binomial":
        if y > effort:
            return np.full_like(total_hazard, -np.inf)
        detected = -np.expm1(-total_hazard / effort)
        return (
            math.log(math.comb(round(effort), int(y)))
            + special.xlogy(y, detected)
            - (effort - y) * total_hazard / effort
        )
    raise ValueError(detector)


def detectors_of(detector, n_traps):
    """One word per trap."""
    return [detector] * n_traps if isinstance(detector, str) else list(detector)


def history_log_probabilities(histories, hazard, effort, detector, *, row=None):
    """log Pr(history of animal i | activity centre at point m), shape (animal, point).

    `detector` is one word or one per trap; "multi" traps compete with each other.
    With `row` (animal, occasion, trap), `hazard` is (row, occasion, trap, point) and animal i meets
    hazard[row[i, s, k], s, k]: learned responses, covariates of individuals, anything.
    """
    histories = np.asarray(histories)
    n_animals, n_occasions, n_traps = histories.shape
    if row is None:
        hazard, row = np.asarray(hazard)[None], np.zeros(histories.shape, dtype=int)
    words = detectors_of(detector, n_traps)
    multi = [k for k in range(n_traps) if words[k] == "multi"]
    out = np.zeros((n_animals, hazard.shape[-1]))
    with np.errstate(divide="ignore"):
        for s in range(n_occasions):
            for k in range(n_traps):
                if words[k] == "multi":
                    continue
                for y, r in set(zip(histories[:, s, k], row[:, s, k], strict=True)):
                    who = (histories[:, s, k] == y) & (row[:, s, k] == r)
                    total = effort[k, s] * hazard[r, s, k]
                    out[who] += log_probability_of_record(words[k], y, total, effort[k, s])
            for i in range(n_animals if multi else 0):
                out[i] += log_probability_of_one_trap_at_most(
                    histories[i, s, multi],
                    [effort[k, s] * hazard[row[i, s, k], s, k] for k in multi],
                )
    return out


def log_probability_of_one_trap_at_most(y, hazards):
    """log Pr of one occasion at multi-catch traps, hazards (trap, point): competing hazards."""
    total = sum(hazards)
    if sum(y) == 0:
        return -total
    if sum(y) > 1:
        return np.full_like(total, -np.inf)
    at_trap = hazards[list(y).index(1)]
    return np.log(at_trap) - np.log(total) + np.log(-np.expm1(-total))


def probability_of_detection(hazard, effort, detector):
    """p.(x), probability of at least one detection, shape (point,).

    All detectors of this library are undetected with probability exp(-effort x hazard), whatever
    the record is (the size of a binomial count is its effort).
    """
    del detector
    total = np.zeros(hazard.shape[-1])
    for s in range(hazard.shape[0]):
        for k in range(hazard.shape[1]):
            total += effort[k, s] * hazard[s, k]
    return -np.expm1(-total)


def capped_hazard(hazard, effort, animals):
    """Hazard of traps that keep one animal per occasion; use it as "binary" with effort 1.

    R's approximation: p = h (1 - exp(-H)) / H, where H sums h = effort x hazard over all animals.
    It passes 1 (here: is 1, an endless hazard) where one animal's h is far above everybody's H.
    """
    out = np.zeros_like(hazard)
    for s in range(hazard.shape[0]):
        for k in range(hazard.shape[1]):
            own = effort[k, s] * hazard[s, k]
            everybody = np.sum(own * animals)
            if everybody > 0:
                p = np.minimum(1.0, own * -np.expm1(-everybody) / everybody)
                with np.errstate(divide="ignore"):
                    out[s, k] = -np.log1p(-p)
    return out


def learned_response(histories, word):
    """1 where the animal's response applies, shape (animal, occasion, trap).

    "b" after its first detection anywhere, "B" detected on the previous occasion, "bk" and "Bk" the
    same at this trap.
    """
    histories = np.asarray(histories)
    out = np.zeros(histories.shape, dtype=int)
    for i in range(histories.shape[0]):
        for s in range(1, histories.shape[1]):
            first = s - 1 if word[0] == "B" else 0
            earlier = histories[i, first:s].sum(axis=0)
            out[i, s] = earlier > 0 if word.endswith("k") else earlier.sum() > 0
    return out


# --- whole likelihoods ---------------------------------------------------------------------------


def log_of_weighted_sum(log_probabilities, weights):
    """log sum_m weight_m exp(log_probability_im), shape (animal,)."""
    return special.logsumexp(log_probabilities, b=weights, axis=1)


def log_identical_histories(histories):
    """Sum of log(f!), f = number of animals that share a full history."""
    shared = Counter(np.asarray(history).tobytes() for history in histories)
    return sum(math.lgamma(f + 1) for f in shared.values())


def poisson_log_likelihood(log_probabilities, pdot, animals, histories):
    """Full likelihood, Poisson number of animals. Groups, surveys: add their values."""
    each = log_of_weighted_sum(log_probabilities, animals)
    return np.sum(each) - np.sum(animals * pdot) - log_identical_histories(histories)


def binomial_log_likelihood(log_probabilities, pdot, animals, histories):
    """Full likelihood, the number of animals N = sum(animals) being fixed (need not be whole)."""
    n, total = len(histories), np.sum(animals)
    if total < n:
        return -np.inf
    p = np.sum(animals * pdot) / total
    number = math.lgamma(total + 1) - math.lgamma(total - n + 1) - math.lgamma(n + 1)
    number += special.xlogy(n, p) + special.xlog1py(total - n, -p)
    each = log_of_weighted_sum(log_probabilities, animals / total) - math.log(p)
    return number + np.sum(each) + math.lgamma(n + 1) - log_identical_histories(histories)


def conditional_log_likelihood(log_probabilities, pdot_of_animal, histories):
    """Given the animals detected, uniform activity centres; pdot_of_animal (animal, point)."""
    n_animals, n_points = log_probabilities.shape
    each = log_of_weighted_sum(log_probabilities, np.ones(n_points))
    each = each - np.log(np.broadcast_to(pdot_of_animal, (n_animals, n_points)).sum(axis=1))
    return np.sum(each) + math.lgamma(n_animals + 1) - log_identical_histories(histories)


def log_likelihood(histories, hazard, effort, detector, animals, *, population="poisson"):
    """Full likelihood of one survey from its hazards; "capped" is R's approximation."""
    if detector == "capped":
        hazard = capped_hazard(hazard, effort, animals)
        detector, effort = "binary", np.ones_like(effort)
    log_probabilities = history_log_probabilities(histories, hazard, effort, detector)
    pdot = probability_of_detection(hazard, effort, detector)
    whole = {"poisson": poisson_log_likelihood, "binomial": binomial_log_likelihood}
    return whole[population](log_probabilities, pdot, animals, histories)


def mixture_log_likelihood(
    log_probabilities, pdot, proportions, animals, histories, *, known_class=None
):
    """Poisson likelihood with latent classes; known_class (animal,) is -1 where unknown.

    log_probabilities (class, animal, point), pdot (class, point), proportions (class,).
    """
    n_animals = len(histories)
    known_class = np.full(n_animals, -1) if known_class is None else known_class
    each = np.array([log_of_weighted_sum(one, animals) for one in log_probabilities])
    each = each + np.log(proportions)[:, None]
    value = -np.sum(animals * np.dot(proportions, pdot)) - log_identical_histories(histories)
    for i in range(n_animals):
        c = known_class[i]
        value += special.logsumexp(each[:, i]) if c < 0 else each[c, i]
    return value


def class_probabilities(log_probabilities, proportions, animals):
    """Pr(class | history), shape (class, animal)."""
    each = np.array([log_of_weighted_sum(one, animals) for one in log_probabilities])
    return special.softmax(each + np.log(proportions)[:, None], axis=0)


def activity_center_probabilities(log_probabilities, animals):
    """Pr(activity centre in cell m | history), shape (animal, point), each row adds up to 1."""
    with np.errstate(divide="ignore"):
        return special.softmax(log_probabilities + np.log(animals), axis=1)


# --- searched areas and transects ----------------------------------------------------------------


def gauss_legendre(n_nodes, n_panels):
    """Nodes and weights of a composite rule on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n_nodes)
    left = np.arange(n_panels)[:, None] / n_panels
    return (left + (x + 1) / 2 / n_panels).ravel(), np.tile(w / 2 / n_panels, n_panels)


def integral_over_polygon(kernel, polygon, points, *, n_nodes=16, n_panels=4):
    """Integral of kernel(distance from the point) over a polygon (closed ring), shape (point,).

    The polygon is the signed sum of the triangles (point, vertex j, vertex j + 1), whichever side
    the point is on; each triangle is a square folded at the point.
    """
    along, along_weight = gauss_legendre(n_nodes, n_panels)
    out, turn = np.zeros(len(points)), 0.0
    for a, b in pairwise(polygon):
        turn += a[0] * b[1] - a[1] * b[0]
        cross = (a[0] - points[:, 0]) * (b[1] - a[1]) - (a[1] - points[:, 1]) * (b[0] - a[0])
        edge = a + along[:, None] * (b - a)
        radius = np.hypot(edge[:, 0] - points[:, :1], edge[:, 1] - points[:, 1:])
        for v, weight in zip(along, along_weight, strict=True):
            out += cross * weight * v * (kernel(v * radius) @ along_weight)
    return out * math.copysign(1.0, turn)


def integral_along_line(kernel, line, points, *, n_nodes=16, n_panels=8):
    """Integral of kernel(distance from the point) along a line of vertices, shape (point,)."""
    along, weight = gauss_legendre(n_nodes, n_panels)
    out = np.zeros(len(points))
    for a, b in pairwise(line):
        place = a + along[:, None] * (b - a)
        radius = np.hypot(place[:, 0] - points[:, :1], place[:, 1] - points[:, 1:])
        out += math.hypot(*(b - a)) * (kernel(radius) @ weight)
    return out


def search_hazard(detection_function, search, points, *, searched, lambda0, **shape):
    """Expected detections per unit effort at one search, shape (point,); searched "area" or "line".

    lambda0 is the expectation of an animal whose whole range is searched.
    """

    def kernel(d):
        return hazard(detection_function, d, lambda0=1.0, **shape)

    integral = integral_over_polygon if searched == "area" else integral_along_line
    whole = whole_range_integral(detection_function, searched=searched, **shape)
    return lambda0 * integral(kernel, search, points) / whole


def whole_range_integral(detection_function, *, searched, **shape):
    """Integral of the hazard with lambda0 = 1 over the plane, or along an endless line."""
    u, weight = gauss_legendre(32, 64)
    # d = sigma v / (1 - v) maps [0, 1) to [0, inf)
    d, stretch = shape["sigma"] * u / (1 - u), shape["sigma"] / (1 - u) ** 2
    value = hazard(detection_function, d, lambda0=1.0, **shape)
    around = 2 * math.pi * d if searched == "area" else 2.0
    return np.sum(weight * stretch * around * value)


def search_log_probabilities(
    n_animals, records, hazards, effort, detection_function, points, *, searched, lambda0, **shape
):
    """log Pr(numbers and positions of an animal's detections | point), shape (animal, point).

    records: (animal, occasion, search, x, y); hazards (search, point) from `search_hazard`; effort
    (search, occasion). Positions are densities per m2 (areas) or per m (lines); each search and
    occasion with y detections has 1 / y!.
    """
    whole = whole_range_integral(detection_function, searched=searched, **shape)
    out = np.tile(-(effort.sum(axis=1) @ hazards), (n_animals, 1))
    for i, s, k, x, y in records:
        d = np.hypot(points[:, 0] - x, points[:, 1] - y)
        with np.errstate(divide="ignore"):
            at_place = np.log(hazard(detection_function, d, lambda0=lambda0, **shape))
        out[i] += math.log(effort[k, s]) + at_place - math.log(whole)
    for (i, _, _), number in Counter((i, s, k) for i, s, k, _, _ in records).items():
        out[i] -= math.lgamma(number + 1)
    return out
