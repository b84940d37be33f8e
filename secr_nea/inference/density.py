"""Density by place: predicted values, their standard errors, and the surface on its grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray
from secr_nea.diagnosis import FLAT_SE
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.frames import density_frame
from secr_nea.inference.detectability import pdot, population_index, survey_index
from secr_nea.likelihood import likelihood_of
from secr_nea.mask import HabitatMask

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class PointDensity:
    """Density at the points of a mask.

    Parameters
    ----------
    value : float64 array, shape (n_points,), animals per 100 km2
    gradient : float64 array, shape (n_points, n_coefficients)
        Derivative of the density to each coefficient of the model.
    predictor, predictor_se : float64 arrays, shape (n_points,)
        Link scale.
    """

    value: FloatArray
    gradient: FloatArray
    predictor: FloatArray
    predictor_se: FloatArray


def point_density(estimate: Estimate, p: int, mask: HabitatMask | None = None) -> PointDensity:
    """Density of a population at the points of its own mask or at those of another mask.

    Parameters
    ----------
    estimate : Estimate
    p : int
        Which population (survey, or survey and group).
    mask : HabitatMask, optional
        Must have the covariates of the density formula.

    Returns
    -------
    PointDensity

    Raises
    ------
    ModelError
        If the model has no density (conditional likelihood).
    """
    _require_density(estimate)
    return modelled_density(estimate, p, mask)


def modelled_density(estimate: Estimate, p: int, mask: HabitatMask | None = None) -> PointDensity:
    """What the formula of density says, whether density is absolute or relative.

    Parameters
    ----------
    estimate : Estimate
    p : int
        Which population (survey, or survey and group).
    mask : HabitatMask, optional

    Returns
    -------
    PointDensity
        Relative density is 1 where every term is 0.
    """
    model = estimate.model
    parameter = model.parameters["D"]
    rows = design_rows(estimate, p, mask)
    own = estimate.coefficients[parameter.slice]
    if parameter.fixed is not None:
        predictor = np.full(len(rows), parameter.predictor(estimate.coefficients)[0])
    else:
        predictor = rows @ own
    block = estimate.covariance[parameter.slice, parameter.slice]
    variance = np.einsum("mi,ij,mj->m", rows, block, rows, optimize=True)
    sd = np.sqrt(np.maximum(variance, 0.0))
    gradient = np.zeros((len(rows), model.n_coefficients))
    gradient[:, parameter.slice] = rows * parameter.link.slope(predictor)[:, None]
    # Where the density rests on a flat coefficient its error is not known.
    sd = np.where(sd > FLAT_SE * parameter.unit(estimate.coefficients), np.nan, sd)
    return PointDensity(parameter.link.inverse(predictor), gradient, predictor, sd)


def _require_density(estimate: Estimate) -> None:
    if estimate.model.is_relative:
        raise ModelError(
            "This fit has relative density, which has no level: ask its absolute form, "
            "fit.absolute_density()."
        )
    if not estimate.model.has_density:
        raise ModelError(
            "The conditional likelihood has no model of density; use derived_density, or fit "
            "with population='poisson'."
        )


def design_rows(estimate: Estimate, p: int, mask: HabitatMask | None) -> FloatArray:
    """Design matrix of density at the points of a mask, (n_points, n_coefficients of D)."""
    model = estimate.model
    parameter = model.parameters["D"]
    item = likelihood_of(model).populations[p]
    where = mask if mask is not None else model.surveys[item.survey].mask
    if parameter.design is None:
        return np.empty((where.n_points, 0))
    if mask is None:
        return np.asarray(parameter.rows[item.density_rows])
    return parameter.design.apply(density_covariates(estimate, p, mask))


def density_covariates(estimate: Estimate, p: int, mask: HabitatMask) -> pd.DataFrame:
    """Covariates of the density formula at the points of a mask.

    Parameters
    ----------
    estimate : Estimate
    p : int
        Which population (survey, or survey and group).
    mask : HabitatMask

    Returns
    -------
    DataFrame, n_points rows
        One column for each variable of the formula.
    """
    model = estimate.model
    design = model.parameters["D"].design
    variables = () if design is None else design.variables
    item = likelihood_of(model).populations[p]
    # Only the asked population is predicted; the others lend their names to the factors.
    masks = [survey.mask.subset(np.arange(1)) for survey in model.surveys]
    masks[item.survey] = mask
    frame = density_frame(model.surveys, variables, model.location, masks, model.individuals)
    n_groups = model.individuals.n_levels if model.individuals.grouped else 1
    begin = item.survey * n_groups + item.group * mask.n_points
    return frame.iloc[begin : begin + mask.n_points].reset_index(drop=True)


def density_table(
    estimate: Estimate,
    *,
    survey: str | None = None,
    group: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Density at every point of a mask, whether or not the points make a raster.

    Parameters
    ----------
    estimate, survey, group, mask, level
        As of `density_surface`.

    Returns
    -------
    DataFrame, n_points rows
        Columns density, se, lower, upper (animals per 100 km2), cv, extrapolated (bool). nan where
        the data do not determine density.

    Raises
    ------
    DataError
        If the survey is not named.
    FormulaError, ModelError
        If the mask lacks a covariate of the density formula.
    """
    point = point_density(estimate, population_index(estimate, survey, group), mask)
    link = estimate.model.parameters["D"].link
    z = z_value(level)
    se = np.abs(link.slope(point.predictor)) * point.predictor_se
    if link.name == "log":
        with np.errstate(over="ignore"):  # infinite where hardly anything is known
            se = point.value * np.sqrt(np.expm1(point.predictor_se**2))
    known = np.where(np.isnan(point.predictor_se), np.nan, point.value)
    beyond = extrapolation(estimate, mask, survey=survey, group=group).any(axis=1)
    return pd.DataFrame(
        {
            "density": known,
            "se": se,
            "lower": link.inverse(point.predictor - z * point.predictor_se),
            "upper": link.inverse(point.predictor + z * point.predictor_se),
            "cv": se / point.value,
            "extrapolated": beyond.to_numpy(dtype=bool),
        }
    )


