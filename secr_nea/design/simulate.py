"""Simulated animals and detections, for study design, tests and bootstraps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.design.animals import Animals, class_positions, places_of
from secr_nea.design.draws import (
    Distances,
    Drawn,
    Simulated,
    captures_of,
    draw_records,
    squared_distances,
)
from secr_nea.design.streams import CAPTURES, POPULATION, Seed, stream
from secr_nea.detection import DetectionFunction, detection_function
from secr_nea.errors import DataError, ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray
from secr_nea.units import animals_per_cell

_MANY_ANIMALS = 1e7  # more have no place in memory, and on no ridge


def simulate_population(
    mask: HabitatMask,
    density: float | str | ArrayLike,
    *,
    seed: Seed = None,
    fixed_n: int | None = None,
) -> FloatArray:
    """Activity centres of animals drawn over a habitat mask.

    The number of animals in a cell is Poisson with mean density x cell area, so density may differ
    from cell to cell. Each animal is placed uniformly inside its square cell (sides along the axes,
    also where a border cuts the cell).

    Parameters
    ----------
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
        One number, one per mask point, or the name of a mask covariate that holds them.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int or SeedSequence gives exactly the same animals (with the same version of
        numpy), and may be used for `simulate_captures` too: each function has a stream of its own.
        A Generator moves on from call to call; None differs every time.
    fixed_n : int, optional
        Exactly so many animals, placed in proportion to ``density``; else their number is Poisson.

    Returns
    -------
    float64 array, shape (N, 2), metres
        N may be 0.

    Raises
    ------
    DataError
        If a density is negative, missing or infinite, a column is unknown, ``fixed_n`` is no whole
        number or nowhere is any density to place the animals.

    Examples
    --------
    >>> import secr_nea as sn
    >>> mask = sn.datasets.sailugem().mask
    >>> sn.design.simulate_population(mask, 1.5, seed=1, fixed_n=80).shape
    (80, 2)
    """
    expected = animals_per_cell(checked_density(mask, density), mask.cell_area)
    rng = stream(seed, POPULATION)
    _check_many(float(expected.sum()) if fixed_n is None else fixed_number(fixed_n))
    if fixed_n is None:
        per_cell = rng.poisson(expected)
    else:
        per_cell = rng.multinomial(fixed_number(fixed_n), _shares(expected))
    centres = np.repeat(mask.xy, per_cell, axis=0)
    return centres + mask.spacing * rng.uniform(-0.5, 0.5, centres.shape)


def simulate_captures(
    population: ArrayLike,
    traps: TrapArray,
    *,
    detection: str | DetectionFunction = "hazard_half_normal",
    seed: Seed = None,
    by: str = "sex",
    distances: Distances | None = None,
    **parameters: ArrayLike | Mapping[str, ArrayLike],
) -> Simulated:
    """Detections of given animals by given traps.

    With h the hazard per unit effort at the distance of trap and activity centre, and T the effort,
    a count detector makes a Poisson number of detections with mean T h, a binary detector one with
    probability 1 - exp(-T h), and a binomial detector a binomial number of T trials with
    probability 1 - exp(-h). Searched areas and transects have a Poisson number of detections whose
    positions are thinned by the distance from the activity centre; ``lambda0`` is then the expected
    number of an animal whose whole range is searched. Animals, traps and occasions are independent
    of each other.

    Parameters
    ----------
    population : Animals, or array-like of shape (N, 2), metres
        Activity centres, for example of `simulate_population`. The names and covariates of
        `Animals` are those of the captures.
    traps : TrapArray
        Its detectors (they may differ between traps) and effort are used as they are.
    detection : str or DetectionFunction
        Full name such as ``"hazard_half_normal"`` or R's code such as ``"HHN"``.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int or SeedSequence, animals, traps and parameters give exactly the same
        detections. A Generator moves on from call to call; None differs every time.
    by : str
        Covariate of the animals for whose classes parameters may be given.
    distances : callable, optional
        Other distances than straight lines, such as least-cost ones: from places of traps
        (n_traps, 2) and of animals (N, 2) to distances (n_traps, N), metres. Searches always use
        straight lines.
    **parameters : float, or array-like of shape (n_traps,) or (n_traps, n_occasions)
        Each parameter of the detection function by name: ``lambda0`` or ``g0`` per unit effort,
        ``sigma`` in metres, ``z``, ``w``. An amplitude of 0 detects nothing. A mapping gives each
        class of animals its own: ``sigma={"female": 4000, "male": 8000}``.

    Returns
    -------
    Simulated
        ``.captures`` holds the capture histories; ``.detected`` says which animals they are of.

    Raises
    ------
    ModelError
        If a parameter is missing, unknown, of the wrong shape or impossible.
    DataError
        If ``population`` does not hold coordinates.

    Examples
    --------
    >>> import secr_nea as sn
    >>> survey = sn.datasets.sailugem()
    >>> animals = sn.design.simulate_population(survey.mask, 1.2, seed=1)
    >>> simulated = sn.design.simulate_captures(
    ...     animals, survey.traps, lambda0=0.01, sigma=5500.0, seed=1
    ... )
    >>> simulated.captures.n_animals == len(simulated.activity_centers)
    True
    """
    function = detection_function(detection)
    levels = class_levels(parameters)
    of_classes = [
        parameter_values(function, traps, of_class(parameters, level))
        for level in levels or (None,)
    ]
    animals = places_of(population)
    members = [np.arange(len(animals), dtype=np.int64)]
    if levels:
        which = class_positions(population, by, levels)
        members = [np.flatnonzero(which == c) for c in range(len(levels))]
    if levels and "capped" in traps.detector:
        raise ModelError(
            "At capped detectors all animals compete; parameters for each class cannot be used."
        )
    rng = stream(seed, CAPTURES)
    drawn: list[Drawn] = []
    for own, values in zip(members, of_classes, strict=True):
        states = tuple(value[None] for value in values)
        squared = squared_distances(traps.xy, animals[own], distances)
        parts = draw_records(animals[own], traps, function, states, rng, squared=squared)
        drawn += [replace(part, records=_renumbered(part.records, own)) for part in parts]
    if not isinstance(population, Animals):
        return captures_of(animals, traps, drawn)
    simulated = captures_of(animals, traps, drawn, population.ids)
    known = population.covariates.iloc[simulated.detected]
    columns = {str(name): known[name].to_numpy() for name in known}
    return replace(simulated, captures=simulated.captures.with_covariates(**columns))


def checked_density(mask: HabitatMask, density: float | str | ArrayLike) -> FloatArray:
    """Density at every mask point, animals per 100 km2, checked."""
    label = "density"
    if isinstance(density, str):
        label = f"density (mask covariate {density!r})"
        if density not in mask.covariates:
            known = [str(name) for name in mask.covariates]
            raise DataError(
                f"The mask has no covariate {density!r}{_checks.did_you_mean(density, known)} to "
                f"take as density; it has {_checks.listed(known) or 'none'}."
            )
        density = mask.covariates[density].to_numpy()
    values = _checks.numbers(density, label)
    if values.shape not in ((), (mask.n_points,)):
        raise DataError(
            f"{label} must be one number or one per mask point, shape ({mask.n_points},); got "
            f"{values.shape}."
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
    if bad.size:
        told = [f"{values.ravel()[m]:g}{f' in row {m + 1}' if values.ndim else ''}" for m in bad]
        raise DataError(
            f"{label} must be 0 or more animals per 100 km2 everywhere; got {_checks.listed(told)}."
        )
    return np.broadcast_to(values, (mask.n_points,))


def _check_many(number: float) -> None:
    if number > _MANY_ANIMALS:
        raise DataError(
            f"{number:.3g} animals would live on this mask. Density is in animals per 100 km2: "
            "give a smaller one, or a smaller mask."
        )


def fixed_number(number: int) -> int:
    """A whole number of animals, 0 or more, else DataError."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
        raise DataError(f"fixed_n must be a whole number of animals, 0 or more; got {number!r}.")
    return int(number)


