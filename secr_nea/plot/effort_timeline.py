"""When each detector operated, or how long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea.plot._charts import chart_axes, date_axis, day_numbers, finish_chart
from secr_nea.plot._colours import CATEGORIES, COVARIATE_MAP, INK
from secr_nea.plot._dated import read_dated
from secr_nea.survey import Survey, as_surveys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 60


def effort(
    surveys: Survey | Iterable[Survey],
    *,
    operation: Any = None,
    detections: Any = None,
    effort_unit: str = "units of effort",
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Timeline of the detectors: one row each, in the order of the survey.

    Parameters
    ----------
    surveys : Survey or several
        Several stand one below the other.
    operation : DataFrame or CSV file, optional
        Columns trap_id, start_date, end_date, one row for each time that a detector operated: bars
        by date. Without it the effort by occasion, or bars of the effort when there is one
        occasion.
    detections : DataFrame or CSV file, optional
        Columns trap_id, date: marked in the bars by date.
    effort_unit : str
        Such as ``"camera-days"``.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours and marks.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        If a table cannot be read.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.effort(
    ...     sn.datasets.sailugem(), operation=sn.datasets.data_path("cameras.csv")
    ... )
    """
    several = as_surveys(surveys)
    rows = [(survey.name, trap) for survey in several for trap in survey.traps.ids]
    ax = chart_axes(ax, (6.5, float(np.clip(0.9 + 0.13 * len(rows), 2.5, 9.0))))
    at = {trap: i for i, (_, trap) in reversed(list(enumerate(rows)))}
    if operation is not None:
        _draw_dates(ax, at, operation, detections)
    elif max(survey.n_occasions for survey in several) > 1:
        _draw_occasions(ax, several, effort_unit, legend)
    else:
        _draw_amounts(ax, several, effort_unit)
    _name_rows(ax, several)
    return finish_chart(ax, legend=False, title=title) if not legend else _with_legend(ax, title)


def _with_legend(ax: Axes, title: str | None) -> Axes:
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, fontsize="small", loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return finish_chart(ax, legend=False, title=title)


def _draw_dates(ax: Axes, at: dict[str, int], operation: Any, detections: Any) -> None:
    table = read_dated(operation, "operation", ["trap_id"], ["start_date", "end_date"])
    table = table[table["trap_id"].isin(list(at)) & table["end_date"].notna()]
    y = table["trap_id"].map(at).to_numpy(dtype=np.float64)
    start = day_numbers(table["start_date"])
    width = day_numbers(table["end_date"]) - start
    ax.barh(y, width, left=start, height=0.7, color=CATEGORIES[4], label="operating")
    if detections is not None:
        seen = read_dated(detections, "detections", ["trap_id"], ["date"])
        seen = seen[seen["trap_id"].isin(list(at)) & seen["date"].notna()]
        where = seen["trap_id"].map(at).to_numpy(dtype=np.float64)
        days = day_numbers(seen["date"]) + 0.5
        ax.plot(days, where, "o", ms=3.2, color=INK, mec="white", mew=0.3, label="detection")
    date_axis(ax)


def _draw_occasions(ax: Axes, several: tuple[Survey, ...], unit: str, legend: bool) -> None:
    most = max(survey.n_occasions for survey in several)
    values = np.full((sum(s.traps.n_traps for s in several), most), np.nan)
    start = 0
    for survey in several:
        stop = start + survey.traps.n_traps
        values[start:stop, : survey.n_occasions] = survey.traps.effort
        start = stop
    image = ax.imshow(
        np.where(values > 0.0, values, np.nan),
        aspect="auto",
        cmap=COVARIATE_MAP,
        vmin=0.0,
        extent=(0.5, most + 0.5, len(values) - 0.5, -0.5),
        interpolation="nearest",
    )
    ax.set_xlabel("Occasion (white: not operating)")
    if legend:
        bar = ax.figure.colorbar(image, ax=ax, label=unit.capitalize(), shrink=0.6)
        bar.outline.set(linewidth=0.5)


def _draw_amounts(ax: Axes, several: tuple[Survey, ...], unit: str) -> None:
    amount = pd.concat([pd.Series(s.traps.effort.sum(axis=1)) for s in several])
    ax.barh(np.arange(len(amount)), amount, height=0.7, color=CATEGORIES[4])
    ax.set_xlabel(unit.capitalize())


def _name_rows(ax: Axes, several: tuple[Survey, ...]) -> None:
    names = [trap for survey in several for trap in survey.traps.ids]
    shown = np.arange(len(names))
    if len(names) > MOST_NAMES:
        shown = shown[:: int(np.ceil(len(names) / MOST_NAMES))]
    ax.set_yticks(shown, [names[i] for i in shown], fontsize=6.5)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    start = 0
    for survey in several if len(several) > 1 else ():
        ax.axhline(start - 0.5, color=INK, lw=0.6)
        ax.annotate(
            survey.name,
            (1.0, start - 0.5),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize="small",
            fontweight="bold",
        )
        start += survey.traps.n_traps
