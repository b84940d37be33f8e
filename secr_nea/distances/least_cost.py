"""Least-cost distance: the cheapest way over the cells of a mask, around barriers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from secr_nea import _checks
from secr_nea._kernels.paths import (
    GEOMETRIC,
    LARGER_CONDUCTANCE,
    MEAN_CONDUCTANCE,
    MEAN_FRICTION,
)
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.distances.barriers import with_barriers
from secr_nea.distances.graph import STEPS, MaskGraph
from secr_nea.distances.metric import Ground, Measured, Metric, Values
from secr_nea.distances.paths import Network, Paths
from secr_nea.errors import DataError, ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

AVERAGES = {
    "mean_friction": MEAN_FRICTION,
    "mean_conductance": MEAN_CONDUCTANCE,
    "geometric": GEOMETRIC,
    "larger_conductance": LARGER_CONDUCTANCE,
}
"""How the frictions of two neighbouring cells make that of the step between them."""


@dataclass(frozen=True, eq=False)
class LeastCost(Metric):
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
    crossing_cost : float, metres
        What crossing a line of the barriers adds to the way; by default it cannot be crossed.
    polygon_friction : float
        Metres of way for a metre within a polygon of the barriers; by default it cannot be
        entered.
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

    neighbors: int = 16
    average: str = "mean_friction"
    graph: HabitatMask | Mapping[str, HabitatMask] | None = None
    barriers: Any = None
    crossing_cost: float = math.inf
    polygon_friction: float = math.inf
    snap_within: float = 0.0
    limit: float | None = None

    name: ClassVar[str] = "least-cost distance"

    def __post_init__(self) -> None:
        if self.neighbors not in STEPS:
            raise DataError(f"neighbors must be 4, 8 or 16; got {self.neighbors!r}.")
        if self.average not in AVERAGES:
            raise DataError(
                f"average = {self.average!r} is not known"
                f"{_checks.did_you_mean(str(self.average), AVERAGES)}; choose one of "
                f"{', '.join(AVERAGES)}."
            )
        if self.limit is not None:
            _checks.positive(self.limit, "limit")

    def parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """``noneuc`` where it has a formula."""
        return friction_names(given)

    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> LeastCostGround:
        """Lay the graph over a survey; see `Metric.ground`."""
        cells = cells_of(self.graph, mask, survey)
        graph = MaskGraph.of(cells, self.neighbors)
        if self.barriers is not None:
            graph = with_barriers(
                graph,
                self.barriers,
                crossing_cost=self.crossing_cost,
                polygon_friction=self.polygon_friction,
            )
        sites = graph.snap(traps.xy, "trap", traps.ids, self.snap_within)
        points = np.arange(graph.n_cells) if cells is mask else graph.snap(mask.xy, "mask point")
        return LeastCostGround(
            graph, sites, points, AVERAGES[self.average], self.limit or math.inf, survey
        )

    def __repr__(self) -> str:
        parts = [f"neighbors={self.neighbors}", f"average={self.average!r}"]
        parts += ["graph=..."] if self.graph is not None else []
        parts += ["barriers=..."] if self.barriers is not None else []
        parts += [f"limit={self.limit:g}"] if self.limit is not None else []
        return f"LeastCost({', '.join(parts)})"


def friction_names(given: set[str]) -> tuple[str, ...]:
    """Parameters of a metric with friction: ``noneuc`` where it has a formula.

    Parameters
    ----------
    given : set of str
    """
    refuse_parameters({"stretch_east", "stretch_northeast"} & given, "AnisotropicDistance()")
    return ("noneuc",) if "noneuc" in given else ()


def refuse_parameters(wrong: set[str], needs: str) -> None:
    """ModelError for parameters that belong to another metric.

    Parameters
    ----------
    wrong : set of str
    needs : str
        The metric that has them.
    """
    if wrong:
        raise ModelError(
            f"{', '.join(sorted(wrong))} belongs to another way of measuring distance: give "
            f"distance={needs}."
        )


def cells_of(
    graph: HabitatMask | Mapping[str, HabitatMask] | None, mask: HabitatMask, survey: str
) -> HabitatMask:
    """Cells over which the distances of a survey are measured.

    Parameters
    ----------
    graph : HabitatMask, mapping or None
        What the user gave.
    mask : HabitatMask
        Mask of the survey.
    survey : str
        Its name.

    Raises
    ------
    ModelError
        If a mapping lacks the survey, or the systems of coordinates differ.
    """
    if isinstance(graph, Mapping):
        if survey not in graph:
            raise ModelError(
                f"graph has no mask for the survey {survey!r}; it has {', '.join(graph)}."
            )
        graph = graph[survey]
    cells = mask if graph is None else graph
    if cells.crs is not None and mask.crs is not None and cells.crs != mask.crs:
        raise ModelError(
            f"The graph of distances is in {cells.crs.name}, the mask of {survey!r} in "
            f"{mask.crs.name}; make both in one system."
        )
    return cells


class LeastCostGround(Ground):
    """Least-cost distances of one survey.

    Parameters
    ----------
    graph : MaskGraph
    sites : int64 array, shape (n_traps,)
        Cell of each trap.
    points : int64 array, shape (n_points,)
        Cell of each mask point.
    average : int
    limit : float, metres
    survey : str
    """

    def __init__(
        self,
        graph: MaskGraph,
        sites: IntArray,
        points: IntArray,
        average: int,
        limit: float,
        survey: str,
    ) -> None:
        self.graph = graph
        self.cells = graph.cells
        self.sites = sites
        self.points = points
        self.average = average
        self.limit = limit
        self.survey = survey
        self._sources, self._source_of = np.unique(sites, return_inverse=True)
        self._static: Paths | None = None

    def network(self, values: Values) -> Network:
        """The graph with its step costs.

        Parameters
        ----------
        values : tuple of float64 arrays
            Friction of the cells, (n_cells,), or nothing: friction 1.
        """
        friction = values[0] if values else np.ones(self.graph.n_cells)
        return Network.of(self.graph, friction, self.average, self.limit)

    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap; see `Ground.measure`."""
        targets, further = self._targets(xy, beyond)
        paths = self._static if not values and xy is None else None
        if paths is None:
            paths = Paths.of(self.network(values), self._sources, targets)
            if not values and xy is None:
                self._static = paths
        distance = paths.distance[self._source_of]
        if further is not None:
            distance = distance + further * paths.network.friction[targets]
        n_sources = len(self._sources)

        def pull_back(d_squared: FloatArray) -> Values:
            if not values:
                return ()
            with np.errstate(invalid="ignore"):
                d_distance = np.where(np.isfinite(distance), 2.0 * distance * d_squared, 0.0)
            by_source = np.zeros((n_sources, len(targets)))
            np.add.at(by_source, self._source_of, d_distance)
            d_log = paths.pull_back(by_source)
            if further is not None:
                own = d_distance.sum(axis=0) * further * paths.network.friction[targets]
                d_log += np.bincount(targets, weights=own, minlength=len(d_log))
            return (d_log / values[0],)

        return Measured(distance**2, pull_back)

    def _targets(self, xy: FloatArray | None, beyond: bool) -> tuple[IntArray, FloatArray | None]:
        """Cell of each place, and how far beyond it the place is (None: all are inside)."""
        if xy is None:
            return self.points, None
        if not beyond:
            try:
                return self.graph.snap(np.asarray(xy), "place"), None
            except DataError as error:
                raise ModelError(
                    f"Least-cost distances of {self.survey!r} are not known everywhere: {error}"
                ) from None
        return beyond_cells(self.graph, np.asarray(xy))

    def has_way(self, trap: int, other: int) -> bool:
        """Whether two traps are in one connected part of the graph."""
        part = self.graph.components[self.sites[[trap, other]]]
        return bool(part[0] == part[1])


def beyond_cells(graph: MaskGraph, xy: FloatArray) -> tuple[IntArray, FloatArray]:
    """Cell of each place, or the nearest one, and the distance from its centre if outside.

    Parameters
    ----------
    graph : MaskGraph
    xy : float64 array, shape (n, 2), metres

    Returns
    -------
    int64 array, shape (n,)
    float64 array, shape (n,), metres
        0 for places inside.
    """
    cell = graph.grid.cell_of(xy)
    nearest, distance = graph.cells.nearest(xy)
    outside: BoolArray = cell < 0
    return np.where(outside, nearest, cell), np.where(outside, distance, 0.0)
