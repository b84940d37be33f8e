"""Map of the traps: how much each operated, and what is around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.plot._colours import INK, Colouring, colouring
from secr_nea.plot._legend import add_section, marker, round_values, show_legend
from secr_nea.plot._map_axes import colour_bar, finish_map, map_axes
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST, LARGEST = 10.0, 80.0
_IDLE: dict[str, Any] = {
    "marker": "X",
    "facecolors": "white",
    "edgecolors": INK,
    "linewidths": 0.7,
    "zorder": 4,
}


def traps(
    survey: Survey | TrapArray,
    *,
    by: str | None = None,
    effort_unit: str | None = None,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the traps: area of a circle by total effort, open crosses where there was none.

    Parameters
    ----------
    survey : Survey or TrapArray
    by : str, optional
        Trap covariate that colours the circles.
    effort_unit : str, optional
        Unit of the effort for the legend, such as ``"camera-days"``.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain sizes and colours.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres.

    Raises
    ------
    DataError
        Something else than a survey or traps, or an unknown covariate.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.traps(sn.datasets.sailugem(), by="topography", effort_unit="camera-days")
    """
    array = traps_of(survey)
    ax = map_axes(ax, array.bounds)
    draw_searches(ax, array)
    effort = array.effort.sum(axis=1)
    chosen = None if by is None else colouring(_covariate(array, by))
    sizes = _sizes(effort, float(effort.max()))
    operated = effort > 0.0
    colours = np.full(array.n_traps, INK, dtype=object)
    if chosen is not None:
        colours[:] = chosen.colours
    # large circles first, so that small ones stay in sight
    order = np.argsort(-effort, kind="stable")
    order = order[operated[order]]
    ax.scatter(
        array.xy[order, 0],
        array.xy[order, 1],
        s=sizes[order],
        c=list(colours[order]),
        edgecolors="white",
        linewidths=0.5,
        zorder=4,
    )
    if not operated.all():
        _draw_idle(ax, array.xy[~operated])
    if legend:
        _explain(ax, effort, effort_unit, by, chosen)
    if chosen is not None and chosen.mappable is not None and by is not None:
        colour_bar(ax, chosen.mappable, by, coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)


def traps_of(survey: object) -> TrapArray:
    """Traps of a survey, or the traps themselves; DataError for anything else."""
    if isinstance(survey, TrapArray):
        return survey
    return one_survey(survey).traps


def one_survey(survey: object) -> Survey:
    """The survey itself; DataError for several of them and for anything else."""
    if isinstance(survey, Survey):
        return survey
    hint = ""
    if isinstance(survey, list | tuple) and survey:
        hint = " A picture shows one survey: choose one, as in surveys[0]."
    raise DataError(f"A Survey is needed; got {type(survey).__name__}.{hint}")


def draw_traps(ax: Axes, array: TrapArray, *, legend: bool) -> None:
    """Draw traps small and alike, as the background of other things."""
    draw_searches(ax, array)
    array_of_points = ~array.is_search
    operated = array.effort.sum(axis=1) > 0.0
    style: dict[str, Any] = {"facecolors": "white", "edgecolors": INK, "linewidths": 0.6}
    shown = operated & array_of_points
    ax.scatter(array.xy[shown, 0], array.xy[shown, 1], s=11, zorder=4, **style)
    entries = [marker("trap", size=13, mfc="white", mec=INK, mew=0.6)] if shown.any() else []
    idle = ~operated & array_of_points
    if idle.any():
        _draw_idle(ax, array.xy[idle])
        entries.append(_idle_entry())
    if legend:
        add_section(ax, "", entries)


def draw_searches(ax: Axes, array: TrapArray) -> None:
    """Draw the borders of searched areas, and transects, as lines."""
    import shapely

    for geometry in array.searches:
        if geometry is None:
            continue
        border = geometry.boundary if geometry.area > 0.0 else geometry
        for part in shapely.get_parts(border):
            x, y = shapely.get_coordinates(part).T
            ax.plot(x, y, color=INK, linewidth=1.0, zorder=3)


def _draw_idle(ax: Axes, xy: FloatArray) -> None:
    ax.scatter(xy[:, 0], xy[:, 1], s=38, **_IDLE)


def _covariate(array: TrapArray, by: str) -> pd.Series:
    if by not in array.covariates:
        known = [str(name) for name in array.covariates.columns]
        raise DataError(
            f"The traps have no covariate {by!r}{_checks.did_you_mean(by, known)}; they have "
            f"{_checks.listed(known) or 'none'}."
        )
    return array.covariates[by]


def _sizes(effort: FloatArray, most: float) -> FloatArray:
    """Area in points squared: grows with effort, and the smallest can still be seen."""
    return SMALLEST + (LARGEST - SMALLEST) * effort / most


def _explain(
    ax: Axes, effort: FloatArray, unit: str | None, by: str | None, chosen: Colouring | None
) -> None:
    shown = round_values(effort[effort > 0.0])
    colour = INK if chosen is None else "#777777"
    entries = [
        marker(f"{value:,g}", size=float(size), mfc=colour, mec="white", mew=0.5)
        for value, size in zip(shown, _sizes(shown, float(effort.max())), strict=True)
    ]
    if (effort == 0.0).any():
        entries.append(_idle_entry())
    add_section(ax, "Effort" if unit is None else f"Effort ({unit})", entries)
    if chosen is not None and by is not None and chosen.levels:
        entries = [marker(name, mfc=c, mec="white") for name, c in chosen.levels.items()]
        add_section(ax, by.capitalize(), entries)
    show_legend(ax)


def _idle_entry() -> Any:
    return marker("never operated", "X", size=38, mfc="white", mec=INK, mew=0.7)
