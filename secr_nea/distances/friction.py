"""What least-cost and commute distances share: friction of cells, barriers, who stands where."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from secr_nea.distances.metric import Ground, Metric, Values
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


@dataclass(frozen=True, eq=False, repr=False)
class FrictionMetric(Metric):
    """A distance over the cells of a mask, each with a friction; see `LeastCost` for the fields."""

    neighbors: int = 16
    average: str = "mean_friction"
    graph: HabitatMask | Mapping[str, HabitatMask] | None = None
    barriers: Any = None
    crossing_cost: float | str = math.inf
    polygon_friction: float | str = math.inf
    snap_within: float = 0.0

    def __post_init__(self) -> None:
        if self.neighbors not in STEPS:
            raise DataError(f"neighbors must be 4, 8 or 16; got {self.neighbors!r}.")
        if self.average not in AVERAGES:
            raise DataError(
                f"average = {self.average!r} is not known"
                f"{_checks.did_you_mean(str(self.average), AVERAGES)}; choose one of "
                f"{', '.join(AVERAGES)}."
            )
        least = {"crossing_cost": 0.0, "polygon_friction": 1.0, "snap_within": 0.0}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not isinstance(value, str) and not value >= lowest:
                raise DataError(f"{name} must be a number of {lowest:g} or more; got {value!r}.")
        costs = (self.crossing_cost, self.polygon_friction)
        if self.barriers is None and costs != (math.inf, math.inf):
            raise DataError(
                "crossing_cost and polygon_friction say what barriers cost; give barriers= too."
            )

    def parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """``noneuc`` where it has a formula; see `Metric.parameter_names`."""
        refuse_parameters({"stretch_east", "stretch_northeast"} & given, "AnisotropicDistance()")
        return ("noneuc",) if "noneuc" in given else ()

    def lay(
        self, traps: TrapArray, mask: HabitatMask, survey: str
    ) -> tuple[MaskGraph, IntArray, IntArray]:
        """Graph of a survey with its barriers, and the cells of traps and mask points.

        Parameters
        ----------
        traps : TrapArray
        mask : HabitatMask
        survey : str

        Returns
        -------
        MaskGraph
        int64 array, shape (n_traps,)
        int64 array, shape (n_points,)
        """
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
        return graph, sites, points

    def __repr__(self) -> str:
        parts = [f"neighbors={self.neighbors}", f"average={self.average!r}"]
        parts += [f"{n}=..." for n in ("graph", "barriers") if getattr(self, n) is not None]
        limit = getattr(self, "limit", None)
        parts += [f"limit={limit:g}"] if limit is not None else []
        return f"{type(self).__name__}({', '.join(parts)})"


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
    if not isinstance(cells, HabitatMask):
        raise ModelError(
            "graph must be a HabitatMask (or a mapping of survey name to HabitatMask) whose cells "
            f"the ways lead over; got {type(cells).__name__}."
        )
    if cells.crs is not None and mask.crs is not None and cells.crs != mask.crs:
        raise ModelError(
            f"The graph of distances is in {cells.crs.name}, the mask of {survey!r} in "
            f"{mask.crs.name}; make both in one system."
        )
    return cells


class CellGround(Ground):
    """Distances of one survey over the cells of a graph.

    Parameters
    ----------
    graph : MaskGraph
    sites : int64 array, shape (n_traps,)
        Cell of each trap.
    points : int64 array, shape (n_points,)
        Cell of each mask point.
    average : int
        How two frictions make that of a step.
    survey : str
    """

    cure = (
        "Give LeastCost(graph=...) a mask that joins them (habitat that animals cross without "
        "living there belongs to the graph), more neighbors, or barriers that can be crossed "
        "(crossing_cost=...)."
    )

    def __init__(
        self, graph: MaskGraph, sites: IntArray, points: IntArray, average: int, survey: str
    ) -> None:
        self.graph = graph
        self.cells: HabitatMask = graph.cells
        self.sites = sites
        self.points = points
        self.average = average
        self.survey = survey
        self.sources, self.source_of = np.unique(sites, return_inverse=True)

    def friction(self, values: Values) -> FloatArray:
        """Friction of the cells, (n_cells,): what was given, or 1."""
        n = self.graph.n_cells
        friction = values[0] if values else np.ones(n)
        if friction.shape != (n,):
            # compiled code does not look whether it reads beyond the end
            raise DataError(
                f"friction must hold one number for each of the {n:,} cells of the distance; got "
                f"shape {friction.shape}."
            )
        return friction

    def targets(self, xy: FloatArray | None, beyond: bool) -> tuple[IntArray, FloatArray | None]:
        """Cell of each place, and how far beyond it the place is (None: all are inside)."""
        if xy is None:
            return self.points, None
        if not beyond:
            try:
                return self.graph.snap(np.asarray(xy), "place"), None
            except DataError as error:
                raise ModelError(
                    f"Distances of {self.survey!r} are not known everywhere: {error}"
                ) from None
        return _beyond_cells(self.graph, np.asarray(xy))

    def by_source(self, d_distance: FloatArray) -> FloatArray:
        """Sums over the traps that share a cell, (n_sources, n_targets)."""
        total = np.zeros((len(self.sources), d_distance.shape[1]))
        for i, row in zip(self.source_of, d_distance, strict=True):
            total[i] += row
        return total

    def has_way(self, trap: int, other: int) -> bool:
        """Whether two traps are in one connected part of the graph."""
        part = self.graph.components[self.sites[[trap, other]]]
        return bool(part[0] == part[1])


def _beyond_cells(graph: MaskGraph, xy: FloatArray) -> tuple[IntArray, FloatArray]:
    """Cell of each place, or the nearest one, and how far outside it is from that one's centre."""
    cell = graph.grid.cell_of(xy)
    nearest, distance = graph.cells.nearest(xy)
    outside: BoolArray = cell < 0
    return np.where(outside, nearest, cell), np.where(outside, distance, 0.0)
