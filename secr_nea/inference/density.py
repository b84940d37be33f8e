"""Density by place: predicted values, their standard errors, and the surface on its grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from secr_nea._typing import FloatArray
from secr_nea.estimate import Estimate
from secr_nea.frames import density_frame
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.intervals import z_value
from secr_nea.mask import HabitatMask


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


def point_density(estimate: Estimate, b: int, mask: HabitatMask | None = None) -> PointDensity:
    """Density of survey b at its own mask points or at those of another mask.

    Parameters
    ----------
    estimate : Estimate
    b : int
        Which survey.
    mask : HabitatMask, optional
        Must have the covariates of the density formula.

    Returns
    -------
    PointDensity
    """
    model = estimate.model
    parameter = model.parameters["D"]
    rows = design_rows(estimate, b, mask)
    own = estimate.coefficients[parameter.slice]
    if parameter.fixed is not None:
        predictor = np.full(len(rows), parameter.predictor(estimate.coefficients)[0])
    else:
        predictor = rows @ own
    block = estimate.usable_covariance[parameter.slice, parameter.slice]
    variance = np.einsum("mi,ij,mj->m", rows, block, rows, optimize=True)
    gradient = np.zeros((len(rows), model.n_coefficients))
    gradient[:, parameter.slice] = rows * parameter.link.slope(predictor)[:, None]
    return PointDensity(
        parameter.link.inverse(predictor), gradient, predictor, np.sqrt(np.maximum(variance, 0.0))
    )


def design_rows(estimate: Estimate, b: int, mask: HabitatMask | None) -> FloatArray:
    """Design matrix of density at the points of a mask, (n_points, n_coefficients of D)."""
    model = estimate.model
    parameter = model.parameters["D"]
    if parameter.design is None:
        n_points = (mask or model.surveys[b].mask).n_points
        return np.empty((n_points, 0))
    if mask is None:
        sizes = [survey.mask.n_points for survey in model.surveys]
        begin = sum(sizes[:b])
        return np.asarray(parameter.rows[parameter.row_of[begin : begin + sizes[b]]])
    masks = [survey.mask for survey in model.surveys]
    masks[b] = mask
    variables = parameter.design.variables
    if len(masks) > 1:
        # Only the asked survey is predicted; the others lend their names to the session factor.
        masks = [m if i == b else m.subset(np.arange(1)) for i, m in enumerate(masks)]
    frame = density_frame(model.surveys, variables, model.location, masks)
    begin = sum(m.n_points for m in masks[:b])
    return parameter.design.apply(frame.iloc[begin : begin + mask.n_points].reset_index(drop=True))


def density_surface(
    estimate: Estimate,
    *,
    survey: str | None = None,
    mask: HabitatMask | None = None,
    level: float = 0.95,
) -> xr.Dataset:
    """Density on the grid of the mask, with standard error and interval.

    Parameters
    ----------
    estimate : Estimate
    survey : str, optional
        Name of the survey, needed when there are several.
    mask : HabitatMask, optional
        Where to predict; the survey's own mask by default. It must have the covariates of the
        density formula.
    level : float
        Confidence level of the interval (Wald, on the link scale).

    Returns
    -------
    xarray.Dataset
        Variables ``density``, ``se``, ``lower``, ``upper`` (animals per 100 km2) and ``cv`` over
        (y, x) in metres, nan outside the mask, with the CRS of the mask.

    Raises
    ------
    DataError
        If the survey is not named.
    FormulaError, ModelError
        If the mask lacks a covariate of the density formula.

    Notes
    -----
    The surface is what the covariates of the formula say; it is not where the detected animals
    live (see `activity_center`). Away from the sampled range of covariates it extrapolates.
    """
    b = survey_index(estimate, survey)
    where = mask if mask is not None else estimate.model.surveys[b].mask
    link = estimate.model.parameters["D"].link
    point = point_density(estimate, b, mask)
    z = z_value(level)
    se = np.abs(link.slope(point.predictor)) * point.predictor_se
    if link.name == "log":
        se = point.value * np.sqrt(np.expm1(point.predictor_se**2))
    layers = {
        "density": point.value,
        "se": se,
        "lower": link.inverse(point.predictor - z * point.predictor_se),
        "upper": link.inverse(point.predictor + z * point.predictor_se),
    }
    unit = "animals per 100 km2"
    arrays = {name: where.to_xarray(value, name=name, units=unit) for name, value in layers.items()}
    arrays["cv"] = where.to_xarray(se / point.value, name="cv", units="1")
    surface = xr.Dataset(arrays)
    surface.attrs = {
        "title": "Density of animals from spatial capture-recapture",
        "formula": f"D {estimate.model.parameters['D'].text}",
        "confidence_level": level,
        "survey": estimate.model.surveys[b].name,
    }
    return surface
