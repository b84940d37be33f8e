"""Are the cells of the mask small enough: error of the effective sampling area against spacing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.mask_check import SPACING_LIMIT, effective_area_by_spacing
from secr_nea.plot._colours import CATEGORIES, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST = 1e-4


def spacing(
    fit: Estimate,
    *,
    survey: str | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Largest error of density that cells of a given width may make.

    Parameters
    ----------
    fit : FitResult
    survey : str, optional
        Name of the survey, needed when there are several.
    ax : Axes, optional
        Where to draw; new axes by default.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        Spacing in sigma against the error in percent, on a logarithmic scale.

    Raises
    ------
    DataError
        If the survey is not named.

    Examples
    --------
    >>> import secr_nea as sn
    >>> ax = sn.plot.spacing(sn.fit(sn.datasets.sailugem(), progress=False))
    """
    item = fit.model.surveys[survey_index(fit, survey)]
    curve = effective_area_by_spacing(fit, survey=item.name)
    used = curve.iloc[(curve["spacing_m"] - item.mask.spacing).abs().argmin()]
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(5.6, 4.0), layout="constrained")[1]
    shown = curve.iloc[1:]
    percent = 100.0 * shown["relative_error"].clip(lower=_LEAST)
    ax.plot(shown["spacing_in_sigma"], percent, color=CATEGORIES[0], marker="o", lw=1.8)
    ax.axvline(float(used["spacing_in_sigma"]), color=INK, linestyle="--", lw=1.0)
    ax.axvline(SPACING_LIMIT, color=CATEGORIES[1], linestyle=":", lw=1.4)
    for place, name, color in (
        (float(used["spacing_in_sigma"]), f"in use: {used['spacing_m']:,.0f} m", INK),
        (SPACING_LIMIT, "largest advised", CATEGORIES[1]),
    ):
        ax.annotate(
            name,
            (place, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            fontsize="small",
            color=color,
        )
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="Spacing of the mask (sigma)", ylabel="Largest error of density (%)")
    ax.spines[["top", "right"]].set_visible(False)
    if title is not None:
        ax.set_title(title)
    return ax
