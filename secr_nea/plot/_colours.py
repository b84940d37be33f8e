"""Colours that readers with any colour vision can tell apart, for categories and for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable

# Okabe and Ito (2008), without black (traps, text) and yellow (invisible on white paper)
CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Colours of up to six categories."""

UNKNOWN = "#8c8c8c"
"""Colour of what has no value."""

INK = "#222222"
"""Lines and markers that carry no colour."""

DENSITY_MAP = "viridis"
COVARIATE_MAP = "cividis"


@dataclass(frozen=True)
class Colouring:
    """Colour of each item, and what explains the colours.

    Parameters
    ----------
    colours : list of matplotlib colours, one per item
    levels : dict of level to colour
        What a legend must say; empty for numbers.
    mappable : ScalarMappable or None
        What a colour bar must show; None for categories.
    """

    colours: list[Any]
    levels: dict[str, Any]
    mappable: ScalarMappable | None


def category_colours(n: int) -> list[Any]:
    """Colours of n categories: Okabe and Ito's, or steps of viridis when there are too many."""
    if n <= len(CATEGORIES):
        return list(CATEGORIES[:n])
    import matplotlib as mpl

    return [tuple(colour) for colour in mpl.colormaps["viridis"](np.linspace(0.0, 1.0, n))]


def levels_of(values: pd.Series) -> list[str]:
    """Levels that occur, in the order of the categories or of the alphabet."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        present = set(values.dropna())
        return [str(level) for level in values.cat.categories if level in present]
    return sorted({str(value) for value in values.dropna()})


def colouring(values: pd.Series) -> Colouring:
    """Colours of items by a covariate.

    Parameters
    ----------
    values : Series, one value per item
        Text or categories, or numbers; what is missing becomes grey.

    Returns
    -------
    Colouring
    """
    missing = values.isna().to_numpy()
    categorical = isinstance(values.dtype, pd.CategoricalDtype) or _checks.is_categorical(values)
    if categorical or missing.all():
        names = levels_of(values)
        levels: dict[str, Any] = dict(zip(names, category_colours(len(names)), strict=True))
        colours = [
            UNKNOWN if absent else levels[str(value)]
            for value, absent in zip(values, missing, strict=True)
        ]
        return Colouring(colours, levels | ({"unknown": UNKNOWN} if missing.any() else {}), None)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    numbers = values.to_numpy(dtype=np.float64)
    mappable = ScalarMappable(Normalize(np.nanmin(numbers), np.nanmax(numbers)), COVARIATE_MAP)
    shown = mappable.to_rgba(np.where(missing, np.nanmin(numbers), numbers))
    colours = [
        UNKNOWN if absent else tuple(rgba) for rgba, absent in zip(shown, missing, strict=True)
    ]
    return Colouring(colours, {"unknown": UNKNOWN} if missing.any() else {}, mappable)


def spread_colours(xy: np.ndarray[Any, Any]) -> list[str]:
    """Colours of places such that places of one colour lie far from each other.

    Parameters
    ----------
    xy : float64 array, shape (n, 2)

    Returns
    -------
    list of str
    """
    chosen: list[int] = []
    for i in range(len(xy)):
        apart = np.full(len(CATEGORIES), np.inf)
        for j, colour in enumerate(chosen):
            apart[colour] = min(apart[colour], float(np.hypot(*(xy[i] - xy[j]))))
        chosen.append(int(np.argmax(apart)))
    return [CATEGORIES[colour] for colour in chosen]