def _shares(expected: FloatArray) -> FloatArray:
    total = float(expected.sum())
    if not total > 0.0:
        raise DataError(
            "A fixed number of animals cannot be placed: density is 0 at every mask point."
        )
    return np.asarray(expected / total)


def _renumbered(records: IntArray, own: IntArray) -> IntArray:
    """Records of some animals with the numbers that these have among all."""
    changed = records.copy()
    changed[1] = own[records[1]]
    return changed


def class_levels(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Classes for which any parameter is given; empty when all hold for every animal.

    Raises
    ------
    ModelError
        If parameters are given for different classes.
    """
    given = [tuple(map(str, v)) for v in parameters.values() if isinstance(v, Mapping)]
    if any(set(levels) != set(given[0]) for levels in given):
        raise ModelError(
            f"Parameters are given for different classes: {'; '.join(map(_checks.listed, given))}. "
            "Give each for the same classes, or one number for all."
        )
    return given[0] if given else ()


def of_class(parameters: Mapping[str, Any], level: str | None) -> dict[str, Any]:
    """Parameters of one class."""
    return {n: v[level] if isinstance(v, Mapping) else v for n, v in parameters.items()}


def parameter_values(
    function: DetectionFunction, traps: TrapArray, given: Mapping[str, ArrayLike]
) -> tuple[FloatArray, ...]:
    """Detection parameters in the order of the function, each (n_traps, n_occasions)."""
    if set(given) != set(function.parameters):
        raise ModelError(
            f"{function.name} needs the parameters {', '.join(function.parameters)}; "
            f"got {', '.join(given) or 'none'}."
        )
    return tuple(_spread(function, name, given[name], traps) for name in function.parameters)


def _spread(
    function: DetectionFunction, name: str, given: ArrayLike, traps: TrapArray
) -> FloatArray:
    """One parameter for every trap and occasion, checked."""
    values = _checks.numbers(given, name)
    shape = (traps.n_traps, traps.n_occasions)
    if values.shape not in ((), shape[:1], shape):
        raise ModelError(
            f"{name} must be one number, one per trap, shape ({shape[0]},), or one per trap and "
            f"occasion, shape {shape}; got {values.shape}."
        )
    spread = np.broadcast_to(values[:, None] if values.ndim == 1 else values, shape)
    check_parameter(function, name, spread, traps)
    return spread


def check_parameter(
    function: DetectionFunction, name: str, values: FloatArray, traps: TrapArray
) -> None:
    """ModelError where a value, shape (n_traps, n_occasions), is impossible."""
    possible = np.isfinite(values) & (values > 0.0)
    needed = "above 0"
    if name == function.amplitude:
        possible |= values == 0.0
        needed = "0 or more"
        if not function.is_hazard:
            # probability 1 is an infinite hazard: certain for others, endless detections for counts
            counts = np.array([word == "count" for word in traps.detector])[:, None]
            possible &= np.where(counts, values < 1.0, values <= 1.0)
            needed = "from 0 to 1 (for count detectors below 1)"
    bad = np.argwhere(~possible)
    if len(bad):
        cells = (f"{values[k, s]:g} (trap {traps.ids[k]} occasion {s + 1})" for k, s in bad)
        told = f"{values[0, 0]:g}" if len(np.unique(values)) == 1 else _checks.listed(cells)
        raise ModelError(f"{name} must be a number {needed}; got {told}.")
