"""The scale bar of maps, which tells distances and no positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARE = 0.25
"""The bar is at most this share of the map's width."""

NAME = "secr_nea scale bar"


def bar_length(width: float) -> float:
    """Length of a bar for a map: 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    width : float, metres
        Width of the map.

    Returns
    -------
    float, metres

    Examples
    --------
    >>> bar_length(124_000.0)
    20000.0
    """
    power = 10.0 ** np.floor(np.log10(SHARE * width))
    steps = [step for step in (1.0, 2.0, 5.0) if step * power <= SHARE * width]
    return float(max(steps, default=1.0) * power)


def remove_scale_bar(ax: Axes) -> None:
    """Take the bar away: the map may have grown, or shows coordinates now."""
    for artist in list(ax.artists):
        if artist.get_gid() == NAME:
            artist.remove()


def draw_scale_bar(ax: Axes) -> None:
    """Draw a bar below the lower left corner of a map, in place of an earlier one.

    Parameters
    ----------
    ax : Axes
        A map in metres; its limits decide the length.
    """
    from mpl_toolkits.axes_grid1.anchored_artists import (  # type: ignore[import-untyped]
        AnchoredSizeBar,
    )

    remove_scale_bar(ax)
    west, east = sorted(ax.get_xlim())
    south, north = sorted(ax.get_ylim())
    length = bar_length(east - west)
    bar = AnchoredSizeBar(
        ax.transData,
        length,
        f"{length / 1000.0:g} km",
        loc="upper left",
        pad=0.0,
        borderpad=0.6,
        sep=3,
        frameon=False,
        color="#222222",
        size_vertical=max(north - south, east - west) * 0.006,
        fill_bar=True,
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes,
    )
    bar.set_gid(NAME)
    bar.set_clip_on(False)
    ax.add_artist(bar)
