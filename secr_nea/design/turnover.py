"""Animals over several years: they survive, disperse, and are joined by recruits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.design.animals import Animals, checked_shares
from secr_nea.design.patterns import cell_of
from secr_nea.design.simulate import checked_density, simulate_population
from secr_nea.design.streams import TURNOVER, Seed, stream
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask

_TRIES = 50  # of a disperser that would leave the habitat


def simulate_years(
    mask: HabitatMask,
    density: float | str | ArrayLike,
    n_years: int,
    *,
    survival: float | Mapping[str, float] = 1.0,
    recruitment: float | None = None,
    dispersal: float = 0.0,
    classes: Mapping[str, float] | None = None,
    by: str = "sex",
    fixed_n: int | None = None,
    seed: Seed = None,
) -> list[Animals]:
    """Populations of several years with the same animals in them as long as they live.

    From one year to the next each animal survives with a probability, survivors move their
    activity centre, and recruits settle in proportion to density.

    Parameters
    ----------
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
        Density of the first year, and where recruits settle.
    n_years : int
    survival : float, or mapping of class to float
        Probability of surviving until next year.
    recruitment : float, optional
        Expected recruits next year per animal of this year; by default as many as die, so that
        the population stays the same on average. Growth is survival + recruitment.
    dispersal : float, metres
        Standard deviation, along each axis, of the yearly shift of an activity centre. A step out
        of the habitat is taken again.
    classes : mapping of class to share, optional
        Such as ``{"female": 0.6, "male": 0.4}``, of the first year and of recruits.
    by : str
        Name of the covariate that holds the class.
    fixed_n : int, optional
        Exactly so many animals in the first year.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    list of Animals, one per year
        An animal keeps its name; names of the dead are not used again.

    Raises
    ------
    DataError
        If survival is no probability, recruitment or dispersal negative, or there is no year.

    Examples
    --------
    >>> import secr_nea as sn
    >>> mask = sn.datasets.sailugem().mask
    >>> years = sn.design.simulate_years(mask, 1.5, 3, survival=0.85, dispersal=2000.0, seed=1)
    >>> len(years)
    3
    """
    if int(n_years) != n_years or n_years < 1:
        raise DataError(f"n_years must be a whole number of 1 or more; got {n_years!r}.")
    for name, value in (("recruitment", recruitment or 0.0), ("dispersal", dispersal)):
        if not (np.isfinite(value) and value >= 0.0):
            raise DataError(f"{name} must be a number of 0 or more; got {value!r}.")
    values = checked_density(mask, density)
    alive = _survival(survival, classes)
    rng = stream(seed, TURNOVER)
    settlers = simulate_population(mask, values, seed=rng, fixed_n=fixed_n)
    years = [_settled(settlers, 0, classes, by, rng)]
    named = len(settlers)
    for _ in range(int(n_years) - 1):
        now = years[-1]
        chance = np.array([alive[c] for c in _class_of(now, by, classes)], dtype=np.float64)
        births = float((1.0 - chance).sum()) if recruitment is None else recruitment * len(now)
        stay = now.subset(rng.random(len(now)) < chance)
        moved = _moved(mask, stay.xy, dispersal, rng)
        number = int(rng.poisson(births))
        settlers = simulate_population(mask, values, seed=rng, fixed_n=number) if number else _NONE
        recruits = _settled(settlers, named, classes, by, rng)
        named += number
        years.append(_joined(Animals(moved, ids=stay.ids, covariates=stay.covariates), recruits))
    return years


_NONE: FloatArray = np.zeros((0, 2))


def _survival(
    survival: float | Mapping[str, float], classes: Mapping[str, float] | None
) -> dict[str, float]:
    """Survival of each class; of "" where there are none."""
    levels = checked_shares(classes)[0] if classes else ("",)
    if isinstance(survival, Mapping):
        if set(survival) != set(levels):
            raise DataError(
                f"survival is given for {_checks.listed(survival)}; the classes are "
                f"{_checks.listed(levels) if classes else 'none'}."
            )
        found = {level: float(survival[level]) for level in levels}
    else:
        found = {level: float(survival) for level in levels}
    bad = [value for value in found.values() if not 0.0 <= value <= 1.0]
    if bad:
        raise DataError(f"survival must lie between 0 and 1; got {_checks.listed(bad)}.")
    return found


def _class_of(animals: Animals, by: str, classes: Mapping[str, float] | None) -> list[str]:
    return [str(c) for c in animals.covariates[by]] if classes else [""] * len(animals)


def _settled(
    xy: FloatArray,
    named: int,
    classes: Mapping[str, float] | None,
    by: str,
    rng: np.random.Generator,
) -> Animals:
    """New animals with the names that come next."""
    animals = Animals(xy, ids=[str(named + i + 1) for i in range(len(xy))])
    return animals.with_classes(classes, name=by, seed=rng) if classes else animals


def _moved(
    mask: HabitatMask, xy: FloatArray, dispersal: float, rng: np.random.Generator
) -> FloatArray:
    """Activity centres of survivors next year; who finds no habitat stays."""
    found = xy.copy()
    if dispersal <= 0.0:
        return found
    left = np.arange(len(xy))
    for _ in range(_TRIES):
        if not left.size:
            break
        trial = xy[left] + dispersal * rng.standard_normal((len(left), 2))
        _, inside = cell_of(mask, trial)
        found[left[inside]] = trial[inside]
        left = left[~inside]
    return found


def _joined(first: Animals, second: Animals) -> Animals:
    columns: dict[str, Any] = {
        str(name): np.concatenate(
            [first.covariates[name].to_numpy(), second.covariates[name].to_numpy()]
        )
        for name in first.covariates
    }
    return Animals(
        np.concatenate([first.xy, second.xy]), ids=[*first.ids, *second.ids], covariates=columns
    )
