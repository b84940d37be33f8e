"""Kernels against long doubles and against a twin of a few lines; with and without the JIT."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
import tolerances

from secr_nea import _numba
from secr_nea._kernels import hazard as hazard_kernels
from secr_nea._kernels import scalars, tiles
from secr_nea.likelihood.blocks import _log_sum

ULP = np.finfo(np.float64).eps


def each(function, x):
    """A scalar function at every number of an array."""
    return np.array([function(float(value)) for value in x])


def in_a_loop(log_hazard):
    """exp as the kernels call it, in a loop that may be vectorised."""
    out = np.empty((1, len(log_hazard)))
    tiles._hazards(log_hazard[None], out)
    return out[0]


# --- exp and log ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [lambda x: each(_numba.exp, x), in_a_loop], ids=["one", "loop"])
def test_exp_is_right_to_two_units_in_the_last_place(way):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-708, 709, 4000), rng.uniform(-2, 2, 4000)])
    x = np.concatenate([x, np.log(2.0) * np.arange(-1020, 1021) / 2, 10.0 ** np.arange(-320, 3)])
    x = np.concatenate([x, -(10.0 ** np.arange(-320, 3)), [0.0, -0.0, -708.0, 709.0]])
    reference = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(way(x) / reference - 1)) < 2 * ULP


@pytest.mark.parametrize("way", [lambda x: each(_numba.exp, x), in_a_loop], ids=["one", "loop"])
def test_exp_at_the_ends_of_the_numbers(way):
    zero = way(np.array([-np.inf, -1e308, -1e5, np.nextafter(-708.0, -np.inf)]))
    np.testing.assert_array_equal(zero, 0.0)
    subnormal = way(np.array([5e-324, -5e-324]))
    np.testing.assert_array_equal(subnormal, 1.0)
    assert np.isnan(way(np.array([np.nan]))).all()
    large = way(np.array([709.5, 1e5, np.inf]))
    assert (large >= 8e307).all(), "too large an argument stays large, and is not nan or an error"


def test_exp_never_falls_where_its_pieces_meet():
    middle = np.log(2.0) * (np.arange(-20, 20) + 0.5)
    around = middle[:, None] * (1 + ULP * np.arange(-4, 5))
    value = each(_numba.exp, around.ravel()).reshape(around.shape)
    order = np.argsort(around, axis=1)
    steps = np.diff(np.take_along_axis(value, order, axis=1), axis=1)
    assert (steps > -2 * ULP * value[:, 1:]).all()


def test_log_is_right_to_three_units_in_the_last_place():
    rng = np.random.default_rng(2)
    x = np.exp(np.concatenate([rng.uniform(-708, 709, 4000), rng.uniform(-1, 1, 4000)]))
    x = np.concatenate([x, 2.0 ** np.arange(-1022, 1024), np.sqrt(2.0) * 2.0 ** np.arange(-9, 9)])
    x = np.concatenate([x, 1 + ULP * np.array([-4.0, -1.0, 1.0, 4.0, 1e6]), [2.3e-308, 1.7e308]])
    reference = np.log(x.astype(np.longdouble))
    away = np.abs(each(_numba.log, x) - reference)
    assert np.max(away - 3 * ULP * np.abs(reference)) <= 0
    assert _numba.log(1.0) == 0.0


def test_log_undoes_exp():
    x = np.linspace(-700, 700, 1401)
    np.testing.assert_allclose(each(_numba.log, each(_numba.exp, x)), x, rtol=0, atol=2e-13)


# --- competing terms -----------------------------------------------------------------------------

# Small arguments, the seam at 0.5, large ones.
ARGUMENTS = np.concatenate(
    [10.0 ** np.arange(-300, -2, 13.0), np.linspace(0.001, 3, 3000), [5.0, 36.0, 700.0, 1e4, 1e30]]
)


def long_double_term(a):
    """log((exp(a) - 1) / a) in a form without overflow."""
    a = a.astype(np.longdouble)
    return np.where(a < 1e-6, a / 2 + a**2 / 24, a + np.log(-np.expm1(-a) / a))


def test_competing_term():
    value = each(scalars.log_growth, ARGUMENTS)
    np.testing.assert_allclose(value, long_double_term(ARGUMENTS), rtol=2e-15, atol=2e-16)
    assert scalars.log_growth(0.0) == 0.0


def test_competing_slope():
    a = ARGUMENTS.astype(np.longdouble)
    reference = np.where(a < 1e-3, 0.5 + a / 12 - a**3 / 720, -1 / np.expm1(-a) - 1 / a)
    value = each(scalars.log_growth_slope, ARGUMENTS)
    np.testing.assert_allclose(value, reference, rtol=1e-14, atol=0)
    assert scalars.log_growth_slope(0.0) == 0.5


def test_competing_slope_is_the_slope_of_the_term():
    a = np.array([0.01, 0.3, 0.499999, 0.500001, 2.0, 30.0]).astype(np.longdouble)
    step = np.longdouble(1e-6) * a
    slope = (long_double_term(a + step) - long_double_term(a - step)) / (2 * step)
    np.testing.assert_allclose(each(scalars.log_growth_slope, a), slope, rtol=1e-8)


# --- from probability to hazard ------------------------------------------------------------------


def test_hazard_of_a_probability():
    log_g = -np.concatenate([10.0 ** np.linspace(-13, 0, 500), np.linspace(1, 40, 400), [800.0]])
    g = np.exp(log_g.astype(np.longdouble))
    missed = -np.expm1(log_g.astype(np.longdouble))
    h = np.where(log_g > -1, -np.log(missed), -np.log1p(-g))
    out = np.empty((1, len(log_g)))
    hazard_kernels.log_hazard_of_probability(log_g[None], out)
    # 1 - g has few digits where g is nearly 1, and so does the hazard
    allowed = 2e-14 + 4 * ULP * g / (missed * h)
    assert (np.abs(out[0] - np.log(h)) <= allowed).all()
    slope = np.empty_like(out)
    hazard_kernels.log_hazard_slope(log_g[None], slope)
    reference = g / (missed * h)
    near = log_g > -36  # beyond, the slope is that at -36, 1 to the last digit
    away = np.abs(slope[0] / np.where(near, reference, 1.0) - 1)
    assert (away <= 2e-14 + 4 * ULP * g / missed).all()


def test_hazard_of_the_probabilities_0_and_1():
    log_g = np.array([[-np.inf, 0.0]])
    out, slope = np.empty_like(log_g), np.empty_like(log_g)
    hazard_kernels.log_hazard_of_probability(log_g, out)
    hazard_kernels.log_hazard_slope(log_g, slope)
    assert out[0, 0] == -np.inf
    assert slope[0, 0] == 1.0
    assert out[0, 1] > np.log(36.0), "certain detection is a hazard that nobody survives"
    assert not np.isnan(slope).any()


def test_hazard_of_a_probability_may_overwrite_its_input():
    log_g = np.log(np.linspace(0.01, 0.9, 40)).reshape(4, 10)
    out = np.empty_like(log_g)
    hazard_kernels.log_hazard_of_probability(log_g, out)
    hazard_kernels.log_hazard_of_probability(log_g, log_g)
    np.testing.assert_array_equal(out, log_g)


# --- tiles ---------------------------------------------------------------------------------------


def starts(lengths):
    """Row pointers of rows of the given lengths."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def sparse(rng, n_rows, n_columns, *, longest=4, low=0.1, high=3.0):
    """(start, column, weight) of random rows, in which a column may come twice."""
    lengths = rng.integers(0, longest + 1, n_rows)
    total = int(lengths.sum())
    return (
        starts(lengths),
        rng.integers(0, max(n_columns, 1), total).astype(np.int64),
        rng.uniform(low, high, total),
    )


