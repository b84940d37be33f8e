"""Least-cost distances from all cameras over a graph, and their derivatives, without a survey."""

from __future__ import annotations

from functools import cache

import numpy as np
import plain
import ways
from problems import grid

import secr_nea as sn
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.paths import Network, Paths

GRAPHS = {"8,469 cells": (150, 57, 8469), "250,000 cells": (500, 500, 250_000)}
N_CAMERAS = 40
CASES = (("8,469 cells", 8, 5), ("8,469 cells", 16, 5), ("250,000 cells", 8, 1))
"""Graph, neighbours of a cell, and how often it is timed."""


@cache
def network(name, neighbors):
    """A graph with invented friction, and the cells of the cameras."""
    n_columns, n_rows, n_cells = GRAPHS[name]
    xy = grid(n_columns, n_rows, 1000.0)[:n_cells]
    graph = MaskGraph.of(sn.HabitatMask(xy, spacing=1000.0, cell_area=1.0), neighbors)
    friction = np.exp(0.5 * np.sin(xy[:, 0] / 9e3) * np.cos(xy[:, 1] / 7e3))
    cameras = np.random.default_rng(1).choice(n_cells, N_CAMERAS, replace=False)
    return graph, friction, cameras


@cache
def by_scipy(name, neighbors):
    """The answer."""
    return plain.least_cost(*network(name, neighbors))


def distances(name, neighbors, way):
    """A function without arguments: distances from all cameras to all cells."""
    graph, friction, cameras = network(name, neighbors)
    if way is ways.PLAIN:
        return lambda: plain.least_cost(graph, friction, cameras)
    return lambda: paths(graph, friction, cameras).distance


def with_derivatives(name, neighbors):
    """A function without arguments: distances, and the derivative of their sum to all frictions."""
    graph, friction, cameras = network(name, neighbors)

    def run():
        found = paths(graph, friction, cameras)
        return found.pull_back(np.ones_like(found.distance))

    return run


def paths(graph, friction, cameras):
    everywhere = np.arange(graph.n_cells)
    return Paths.of(Network.of(graph, friction, 0), cameras, everywhere)


def rows():
    """Lines of a table in Markdown."""
    for name, neighbors, repetitions in CASES:
        both = with_derivatives(name, neighbors)
        functions = [(way, distances(name, neighbors, way)) for way in ways.WAYS]
        functions += [(ways.ONE, both), (ways.TWO, both)]
        assert_distances(name, neighbors)
        best = ways.seconds(functions, repetitions).min(axis=1)
        cells = " | ".join(ways.milliseconds(one) for one in best)
        yield f"| {name} | {neighbors} | {cells} | {best[0] / best[1]:.1f} |"


def assert_distances(name, neighbors):
    """Every way gives SciPy's distances; and distances double where all frictions do."""
    expected = by_scipy(name, neighbors)
    for way in (ways.ONE, ways.TWO):
        answer = ways.prepared(distances(name, neighbors, way), way)()
        np.testing.assert_allclose(answer, expected, rtol=1e-12)
    np.testing.assert_allclose(with_derivatives(name, neighbors)().sum(), expected.sum(), rtol=1e-9)
