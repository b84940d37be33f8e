"""Least-cost distance: the cheapest way over the cells of a mask, around barriers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances.friction import AVERAGES, CellGround, FrictionMetric
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.metric import Measured, Values
from secr_nea.distances.paths import Network, Paths, sum_at
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray


@dataclass(frozen=True, eq=False, repr=False)
class LeastCost(FrictionMetric):
    """Distance along the cheapest way over the cells of a mask; read-only.

    A step from a cell to a neighbour costs its length in metres times the friction of the step.
    With a formula for ``noneuc`` friction is ``exp(X b)`` and ``b`` is estimated: animals avoid
    cells where ``X b`` is above 0 and follow those where it is below 0. Friction 1 everywhere (all
    ``b`` = 0, or no formula) is the length of the way.

    Parameters
    ----------
    neighbors : {4, 8, 16}
        Cells that one step can reach. Even where friction is the same everywhere, ways over a grid
        are longer than straight lines: by up to 41, 8 or 3 per cent.
    average : str
        Friction of a step between two cells: ``"mean_friction"``; ``"mean_conductance"``
        (conductance is 1 / friction; R's ``nedist``); ``"geometric"``; or
        ``"larger_conductance"``, which is that of the easier cell.
    graph : HabitatMask, or mapping of survey name to HabitatMask, optional
        Cells of the way, which may be smaller than those of the survey's mask, or reach farther;
        the survey's mask by default. The covariates of ``noneuc`` are those of these cells.
    barriers : vector file, GeoDataFrame or shapely lines and polygons, optional
        What is in the way, whatever the friction.
    crossing_cost : float, metres, or str
        What crossing a line of the barriers adds to the way; by default it cannot be crossed. Or
        the column of the layer that says so for each line, missing where it cannot be crossed.
    polygon_friction : float or str
        Metres of way for a metre within a polygon of the barriers; by default it cannot be
        entered. Or a column, likewise.
    snap_within : float, metres
        A trap outside the cells moves to the nearest centre if that is at most so far away.
    limit : float, metres, optional
        Ways that cost more are not looked for: what is farther is unreachable.

    Notes
    -----
    Traps and mask points move to the centre of the cell that holds them. Where there is no way the
    distance is infinite, and nothing is detected.

    References
    ----------
    Royle, J. A., Chandler, R. B., Gazenski, K. D. and Graves, T. A. (2013) Spatial
    capture-recapture models for jointly estimating population density and landscape connectivity.
    Ecology 94, 287-294.

    Examples
    --------
    >>> LeastCost(neighbors=8)
    LeastCost(neighbors=8, average='mean_friction')
    """

    limit: float | None = None

    name: ClassVar[str] = "least-cost distance"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit is not None:
            _checks.positive(self.limit, "limit")

    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> LeastCostGround:
        """Lay the graph over a survey; see `Metric.ground`."""
        graph, sites, points = self.lay(traps, mask, survey)
        limit = self.limit or math.inf
        return LeastCostGround(graph, sites, points, AVERAGES[self.average], survey, limit)


class LeastCostGround(CellGround):
    """Least-cost distances of one survey.

    Parameters
    ----------
    graph, sites, points, average, survey
        As for `CellGround`.
    limit : float, metres
    """

    def __init__(
        self,
        graph: MaskGraph,
        sites: IntArray,
        points: IntArray,
        average: int,
        survey: str,
        limit: float,
    ) -> None:
        super().__init__(graph, sites, points, average, survey)
        self.limit = limit
        if not math.isinf(limit):
            self.cure = f"Ways end at limit={limit:g} m: give a larger one, or none. {self.cure}"
        self._static: Paths | None = None

    def network(self, values: Values) -> Network:
        """The graph with its step costs.

        Parameters
        ----------
        values : tuple of float64 arrays
            Friction of the cells, (n_cells,), or nothing: friction 1.
        """
        return Network.of(self.graph, self.friction(values), self.average, self.limit)

    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap; see `Ground.measure`."""
        targets, further = self.targets(xy, beyond)
        paths = self._static if not values and xy is None else None
        if paths is None:
            paths = Paths.of(self.network(values), self.sources, targets)
            if not values and xy is None:
                self._static = paths
        distance = paths.distance[self.source_of]
        if further is not None:
            distance = distance + further * paths.network.friction[targets]

        def pull_back(d_squared: FloatArray) -> Values:
            if not values:
                return ()
            with np.errstate(invalid="ignore"):
                d_distance = np.where(np.isfinite(distance), 2.0 * distance * d_squared, 0.0)
            d_log = paths.pull_back(self.by_source(d_distance))
            if further is not None:
                own = d_distance.sum(axis=0) * further * paths.network.friction[targets]
                d_log += sum_at(targets, own, len(d_log))
            return (d_log / values[0],)

        return Measured(distance**2, pull_back)

    def has_way(self, trap: int, other: int) -> bool:
        """Whether two traps are joined; with a limit: whether some cell is within it of both."""
        joined = super().has_way(trap, other)
        if not joined or math.isinf(self.limit):
            return joined
        plain = Network.of(self.graph, np.ones(self.graph.n_cells), self.average, self.limit)
        both = np.isfinite([plain.tree(int(self.sites[k]))[0] for k in (trap, other)]).all(axis=0)
        return bool(both.any())

    def between(self, values: Values, reach: float = math.inf) -> Callable[[IntArray], FloatArray]:
        """Distances between mask points; see `Ground.between`."""
        network = replace(self.network(values), limit=min(self.limit, reach))

        def of(points: IntArray) -> FloatArray:
            return Paths.of(network, self.points[points], self.points, keep=False).distance

        return of
