"""Map of a habitat mask and of what is known about its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.plot._colours import COVARIATE_MAP, category_colours, levels_of
from secr_nea.plot._legend import add_section, marker, show_legend
from secr_nea.plot._map_axes import colour_bar, draw_cells, finish_map, map_axes
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HABITAT = "#c9d3c0"
SOFT = 0.75
"""Opacity of categories, so that what is drawn over them stands out."""


def mask(
    mask: HabitatMask | Survey,
    covariate: str | None = None,
    *,
    label: str | None = None,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the cells of a mask, coloured by a covariate.

    Parameters
    ----------
    mask : HabitatMask or Survey
    covariate : str, optional
        Numbers get a colour bar, categories a legend; without it the cells have one colour.
    label : str, optional
        What the colours are, with the unit, such as ``"elevation (m)"``; the covariate's name by
        default.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain the colours.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres. Cells without a value stay empty.

    Raises
    ------
    DataError
        Something else than a mask, an unknown covariate, or a grid that is not aligned with the
        axes.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.mask(sn.datasets.sailugem().mask, "elevation", label="elevation (m)")
    """
    item = mask.mask if isinstance(mask, Survey) else mask
    if not isinstance(item, HabitatMask):
        raise DataError(f"A HabitatMask or a Survey is needed; got {type(item).__name__}.")
    if covariate is not None:
        _refuse_unknown(item, covariate)
    ax = map_axes(ax, item.extent)
    if covariate is None:
        _draw_plain(ax, item)
    elif _is_categorical(item.covariates[covariate]):
        _draw_categories(ax, item, covariate, label, legend)
    else:
        image = draw_cells(ax, item.to_xarray(covariate), item.spacing, cmap=COVARIATE_MAP)
        if legend:
            colour_bar(ax, image, label or _name(item, covariate), coordinates=coordinates)
    return finish_map(ax, coordinates=coordinates, title=title)


def _refuse_unknown(item: HabitatMask, covariate: str) -> None:
    if covariate not in item.covariates:
        known = [str(name) for name in item.covariates.columns]
        raise DataError(
            f"The mask has no covariate {covariate!r}{_checks.did_you_mean(covariate, known)}; it "
            f"has {_checks.listed(known) or 'none'}."
        )


def _is_categorical(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype) or _checks.is_categorical(values)


def _name(item: HabitatMask, covariate: str) -> str:
    """Name of a covariate; standardised ones say what their unit is."""
    base = covariate.removesuffix("_std")
    if base != covariate and base in item.scaling:
        return f"{base} (standard deviations from the mean)"
    return covariate


def _draw_plain(ax: Axes, item: HabitatMask) -> None:
    from matplotlib.colors import ListedColormap

    draw_cells(ax, item.to_xarray(), item.spacing, cmap=ListedColormap([HABITAT]))


def _draw_categories(
    ax: Axes, item: HabitatMask, covariate: str, label: str | None, legend: bool
) -> None:
    from matplotlib.colors import ListedColormap

    values = item.covariates[covariate]
    levels = levels_of(values)
    colours = category_colours(len(levels))
    code = {level: float(i) for i, level in enumerate(levels)}
    codes = np.array([np.nan if pd.isna(v) else code[str(v)] for v in values])
    draw_cells(
        ax,
        item.to_xarray(codes, name=covariate),
        item.spacing,
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(levels) - 0.5,
        alpha=SOFT,
    )
    if legend:
        entries = [
            marker(level, "s", size=60, mfc=colour, mec="none", alpha=SOFT)
            for level, colour in zip(levels, colours, strict=True)
        ]
        add_section(ax, (label or covariate).capitalize(), entries)
        show_legend(ax)
