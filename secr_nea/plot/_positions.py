"""Where animals were detected on average, and how far from there each detection was."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory


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
