"""Connectivity of a landscape for its animals: who reaches where, and by which way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from secr_nea._kernels.paths import add_crossed, carry_to_source
from secr_nea._numba import get_threads, run_tasks
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.distances.least_cost import LeastCostGround
from secr_nea.distances.paths import Network
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import population_index, survey_index
from secr_nea.inference.expected_use import Kernel
from secr_nea.mask import HabitatMask
from secr_nea.mask_builders import inside, polygon_geometry
from secr_nea.units import animals_per_cell

if TYPE_CHECKING:
    import geopandas
    import xarray

_PARTS = 8


def connectivity(
    estimate: Estimate,
    *,
    survey: str | None = None,
    group: str | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Potential and density-weighted connectivity, and the corridors of the expected movement.

    An animal with its centre in cell s is in cell g with a chance in proportion to the fitted
    hazard of detection at the least-cost distance of s and g, averaged over traps (by effort) and
    classes as for `expected_use`. Its way from its centre to g is the cheapest one.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``distance=LeastCost(...)``.
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    progress : bool
        Whether to show a bar when it takes more than a few seconds.

    Returns
    -------
    xarray.Dataset
        Over the cells of the distance, (y, x) in metres, nan outside:

        - ``potential``: what each cell is worth to animals if one lived in every cell (1 on
          average): sum over s of Pr(g | s);
        - ``density_weighted``: expected number of animals per cell at any moment: sum over s of
          N_s Pr(g | s), N_s being the expected animals of cell s;
        - ``corridor``: expected number of animals whose way from their centre to where they are
          leads through the cell (its ends included, and what a knight's move crosses).

        Friction (``friction``) is given beside them.

    Raises
    ------
    ModelError
        If the model has no least-cost distance, or no density.

    Notes
    -----
    Ways are grown from every mask cell, out to the reach of the detection function; the time
    grows with the square of the number of cells. Movement is that within home ranges, not
    dispersal.

    References
    ----------
    Fuller, A. K., Sutherland, C. S., Royle, J. A. and Hare, M. P. (2016) Estimating population
    density and connectivity of American mink using spatial capture-recapture. Ecological
    Applications 26, 1125-1135. Morin, D. J., Fuller, A. K., Royle, J. A. and Sutherland, C. (2017)
    Model-based estimators of density and connectivity to inform conservation of spatially
    structured populations. Ecosphere 8, e01623.
    """
    import xarray

    b, ground, network = _network(estimate, survey)
    p = population_index(estimate, survey, group)
    mask = estimate.model.surveys[b].mask
    animals = animals_per_cell(point_density(estimate, p).value, mask.cell_area)
    kernel = Kernel.of(estimate, b, group)
    sums = _sums(network, ground.points, animals, kernel, progress)
    cells = ground.graph.cells
    words = {
        "potential": ("use by one animal in every cell", "1"),
        "density_weighted": ("expected animals", "animals per cell"),
        "corridor": ("expected animals on their way", "animals per cell"),
    }
    arrays = {}
    for (name, (label, unit)), values in zip(words.items(), sums, strict=True):
        arrays[name] = cells.to_xarray(values, name=name, units=unit)
        arrays[name].attrs["long_name"] = label
    arrays["friction"] = cells.to_xarray(network.friction, name="friction", units="1")
    found = xarray.Dataset(arrays)
    found.attrs = {
        "title": "Connectivity from spatial capture-recapture",
        "distance": repr(estimate.model.metric),
        "survey": estimate.model.surveys[b].name,
    }
    return found


def _network(estimate: Estimate, survey: str | None) -> tuple[int, LeastCostGround, Network]:
    """Survey, ground and step costs of a model with least-cost distances."""
    b = survey_index(estimate, survey)
    design = estimate.model.metric_design
    ground = None if design is None else design.grounds[b]
    if design is None or not isinstance(ground, LeastCostGround):
        raise ModelError(
            "Ways need a model with distance=LeastCost(...) (with or without a formula for "
            f"noneuc); this one has {estimate.model.metric or 'straight distances'}."
        )
    return b, ground, ground.network(design.values(estimate.coefficients, b))


def _sums(
    network: Network, points: IntArray, animals: FloatArray, kernel: Kernel, progress: bool
) -> FloatArray:
    """The three surfaces, (3, n_cells), summed over the mask points."""
    limited = replace(network, limit=min(network.limit, kernel.reach))
    limited.buckets  # noqa: B018  (once, before the threads ask for it)
    grid = network.graph.grid
    bar = tqdm(total=len(points), unit=" cells", delay=3.0, leave=False, disable=not progress)
    edges = np.linspace(0, len(points), _PARTS + 1).astype(int)
    sums = np.zeros((_PARTS, 3, network.n_cells))

    def work(parts: Sequence[int]) -> None:
        for t in parts:
            for m in range(edges[t], edges[t + 1]):
                distance, parent = limited.tree(int(points[m]))
                use = kernel.shares(np.array([m]), distance[None] ** 2)[0]
                sums[t, 0] += use
                use *= animals[m]
                sums[t, 1] += use
                carry_to_source(parent, use)
                sums[t, 2] += use
                add_crossed(parent, use, grid.column, grid.row, grid.lookup, sums[t, 2])
                bar.update()

    with bar:
        run_tasks(work, range(_PARTS), get_threads())
    return np.asarray(sums.sum(axis=0))


def least_cost_path(
    estimate: Estimate, begin: Any, end: Any, *, survey: str | None = None
) -> geopandas.GeoDataFrame:
    """Cheapest way between two areas, such as protected areas on both sides of a border.

    Parameters
    ----------
    estimate : Estimate
        A fit with ``distance=LeastCost(...)``.
    begin, end : vector file, GeoDataFrame or shapely polygons
        The two areas; the way begins and ends at whichever of their cells are nearest by cost.
    survey : str, optional
        Name of the survey, needed when there are several.

    Returns
    -------
    GeoDataFrame
        One row: cost (metres of effective distance), length (metres on the ground) and the line
        through the centres of the cells, with the CRS.

    Raises
    ------
    DataError
        If an area holds no cell, the areas overlap, or there is no way.
    ModelError
        If the model has no least-cost distance.
    """
    import geopandas
    import shapely

    _, ground, network = _network(estimate, survey)
    cells = ground.graph.cells
    first, last = (_in_area(cells, a, n) for a, n in ((begin, "begin"), (end, "end")))
    if (first & last).any():
        raise DataError("The two areas overlap, so there is no way to look for; give two areas.")
    distance, before = network.nearest_tree(np.flatnonzero(first))
    target = int(np.where(last, distance, np.inf).argmin())
    if not np.isfinite(distance[target]) or not last[target]:
        raise DataError("There is no way between the two areas over the cells of the distance.")
    way = [target]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    xy = cells.xy[way[::-1]]
    line = shapely.LineString(xy)
    table = {"cost": [float(distance[target])], "length": [float(line.length)]}
    return geopandas.GeoDataFrame(table, geometry=[line], crs=cells.crs)


def _in_area(cells: HabitatMask, area: Any, what: str) -> BoolArray:
    """Cells whose centre lies in an area."""
    found = inside(cells.xy, polygon_geometry(area, cells.crs, what))
    if not found.any():
        raise DataError(f"{what} holds no cell of the distance; is it within the mask?")
    return found
