"""Axes of maps: equal aspect, no positions unless asked for, backgrounds that lend no limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.plot._scale_bar import draw_scale_bar, remove_scale_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar

Extent = tuple[float, float, float, float]
"""West, south, east and north edge in metres."""

WIDTH_INCHES = 6.5


def extent_of(xy: FloatArray) -> Extent:
    """Extent of places, shape (n, 2), metres."""
    (west, south), (east, north) = xy.min(axis=0), xy.max(axis=0)
    return float(west), float(south), float(east), float(north)


def map_axes(ax: Axes | None, extent: Extent) -> Axes:
    """The axes given, or new ones in a figure of the shape of the map."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    west, south, east, north = extent
    ratio = (north - south) / (east - west) if east > west else 1.0
    height = 0.6 + 0.8 * WIDTH_INCHES * float(np.clip(ratio, 0.3, 1.3))
    return plt.subplots(figsize=(WIDTH_INCHES, height), layout="compressed")[1]


def finish_map(ax: Axes, *, coordinates: bool, title: str | None) -> Axes:
    """Give a map its aspect, and a scale bar or coordinates in km.

    Parameters
    ----------
    ax : Axes
        With data in metres.
    coordinates : bool
        Whether the edges may tell positions.
    title : str or None

    Returns
    -------
    Axes
    """
    ax.set_aspect("equal")
    for spine in ax.spines.values():
        spine.set(linewidth=0.6, edgecolor="#777777")
    if coordinates:
        _show_coordinates(ax)
    else:
        _hide_coordinates(ax)
    if title is not None:
        ax.set_title(title)
    return ax


def _show_coordinates(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    remove_scale_bar(ax)
    for axis, name in ((ax.xaxis, "Easting"), (ax.yaxis, "Northing")):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda metres, _: f"{metres / 1000.0:,g}"))
        axis.set_label_text(f"{name} (km)")
    ax.format_coord = _kilometres  # type: ignore[method-assign]


def _hide_coordinates(ax: Axes) -> None:
    from matplotlib.ticker import NullFormatter, NullLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(NullLocator())
        axis.set_major_formatter(NullFormatter())
        axis.set_label_text("")
    # windows show what is under the mouse
    ax.format_coord = _nothing  # type: ignore[method-assign]
    draw_scale_bar(ax)


def _kilometres(x: float, y: float) -> str:
    return f"easting {x / 1000.0:,.2f} km, northing {y / 1000.0:,.2f} km"


def _nothing(x: float, y: float) -> str:
    return ""


@contextmanager
def background(ax: Axes) -> Iterator[None]:
    """Draw something that does not decide what part of the world the map shows.

    Axes that show something keep their limits; empty ones take those of the background until
    something else is drawn.
    """
    from matplotlib.transforms import Bbox

    limits = (ax.get_xlim(), ax.get_ylim()) if ax.has_data() else None
    known = ax.dataLim.frozen().get_points()
    yield
    if limits is not None:
        ax.set_xlim(limits[0], auto=None)
        ax.set_ylim(limits[1], auto=None)
    else:
        ax.autoscale_view()
        known = Bbox.null().get_points()
    ax.dataLim.set_points(known)


def draw_cells(ax: Axes, grid: Any, spacing: float, **style: Any) -> Any:
    """Draw a DataArray (y, x), north first, as an image whose cells have their true size."""
    half = spacing / 2.0
    x, y = np.asarray(grid["x"]), np.asarray(grid["y"])
    extent = (x.min() - half, x.max() + half, y.min() - half, y.max() + half)
    options: dict[str, Any] = {"interpolation": "nearest", "zorder": 1.0} | style
    return ax.imshow(np.asarray(grid), origin="upper", extent=extent, aspect="equal", **options)


def colour_bar(
    ax: Axes, mappable: ScalarMappable, label: str, *, coordinates: bool, extend: str = "neither"
) -> Colorbar:
    """Colour bar below a map, at the right, where neither scale bar nor legend is."""
    # a layout engine makes room for the coordinates by itself
    crowded = coordinates and ax.figure.get_layout_engine() is None
    bar = ax.figure.colorbar(
        mappable,
        ax=ax,
        extend=extend,
        location="bottom",
        label=label,
        shrink=0.62,
        aspect=28,
        anchor=(1.0, 1.0),
        pad=0.16 if crowded else 0.03,
    )
    bar.outline.set(linewidth=0.5, edgecolor="#777777")
    if bar.solids is not None:
        bar.solids.set_edgecolor("face")
    return bar
