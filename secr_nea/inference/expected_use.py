"""How much each place is used: activity centres spread out by the animals' movements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import activity_center
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import population_index, survey_index
from secr_nea.likelihood import likelihood_of
from secr_nea.mask import HabitatMask
from secr_nea.units import DENSITY_AREA_KM2, animals_per_cell

if TYPE_CHECKING:
    import xarray

_CHUNK = 4_000_000


def expected_use(
    estimate: Estimate,
    *,
    animal: str | None = None,
    survey: str | None = None,
    group: str | None = None,
) -> xarray.DataArray:
    """Where animals are expected to be at any moment, not only where their ranges are centred.

    Parameters
    ----------
    estimate : Estimate
    animal : str, optional
        Id of a detected animal: how its own time is spread. All animals, detected or not, as the
        density surface has them, when None.
    survey : str, optional
        Name of the survey, needed when there are several.
    group : str, optional
        Group of animals, needed when the model has groups.

    Returns
    -------
    xarray.DataArray
        Over (y, x) in metres, nan outside the mask. All animals: animals per 100 km2, whose sum
        times the cell area is the expected number of animals in the mask. One animal: share of its
        time in each cell, which sums to 1.

    Raises
    ------
    DataError
        If there is no such animal, survey or group.
    ModelError
        If all animals are asked for and the model has no density.

    Notes
    -----
    u(s) = sum_x w(x) h(d(x, s)) / sum_s' h(d(x, s')), with w(x) the expected number of activity
    centres in the cell (or the probability of the animal's), and h the fitted hazard of detection
    by distance as the kernel of an animal's movements, kept within the mask. Where detection
    depends on covariates of traps, their mean over traps (by effort) is used; over classes of
    animals the kernel is averaged by their proportions. Distances are straight.
    """
    b = survey_index(estimate, survey)
    mask = estimate.model.surveys[b].mask
    if animal is not None:
        weight = _at_points(activity_center(estimate, animal, survey=survey), mask)
        group = _group_of(estimate, b, animal)
        name, units, scale = "use", "share of time per cell", 1.0
    else:
        density = point_density(estimate, population_index(estimate, survey, group))
        weight = animals_per_cell(density.value, mask.cell_area)
        name, units, scale = "use", "animals per 100 km2", DENSITY_AREA_KM2 / mask.cell_area
    use = np.zeros(mask.n_points)
    shrink = _shrink(estimate, b)
    for share, values in _kernels(estimate, b, group):
        use += share * _spread(estimate, mask.xy, weight, values, shrink)
    return mask.to_xarray(scale * use, name=name, units=units)


def _at_points(surface: xarray.DataArray, mask: HabitatMask) -> FloatArray:
    import xarray

    x, y = (xarray.DataArray(at, dims="point") for at in mask.xy.T)
    return np.asarray(surface.sel(x=x, y=y, method="nearest"), dtype=np.float64)


def _group_of(estimate: Estimate, b: int, animal: str) -> str | None:
    individuals = estimate.model.individuals
    if not individuals.grouped:
        return None
    i = estimate.model.surveys[b].captures.animal_ids.index(str(animal))
    return individuals.levels[int(individuals.surveys[b].class_of[i])]


def _kernels(estimate: Estimate, b: int, group: str | None) -> list[tuple[float, list[float]]]:
    """Share and mean detection parameters of each class (or of the group) of a survey."""
    model = estimate.model
    effort = model.surveys[b].traps.effort
    rows = model.detection_rows.rows[b]
    individuals = model.individuals
    shares = model.class_proportions(estimate.coefficients)[b]
    if individuals.grouped:
        shares = np.array([float(level == group) for level in individuals.levels])
    found = []
    for c in np.flatnonzero(shares > 0.0):
        of_class = [
            float((values[rows[c]].mean(axis=(0, 1)) * effort).sum() / effort.sum())
            for values in model.detection_values(estimate.coefficients)
        ]
        found.append((float(shares[c]), of_class))
    return found


def _shrink(estimate: Estimate, b: int) -> FloatArray:
    """What squared distances from each activity centre are multiplied by: 1 / (factor of sigma)^2.

    Only where sigma depends on the place of the centre it differs from 1.
    """
    likelihood = likelihood_of(estimate.model)
    p = next(iter(likelihood.of_survey(b)))
    log_sigma = likelihood.state(estimate.coefficients).inputs[p][0].effects.log_sigma
    if log_sigma is None:
        return np.ones(estimate.model.surveys[b].mask.n_points)
    return np.asarray(np.exp(-2.0 * log_sigma))


def _spread(
    estimate: Estimate,
    xy: FloatArray,
    weight: FloatArray,
    values: list[float],
    shrink: FloatArray,
) -> FloatArray:
    """Weights of the points spread by the kernel, which sums to 1 over the mask."""
    columns = [np.full((1, 1), value) for value in values]
    use = np.zeros(len(xy))
    step = max(1, _CHUNK // len(xy))
    for start in range(0, len(xy), step):
        own = slice(start, start + step)
        d2 = ((xy[own, None, :] - xy[None]) ** 2).sum(axis=2)
        d2 *= shrink[own, None]
        kernel = np.exp(estimate.model.detection.log_hazard(d2, *columns))
        use += weight[own] @ (kernel / kernel.sum(axis=1, keepdims=True))
    return use
