"""Simulated animals, detections and whole surveys, for study design, tests and bootstraps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.detection import DetectionFunction, detection_function
from secr_nea.errors import DataError, ModelError, SecrWarning
from secr_nea.mask import HabitatMask
from secr_nea.model import Model
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray
from secr_nea.units import animals_per_cell

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None

# Streams of one seed for different purposes. Large, so that they never are one of the children
# (0, 1, 2 ...) that a caller spawns from the same SeedSequence.
_POPULATION, _CAPTURES, _SURVEYS = 2_000_000_011, 2_000_000_033, 2_000_000_063


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
    expected = animals_per_cell(_density(mask, density), mask.cell_area)
    rng = _stream(seed, _POPULATION)
    if fixed_n is None:
        per_cell = rng.poisson(expected)
    else:
        per_cell = rng.multinomial(_fixed_number(fixed_n), _shares(expected))
    centres = np.repeat(mask.xy, per_cell, axis=0)
    return centres + mask.spacing * rng.uniform(-0.5, 0.5, centres.shape)


def simulate_captures(
    population: ArrayLike,
    traps: TrapArray,
    *,
    detection: str | DetectionFunction = "hazard_half_normal",
    seed: Seed = None,
    **parameters: ArrayLike,
) -> Simulated:
    """Detections of given animals by given traps.

    With h the hazard per unit effort at the distance of trap and activity centre, and T the effort,
    a count detector makes a Poisson number of detections with mean T h, a binary detector one with
    probability 1 - exp(-T h), and a binomial detector a binomial number of T trials with
    probability 1 - exp(-h). Animals, traps and occasions are independent of each other.

    Parameters
    ----------
    population : array-like, shape (N, 2), metres
        Activity centres, for example of `simulate_population`.
    traps : TrapArray
        Its detectors (they may differ between traps) and effort are used as they are.
    detection : str or DetectionFunction
        Full name such as ``"hazard_half_normal"`` or R's code such as ``"HHN"``.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int or SeedSequence, animals, traps and parameters give exactly the same
        detections. A Generator moves on from call to call; None differs every time.
    **parameters : float, or array-like of shape (n_traps,) or (n_traps, n_occasions)
        Each parameter of the detection function by name: ``lambda0`` or ``g0`` per unit effort,
        ``sigma`` in metres, ``z``, ``w``. An amplitude of 0 detects nothing.

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
    values = _parameter_values(function, traps, parameters)
    return _captures(_animals(population), traps, function, values, _stream(seed, _CAPTURES))


def simulate_survey(
    survey_or_model: Survey | Sequence[Survey] | Model,
    coefficients: Mapping[str, float] | Iterable[float],
    *,
    seed: Seed = None,
) -> Survey | tuple[Survey, ...]:
    """New animals and new detections from a model, with the traps and the mask of its surveys.

    Names, traps, effort, mask and covariates of survey and occasions stay the same. Animals come
    from the density of the model, may have their centre anywhere on the mask and have no
    covariates. With ``population="binomial"`` their number is the expected one (its fraction by
    chance, so that the mean is right), else Poisson.

    Parameters
    ----------
    survey_or_model : Model, or Survey or several
        Surveys stand for ``Model(surveys)``: constant density and hazard half-normal detection.
    coefficients : mapping of str to float, or sequence of float
        Link-scale values of ``model.coefficient_names``.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int or SeedSequence, model and coefficients give exactly the same surveys. Every
        survey has its own independent stream, so that its animals do not depend on how many surveys
        follow it. A Generator moves on from call to call; None differs every time.

    Returns
    -------
    Survey or tuple of Survey
        A tuple when the model has several surveys.

    Raises
    ------
    ModelError
        If coefficients do not fit the model or give impossible detection parameters.
    DataError
        If the density is negative somewhere (possible with the identity link) or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import secr_nea as sn
    >>> model = sn.Model(sn.datasets.sailugem())
    >>> truth = {"D": 1.2, "lambda0": 0.009, "sigma": 5500.0}
    >>> coefficients = {f"{name}:Intercept": np.log(value) for name, value in truth.items()}
    >>> survey = sn.design.simulate_survey(model, coefficients, seed=1)
    >>> survey.name, survey.traps.n_traps, survey.mask.n_points
    ('Sailugem', 44, 1840)
    """
    model = survey_or_model if isinstance(survey_or_model, Model) else Model(survey_or_model)
    values = model.coefficients(coefficients)
    density = model.parameters["D"]
    at_points = density.values(values)[density.row_of]
    ends = np.cumsum([survey.mask.n_points for survey in model.surveys])[:-1]
    of_rows = model.detection_values(values)
    surveys = tuple(
        _new_survey(model, survey, at_mask, tuple(value[rows] for value in of_rows), rng)
        for survey, at_mask, rows, rng in zip(
            model.surveys,
            np.split(at_points, ends),
            model.detection_rows.rows,
            _streams(seed, len(model.surveys)),
            strict=True,
        )
    )
    return surveys[0] if len(surveys) == 1 else surveys


