"""Real parameters on their natural scale, at given or at reference values of the covariates."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.diagnosis import FLAT_SE
from secr_nea.errors import FormulaError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.frames import density_frame, survey_frame
from secr_nea.location_effects import is_location_word
from secr_nea.parameters import UNITS, Parameter
from secr_nea.responses import ANIMAL_RESPONSES, TRAP_RESPONSES

_MOST_ROWS = 24
RESPONSES = (*ANIMAL_RESPONSES, *TRAP_RESPONSES)
VAGUE_SE = 4.0
"""Above this standard error of its log a number is known to no better than a factor of 2,500."""


def predict(
    estimate: Estimate,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    *,
    parameters: list[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Real parameters at new values of the covariates.

    Parameters
    ----------
    estimate : Estimate
    newdata : DataFrame or mapping of name to values or to one value, n_rows rows, optional
        The covariates of the formulas, on the scale on which they were fitted; without it the
        parameters are given at reference values, as by `real_parameters`.
    parameters : list of str, optional
        Which parameters; by default all whose covariates ``newdata`` has.
    level : float
        Confidence level (Wald, on the link scale).

    Returns
    -------
    DataFrame
        Columns: parameter, row (position in ``newdata``), estimate, se, lower, upper, unit.

    Raises
    ------
    ModelError
        If a parameter is not in the model.
    FormulaError
        If a covariate is missing or has a level that the model has not seen.
    """
    known = estimate.model.parameters
    unknown = [name for name in parameters or () if name not in known]
    if unknown:
        raise ModelError(f"The model has no {', '.join(unknown)}; it has {', '.join(known)}.")
    if newdata is None:
        table = real_parameters(estimate, level=level)
        return table if parameters is None else table[table["parameter"].isin(parameters)]
    newdata = as_rows(newdata)
    if parameters is None:
        parameters = [
            name
            for name, parameter in known.items()
            if parameter.design is None or set(parameter.design.variables) <= set(newdata.columns)
        ]
    if not parameters:
        needed = {v for p in known.values() if p.design is not None for v in p.design.variables}
        raise FormulaError(
            f"newdata has none of the covariates that the model needs: {', '.join(sorted(needed))}."
        )
    tables = []
    for name in parameters:
        parameter = known[name]
        data = newdata.reset_index(drop=True)
        rows = (
            np.empty((len(data), 0)) if parameter.design is None else parameter.design.apply(data)
        )
        table = _natural(estimate, parameter, rows, level)
        table.insert(0, "row", np.arange(len(table)))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def as_rows(newdata: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """New values of covariates as a table; single values are one row.

    Parameters
    ----------
    newdata : DataFrame or mapping of name to values or to one value

    Raises
    ------
    FormulaError
        If no table can be made of them, or a learned response is neither 0 nor 1.
    """
    try:
        single = isinstance(newdata, Mapping) and all(np.ndim(v) == 0 for v in newdata.values())
        table = pd.DataFrame(newdata, index=[0] if single else None)
    except (TypeError, ValueError) as error:
        raise FormulaError(
            f"newdata must be a table, or a mapping of covariates to values of one length: {error}"
        ) from None
    for name in set(table) & set(RESPONSES):
        if not table[name].isin([0, 1]).all():
            raise FormulaError(
                f"{name} is 0 (not detected before) or 1 (detected); got {table[name].tolist()}."
            )
    return table


def _natural(
    estimate: Estimate, parameter: Parameter, rows: FloatArray, level: float
) -> pd.DataFrame:
    """Values of one parameter for rows of its design matrix, with delta-method errors."""
    z = z_value(level)
    if parameter.fixed is not None:
        eta = np.full(len(rows), float(parameter.predictor(estimate.coefficients)[0]))
        sd = np.zeros(len(rows))
    else:
        eta = rows @ estimate.coefficients[parameter.slice]
        block = estimate.covariance[parameter.slice, parameter.slice]
        sd = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, block, rows), 0.0))
        # What rests on a flat coefficient is not determined either; sums that are known remain.
        most = VAGUE_SE if parameter.link.name == "log" else FLAT_SE
        sd = np.where(sd > most * parameter.unit(estimate.coefficients), np.nan, sd)
    # A number that the data do not determine is not shown.
    value = np.where(np.isnan(sd), np.nan, parameter.link.inverse(eta))
    se = np.abs(parameter.link.slope(eta)) * sd
    if parameter.link.name == "log":
        with np.errstate(over="ignore"):  # infinite where hardly anything is known
            se = value * np.sqrt(np.expm1(sd**2))
    return pd.DataFrame(
        {
            "parameter": parameter.name,
            "estimate": value,
            "se": se,
            "lower": parameter.link.inverse(eta - z * sd),
            "upper": parameter.link.inverse(eta + z * sd),
            "unit": unit_of(estimate, parameter),
        }
    )


