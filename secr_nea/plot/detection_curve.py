"""The fitted detection function over the distances at which animals were detected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.mask_check import metric_sigma
from secr_nea.plot._colours import CATEGORIES
from secr_nea.plot._curves import Curve, detection_curves
from secr_nea.plot._positions import distances_to_center, distances_to_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_BARS = "#d9d9d9"
_BAR_TEXT = "#6b6b6b"


def detection(
    fit: Estimate,
    *,
    by: str | None = None,
    what: str | None = None,
    per: str = "unit effort",
    level: float = 0.95,
    survey: str | None = None,
    distances: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Detection by distance with a pointwise interval, over the distances that were observed.

    Covariates that are numbers are held at their mean; each level of a factor has its curve, up to
    six. The grey bars count detections by their distance to the mean position of the animal's
    detections, a stand-in for the unknown activity centre that is too short for animals with few
    detections (with a metric other than straight distance: to its likeliest activity centre);
    animals detected once are left out. They are no estimate of the curve: there is more
    room at larger distances.

    Parameters
    ----------
    fit : FitResult
    by : str, optional
        Factor whose levels are shown, others at their most frequent level; all combinations that
        occur by default.
    what : {"hazard", "probability"}, optional
        Detections per unit effort, or the probability of at least one; by default as the detection
        function is defined.
    per : str
        Unit of the effort in the label, such as ``"camera-day"``.
    level : float
        Confidence level of the band. A curve that depends on a flat coefficient has none.
    survey : str, optional
        Survey whose detections are counted; all by default.
    distances : bool
        Whether to show the bars.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to name the curves.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        Distance in km; the bars are in a second axes behind it.

    Raises
    ------
    DataError
        Unknown survey, factor or ``what``.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), lambda0="~ topography", progress=False)
    >>> ax = sn.plot.detection(result, per="camera-day")
    """
    name = _quantity(fit, what)
    observed = _observed(fit, survey)
    distance = np.linspace(0.0, _farthest(fit, observed), 201)
    curves, factors = detection_curves(fit, distance, by=by, level=level)
    ax = _chart(ax)
    for i, curve in enumerate(curves):
        _draw(ax, distance / 1000.0, curve, name, CATEGORIES[i], STYLES[i])
    _set_height(ax, curves, name)
    ax.set_xlim(0.0, distance[-1] / 1000.0)
    label = "Detections" if name == "hazard" else "Probability of detection"
    metric = fit.model.metric
    measured = "Distance" if metric is None else metric.name.capitalize()
    ax.set(xlabel=f"{measured} (km)", ylabel=f"{label} per {per}")
    if distances and len(observed):
        _count_behind(ax, observed / 1000.0, "mean position" if metric is None else "centre")
    if legend and factors:
        ax.legend(title=", ".join(factors).capitalize(), frameon=False, alignment="left")
    if title is not None:
        ax.set_title(title)
    return ax


def _quantity(fit: Estimate, what: str | None) -> str:
    if what is None:
        return "hazard" if fit.model.detection.is_hazard else "probability"
    if what not in ("hazard", "probability"):
        raise DataError(f"what = {what!r} is not known; choose one of hazard, probability.")
    return what


def _observed(fit: Estimate, survey: str | None) -> FloatArray:
    """Distances of detections to the animals' mean positions, metres.

    Where distances are not straight a mean position has none; then they are measured from the
    animal's likeliest activity centre.
    """
    surveys = fit.model.surveys
    if fit.model.metric is not None:
        chosen = range(len(surveys)) if survey is None else [survey_index(fit, survey)]
        return np.concatenate([distances_to_center(fit, b) for b in chosen])
    if survey is not None:
        surveys = (surveys[survey_index(fit, survey)],)
    return np.concatenate([distances_to_mean(item.captures) for item in surveys])


def _farthest(fit: Estimate, observed: FloatArray) -> float:
    """A little farther than any detection, and far enough for the shape to be seen, metres."""
    return max(1.1 * float(observed.max(initial=0.0)), 3.0 * metric_sigma(fit))


def _chart(ax: Axes | None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(5.6, 4.0), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _draw(
    ax: Axes, kilometres: FloatArray, curve: Curve, name: str, colour: str, style: Any
) -> None:
    value, lower, upper = (_as(name, h) for h in (curve.hazard, curve.lower, curve.upper))
    if np.isfinite(lower).all():
        ax.fill_between(kilometres, lower, upper, color=colour, alpha=0.16, linewidth=0, zorder=2)
    ax.plot(kilometres, value, color=colour, linestyle=style, lw=1.8, label=curve.label, zorder=3)


def _as(name: str, hazard: FloatArray) -> FloatArray:
    return hazard if name == "hazard" else -np.expm1(-hazard)


def _set_height(ax: Axes, curves: list[Curve], name: str) -> None:
    """Show the bands, unless they are so wide that the curves would vanish."""
    most = max(float(_as(name, curve.hazard).max()) for curve in curves)
    limits = [_as(name, curve.upper) for curve in curves]
    widest = max(float(np.nan_to_num(limit, posinf=0.0).max()) for limit in limits)
    ax.set_ylim(0.0, 1.05 * min(max(most, widest), 4.0 * most))


def _count_behind(ax: Axes, kilometres: FloatArray, origin: str) -> None:
    """Histogram on an axis of its own, in the lower third, behind the curves."""
    from matplotlib.ticker import MaxNLocator

    bars = ax.twinx()
    right = ax.get_xlim()[1]
    counts, _, _ = bars.hist(
        kilometres, bins=list(np.linspace(0.0, right, 25)), color=_BARS, edgecolor="white", lw=0.5
    )
    most = float(np.max(counts))
    bars.set_ylim(0.0, 3.0 * most)
    ticks = np.asarray(MaxNLocator(3, steps=[1, 2, 5, 10], integer=True).tick_values(0.0, most))
    bars.set_yticks([float(tick) for tick in ticks if 0.0 <= tick <= most])
    label = f"Detections, distance to the\nanimal's {origin}"
    bars.set_ylabel(label, color=_BAR_TEXT, y=0.0, ha="left")
    bars.tick_params(axis="y", colors=_BAR_TEXT, length=3)
    bars.spines[["top", "left", "bottom"]].set_visible(False)
    bars.spines["right"].set(color=_BAR_TEXT, bounds=(0.0, most))
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
