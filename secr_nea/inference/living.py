"""How many animals of each kind a fit expects in every cell of a mask."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability
from secr_nea.model import Model


def living(model: Model, coefficients: FloatArray, b: int) -> list[tuple[int, int, FloatArray]]:
    """Expected animals in every cell, for each class and combination of covariates.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.

    Returns
    -------
    list of (class or group, pattern, float64 array of shape (n_points,))
        With the conditional likelihood as many, everywhere alike, as the animals detected imply.
    """
    likelihood = likelihood_of(model)
    state = likelihood.state(coefficients)
    found = []
    for p in likelihood.of_survey(b):
        item = likelihood.populations[p]
        for c, given in zip(item.classes, state.inputs[p], strict=True):
            weight = np.exp(given.log_weight)
            if model.population != "conditional":
                found.append((c, 0, weight))
                continue
            share = weight / given.block.cell_area
            for u, n in enumerate(item.n_by_pattern):
                seen = detection_probability(likelihood, coefficients, p, pattern=u)
                found.append((c, u, share * float(n) / max(float(seen.sum()), 1e-300)))
    return found
