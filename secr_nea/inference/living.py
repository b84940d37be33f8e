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
        With the conditional likelihood as many as the animals detected imply, everywhere alike or
        in proportion to relative density.
    """
    likelihood = likelihood_of(model)
    state = likelihood.state(coefficients)
    found = []
    for p in likelihood.of_survey(b):
        item = likelihood.populations[p]
        weights = [np.exp(given.log_weight) for given in state.inputs[p]]
        if model.has_density:
            found += [(c, 0, weight) for c, weight in zip(item.classes, weights, strict=True)]
            continue
        for u, n in enumerate(item.n_by_pattern):
            seen = [
                detection_probability(likelihood, coefficients, p, pattern=u, only_class=c)
                for c in item.classes
            ]
            total = sum(float(w @ s) for w, s in zip(weights, seen, strict=True))
            level = float(n) / max(total, 1e-300)
            found += [(c, u, level * w) for c, w in zip(item.classes, weights, strict=True)]
    return found
