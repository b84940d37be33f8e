"""Numbers that a fit promises, each as a smooth function of the coefficients on a link scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.diagnosis import FLAT_SE
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.derived import derived_of_population
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import delta_variance
from secr_nea.inference.prediction import as_rows, reference_grid, unit_of
from secr_nea.inference.regions import WHOLE, region_points
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import expected_detected
from secr_nea.links import LINKS, Link
from secr_nea.parameters import Parameter, predictor_scale
from secr_nea.units import DENSITY_AREA_KM2, animals_per_cell

NAMED = ("density", "abundance", "effective_area")
"""Quantities that are no parameters: mean density, expected number of animals, sampling area."""

Function = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class Quantity:
    """One number: its value and gradient on a link scale, for any coefficients.

    Parameters
    ----------
    name : str
        As shown in tables.
    unit : str
    link : Link
        Scale on which the estimate is roughly normal.
    function : callable
        Coefficients to link-scale value and gradient, shape (n_coefficients,).
    other_variance : float
        Variance on the link scale that does not come from the coefficients (that of the number of
        animals detected, in density derived from the conditional likelihood).
    size : float
        One unit of the predictor on the link scale, in which an error is judged.
    """

    name: str
    unit: str
    link: Link
    function: Function
    other_variance: float = 0.0
    size: float = 1.0

    def natural(self, value: float) -> float:
        """Natural-scale value of a link-scale value."""
        return float(self.link.inverse(np.asarray(value, dtype=np.float64)))

    def at(self, estimate: Estimate) -> float:
        """Natural-scale value at the coefficients of a fit."""
        return self.natural(self.function(estimate.coefficients)[0])

    def spread(self, estimate: Estimate) -> tuple[float, float]:
        """Link-scale estimate and standard error of a fit; the error is nan where it is unknown."""
        value, gradient = self.function(estimate.coefficients)
        if not estimate.diagnosis.positive_definite:
            return value, np.nan
        variance = delta_variance(gradient, estimate.covariance) + self.other_variance
        sd = float(np.sqrt(max(variance, 0.0)))
        return value, sd if sd < FLAT_SE * self.size else np.nan

    def wald(self, estimate: Estimate, level: float) -> tuple[float, float]:
        """Natural-scale limits of the Wald interval on the link scale."""
        value, sd = self.spread(estimate)
        z = z_value(level)
        return self.natural(value - z * sd), self.natural(value + z * sd)


def quantities(
    estimate: Estimate,
    what: str | Sequence[str],
    *,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
) -> list[Quantity]:
    """The quantities that a user names.

    Parameters
    ----------
    estimate : Estimate
    what : str or sequence of str
        A coefficient (``"D:Intercept"``), a real parameter (``"sigma"``, at the rows of
        ``newdata`` or at reference values), ``"density"`` (mean of a region, animals per 100
        km2), ``"abundance"`` (expected animals in a region) or ``"effective_area"`` (km2).
    newdata : DataFrame or mapping, optional
        Covariates at which real parameters are wanted.
    region, by : as of `secr_nea.inference.abundance`
    survey : str, optional
        Only this survey.

    Returns
    -------
    list of Quantity

    Raises
    ------
    DataError
        If nothing is named.
    ModelError
        If a name is not known, or a parameter is fixed.
    """
    found: list[Quantity] = []
    for name in named(what):
        if name in estimate.names:
            found.append(_coefficient(estimate, name))
        elif name in estimate.model.parameters:
            found += _parameter(estimate, estimate.model.parameters[name], newdata)
        elif name == "effective_area":
            found += _effective_areas(estimate, survey)
        elif name in ("density", "abundance"):
            found += _numbers(estimate, name, region, by, survey)
        else:
            known = [*NAMED, *estimate.model.parameters, *estimate.names]
            raise ModelError(f"There is no quantity {name!r}; choose from {', '.join(known)}.")
    return found


def named(what: str | Iterable[str]) -> list[str]:
    """Names of quantities as a list.

    Parameters
    ----------
    what : str or sequence of str

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If there is none, or something that is no text.
    """
    listed = [what] if isinstance(what, str) else what
    names = list(listed) if isinstance(listed, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"what must name quantities, such as 'density' or ['density', 'sigma']; got {what!r}."
        )
    return names


def _linear(row: FloatArray) -> Function:
    return lambda coefficients: (float(row @ coefficients), row)


def _coefficient(estimate: Estimate, name: str) -> Quantity:
    row = (np.array(estimate.names) == name).astype(np.float64)
    scale = predictor_scale(estimate.model.parameters, estimate.coefficients)
    size = 1.0 / float(row @ scale)
    return Quantity(name, "link scale", LINKS["identity"], _linear(row), size=size)


def _parameter(
    estimate: Estimate,
    parameter: Parameter,
    newdata: pd.DataFrame | Mapping[str, Any] | None,
) -> list[Quantity]:
    if parameter.fixed is not None or parameter.design is None:
        raise ModelError(f"{parameter.name} is {parameter.text}, so that it has no interval.")
    grid = reference_grid(estimate, parameter) if newdata is None else as_rows(newdata)
    used = [name for name in parameter.design.variables if name in grid]
    grid = grid.reset_index(drop=True)
    found = []
    for row, (_, values) in zip(parameter.design.apply(grid), grid.iterrows(), strict=True):
        whole = np.zeros(estimate.model.n_coefficients)
        whole[parameter.slice] = row
        told = ", ".join(f"{name}={_short(values[name])}" for name in used)
        label = f"{parameter.name} ({told})" if told else parameter.name
        unit = unit_of(estimate, parameter)
        size = parameter.unit(estimate.coefficients)
        found.append(Quantity(label, unit, parameter.link, _linear(whole), size=size))
    return found


def _short(value: object) -> str:
    # rounded first: the mean of a standardised covariate is not shown as -8.7e-17
    return f"{round(value, 9) + 0.0:.4g}" if isinstance(value, float) else str(value)


def _chosen(estimate: Estimate, survey: str | None) -> list[int]:
    if survey is None:
        return list(range(len(estimate.model.surveys)))
    return [survey_index(estimate, survey)]


def _numbers(
    estimate: Estimate, what: str, region: Any, by: str | None, survey: str | None
) -> list[Quantity]:
    """Mean density or expected number, a quantity for each survey and region."""
    if not estimate.model.has_density:
        if what == "density" and region is None:
            return [_derived(estimate, b) for b in _chosen(estimate, survey)]
        raise ModelError(
            "The conditional likelihood has no model of density: only the mean 'density' of a "
            "survey is derived. Fit with population='poisson' for numbers in regions."
        )
    several = len(estimate.model.surveys) > 1
    found = []
    for b in _chosen(estimate, survey):
        item = estimate.model.surveys[b]
        for name, inside in region_points(item.mask, region, by).items():
            where = [item.name] if several else []
            where += [] if name == WHOLE else [name]
            label = f"{what} ({', '.join(where)})" if where else what
            found.append(_mean_or_sum(estimate, what, label, {b: inside}))
    return found


def overall_density(estimate: Estimate) -> Quantity:
    """Mean density over the masks of all surveys, animals per 100 km2.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    Quantity
    """
    if not estimate.model.has_density:
        return _derived_mean(estimate, "density", range(len(estimate.model.surveys)))
    everywhere = {
        b: np.ones(survey.mask.n_points, dtype=bool)
        for b, survey in enumerate(estimate.model.surveys)
    }
    return _mean_or_sum(estimate, "density", "density", everywhere)


def _mean_or_sum(
    estimate: Estimate, what: str, label: str, inside: Mapping[int, BoolArray]
) -> Quantity:
    """log of the expected number in regions of surveys, or of their mean density."""
    model = estimate.model
    likelihood = likelihood_of(model)
    parameter = model.parameters["D"]
    weight = np.zeros(len(parameter.rows))
    area = 0.0
    for b, points in inside.items():
        cell = model.surveys[b].mask.cell_area
        area += float(points.sum()) * cell
        for p in likelihood.of_survey(b):
            rows = likelihood.populations[p].density_rows
            weight += np.bincount(rows[points], minlength=len(weight)) * animals_per_cell(1.0, cell)
    scale = DENSITY_AREA_KM2 / area if what == "density" else 1.0

    def function(coefficients: FloatArray) -> tuple[float, FloatArray]:
        total = float(weight @ _values(parameter, coefficients, len(weight)))
        gradient = np.zeros(model.n_coefficients)
        gradient[parameter.slice] = parameter.pull_back(coefficients, weight) / total
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.log(total * scale)), gradient

    unit = "animals per 100 km2" if what == "density" else "animals"
    return Quantity(label, unit, LINKS["log"], function)


def _values(parameter: Parameter, coefficients: FloatArray, n_rows: int) -> FloatArray:
    return np.asarray(np.broadcast_to(parameter.values(coefficients), (n_rows,)))


def _effective_areas(estimate: Estimate, survey: str | None) -> list[Quantity]:
    model = estimate.model
    likelihood = likelihood_of(model)
    found = []
    for b in _chosen(estimate, survey):
        item = model.surveys[b]
        weight = np.full(item.mask.n_points, item.mask.cell_area)
        for p in likelihood.of_survey(b):
            patterns = model.individuals.surveys[b].patterns
            for u in range(len(patterns)):
                where = [item.name] if len(model.surveys) > 1 else []
                if model.individuals.grouped:
                    where.append(model.individuals.levels[likelihood.populations[p].group])
                where += [f"{k}={v}" for k, v in patterns.iloc[u].items()]
                label = f"effective_area ({', '.join(where)})" if where else "effective_area"
                function = _effective_area(estimate, p, weight, u, len(patterns))
                found.append(Quantity(label, "km2", LINKS["log"], function))
    return found


def _effective_area(
    estimate: Estimate, p: int, weight: FloatArray, u: int, n_patterns: int
) -> Function:
    likelihood = likelihood_of(estimate.model)
    factor = np.zeros(n_patterns)
    factor[u] = 1.0

    def function(coefficients: FloatArray) -> tuple[float, FloatArray]:
        areas, gradient = expected_detected(likelihood, coefficients, p, weight, factor=factor)
        return float(np.log(areas[u])), gradient / float(areas[u])

    return function


def _derived(estimate: Estimate, b: int) -> Quantity:
    """log of the density derived from the conditional likelihood, of one survey."""
    survey = estimate.model.surveys[b]
    label = f"density ({survey.name})" if len(estimate.model.surveys) > 1 else "density"
    return _derived_mean(estimate, label, [b])


def _derived_mean(estimate: Estimate, label: str, chosen: Sequence[int]) -> Quantity:
    """log of the mean of derived densities over the masks of some surveys."""
    model = estimate.model
    area = {b: model.surveys[b].mask.area for b in chosen}
    whole = sum(area.values())
    share = {p: area[b] / whole for b in chosen for p in likelihood_of(model).of_survey(b)}

    def parts(at: Estimate) -> tuple[float, FloatArray, float]:
        found = [(part, derived_of_population(at, p)) for p, part in share.items()]
        mean = sum(part * value for part, (value, _, _) in found)
        gradient = np.sum([part * slope for part, (_, slope, _) in found], axis=0)
        return mean, gradient, sum(part**2 * variance for part, (_, _, variance) in found)

    def function(coefficients: FloatArray) -> tuple[float, FloatArray]:
        mean, gradient, _ = parts(replace(estimate, coefficients=coefficients))
        return float(np.log(mean * DENSITY_AREA_KM2)), gradient / mean

    mean, _, variance = parts(estimate)
    return Quantity(label, "animals per 100 km2", LINKS["log"], function, variance / mean**2)