def random_tables(rng, *, n_columns=6, n_patterns=4, n_terms=5, n_animals=7):
    """Tables with every feature: bases, long competing terms, repeated columns, idle patterns."""
    base = np.array([rng.integers(-1, p) if p else -1 for p in range(n_patterns)], dtype=np.int64)
    exposure = sparse(rng, n_patterns, n_columns)
    competing = sparse(rng, n_terms, n_columns)
    detection = sparse(rng, n_animals, n_columns, low=1.0)
    occasion = sparse(rng, n_animals if n_terms else 0, n_terms, low=1.0)
    if not n_terms:
        occasion = (np.zeros(n_animals + 1, dtype=np.int64), *occasion[1:])
    return tiles.Tables(
        base,
        *exposure,
        *competing,
        starts(np.bincount(rng.integers(0, n_patterns, n_animals), minlength=n_patterns)),
        *detection,
        *occasion,
        np.flatnonzero(rng.random(n_patterns) < 0.7).astype(np.int64),
    )


def row(table, r, rows):
    """Sum of weight times row over the entries of row r of a sparse table."""
    start, column, weight = table
    total = np.zeros(rows.shape[1], dtype=rows.dtype)
    for e in range(start[r], start[r + 1]):
        total = total + weight[e] * rows[column[e]]
    return total


