"""Time of least-cost distances: an evaluation with its gradient, whole fits, a million cells."""

from __future__ import annotations

import resource
import warnings
from functools import cache

import numpy as np
import pytest
from scipy import sparse

import secr_nea as sn
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.paths import Network, Paths
from secr_nea.likelihood import likelihood_of

TRUTH = {
    "D:Intercept": float(np.log(0.8)),
    "D:rugged": 0.4,
    "lambda0:Intercept": float(np.log(0.015)),
    "sigma:Intercept": float(np.log(7000.0)),
    "noneuc:rugged": -0.4,
}
NEIGHBORS = (8, 16)


@cache
def survey():
    """8,469 cells of 500 m and 41 cameras over invented terrain, of the size of a Gobi survey."""
    column, row = np.meshgrid(np.arange(150), np.arange(57))
    xy = (np.column_stack([column.ravel(), row.ravel()]) * 500.0)[:8469]
    rng = np.random.default_rng(3)
    waves = rng.uniform(0.0002, 0.0009, (6, 2)) * rng.choice([-1.0, 1.0], (6, 2))
    rugged = np.sin(xy @ waves.T + rng.uniform(0.0, 6.0, 6)).sum(axis=1)
    rugged = (rugged - rugged.mean()) / rugged.std()
    mask = sn.HabitatMask(xy, spacing=500.0, covariates={"rugged": rugged})
    low, high = xy.min(axis=0) + 9000.0, xy.max(axis=0) - 9000.0
    traps = sn.TrapArray(rng.uniform(low, high, (41, 2)), effort=np.full((41, 1), 100.0))
    nobody = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        world = model(sn.Survey(nobody, mask, name="terrain"), 16)
        return sn.design.simulate_survey(world, TRUTH, seed=4)


def model(data, neighbors):
    metric = sn.LeastCost(neighbors=neighbors)
    return sn.Model(data, D="~ rugged", noneuc="~ rugged - 1", distance=metric)


def plain_distances(target, friction):
    """What scipy alone does: edges, a sparse matrix, Dijkstra."""
    graph = target.metric_design.grounds[0].graph
    u, k = np.nonzero(graph.table >= 0)
    v = graph.table[u, k]
    cost = graph.lengths[k] * (friction[u] + friction[v]) / 2.0
    matrix = sparse.csr_matrix((cost, (u, v)), shape=(graph.n_cells, graph.n_cells))
    ground = target.metric_design.grounds[0]
    return sparse.csgraph.dijkstra(matrix, indices=ground.sites)


@pytest.mark.parametrize("neighbors", NEIGHBORS)
@pytest.mark.parametrize("way", ["scipy", "buckets"])
def test_distances(benchmark, neighbors, way):
    benchmark.group = f"least-cost distances, {neighbors} neighbours"
    target = model(survey(), neighbors)
    ground = target.metric_design.grounds[0]
    friction = np.exp(-0.4 * survey().mask.covariates["rugged"].to_numpy())
    expected = plain_distances(target, friction)
    run = {
        "scipy": lambda: plain_distances(target, friction),
        "buckets": lambda: ground.measure((friction,)).distance,
    }[way]
    np.testing.assert_allclose(benchmark(run), expected, rtol=1e-12)


@pytest.mark.parametrize("neighbors", NEIGHBORS)
def test_value_and_gradient(benchmark, neighbors):
    """Each evaluation has another friction, so that distances are measured anew."""
    benchmark.group = "value and gradient with friction"
    target = model(survey(), neighbors)
    likelihood = likelihood_of(target)
    beta = target.coefficients(TRUTH)
    steps = iter(np.linspace(0.0, 0.1, 100_000))

    def run():
        moved = beta.copy()
        moved[-1] += next(steps)
        return likelihood.value_and_gradient(moved)

    value, gradient = benchmark(run)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("neighbors", NEIGHBORS)
def test_fit_with_both_signs(benchmark, neighbors):
    benchmark.group = "fit with friction"

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sn.SecrWarning)
            return sn.fit(model(survey(), neighbors), progress=False)

    fit = benchmark.pedantic(run, rounds=2, warmup_rounds=1)
    assert fit.diagnosis.converged
    assert fit.coefficients[-1] < 0.0


def test_a_million_cells_and_a_hundred_sources(benchmark):
    """A mask of 4 km cells over a graph of 1 km cells: trees are not kept."""
    n = 1000
    column, row = np.meshgrid(np.arange(n), np.arange(n))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1000.0
    fine = sn.HabitatMask(xy, spacing=1000.0, cell_area=1.0)
    rng = np.random.default_rng(1)
    friction = np.exp(0.5 * np.sin(xy[:, 0] / 9e3) * np.cos(xy[:, 1] / 7e3))
    sources = rng.integers(0, n * n, 100)
    targets = np.flatnonzero((column.ravel() % 4 == 0) & (row.ravel() % 4 == 0))
    network = Network.of(MaskGraph.of(fine, 8), friction, 0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def run():
        paths = Paths.of(network, sources, targets)
        return paths, paths.pull_back(np.ones_like(paths.distance))

    paths, gradient = benchmark.pedantic(run, rounds=1)
    assert not paths.trees
    assert np.isfinite(gradient).all()
    # distances and their derivatives, and the work of a few sources at a time
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024.0
    assert grown < 4.0 * paths.distance.nbytes + 500e6
