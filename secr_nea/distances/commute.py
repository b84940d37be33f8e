"""Commute distance: how well two cells are joined by all ways at once, as resistors are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from secr_nea._kernels.paths import step_costs
from secr_nea._kernels.resistance import edge_adjoint, selected_inverse
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.distances.friction import AVERAGES, CellGround, FrictionMetric
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.metric import Measured, Values
from secr_nea.distances.paths import sum_at
from secr_nea.errors import ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

_MOST_CELLS = 200_000


@dataclass(frozen=True, eq=False, repr=False)
class CommuteDistance(FrictionMetric):
    """Resistance between cells: many ways count, not only the cheapest; read-only.

    Every step is a resistor of its cost (length in metres times friction), and the distance is
    the effective resistance between two cells. It is proportional to the mean time that a random
    walk needs from one to the other and back (commute time = resistance x the sum of all
    conductances), so that the two give the same model up to the value of sigma. The parameters
    are those of `LeastCost`; ``neighbors`` is 8 by default.

    Notes
    -----
    On an open plain resistance grows with the logarithm of distance, and it depends on the side of
    the cells: sigma is a resistance here, not a length on the ground. Up to 200,000 cells.

    References
    ----------
    McRae, B. H. et al. (2008) Using circuit theory to model connectivity in ecology, evolution and
    conservation. Ecology 89, 2712-2724. Chandra, A. K. et al. (1996) The electrical resistance of
    a graph captures its commute and cover times. Computational Complexity 6, 312-340.
    """

    neighbors: int = 8

    name: ClassVar[str] = "resistance"
    sigma_unit: ClassVar[str] = "of resistance"

    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> CommuteGround:
        """Lay the graph over a survey; see `Metric.ground`."""
        graph, sites, points = self.lay(traps, mask, survey)
        if graph.n_cells > _MOST_CELLS:
            raise ModelError(
                f"Commute distances need the inverse of a matrix of all cells; {graph.n_cells:,} "
                f"are too many (at most {_MOST_CELLS:,}). Give graph= a coarser mask, or use "
                "LeastCost()."
            )
        return CommuteGround(graph, sites, points, AVERAGES[self.average], survey)


class CommuteGround(CellGround):
    """Resistances of one survey."""

    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap; see `Ground.measure`."""
        targets, further = self.targets(xy, beyond)
        friction = self.friction(values)
        circuit = Circuit.of(self.graph, friction, self.average)
        columns = circuit.columns(self.sources)
        resistance = circuit.resistance(columns, self.sources, targets)
        distance = resistance[self.source_of]
        if further is not None:
            distance = distance + further * friction[targets]

        def pull_back(d_squared: FloatArray) -> Values:
            if not values:
                return ()
            with np.errstate(invalid="ignore"):
                d_distance = np.where(np.isfinite(distance), 2.0 * distance * d_squared, 0.0)
            n_cells = self.graph.n_cells
            rows = self.by_source(d_distance)
            by_source = np.stack([sum_at(targets, row, n_cells) for row in rows])
            d_log = circuit.pull_back(columns, self.sources, by_source)
            if further is not None:
                own = d_distance.sum(axis=0) * further * friction[targets]
                d_log += sum_at(targets, own, len(d_log))
            return (d_log / values[0],)

        return Measured(distance**2, pull_back)

    def between(self, values: Values, reach: float = np.inf) -> Callable[[IntArray], FloatArray]:
        """Distances between mask points; see `Ground.between`."""
        circuit = Circuit.of(self.graph, self.friction(values), self.average)

        def of(points: IntArray) -> FloatArray:
            sources = self.points[points]
            return circuit.resistance(circuit.columns(sources), sources, self.points)

        return of


