"""The kernels for grids against the general ones, their bounds, patches, threads and memory."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache

import naive
import numpy as np
import pytest
import tolerances
from hypothesis import given
from hypothesis import strategies as st

import secr_nea as sn
from secr_nea import _numba
from secr_nea._kernels import grid as grid_kernels
from secr_nea._kernels import grid_value
from secr_nea._kernels.patches import near_patches
from secr_nea.likelihood import (
    Likelihood,
    blocks,
    grid,
    likelihood_of,
    patch_runs,
    points,
    separable,
)

SPACING = 400.0


def habitat(n_columns=70, n_rows=45, seed=3):
    """Cells of a grid with holes and a far islet, in an order of their own."""
    rng = np.random.default_rng(seed)
    column, row = np.meshgrid(np.arange(n_columns), np.arange(n_rows))
    xy = np.column_stack([column.ravel(), row.ravel()])
    hole = np.sin(xy[:, 0] / 5.0) * np.cos(xy[:, 1] / 7.0) < -0.5
    islet = np.array([[150, 3], [151, 3], [151, 4]])
    xy = np.concatenate([xy[~hole], islet]) * SPACING + [500_000.0, 4_900_000.0]
    return rng.permutation(xy)


def survey(detector="count", *, name="A", seed=5, n_animals=25, n_traps=30, **options):
    """Random detections near random homes; every trap has its own effort."""
    rng = np.random.default_rng(seed)
    cells = options.pop("cells", habitat())
    traps = sn.TrapArray(
        rng.permutation(cells)[:n_traps] + rng.uniform(-150, 150, (n_traps, 2)),
        effort=rng.integers(1, 4, (n_traps, 3)).astype(float),
        detector=detector,
        covariates={"slope": rng.normal(size=n_traps)},
    )
    rows = []
    for i in range(n_animals):
        home = cells[rng.integers(len(cells))]
        nearest = np.argsort(np.hypot(*(traps.xy - home).T))[:3]
        for s in range(3):
            if rng.random() < 0.6 or s == 0:
                rows.append((i, s, rng.choice(nearest)))
    animal, occasion, trap = np.unique(np.array(rows), axis=0).T
    captures = sn.CaptureHistory(
        traps,
        animal=animal,
        occasion=occasion,
        trap=trap,
        covariates={"sex": rng.choice(["f", "m"], len(np.unique(animal)))},
    )
    mask = sn.HabitatMask(
        cells, spacing=SPACING, cell_area=0.16, covariates={"rugged": np.sin(cells[:, 0] / 3000.0)}
    )
    return sn.Survey(captures, mask, name=name)


START = {"D": 2.5, "lambda0": -2.0, "sigma": 7.2, "pmix": 0.3}


def truth(model):
    """Coefficients that differ, so that no derivative is zero by symmetry."""
    values = []
    for j, name in enumerate(model.coefficient_names):
        parameter, _, column = name.partition(":")
        values.append(START[parameter.split("[")[0]] if column == "Intercept" else 0.1 + 0.02 * j)
    return np.array(values)


MODELS = {
    "constant": {},
    "density": {"D": "~ rugged"},
    "occasions": {"lambda0": "~ occasion"},
    "traps": {"lambda0": "~ slope", "sigma": "~ slope"},
    "learned": {"lambda0": "~ detected_before"},
    "learned_here": {"lambda0": "~ detected_before_here", "sigma": "~ detected_before_here"},
    "latent": {"classes": 2, "lambda0": "~ latent_class", "sigma": "~ latent_class"},
    "hybrid": {"classes": "sex", "sigma": "~ sex"},
    "groups": {"groups": "sex", "sigma": "~ sex"},
    "binomial": {"population": "binomial"},
    "conditional": {"population": "conditional"},
}


@cache
def model_of(detector, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.Model(survey(detector), **MODELS[kind])


def both_ways(model, x, monkeypatch):
    """Value and gradient by the kernels for grids, and by the general ones."""
    used = []
    run = separable.PatchAdjoint.run
    monkeypatch.setattr(
        separable.PatchAdjoint, "run", lambda *args: (used.append(1), run(*args))[1]
    )
    by_grid = sn.log_likelihood_gradient(model, x)
    assert used, "the kernels for grids were not used"
    assert sn.log_likelihood(model, x) == by_grid[0]
    by_tiles = general(model, x, monkeypatch)
    return by_grid, by_tiles


def general(model, x, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "is_grid", lambda *args: False)
        return sn.log_likelihood_gradient(model, x)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("detector", ["count", "binary", "binomial", "multi"])
def test_grid_and_tiles_agree(detector, kind, monkeypatch):
    model = model_of(detector, kind)
    one, other = both_ways(model, truth(model), monkeypatch)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-10, atol=1e-10 * np.abs(other[1]).max())


def test_surveys_with_and_without_a_grid_share_a_model(monkeypatch):
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    turned = habitat() @ turn
    surveys = [survey(), survey("binary", name="B", seed=8, cells=turned)]
    model = sn.Model(surveys, D="~ session")
    inputs = likelihood_of(model).state(truth(model)).flat
    assert [blocks.is_grid(item, model.detection) for item in inputs] == [True, False]
    one, other = both_ways(model, truth(model), monkeypatch)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-10)


def test_hazards_at_points_and_expected_numbers_agree(monkeypatch):
    model = model_of("binary", "traps")
    x, likelihood = truth(model), likelihood_of(model_of("binary", "traps"))
    weight = np.linspace(0.0, 1.0, model.surveys[0].mask.n_points)
    fast = points.detection_probability(likelihood, x, 0)
    fast_sum = points.expected_detected(likelihood, x, 0, weight)
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "is_grid", lambda *args: False)
        patch.setattr(points, "is_grid", lambda *args: False)
        slow = points.detection_probability(likelihood, x, 0)
        slow_sum = points.expected_detected(likelihood, x, 0, weight)
    np.testing.assert_allclose(fast, slow, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(fast_sum[0], slow_sum[0], rtol=1e-11)
    np.testing.assert_allclose(fast_sum[1], slow_sum[1], rtol=1e-10, atol=1e-12)


# --- far from the centre of numbers --------------------------------------------------------------


@pytest.mark.parametrize("sigma", [2.0, 4.5, 6.0, 8.5, 12.0, 20.0])
@pytest.mark.parametrize("amplitude", [-40.0, -2.0, 3.0, 9.0])
@pytest.mark.parametrize("detector", ["count", "binary"])
def test_nothing_is_lost_to_underflow(detector, amplitude, sigma, monkeypatch):
    """Sigma from 7 m to the width of the globe, hazards from nothing to thousands."""
    model = model_of(detector, "constant")
    x = np.array([2.5, amplitude, sigma])
    value, gradient = sn.log_likelihood_gradient(model, x)
    expected, slope = general(model, x, monkeypatch)
    np.testing.assert_allclose(value, expected, rtol=1e-11)
    if np.isfinite(expected):
        np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-8 * np.abs(slope).max())


def test_an_animal_far_from_every_cell(monkeypatch):
    """Its sum over the mask is exp(-600) of the largest term there could be."""
    traps = sn.TrapArray([[0.0, 0.0], [40_000.0, 0.0]], effort=[[10.0], [10.0]])
    cells = np.array([[0.0, 0.0], [1000.0, 0.0], [39_000.0, 0.0], [40_000.0, 0.0]])
    captures = sn.CaptureHistory(traps, animal=[0, 0], occasion=[0, 0], trap=[0, 1])
    mask = sn.HabitatMask(cells, spacing=1000.0, cell_area=1.0)
    model = sn.Model(sn.Survey(captures, mask, name="A"))
    x = np.log([1.0, 0.1, 800.0])
    value, gradient = sn.log_likelihood_gradient(model, x)
    expected, slope = general(model, x, monkeypatch)
    assert expected < -600.0
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, slope, rtol=1e-11)


# --- what is far away ----------------------------------------------------------------------------


def wide_model(detector="count"):
    """Traps and animals in two corners of a mask 60 sigma wide."""
    column, row = np.meshgrid(np.arange(150), np.arange(90))
    cells = np.column_stack([column.ravel(), row.ravel()]) * SPACING
    return sn.Model(survey(detector, cells=cells, n_traps=60, n_animals=40))


@pytest.mark.parametrize("detector", ["count", "binary", "multi"])
def test_what_is_left_out_is_below_its_bound(detector, monkeypatch):
    """At a coarse tolerance something is lost, and less than promised; at ours nothing is seen."""
    model = wide_model(detector)
    x = np.array([1.0, -1.0, 6.6])
    state, function = likelihood_of(model).state(x), model.detection
    exact = general(model, x, monkeypatch)[0]
    lost = []
    for tolerance in (1e-1, 1e-2, 1e-4, separable.TOLERANCE):
        forward = Likelihood(model, tolerance=tolerance)._forward(state)
        lost.append(abs(forward.value - exact))
        assert lost[-1] <= tolerance + 1e-14 * abs(exact)
    assert lost[0] > 1e-9
    (situation,) = blocks._situations(
        state.flat, function, blocks._largest_change(state.flat, separable.TOLERANCE)
    )
    n_patches = len(situation.given.patches.width)
    assert len(situation.near.item) < 0.6 * n_patches * len(situation.shapes.x)
    assert len(situation.near_animals.item) < 0.8 * n_patches * len(situation.animals.x)


def test_the_hazard_left_out_at_every_point_is_below_its_bound():
    model = wide_model()
    (item,) = likelihood_of(model).state(np.array([1.0, -1.0, 6.6])).flat
    change = 1e-3
    given = separable.situation(item.block, item.values, item.log_weight, change)
    shapes = given.shapes
    found = np.empty(item.block.n_points)
    grid_value.patch_hazards(given.given.patches, shapes, shapes.amplitude, given.near, found)
    d2 = naive.distances(np.column_stack([shapes.x, shapes.y]), item.block.points.T) ** 2
    whole = (shapes.amplitude[:, None] * np.exp(-shapes.half[:, None] * d2)).sum(axis=0)
    left_out = whole - found
    assert left_out.min() > -1e-12
    assert 1e-7 < left_out.max() <= change


def test_conditional_likelihood_asks_for_more_digits_where_it_needs_them(monkeypatch):
    """With hardly any detection log a is steep: one more evaluation, and the same digits."""
    model = model_of("count", "conditional")
    x = np.array([-30.0, 6.0])
    value, gradient = sn.log_likelihood_gradient(model, x)
    expected, slope = general(model, x, monkeypatch)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(-9e4, 1e5), st.floats(-9e4, 1e5), st.floats(-1.0, 5e4)),
        min_size=1,
        max_size=8,
    )
)
def test_spatial_index_finds_what_a_search_of_everything_finds(discs):
    xy = habitat() - [500_000.0, 4_900_000.0]
    patches = grid.patches_of(np.ascontiguousarray(xy.T))
    x, y, reach = (np.array(part) for part in zip(*discs, strict=True))
    near = near_patches(x, y, reach, patches)
    which = np.searchsorted(patches.strip_start, np.arange(len(patches.width)), "right") - 1
    for k, s in enumerate(which):
        dx = np.maximum(0.0, np.maximum(patches.west[k] - x, x - patches.east[k]))
        dy = np.maximum(0.0, np.maximum(patches.south[s] - y, y - patches.north[s]))
        sure = np.flatnonzero((reach >= 0.0) & (np.hypot(dx, dy) < reach * (1.0 - 1e-9)))
        most = np.flatnonzero((reach >= 0.0) & (np.hypot(dx, dy) <= reach * (1.0 + 1e-9) + 1e-6))
        found = near.item[near.start[k] : near.start[k + 1]]
        assert set(sure) <= set(found) <= set(most)
        np.testing.assert_array_equal(found, np.sort(found))


# --- patches -------------------------------------------------------------------------------------


def cells_of(patches):
    """Coordinates of every point by its patch and cell, in the order of the points."""
    xy = np.full((patches.run_length.sum(), 2), np.nan)
    for k in range(len(patches.width)):
        for r in range(patches.run_start[k], patches.run_start[k + 1]):
            for c in range(patches.run_length[r]):
                row, column = divmod(patches.run_cell[r] + c, patches.width[k])
                assert row < patches.height[k]
                xy[patches.run_point[r] + c] = patches.x[k, column], patches.y[k, row]
    return xy


@pytest.mark.parametrize("seed", [None, 4])
def test_every_point_has_a_cell_at_its_coordinates(seed):
    xy = habitat() if seed else np.array(sorted(map(tuple, habitat()), key=lambda p: p[::-1]))
    patches = grid.patches_of(np.ascontiguousarray(xy.T))
    assert len(patches.width) > 3
    np.testing.assert_array_equal(cells_of(patches), xy)
    inside = grid.patch_of(patches, np.arange(len(xy)))
    strip = np.searchsorted(patches.strip_start, inside, "right") - 1
    assert (patches.west[inside] <= xy[:, 0]).all()
    assert (patches.east[inside] >= xy[:, 0]).all()
    assert (patches.south[strip] <= xy[:, 1]).all()
    assert (patches.north[strip] >= xy[:, 1]).all()


def test_coordinates_that_differ_by_rounding_are_one_level():
    xy = habitat()
    rounded = np.where(np.arange(len(xy))[:, None] % 2, xy, xy + 3.0 * np.spacing(xy))
    assert (rounded != xy).any()
    assert len(grid.patches_of(np.ascontiguousarray(rounded.T)).width) == len(
        grid.patches_of(np.ascontiguousarray(xy.T)).width
    )


def test_scattered_or_repeated_points_are_no_grid():
    xy = habitat()
    rng = np.random.default_rng(1)
    assert grid.patches_of(rng.uniform(0.0, 1e5, (2, 500))) is None
    assert grid.patches_of(np.ascontiguousarray(np.concatenate([xy, xy[:1]]).T)) is None
    assert grid.patches_of(np.empty((2, 0))) is None


@pytest.mark.parametrize("every", [2, 4, 9, 30])
def test_thinned_grid_is_a_grid(every):
    xy = habitat()
    kept = grid.thinning(np.ascontiguousarray(xy.T), every)
    assert len(xy) / every / 2.0 < len(kept) < len(xy) / every * 2.0
    assert grid.patches_of(np.ascontiguousarray(xy[kept].T)) is not None


def test_large_sums_of_products_are_done_in_parts(monkeypatch):
    rng = np.random.default_rng(2)
    a, b, c = rng.normal(size=(300, 30)), rng.normal(size=(300, 40)), rng.normal(size=(30, 40))
    assert a.shape[0] * a.shape[1] * b.shape[1] > grid_kernels._SMALL_PRODUCT
    out = np.empty((30, 40))
    grid_kernels.sum_of_products(b, a, out)
    np.testing.assert_allclose(out, a.T @ b, **tolerances.EXACT)
    np.testing.assert_allclose(grid_kernels.products(a, c), a @ c, **tolerances.EXACT)


# --- threads and memory --------------------------------------------------------------------------


@pytest.mark.parametrize("detector", ["count", "multi"])
def test_threads_agree_bit_for_bit(detector, monkeypatch):
    monkeypatch.setattr(grid, "_WIDEST", 16)
    monkeypatch.setattr(grid, "_HIGHEST", 8)
    monkeypatch.setattr(patch_runs, "_THREAD_NANOSECONDS", 0.0)
    monkeypatch.setattr(_numba, "_threads", 0)
    model = sn.Model([survey(detector), survey(detector, name="B", seed=9)], D="~ rugged")
    results = []
    for n_threads in (1, 2, 3):
        sn.set_threads(n_threads)
        results += [sn.log_likelihood_gradient(model, truth(model)) for _ in range(3)]
    assert len(likelihood_of(model).populations[0].blocks[0].separable.patches.width) > 20
    for value, gradient in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


@pytest.mark.parametrize("n_parts", [2, 5, 100])
def test_parts_of_the_work_hold_every_patch_once_and_cost_about_the_same(n_parts, monkeypatch):
    monkeypatch.setattr(grid, "_WIDEST", 16)
    monkeypatch.setattr(grid, "_HIGHEST", 8)
    model = sn.Model([survey("count"), survey("multi", name="B", seed=9)], D="~ rugged")
    items = likelihood_of(model).state(truth(model)).flat
    used = list(enumerate(blocks._situations(items, model.detection, separable.TOLERANCE)))
    cost = [given.cost for _, given in used]
    parts = patch_runs._equal_parts(used, cost, n_parts)
    found = [(b, k) for part in parts for b, _, first, end in part for k in range(first, end)]
    assert found == [(b, k) for b, own in enumerate(cost) for k in range(len(own))]
    of_part = [sum(cost[b][first:end].sum() for b, _, first, end in part) for part in parts]
    each, largest = np.concatenate(cost).sum() / n_parts, np.concatenate(cost).max()
    assert max(of_part) <= each + largest
    assert all(own.sum() <= one.most_cost for own, (_, one) in zip(cost, used, strict=True))


MEMORY = """
import sys
import numpy as np
sys.path.insert(0, {tests!r})
import secr_nea as sn
import test_grid

def peak():  # ru_maxrss would begin at what pytest, which started this process, has used
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0

sn.log_likelihood_gradient(sn.Model(test_grid.survey()), np.array([2.5, -2.0, 7.2]))
column, row = np.meshgrid(np.arange(400), np.arange(250))
cells = np.column_stack([column.ravel(), row.ravel()]) * 400.0
model = sn.Model(test_grid.survey(cells=cells, n_traps=300, n_animals=300))
model.coefficients(np.zeros(3))
before = peak()
print(sn.log_likelihood_gradient(model, np.array([2.5, -2.0, 7.2]))[0], peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_memory_does_not_grow_with_animals_times_points():
    """Animals x points would take 240 MB here, traps x points as much, all three 72 GB."""
    from pathlib import Path

    script = MEMORY.format(tests=str(Path(__file__).parent))
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    value, grown = map(float, run.stdout.split())
    assert np.isfinite(value)
    assert grown < 100.0, f"the likelihood took {grown:.0f} MB"