def twin(tables, log_hazard, log_weight):
    """log W + log Pr (animal, point) and W p. (undetected pattern, point); complex numbers too."""
    hazard = np.exp(log_hazard)
    n_patterns, n_terms = len(tables.base), len(tables.competing_start) - 1
    n_animals = len(tables.detection_start) - 1
    totals = np.zeros((n_patterns, len(log_weight)), dtype=hazard.dtype)
    for p in range(n_patterns):
        totals[p] = row(tables[1:4], p, hazard)
        if tables.base[p] >= 0:
            totals[p] += totals[tables.base[p]]
    terms = np.zeros((n_terms, len(log_weight)), dtype=hazard.dtype)
    for r in range(n_terms):
        argument = row(tables[4:7], r, hazard)
        none = argument == 0
        terms[r] = np.log(np.where(none, 1, np.expm1(argument)) / np.where(none, 1, argument))
    joint = np.zeros((n_animals, len(log_weight)), dtype=hazard.dtype)
    for p in range(n_patterns):
        for i in range(tables.pattern_start[p], tables.pattern_start[p + 1]):
            joint[i] = log_weight - totals[p]
            joint[i] += row(tables[8:11], i, log_hazard) + row(tables[11:14], i, terms)
    return joint, np.exp(log_weight) * -np.expm1(-totals[tables.undetected])


def log_sum(joint):
    """Log of the sum of exponentials over points, complex numbers too."""
    top = joint.real.max(axis=1, keepdims=True)
    return np.log(np.exp(joint - top).sum(axis=1)) + top[:, 0]


def value_of(tables, log_hazard, log_weight, edges=None):
    """Log sums of the animals and detected sums of the kernel, over one or several tiles."""
    edges = [0, len(log_weight)] if edges is None else edges
    n_animals, n_undetected = len(tables.detection_start) - 1, len(tables.undetected)
    shape = (len(edges) - 1, n_animals)
    largest, total = np.full(shape, np.nan), np.full(shape, np.nan)
    detected = np.full((len(edges) - 1, n_undetected), np.nan)
    for t, (a, b) in enumerate(pairwise(edges)):
        part = np.ascontiguousarray(log_hazard[:, a:b])
        tiles.tile_value(tables, part, log_weight[a:b], largest[t], total[t], detected[t])
    return _log_sum(largest, total), detected.sum(axis=0)


def adjoint_of(tables, log_hazard, log_weight, factor):
    """Derivatives of the kernel to log hazards and log weights, over one tile."""
    animal_log, _ = value_of(tables, log_hazard, log_weight)
    d_log_hazard = np.full_like(log_hazard, np.nan)
    d_log_weight = np.full_like(log_weight, np.nan)
    tiles.tile_adjoint(
        tables, log_hazard, log_weight, animal_log, factor, d_log_hazard, d_log_weight
    )
    return d_log_hazard, d_log_weight


