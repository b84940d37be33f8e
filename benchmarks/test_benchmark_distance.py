"""Time of least-cost distances and their derivatives, and a million cells within its memory."""

from __future__ import annotations

import distances
import memory
import numpy as np
import pytest
import ways
from problems import grid, problem

import secr_nea as sn
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.paths import Network, Paths
from secr_nea.likelihood import likelihood_of

SMALL = "8,469 cells"
NEIGHBORS = (8, 16)


@pytest.mark.parametrize("neighbors", NEIGHBORS)
@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
def test_distances(benchmark, neighbors, way):
    benchmark.group = f"least-cost distances, {neighbors} neighbours"
    run = ways.prepared(distances.distances(SMALL, neighbors, way), way)
    np.testing.assert_allclose(benchmark(run), distances.by_scipy(SMALL, neighbors), rtol=1e-12)


@pytest.mark.parametrize("neighbors", NEIGHBORS)
def test_distances_and_derivatives(benchmark, neighbors):
    benchmark.group = f"least-cost distances, {neighbors} neighbours"
    distances.assert_distances(SMALL, neighbors)
    benchmark(ways.prepared(distances.with_derivatives(SMALL, neighbors), ways.ONE))


def test_value_and_gradient_at_another_friction_each_time(benchmark):
    benchmark.group = "value and gradient, ecological"
    target = problem("ecological")
    likelihood = likelihood_of(target.model)
    steps = iter(np.linspace(0.0, 0.1, 100_000))

    def run():
        moved = target.truth.copy()
        moved[-1] += next(steps)
        return likelihood.value_and_gradient(moved)

    value, gradient = benchmark(run)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_a_million_cells_and_a_hundred_sources(benchmark):
    """A mask of 4 km cells over a graph of 1 km cells: trees are not kept."""
    n = 1000
    xy = grid(n, n, 1000.0)
    fine = sn.HabitatMask(xy, spacing=1000.0, cell_area=1.0)
    friction = np.exp(0.5 * np.sin(xy[:, 0] / 9e3) * np.cos(xy[:, 1] / 7e3))
    sources = np.random.default_rng(1).integers(0, n * n, 100)
    every_fourth = np.arange(n) % 4 == 0
    targets = np.flatnonzero((every_fourth[:, None] & every_fourth).ravel())
    network = Network.of(MaskGraph.of(fine, 8), friction, 0)
    memory.peak()
    before = memory.peak()

    def run():
        paths = Paths.of(network, sources, targets)
        return paths, paths.pull_back(np.ones_like(paths.distance))

    paths, gradient = benchmark.pedantic(run, rounds=1)
    assert not paths.trees
    assert np.isfinite(gradient).all()
    # distances and their derivatives, and the work of a few sources at a time
    grown = (memory.peak() - before) * 1024.0**2
    assert grown < 4.0 * paths.distance.nbytes + 500e6
