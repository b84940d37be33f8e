"""Map of where one detected animal may have its activity centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference import activity_center as activity_center_surface
from secr_nea.inference import activity_centers as activity_center_surfaces
from secr_nea.inference.activity import NO_DENSITY_MAP
from secr_nea.inference.detectability import survey_index
from secr_nea.plot._colours import CATEGORIES, DENSITY_MAP, INK
from secr_nea.plot._legend import add_section, line, marker, round_values, show_legend
from secr_nea.plot._map_axes import Extent, colour_bar, draw_cells, finish_map, map_axes
from secr_nea.plot.capture_map import detection_sizes, draw_detections
from secr_nea.plot.trap_map import draw_traps
from secr_nea.survey import Survey

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

SHARES = {0.5: "-", 0.95: "--"}
"""Highest-density regions that are outlined, and how."""

_SHOWN = 0.999
_REST = "#ebebeb"
_DETECTED = CATEGORIES[1]


def activity_center(
    fit: Estimate,
    animal: str,
    *,
    survey: str | None = None,
    whole: bool = False,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the probability that the activity centre of an animal lies in each cell.

    Parameters
    ----------
    fit : FitResult
    animal : str
        Id of a detected animal.
    survey : str, optional
        Name of the survey, needed when there are several.
    whole : bool
        Whether to show the whole mask; by default the part that matters.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours, contours and markers.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres. The contours outline the smallest regions that hold 50 % and 95 % of the
        probability.

    Raises
    ------
    DataError
        If there is no such animal or survey, or the survey is not named.

    Examples
    --------
    >>> import secr_nea as sn
    >>> survey = sn.datasets.sailugem()
    >>> ax = sn.plot.activity_center(sn.fit(survey, progress=False), survey.captures.animal_ids[0])
    """
    item = fit.model.surveys[survey_index(fit, survey)]
    surface = activity_center_surface(fit, animal, survey=survey)
    at, count = _detections(item, animal)
    extent = item.mask.extent if whole else _extent(surface, at, item.mask.spacing)
    ax = map_axes(ax, extent)
    image = _draw_probability(ax, surface, item.mask.spacing)
    _draw_contours(ax, surface, item.mask.spacing)
    draw_traps(ax, item.traps, legend=legend)
    draw_detections(ax, at, count, _DETECTED)
    ax.set_xlim(extent[0], extent[2])
    ax.set_ylim(extent[1], extent[3])
    if legend:
        _explain(ax, count)
        label = f"Probability per cell of {item.mask.cell_area:.3g} km²"
        colour_bar(ax, image, label, coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)


def _detections(item: Survey, animal: str) -> tuple[FloatArray, FloatArray]:
    """Where the animal was detected, and how often."""
    of_animal, at, count = item.captures.places
    own = of_animal == item.captures.animal_ids.index(str(animal))
    xy, which = np.unique(at[own], axis=0, return_inverse=True)
    return xy, np.bincount(which.reshape(-1), weights=count[own]).astype(np.float64)


def lowest_inside(probability: FloatArray, share: float) -> float:
    """Value that parts the cells of a highest-density region from the others.

    Parameters
    ----------
    probability : float64 array
        Sums to 1.
    share : float
        Probability that the region holds at least.

    Returns
    -------
    float
        Half-way (in logs) between the least cell inside and the highest cell outside.
    """
    ordered = np.sort(probability.ravel())[::-1]
    last = min(int(np.searchsorted(np.cumsum(ordered), share)), len(ordered) - 1)
    below = ordered[min(last + 1, len(ordered) - 1)]
    return float(np.sqrt(ordered[last] * max(below, 1e-3 * ordered[last])))


def _extent(surface: xarray.DataArray, at: FloatArray, spacing: float) -> Extent:
    """Part of the map that holds nearly all probability and the detections, metres."""
    values = np.nan_to_num(surface.to_numpy())
    row, column = np.nonzero(values >= lowest_inside(values, _SHOWN))
    x = np.concatenate([surface["x"].to_numpy()[column], at[:, 0]])
    y = np.concatenate([surface["y"].to_numpy()[row], at[:, 1]])
    edge = 1.5 * spacing
    return (
        float(x.min() - edge),
        float(y.min() - edge),
        float(x.max() + edge),
        float(y.max() + edge),
    )


