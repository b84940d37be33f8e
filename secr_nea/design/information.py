"""Relative standard error of density as an objective: information of simulated animals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.design.draws import squared_distances
from secr_nea.design.objectives import refuse_competition
from secr_nea.design.scenario import Scenario
from secr_nea.errors import ModelError

_NEAR = 16  # sites that one camera is tried at


@dataclass(frozen=True)
class _Group:
    """One class of animals, with detections at all sites at once.

    Parameters
    ----------
    counts : float32 array, shape (N, n_sites)
        Detections of each simulated animal by a camera at each site.
    exposure : float32 array, shape (n_sites, n_points)
    score : float32 array, shape (n_sites, n_points)
        What one detection adds to log Pr.
    slope_exposure, slope_score : float32 arrays, shape (n_parameters, n_sites, n_points)
        Derivatives to the logarithm of each detection parameter.
    first : int
        Position of its detection parameters among all, after log D.
    """

    counts: FloatArray
    exposure: FloatArray
    score: FloatArray
    slope_exposure: FloatArray
    slope_score: FloatArray
    first: int


@dataclass(frozen=True)
class RseWorth:
    """Minus the relative standard error of density, of any set of sites.

    The same simulated animals and their detections at all sites serve every placement, so that
    placements are compared without noise between them. Detection parameters of each class of
    animals are unknown, classes are known, density is in proportion to the surface that is given.

    Parameters
    ----------
    groups : tuple of _Group
    log_animals : float64 array, shape (n_points,)
    per_animal : float
        Expected animals for each simulated one.
    n_parameters : int
    xy : float64 array, shape (n_sites, 2), metres
    """

    groups: tuple[_Group, ...]
    log_animals: FloatArray
    per_animal: float
    n_parameters: int
    xy: FloatArray

    @classmethod
    def of(cls, scenario: Scenario, n_simulated: int, rng: np.random.Generator) -> RseWorth:
        """Worth of the sites of a scenario, by about so many detected animals.

        Raises
        ------
        ModelError
            If the detectors are neither count nor binary.
        """
        refuse_competition(scenario)
        kinds = set(scenario.traps.detector)
        if not kinds <= {"count", "binary"}:
            raise ModelError(
                "The objective 'rse' is for count and binary detectors; got "
                f"{', '.join(sorted(kinds))}."
            )
        lived = scenario.animals_at_points > 0.0
        animals = scenario.animals_at_points[lived]
        groups, first = [], 1
        for _, share, values in scenario.of_classes():
            at = rng.choice(len(animals), round(share * n_simulated), p=animals / animals.sum())
            groups.append(_group(scenario, values, scenario.mask.xy[lived], at, first, rng))
            first += len(values)
        return cls(
            tuple(groups),
            np.log(animals).astype(np.float32),
            float(animals.sum()) / n_simulated,
            first,
            scenario.traps.xy,
        )

    def value(self, chosen: IntArray) -> float:
        """Minus the relative standard error with cameras at some sites."""
        information = np.zeros((self.n_parameters, self.n_parameters))
        for group in self.groups:
            seen = np.flatnonzero(_any(group.counts[:, chosen]))
            scores = self._scores(group, *_sums(group, chosen, seen))
            information += scores.T @ scores
        return _minus_rse(information * self.per_animal)

    def best_exchanges(
        self, chosen: IntArray, fixed: IntArray, allowed: BoolArray
    ) -> tuple[IntArray, FloatArray]:
        """For each camera the best of the nearest allowed sites while all others stay.

        Parameters
        ----------
        chosen : int64 array, shape (n_chosen,)
        fixed : int64 array
        allowed : bool array, shape (n_chosen, n_sites)

        Returns
        -------
        int64 array, shape (n_chosen,)
        float64 array, shape (n_chosen,)
        """
        found = [
            self._best_exchange(chosen, position, fixed, allowed[position])
            for position in range(len(chosen))
        ]
        sites, values = zip(*found, strict=True)
        return np.array(sites, dtype=np.int64), np.array(values)

    def _best_exchange(
        self, chosen: IntArray, position: int, fixed: IntArray, allowed: BoolArray
    ) -> tuple[int, float]:
        others = np.concatenate([fixed, np.delete(chosen, position)])
        away = np.hypot(*(self.xy - self.xy[chosen[position]]).T)
        sites = np.flatnonzero(allowed)
        sites = sites[np.argsort(away[sites], kind="stable")[:_NEAR]]
        information = np.zeros((len(sites), self.n_parameters, self.n_parameters))
        for group in self.groups:
            information += self._of_moves(group, others, sites)
        values = [_minus_rse(each * self.per_animal) for each in information]
        best = int(np.argmax(values))
        return int(sites[best]), values[best]

    def _of_moves(self, group: _Group, others: IntArray, sites: IntArray) -> FloatArray:
        """Information with one more camera at each of some sites, (n_sites, P, P).

        An animal that the new camera misses has its weights multiplied by exp(-exposure), the same
        for all animals: products of matrices. Those that it sees are few, and done one by one.
        """
        hits = group.counts[:, sites]
        rows = np.flatnonzero(_any(group.counts[:, others]) | _any(hits))
        hits = hits[rows]
        log_pr, slopes = _sums(group, others, rows)
        seen = _any(group.counts[np.ix_(rows, others)])
        missed = np.exp(-group.exposure[sites])
        weight = self._weights(log_pr[seen])
        total = weight @ missed.T
        with np.errstate(divide="ignore", invalid="ignore"):  # animals that it sees: not used
            means = [
                ((weight * slope[seen]) @ missed.T - weight @ (missed * own[sites]).T) / total
                for slope, own in zip(slopes, group.slope_exposure, strict=True)
            ]
        information = np.empty((len(sites), self.n_parameters, self.n_parameters))
        for j, site in enumerate(sites):
            hit = hits[:, j] > 0.0
            without = self._empty_scores(int((seen & ~hit).sum()))
            for p, mean in enumerate(means):
                without[:, group.first + p] = mean[~hit[seen], j]
            times = hits[hit, j][:, None]
            added = log_pr[hit] - group.exposure[site] + times * group.score[site]
            moved = slopes[:, hit] - group.slope_exposure[:, site][:, None]
            moved += times * group.slope_score[:, site][:, None]
            with_it = self._scores(group, added, moved)
            information[j] = without.T @ without + with_it.T @ with_it
        return information

    def _weights(self, log_pr: FloatArray) -> FloatArray:
        """Where each animal may live: in proportion, the likeliest point 1."""
        weight = log_pr + self.log_animals
        weight -= weight.max(axis=1, keepdims=True, initial=-np.inf)
        return np.asarray(np.exp(weight, out=weight))

    def _scores(self, group: _Group, log_pr: FloatArray, slopes: FloatArray) -> FloatArray:
        """Derivatives of log mu of each animal, (N, P): means of slopes over where it may live."""
        weight = self._weights(log_pr)
        total = weight.sum(axis=1)
        scores = self._empty_scores(len(weight))
        for p, slope in enumerate(slopes):
            scores[:, group.first + p] = np.einsum("im,im->i", weight, slope) / total
        return scores

    def _empty_scores(self, number: int) -> FloatArray:
        """Scores of animals to log D, and 0 to all else."""
        scores = np.zeros((number, self.n_parameters))
        scores[:, 0] = 1.0
        return scores


def _sums(group: _Group, chosen: IntArray, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """log Pr of some animals at every point, (N, n_points), and its derivatives."""
    # hardly any camera sees any one animal: a sparse product is many times faster
    counts = csr_array(group.counts[np.ix_(rows, chosen)])
    log_pr = counts @ group.score[chosen] - group.exposure[chosen].sum(axis=0)
    slopes = np.stack(
        [
            counts @ score[chosen] - exposure[chosen].sum(axis=0)
            for score, exposure in zip(group.slope_score, group.slope_exposure, strict=True)
        ]
    )
    return log_pr, slopes


def _any(counts: FloatArray) -> BoolArray:
    return np.asarray((counts > 0.0).any(axis=1))


def _minus_rse(information: FloatArray) -> float:
    root = np.sqrt(np.maximum(np.diag(information), 1e-300))
    scaled = information / np.outer(root, root)
    if np.linalg.eigvalsh(scaled)[0] < 1e-6:
        return -1e3
    return -float(np.sqrt(np.linalg.inv(scaled)[0, 0]) / root[0])


def _group(
    scenario: Scenario,
    values: tuple[FloatArray, ...],
    points: FloatArray,
    at: IntArray,
    first: int,
    rng: np.random.Generator,
) -> _Group:
    """Detections and derivatives of one class: effort of all occasions taken together."""
    traps, function = scenario.traps, scenario.detection
    effort = traps.effort.sum(axis=1)[:, None]
    own = [value[:, :1] for value in values]
    if any((value != value[:, :1]).any() for value in values):
        raise ModelError("The objective 'rse' needs parameters that are the same all the time.")
    d2 = squared_distances(traps.xy, points, scenario.distances)
    with np.errstate(all="ignore"):
        log_hazard = function.log_hazard(d2, *own)
        slopes = function.slopes(d2, *own)[: len(own)]
        exposure = effort * np.exp(log_hazard)
        # to the logarithm of each parameter
        by_log = np.stack(
            [np.broadcast_to(s * v, d2.shape) for s, v in zip(slopes, own, strict=True)]
        )
        slope_exposure = by_log * exposure
        binary = np.array(traps.detector) == "binary"
        score, slope_score = log_hazard.copy(), by_log.copy()
        if binary.any():
            e = exposure[binary]
            score[binary] = np.where(e > 30.0, e, np.log(np.expm1(np.minimum(e, 30.0))))
            slope_score[:, binary] *= e / -np.expm1(-e)
    expected = exposure[:, at].T
    counts = rng.poisson(expected).astype(np.float64)
    if binary.any():
        if (traps.effort > 0.0).sum(axis=1).max() > 1:
            raise ModelError("The objective 'rse' needs binary detectors of one occasion.")
        counts[:, binary] = np.minimum(counts[:, binary], 1.0)
    # single precision: the noise of simulated animals is far larger
    return _Group(
        counts=_single(counts),
        exposure=_single(exposure),
        score=_single(score),
        slope_exposure=_single(slope_exposure),
        slope_score=_single(slope_score),
        first=first,
    )


def _single(values: FloatArray) -> Any:
    return values.astype(np.float32)
