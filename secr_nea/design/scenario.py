"""A scenario: cameras, habitat and the truth about the animals, as they are thought to be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.design.animals import Animals, checked_shares
from secr_nea.design.draws import Distances
from secr_nea.design.metric_distance import MetricDistance
from secr_nea.design.simulate import (
    checked_density,
    class_levels,
    fixed_number,
    of_class,
    parameter_values,
    simulate_captures,
    simulate_population,
)
from secr_nea.design.streams import CLASSES, Seed, stream
from secr_nea.detection import DetectionFunction, detection_function
from secr_nea.distances import GivenDistance, Metric
from secr_nea.errors import DataError, ModelError, SecrWarning
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey, check_ground
from secr_nea.traps import TrapArray
from secr_nea.units import animals_per_cell

_SMALLEST_SIGMA = 20.0  # cells wider than so many sigma are a mistake of units

Population = Callable[..., ArrayLike]
Faults = Callable[..., CaptureHistory]


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Scenario:
    """A survey that might be done, and the truth that it would meet; read-only.

    Parameters
    ----------
    traps : TrapArray
        Where cameras stand and for how long (effort).
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
        One number, one per mask point, or the name of a mask covariate.
    detection : str or DetectionFunction
    classes : mapping of class to share, optional
        Such as ``{"female": 0.6, "male": 0.4}``; parameters may then be given for each class.
    by : str
        What the classes are, as a covariate of animals.
    fixed_n : int, optional
        Exactly so many animals; else their number is Poisson.
    distances : Metric or callable, optional
        Other distances than straight lines: a metric of `secr_nea.distances` with friction 1, a
        `MetricDistance`, or a function as for `simulate_captures`. Fits of a study then take the
        true distances, unless they have ``distance=`` of their own.
    population : callable, optional
        How animals are placed, ``population(mask, density, seed=...)``, when they are not
        independent of each other: for example
        ``functools.partial(simulate_clusters, cluster_size=3, spread=1000)``.
    faults : callable, optional
        What goes wrong with the captures, ``faults(captures, seed=...)``: for example
        ``functools.partial(add_ghosts, share=0.03)``.
    name : str
        Name of the scenario, and of the surveys that it simulates.
    **parameters : float, array-like or mapping of class to these
        Each parameter of the detection function, as for `simulate_captures`.

    Attributes
    ----------
    traps, mask, density, detection, parameters, classes, by, fixed_n, distances, name

    Raises
    ------
    DataError, CRSError, ModelError
        If anything of it is impossible; at once, not in the middle of a study.

    Examples
    --------
    >>> import secr_nea as sn
    >>> scenario = sn.design.preset("chikhachev")
    >>> more = scenario.changed(name="160 days", effort=160.0)
    >>> round(more.expected().recaptures), round(scenario.expected().recaptures)
    (56, 38)
    """

    traps: TrapArray
    mask: HabitatMask
    density: Any
    detection: DetectionFunction
    parameters: Mapping[str, Any]
    classes: Mapping[str, float]
    by: str
    fixed_n: int | None
    distances: Distances | None
    population: Population | None
    faults: Faults | None
    name: str

    def __init__(
        self,
        traps: TrapArray,
        mask: HabitatMask,
        density: float | str | ArrayLike,
        *,
        detection: str | DetectionFunction = "hazard_half_normal",
        classes: Mapping[str, float] | None = None,
        by: str = "sex",
        fixed_n: int | None = None,
        distances: Metric | Distances | None = None,
        population: Population | None = None,
        faults: Faults | None = None,
        name: str = "scenario",
        **parameters: Any,
    ) -> None:
        put = object.__setattr__
        if not isinstance(traps, TrapArray) or not isinstance(mask, HabitatMask):
            raise DataError(
                "A scenario needs a TrapArray first and a HabitatMask second; got "
                f"{type(traps).__name__} and {type(mask).__name__}."
            )
        (checked,) = _checks.names([name], "scenario name")
        check_ground(traps, mask, checked)
        checked_density(mask, density)
        _check_population(fixed_n, population, faults)
        if classes is not None and not isinstance(classes, Mapping):
            raise DataError(
                'classes must be a mapping of class to share, such as {"female": 0.6, "male": '
                f"0.4}}; got {classes!r}."
            )
        shares = dict(zip(*checked_shares(classes), strict=True)) if classes else {}
        levels = class_levels(parameters)
        if levels and set(levels) != set(shares):
            raise ModelError(
                f"Parameters are given for {_checks.listed(levels)}, but classes are "
                f"{_checks.listed(shares) or 'not given'}: give classes={{class: share}}."
            )
        if shares and "capped" in traps.detector:
            raise ModelError(
                "At capped detectors all animals compete; classes that differ cannot be simulated."
            )
        if isinstance(distances, Metric):
            distances = MetricDistance(distances, mask)
        elif distances is not None and (isinstance(distances, type) or not callable(distances)):
            raise ModelError(
                "distances must be a metric such as LeastCost(), a MetricDistance or a function of "
                f"(sites, places); got {distances!r}."
            )
        function = detection_function(detection)
        for level in shares or (None,):
            values = parameter_values(function, traps, of_class(parameters, level))
            _check_metres(dict(zip(function.parameters, values, strict=True)), mask)
        put(self, "traps", traps)
        put(self, "mask", mask)
        put(self, "density", density)
        put(self, "detection", function)
        put(self, "parameters", dict(parameters))
        put(self, "classes", shares)
        put(self, "by", by)
        put(self, "fixed_n", fixed_n)
        put(self, "distances", distances)
        put(self, "population", population)
        put(self, "faults", faults)
        put(self, "name", checked)

    def contents(self) -> Mapping[str, Any]:
        """Everything it was made of, by the names of its arguments."""
        names = ("traps", "mask", "density", "detection", "by", "fixed_n", "distances")
        own = {name: getattr(self, name) for name in (*names, "population", "faults", "name")}
        return MappingProxyType({**own, "classes": dict(self.classes) or None, **self.parameters})

    def changed(self, **changes: Any) -> Scenario:
        """The same scenario with something else in it.

        Parameters
        ----------
        **changes
            Any argument of the class, or ``effort``: one number for all traps that operate, or an
            array of shape (n_traps, n_occasions).

        Returns
        -------
        Scenario

        Raises
        ------
        DataError, ModelError
            As for the class.
        """
        given = dict(changes)
        contents = {**self.contents(), **{n: v for n, v in given.items() if n != "effort"}}
        if "effort" in given:
            traps = contents["traps"]
            effort = _checks.numbers(given["effort"], "effort")
            contents["traps"] = traps.with_effort(
                effort if effort.ndim else np.where(traps.effort > 0.0, effort, 0.0)
            )
        with warnings.catch_warnings():
            if not {"traps", "mask"} & set(given):  # what is doubtful about them was told
                warnings.simplefilter("ignore", SecrWarning)
            return Scenario(**contents)

    @property
    def density_at_points(self) -> FloatArray:
        """Density at every mask point, animals per 100 km2, shape (n_points,)."""
        return checked_density(self.mask, self.density)

    @property
    def animals_at_points(self) -> FloatArray:
        """Expected activity centres in every cell, shape (n_points,)."""
        expected = np.asarray(animals_per_cell(self.density_at_points, self.mask.cell_area))
        if self.fixed_n is None:
            return expected
        return np.asarray(expected * (self.fixed_n / expected.sum()))

    @property
    def n_animals(self) -> float:
        """Expected number of animals on the mask."""
        return float(self.animals_at_points.sum())

    @property
    def mean_density(self) -> float:
        """Mean density over the mask, animals per 100 km2."""
        return 100.0 * self.n_animals / self.mask.area

    def of_classes(self) -> Iterator[tuple[str | None, float, tuple[FloatArray, ...]]]:
        """Each class with its share and its parameters.

        Yields
        ------
        str or None
            Class; None where there are none.
        float
            Its share.
        tuple of float64 arrays, each (n_traps, n_occasions)
            Parameters in the order of the detection function.
        """
        for level in self.classes or (None,):
            values = parameter_values(self.detection, self.traps, of_class(self.parameters, level))
            yield level, self.classes[level] if level is not None else 1.0, values

    @cached_property
    def model_options(self) -> dict[str, Any]:
        """What a model must be told to be true: the detection function and the distances."""
        options: dict[str, Any] = {"detection": self.detection}
        if self.distances is not None:
            matrix = self.distances(self.traps.xy, self.mask.xy)
            options["distance"] = GivenDistance(matrix)
        return options

    def simulate_animals(self, *, seed: Seed = None) -> Animals:
        """The animals of one survey.

        Parameters
        ----------
        seed : int, numpy SeedSequence, numpy Generator, or None

        Returns
        -------
        Animals
        """
        if self.population is not None:
            xy = self.population(self.mask, self.density, seed=seed)
        else:
            xy = simulate_population(self.mask, self.density, seed=seed, fixed_n=self.fixed_n)
        animals = xy if isinstance(xy, Animals) else Animals(xy)
        if self.classes and self.by not in animals.covariates:
            classes = stream(seed, CLASSES)
            animals = animals.with_classes(self.classes, name=self.by, seed=classes)
        return animals

    def simulate(self, *, seed: Seed = None) -> Survey:
        """One survey: new animals, new detections.

        Parameters
        ----------
        seed : int, numpy SeedSequence, numpy Generator, or None
            The same int or SeedSequence gives exactly the same survey.

        Returns
        -------
        Survey
        """
        animals = self.simulate_animals(seed=seed)
        simulated = simulate_captures(
            animals,
            self.traps,
            detection=self.detection,
            seed=seed,
            by=self.by,
            distances=self.distances,
            **self.parameters,
        )
        captures = simulated.captures
        if self.faults is not None:
            captures = self.faults(captures, seed=seed)
        with warnings.catch_warnings():
            # what is doubtful about traps and mask is told when they are planned, not every time
            warnings.simplefilter("ignore", SecrWarning)
            return Survey(captures, self.mask, name=self.name)

    def expected(self) -> Any:
        """Expected animals, detections, recaptures and precision; see `expected`."""
        from secr_nea.design.expected import expected

        return expected(self)

    def __repr__(self) -> str:
        parts = [repr(self.name), _checks.plural(self.traps.n_traps, "trap")]
        parts += [f"effort {self.traps.total_effort:,g}"]
        parts += [f"{self.n_animals:,.1f} animals expected ({self.mean_density:.3g} per 100 km2)"]
        parts += [f"{name} {_told(value)}" for name, value in self.parameters.items()]
        return f"Scenario({', '.join(parts)})"


def _check_population(fixed_n: Any, population: Any, faults: Any) -> None:
    if fixed_n is not None:
        fixed_number(fixed_n)
        if population is not None:
            raise DataError(
                "Give fixed_n or population, not both: a population has its own number of animals."
            )
    for what, own in (("population", population), ("faults", faults)):
        if own is not None and not callable(own):
            raise DataError(
                f"{what} must be a function, such as functools.partial(...); got {own!r}."
            )


def _check_metres(values: Mapping[str, FloatArray], mask: HabitatMask) -> None:
    """Refuse a sigma so small against the cells that it can only be meant in kilometres."""
    sigma = float(np.max(values["sigma"])) if "sigma" in values else np.inf
    if sigma * _SMALLEST_SIGMA < mask.spacing:
        raise ModelError(
            f"sigma is {sigma:g} m, but the cells of the mask are {mask.spacing:,.0f} m wide: "
            "hardly any animal of such a mask could meet a camera. Give sigma in metres, not "
            "kilometres, or a mask with cells of about sigma / 2."
        )


def _told(value: Any) -> str:
    """A parameter in a few characters."""
    if isinstance(value, Mapping):
        return " ".join(f"{level}: {_told(own)}" for level, own in value.items())
    return f"{float(value):g}" if np.ndim(value) == 0 else "varies"
