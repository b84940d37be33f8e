"""Density of several models side by side, with intervals and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea.errors import DataError
from secr_nea.plot._charts import chart_axes, finish_chart
from secr_nea.plot._colours import CATEGORIES, UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("model", "D", "lower", "upper")
_LONG = {
    "density_per_100km2": "D",
    "density_lower": "lower",
    "density_upper": "upper",
}


def forest(
    table: pd.DataFrame,
    *,
    label: str = "Density (animals per 100 km²)",
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Estimates of a set of models one below the other, with their intervals.

    Parameters
    ----------
    table : DataFrame
        Columns model, D, lower, upper, and weight (optional), one row per model; an index called
        ``model`` will do, and so will density_per_100km2, density_lower, density_upper. The area
        of a marker grows with the weight. Models without an interval have an open marker, and
        those without an estimate are said to have none.
    label : str
        What the estimates are, with the unit.
    ax : Axes, optional
        Where to draw; new axes by default.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        The first row is at the top.

    Raises
    ------
    DataError
        If a column is missing or the table is empty.

    Examples
    --------
    >>> import pandas as pd
    >>> import secr_nea as sn
    >>> table = pd.DataFrame({"model": ["D ~ 1"], "D": [1.0], "lower": [0.7], "upper": [1.5]})
    >>> ax = sn.plot.forest(table)
    """
    rows = table.reset_index() if table.index.name == "model" else table
    if "D" not in rows:
        rows = rows.rename(columns=_LONG)
    lacking = [name for name in COLUMNS if name not in rows.columns]
    if lacking or not len(rows):
        raise DataError(
            f"table must have the columns {', '.join(COLUMNS)} and a row per model; "
            f"{'it has no ' + lacking[0] if lacking else 'it is empty'}."
        )
    ax = chart_axes(ax, (6.2, float(np.clip(1.1 + 0.3 * len(rows), 2.0, 9.0))))
    at = np.arange(len(rows))
    value, lower, upper = (rows[name].to_numpy(dtype=np.float64) for name in COLUMNS[1:])
    weight = (
        rows["weight"].fillna(0.0).to_numpy(dtype=np.float64)
        if "weight" in rows
        else np.ones(len(rows))
    )
    known = np.isfinite(lower) & np.isfinite(upper)
    ax.hlines(at[known], lower[known], upper[known], color=CATEGORIES[0], lw=1.6)
    sizes = 25.0 + 110.0 * weight / max(float(weight.max()), 1e-12)
    faces = [CATEGORIES[0] if k else "white" for k in known]
    ax.scatter(value, at, s=sizes, c=faces, edgecolors=CATEGORIES[0], zorder=3)
    ax.set_yticks(at, [str(name) for name in rows["model"]])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0.0, None)
    ax.set_xlabel(label)
    ax.tick_params(axis="y", length=0)
    for i in np.flatnonzero(~np.isfinite(value)):
        ax.annotate("no estimate", (0.02, i), xycoords=("axes fraction", "data"), color=UNKNOWN)
    if "weight" in rows:
        _write_weights(ax, at, weight)
    return finish_chart(ax, legend=False, title=title)


def _write_weights(ax: Axes, at: np.ndarray, weight: np.ndarray) -> None:
    style: dict[str, Any] = {
        "xycoords": ("axes fraction", "data"),
        "va": "center",
        "fontsize": "small",
    }
    for i, value in zip(at, weight, strict=True):
        ax.annotate(f"{value:.2f}", (1.02, i), annotation_clip=False, **style)
    ax.annotate(
        "weight",
        (1.02, 1.01),
        xycoords="axes fraction",
        fontsize="small",
        color=UNKNOWN,
        va="bottom",
    )