def unit_of(estimate: Estimate, parameter: Parameter) -> str:
    """Unit of a real parameter in a model.

    Parameters
    ----------
    estimate : Estimate
    parameter : Parameter
    """
    metric = estimate.model.metric
    if parameter.name == "D" and estimate.model.is_relative:
        return "relative"
    if parameter.name in ("sigma", "w") and metric is not None:
        return metric.sigma_unit
    return UNITS.get(parameter.name.split("[")[0], "")


def real_parameters(estimate: Estimate, *, level: float = 0.95) -> pd.DataFrame:
    """Real parameters at reference values: numbers at their mean, each level of a factor.

    A learned response is shown as 0 (not yet detected) and 1.

    Parameters
    ----------
    estimate : Estimate
    level : float
        Confidence level (Wald, on the link scale).

    Returns
    -------
    DataFrame
        Columns: parameter, at (the reference values as text), estimate, se, lower, upper, unit.
    """
    tables = []
    for parameter in estimate.model.parameters.values():
        grid = reference_grid(estimate, parameter)
        rows = np.empty((1, 0)) if parameter.design is None else parameter.design.apply(grid)
        table = _natural(estimate, parameter, rows, level)
        table.insert(1, "at", [_row_text(grid, i) for i in range(len(grid))])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def covariate_frame(estimate: Estimate, parameter: Parameter) -> pd.DataFrame:
    """The data that a parameter's formula was fitted to, one row per mask point or trap."""
    model = estimate.model
    variables = () if parameter.design is None else parameter.design.variables
    if parameter.name == "D":
        return density_frame(model.surveys, variables, model.location, groups=model.individuals)
    if is_location_word(parameter.name):
        return density_frame(model.surveys, variables, model.location)
    if parameter.name.startswith("pmix"):
        return survey_frame(model.surveys, variables)
    return model.frame_of(parameter.name)[list(variables)]


def reference_grid(estimate: Estimate, parameter: Parameter) -> pd.DataFrame:
    """Reference values of a parameter's covariates: every level of factors, means of numbers.

    Parameters
    ----------
    estimate : Estimate
    parameter : Parameter

    Returns
    -------
    DataFrame
        All combinations of levels that occur in the data, at most 24; beyond that, each factor
        in turn with the others at their first level.
    """
    frame = covariate_frame(estimate, parameter)
    factors = {
        name: [v for v in column.cat.categories if (column == v).any()]
        for name, column in frame.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
    }
    # No animal is half detected before: a learned response is shown without and with it.
    factors |= {name: sorted(frame[name].unique()) for name in frame if name in RESPONSES}
    numbers = {name: float(column.mean()) for name, column in frame.items() if name not in factors}
    n_combinations = int(np.prod([len(levels) for levels in factors.values()], initial=1))
    if n_combinations <= _MOST_ROWS:
        combinations = list(itertools.product(*factors.values()))
        if len(factors) > 1:
            seen = set(map(tuple, frame[list(factors)].astype(object).drop_duplicates().to_numpy()))
            combinations = [c for c in combinations if c in seen]
    else:
        first = {name: levels[0] for name, levels in factors.items()}
        changed = [{**first, name: level} for name in factors for level in factors[name]]
        combinations = list(dict.fromkeys(tuple(row.values()) for row in changed))
    rows = [dict(zip(factors, c, strict=True)) | numbers for c in combinations]
    grid = pd.DataFrame(rows, index=range(len(rows)))
    for name in factors.keys() - set(RESPONSES):
        grid[name] = pd.Categorical(grid[name], categories=frame[name].cat.categories)
    return grid[[name for name in frame.columns]]


def _row_text(grid: pd.DataFrame, i: int) -> str:
    parts = []
    for name, value in grid.iloc[i].items():
        is_number = isinstance(value, float | np.floating)
        shown = f"{round(value, 9) + 0.0:.4g}" if is_number else str(value)
        parts.append(f"{name}={shown}")
    return ", ".join(parts)
