"""Detections drawn in searched areas and along transects, with their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.detection import DetectionFunction, has_whole_range, whole_range
from secr_nea.errors import ModelError
from secr_nea.searches import DIMENSION
from secr_nea.traps import TrapArray


def check_search_detection(traps: TrapArray, function: DetectionFunction) -> None:
    """ModelError when there are searches and the detection function is not for them."""
    usable = function.is_hazard and has_whole_range(function.shape)
    if traps.is_search.any() and not usable:
        raise ModelError(
            f"Searched areas and transects need a hazard such as 'hazard_half_normal'; "
            f"{function.name} cannot be used."
        )


def draw_in_search(
    population: FloatArray,
    traps: TrapArray,
    k: int,
    effort: FloatArray,
    function: DetectionFunction,
    values: tuple[FloatArray, ...],
    learned: BoolArray,
    rng: np.random.Generator,
) -> tuple[IntArray, FloatArray]:
    """Detections of animals in one search on one occasion: a thinned Poisson process.

    Parameters
    ----------
    population : float64 array, shape (N, 2), metres
        Activity centres.
    traps : TrapArray
    k : int
        Which detector; it must be a search.
    effort : float64 array, shape (N,)
        Effort, times the factor of each animal's hazard.
    function : DetectionFunction
    values : tuple of float64 arrays, each (n_states,)
        Detection parameters; the second state is that of a learned response.
    learned : bool array, shape (N,)
        Animals in the second state.
    rng : numpy Generator

    Returns
    -------
    int64 array, shape (n_detections,)
        Animal of each detection.
    float64 array, shape (n_detections, 2), metres
    """
    geometry, dimension = traps.searches[k], DIMENSION[traps.detector[k]]
    size = geometry.area if dimension == 2 else geometry.length
    own = [value[np.where(learned, len(value) - 1, 0)] for value in values]
    # Every shape is 1 at most: this is the largest hazard there can be, everywhere in the search.
    largest = effort * own[0] / whole_range(function.shape, dimension, *own[1:])[0]
    animal = np.repeat(np.arange(len(population)), rng.poisson(largest * size))
    xy = _uniform(geometry, dimension, len(animal), rng)
    d2 = ((xy - population[animal]) ** 2).sum(axis=1)[:, None]
    log_shape = function.shape.log_value(d2, *(value[animal][:, None] for value in own[1:]))
    kept = np.log(rng.random(len(animal))) < log_shape[:, 0]
    return animal[kept].astype(np.int64), xy[kept]


def _uniform(geometry: Any, dimension: int, number: int, rng: np.random.Generator) -> FloatArray:
    """Places anywhere in an area, or anywhere along a line, shape (number, 2)."""
    if dimension == 1:
        at = shapely.line_interpolate_point(geometry, rng.random(number), normalized=True)
        return np.asarray(shapely.get_coordinates(at), dtype=np.float64)
    west, south, east, north = geometry.bounds
    found = [np.zeros((0, 2))]
    missing = number
    while missing > 0:
        trial = rng.uniform((west, south), (east, north), (2 * missing, 2))
        inside = trial[shapely.contains_xy(geometry, trial[:, 0], trial[:, 1])][:missing]
        found.append(inside)
        missing -= len(inside)
    return np.concatenate(found)