def _new_survey(
    model: Model,
    survey: Survey,
    density: FloatArray,
    values: tuple[FloatArray, ...],
    rng: np.random.Generator,
) -> Survey:
    """One survey of a model with other animals; ``values`` each (n_traps, n_occasions)."""
    number = None
    if model.population == "binomial":
        expected = animals_per_cell(_density(survey.mask, density), survey.mask.cell_area).sum()
        number = int(np.floor(expected + rng.uniform()))
    animals = simulate_population(survey.mask, density, seed=rng, fixed_n=number)
    for name, value in zip(model.detection.parameters, values, strict=True):
        _check_parameter(model.detection, name, value, survey.traps)
    captures = _captures(animals, survey.traps, model.detection, values, rng).captures
    with warnings.catch_warnings():
        # whatever is doubtful about traps and mask was told when the survey was made
        warnings.simplefilter("ignore", SecrWarning)
        return Survey(
            captures,
            survey.mask,
            name=survey.name,
            covariates=survey.covariates,
            occasion_covariates=survey.occasion_covariates,
        )


# --- random streams ------------------------------------------------------------------------------


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


def _stream(seed: Seed, purpose: int) -> np.random.Generator:
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(_root(seed, purpose))


def _streams(seed: Seed, number: int) -> list[np.random.Generator]:
    """Independent streams, the first ones the same however many there are."""
    if isinstance(seed, np.random.Generator):
        return seed.spawn(number)
    return [np.random.default_rng(child) for child in _root(seed, _SURVEYS).spawn(number)]


# --- animals -------------------------------------------------------------------------------------


def _density(mask: HabitatMask, density: float | str | ArrayLike) -> FloatArray:
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


def _fixed_number(number: int) -> int:
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


def _animals(population: ArrayLike) -> FloatArray:
    if np.shape(population) == (0, 2):
        empty: FloatArray = _checks.read_only(population, np.float64)
        return empty
    return _checks.coordinates(population, "animal")


# --- detection -----------------------------------------------------------------------------------


def _parameter_values(
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
    _check_parameter(function, name, spread, traps)
    return spread


def _check_parameter(
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


def _captures(
    population: FloatArray,
    traps: TrapArray,
    function: DetectionFunction,
    values: tuple[FloatArray, ...],
    rng: np.random.Generator,
) -> Simulated:
    """Draw the detections occasion after occasion, and number the animals that have any."""
    records = _records(population, traps, function, values, rng)
    trap, animal, occasion, count = np.concatenate(list(records), axis=1)
    detected, number = np.unique(animal, return_inverse=True)
    captures = CaptureHistory(
        traps,
        animal=number.reshape(-1),
        occasion=occasion,
        trap=trap,
        count=count,
        animal_ids=[str(i + 1) for i in range(len(detected))],
    )
    return Simulated(
        captures,
        _checks.read_only(population, np.float64),
        _checks.read_only(detected, np.int64),
    )


def _records(
    population: FloatArray,
    traps: TrapArray,
    function: DetectionFunction,
    values: tuple[FloatArray, ...],
    rng: np.random.Generator,
) -> Iterator[IntArray]:
    """Trap, animal, occasion and count, shape (4, n_records), of each occasion."""
    difference = traps.xy[:, None, :] - population
    d2 = np.einsum("kia,kia->ki", difference, difference)
    detector = np.array(traps.detector)
    hazard = np.empty(0)
    for s in range(traps.n_occasions):
        if s == 0 or any((value[:, s] != value[:, s - 1]).any() for value in values):
            with np.errstate(divide="ignore"):  # log 0 where nothing can be detected
                hazard = np.exp(function.log_hazard(d2, *(value[:, s, None] for value in values)))
        counts = np.zeros(d2.shape, dtype=np.int64)
        for kind in sorted(set(traps.detector)):
            working = np.flatnonzero((detector == kind) & (traps.effort[:, s] > 0.0))
            counts[working] = DRAWS[kind](rng, hazard[working], traps.effort[working, s, None])
        trap, animal = np.nonzero(counts)
        yield np.stack([trap, animal, np.full(len(trap), s), counts[trap, animal]])


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


# Far beyond any survey, far below where the Poisson draws of numpy stop working.
_MANY = 1e12

DRAWS: dict[str, Callable[[np.random.Generator, FloatArray, FloatArray], Any]] = {
    "count": _draw_count,
    "binary": _draw_binary,
    "binomial": _draw_binomial,
}
"""Counts of each kind of detector from hazard per unit effort (n, N) and effort (n, 1)."""
