"""What is to be estimated: surveys, detection function, a formula for each real parameter."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.detection import (
    DetectionFunction,
    detection_function,
)
from secr_nea.detection_design import DetectionDesign
from secr_nea.distances import Metric
from secr_nea.effective_area import EffectiveArea
from secr_nea.errors import FormulaError, ModelError, SecrWarning
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
from secr_nea.location_effects import (
    LOCATION_WORDS,
    LocationEffects,
    check_location_words,
    is_location_word,
)
from secr_nea.metric_design import METRIC_WORDS, MetricDesign, chosen_metric, grounds_of
from secr_nea.mixing import Mixing
from secr_nea.model_checks import (
    check_area,
    check_capped,
    check_latent,
    check_links,
    check_names_of_levels,
    check_relative,
    check_searches,
)
from secr_nea.parameter_names import check_names
from secr_nea.parameters import DEFAULT_LINKS, Parameter, estimated_parameter, fixed_parameter
from secr_nea.smooths import Smooth
from secr_nea.survey import Survey, as_surveys

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
    distance : Metric, optional
        How distances are measured, straight by default: ``LeastCost(...)``,
        ``CommuteDistance(...)``, ``AnisotropicDistance()`` or ``GivenDistance(matrix)``. A formula
        for ``noneuc`` alone asks for ``LeastCost()``.
    **formulas : str
        Formula of each real parameter, ``"~ 1"`` unless given: ``D`` (animals per 100 km2), the
        parameters of the detection function (``lambda0`` or ``g0`` per unit effort, ``sigma`` in
        metres, ``z``, ``w``), or ``a0`` (km2 per unit effort) in place of the amplitude, and
        ``sigmak`` (sigma = 10,000 sigmak / sqrt(D)) in place of sigma. ``lambda0_location`` (or
        ``a0_location``) and ``sigma_location`` are factors by the mask covariates at the activity
        centre; their intercept is that of ``lambda0`` and ``sigma``. ``noneuc`` is the friction
        of the cells for least-cost and commute distances, by mask covariates; its intercept is
        that of ``sigma``. For
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
    metric : Metric or None
        None for straight distances.

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
        distance: Metric | None = None,
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
        check_names_of_levels(classes, groups)
        unusual = {*held, *(links or {})}
        self.metric = chosen_metric(distance, {*formulas}, unusual)
        self._grounds = grounds_of(self.metric, self.surveys) if self.metric else ()
        names = self._parameter_names({*formulas, *held}, classes, unusual)
        check_searches(self.surveys, self.detection, names)
        if self.metric is not None and "esa" in names:
            raise ModelError(
                "esa as a parameter rests on straight distances; with distance= give a formula for "
                f"{self.detection.amplitude} (the area is effective_sampling_area() of the fit)."
            )
        check_names(names, {*formulas, *held, *(links or {})}, self.detection)
        check_relative(population, {*formulas}, held, links or {})
        check_links(links or {})
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
        check_capped(self.surveys, population, self.individuals, names)
        check_latent(classes, self._variables, held)
        self.parameters: Mapping[str, Parameter] = MappingProxyType(self._build(names, held))
        _ = self.detection_design  # what it refuses is told now
        if groups is not None and "D" in formulas and groups not in self._density_variables():
            warnings.warn(
                f"D does not use {groups!r}: the groups are taken to be equally dense. Give "
                f"D='~ {groups}' unless that is meant.",
                SecrWarning,
                stacklevel=3,
            )

    def _parameter_names(
        self, given: set[str], classes: str | int | None, unusual: set[str]
    ) -> tuple[str, ...]:
        """D, the parameters of the detection function (or a0), and pmix for classes."""
        own = self.detection.parameters
        if "a0" in given:
            if own[0] in given:
                raise ModelError(f"a0 takes the place of {own[0]}; give one of the two.")
            own = ("a0", *own[1:])
        if "esa" in given:
            check_area(given, own, self.detection, self.surveys)
            own = ("esa", *own[1:])
        if "sigmak" in given:
            own = (own[0], "sigmak", *own[2:])
        check_location_words(given, own, self.detection, self.surveys, self.population, unusual)
        place = [w for words in LOCATION_WORDS for w in words if w in given]
        density = () if self.population == "conditional" and "D" not in given else ("D",)
        mixing = () if classes is None else ("pmix",)
        metric = () if self.metric is None else self.metric.parameter_names(given)
        return (*density, *own, *place, *metric, *mixing)

    def _animal_covariates(self, *levels: str | int | None) -> list[str]:
        """Animal covariates that formulas of detection may use: in the conditional likelihood."""
        if self.population != "conditional":
            return []
        tables = [survey.captures.covariates for survey in self.surveys]
        common = [str(c) for c in tables[0] if all(c in table for table in tables)]
        return [name for name in common if name not in levels]

    def _detection_variables(self, classes: str | int | None, groups: str | None) -> list[str]:
        """Variables that the formulas of detection use."""
        elsewhere = ("D", "pmix", *LOCATION_WORDS[0], *LOCATION_WORDS[1], *METRIC_WORDS)
        formulas = [text for name, text in self.formulas.items() if name not in elsewhere]
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
            frame = self.frame_of(name)
            for key in self._keys(name):
                chosen = link(self.links[name])
                if name in held:
                    made = fixed_parameter(key, chosen, held[name], len(frame), start)
                else:
                    no_level = name == "noneuc" or (name == "D" and not self.has_density)
                    relative = is_location_word(name) or no_level
                    terms = design(self.formulas[name], frame, name, relative=relative)
                    made = estimated_parameter(key, chosen, terms, start)
                parameters[key] = made
                start += made.n_coefficients
        return parameters

    def _keys(self, name: str) -> tuple[str, ...]:
        """Name of a parameter; with three or more classes pmix has one for each but the first."""
        if name != "pmix" or self.individuals.n_levels == 2:
            return (name,)
        return tuple(f"pmix[{level}]" for level in self.individuals.levels[1:])

    def frame_of(self, name: str) -> pd.DataFrame:
        """Data of a parameter's formula: mask points, surveys, or traps and occasions.

        Parameters
        ----------
        name : str
            Real parameter.

        Returns
        -------
        DataFrame
            The variables that the formula uses (and, for detection, those of other formulas).
        """
        if name == "D":
            return density_frame(
                self.surveys, self._density_variables(), self.location, groups=self.individuals
            )
        if is_location_word(name):
            variables = variables_of([self.formulas[name]], density_names(self.surveys))
            return density_frame(self.surveys, variables, self.location)
        if name == "noneuc":
            cells = [ground.cells for ground in self._grounds if ground.cells is not None]
            try:
                variables = variables_of([self.formulas[name]], density_names(self.surveys, cells))
            except FormulaError as error:
                if all(c is s.mask for c, s in zip(cells, self.surveys, strict=True)):
                    raise
                raise FormulaError(
                    f"{error} The covariates of noneuc are those of the cells of graph=."
                ) from None
            return density_frame(self.surveys, variables, self.location, cells)
        if name == "pmix" or name in METRIC_WORDS:
            variables = variables_of([self.formulas.get(name, "~ 1")], survey_names(self.surveys))
            return survey_frame(self.surveys, variables)
        return self.detection_rows.frame

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the tables of its likelihood, which are large and soon made again."""
        kept = {key: value for key, value in vars(self).items() if "_likelihood" not in key}
        # Read-only views cannot be pickled; each is made again below.
        views = {key for key, value in kept.items() if isinstance(value, MappingProxyType)}
        return {"views": views, **{k: dict(v) if k in views else v for k, v in kept.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        views = state.pop("views")
        for key, value in state.items():
            vars(self)[key] = MappingProxyType(value) if key in views else value

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
        own = {"a0", "esa", "sigmak", *self.detection.parameters}
        return tuple(p for name, p in self.parameters.items() if name in own)

    @property
    def mixing_parameters(self) -> tuple[Parameter, ...]:
        """Predictors of the class proportions, one for each class after the first."""
        return tuple(p for name, p in self.parameters.items() if name.startswith("pmix"))

    @cached_property
    def mixing(self) -> Mixing:
        """Proportions of the classes by survey."""
        return Mixing(self.mixing_parameters, len(self.surveys))

    @cached_property
    def detection_design(self) -> DetectionDesign:
        """Detection parameters from coefficients, and their derivatives."""
        own, rows = self.detection_parameters, self.detection_rows
        area = None
        if own[0].name == "esa":
            area = EffectiveArea.of(self.detection, self.surveys, rows, own[0])
        return DetectionDesign(self.detection, own, rows, self.n_coefficients, area)

    @cached_property
    def location_effects(self) -> LocationEffects | None:
        """Effects of the place of the activity centre on detection; None without any."""
        amplitude, sigma = (
            next((p for name, p in self.parameters.items() if name in words), None)
            for words in LOCATION_WORDS
        )
        if amplitude is None and sigma is None and "sigmak" not in self.parameters:
            return None
        sizes = [survey.mask.n_points for survey in self.surveys]
        return LocationEffects(
            amplitude,
            sigma,
            follows_density="sigmak" in self.parameters,
            keeps_a0="a0" in self.parameters,
            first_point=tuple(int(n) for n in np.cumsum([0, *sizes[:-1]])),
        )

    def class_proportions(self, coefficients: FloatArray) -> FloatArray:
        """Proportion of each class in each survey: `Mixing.proportions`."""
        return self.mixing.proportions(coefficients)

    def detection_values(self, coefficients: FloatArray) -> tuple[FloatArray, ...]:
        """Each detection parameter at each row of `detection_rows`: `DetectionDesign.natural`."""
        return self.detection_design.natural(coefficients)

    @cached_property
    def metric_design(self) -> MetricDesign | None:
        """Distances from coefficients, and their derivatives; None for straight distances."""
        if self.metric is None:
            return None
        return MetricDesign.of(self.metric, self._grounds, self.parameters)

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
            If names are missing or unknown, or the number is wrong, or a value is no number.
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
        try:
            array = np.asarray(list(values), dtype=np.float64)
        except (TypeError, ValueError):
            raise ModelError(
                f"Coefficients must be {len(names)} numbers ({', '.join(names)}); got {values!r}."
            ) from None
        if array.shape != (len(names),):
            raise ModelError(
                f"The model has {len(names)} coefficients ({', '.join(names)}); "
                f"got an array of shape {array.shape}."
            )
        absent = [name for name, value in zip(names, array, strict=True) if np.isnan(value)]
        if absent:
            raise ModelError(f"The coefficient {absent[0]} is not a number (NaN); give its value.")
        return array

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
