"""Map of the moves between places at which an animal was detected."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.plot._colours import CATEGORIES, spread_colours
from secr_nea.plot._dated import read_dated
from secr_nea.plot._legend import add_section, line, show_legend
from secr_nea.plot._map_axes import finish_map, map_axes
from secr_nea.plot._positions import mean_positions
from secr_nea.plot.trap_map import draw_traps, one_survey
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def movements(
    survey: Survey,
    *,
    detections: Any = None,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the moves of each animal, from detection to detection where their order is known.

    Parameters
    ----------
    survey : Survey
    detections : DataFrame or CSV file, optional
        Columns animal_id, trap_id, date: arrows in the order of dates. Without it arrows in the
        order of occasions; within an occasion, where the order is unknown, lines to the nearest
        other place of the animal.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to name the animals (up to six) and to explain lines.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres. Animals detected at one place only are not drawn.

    Raises
    ------
    DataError
        Something else than one survey, or a table that cannot be read.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.movements(
    ...     sn.datasets.sailugem(), detections=sn.datasets.data_path("detections.csv")
    ... )
    """
    item = one_survey(survey)
    history = item.captures
    ax = map_axes(ax, item.traps.bounds)
    draw_traps(ax, item.traps, legend=legend)
    colours = spread_colours(mean_positions(history)) if history.n_animals else []
    visits = _visits(item, detections)
    n_moves = 0
    for i, animal in enumerate(history.animal_ids):
        own = visits[visits["animal_id"] == animal]
        start, end, ordered = _moves(own)
        _draw(ax, start, end, ordered, colours[i])
        n_moves += len(start)
    if legend and n_moves:
        entries = [line("move between detections", color=CATEGORIES[0], lw=1.2)]
        if len(colours) <= len(CATEGORIES):
            entries = [line(a, color=c) for a, c in zip(history.animal_ids, colours, strict=True)]
        add_section(ax, "", entries)
    if legend:
        show_legend(ax)
    return finish_map(ax, coordinates=coordinates, title=title)


def _visits(item: Survey, detections: Any) -> pd.DataFrame:
    """Animal, time and position of each detection."""
    at = dict(zip(item.traps.ids, item.traps.xy, strict=True))
    if detections is not None:
        table = read_dated(detections, "detections", ["animal_id", "trap_id"], ["date"])
        table = table[table["trap_id"].isin(list(at))].rename(columns={"date": "time"})
    else:
        table = item.captures.to_dataframe().rename(columns={"occasion": "time"})
    if "x" not in table or detections is not None:
        xy = np.array([at[trap] for trap in table["trap_id"]]).reshape(-1, 2)
        table = table.assign(x=xy[:, 0], y=xy[:, 1])
    return table[["animal_id", "time", "x", "y"]]


def _moves(visits: pd.DataFrame) -> tuple[FloatArray, FloatArray, np.ndarray[Any, Any]]:
    """Start and end of each move, (n, 2) metres each, and whether its direction is known."""
    starts: list[FloatArray] = []
    ends: list[FloatArray] = []
    ordered: list[bool] = []
    here: FloatArray | None = None
    alone = True
    for _, step in visits.groupby("time", sort=True):
        places = np.unique(step[["x", "y"]].to_numpy(dtype=np.float64), axis=0)
        route = _nearest_first(places, here)
        chain = route if here is None else [here, *route]
        for j, (a, b) in enumerate(pairwise(chain)):
            if np.allclose(a, b):
                continue
            starts.append(a)
            ends.append(b)
            # the step into this time is known; those within it are not
            ordered.append(here is not None and j == 0 and len(route) == 1 and alone)
        here, alone = chain[-1], len(route) == 1
    shape = (len(starts), 2)
    return np.reshape(starts, shape), np.reshape(ends, shape), np.array(ordered, dtype=bool)


def _nearest_first(places: FloatArray, here: FloatArray | None) -> list[FloatArray]:
    """Places one after the other, each the nearest to the one before."""
    left = list(places)
    route = []
    now = left[0] if here is None else here
    while left:
        near = int(np.argmin([np.hypot(*(place - now)) for place in left]))
        now = left.pop(near)
        route.append(now)
    return route


def _draw(
    ax: Axes, start: FloatArray, end: FloatArray, ordered: np.ndarray[Any, Any], colour: str
) -> None:
    for a, b, known in zip(start, end, ordered, strict=True):
        ax.annotate(
            "",
            xy=(float(b[0]), float(b[1])),
            xytext=(float(a[0]), float(a[1])),
            zorder=5,
            arrowprops={
                "arrowstyle": "-|>" if known else "-",
                "color": colour,
                "lw": 1.1,
                "shrinkA": 1.0,
                "shrinkB": 2.0,
                "mutation_scale": 8,
                "connectionstyle": "arc3,rad=0.12" if known else "arc3",
            },
        )
