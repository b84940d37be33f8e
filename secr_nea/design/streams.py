"""Independent, reproducible streams of random numbers."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from secr_nea.errors import DataError

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None

# Streams of one seed for different purposes. Large, so that they never are one of the children
# (0, 1, 2 ...) that a caller spawns from the same SeedSequence.
POPULATION, CAPTURES, SURVEYS = 2_000_000_011, 2_000_000_033, 2_000_000_063
CLASSES, TURNOVER, FAULTS = 2_000_000_083, 2_000_000_087, 2_000_000_089
STUDIES = 2_000_000_123
PLACEMENT, LAYOUT, PRECISION = 2_000_000_099, 2_000_000_107, 2_000_000_117


def _root(seed: int | np.random.SeedSequence | None, purpose: int) -> np.random.SeedSequence:
    """Start of the stream of one purpose; the caller's SeedSequence is not changed."""
    if isinstance(seed, bool | np.bool_):
        raise DataError(f"seed must be a whole number, not {seed!r}.")
    try:
        given = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    except (TypeError, ValueError):
        raise DataError(
            "seed must be a whole number of 0 or more, a numpy SeedSequence or Generator, or None; "
            f"got {seed!r}."
        ) from None
    return np.random.SeedSequence(
        given.entropy, spawn_key=(*given.spawn_key, purpose), pool_size=given.pool_size
    )


def stream(seed: Seed, purpose: int) -> np.random.Generator:
    """The stream of one purpose; a Generator is taken as it is."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(_root(seed, purpose))


def streams(seed: Seed, number: int) -> list[np.random.Generator]:
    """Independent streams, the first ones the same however many there are."""
    return streams_of(seed, SURVEYS, number)


def streams_of(seed: Seed, purpose: int, number: int) -> list[np.random.Generator]:
    """Independent streams of one purpose."""
    if isinstance(seed, np.random.Generator):
        return seed.spawn(number)
    return [np.random.default_rng(child) for child in _root(seed, purpose).spawn(number)]


def child_seed(seed: int | np.random.SeedSequence | None, *place: int) -> np.random.SeedSequence:
    """The seed of one place in a study, the same whatever else the study holds.

    Parameters
    ----------
    seed : int or numpy SeedSequence
    *place : int
        Such as number of the scenario and of the replicate.

    Returns
    -------
    numpy SeedSequence
    """
    root = _root(seed, STUDIES)
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *place))
