"""What a placement of cameras must keep to: number, distances, countries, cost, old cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secr_nea import _checks
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray

_TRIES = 60
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Constraints:
    """Rules of a placement.

    Parameters
    ----------
    xy : float64 array, shape (n_sites, 2), metres
        All sites, those of fixed cameras among them.
    number : int
        New cameras.
    fixed : int64 array
        Sites of cameras that stay.
    minimum_distance : float, metres
        Between a new camera and any other.
    stratum : int64 array, shape (n_sites,)
    at_least : int64 array, shape (n_strata,)
        New cameras that each stratum must have.
    cost : float64 array, shape (n_sites,)
    budget : float
        Largest sum of the costs of new cameras.
    usable : bool array, shape (n_sites,)
        Where a new camera may stand at all.
    """

    xy: FloatArray
    number: int
    fixed: IntArray
    minimum_distance: float
    stratum: IntArray
    at_least: IntArray
    cost: FloatArray
    budget: float
    usable: BoolArray

    def near(self, k: int) -> BoolArray:
        """Sites that are too near to site k for another camera, itself among them."""
        found = np.hypot(*(self.xy - self.xy[k]).T) < self.minimum_distance * (1.0 - _ROUNDING)
        found[k] = True
        return np.asarray(found)

    def allowed(self, chosen: IntArray) -> BoolArray:
        """Where each camera may move to while all others stay, shape (n_chosen, n_sites).

        Parameters
        ----------
        chosen : int64 array, shape (n_chosen,)
            A complete placement that keeps every rule.
        """
        rows = np.arange(len(chosen))
        everyone = np.concatenate([self.fixed, chosen])
        taken = np.zeros((len(everyone), len(self.xy)), dtype=bool)
        taken[np.arange(len(everyone)), everyone] = True
        if self.minimum_distance > 0.0:
            away = np.hypot(*(self.xy[None] - self.xy[everyone][:, None]).transpose(2, 0, 1))
            taken |= away < self.minimum_distance * (1.0 - _ROUNDING)
        others = taken.sum(axis=0) - taken[len(self.fixed) :]
        free = self.usable & (others == 0)
        price = self.cost[chosen]
        free &= self.cost <= (self.budget - (price.sum() - price))[:, None]
        count = np.bincount(self.stratum[chosen], minlength=len(self.at_least))
        scarce = (count <= self.at_least)[self.stratum[chosen]]
        free &= ~scarce[:, None] | (self.stratum == self.stratum[chosen][:, None])
        free[rows, chosen] = True
        return np.asarray(free)

    def kept(self, chosen: IntArray) -> bool:
        """Whether a complete placement keeps every rule."""
        if len(chosen) != self.number or len(np.unique(chosen)) < self.number:
            return False
        if not self.usable[chosen].all() or np.isin(chosen, self.fixed).any():
            return False
        if float(self.cost[chosen].sum()) > self.budget + 1e-6 * abs(self.budget):
            return False
        count = np.bincount(self.stratum[chosen], minlength=len(self.at_least))
        if (count < self.at_least).any():
            return False
        if self.minimum_distance <= 0.0:
            return True
        places = self.xy[np.concatenate([chosen, self.fixed])]
        away = np.hypot(*(places[None] - self.xy[chosen][:, None]).transpose(2, 0, 1))
        away[np.arange(self.number), np.arange(self.number)] = np.inf
        return bool((away >= self.minimum_distance * (1.0 - 2.0 * _ROUNDING)).all())

    def start(self, rng: np.random.Generator) -> IntArray:
        """A random placement that keeps every rule.

        Raises
        ------
        DataError
            If none was found in many tries, of which the last are cheap and dense.
        """
        most = 0
        for t in range(_TRIES):
            found = self._filled(self._order(rng, t / _TRIES))
            if len(found) == self.number:
                return found
            most = max(most, len(found))
        raise DataError(
            f"Only {most} of {self.number} cameras could be placed. Allow a smaller minimum "
            "distance, a larger budget, fewer cameras in each stratum, or more sites."
        )

    def _order(self, rng: np.random.Generator, greed: float) -> IntArray:
        """Sites in the order in which they are tried: at random, then cheap, then close ones."""
        n = len(self.xy)
        key = rng.random(n)
        if np.isfinite(self.budget):
            key = (1.0 - greed) * key + greed * np.argsort(np.argsort(self.cost)) / n
        if self.minimum_distance > 0.0 and greed > 0.3:
            # packing outwards from one place leaves fewer gaps than throwing at random
            middle = self.xy[int(rng.integers(n))]
            step = np.hypot(*(self.xy - middle).T)
            key = (1.0 - greed) * key + step / max(float(step.max()), 1e-9)
        return np.argsort(key, kind="stable").astype(np.int64)

    def _filled(self, order: IntArray) -> IntArray:
        """Take sites in an order as far as the rules allow, strata that need cameras first."""
        free = self.usable.copy()
        free[self.fixed] = False
        for k in self.fixed:
            free &= ~self.near(int(k))
        chosen: list[int] = []
        spent, missing = 0.0, self.at_least.copy()
        for needed in (True, False):
            for k in order:
                if len(chosen) == self.number:
                    break
                if not free[k] or (needed and missing[self.stratum[k]] <= 0):
                    continue
                if spent + self.cost[k] > self.budget:
                    continue
                chosen.append(int(k))
                spent += float(self.cost[k])
                missing[self.stratum[k]] -= 1
                free &= ~self.near(int(k))
        return np.array(chosen if not (missing > 0).any() else [], dtype=np.int64)


def constraints_of(
    sites: TrapArray,
    number: int,
    *,
    fixed: IntArray,
    minimum_distance: float = 0.0,
    strata: str | None = None,
    at_least: Mapping[str, int] | None = None,
    cost: str | None = None,
    budget: float | None = None,
    most_cost: float | None = None,
) -> Constraints:
    """Rules from what a person says, checked.

    Raises
    ------
    DataError
        If covariates are missing, numbers are impossible, or no site is left.
    """
    number = _checks.whole(number, "number of cameras")
    if not minimum_distance >= 0.0:
        raise DataError(f"minimum_distance must be 0 or more metres; got {minimum_distance!r}.")
    labels, wanted = _strata(sites, strata, at_least)
    price = _cost(sites, cost, budget, most_cost)
    usable = np.isfinite(price) & (sites.effort.sum(axis=1) > 0.0)
    if most_cost is not None:
        usable &= np.nan_to_num(price, nan=np.inf) <= most_cost
    usable[fixed] = False
    if usable.sum() < number:
        raise DataError(
            f"{number} new cameras are wanted, but only {int(usable.sum())} sites can have one."
        )
    if wanted.sum() > number:
        raise DataError(
            f"The strata need {int(wanted.sum())} cameras together, but there are {number}."
        )
    return Constraints(
        xy=sites.xy,
        number=number,
        fixed=fixed,
        minimum_distance=float(minimum_distance),
        stratum=labels,
        at_least=wanted,
        cost=np.where(np.isfinite(price), price, 0.0),
        budget=np.inf if budget is None else float(budget),
        usable=usable,
    )


def _strata(
    sites: TrapArray, strata: str | None, at_least: Mapping[str, int] | None
) -> tuple[IntArray, IntArray]:
    if strata is None:
        if at_least:
            raise DataError("at_least needs strata=, the covariate of the sites that holds them.")
        return np.zeros(sites.n_traps, dtype=np.int64), np.zeros(1, dtype=np.int64)
    if not at_least:
        raise DataError(
            f"strata={strata!r} needs at_least=, the new cameras that each stratum must have, such "
            'as {"Russia": 15, "China": 15}.'
        )
    _has(sites, strata)
    # fixed cameras of another array may have no stratum: theirs has no name
    labels = ["" if _checks.is_missing(v) else str(v) for v in sites.covariates[strata]]
    levels, code = np.unique(np.array(labels), return_inverse=True)
    wanted = {
        str(level): _checks.whole(n, f"at_least of {level}", least=0)
        for level, n in at_least.items()
    }
    unknown = sorted(set(wanted) - set(levels))
    if unknown:
        raise DataError(
            f"No site has the {strata} {_checks.listed(unknown)}; there are "
            f"{_checks.listed(level for level in levels if level)}."
        )
    counts = np.array([wanted.get(str(level), 0) for level in levels], dtype=np.int64)
    return code.reshape(-1).astype(np.int64), counts


def _cost(
    sites: TrapArray, cost: str | None, budget: float | None, most_cost: float | None
) -> FloatArray:
    if cost is None:
        if budget is not None or most_cost is not None:
            raise DataError("A budget needs cost=, the covariate of the sites that holds it.")
        return np.zeros(sites.n_traps)
    _has(sites, cost)
    price = _checks.numbers(sites.covariates[cost].to_numpy(), cost)
    if (price < 0.0).any():
        raise DataError(f"The cost {cost!r} must be 0 or more at every site (missing: no way).")
    return price


def _has(sites: TrapArray, name: str) -> None:
    if name not in sites.covariates:
        raise DataError(
            f"The sites have no covariate {name!r}; they have "
            f"{_checks.listed(sites.covariates.columns) or 'none'}."
        )
