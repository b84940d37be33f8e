"""What a survey may be expected to find, and how precise density will be: without simulating."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea._printing import facts_html
from secr_nea.design.encounters import encounters_of
from secr_nea.design.scenario import Scenario
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray


@dataclass(frozen=True)
class Expected:
    """Expected numbers of a survey.

    Parameters
    ----------
    population : float
        Animals with their activity centre on the mask.
    animals : float
        Animals detected at least once, n.
    detections : float
        Detections of all animals.
    recaptures : float
        Detections after the first one of each animal, r = detections - n.
    spatial_recaptures : float
        Recaptures at another detector than the detection before; exact where detections are
        independent of each other (counts), nearly so otherwise.
    further_detectors : float
        Detectors that an animal was at, beyond the first, summed over animals.
    two_detectors : float
        Animals detected at two detectors or more: these carry the information on sigma.
    fixed_n : bool
        Whether the number of animals is fixed rather than Poisson.
    """

    population: float
    animals: float
    detections: float
    recaptures: float
    spatial_recaptures: float
    further_detectors: float
    two_detectors: float
    fixed_n: bool = False

    @property
    def rse(self) -> float:
        """Approximate relative standard error of density, 1 / sqrt(min(n, r)).

        With a fixed number of animals sqrt(rse^2 - 1 / N), as their number does not vary.

        References
        ----------
        Efford, M. G. and Boulanger, J. (2019) Fast evaluation of study designs for spatially
        explicit capture-recapture. Methods in Ecology and Evolution 10, 1529-1535.
        """
        smaller = min(self.animals, self.recaptures)
        if smaller <= 0.0:
            return float("inf")
        variance = 1.0 / smaller - (1.0 / self.population if self.fixed_n else 0.0)
        return float(np.sqrt(max(variance, 0.0)))

    def to_series(self) -> pd.Series:
        """The numbers and the approximate RSE as a Series."""
        numbers = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "fixed_n"}
        return pd.Series({**numbers, "rse": self.rse}, name="expected")

    def _shown(self) -> dict[str, str]:
        words = {
            str(name): f"{value:.1f}" for name, value in self.to_series().items() if name != "rse"
        }
        rse = f"{100.0 * self.rse:.0f} %" if np.isfinite(self.rse) else "not known"
        return {**words, "rse": rse}

    def __str__(self) -> str:
        return "\n".join(f"{name.replace('_', ' '):20} {v:>8}" for name, v in self._shown().items())

    def _repr_html_(self) -> str:
        shown = {name.replace("_", " "): value for name, value in self._shown().items()}
        return facts_html("Expected", shown)


def expected(
    plan: Scenario | TrapArray,
    mask: HabitatMask | None = None,
    density: float | str | ArrayLike | None = None,
    **options: Any,
) -> Expected:
    """Expected animals, detections, recaptures and approximate precision of a survey.

    Parameters
    ----------
    plan : Scenario or TrapArray
        A scenario is complete; a TrapArray needs the rest.
    mask : HabitatMask, optional
    density : float, str, or array-like of shape (n_points,), animals per 100 km2, optional
    **options
        Anything else that a `Scenario` is made of: ``lambda0=``, ``sigma=``, ``detection=``,
        ``classes=``, ``distances=``, ``fixed_n=`` ...

    Returns
    -------
    Expected

    Raises
    ------
    DataError, ModelError
        As `Scenario`.

    Notes
    -----
    Sums over mask points x and classes of density times cell area times what an animal at x gives:
    E(n) = sum D a (1 - exp(-L)), L the exposure to all traps; E(detections) = sum D a C;
    E(r) = E(detections) - E(n); spatial recaptures sum D a (C - (1 - exp(-L)))
    (1 - sum_k q_k^2), q_k the share of trap k in L; animals at two detectors
    sum D a (1 - p0 - p1). Effort, classes and distances are those of the scenario. The animals'
    activity centres lie at mask points, as in the likelihood, and not anywhere in the cells.

    References
    ----------
    Efford, M. G. and Boulanger, J. (2019) Methods in Ecology and Evolution 10, 1529-1535; for
    animals at two detectors: Dupont, G. et al. (2021) Ecology 102, e03262.

    Examples
    --------
    >>> import secr_nea as sn
    >>> found = sn.design.expected(sn.design.preset("chikhachev"))
    >>> round(found.animals), round(found.detections)
    (20, 59)
    """
    scenario = scenario_of(plan, mask, density, options)
    animals = scenario.animals_at_points
    sums = np.zeros(5)
    for _, share, values in scenario.of_classes():
        found = encounters_of(scenario, values)
        caught = 1.0 - found.missed
        detections = found.detections.sum(axis=0)
        elsewhere = 1.0 - _same_twice(found.exposure)
        at_point = [
            caught,
            detections,
            (detections - caught) * elsewhere,
            found.visited.sum(axis=0) - caught,
            caught - found.only,
        ]
        sums += share * np.array([float(animals @ part) for part in at_point])
    n, detections_all, spatial, further, two = sums
    return Expected(
        population=scenario.n_animals,
        animals=float(n),
        detections=float(detections_all),
        recaptures=float(detections_all - n),
        spatial_recaptures=float(spatial),
        further_detectors=float(further),
        two_detectors=float(max(two, 0.0)),
        fixed_n=scenario.fixed_n is not None,
    )


def _same_twice(exposure: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """Probability that two detections of an animal are at the same trap, shape (n_points,)."""
    total = np.maximum(exposure.sum(axis=0), 1e-300)
    return ((exposure / total) ** 2).sum(axis=0)


def scenario_of(
    plan: Scenario | TrapArray, mask: HabitatMask | None, density: Any, options: dict[str, Any]
) -> Scenario:
    """A scenario from itself, or from traps and the rest.

    Raises
    ------
    DataError
        If something is missing, or given beside a scenario.
    """
    if isinstance(plan, Scenario):
        if mask is not None or density is not None or options:
            raise DataError("A Scenario is complete; change it with scenario.changed(...).")
        return plan
    if mask is None or density is None:
        raise DataError("Beside the traps a mask and a density are needed, or give a Scenario.")
    return Scenario(plan, mask, density, **options)
