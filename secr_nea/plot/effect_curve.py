"""How a parameter changes with one covariate, with its interval and a rug of what was sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import extrapolation
from secr_nea.inference.prediction import covariate_frame, predict
from secr_nea.parameters import UNITS, Parameter
from secr_nea.plot._charts import chart_axes, finish_chart
from secr_nea.plot._colours import CATEGORIES, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_TICKS = 400


def effect(
    fit: Estimate,
    covariate: str,
    *,
    parameter: str | None = None,
    level: float = 0.95,
    rug: bool = True,
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Effect of a covariate on density or on a parameter of detection.

    Other covariates are held at their mean, other factors at their most frequent level. The rug
    shows the values of the data: of mask points for density, of detectors for detection. Where a
    density covariate lies beyond what was sampled the curve is dashed. Standardised covariates
    are shown in their own unit.

    Parameters
    ----------
    fit : FitResult
    covariate : str
        A variable of the formula; of a factor each level is shown.
    parameter : str, optional
        ``"D"``, ``"lambda0"``, ``"sigma"`` ...; the first one whose formula has the covariate by
        default.
    level : float
        Confidence level of the band (Wald, on the link scale).
    rug : bool
        Whether to mark the values of the data.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain dashes.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        If no formula has the covariate, or the data do not determine the effect.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)
    >>> ax = sn.plot.effect(result, "ruggedness_std")
    """
    chosen = _chosen(fit, covariate, parameter)
    frame = covariate_frame(fit, chosen)
    values = frame[covariate]
    is_factor = isinstance(values.dtype, pd.CategoricalDtype)
    grid = _grid(frame, covariate, is_factor)
    table = predict(fit, grid, parameters=[chosen.name], level=level)
    if not np.isfinite(table["estimate"]).any():
        raise DataError(
            f"The data do not determine the effect of {covariate} on {chosen.name}, so there is "
            "no curve; see fit.diagnosis.message."
        )
    ax = chart_axes(ax, (5.2, 3.6))
    if is_factor:
        _draw_levels(ax, table, grid[covariate])
        ax.set_xlabel(covariate.replace("_", " ").capitalize())
    else:
        shown, label = _own_unit(fit, covariate)
        known = _sampled_range(fit, covariate, values) if chosen.name == "D" else None
        _draw_curve(
            ax,
            shown(grid[covariate].to_numpy()),
            table,
            known and tuple(float(end) for end in shown(np.array(known))),
        )
        if rug:
            _draw_rug(ax, shown(values.to_numpy(dtype=np.float64)))
        ax.set_xlabel(label)
    _set_height(ax, table)
    ax.set_ylabel(_label(chosen, relative=fit.model.is_relative))
    return finish_chart(ax, legend=legend, title=title)


def effects_of(fit: Estimate) -> list[tuple[str, str]]:
    """Parameter and covariate of every effect that a fit has.

    Parameters
    ----------
    fit : FitResult

    Returns
    -------
    list of (parameter, covariate)
    """
    return [
        (name, str(variable))
        for name, p in fit.model.parameters.items()
        if p.design is not None and not name.startswith("pmix")
        for variable in p.design.variables
        if variable not in ("x", "y")
    ]


def _chosen(fit: Estimate, covariate: str, parameter: str | None) -> Parameter:
    known = effects_of(fit)
    if parameter is not None and parameter not in fit.model.parameters:
        raise DataError(
            f"There is no parameter {parameter!r}; there are {', '.join(fit.model.parameters)}."
        )
    found = [name for name, v in known if v == covariate and parameter in (None, name)]
    if not found:
        names = [variable for _, variable in known]
        of = "No formula" if parameter is None else f"The formula of {parameter} does not"
        raise DataError(
            f"{of} {'has' if parameter is None else 'have'} the covariate {covariate!r}"
            f"{_checks.did_you_mean(covariate, names)}; the fit has the effects "
            f"{_checks.listed(f'{n} ~ {v}' for n, v in known) or 'none'}."
        )
    return fit.model.parameters[found[0]]


