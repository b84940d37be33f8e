"""Estimates at the edge of what is possible, named."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.detection import DETECTION_FUNCTIONS
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.capped import CappedFunction, largest_probability
from secr_nea.model import Model

_HARDLY_ANY = 1e-3  # a class with a smaller share of the animals is empty
_SMALLEST_SIGMA = 0.2  # of the spacing of a mask: between its points nothing is detected
_STEP_SHAPE = 30.0  # a hazard-rate with a larger z is a step: all or nothing


def boundaries(model: Model, coefficients: FloatArray) -> tuple[str, ...]:
    """Real parameters at the edge of what is possible.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)

    Returns
    -------
    tuple of str
        A probability of 1, a hazard-rate that is a step, a sigma wider than the mask or so small
        that it falls between the points of the mask, a class with hardly any animals, a certain
        catch at a capped detector.
    """
    found = []
    values = dict(
        zip(model.detection.parameters, model.detection_values(coefficients), strict=True)
    )
    if "g0" in values and values["g0"].max() > 0.9999:
        found.append("g0")
    if "z" in values and "hazard_rate" in model.detection.name and values["z"].max() > _STEP_SHAPE:
        found.append("z")
    span = max(float(np.ptp(survey.mask.xy, axis=0).max()) for survey in model.surveys)
    span *= likelihood_of(model).distances.stretch(coefficients, 0.25 * span)
    if "sigmak" not in model.parameters and "sigma" not in found and values["sigma"].max() > span:
        found.append("sigma")
    if "sigma" not in found and _sigma_is_range(model):
        cell = max(survey.mask.spacing for survey in model.surveys)
        cell *= likelihood_of(model).distances.stretch(coefficients, 2.0 * cell)
        if values["sigma"].min() < _SMALLEST_SIGMA * cell:
            found.append("sigma")
    if model.individuals.is_mixture and _rarest(model, coefficients) < _HARDLY_ANY:
        found.append("pmix")
    likelihood = likelihood_of(model)
    if isinstance(likelihood.function, CappedFunction):
        items = likelihood.state(coefficients).flat
        if max(largest_probability(item, likelihood.function) for item in items) > 0.9999:
            found.append(model.detection.amplitude)
    return tuple(found)


def _sigma_is_range(model: Model) -> bool:
    """Whether sigma alone is the range of a function of the library, and not tied to density."""
    function = model.detection
    known = DETECTION_FUNCTIONS.get(function.name) is function
    return known and function.parameters[1:] == ("sigma",) and "sigmak" not in model.parameters


def _rarest(model: Model, coefficients: FloatArray) -> float:
    """Proportion of the rarest class in any survey."""
    return float(model.class_proportions(coefficients).min())