def density_surface(
    estimate: Estimate,
    *,
    survey: str | None = None,
    group: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
) -> xarray.Dataset:
    """Density on the grid of the mask, with standard error and interval.

    Parameters
    ----------
    estimate : Estimate
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    mask : HabitatMask, optional
        Where to predict; the survey's own mask by default. It must have the covariates of the
        density formula.
    level : float
        Confidence level of the interval (Wald, on the link scale).

    Returns
    -------
    xarray.Dataset
        Variables ``density``, ``se``, ``lower``, ``upper`` (animals per 100 km2) and ``cv`` over
        (y, x) in metres, nan outside the mask, with the CRS of the mask; and ``extrapolated``
        (bool), true where a covariate is beyond what was sampled (see `extrapolation`).

    Raises
    ------
    DataError
        If the survey is not named.
    FormulaError, ModelError
        If the mask lacks a covariate of the density formula.

    Notes
    -----
    The surface is what the covariates of the formula say; it is not where the detected animals
    live (see `activity_center`). Where
    ``extrapolated`` is true it rests on the shape of the formula alone.
    """
    import xarray

    b = survey_index(estimate, survey)
    where = mask if mask is not None else estimate.model.surveys[b].mask
    table = density_table(estimate, survey=survey, group=group, mask=mask, level=level)
    arrays = {}
    for name in table.columns:
        unit = "1" if name in ("cv", "extrapolated") else "animals per 100 km2"
        values = table[name].to_numpy(dtype=np.float64)
        arrays[name] = where.to_xarray(values, name=name, units=unit)
    flags = arrays["extrapolated"]
    arrays["extrapolated"] = (flags == 1.0).assign_attrs(flags.attrs)
    surface = xarray.Dataset(arrays)
    surface.attrs = {
        "title": "Density of animals from spatial capture-recapture",
        "formula": f"D {estimate.model.parameters['D'].text}",
        "confidence_level": level,
        "survey": estimate.model.surveys[b].name,
    }
    return surface


SAMPLED_SHARE = 0.95
"""The points of highest p.(x) with this share of the effective sampling area count as sampled."""


def extrapolation(
    estimate: Estimate,
    mask: HabitatMask | None = None,
    *,
    survey: str | None = None,
    group: str | None = None,
    share: float = SAMPLED_SHARE,
) -> pd.DataFrame:
    """Where a covariate of density lies beyond the values that were sampled.

    Parameters
    ----------
    estimate : Estimate
    mask : HabitatMask, optional
        Where density is predicted; the survey's own mask by default.
    survey : str, optional
        Name of the survey whose density is predicted, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.
    share : float
        Share of the effective sampling area that counts as sampled.

    Returns
    -------
    DataFrame of bool, n_points rows
        One column for each variable of the density formula; true where a number is below the
        least or above the largest sampled value, or a level occurs at no sampled point.

    Raises
    ------
    DataError
        If the survey is not named, or the share is not between 0 and 1.
    ModelError
        If the model has no density, or the mask lacks a covariate.

    Notes
    -----
    A point is sampled when it belongs to the points of highest p.(x) that together make up
    ``share`` of the effective sampling area, sum of p.(x) a, of its survey. Ranges are taken over
    the sampled points of all surveys, which share the formula. Each variable is looked at alone:
    a combination of values that never occurs together is not found.
    """
    if not 0.0 < share <= 1.0:
        raise DataError(f"share must be above 0 and at most 1; got {share!r}.")
    model = estimate.model
    p = population_index(estimate, survey, group)
    _require_density(estimate)
    where = mask if mask is not None else model.surveys[survey_index(estimate, survey)].mask
    asked = density_covariates(estimate, p, where)
    if not len(asked.columns):
        return pd.DataFrame(index=asked.index)
    known = pd.concat(
        [
            density_covariates(estimate, q, model.surveys[item.survey].mask)[
                _sampled(estimate, item.survey, item.group, share)
            ]
            for q, item in enumerate(likelihood_of(model).populations)
        ],
        ignore_index=True,
    )
    return pd.DataFrame({name: _beyond(asked[name], known[name]) for name in asked.columns})


def _sampled(estimate: Estimate, b: int, group: int, share: float) -> BoolArray:
    """Points of highest p.(x) that hold a share of its sum, in the mask of a survey."""
    individuals = estimate.model.individuals
    label = individuals.levels[group] if individuals.grouped else None
    p = pdot(estimate, survey=estimate.model.surveys[b].name, group=label)
    order = np.argsort(-p, kind="stable")
    before = np.cumsum(p[order]) - p[order]
    sampled = np.zeros(len(p), dtype=bool)
    sampled[order] = before < share * p.sum()
    return sampled


def _beyond(asked: pd.Series, known: pd.Series) -> BoolArray:
    """Whether values are outside the range of known numbers, or not among known levels."""
    if isinstance(asked.dtype, pd.CategoricalDtype):
        levels = set(known.astype(object))
        return np.array([value not in levels for value in asked.astype(object)], dtype=bool)
    return np.asarray((asked < known.min()) | (asked > known.max()), dtype=bool)
