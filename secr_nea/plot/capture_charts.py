"""How often animals were detected, and how the number of known animals grew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import gammaln

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.plot._charts import chart_axes, date_axis, finish_chart
from secr_nea.plot._colours import category_colours
from secr_nea.plot._dated import read_dated
from secr_nea.survey import Survey, as_surveys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST_TIMES = 4  # an axis of one bar alone says nothing


def capture_frequency(
    surveys: Survey | Iterable[Survey],
    *,
    what: str = "detections",
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """How many animals were detected once, twice and so on.

    Parameters
    ----------
    surveys : Survey or several
        Several stand side by side.
    what : {"detections", "places"}
        Count detections, or the different detectors (and positions) at which an animal was met.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to name the surveys.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        If ``what`` is not known.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.capture_frequency(sn.datasets.sailugem())
    """
    from matplotlib.ticker import MaxNLocator

    if what not in ("detections", "places"):
        raise DataError(f"what = {what!r} is not known; choose one of detections, places.")
    several = as_surveys(surveys)
    numbers = [_times(survey, what) for survey in several]
    most = max((int(n.max(initial=1)) for n in numbers), default=1)
    ax = chart_axes(ax, (5.6, 3.4))
    width = 0.84 / len(several)
    for i, (survey, times) in enumerate(zip(several, numbers, strict=True)):
        counts = np.bincount(times, minlength=most + 1)[1:]
        at = np.arange(1, most + 1) + (i - (len(several) - 1) / 2.0) * width
        label = survey.name if len(several) > 1 else None
        ax.bar(at, counts, width, color=category_colours(len(several))[i], label=label)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_locator(MaxNLocator(12, integer=True, min_n_ticks=1))
    ax.set_xlim(0.4, max(most, FEWEST_TIMES) + 0.6)
    word = "Detections" if what == "detections" else "Different detectors"
    ax.set(xlabel=f"{word} of an animal", ylabel="Animals")
    return finish_chart(ax, legend=legend, title=title)


def _times(survey: Survey, what: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    history = survey.captures
    animal, at, count = history.places
    if what == "places":
        places = np.unique(np.column_stack([animal, at]), axis=0)
        return np.bincount(places[:, 0].astype(np.int64), minlength=history.n_animals)
    times = np.bincount(animal, weights=count, minlength=history.n_animals)
    return np.rint(times).astype(np.int64)


def cumulative_animals(
    surveys: Survey | Iterable[Survey],
    *,
    detections: Any = None,
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """How the number of known animals grew: by date, by occasion, or by detection.

    A curve that still climbs says that many animals were not yet seen.

    Parameters
    ----------
    surveys : Survey or several
    detections : DataFrame or CSV file, optional
        Columns animal_id, date (and survey, where there are several): a curve by date.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to name the surveys.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        Without dates, surveys of one occasion are drawn by the number of detections, in random
        order (rarefaction): sum_i 1 - C(T - t_i, k) / C(T, k) animals among k of T detections
        (Hurlbert 1971).

    Raises
    ------
    DataError
        If the table cannot be read.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.cumulative_animals(
    ...     sn.datasets.sailugem(), detections=sn.datasets.data_path("detections.csv")
    ... )
    """
    several = as_surveys(surveys)
    table = None
    if detections is not None:
        names = ["animal_id"] + (["survey"] if len(several) > 1 else [])
        table = read_dated(detections, "detections", names, ["date"]).dropna(subset="date")
    ax = chart_axes(ax, (5.6, 3.4))
    colours = category_colours(len(several))
    by_occasion = max(survey.n_occasions for survey in several) > 1
    for survey, colour in zip(several, colours, strict=True):
        label = survey.name if len(several) > 1 else None
        if table is not None:
            own = table[table["survey"] == survey.name] if len(several) > 1 else table
            first = own.groupby("animal_id")["date"].min().sort_values()
            when = [own["date"].min(), *first, own["date"].max()]
            number = [0, *range(1, len(first) + 1), len(first)]
            ax.step(pd.DatetimeIndex(when), number, where="post", color=colour, label=label)
        elif by_occasion:
            first = pd.Series(survey.captures.occasion).groupby(survey.captures.animal).min()
            new = np.bincount(first.to_numpy(), minlength=survey.n_occasions)
            at = np.arange(survey.n_occasions + 1)
            ax.plot(at, [0, *np.cumsum(new)], color=colour, marker=".", label=label)
        else:
            known = rarefaction(_times(survey, "detections"))
            ax.plot(np.arange(len(known)), known, color=colour, label=label)
    _label_time(ax, dated=table is not None, by_occasion=by_occasion)
    ax.set_ylim(0.0, None)
    return finish_chart(ax, legend=legend, title=title)


def rarefaction(times: np.ndarray[Any, np.dtype[np.int64]]) -> FloatArray:
    """Expected number of animals among the first 0, 1 ... T detections in random order.

    Parameters
    ----------
    times : int64 array, shape (n_animals,)
        Detections of each animal.

    Returns
    -------
    float64 array, shape (T + 1,)

    Examples
    --------
    >>> rarefaction(np.array([1, 1])).tolist()
    [0.0, 1.0, 2.0]
    """
    total = int(times.sum())
    k = np.arange(total + 1)[:, None]
    left = total - times[None, :] - k
    with np.errstate(invalid="ignore"):
        log_missed = (
            gammaln(total - times + 1.0) - gammaln(left + 1.0) + gammaln(total - k + 1.0)
        ) - gammaln(total + 1.0)
    missed = np.where(left >= 0, np.exp(np.where(left >= 0, log_missed, 0.0)), 0.0)
    return np.asarray((1.0 - missed).sum(axis=1))


def _label_time(ax: Axes, *, dated: bool, by_occasion: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    if dated:
        date_axis(ax)
        ax.set_ylabel("Different animals")
        return
    ax.set(
        xlabel="Occasion" if by_occasion else "Detections, in random order",
        ylabel="Different animals",
    )
    # there is no half an occasion
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True))
