"""Shortest paths from several cells of a graph, on all threads, and what they owe to friction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from secr_nea._kernels.paths import (
    carry_to_source,
    friction_adjoint,
    shortest_paths,
    step_costs,
)
from secr_nea._numba import get_threads, run_tasks
from secr_nea._typing import FloatArray, Int32Array, IntArray
from secr_nea.distances.graph import MaskGraph

# Buckets pay while the dearest step costs at most so many of the cheapest; then scipy's heap does.
_MOST_BUCKETS = 100_000
# Trees (sources x cells) up to this size are kept for the gradient, else grown again.
_KEPT = 20_000_000
_PARTS = 8


@dataclass(frozen=True, eq=False)
class Network:
    """A graph with the cost of every step.

    Parameters
    ----------
    graph : MaskGraph
    friction : float64 array, shape (n_cells,)
    average : int
        How two frictions make that of a step; see `secr_nea._kernels.paths`.
    limit : float, metres
        Cells farther than this are not reached.
    cost : float64 array, shape (n_cells, n_steps), metres
    """

    graph: MaskGraph
    friction: FloatArray
    average: int
    limit: float
    cost: FloatArray

    @classmethod
    def of(
        cls, graph: MaskGraph, friction: FloatArray, average: int, limit: float = np.inf
    ) -> Network:
        """Cost of every step for given frictions of the cells.

        Parameters
        ----------
        graph : MaskGraph
        friction : float64 array, shape (n_cells,), above 0
        average : int
        limit : float, metres

        Returns
        -------
        Network
        """
        cost = np.empty(graph.table.shape)
        step_costs(graph.table, graph.lengths, friction, graph.extra, average, cost)
        return cls(graph, friction, average, limit, cost)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.graph.n_cells

    @cached_property
    def buckets(self) -> tuple[float, int]:
        """Width and number of buckets (a power of 2); 0 where costs are too unequal for them."""
        least = float(self.cost.min(initial=np.inf))
        if not np.isfinite(least):
            return 1.0, 4
        dearest = float(np.max(self.cost, where=np.isfinite(self.cost), initial=0.0))
        if not 0.0 < least <= dearest <= _MOST_BUCKETS * least:
            return 1.0, 0
        return least, 1 << (int(dearest / least) + 3).bit_length()

    def tree(self, source: int) -> tuple[FloatArray, Int32Array]:
        """Least cost to every cell from one, and the cell before each on its path.

        Parameters
        ----------
        source : int

        Returns
        -------
        float64 array, shape (n_cells,), metres
            Infinite where there is no way.
        int32 array, shape (n_cells,)
            -1 at the source and where there is no way.
        """
        width, n_buckets = self.buckets
        if not n_buckets:
            return self._scipy_tree(source)
        distance, parent = np.empty(self.n_cells), np.empty(self.n_cells, dtype=np.int32)
        shortest_paths(
            source, self.graph.table, self.cost, width, n_buckets, self.limit, distance, parent
        )
        return distance, parent

    def nearest_tree(self, sources: IntArray) -> tuple[FloatArray, Int32Array]:
        """Least cost to every cell from the nearest of several, and the cell before each.

        Parameters
        ----------
        sources : int64 array, shape (n_sources,)

        Returns
        -------
        As from `tree`.
        """
        distance, parent, _ = sparse.csgraph.dijkstra(
            self._matrix(), indices=sources, return_predecessors=True, min_only=True
        )
        return distance, np.maximum(parent, -1).astype(np.int32)

    def _matrix(self) -> sparse.csr_matrix[np.float64]:
        """Step costs as a sparse matrix, (n_cells, n_cells)."""
        u, k = np.nonzero(np.isfinite(self.cost))
        entries = (self.cost[u, k], (u, self.graph.table[u, k]))
        return sparse.csr_matrix(entries, shape=(self.n_cells, self.n_cells))

    def _scipy_tree(self, source: int) -> tuple[FloatArray, Int32Array]:
        distance, parent = sparse.csgraph.dijkstra(
            self._matrix(), indices=np.array([source]), return_predecessors=True, limit=self.limit
        )
        return distance[0], np.maximum(parent[0], -1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Paths:
    """Least-cost distances from some cells to others, with what the gradient needs.

    Parameters
    ----------
    network : Network
    sources : int64 array, shape (n_sources,)
    targets : int64 array, shape (n_targets,)
    distance : float64 array, shape (n_sources, n_targets), metres
    trees : list of (distance, parent)
        Tree of each source; empty where they would take too much memory.
    """

    network: Network
    sources: IntArray
    targets: IntArray
    distance: FloatArray
    trees: list[tuple[FloatArray, Int32Array]]

    @classmethod
    def of(
        cls, network: Network, sources: IntArray, targets: IntArray, *, keep: bool = True
    ) -> Paths:
        """Grow the tree of every source and read off the distances to the targets.

        Parameters
        ----------
        network : Network
        sources : int64 array, shape (n_sources,)
        targets : int64 array, shape (n_targets,)
        keep : bool
            Whether the trees are kept for the gradient, unless they are too large for that.

        Returns
        -------
        Paths
        """
        network.buckets  # noqa: B018  (once, before the threads ask for it)
        distance = np.empty((len(sources), len(targets)))
        whole = _is_whole(targets, network.n_cells)
        keep = keep and len(sources) * network.n_cells <= _KEPT
        trees: list[tuple[FloatArray, Int32Array]] = [_NO_TREE] * (len(sources) if keep else 0)

        def work(part: Sequence[int]) -> None:
            for i in part:
                tree = network.tree(int(sources[i]))
                distance[i] = tree[0] if whole else tree[0][targets]
                if keep:
                    trees[i] = tree

        run_tasks(work, range(len(sources)), get_threads())
        return cls(network, sources, targets, distance, trees)

    def pull_back(self, d_distance: FloatArray) -> FloatArray:
        """Derivative to the logarithm of the friction of every cell.

        Parameters
        ----------
        d_distance : float64 array, shape (n_sources, n_targets)
            Derivative of a number to each distance; 0 where there is no way.

        Returns
        -------
        float64 array, shape (n_cells,)

        Notes
        -----
        A distance changes as the steps on its path do. The derivatives are carried up the tree of
        each source, from the farthest cells to the source, so that each step receives the sum over
        all paths that use it: one pass, whatever the number of coefficients. Where two paths are
        equally long the derivative is that of one of them.
        """
        whole = _is_whole(self.targets, self.network.n_cells)
        # A fixed number of parts: the sum is the same, bit for bit, for any number of threads.
        edges = np.linspace(0, len(self.sources), _PARTS + 1).astype(int)
        sums = np.zeros((_PARTS, self.network.n_cells))

        def work(part: Sequence[int]) -> None:
            for t in part:
                for i in range(edges[t], edges[t + 1]):
                    self._pull_back_tree(i, d_distance[i], whole, sums[t])

        run_tasks(work, range(_PARTS), get_threads())
        return np.asarray(sums.sum(axis=0))

    def _pull_back_tree(self, i: int, d_distance: FloatArray, whole: bool, out: FloatArray) -> None:
        """Add the part of one source; ``whole`` where every cell is a target, in its order."""
        network = self.network
        distance, parent = self.trees[i] if self.trees else network.tree(int(self.sources[i]))
        flow = d_distance.copy() if whole else sum_at(self.targets, d_distance, network.n_cells)
        carry_to_source(parent, flow)
        friction_adjoint(
            distance,
            parent,
            flow,
            network.friction,
            network.graph.table,
            network.graph.extra,
            network.average,
            out,
        )


def _is_whole(targets: IntArray, n_cells: int) -> bool:
    """Whether the targets are all cells in their order."""
    return len(targets) == n_cells and bool((targets == np.arange(n_cells)).all())


def sum_at(cell: IntArray, values: FloatArray, n_cells: int) -> FloatArray:
    """Sums of the values at each cell, (n_cells,).

    Parameters
    ----------
    cell : int64 array, shape (n,)
    values : float64 array, shape (n,)
    n_cells : int
    """
    return np.bincount(cell, weights=values, minlength=n_cells).astype(np.float64, copy=False)


_NO_TREE: tuple[FloatArray, Int32Array] = (np.empty(0), np.empty(0, dtype=np.int32))
