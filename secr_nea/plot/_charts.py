"""Axes of charts, which are no maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def chart_axes(ax: Axes | None, size: tuple[float, float] = (5.6, 4.0)) -> Axes:
    """The axes given, or new ones; without a frame at the top and the right."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=size, layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def finish_chart(ax: Axes, *, legend: bool, title: str | None, heading: str | None = None) -> Axes:
    """Give a chart its legend, where anything has a label, and its title."""
    if legend and ax.get_legend_handles_labels()[1]:
        ax.legend(title=heading, frameon=False, alignment="left", fontsize="small")
    if title is not None:
        ax.set_title(title)
    return ax


def day_numbers(dates: Any) -> FloatArray:
    """Dates as matplotlib's day numbers."""
    from matplotlib import dates as days

    convert: Any = days.date2num
    return np.asarray(convert(np.asarray(dates)), dtype=np.float64)


def date_axis(ax: Axes) -> None:
    """Give the horizontal axis dates that are short and not crowded."""
    from matplotlib import dates as days

    made: Any = days
    locator = made.AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(made.ConciseDateFormatter(locator))