def _grid(frame: pd.DataFrame, covariate: str, is_factor: bool) -> pd.DataFrame:
    """The covariate over its values, the others held."""
    values = frame[covariate]
    if is_factor:
        own: Any = [v for v in values.cat.categories if (values == v).any()]
    else:
        own = np.linspace(float(values.min()), float(values.max()), 101)
    grid = pd.DataFrame({covariate: own})
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            shown = own if name == covariate else [column.mode().iloc[0]] * len(grid)
            grid[name] = pd.Categorical(shown, categories=column.cat.categories)
        elif name != covariate:
            grid[name] = float(column.mean())
    return grid[list(frame.columns)]


def _own_unit(fit: Estimate, covariate: str) -> tuple[Any, str]:
    """How a standardised covariate is shown on its own scale."""
    base = covariate.removesuffix("_std")
    scaling = fit.model.surveys[0].mask.scaling
    same = all(s.mask.scaling.get(base) == scaling.get(base) for s in fit.model.surveys)
    if base == covariate or base not in scaling or not same:
        return (lambda x: x), covariate.replace("_", " ").capitalize()
    mean, sd = scaling[base]
    return (lambda x: mean + sd * x), base.replace("_", " ").capitalize()


def _sampled_range(fit: Estimate, covariate: str, values: pd.Series) -> tuple[float, float] | None:
    """Least and largest sampled value of a density covariate."""
    individuals = fit.model.individuals
    groups = individuals.levels if individuals.grouped else (None,)
    beyond = np.concatenate(
        [
            extrapolation(fit, survey=survey.name, group=group)[covariate].to_numpy()
            for survey in fit.model.surveys
            for group in groups
        ]
    )
    known = values.to_numpy(dtype=np.float64)[~beyond]
    return (float(known.min()), float(known.max())) if len(known) else None


def _draw_curve(ax: Axes, x: FloatArray, table: pd.DataFrame, known: Any) -> None:
    lower, upper, value = (table[name].to_numpy() for name in ("lower", "upper", "estimate"))
    ax.fill_between(x, lower, upper, color=CATEGORIES[0], alpha=0.16, lw=0)
    inside = np.ones(len(x), dtype=bool) if known is None else (x >= known[0]) & (x <= known[1])
    ax.plot(x, np.where(inside, value, np.nan), color=CATEGORIES[0], lw=1.8)
    if not inside.all():
        label = "beyond what was sampled"
        ax.plot(x, value, color=CATEGORIES[0], lw=1.4, ls=(0, (3, 2)), zorder=1.9, label=label)


def _draw_levels(ax: Axes, table: pd.DataFrame, levels: pd.Series) -> None:
    at = np.arange(len(table))
    error = np.abs(table[["lower", "upper"]].to_numpy().T - table["estimate"].to_numpy())
    ax.errorbar(at, table["estimate"], yerr=error, fmt="o", color=CATEGORIES[0], capsize=3, lw=1.4)
    ax.set_xticks(at, [str(level) for level in levels])
    ax.set_xlim(-0.6, len(at) - 0.4)


def _draw_rug(ax: Axes, values: FloatArray) -> None:
    shown = np.unique(values[np.isfinite(values)])
    shown = shown[:: max(1, len(shown) // _MOST_TICKS)]
    ax.plot(
        shown,
        np.zeros(len(shown)),
        "|",
        color=INK,
        alpha=0.35,
        ms=7,
        mew=0.6,
        transform=ax.get_xaxis_transform(),
        clip_on=False,
    )


def _set_height(ax: Axes, table: pd.DataFrame) -> None:
    """Show the band, unless it is so wide that the curve would vanish."""
    most = float(np.nanmax(table["estimate"]))
    widest = float(np.nanmax(np.where(np.isfinite(table["upper"]), table["upper"], 0.0)))
    ax.set_ylim(0.0, 1.05 * min(max(most, widest), 4.0 * most))


def _label(parameter: Parameter, *, relative: bool) -> str:
    if parameter.name == "D" and relative:
        return "Relative density"
    if parameter.name == "D":
        return "Density (animals per 100 km²)"
    unit = UNITS.get(parameter.name, "")
    return f"{parameter.name} ({unit})" if unit else parameter.name