def _draw_probability(ax: Axes, surface: xarray.DataArray, spacing: float) -> Any:
    """Cells that matter in colour, the rest of the mask in pale grey."""
    from matplotlib.colors import ListedColormap

    values = surface.to_numpy()
    matters = np.nan_to_num(values) >= lowest_inside(np.nan_to_num(values), _SHOWN)
    rest = surface.copy(data=np.where(matters | np.isnan(values), np.nan, 1.0))
    draw_cells(ax, rest, spacing, cmap=ListedColormap([_REST]), zorder=0.9)
    return draw_cells(ax, surface.where(matters), spacing, cmap=DENSITY_MAP, vmin=0.0)


def _draw_contours(ax: Axes, surface: xarray.DataArray, spacing: float) -> None:
    from matplotlib.patheffects import withStroke

    # a rim of zeros closes contours at the edge of the mask
    values = np.pad(np.nan_to_num(surface.to_numpy()), 1)
    x, y = surface["x"].to_numpy(), surface["y"].to_numpy()
    x = np.concatenate([[x[0] - spacing], x, [x[-1] + spacing]])
    y = np.concatenate([[y[0] + spacing], y, [y[-1] - spacing]])
    for share, style in SHARES.items():
        threshold = lowest_inside(values, share)
        drawn = ax.contour(
            x, y, values, [threshold], colors="white", linestyles=style, linewidths=1.3, zorder=3
        )
        drawn.set_path_effects([withStroke(linewidth=2.1, foreground=INK, alpha=0.6)])


def _explain(ax: Axes, count: FloatArray) -> None:
    lines: list[Any] = [
        line(f"{100.0 * share:g} % region", color="#7a7a7a", linestyle=style, lw=1.3)
        for share, style in SHARES.items()
    ]
    add_section(ax, "", lines)
    add_section(
        ax,
        "Detections",
        [
            marker(f"{n:g}", size=float(detection_sizes(n)), mfc=_DETECTED, mec="white", mew=0.5)
            for n in round_values(count)
        ],
    )
    show_legend(ax)


def activity_centers(
    fit: Estimate,
    *,
    survey: str | None = None,
    share: float = 0.5,
    warning: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of where the detected animals live, all together: **no map of density**.

    Parameters
    ----------
    fit : FitResult
    survey : str, optional
        Name of the survey, needed when there are several.
    share : float
        The smallest region that holds this share of each animal's probability is outlined.
    warning : bool
        Whether to write below the map what it is not.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours and contours.
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
        If the survey is not named, or the share is not between 0 and 1.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.activity_centers(sn.fit(sn.datasets.sailugem(), progress=False))
    """
    if not 0.0 < share < 1.0:
        raise DataError(f"share must lie between 0 and 1; got {share!r}.")
    item = fit.model.surveys[survey_index(fit, survey)]
    surfaces = activity_center_surfaces(fit, survey=survey)
    ax = map_axes(ax, item.mask.extent)
    spacing = item.mask.spacing
    image = draw_cells(ax, surfaces["total"], spacing, cmap=DENSITY_MAP, vmin=0.0)
    for animal in surfaces["animal"].to_numpy():
        one = surfaces["probability"].sel(animal=animal)
        _outline_share(ax, one, spacing, share)
    draw_traps(ax, item.traps, legend=legend)
    if legend:
        add_section(
            ax, "", [line(f"{100.0 * share:g} % region of an animal", color="#9a9a9a", lw=1.0)]
        )
        show_legend(ax)
        label = f"Detected animals per cell of {item.mask.cell_area:.3g} km² (no map of density)"
        colour_bar(ax, image, label, coordinates=coordinates)
    if warning:
        _write_below(ax, NO_DENSITY_MAP)
    return finish_map(ax, coordinates=coordinates, title=title)


def _outline_share(ax: Axes, surface: xarray.DataArray, spacing: float, share: float) -> None:
    values = np.pad(np.nan_to_num(surface.to_numpy()), 1)
    x, y = surface["x"].to_numpy(), surface["y"].to_numpy()
    x = np.concatenate([[x[0] - spacing], x, [x[-1] + spacing]])
    y = np.concatenate([[y[0] + spacing], y, [y[-1] - spacing]])
    ax.contour(x, y, values, [lowest_inside(values, share)], colors="white", linewidths=0.7)


def _write_below(ax: Axes, text: str) -> None:
    """A remark under everything else in the figure."""
    import textwrap

    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.supxlabel(
            textwrap.fill(text, 96), fontsize="x-small", color="#555555", x=0.02, ha="left"
        )
