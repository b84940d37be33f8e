"""What is to be estimated: surveys, detection function, a formula for each real parameter."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.detection import DetectionFunction, detection_function
from secr_nea.errors import ModelError
from secr_nea.formula import as_text, design
from secr_nea.frames import (
    DetectionFrame,
    Location,
    density_frame,
    density_names,
    detection_frame,
    detection_names,
    variables_of,
)
from secr_nea.links import link
from secr_nea.parameters import (
    DEFAULT_LINKS,
    Parameter,
    estimated_parameter,
    fixed_parameter,
    sum_by_row,
)
from secr_nea.survey import Survey, as_surveys
from secr_nea.units import M2_PER_KM2

POPULATIONS = ("poisson", "binomial")
"""How the number of animals varies: Poisson, or a fixed number of which each is detected or not."""


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
    population : {"poisson", "binomial"}
        Distribution of the number of animals.
    **formulas : str
        Formula of each real parameter, ``"~ 1"`` unless given: ``D`` (animals per 100 km2), the
        parameters of the detection function (``lambda0`` or ``g0`` per unit effort, ``sigma`` in
        metres, ``z``, ``w``), or ``a0`` (km2 per unit effort) in place of the amplitude.

    Attributes
    ----------
    surveys : tuple of Survey
    detection : DetectionFunction
    parameters : mapping of str to Parameter
        ``D`` first, then the detection parameters in the order of the detection function.
    population : str

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
        names = self._parameter_names({*formulas, *held})
        _check_names(names, {*formulas, *held, *(links or {})}, self.detection)
        both = sorted(set(formulas) & set(held))
        if both:
            raise ModelError(
                f"{', '.join(both)} has a formula and is fixed as well; give one of the two."
            )
        self.formulas: Mapping[str, str] = MappingProxyType(
            {name: as_text(formulas.get(name, "~ 1")) for name in names if name not in held}
        )
        self.links: Mapping[str, str] = MappingProxyType(
            {name: (links or {}).get(name, DEFAULT_LINKS[name]) for name in names}
        )
        self.location = Location.of(self.surveys)
        self.parameters: Mapping[str, Parameter] = MappingProxyType(self._build(names, held))

    def _parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """D and the parameters of the detection function, with a0 where the user gives it."""
        own = self.detection.parameters
        if "a0" in given:
            if own[0] in given:
                raise ModelError(f"a0 takes the place of {own[0]}; give one of the two.")
            own = ("a0", *own[1:])
        return ("D", *own)

    def _build(self, names: tuple[str, ...], held: Mapping[str, float]) -> dict[str, Parameter]:
        """Materialise every formula, in the order of the coefficients."""
        parameters: dict[str, Parameter] = {}
        start = 0
        for name in names:
            frame = self._density_frame() if name == "D" else self.detection_rows.frame
            if name in held:
                parameters[name] = fixed_parameter(
                    name, link(self.links[name]), held[name], len(frame), start
                )
            else:
                built = design(self.formulas[name], frame, name)
                parameters[name] = estimated_parameter(name, link(self.links[name]), built, start)
            start += parameters[name].n_coefficients
        return parameters

    def _density_frame(self) -> pd.DataFrame:
        formulas = [self.formulas["D"]] if "D" in self.formulas else []
        names = variables_of(formulas, density_names(self.surveys))
        return density_frame(self.surveys, names, self.location)

    @cached_property
    def detection_rows(self) -> DetectionFrame:
        """Covariates of detection: a row per trap, and per occasion where they change."""
        formulas = [text for name, text in self.formulas.items() if name != "D"]
        names = variables_of(formulas, detection_names(self.surveys))
        return detection_frame(self.surveys, names)

    @property
    def detection_parameters(self) -> tuple[Parameter, ...]:
        """Parameters of detection in the order of the detection function (a0 as amplitude)."""
        return tuple(p for name, p in self.parameters.items() if name != "D")

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of all coefficients, such as ``"D:Intercept"``."""
        return tuple(n for p in self.parameters.values() for n in p.coefficient_names)

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients to be estimated."""
        return len(self.coefficient_names)

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

    def _amplitude_of_a0(self, a0: FloatArray, sigma: FloatArray) -> FloatArray:
        """lambda0 = a0 / (2 pi sigma^2), or g0 = 1 - exp(-lambda0); a0 in km2, sigma in m."""
        lambda0 = a0 * M2_PER_KM2 / (2.0 * np.pi * sigma**2)
        return lambda0 if self.detection.is_hazard else -np.expm1(-lambda0)

    def pull_back_detection(
        self, coefficients: FloatArray, d_values: Sequence[FloatArray]
    ) -> FloatArray:
        """Derivative to all coefficients from the derivative to `detection_values`.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_values : sequence of float64 arrays, each (n_rows,)

        Returns
        -------
        float64 array, shape (n_coefficients,); zero for the coefficients of density
        """
        parameters = self.detection_parameters
        d_own = list(d_values)
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

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {p.text}" for name, p in self.parameters.items())
        return f"Model({self.detection.name}; {parts})"


def _check_names(names: Sequence[str], given: set[str], function: DetectionFunction) -> None:
    unknown = sorted(given - set(names))
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ModelError(
        f"{', '.join(unknown)} is not a parameter of {function.name}.{hint} "
        f"Its parameters are D, {', '.join(function.parameters)} (or a0 for {function.amplitude})."
    )
