"""The units of the library and the only place where one is converted into another."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from secr_nea._typing import FloatArray

M2_PER_KM2 = 1e6
"""Square metres in a square kilometre."""

DENSITY_AREA_KM2 = 100.0
"""Densities are animals per this many square kilometres, everywhere."""

SIGMA_AT_UNIT_DENSITY = float(np.sqrt(DENSITY_AREA_KM2 * M2_PER_KM2))
"""Metres: sigma = sigmak times this / sqrt(D), with the pure number sigmak and D per 100 km2."""

Density = TypeVar("Density", float, FloatArray, np.float64)


def animals_per_cell(density: Density, cell_area_km2: float) -> Density:
    """Expected number of activity centres in a cell.

    Parameters
    ----------
    density : float or float64 array, animals per 100 km2
    cell_area_km2 : float, km2
        Area of one mask cell.

    Returns
    -------
    float or float64 array
        Animals per cell, same shape as ``density``.

    Examples
    --------
    >>> animals_per_cell(1.5, 4.0)
    0.06
    """
    return density * (cell_area_km2 / DENSITY_AREA_KM2)


def square_metres_to_km2(area: Density) -> Density:
    """Convert an area from square metres to square kilometres.

    Examples
    --------
    >>> square_metres_to_km2(250_000.0)
    0.25
    """
    return area / M2_PER_KM2
