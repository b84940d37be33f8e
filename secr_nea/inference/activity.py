"""Where a detected animal lives: the distribution of its activity centre."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import log_encounter

if TYPE_CHECKING:
    import xarray


def activity_center_probabilities(
    estimate: Estimate, p: int, animals: IntArray | None = None
) -> FloatArray:
    """Probability that the activity centre of each animal lies in each mask cell.

    Parameters
    ----------
    estimate : Estimate
    p : int
        Which population (survey, or survey and group).
    animals : int64 array, shape (n_chosen,), optional
        Indices of animals in the survey; all members of the population by default.

    Returns
    -------
    float64 array, shape (n_chosen, n_points)
        Rows sum to 1.

    Notes
    -----
    Pr(x_m | w_i) = D_m Pr(w_i | x_m) / sum_m D_m Pr(w_i | x_m).
    """
    likelihood = likelihood_of(estimate.model)
    if animals is None:
        animals = likelihood.populations[p].members
    log_pr = log_encounter(likelihood, estimate.coefficients, p, animals)
    weight = np.exp(log_pr - log_pr.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def activity_center(
    estimate: Estimate, animal: str, *, survey: str | None = None
) -> xarray.DataArray:
    """Distribution of the activity centre of one detected animal.

    Parameters
    ----------
    estimate : Estimate
    animal : str
        Id of a detected animal.
    survey : str, optional
        Name of the survey, needed when there are several.

    Returns
    -------
    xarray.DataArray
        Probability of each mask cell over (y, x) in metres; sums to 1; nan outside the mask.

    Raises
    ------
    DataError
        If there is no such animal or survey.

    Notes
    -----
    A sum of these surfaces over the detected animals is no map of density: it shows where animals
    were looked for as much as where they live (Durbach et al. 2024).
    """
    b = survey_index(estimate, survey)
    item = estimate.model.surveys[b]
    ids = item.captures.animal_ids
    if str(animal) not in ids:
        near = difflib.get_close_matches(str(animal), ids, n=3)
        raise DataError(
            f"No animal {animal!r} was detected in {item.name!r}"
            + (
                f"; did you mean {', '.join(near)}?"
                if near
                else f"; there are {', '.join(ids[:10])}."
            )
        )
    index = ids.index(str(animal))
    likelihood = likelihood_of(estimate.model)
    p = next(p for p in likelihood.of_survey(b) if index in likelihood.populations[p].members)
    values = activity_center_probabilities(estimate, p, np.array([index]))[0]
    surface = item.mask.to_xarray(values, name="probability", units="1")
    surface.attrs["animal"] = str(animal)
    return surface
