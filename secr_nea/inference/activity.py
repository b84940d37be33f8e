"""Where a detected animal lives: the distribution of its activity centre."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.inference.regions import region_points
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import log_encounter

if TYPE_CHECKING:
    import xarray

NO_DENSITY_MAP = (
    "The sum of the activity centres of the detected animals is no map of density: it shows where "
    "animals were looked for as much as where they live (Durbach et al. 2024). Use the density "
    "surface for that."
)
"""What must stand beside a map of all activity centres."""


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


def survey_activity_centers(estimate: Estimate, b: int) -> FloatArray:
    """Activity centres of all detected animals of a survey, in the order of its captures.

    Parameters
    ----------
    estimate : Estimate
    b : int
        Which survey.

    Returns
    -------
    float64 array, shape (n_animals, n_points)
        Probabilities; rows sum to 1.
    """
    item = estimate.model.surveys[b]
    likelihood = likelihood_of(estimate.model)
    found = np.zeros((item.n_animals, item.mask.n_points))
    for p in likelihood.of_survey(b):
        members = likelihood.populations[p].members
        if len(members):
            found[members] = activity_center_probabilities(estimate, p)
    return found


def activity_centers(estimate: Estimate, *, survey: str | None = None) -> xarray.Dataset:
    """Activity centres of all detected animals of a survey, one by one and together.

    Parameters
    ----------
    estimate : Estimate
    survey : str, optional
        Name of the survey, needed when there are several.

    Returns
    -------
    xarray.Dataset
        ``probability`` over (animal, y, x): that the centre of the animal lies in the cell; and
        ``total`` over (y, x): their sum, the expected number of detected animals that live there.
        nan outside the mask. The attribute ``warning`` says what the total is not.

    Raises
    ------
    DataError
        If there is no such survey, or the mask is no raster.

    Notes
    -----
    The total adds up to the number of animals detected. It is no map of density: where no camera
    stood it is low whatever lives there (Durbach et al. 2024).
    """
    b = survey_index(estimate, survey)
    item = estimate.model.surveys[b]
    each = survey_activity_centers(estimate, b)
    layers = [item.mask.to_xarray(row, name="probability", units="1") for row in each]
    total = item.mask.to_xarray(each.sum(axis=0), name="total", units="animals per cell")
    # without animals: a stack of no layers
    stack = (
        np.stack([np.asarray(layer) for layer in layers]) if layers else np.zeros((0, *total.shape))
    )
    surfaces = total.to_dataset()
    surfaces["probability"] = (("animal", "y", "x"), stack, {"units": "1"})
    surfaces = surfaces.assign_coords(animal=np.array(item.captures.animal_ids, dtype=object))
    surfaces.attrs = {"survey": item.name, "warning": NO_DENSITY_MAP}
    return surfaces


def activity_shares(
    estimate: Estimate, region: Any, *, by: str | None = None, survey: str | None = None
) -> pd.DataFrame:
    """Share of each animal's activity centre by region.

    Parameters
    ----------
    estimate : Estimate
    region : as of `secr_nea.inference.abundance`
    by : str, optional
        Attribute of the polygons that names the regions.
    survey : str, optional
        Only this survey.

    Returns
    -------
    DataFrame
        One row per survey and animal; columns survey, animal, one for each region, and
        ``elsewhere``: the probability that the activity centre lies there. Where regions do not
        overlap, a row sums to 1.

    Raises
    ------
    DataError
        If the regions cannot be used, or there is no such survey.
    """
    surveys = estimate.model.surveys
    chosen = range(len(surveys)) if survey is None else [survey_index(estimate, survey)]
    tables = []
    for b in chosen:
        item = surveys[b]
        regions = region_points(item.mask, region, by)
        each = survey_activity_centers(estimate, b)
        nowhere = ~np.any(list(regions.values()), axis=0)
        columns = {name: each @ inside for name, inside in regions.items()}
        head = {"survey": item.name, "animal": list(item.captures.animal_ids)}
        tables.append(pd.DataFrame({**head, **columns, "elsewhere": each @ nowhere}))
    # a region that one mask does not touch holds none of its animals
    shares = pd.concat(tables, ignore_index=True)
    names = [name for name in shares.columns if name not in ("survey", "animal", "elsewhere")]
    shares[names] = shares[names].fillna(0.0)
    return shares[["survey", "animal", *names, "elsewhere"]]
