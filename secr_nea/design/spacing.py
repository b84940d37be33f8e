"""How far apart cameras should stand: precision against the spacing of a layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from secr_nea import _checks
from secr_nea.design.expected import expected
from secr_nea.design.scenario import Scenario
from secr_nea.detection import detection_function
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

_POINTS_PER_SIGMA = 3.0


def spacing_curve(
    traps: TrapArray,
    *,
    density: float,
    spacings: ArrayLike | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Expected numbers and approximate RSE when a layout is stretched to other spacings.

    Close cameras see few animals often, distant ones many animals once; between them is a best
    spacing, where n and r are equal. Habitat is taken to be endless and uniform.

    Parameters
    ----------
    traps : TrapArray
        Any layout, such as a grid; its shape is kept.
    density : float, animals per 100 km2
    spacings : array-like, metres, optional
        From 0.2 to 4 sigma by default.
    **options
        As for `Scenario`: ``lambda0=``, ``sigma=``, ``detection=``, ``classes=``.

    Returns
    -------
    DataFrame
        Index: spacing_m. Columns: those of `Expected.to_series`.

    Raises
    ------
    DataError
        If there is one trap only, or spacings are not above 0.
    """
    sigma = _largest_sigma(options)
    given = np.linspace(0.2, 4.0, 39) * sigma if spacings is None else spacings
    values = _checks.numbers(given, "spacings")
    if not values.size or not (np.isfinite(values) & (values > 0.0)).all():
        raise DataError(
            f"spacings must be above 0 m; got {_checks.listed(values.ravel()) or 'none'}."
        )
    rows = [_at_spacing(traps, float(value), density, options) for value in values.ravel()]
    return pd.DataFrame(rows, index=pd.Index(values.ravel(), name="spacing_m"))


def optimal_spacing(traps: TrapArray, *, density: float, **options: Any) -> float:
    """The spacing of a layout at which the approximate RSE is smallest.

    Parameters
    ----------
    traps : TrapArray
    density : float, animals per 100 km2
    **options
        As for `spacing_curve`.

    Returns
    -------
    float, metres
        Between 0.2 and 4 sigma.

    Raises
    ------
    DataError
        As `spacing_curve`, and if nothing can be detected.

    Warns
    -----
    SecrWarning
        If the best is at one end of the range.

    References
    ----------
    Efford, M. G. and Boulanger, J. (2019) Methods in Ecology and Evolution 10, 1529-1535: for a
    grid about 2 sqrt(lambda0 x effort) sigma.
    """
    sigma = _largest_sigma(options)
    curve = spacing_curve(traps, density=density, **options)["rse"]
    if not np.isfinite(curve).any():
        raise DataError("No spacing is best: nothing can be detected at any of them.")
    best = int(np.argmin(curve.to_numpy()))
    if best in (0, len(curve) - 1):
        _checks.warn(
            f"The best spacing is at the end of what was tried, {curve.index[best]:,.0f} m "
            f"({curve.index[best] / sigma:.1f} sigma): there are "
            + (
                "so few recaptures that cameras could not be too close."
                if best == 0
                else "so many recaptures that cameras could not be too far apart."
            )
        )
        return float(curve.index[best])
    around = curve.index[[max(best - 1, 0), min(best + 1, len(curve) - 1)]]
    found = minimize_scalar(
        lambda spacing: float(_at_spacing(traps, spacing, density, options)["rse"]),
        bounds=tuple(around),
        method="bounded",
        options={"xatol": 1e-3 * sigma},
    )
    return float(found.x)


def _largest_sigma(options: dict[str, Any]) -> float:
    sigma = options.get("sigma")
    values: Sequence[Any] = list(sigma.values()) if isinstance(sigma, dict) else [sigma]
    if any(value is None or np.ndim(value) for value in values):
        raise DataError(f"sigma= must be one number, or one for each class; got {sigma!r}.")
    return max(_checks.positive(value, "sigma") for value in values)


def _at_spacing(
    traps: TrapArray, spacing: float, density: float, options: dict[str, Any]
) -> pd.Series:
    """Expected numbers of the layout at one spacing."""
    if traps.n_traps < 2 or traps.is_search.any():
        raise DataError("A layout of two traps or more that are points is needed.")
    middle = traps.xy.mean(axis=0)
    moved = TrapArray(
        middle + (traps.xy - middle) * (spacing / traps.spacing),
        ids=traps.ids,
        effort=traps.effort,
        detector=traps.detector,
    )
    sigma = _largest_sigma(options)
    reach = detection_function(options.get("detection", "hazard_half_normal")).shape.reach
    step = min(sigma / _POINTS_PER_SIGMA, spacing / 2.0) if spacing > 0.5 * sigma else sigma / 4.0
    mask = HabitatMask.around(moved, buffer=max(reach, 4.0) * sigma, spacing=step)
    return expected(Scenario(moved, mask, density, **options)).to_series()
