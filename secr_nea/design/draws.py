"""Detections drawn for animals at known places, occasion after occasion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from secr_nea import _checks
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.design.search_draws import check_search_detection, draw_in_search
from secr_nea.detection import DetectionFunction
from secr_nea.errors import ModelError
from secr_nea.responses import TRAP_RESPONSES
from secr_nea.traps import TrapArray

Distances: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
"""From places of traps (n_traps, 2) and animals (N, 2) to distances (n_traps, N), metres."""


@dataclass(frozen=True, eq=False, repr=False)
class Simulated:
    """Capture histories together with the animals behind them.

    Parameters
    ----------
    captures : CaptureHistory
        What was observed. Ids "1" ... "n" number the detected animals in the order of
        ``population``.
    population : float64 array, shape (N, 2), metres
        Activity centres of all animals, detected or not; read-only.
    detected : int64 array, shape (n_animals,)
        Row of ``population`` of each animal of ``captures``; read-only.
    """

    captures: CaptureHistory
    population: FloatArray
    detected: IntArray

    @property
    def activity_centers(self) -> FloatArray:
        """True activity centres of the detected animals, shape (n_animals, 2), metres."""
        centers: FloatArray = self.population[self.detected]
        return centers

    def __repr__(self) -> str:
        animals = _checks.plural(len(self.population), "animal")
        return f"Simulated({len(self.detected)} of {animals} detected, {self.captures!r})"


@dataclass(frozen=True)
class Drawn:
    """Detections of some animals on one occasion.

    Parameters
    ----------
    records : int64 array, shape (4, n_records)
        Trap, animal, occasion and count.
    xy : float64 array, shape (n_records, 2), metres
        Position of each detection of a search; NaN for traps that are points.
    """

    records: IntArray
    xy: FloatArray


def captures_of(
    population: FloatArray,
    traps: TrapArray,
    drawn: Sequence[Drawn],
    ids: Sequence[str] | None = None,
) -> Simulated:
    """Number the animals that have any record.

    Parameters
    ----------
    population : float64 array, shape (N, 2), metres
    traps : TrapArray
    drawn : sequence of Drawn
    ids : sequence of str, N names, optional
        Names of all animals; the detected ones are numbered 1, 2 ... when absent.

    Returns
    -------
    Simulated
    """
    records = np.concatenate([part.records for part in drawn], axis=1)
    trap, animal, occasion, count = records
    detected, number = np.unique(animal, return_inverse=True)
    captures = CaptureHistory(
        traps,
        animal=number.reshape(-1),
        occasion=occasion,
        trap=trap,
        count=count,
        xy=np.concatenate([part.xy for part in drawn]),
        animal_ids=[str(i + 1) if ids is None else ids[detected[i]] for i in range(len(detected))],
    )
    return Simulated(
        captures,
        _checks.read_only(population, np.float64),
        _checks.read_only(detected, np.int64),
    )


def draw_records(
    population: FloatArray,
    traps: TrapArray,
    function: DetectionFunction,
    values: tuple[FloatArray, ...],
    rng: np.random.Generator,
    response: str = "",
    *,
    squared: FloatArray | None = None,
    log_factor: FloatArray | None = None,
) -> Iterator[Drawn]:
    """Draw the detections of animals, one occasion after the other.

    Parameters
    ----------
    population : float64 array, shape (N, 2), metres
        Activity centres.
    traps : TrapArray
    function : DetectionFunction
    values : tuple of float64 arrays, each (n_states, n_traps, n_occasions)
        Detection parameters; the second state is that of a learned response.
    rng : numpy Generator
    response : str
        Learned response of the animal or of the trap, or "". That of the trap is of all animals, so
        that these must all be given at once.
    squared : float64 array, shape (n_traps, N), m^2, optional
        Squared distances between traps and centres; the straight ones by default.
    log_factor : float64 array, shape (N,), optional
        Logarithm of a factor of each animal's hazard.

    Yields
    ------
    Drawn
        The detections of each occasion.

    Raises
    ------
    ModelError
        If there are searches and the detection function is not for them.
    """
    check_search_detection(traps, function)
    d2 = squared_distances(traps.xy, population) if squared is None else squared
    factor = np.ones(len(population)) if log_factor is None else np.exp(log_factor)
    detector = np.array(traps.detector)
    before = np.zeros(d2.shape, dtype=bool)
    last = np.zeros(d2.shape, dtype=bool)
    hazards: list[FloatArray] = []
    for s in range(traps.n_occasions):
        if s == 0 or any((value[..., s] != value[..., s - 1]).any() for value in values):
            with np.errstate(divide="ignore"):  # log 0 where nothing can be detected
                hazards = [
                    factor
                    * np.exp(
                        function.log_hazard(d2, *(value[state, :, s, None] for value in values))
                    )
                    for state in range(len(values[0]))
                ]
        hazard = hazards[0]
        learned = np.zeros(d2.shape, dtype=bool)
        if response:
            learned = _learned(response, before, last)
            hazard = np.where(learned, hazards[1], hazards[0])
        counts = np.zeros(d2.shape, dtype=np.int64)
        for kind in sorted(set(traps.detector) & set(DRAWS)):
            working = np.flatnonzero((detector == kind) & (traps.effort[:, s] > 0.0))
            counts[working] = DRAWS[kind](rng, hazard[working], traps.effort[working, s, None])
        trap, animal = np.nonzero(counts)
        records = [np.stack([trap, animal, np.full(len(trap), s), counts[trap, animal]])]
        places = [np.full((len(trap), 2), np.nan)]
        for k in np.flatnonzero(traps.is_search & (traps.effort[:, s] > 0.0)):
            own = tuple(value[:, k, s] for value in values)
            effort = factor * traps.effort[k, s]
            found, xy = draw_in_search(
                population, traps, int(k), effort, function, own, learned[k], rng
            )
            counts[k] = np.bincount(found, minlength=len(population))
            n = len(found)
            records.append(np.stack([np.full(n, k), found, np.full(n, s), np.ones(n, np.int64)]))
            places.append(xy)
        last = counts > 0
        before |= last
        yield Drawn(np.concatenate(records, axis=1).astype(np.int64), np.concatenate(places))


def squared_distances(
    sites: FloatArray, places: FloatArray, distances: Distances | None = None
) -> FloatArray:
    """Squared distances from sites to places, m2.

    Parameters
    ----------
    sites : float64 array, shape (n_sites, 2), metres
    places : float64 array, shape (N, 2), metres
    distances : callable, optional
        Other distances than straight lines: ``distances(sites, places)``, shape (n_sites, N).

    Returns
    -------
    float64 array, shape (n_sites, N)

    Raises
    ------
    ModelError
        If ``distances`` gives another shape, or values that are negative or missing.
    """
    if distances is None:
        difference = sites[:, None, :] - places
        return np.asarray(np.einsum("kia,kia->ki", difference, difference))
    found = np.asarray(distances(sites, places), dtype=np.float64)
    wanted = (len(sites), len(places))
    if found.shape != wanted or not (found >= 0.0).all():
        raise ModelError(
            f"distances must give one distance of 0 or more for every trap and place, shape "
            f"{wanted}; got shape {found.shape}, smallest {found.min(initial=np.inf):g}."
        )
    return np.asarray(found**2)


def _learned(response: str, before: BoolArray, last: BoolArray) -> BoolArray:
    """Where animals are in the state of a learned response, (n_traps, N)."""
    seen = last if "last_occasion" in response else before
    if response in TRAP_RESPONSES:
        return np.broadcast_to(seen.any(axis=1, keepdims=True), seen.shape)
    return seen if response.endswith("_here") else np.broadcast_to(seen.any(axis=0), seen.shape)


def _draw_count(rng: np.random.Generator, hazard: FloatArray, effort: FloatArray) -> IntArray:
    expected = hazard * effort
    if (expected > _MANY).any():
        raise ModelError(
            f"A count detector would make {expected.max():g} detections of one animal. Use a "
            "smaller amplitude (it is per unit effort), or a binary detector."
        )
    return rng.poisson(expected)


def _draw_binary(rng: np.random.Generator, hazard: FloatArray, effort: FloatArray) -> IntArray:
    return (rng.random(hazard.shape) < -np.expm1(-hazard * effort)).astype(np.int64)


def _draw_binomial(rng: np.random.Generator, hazard: FloatArray, effort: FloatArray) -> IntArray:
    return rng.binomial(effort.astype(np.int64), -np.expm1(-hazard))


def _draw_multi(rng: np.random.Generator, hazard: FloatArray, effort: FloatArray) -> IntArray:
    exposure = hazard * effort
    total = exposure.sum(axis=0)
    counts = np.zeros(exposure.shape, dtype=np.int64)
    if not len(counts):
        return counts
    taken = np.flatnonzero(rng.random(total.shape) < -np.expm1(-total))
    share = np.cumsum(exposure[:, taken], axis=0) / total[taken]
    trap = (rng.random(len(taken)) > share[:-1]).sum(axis=0)
    counts[trap, taken] = 1
    return counts


def _draw_capped(rng: np.random.Generator, hazard: FloatArray, effort: FloatArray) -> IntArray:
    """Each trap keeps the first animal that comes."""
    if not hazard.shape[1]:
        return np.zeros(hazard.shape, dtype=np.int64)
    return _draw_multi(rng, (hazard * effort).T, np.ones((hazard.shape[1], 1))).T


# Far beyond any survey, far below where the Poisson draws of numpy stop working.
_MANY = 1e12

DRAWS: dict[str, Callable[[np.random.Generator, FloatArray, FloatArray], Any]] = {
    "count": _draw_count,
    "binary": _draw_binary,
    "binomial": _draw_binomial,
    "capped": _draw_capped,
    "multi": _draw_multi,
}
"""Counts of each kind of detector from hazard per unit effort (n, N) and effort (n, 1)."""
