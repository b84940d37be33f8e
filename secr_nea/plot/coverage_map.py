"""Maps of what a survey covered: detection probability, extrapolation, and expected use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import extrapolation as extrapolation_table
from secr_nea.inference.detectability import pdot, survey_index
from secr_nea.inference.expected_use import expected_use as expected_use_surface
from secr_nea.mask import HabitatMask
from secr_nea.plot._colours import COVARIATE_MAP, DENSITY_MAP, category_colours
from secr_nea.plot._legend import add_section, line, marker, show_legend
from secr_nea.plot._map_axes import colour_bar, draw_cells, finish_map, map_axes
from secr_nea.plot.mask_map import HABITAT, SOFT
from secr_nea.plot.trap_map import draw_traps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTOURS = {0.9: "-", 0.5: "--", 0.1: ":"}


def detectability(
    fit: Estimate,
    *,
    survey: str | None = None,
    group: str | None = None,
    traps: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the probability that an animal living there was detected at all.

    Parameters
    ----------
    fit : FitResult
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    traps : bool
        Whether to show the traps.
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
        In metres; contours at 0.9, 0.5 and 0.1.

    Raises
    ------
    DataError
        If the survey or the group is not named.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.detectability(sn.fit(sn.datasets.sailugem(), progress=False))
    """
    item = fit.model.surveys[survey_index(fit, survey)]
    surface = item.mask.to_xarray(pdot(fit, survey=survey, group=group), name="pdot")
    ax = map_axes(ax, item.mask.extent)
    style: dict[str, Any] = {"cmap": COVARIATE_MAP, "vmin": 0.0, "vmax": 1.0}
    image = draw_cells(ax, surface, item.mask.spacing, **style)
    x, y, values = np.asarray(surface["x"]), np.asarray(surface["y"]), np.asarray(surface)
    drawn = []
    for value, dashes in CONTOURS.items():
        if np.nanmin(values) < value < np.nanmax(values):
            ax.contour(x, y, values, [value], colors="white", linestyles=dashes, linewidths=1.2)
            drawn.append(line(f"probability {value:g}", color="#7a7a7a", linestyle=dashes))
    if traps:
        draw_traps(ax, item.traps, legend=legend)
    if legend:
        add_section(ax, "", drawn)
        show_legend(ax)
        label = "Probability that an animal living there was detected"
        colour_bar(ax, image, label, coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)


def extrapolation(
    fit: Estimate,
    *,
    survey: str | None = None,
    group: str | None = None,
    mask: HabitatMask | None = None,
    traps: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of where density rests on covariate values beyond what was sampled.

    Parameters
    ----------
    fit : FitResult
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    mask : HabitatMask, optional
        Where density is predicted; the survey's own mask by default.
    traps : bool
        Whether to show the traps.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres. Cells are coloured by the covariates that are beyond.

    Raises
    ------
    DataError
        If the survey or the group is not named.
    ModelError
        If the model has no density, or the mask lacks a covariate.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)
    >>> ax = sn.plot.extrapolation(result)
    """
    from matplotlib.colors import ListedColormap

    item = fit.model.surveys[survey_index(fit, survey)]
    where = item.mask if mask is None else mask
    beyond = extrapolation_table(fit, mask, survey=survey, group=group)
    labels = np.array(
        [" and ".join(beyond.columns[row]) for row in beyond.to_numpy(dtype=bool)], dtype=object
    )
    if not len(beyond.columns):
        labels = np.full(where.n_points, "", dtype=object)
    kinds = ["", *sorted(set(labels) - {""})]
    colours = [HABITAT, *(category_colours(len(kinds))[1:])]
    codes = np.array([float(kinds.index(label)) for label in labels])
    ax = map_axes(ax, where.extent)
    draw_cells(
        ax,
        where.to_xarray(codes, name="beyond"),
        where.spacing,
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(kinds) - 0.5,
        alpha=SOFT,
    )
    if traps:
        draw_traps(ax, item.traps, legend=legend)
    if legend:
        names = ["as sampled", *(f"{kind} beyond" for kind in kinds[1:])]
        entries = [
            marker(f"{name} ({100 * np.mean(codes == i):.0f} %)", "s", size=60, mfc=c, mec="none")
            for i, (name, c) in enumerate(zip(names, colours, strict=True))
        ]
        add_section(ax, "Covariates", entries)
        show_legend(ax)
    return finish_map(ax, coordinates=coordinates, title=title)


def expected_use(
    fit: Estimate,
    *,
    animal: str | None = None,
    survey: str | None = None,
    group: str | None = None,
    traps: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of how much each place is used, the activity centres spread by the animals' movements.

    Parameters
    ----------
    fit : FitResult
    animal : str, optional
        One detected animal; all animals of the density surface by default.
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    traps : bool
        Whether to show the traps.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres; see `secr_nea.inference.expected_use`.

    Raises
    ------
    DataError
        If the survey, group or animal is not known, or the data do not determine density.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)
    >>> ax = sn.plot.expected_use(result)
    """
    item = fit.model.surveys[survey_index(fit, survey)]
    use = expected_use_surface(fit, animal=animal, survey=survey, group=group)
    if not np.isfinite(use).any():
        raise DataError(
            "The data do not determine density, so there is no map; see fit.diagnosis.message."
        )
    ax = map_axes(ax, item.mask.extent)
    image = draw_cells(ax, use, item.mask.spacing, cmap=DENSITY_MAP, vmin=0.0)
    if traps:
        draw_traps(ax, item.traps, legend=legend)
    if legend:
        show_legend(ax)
        label = (
            "Expected use (animals per 100 km² at any moment)"
            if animal is None
            else f"Share of the time of {animal} per cell of {item.mask.cell_area:.3g} km²"
        )
        colour_bar(ax, image, label, coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)
