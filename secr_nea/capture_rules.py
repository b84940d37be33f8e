"""Which records each kind of detector can have made, and what is wrong with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from secr_nea import _checks
from secr_nea._typing import BoolArray, IntArray
from secr_nea.errors import DataError

if TYPE_CHECKING:
    from secr_nea.captures import CaptureHistory


def check_records(captures: CaptureHistory) -> None:
    """Refuse records that the effort or the kind of detector does not allow.

    Parameters
    ----------
    captures : CaptureHistory

    Raises
    ------
    DataError
        Records where there was no effort, or more of them than such a detector can make.
    """
    traps = captures.traps
    effort = traps.effort[captures.trap, captures.occasion]
    _refuse(
        captures,
        effort == 0,
        "Detections where the effort is 0: {records}. "
        "Correct the effort table, the occasion or the trap, or remove these detections.",
    )
    detector = np.array(traps.detector, dtype=object)[captures.trap]
    _refuse(
        captures,
        (detector == "binary") & (captures.count > 1),
        "A binary detector gives at most one detection per animal, trap and occasion: {records}. "
        "Use detector='count', or collapse the repeats with drop_duplicates() on animal, "
        "occasion and trap.",
    )
    _refuse(
        captures,
        _more_than_one(captures, detector == "multi", captures.animal),
        "A multi-catch trap holds an animal until the end of the occasion, so that it is "
        "detected once per occasion at most: {records}. "
        "Use detector='binary' or 'count', or correct the occasions.",
    )
    _refuse(
        captures,
        _more_than_one(captures, detector == "capped", captures.trap),
        "A capped detector keeps one animal per occasion at most: {records}. "
        "Use detector='binary' or 'count', or leave only the animal that was identified.",
    )
    _refuse(
        captures,
        (detector == "binomial") & (captures.count > effort),
        "A binomial detector gives at most as many detections as its effort (trials): {records}. "
        "Correct the effort or the counts, or use detector='count'.",
    )


def _more_than_one(captures: CaptureHistory, kind: BoolArray, of: IntArray) -> BoolArray:
    """Records of some kind of detector of which the same occasion has more than one."""
    pairs = np.column_stack([of, captures.occasion])
    _, place, times = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    total = np.bincount(place, weights=captures.count * kind, minlength=len(times))
    return np.asarray(kind & (total[place] > 1))


def _refuse(captures: CaptureHistory, bad: BoolArray, message: str) -> None:
    """Raise with the records told in the message, if there are any."""
    if not bad.any():
        return
    told = _checks.listed(
        f"animal {captures.animal_ids[captures.animal[r]]!r} at trap "
        f"{captures.traps.ids[captures.trap[r]]!r} "
        f"on occasion {captures.occasion[r] + 1} (count {captures.count[r]})"
        for r in np.flatnonzero(bad)
    )
    raise DataError(message.format(records=told))