@dataclass(frozen=True, eq=False)
class Circuit:
    """Cells joined by resistors; one cell of each connected part is at potential 0.

    Parameters
    ----------
    graph : MaskGraph
    friction : float64 array, shape (n_cells,)
    average : int
    u, v : int64 arrays, shape (n_edges,)
        Ends of the resistors.
    cost, extra : float64 arrays, shape (n_edges,), metres
        Resistances, and the part of them that barriers add.
    free : bool array, shape (n_cells,)
        Cells whose potential is not held at 0.
    matrix : sparse array, shape (n_free, n_free)
        Laplacian of the conductances over the free cells.
    factor : SuperLU or None
        Of the matrix, with symmetric pivots.
    diagonal : float64 array, shape (n_cells,)
        Of the inverse; 0 at cells that are not free.
    """

    graph: MaskGraph
    friction: FloatArray
    average: int
    u: IntArray
    v: IntArray
    cost: FloatArray
    extra: FloatArray
    free: BoolArray
    matrix: Any
    factor: SuperLU | None
    diagonal: FloatArray

    @classmethod
    def of(cls, graph: MaskGraph, friction: FloatArray, average: int) -> Circuit:
        """Resistors for given frictions of the cells.

        Parameters
        ----------
        graph : MaskGraph
        friction : float64 array, shape (n_cells,), above 0
        average : int

        Returns
        -------
        Circuit
        """
        costs = np.empty(graph.table.shape)
        step_costs(graph.table, graph.lengths, friction, graph.extra, average, costs)
        u, k = np.nonzero(graph.table > np.arange(graph.n_cells)[:, None])
        v = graph.table[u, k].astype(np.int64)
        cost = costs[u, k]
        extra = graph.extra[u, k] if graph.extra.size else np.zeros(len(u))
        free = np.ones(graph.n_cells, dtype=bool)
        free[np.unique(graph.components, return_index=True)[1]] = False
        matrix = _laplacian(u, v, 1.0 / cost, free)
        factor = _factor(matrix)
        diagonal = np.zeros(graph.n_cells)
        if factor is not None:
            diagonal[free] = _inverse_on_pattern(factor)[0]
        return cls(graph, friction, average, u, v, cost, extra, free, matrix, factor, diagonal)

    def columns(self, cells: IntArray) -> FloatArray:
        """Columns of the inverse, shape (n_cells, n_chosen)."""
        return self._solved(_unit_columns(cells, self.graph.n_cells))

    def _solved(self, right: FloatArray) -> FloatArray:
        """Potentials for currents at the cells, both (n_cells, n_columns)."""
        out = np.zeros_like(right)
        if self.factor is not None:
            out[self.free] = self.factor.solve(np.ascontiguousarray(right[self.free]))
        return out

    def resistance(self, columns: FloatArray, sources: IntArray, targets: IntArray) -> FloatArray:
        """Resistance between cells, (n_sources, n_targets); infinite between separate parts.

        R_st = G_ss + G_tt - 2 G_st, with G the inverse.
        """
        part = self.graph.components
        own = self.diagonal[sources][:, None]
        found = own + self.diagonal[targets] - 2.0 * columns[targets].T
        joined = part[sources][:, None] == part[targets]
        return np.where(joined, np.maximum(found, 0.0), np.inf)

    def pull_back(
        self, columns: FloatArray, sources: IntArray, d_resistance: FloatArray
    ) -> FloatArray:
        """Derivative to the log friction of every cell.

        Parameters
        ----------
        columns : float64 array, shape (n_cells, n_sources)
            From `columns`.
        sources : int64 array, shape (n_sources,)
        d_resistance : float64 array, shape (n_sources, n_cells)
            Derivative of a number to each resistance.

        Returns
        -------
        float64 array, shape (n_cells,)

        Notes
        -----
        dR_st / dg_uv = -(difference at u and v of the potentials of a unit current from s to t)^2.
        Summed over s and t this needs G diag(c) G at neighbouring cells only, which is the
        imaginary part of a selected inverse of A + i h diag(c): exact, and no column of G for
        each target.
        """
        by_source, by_target = d_resistance.sum(axis=1), d_resistance.sum(axis=0)
        spread = self._solved(np.ascontiguousarray(d_resistance.T))
        potential = columns[self.u] - columns[self.v]
        change = spread[self.u] - spread[self.v]
        total = potential**2 @ by_source - 2.0 * (potential * change).sum(axis=1)
        total += self._squared_differences(by_target)
        d_conductance = -total
        # g = 1 / cost, so d g / d log cost = -g; barriers do not change with friction
        d_log_cost = -d_conductance / self.cost * (1.0 - self.extra / self.cost)
        out = np.zeros(self.graph.n_cells)
        edge_adjoint(self.u, self.v, d_log_cost, self.friction, self.average, out)
        return out

    def _squared_differences(self, weight: FloatArray) -> FloatArray:
        """sum_t weight_t (G_ut - G_vt)^2 for every edge, (n_edges,)."""
        inner = np.zeros(self.graph.n_cells)
        between = np.zeros(len(self.u))
        largest = float(np.abs(weight[self.free]).max(initial=0.0))
        if self.factor is None or largest == 0.0:
            return between
        step = 1e-30 * float(self.matrix.diagonal().min()) / largest
        shifted = self.matrix + sparse.diags_array(1j * step * weight[self.free])
        factor = _factor(sparse.csc_array(shifted))
        assert factor is not None
        diagonal, below, pattern = _inverse_on_pattern(factor)
        inner[self.free] = -diagonal.imag / step
        number = np.cumsum(self.free) - 1
        both = self.free[self.u] & self.free[self.v]
        between[both] = (
            -_looked_up(below, pattern, number[self.u[both]], number[self.v[both]]).imag / step
        )
        return np.asarray(inner[self.u] + inner[self.v] - 2.0 * between)


