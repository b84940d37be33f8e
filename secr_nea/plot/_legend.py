"""Legends beside the picture, where they cover no data, that grow as layers are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def marker(label: str, marker: str = "o", *, size: float = 30.0, **style: Any) -> Line2D:
    """Entry with a marker; ``size`` in points squared, as for scatter."""
    from matplotlib.lines import Line2D

    line = Line2D([], [], linestyle="none", marker=marker, markersize=size**0.5, **style)
    line.set_label(label)
    return line


def line(label: str, **style: Any) -> Line2D:
    """Entry with a line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **style)


def add_section(ax: Axes, heading: str, entries: Sequence[Line2D]) -> None:
    """Add entries under a heading, unless the legend has that heading already.

    The entries are empty lines of the axes, so that the user's own ``ax.legend()`` finds them.

    Parameters
    ----------
    ax : Axes
    heading : str
        Empty for entries that need none.
    entries : sequence of Line2D
        From `marker` and `line`.
    """
    known = [str(handle.get_label()) for handle in ax.lines]
    if heading and heading in known:
        return
    wanted = [entry for entry in entries if heading or str(entry.get_label()) not in known]
    if heading and wanted:
        wanted.insert(0, line(heading, linestyle="none"))
    for entry in wanted:
        ax.add_line(entry)


def show_legend(ax: Axes) -> None:
    """Draw everything that has a label as a legend right of the axes."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    legend = ax.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        handletextpad=0.4,
        fontsize="small",
    )
    for handle, text in zip(handles, legend.get_texts(), strict=True):
        if _is_heading(handle):
            text.set_fontweight("bold")
            # a heading starts where the markers of its entries do
            text.set_x(-24.0)


def _is_heading(handle: Any) -> bool:
    from matplotlib.lines import Line2D

    return (
        isinstance(handle, Line2D)
        and handle.get_linestyle() == "None"
        and handle.get_marker() in ("None", None, "", " ")
    )


def round_values(values: FloatArray, n: int = 3) -> FloatArray:
    """A few round numbers that span positive values; the value itself when all are equal.

    Parameters
    ----------
    values : float64 array, shape (n_values,)
    n : int
        About how many numbers.

    Returns
    -------
    float64 array

    Examples
    --------
    >>> round_values(np.array([12.0, 55.0, 118.0]))
    array([ 50., 100.])
    """
    from matplotlib.ticker import MaxNLocator

    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low])
    whole = bool((values == np.rint(values)).all())
    locator = MaxNLocator(n, steps=[1, 2, 2.5, 5, 10], integer=whole)
    ticks = np.asarray(locator.tick_values(low, high))
    inside = ticks[(ticks >= low) & (ticks <= high) & (ticks > 0.0)]
    return np.asarray(inside if len(inside) > 1 else np.array([low, high]))
