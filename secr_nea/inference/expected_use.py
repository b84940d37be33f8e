"""How much each place is used: activity centres spread out by the animals' movements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from secr_nea._typing import FloatArray, IntArray
from secr_nea.detection import DetectionFunction
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import activity_center
from secr_nea.inference.density import point_density
from secr_nea.inference.detectability import population_index, survey_index
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.center_effects import FARTHEST_SQUARED
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
    progress: bool = True,
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
    progress : bool
        Whether to show a bar when it takes more than a few seconds.

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
        If all animals are asked for and the model has no density, or distances were given as a
        matrix, which says nothing of the distances between mask points.

    Notes
    -----
    u(s) = sum_x w(x) h(d(x, s)) / sum_s' h(d(x, s')), with w(x) the expected number of activity
    centres in the cell (or the probability of the animal's), and h the fitted hazard of detection
    by distance as the kernel of an animal's movements, kept within the mask. Where detection
    depends on covariates of traps, their mean over traps (by effort) is used; over classes of
    animals the kernel is averaged by their proportions. Distances are those of the model.
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
    use = _spread(estimate, b, weight, Kernel.of(estimate, b, group), progress)
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


@dataclass(frozen=True)
class Kernel:
    """How animals of a survey spread around their activity centre, by distance.

    Parameters
    ----------
    detection : DetectionFunction
    classes : tuple of (share, parameters of the detection function)
        One for each class of animals.
    shrink : float64 array, shape (n_points,)
        What squared distances from a centre are multiplied by: 1 / (factor of sigma)^2. Only where
        sigma depends on the place of the centre it differs from 1.
    """

    detection: DetectionFunction
    classes: tuple[tuple[float, tuple[FloatArray, ...]], ...]
    shrink: FloatArray

    @classmethod
    def of(cls, estimate: Estimate, b: int, group: str | None) -> Kernel:
        """The kernel that a fit implies.

        Parameters
        ----------
        estimate : Estimate
        b : int
            Which survey.
        group : str or None
            Group of animals.
        """
        classes = tuple(
            (share, tuple(np.full((1, 1), value) for value in values))
            for share, values in _class_values(estimate, b, group)
        )
        return cls(estimate.model.detection, classes, _shrink(estimate, b))

    @property
    def reach(self) -> float:
        """Distance beyond which no animal goes, as the model measures distance, metres."""
        largest = max(values[1].max() for _, values in self.classes)
        return float(1.5 * self.detection.shape.reach * largest / np.sqrt(self.shrink.min()))

    def shares(self, centres: IntArray, squared: FloatArray) -> FloatArray:
        """Share of the time that animals of some centres spend at each place.

        Parameters
        ----------
        centres : int64 array, shape (n,)
            Mask points.
        squared : float64 array, shape (n, n_places), m^2
            Squared distances; infinite where there is no way.

        Returns
        -------
        float64 array, shape (n, n_places)
            Rows sum to 1.
        """
        squared = np.minimum(squared * self.shrink[centres, None], FARTHEST_SQUARED)
        total = np.zeros_like(squared)
        for share, values in self.classes:
            kernel = np.exp(self.detection.log_hazard(squared, *values))
            total += share * kernel / kernel.sum(axis=1, keepdims=True)
        return total


def _class_values(estimate: Estimate, b: int, group: str | None) -> list[tuple[float, list[float]]]:
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
    """1 / (factor of sigma at each mask point)^2."""
    likelihood = likelihood_of(estimate.model)
    p = next(iter(likelihood.of_survey(b)))
    log_sigma = likelihood.state(estimate.coefficients).inputs[p][0].effects.log_sigma
    if log_sigma is None:
        return np.ones(estimate.model.surveys[b].mask.n_points)
    return np.asarray(np.exp(-2.0 * log_sigma))


def _spread(
    estimate: Estimate, b: int, weight: FloatArray, kernel: Kernel, progress: bool
) -> FloatArray:
    """Weights of the mask points spread by the kernel, which sums to 1 over the mask."""
    measure = _squared_distances(estimate, b, kernel.reach)
    use = np.zeros(len(weight))
    step = max(1, _CHUNK // len(weight))
    starts = range(0, len(weight), step)
    for start in tqdm(starts, desc="use", delay=3.0, leave=False, disable=not progress):
        own = np.arange(start, min(start + step, len(weight)))
        use += weight[own] @ kernel.shares(own, measure(own))
    return use


def _squared_distances(
    estimate: Estimate, b: int, reach: float
) -> Callable[[IntArray], FloatArray]:
    """Squared distances from some mask points to all, as the model measures distance."""
    design = estimate.model.metric_design
    if design is None:
        xy = estimate.model.surveys[b].mask.xy
        return lambda own: np.asarray(((xy[own, None, :] - xy[None]) ** 2).sum(axis=2))
    values = design.values(estimate.coefficients, b)
    between = design.grounds[b].between(values, reach)
    return lambda own: between(own) ** 2
