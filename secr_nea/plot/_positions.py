"""Where animals were detected on average, and how far from there each detection was."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory


def mean_positions(captures: CaptureHistory) -> FloatArray:
    """Mean position of each animal's detections, shape (n_animals, 2), metres."""
    at = captures.traps.xy[captures.trap]
    n = captures.n_animals
    total = np.bincount(captures.animal, weights=captures.count, minlength=n)
    sums = [
        np.bincount(captures.animal, weights=captures.count * at[:, axis], minlength=n)
        for axis in (0, 1)
    ]
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
    total = np.bincount(captures.animal, weights=captures.count, minlength=captures.n_animals)
    apart = captures.traps.xy[captures.trap] - mean_positions(captures)[captures.animal]
    used = total[captures.animal] > 1
    return np.repeat(np.hypot(apart[:, 0], apart[:, 1])[used], captures.count[used])
