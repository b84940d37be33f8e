"""Is the mask wide enough: density against the buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.mask_check import (
    BIAS_LIMIT,
    SPACING_LIMIT,
    check_mask,
    effective_area_by_buffer,
    typical_sigma,
    wanted_buffer,
)
from secr_nea.plot._colours import CATEGORIES, INK
from secr_nea.plot.density_map import UNIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def buffer(
    fit: Estimate,
    *,
    survey: str | None = None,
    n_steps: int = 60,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Density that a mask with a narrower buffer would give, up to the buffer in use.

    Where the curve is level at the buffer in use, a wider mask would change nothing.

    Parameters
    ----------
    fit : FitResult
    survey : str, optional
        Name of the survey, needed when there are several.
    n_steps : int
        Number of buffers.
    ax : Axes, optional
        Where to draw; new axes by default.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        Buffer in km, above in sigma; the advice of `secr_nea.inference.check_mask` as text.

    Raises
    ------
    DataError
        If the survey is not named.

    Notes
    -----
    The curve is n / a(buffer), animals detected divided by the effective sampling area of the cells
    within that distance of a trap, with the detection function as it was fitted.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.buffer(sn.fit(sn.datasets.sailugem(), progress=False))
    """
    item = fit.model.surveys[survey_index(fit, survey)]
    curve = effective_area_by_buffer(fit, survey=item.name, n_steps=n_steps)
    check = {str(k): float(v) for k, v in check_mask(fit).loc[[item.name]].iloc[0].items()}
    sigma = typical_sigma(fit)
    wanted = wanted_buffer(fit, check["buffer_m"])
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(5.6, 4.0), layout="constrained")[1]
    density = curve["density_per_100km2"]
    ax.plot(curve["buffer_m"] / 1000.0, density, color=CATEGORIES[0], lw=1.8)
    ax.axvline(check["buffer_m"] / 1000.0, color=INK, linestyle="--", lw=1.0)
    _name_line(ax, check["buffer_m"] / 1000.0, "buffer in use")
    right = check["buffer_m"]
    if check["relative_bias"] > BIAS_LIMIT:
        right = max(right, wanted)
        ax.axvline(wanted / 1000.0, color=CATEGORIES[1], linestyle=":", lw=1.4)
        _name_line(ax, wanted / 1000.0, "advised", color=CATEGORIES[1])
    ax.set_xlim(0.0, 1.06 * right / 1000.0)
    level = float(density.iloc[-1])
    ax.set_ylim(0.0, min(1.05 * float(density.max()), 3.0 * level) if np.isfinite(level) else None)
    ax.set(xlabel="Buffer (km)", ylabel=f"Animals detected / effective area\n({UNIT})")
    ax.spines[["right"]].set_visible(False)
    _add_sigma_axis(ax, sigma)
    _write_advice(ax, check["buffer_m"] / 1000.0, _advice(check, wanted))
    if title is not None:
        ax.set_title(title)
    return ax


def _write_advice(ax: Axes, kilometres: float, text: str) -> None:
    """Text left of the buffer in use, where the curve is low."""
    ax.annotate(
        text,
        (kilometres, 0.95),
        xycoords=("data", "axes fraction"),
        xytext=(-6, 0),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize="small",
    )


def _name_line(ax: Axes, kilometres: float, name: str, color: str = INK) -> None:
    ax.annotate(
        name,
        (kilometres, 0.03),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="bottom",
        fontsize="small",
        color=color,
    )


def _add_sigma_axis(ax: Axes, sigma: float) -> None:
    kilometres = sigma / 1000.0
    above = ax.secondary_xaxis(
        "top",
        functions=(
            lambda x: np.asarray(x, dtype=np.float64) / kilometres,
            lambda x: np.asarray(x, dtype=np.float64) * kilometres,
        ),
    )
    above.set_xlabel(f"Buffer in sigma (sigma = {kilometres:.2f} km)")


def _advice(check: dict[str, float], wanted: float) -> str:
    """The finding of `check_mask` in two or three short lines."""
    bias = 100.0 * check["relative_bias"]
    told = "less than 0.1 %" if bias < 0.1 else f"about {bias:.2g} %"
    lines = [f"Density too high by {told}"]
    if check["relative_bias"] > BIAS_LIMIT:
        lines.append(f"Widen the mask to about {wanted / 1000.0:,.0f} km")
    else:
        lines.append("The buffer is wide enough")
    if check["spacing_in_sigma"] > SPACING_LIMIT:
        lines.append(
            f"Cells of {check['spacing_in_sigma']:.2f} sigma are too coarse: "
            f"at most {SPACING_LIMIT} sigma"
        )
    return "\n".join(lines)
