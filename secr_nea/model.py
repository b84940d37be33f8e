"""What is to be estimated: surveys, detection function, a formula for each real parameter."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import special

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.detection import (
    DetectionFunction,
    detection_function,
    whole_range,
)
from secr_nea.errors import ModelError, SecrWarning
from secr_nea.formula import as_text, design
from secr_nea.frames import (
    DetectionFrame,
    Location,
    density_frame,
    density_names,
    detection_frame,
    detection_names,
    survey_frame,
    survey_names,
    variables_of,
)
from secr_nea.individuals import LATENT, individuals_of, single_response
from secr_nea.links import link
from secr_nea.model_checks import check_capped, check_relative, check_searches
from secr_nea.parameter_names import check_names
from secr_nea.parameters import (
    DEFAULT_LINKS,
    Parameter,
    estimated_parameter,
    fixed_parameter,
    sum_by_row,
)
from secr_nea.smooths import Smooth
from secr_nea.survey import Survey, as_surveys
from secr_nea.units import M2_PER_KM2

POPULATIONS = ("poisson", "binomial", "conditional")
"""How the number of animals enters: Poisson, a fixed number, or given those that were detected."""


class Model:
    """A spatial capture-recapture model of one or several surveys; read-only.

    Parameters
    ----------
    surveys : Survey or sequence of Survey
        Data; several surveys are told apart by their names.
    detection : str or DetectionFunction
        Full name such as ``"hazard_half_normal"`` or R's code such as ``"HHN"``.
    fixed : mapping of str to float, optional
        Real parameters held at a value on their natural scale.
    links : mapping of str to str, optional
        ``"log"``, ``"logit"`` or ``"identity"`` for a real parameter.
    population : {"poisson", "binomial", "conditional"}
        Distribution of the number of animals. ``"conditional"`` is the likelihood given the
        animals that were detected: formulas of detection may use animal covariates, and density is
        derived (`secr_nea.inference.derived_density`). A formula for ``D`` then models relative
        density, without a level.
    classes : str or int, optional
        Classes of animals that differ in detection: an animal covariate such as ``"sex"``
        (missing = unknown: the hybrid mixture), or 2 or 3 latent classes. Formulas of detection
        may use the covariate's name, or ``latent_class``; ``pmix`` is the proportion of each
        class after the first.
    groups : str, optional
        Complete animal covariate whose levels have densities of their own; ``D`` is ``~ group``
        unless given.
    smallest_sigma : float, metres, optional
        Smallest plausible sigma: integrals over searched areas and transects are exact down to it.
        By default half of the spread of the detections of each animal (a quarter, where detection
        is not half-normal), at least half of the mask spacing.
    **formulas : str
        Formula of each real parameter, ``"~ 1"`` unless given: ``D`` (animals per 100 km2), the
        parameters of the detection function (``lambda0`` or ``g0`` per unit effort, ``sigma`` in
        metres, ``z``, ``w``), or ``a0`` (km2 per unit effort) in place of the amplitude. For
        searches ``lambda0`` is the expected number of detections, per unit effort, of an animal
        whose whole range is searched; with ``"~ detector"`` cameras and searches have their own.

    Attributes
    ----------
    surveys : tuple of Survey
    detection : DetectionFunction
    parameters : mapping of str to Parameter
        ``D`` first, then the detection parameters in the order of the detection function.
    population : str
    smallest_sigma : float, metres

    Raises
    ------
    ModelError, FormulaError
        If a parameter is not of this detection function, or a formula cannot be used.

    Examples
    --------
    >>> import secr_nea as sn
    >>> model = sn.Model(sn.datasets.sailugem(), D="~ ruggedness_std", lambda0="~ topography")
    >>> model.coefficient_names[:2]
    ('D:Intercept', 'D:ruggedness_std')
    """

    def __init__(
        self,
        surveys: Survey | Sequence[Survey],
        *,
        detection: str | DetectionFunction = "hazard_half_normal",
        fixed: Mapping[str, float] | None = None,
        links: Mapping[str, str] | None = None,
        population: str = "poisson",
        classes: str | int | None = None,
        groups: str | None = None,
        smallest_sigma: float | None = None,
        **formulas: str,
    ) -> None:
        self.surveys = as_surveys(surveys)
        self.detection = detection_function(detection)
        if population not in POPULATIONS:
            raise ModelError(
                f"population = {population!r} is not known; choose one of {', '.join(POPULATIONS)}."
            )
        self.population = population
        held = dict(fixed or {})
        self.smallest_sigma = (
            plausible_sigma(self.surveys, self.detection)
            if smallest_sigma is None
            else _checks.positive(smallest_sigma, "smallest_sigma")
        )
        names = self._parameter_names({*formulas, *held}, classes)
        check_searches(self.surveys, self.detection, names)
        check_names(names, {*formulas, *held, *(links or {})}, self.detection)
        check_relative(population, {*formulas}, held, links or {})
        both = sorted(set(formulas) & set(held))
        if both:
            raise ModelError(
                f"{', '.join(both)} has a formula and is fixed as well; give one of the two."
            )
        self.formulas: Mapping[str, str] = MappingProxyType(
            {
                name: as_text(formulas.get(name, _default_formula(name, groups)))
                for name in names
                if name not in held
            }
        )
        self.links: Mapping[str, str] = MappingProxyType(
            {name: (links or {}).get(name, DEFAULT_LINKS.get(name, "log")) for name in names}
        )
        self.location = Location.of(self.surveys)
        self._variables = self._detection_variables(classes, groups)
        self.individuals = individuals_of(
            self.surveys,
            classes=classes,
            groups=groups,
            covariates=[
                v for v in self._variables if v in self._animal_covariates(classes, groups)
            ],
            response=single_response(self._variables),
            joined=population == "conditional" and "D" in names,
        )
        check_capped(self.surveys, population, self.individuals)
        self.parameters: Mapping[str, Parameter] = MappingProxyType(self._build(names, held))
        if groups is not None and "D" in formulas and groups not in self._density_variables():
            warnings.warn(
                f"D does not use {groups!r}: the groups are taken to be equally dense. Give "
                f"D='~ {groups}' unless that is meant.",
                SecrWarning,
                stacklevel=3,
            )

    def _parameter_names(self, given: set[str], classes: str | int | None) -> tuple[str, ...]:
        """D, the parameters of the detection function (or a0), and pmix for classes."""
        own = self.detection.parameters
        if "a0" in given:
            if own[0] in given:
                raise ModelError(f"a0 takes the place of {own[0]}; give one of the two.")
            own = ("a0", *own[1:])
        density = () if self.population == "conditional" and "D" not in given else ("D",)
        mixing = () if classes is None else ("pmix",)
        return (*density, *own, *mixing)

    def _animal_covariates(self, *levels: str | int | None) -> list[str]:
        """Animal covariates that formulas of detection may use: in the conditional likelihood."""
        if self.population != "conditional":
            return []
        tables = [survey.captures.covariates for survey in self.surveys]
        common = [str(c) for c in tables[0] if all(c in table for table in tables)]
        return [name for name in common if name not in levels]

    def _detection_variables(self, classes: str | int | None, groups: str | None) -> list[str]:
        """Variables that the formulas of detection use."""
        formulas = [text for name, text in self.formulas.items() if name not in ("D", "pmix")]
        own = [LATENT] if isinstance(classes, int) else [n for n in (classes, groups) if n]
        available = [
            *own,
            *self._animal_covariates(classes, groups),
            *detection_names(self.surveys),
        ]
        return variables_of(formulas, available)

    def _density_variables(self) -> list[str]:
        formulas = [self.formulas["D"]] if "D" in self.formulas else []
        grouped = [self.individuals.variable] if self.individuals.grouped else []
        return variables_of(formulas, [*grouped, *density_names(self.surveys)])

    def _build(self, names: tuple[str, ...], held: Mapping[str, float]) -> dict[str, Parameter]:
        """Materialise every formula, in the order of the coefficients."""
        parameters: dict[str, Parameter] = {}
        start = 0
        for name in names:
            frame = self._frame_of(name)
            for key in self._keys(name):
                chosen = link(self.links[name])
                if name in held:
                    made = fixed_parameter(key, chosen, held[name], len(frame), start)
                else:
                    terms = design(self.formulas[name], frame, name)
                    if name == "D" and self.population == "conditional":
                        terms = terms.without_intercept()
                    made = estimated_parameter(key, chosen, terms, start)
                parameters[key] = made
                start += made.n_coefficients
        return parameters

    def _keys(self, name: str) -> tuple[str, ...]:
        """Name of a parameter; with three or more classes pmix has one for each but the first."""
        if name != "pmix" or self.individuals.n_levels == 2:
            return (name,)
        return tuple(f"pmix[{level}]" for level in self.individuals.levels[1:])

    def _frame_of(self, name: str) -> pd.DataFrame:
        """Data of a parameter's formula: mask points, surveys, or traps and occasions."""
        if name == "D":
            return density_frame(
                self.surveys, self._density_variables(), self.location, groups=self.individuals
            )
        if name == "pmix":
            variables = variables_of([self.formulas.get("pmix", "~ 1")], survey_names(self.surveys))
            return survey_frame(self.surveys, variables)
        return self.detection_rows.frame

    @property
    def has_density(self) -> bool:
        """Whether the model says how many animals there are: not the conditional likelihood."""
        return self.population != "conditional"

    @property
    def is_relative(self) -> bool:
        """Whether density is modelled up to a factor (``D`` in the conditional likelihood)."""
        return not self.has_density and "D" in self.parameters

    @cached_property
    def detection_rows(self) -> DetectionFrame:
        """Covariates of detection: a row per trap, and per occasion and class where they matter."""
        return detection_frame(self.surveys, self._variables, self.individuals)

    @property
    def detection_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of detection in the order of the detection function (a0 as amplitude)."""
        own = {"a0", *self.detection.parameters}
        return tuple(p for name, p in self.parameters.items() if name in own)

    @property
    def mixing_parameters(self) -> tuple[Parameter, ...]:
        """Predictors of the class proportions, one for each class after the first."""
        return tuple(p for name, p in self.parameters.items() if name.startswith("pmix"))

    def class_proportions(self, coefficients: FloatArray) -> FloatArray:
        """Proportion of each class in each survey.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        float64 array, shape (n_surveys, n_classes)
            Rows sum to 1; a single column of ones without classes.

        Notes
        -----
        proportion of class c = exp(eta_c) / sum exp(eta), with eta of the first class 0.
        """
        eta = np.zeros((len(self.surveys), 1 + len(self.mixing_parameters)))
        for c, parameter in enumerate(self.mixing_parameters, start=1):
            eta[:, c] = parameter.predictor(coefficients)[parameter.row_of]
        return np.asarray(special.softmax(eta, axis=1))

    def pull_back_proportions(
        self, coefficients: FloatArray, d_log: FloatArray, gradient: FloatArray
    ) -> None:
        """Add the derivative through the class proportions to a gradient.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_log : float64 array, shape (n_surveys, n_classes)
            Derivative to the logarithm of each proportion.
        gradient : float64 array, shape (n_coefficients,)
            Changed in place.
        """
        proportions = self.class_proportions(coefficients)
        d_eta = d_log - proportions * d_log.sum(axis=1, keepdims=True)
        for c, parameter in enumerate(self.mixing_parameters, start=1):
            if parameter.fixed is None:
                distinct = sum_by_row(parameter.row_of, d_eta[:, c], len(parameter.rows))
                gradient[parameter.slice] += parameter.rows.T @ distinct

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of all coefficients, such as ``"D:Intercept"``."""
        return tuple(n for p in self.parameters.values() for n in p.coefficient_names)

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients to be estimated."""
        return len(self.coefficient_names)

    @property
    def smooths(self) -> tuple[Smooth, ...]:
        """Penalised smooths of all formulas, in the order of their coefficients."""
        return tuple(smooth for p in self.parameters.values() for smooth in p.smooths)

    def coefficients(self, values: Mapping[str, float] | Iterable[float]) -> FloatArray:
        """Coefficients as an array in the order of `coefficient_names`.

        Parameters
        ----------
        values : mapping of name to float, or sequence of float
            Link-scale values.

        Returns
        -------
        float64 array, shape (n_coefficients,)

        Raises
        ------
        ModelError
            If names are missing or unknown, or the number is wrong.
        """
        names = self.coefficient_names
        if isinstance(values, Mapping):
            missing = [name for name in names if name not in values]
            unknown = [str(name) for name in values if name not in names]
            if missing or unknown:
                raise ModelError(
                    f"Coefficients do not fit the model: missing {', '.join(missing) or 'none'}; "
                    f"unknown {', '.join(unknown) or 'none'}. Needed: {', '.join(names)}."
                )
            values = [values[name] for name in names]
        array = np.asarray(list(values), dtype=np.float64)
        if array.shape != (len(names),):
            raise ModelError(
                f"The model has {len(names)} coefficients ({', '.join(names)}); "
                f"got an array of shape {array.shape}."
            )
        return array

    def detection_values(self, coefficients: FloatArray) -> tuple[FloatArray, ...]:
        """Natural-scale value of each detection parameter at each row of `detection_rows`.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        tuple of float64 arrays, each (n_rows,)
            In the order of ``detection.parameters``: a0 is already turned into the amplitude.
        """
        values = [p.values(coefficients)[p.row_of] for p in self.detection_parameters]
        if "a0" in self.parameters:
            values[0] = self._amplitude_of_a0(values[0], values[1])
        return tuple(values)

    def hazard_values(self, coefficients: FloatArray) -> tuple[FloatArray, ...]:
        """`detection_values` with the amplitude as a hazard per place.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        tuple of float64 arrays, each (n_rows,)
            The amplitude of searches is divided by the integral of the shape over a whole range:
            per m2 for areas, per m for transects. Other rows are as they are.
        """
        values = self.detection_values(coefficients)
        if not self._search_rows:
            return values
        amplitude = values[0].copy()
        for dimension, rows in self._search_rows:
            own = [value[rows] for value in values[1:]]
            amplitude[rows] /= whole_range(self.detection.shape, dimension, *own)[0]
        return (amplitude, *values[1:])

    @cached_property
    def _search_rows(self) -> list[tuple[int, IntArray]]:
        """Rows of transects and of areas, where there are any."""
        dimension = self.detection_rows.dimension
        found = [(d, np.flatnonzero(dimension == d).astype(np.int64)) for d in (1, 2)]
        return [(d, rows) for d, rows in found if rows.size]

    def _amplitude_of_a0(self, a0: FloatArray, sigma: FloatArray) -> FloatArray:
        """lambda0 = a0 / (2 pi sigma^2), or g0 = 1 - exp(-lambda0); a0 in km2, sigma in m."""
        lambda0 = a0 * M2_PER_KM2 / (2.0 * np.pi * sigma**2)
        return lambda0 if self.detection.is_hazard else -np.expm1(-lambda0)

    def pull_back_detection(
        self, coefficients: FloatArray, d_values: Sequence[FloatArray]
    ) -> FloatArray:
        """Derivative to all coefficients from the derivative to `hazard_values`.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_values : sequence of float64 arrays, each (n_rows,)

        Returns
        -------
        float64 array, shape (n_coefficients,); zero for the coefficients of density
        """
        parameters = self.detection_parameters
        d_own = [np.asarray(d_value) for d_value in d_values]
        if self._search_rows:
            d_own = self._pull_back_whole_range(coefficients, d_own)
        if "a0" in self.parameters:
            a0, sigma = (p.values(coefficients)[p.row_of] for p in parameters[:2])
            lambda0 = a0 * M2_PER_KM2 / (2.0 * np.pi * sigma**2)
            d_lambda0 = d_own[0] if self.detection.is_hazard else d_own[0] * np.exp(-lambda0)
            d_own[0] = d_lambda0 * lambda0 / a0
            d_own[1] = d_own[1] - 2.0 * d_lambda0 * lambda0 / sigma
        gradient = np.zeros(self.n_coefficients)
        for parameter, d_value in zip(parameters, d_own, strict=True):
            distinct = sum_by_row(parameter.row_of, d_value, len(parameter.rows))
            gradient[parameter.slice] = parameter.pull_back(coefficients, distinct)
        return gradient

    def _pull_back_whole_range(
        self, coefficients: FloatArray, d_values: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """From the derivative to `hazard_values` to that to `detection_values`."""
        values = self.detection_values(coefficients)
        d_own = [d_value.copy() for d_value in d_values]
        for dimension, rows in self._search_rows:
            own = [value[rows] for value in values[1:]]
            whole, slopes = whole_range(self.detection.shape, dimension, *own)
            d_own[0][rows] = d_values[0][rows] / whole
            for d_value, slope in zip(d_own[1:], slopes, strict=True):
                d_value[rows] -= d_own[0][rows] * values[0][rows] * slope
        return d_own

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {p.text}" for name, p in self.parameters.items())
        return f"Model({self.detection.name}; {parts})"


def plausible_sigma(surveys: Sequence[Survey], function: DetectionFunction) -> float:
    """Scale down to which integrals over searches are exact, from the data alone.

    Parameters
    ----------
    surveys : sequence of Survey
    function : DetectionFunction

    Returns
    -------
    float, metres
        Half of the pooled spread (`rpsv`) of the detections of each animal; a quarter for shapes
        with a kink or a shoulder; at least half of the smallest mask spacing, below which a mask
        is too coarse for any integral. The mask spacing without recaptures.
    """
    spacing = min(survey.mask.spacing for survey in surveys)
    seen = [s.captures for s in surveys if s.captures.n_recaptures > 0]
    if not seen:
        return spacing
    squares = sum(c.n_recaptures * c.rpsv**2 for c in seen)
    spread = float(np.sqrt(squares / sum(c.n_recaptures for c in seen)))
    share = 0.5 if function.is_fused else 0.25
    return max(share * spread, 0.5 * spacing)


def _default_formula(name: str, groups: str | None) -> str:
    """Every parameter is constant, but groups differ in density."""
    return f"~ {groups}" if name == "D" and groups is not None else "~ 1"