def adjoint_of_twin(tables, log_hazard, log_weight, factor):
    """The same by complex steps, which have no rounding error of differences."""
    joined = np.vstack([log_hazard, log_weight[None]])
    out = np.empty_like(joined)
    for place in np.ndindex(joined.shape):
        moved = joined.astype(complex)
        moved[place] += 1e-30j
        joint, undetected = twin(tables, moved[:-1], moved[-1])
        total = log_sum(joint).sum() if len(joint) else 0.0
        out[place] = np.imag(total + factor @ undetected.sum(axis=1)) / 1e-30
    return out[:-1], out[-1]


SIZES = {
    "all": {},
    "no animal": {"n_animals": 0},
    "no competing term": {"n_terms": 0},
    "one pattern": {"n_patterns": 1},
    "one of each": {"n_columns": 1, "n_patterns": 1, "n_terms": 1, "n_animals": 1},
}


def random_problem(size, seed, n_points):
    """Tables, log hazards, log weights and factors of the undetected patterns."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, **SIZES[size])
    n_columns = SIZES[size].get("n_columns", 6)
    log_hazard = rng.uniform(-9.0, 1.0, (n_columns, n_points))
    factor = rng.uniform(-2.0, 2.0, len(tables.undetected))
    return tables, log_hazard, rng.uniform(-4.0, 1.0, n_points), factor


@pytest.mark.parametrize("n_points", [1, 7])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_tile_value_is_that_of_its_twin(size, seed, n_points):
    tables, log_hazard, log_weight, _ = random_problem(size, seed, n_points)
    animal_log, detected = value_of(tables, log_hazard, log_weight)
    joint, undetected = twin(tables, log_hazard, log_weight)
    np.testing.assert_allclose(animal_log, log_sum(joint), **tolerances.EXACT)
    np.testing.assert_allclose(detected, undetected.sum(axis=1), **tolerances.EXACT)


@pytest.mark.parametrize("n_points", [1, 5])
@pytest.mark.parametrize("seed", [4, 5])
@pytest.mark.parametrize("size", SIZES)
def test_tile_adjoint_is_that_of_its_twin(size, seed, n_points):
    tables, log_hazard, log_weight, factor = random_problem(size, seed, n_points)
    found = adjoint_of(tables, log_hazard, log_weight, factor)
    expected = adjoint_of_twin(tables, log_hazard, log_weight, factor)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerances.EXACT)


def test_points_may_be_in_any_tiles():
    tables, log_hazard, log_weight, _ = random_problem("all", 6, 23)
    whole = value_of(tables, log_hazard, log_weight)
    parts = value_of(tables, log_hazard, log_weight, edges=[0, 1, 8, 9, 23])
    for one, several in zip(whole, parts, strict=True):
        np.testing.assert_allclose(several, one, **tolerances.EXACT)


def test_impossible_points_are_passed_over():
    """An animal that cannot have been at the points of a tile, or anywhere."""
    tables, log_hazard, log_weight, factor = random_problem("all", 7, 6)
    column = tables.detection_column[0]
    log_hazard[column, :3] = -np.inf
    animal_log, detected = value_of(tables, log_hazard, log_weight, edges=[0, 3, 6])
    joint, undetected = twin(tables, np.maximum(log_hazard, -1e5), log_weight)
    np.testing.assert_allclose(animal_log, log_sum(joint), **tolerances.EXACT)
    np.testing.assert_allclose(detected, undetected.sum(axis=1), **tolerances.EXACT)
    d_log_hazard, d_log_weight = adjoint_of(tables, log_hazard, log_weight, factor)
    assert np.isfinite(d_log_hazard).all()
    assert np.isfinite(d_log_weight).all()
    log_hazard[column] = -np.inf
    nowhere = value_of(tables, log_hazard, log_weight, edges=[0, 3, 6])[0]
    with_column = [
        column in tables.detection_column[a:b]
        for a, b in zip(tables.detection_start[:-1], tables.detection_start[1:], strict=True)
    ]
    np.testing.assert_array_equal(np.isneginf(nowhere), with_column)


def test_a_small_hazard_keeps_its_digits():
    """p. = 1 - exp(-H) is H (1 - H / 2) for small H, not a difference of two numbers near 1."""
    tables, _, log_weight, _ = random_problem("one of each", 8, 5)
    tables = tables._replace(
        exposure_start=np.array([0, 1]),
        exposure_column=np.array([0]),
        exposure_effort=np.array([1.0]),
        undetected=np.array([0]),
    )
    for hazard in (1e-14, 1e-9, 1e-6, 9.9e-4, 1.1e-3, 0.1):
        detected = value_of(tables, np.full((1, 5), np.log(hazard)), log_weight)[1]
        expected = -np.expm1(-hazard) * np.exp(log_weight).sum()
        np.testing.assert_allclose(detected, expected, rtol=1e-12)


def test_squared_distances():
    rng = np.random.default_rng(9)
    sites, points = rng.uniform(0, 1e4, (4, 2)), rng.uniform(0, 1e4, (2, 11))
    out = np.empty((4, 5))
    tiles.squared_distances(sites, points, 3, 8, out)
    difference = sites[:, :, None] - points[None, :, 3:8]
    np.testing.assert_allclose(out, (difference**2).sum(axis=1), rtol=1e-14)


def test_half_normal_straight_from_coordinates():
    rng = np.random.default_rng(10)
    sites, points = rng.uniform(0, 1e4, (3, 2)), rng.uniform(0, 1e4, (2, 11))
    column_site = np.array([0, 2, 1, 2])
    log_lambda0, sigma = rng.uniform(-5, 0, 4), rng.uniform(500, 5000, 4)
    out = np.empty((4, 5))
    hazard_kernels.half_normal_log_hazard(sites, points, 3, 8, column_site, log_lambda0, sigma, out)
    difference = sites[column_site, :, None] - points[None, :, 3:8]
    d2 = (difference**2).sum(axis=1)
    expected = log_lambda0[:, None] - d2 / (2 * sigma[:, None] ** 2)
    np.testing.assert_allclose(out, expected, **tolerances.EXACT)


def test_weighted_sums():
    rng = np.random.default_rng(11)
    weight, value = rng.normal(size=(3, 40)), rng.normal(size=(3, 40))
    out = np.empty((2, 3))
    hazard_kernels.weighted_sums(weight, value, out)
    expected = [weight.sum(axis=1), (weight * value).sum(axis=1)]
    np.testing.assert_allclose(out, expected, **tolerances.EXACT)


# --- tasks and threads ---------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 7])
def test_every_task_is_done_once(n_tasks, threads):
    done = np.zeros(n_tasks, dtype=int)

    def work(part):
        for task in part:
            done[task] += 1

    _numba.run_tasks(work, range(n_tasks), threads)
    assert (done == 1).all()


@pytest.mark.parametrize("wrong", [0, 5])
def test_an_error_in_a_thread_is_raised(wrong):
    def work(part):
        if wrong in part:
            raise IndexError(f"task {wrong}")

    with pytest.raises(IndexError, match=f"task {wrong}"):
        _numba.run_tasks(work, range(6), 3)


def test_a_thread_that_does_not_come_is_not_waited_for():
    gate, done = threading.Event(), []
    busy = _numba._pool(1).submit(gate.wait, 60.0)
    _numba.run_tasks(done.extend, range(10), 2)
    assert sorted(done) == list(range(10))
    assert not busy.done()
    gate.set()


def test_number_of_threads(monkeypatch):
    monkeypatch.setattr(_numba, "_threads", 0)
    monkeypatch.setenv("SECR_NEA_THREADS", "5")
    assert _numba.get_threads() == 5
    monkeypatch.setenv("SECR_NEA_THREADS", "many")
    assert 1 <= _numba.get_threads() <= 8
    _numba.set_threads(3)
    assert _numba.get_threads() == 3
    with pytest.raises(ValueError, match="at least 1; got 0"):
        _numba.set_threads(0)
