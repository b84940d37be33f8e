"""Learned responses: how earlier detections of an animal, or at a trap, change detection later.

======================================= ====== ===================================================
word in formulas                        in R   1 where, else 0
======================================= ====== ===================================================
``detected_before``                     ``b``  the animal was detected on an earlier occasion
``detected_last_occasion``              ``B``  the animal was detected on the previous occasion
``detected_before_here``                ``bk`` the animal was detected at this trap earlier
``detected_last_occasion_here``         ``Bk`` the animal was at this trap on the previous occasion
``trap_detected_before``                ``k``  any animal was detected at this trap earlier
``trap_detected_last_occasion``         ``K``  any animal was at this trap on the previous occasion
======================================= ====== ===================================================

An animal that was never detected has 0 in the first four; the last two are the trap's own history
and hold for every animal, also for those that were missed (R's secr lets the missed animals live
in a survey in which no trap has caught anything).
"""

from __future__ import annotations

import numpy as np

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.captures import CaptureHistory

ANIMAL_RESPONSES = (
    "detected_before",
    "detected_last_occasion",
    "detected_before_here",
    "detected_last_occasion_here",
)
"""Responses of the animal: they differ between the histories of animals."""

TRAP_RESPONSES = ("trap_detected_before", "trap_detected_last_occasion")
"""Responses of the trap: a covariate of trap and occasion, the same for every animal."""


def _spread(detected: BoolArray, word: str) -> BoolArray:
    """From detection at (trap, occasion) to the state at (trap, occasion)."""
    if not word.endswith("_here") and word in ANIMAL_RESPONSES:
        detected = np.broadcast_to(detected.any(axis=0), detected.shape)
    state = np.zeros(detected.shape, dtype=bool)
    if "last_occasion" in word:
        state[:, 1:] = detected[:, :-1]
    else:
        state[:, 1:] = np.logical_or.accumulate(detected, axis=1)[:, :-1]
    return state


def animal_state(
    word: str, shape: tuple[int, int], trap: IntArray, occasion: IntArray
) -> BoolArray:
    """Where and when an animal is in the state of a learned response.

    Parameters
    ----------
    word : str
        One of `ANIMAL_RESPONSES`.
    shape : tuple of int
        (n_traps, n_occasions).
    trap, occasion : int64 arrays, shape (n_records,)
        Detections of the animal.

    Returns
    -------
    bool array, shape (n_traps, n_occasions)
    """
    detected = np.zeros(shape, dtype=bool)
    detected[trap, occasion] = True
    return _spread(detected, word)


def trap_state(word: str, captures: CaptureHistory) -> FloatArray:
    """History of the traps as a covariate.

    Parameters
    ----------
    word : str
        One of `TRAP_RESPONSES`.
    captures : CaptureHistory

    Returns
    -------
    float64 array, shape (n_traps, n_occasions), 0 or 1
    """
    detected = np.zeros(captures.traps.effort.shape, dtype=bool)
    detected[captures.trap, captures.occasion] = True
    return _spread(detected, word).astype(np.float64)
