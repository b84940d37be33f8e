"""Map of the density that a fit predicts, or of how well it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import density_surface
from secr_nea.inference.detectability import survey_index
from secr_nea.mask import HabitatMask
from secr_nea.plot._colours import COVARIATE_MAP, DENSITY_MAP
from secr_nea.plot._legend import show_legend
from secr_nea.plot._map_axes import colour_bar, draw_cells, finish_map, map_axes
from secr_nea.plot.trap_map import draw_traps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNIT = "animals per 100 km²"


def density(
    fit: Estimate,
    *,
    what: str = "density",
    survey: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
    traps: bool = True,
    limits: tuple[float, float] | None = None,
    alpha: float = 1.0,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the density surface of a fit.

    Parameters
    ----------
    fit : FitResult
    what : {"density", "se", "cv", "lower", "upper"}
        Density, its standard error, its coefficient of variation, or a limit of its interval.
    survey : str, optional
        Name of the survey, needed when there are several.
    mask : HabitatMask, optional
        Where to predict; the survey's own mask by default.
    level : float
        Confidence level of the limits.
    traps : bool
        Whether to show the traps.
    limits : (float, float), optional
        Values at the ends of the colour bar, so that several pictures can be compared.
    alpha : float
        Opacity of the cells; about 0.7 over a hillshade.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours and traps.
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
        If the survey is not named, ``what`` is not known, or the data do not determine density.
    FormulaError, ModelError
        If the mask lacks a covariate of the density formula.

    Notes
    -----
    The surface is what the formula of density says; it does not show where the detected animals
    live.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)
    >>> ax = sn.plot.density(result)
    """
    label = _label(what, level)
    item = fit.model.surveys[survey_index(fit, survey)]
    where = mask if mask is not None else item.mask
    values = density_surface(fit, survey=survey, mask=mask, level=level)[what]
    if not np.isfinite(values).any():
        raise DataError(
            "The data do not determine density, so there is no map; see fit.diagnosis.message."
        )
    if what == "cv":
        values = 100.0 * values
    low, high = limits if limits is not None else _limits(what, np.asarray(values))
    ax = map_axes(ax, where.extent)
    colours = COVARIATE_MAP if what in ("se", "cv") else DENSITY_MAP
    image = draw_cells(ax, values, where.spacing, cmap=colours, vmin=low, vmax=high, alpha=alpha)
    if traps:
        draw_traps(ax, item.traps, legend=legend)
    if legend:
        show_legend(ax)
        extend = _extend(np.asarray(values), low, high)
        colour_bar(ax, image, label, coordinates=coordinates, extend=extend)
    return finish_map(ax, coordinates=coordinates, title=title)


def _label(what: str, level: float) -> str:
    labels = {
        "density": f"Density ({UNIT})",
        "se": f"Standard error of density ({UNIT})",
        "cv": "Coefficient of variation of density (%)",
        "lower": f"Lower {100.0 * level:g} % limit of density ({UNIT})",
        "upper": f"Upper {100.0 * level:g} % limit of density ({UNIT})",
    }
    if what not in labels:
        raise DataError(f"what = {what!r} is not known; choose one of {', '.join(labels)}.")
    return labels[what]


def _limits(what: str, values: np.ndarray) -> tuple[float, float]:
    """From 0, so that colours can be read as multiples; the coefficient of variation by range."""
    least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if not most > 1.05 * least:
        # one value everywhere: a colour from the middle, not the alarming end
        return 0.0, 2.0 * most
    return (least if what == "cv" else 0.0), most


def _extend(values: np.ndarray, low: float, high: float) -> str:
    """At which ends of the colour bar there are values beyond it."""
    below, above = bool(np.nanmin(values) < low), bool(np.nanmax(values) > high)
    return {(False, False): "neither", (True, False): "min", (False, True): "max"}.get(
        (below, above), "both"
    )
