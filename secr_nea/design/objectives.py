"""What a placement is worth: expected numbers, kept up to date camera by camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.design.encounters import encounters_of
from secr_nea.design.scenario import Scenario
from secr_nea.errors import ModelError

OBJECTIVES = ("min(n, r)", "animals", "recaptures", "two detectors", "animals + two detectors")
"""What `place` can make large without simulation; it can also make the "rse" small."""


_LEAST_MISSED = 1e-9  # a camera that misses fewer animals than that misses none


@dataclass(frozen=True)
class Worth:
    """Expected numbers of any set of sites.

    Parameters
    ----------
    missed : float64 array, shape (n_sites, n_places)
        Probability that a camera at a site misses an animal that lives at a place. Places are the
        mask points, once for each class of animals.
    exposure : float64 array, shape (n_sites, n_places)
        Minus its logarithm.
    animals : float64 array, shape (n_places,)
        Expected animals.
    detections : float64 array, shape (n_sites,)
        Expected detections of a camera at each site.
    objective : str
        One of `OBJECTIVES`.
    """

    missed: FloatArray
    exposure: FloatArray
    animals: FloatArray
    detections: FloatArray
    objective: str

    @classmethod
    def of(cls, scenario: Scenario, objective: str) -> Worth:
        """Worth of the sites of a scenario.

        Raises
        ------
        ModelError
            If the objective is unknown, or sites compete for animals (multi-catch).
        """
        if objective not in OBJECTIVES:
            raise ModelError(
                f"The objective {objective!r} is not known; choose one of "
                f"{', '.join(map(repr, (*OBJECTIVES, 'rse')))}."
            )
        refuse_competition(scenario)
        at = scenario.animals_at_points
        lived = at > 0.0
        missed, animals, detections = [], [], np.zeros(scenario.traps.n_traps)
        for _, share, values in scenario.of_classes():
            found = encounters_of(scenario, values)
            missed.append(np.exp(-found.exposure[:, lived]))
            animals.append(share * at[lived])
            detections += found.detections[:, lived] @ animals[-1]
        certain = np.maximum(np.concatenate(missed, axis=1), _LEAST_MISSED)
        return cls(
            certain,
            -np.log(certain),
            np.concatenate(animals),
            detections,
            objective,
        )

    def value(self, chosen: IntArray) -> float:
        """The objective of cameras at some sites."""
        missed = np.exp(-self.exposure[chosen].sum(axis=0))
        once = missed * (1.0 / self.missed[chosen] - 1.0).sum(axis=0)
        n = self.animals @ (1.0 - missed)
        two = self.animals @ (1.0 - missed - once)
        found = self._score(np.array([n]), np.array([two]), self.detections[chosen].sum()[None])
        return float(found[0])

    def best_exchanges(
        self, chosen: IntArray, fixed: IntArray, allowed: BoolArray
    ) -> tuple[IntArray, FloatArray]:
        """For each camera the best site while all others stay.

        Parameters
        ----------
        chosen : int64 array, shape (n_chosen,)
            New cameras.
        fixed : int64 array
            Cameras that stay anyway.
        allowed : bool array, shape (n_chosen, n_sites)
            Where each may move to.

        Returns
        -------
        int64 array, shape (n_chosen,)
            Sites.
        float64 array, shape (n_chosen,)
            The objective with that camera there.

        Notes
        -----
        With m the probability that all other cameras miss an animal, o that exactly one sees it,
        and q that the new one misses it, they become m q and o q + m (1 - q). So all sites and all
        cameras together are one or two products of matrices.
        """
        everyone = np.concatenate([fixed, chosen])
        missed = np.exp(self.exposure[chosen] - self.exposure[everyone].sum(axis=0))
        total = float(self.animals.sum())
        none = (missed * self.animals) @ self.missed.T
        two = np.zeros_like(none)
        if "two" in self.objective:
            odds = 1.0 / self.missed[everyone] - 1.0
            once = missed * (odds.sum(axis=0) - odds[len(fixed) :])
            one = ((once - missed) * self.animals) @ self.missed.T
            two = total - none - one - (missed @ self.animals)[:, None]
        others = self.detections[everyone].sum() - self.detections[chosen]
        scores = self._score(total - none, two, others[:, None] + self.detections)
        scores = np.where(allowed, scores, -np.inf)
        best = scores.argmax(axis=1)
        return best.astype(np.int64), np.asarray(scores[np.arange(len(chosen)), best])

    def _score(self, n: FloatArray, two: FloatArray, detections: FloatArray) -> FloatArray:
        if self.objective == "min(n, r)":
            return np.minimum(n, detections - n)
        if self.objective == "animals":
            return n
        if self.objective == "recaptures":
            return np.asarray(detections - n)
        return two if self.objective == "two detectors" else n + two


def refuse_competition(scenario: Scenario) -> None:
    """ModelError when the gain of a camera depends on others in ways that are not followed."""
    if {"multi", "capped"} & set(scenario.traps.detector):
        raise ModelError(
            "At multi-catch and capped detectors there is competition: their worth does not "
            "add up; place them as 'binary' detectors and look at the expected numbers."
        )
