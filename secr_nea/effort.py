"""What kinds of detectors there are, and what effort they can have."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, SecrWarning

DETECTORS = {
    "count": "count",
    "poisson": "count",
    "binary": "binary",
    "proximity": "binary",
    "binomial": "binomial",
    "binomial_count": "binomial",
    "multi": "multi",
    "multi_catch": "multi",
    "single": "multi",
    "capped": "capped",
    "area_search": "area_search",
    "polygon": "area_search",
    "transect": "transect",
}
"""Accepted detector words and the canonical word of each."""

EFFORT_WORDS = re.compile(r"effort|usage|(camera|trap)[ _.-]?(days|nights)", re.IGNORECASE)


def canonical_detectors(detector: str | Sequence[str], ids: tuple[str, ...]) -> tuple[str, ...]:
    """Canonical detector word of each trap, from one word or one per trap."""
    words = (detector,) * len(ids) if isinstance(detector, str) else tuple(detector)
    if len(words) != len(ids):
        raise DataError(
            f"detector must be one word or one per trap ({len(ids)}); got {len(words)}."
        )
    for word in dict.fromkeys(words):
        if word not in DETECTORS:
            raise DataError(
                f"Detector {word!r} is not known{_checks.did_you_mean(str(word), DETECTORS)}. "
                f"Known: {_checks.listed(DETECTORS)}."
            )
    if "single" in words:
        warnings.warn(
            "Single-catch traps are treated as multi-catch: no exact likelihood is known. lambda0 "
            "is then too low; density is nearly right unless most traps are full.",
            SecrWarning,
            stacklevel=3,
        )
    return tuple(DETECTORS[word] for word in words)


def effort_array(
    effort: ArrayLike | None,
    n_occasions: int | None,
    ids: tuple[str, ...],
    detector: tuple[str, ...],
) -> FloatArray:
    """Effort as a read-only array, shape (n_traps, n_occasions); 1 everywhere when None.

    Raises
    ------
    DataError
        Wrong shape, negative or missing values, fractions for binomial detectors, no effort at all.
    """
    if n_occasions is not None and (
        isinstance(n_occasions, bool) or int(n_occasions) != n_occasions or n_occasions < 1
    ):
        raise DataError(f"n_occasions must be a whole number above 0; got {n_occasions!r}.")
    if effort is None:
        fixed: FloatArray = _checks.read_only(np.ones((len(ids), n_occasions or 1)), np.float64)
        return fixed
    values = _checks.numbers(effort, "effort")
    values = values[:, None] if values.ndim == 1 else values
    wanted = (
        len(ids),
        values.shape[1] if n_occasions is None and values.ndim == 2 else n_occasions,
    )
    if values.ndim != 2 or values.shape != wanted or values.shape[1] == 0:
        raise DataError(
            f"effort must have shape (n_traps, n_occasions) = ({len(ids)}, "
            f"{n_occasions or 'at least 1'}), "
            f"or ({len(ids)},) for one occasion; got {np.shape(effort)}."
        )
    _check_effort_values(values, ids, detector)
    fixed = _checks.read_only(values, np.float64)
    return fixed


def _check_effort_values(
    values: FloatArray, ids: tuple[str, ...], detector: tuple[str, ...]
) -> None:
    bad = np.argwhere(~np.isfinite(values) | (values < 0))
    if len(bad):
        cells = _checks.listed(f"trap {ids[k]} occasion {s + 1}: {values[k, s]:g}" for k, s in bad)
        raise DataError(
            f"effort must be 0 or more everywhere: {cells}. Write 0 where a trap did not operate."
        )
    binomial = np.array([word == "binomial" for word in detector])
    broken = np.argwhere((values != np.floor(values)) & binomial[:, None])
    if len(broken):
        cells = _checks.listed(
            f"trap {ids[k]} occasion {s + 1}: {values[k, s]:g}" for k, s in broken
        )
        raise DataError(
            f"binomial detectors need a whole number of trials as effort: {cells}. Round them, or "
            "use detector='count'."
        )
    if not values.any():
        raise DataError("No trap operated on any occasion: all effort is 0.")
    idle = np.flatnonzero(~values.any(axis=0)) + 1
    if idle.size:
        _checks.warn(
            f"No trap operated on occasion {_checks.listed(idle)}: all effort is 0 there. Check "
            "the effort table.",
            stacklevel=5,
        )


def effort_columns(frame: pd.DataFrame, effort: object) -> list[str]:
    """Columns that hold the effort; empty when it is given otherwise or there are none."""
    if isinstance(effort, str):
        return [effort]
    if (
        isinstance(effort, list | tuple)
        and effort
        and all(isinstance(name, str) for name in effort)
    ):
        return list(effort)
    if effort is not None:
        return []
    if "effort" in frame.columns:
        return ["effort"]
    numbered: list[str] = []
    while f"effort.{len(numbered) + 1}" in frame.columns:
        numbered.append(f"effort.{len(numbered) + 1}")
    return numbered


def warn_of_effort_among(covariates: Sequence[str]) -> None:
    """SecrWarning when a covariate has a name like effort."""
    doubtful = [name for name in covariates if EFFORT_WORDS.search(name)]
    if doubtful:
        _checks.warn(
            f"Column {_checks.listed(map(repr, doubtful))} of the traps table looks like effort "
            "but is taken as a covariate. "
            f"If it is effort, say so with effort={doubtful[0]!r} (read_traps: "
            f"effort_column={doubtful[0]!r}).",
            stacklevel=5,
        )
