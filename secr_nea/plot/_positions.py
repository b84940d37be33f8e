"""Where animals were detected on average, and how far from there each detection was."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.likelihood import likelihood_of


def mean_positions(captures: CaptureHistory) -> FloatArray:
    """Mean position of each animal's detections, shape (n_animals, 2), metres."""
    animal, at, count = captures.places
    n = captures.n_animals
    total = np.bincount(animal, weights=count, minlength=n)
    sums = [np.bincount(animal, weights=count * at[:, axis], minlength=n) for axis in (0, 1)]
    return np.asarray(np.stack(sums, axis=1) / total[:, None])


def distances_to_mean(captures: CaptureHistory) -> FloatArray:
    """Distance of each detection to the mean position of its animal.

    Parameters
    ----------
    captures : CaptureHistory

    Returns
    -------
    float64 array, shape (n_used,), metres
        A record counts as often as its count says. Animals detected once are left out: their
        distance is 0 whatever they do.
    """
    animal, at, count = captures.places
    total = np.bincount(animal, weights=count, minlength=captures.n_animals)
    apart = at - mean_positions(captures)[animal]
    used = total[animal] > 1
    return np.repeat(np.hypot(apart[:, 0], apart[:, 1])[used], count[used].astype(np.int64))


def distances_to_center(estimate: Estimate, b: int) -> FloatArray:
    """Distance of each detection to the likeliest activity centre, as the model measures it.

    Parameters
    ----------
    estimate : Estimate
        Of a model with a metric of its own.
    b : int
        Which survey.

    Returns
    -------
    float64 array, shape (n_used,), metres
        Animals detected once are left out.
    """
    likelihood = likelihood_of(estimate.model)
    captures = estimate.model.surveys[b].captures
    measured = likelihood.distances.measured(estimate.coefficients, b)
    assert measured is not None
    center = np.zeros(captures.n_animals, dtype=np.int64)
    for p in likelihood.of_survey(b):
        members = likelihood.populations[p].members
        center[members] = activity_center_probabilities(estimate, p).argmax(axis=1)
    total = np.bincount(captures.animal, weights=captures.count, minlength=captures.n_animals)
    used = total[captures.animal] > 1
    distance = measured.distance[captures.trap, center[captures.animal]]
    return np.repeat(distance[used], captures.count[used].astype(np.int64))
