"""Spider plot: every animal's detections joined to their mean position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.plot._colours import CATEGORIES, INK, Colouring, colouring, spread_colours
from secr_nea.plot._legend import add_section, marker, round_values, show_legend
from secr_nea.plot._map_axes import colour_bar, finish_map, map_axes
from secr_nea.plot._positions import mean_positions
from secr_nea.plot.trap_map import draw_traps, one_survey
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ASIDE = 0.013
"""Animals at one trap are drawn around it, at most this share of the map's width away."""


def captures(
    survey: Survey,
    *,
    by: str | None = None,
    labels: bool = False,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Spider plot: lines from each animal's detections to their mean position.

    The area of a marker grows with the number of detections of the animal at the trap; animals that
    share a trap are drawn around it. Neighbouring animals have different colours, which are used
    again farther away.

    Parameters
    ----------
    survey : Survey
    by : str, optional
        Animal covariate that gives the colours, such as ``"sex"``; grey where it is unknown.
    labels : bool
        Whether to write the animals' ids at their mean positions.
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
        Something else than one survey, or an unknown covariate.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.captures(sn.datasets.sailugem(), by="sex")
    """
    history = one_survey(survey).captures
    extent = history.traps.bounds
    centres = mean_positions(history)
    chosen = _colours(history, centres, by)
    ax = map_axes(ax, extent)
    draw_traps(ax, history.traps, legend=legend)
    if history.n_animals:
        animal, trap, count = _visits(history)
        at = history.traps.xy[trap] + aside(trap, history, extent)
        located = history.located
        animal = np.concatenate([animal, history.animal[located]])
        at = np.concatenate([at, history.positions])
        count = np.concatenate([count, np.ones(len(located))])
        colours = [chosen.colours[i] for i in animal]
        _draw_lines(ax, at, centres[animal], colours)
        draw_detections(ax, at, count, colours)
        if labels:
            _write_ids(ax, history, centres)
        if legend:
            add_section(ax, "Detections", _size_entries(count))
    if legend:
        heading = "Animal" if by is None else by.capitalize()
        entries = [marker(name, mfc=c, mec="white") for name, c in chosen.levels.items()]
        add_section(ax, heading, entries)
        show_legend(ax)
    if chosen.mappable is not None and by is not None:
        colour_bar(ax, chosen.mappable, by, coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)


def draw_detections(ax: Axes, at: FloatArray, count: FloatArray, colours: Any) -> None:
    """Draw detections as circles whose area grows with their number, small ones on top."""
    order = np.argsort(-count, kind="stable")
    paint = [colours[i] for i in order] if isinstance(colours, list) else colours
    style: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.5}
    x, y = at[order].T
    ax.scatter(x, y, s=detection_sizes(count[order]), c=paint, zorder=6, **style)


def detection_sizes(count: FloatArray) -> FloatArray:
    """Area of a marker in points squared for a number of detections."""
    return np.asarray(10.0 + 12.0 * np.asarray(count, dtype=np.float64))


def _colours(history: CaptureHistory, centres: FloatArray, by: str | None) -> Colouring:
    if by is None:
        colours = spread_colours(centres)
        few = history.n_animals <= len(CATEGORIES)
        return Colouring(
            colours, dict(zip(history.animal_ids, colours, strict=True)) if few else {}, None
        )
    if by not in history.covariates:
        known = [str(name) for name in history.covariates.columns]
        raise DataError(
            f"The animals have no covariate {by!r}{_checks.did_you_mean(by, known)}; they have "
            f"{_checks.listed(known) or 'none'}."
        )
    return colouring(history.covariates[by])


def _visits(history: CaptureHistory) -> tuple[FloatArray, ...]:
    """Animal, trap and number of detections at traps that are points, occasions added up."""
    frame = pd.DataFrame({"animal": history.animal, "trap": history.trap, "count": history.count})
    frame = frame[~history.traps.is_search[history.trap]]
    visits = frame.groupby(["animal", "trap"], as_index=False)["count"].sum()
    return tuple(visits[name].to_numpy() for name in ("animal", "trap", "count"))


def aside(
    trap: IntArray | FloatArray, history: CaptureHistory, extent: tuple[float, float, float, float]
) -> FloatArray:
    """How far each marker is moved from its trap, metres: only where animals share a trap."""
    spacing = history.traps.spacing
    width = max(extent[2] - extent[0], extent[3] - extent[1])
    radius = min(ASIDE * width, 0.25 * spacing) if np.isfinite(spacing) else 0.0
    sharing = pd.Series(trap).groupby(trap)
    turn = 2.0 * np.pi * sharing.cumcount().to_numpy() / sharing.transform("size").to_numpy()
    alone = sharing.transform("size").to_numpy() == 1
    moved = radius * np.column_stack([np.sin(turn), np.cos(turn)])
    return np.asarray(np.where(alone[:, None], 0.0, moved))


def _draw_lines(ax: Axes, at: FloatArray, centres: FloatArray, colours: list[Any]) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    segments = np.stack([at, centres], axis=1)
    # an outline keeps lines in sight on dark maps
    halo = [withStroke(linewidth=2.2, foreground="white", alpha=0.7)]
    lines = LineCollection(list(segments), colors=colours, linewidths=1.1, zorder=5)
    lines.set_path_effects([*halo])
    ax.add_collection(lines)


def _write_ids(ax: Axes, history: CaptureHistory, centres: FloatArray) -> None:
    from matplotlib.patheffects import withStroke

    for name, (x, y) in zip(history.animal_ids, centres, strict=True):
        text = ax.annotate(
            name, (x, y), xytext=(3, 3), textcoords="offset points", fontsize=7, color=INK
        )
        text.set(zorder=7, path_effects=[withStroke(linewidth=2.0, foreground="white")])


def _size_entries(count: FloatArray) -> list[Any]:
    shown = round_values(np.asarray(count, dtype=np.float64))
    return [
        marker(f"{n:g}", size=float(detection_sizes(n)), mfc="#777777", mec="white", mew=0.5)
        for n in shown
    ]