def _unit_columns(cells: IntArray, n: int) -> FloatArray:
    right = np.zeros((n, len(cells)))
    right[cells, np.arange(len(cells))] = 1.0
    return right


def _laplacian(u: IntArray, v: IntArray, conductance: FloatArray, free: BoolArray) -> Any:
    """Laplacian of the conductances, over the free cells."""
    n = len(free)
    both = sparse.coo_array((conductance, (u, v)), shape=(n, n)).tocsr()
    both = both + both.T
    whole: Any = sparse.diags_array(np.asarray(both.sum(axis=0))) - both
    kept = np.flatnonzero(free)
    return sparse.csc_array(whole.tocsr()[kept][:, kept])


def _factor(matrix: Any) -> SuperLU | None:
    """L D L' of a symmetric matrix whose diagonal is the best pivot; None for an empty one."""
    if not matrix.shape[0]:
        return None
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


_Pattern = tuple[IntArray, IntArray, IntArray]


def _inverse_on_pattern(factor: SuperLU) -> tuple[Any, Any, _Pattern]:
    """Diagonal of the inverse, its elements below it, and (start, row, position of each cell).

    The diagonal is in the order of the matrix; the elements below it in that of the factor.
    """
    lower = sparse.tril(factor.L, k=-1, format="csc")
    lower.sort_indices()
    start, row = lower.indptr.astype(np.int64), lower.indices.astype(np.int64)
    pivot = factor.U.diagonal()
    diagonal, below = np.empty_like(pivot), np.empty_like(lower.data)
    selected_inverse(start, row, lower.data, pivot, diagonal, below)
    position = factor.perm_c.astype(np.int64)
    return diagonal[position], below, (start, row, position)


def _looked_up(below: Any, pattern: _Pattern, i: IntArray, j: IntArray) -> Any:
    """Elements of the inverse between cells i and j, which must be neighbours."""
    start, row, position = pattern
    first, second = position[i], position[j]
    column, wanted = np.minimum(first, second), np.maximum(first, second)
    n = len(start) - 1
    keys = np.repeat(np.arange(n), np.diff(start)) * n + row
    return below[np.searchsorted(keys, column * n + wanted)]
