"""How the place of an animal's activity centre changes its range and its detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.detection import DetectionFunction
from secr_nea.errors import ModelError
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.survey import Survey

LOCATION_WORDS = (("lambda0_location", "a0_location"), ("sigma_location",))
"""Names of the factors of the amplitude, and of sigma, by place of the activity centre."""


def is_location_word(name: str) -> bool:
    """Whether a parameter is a factor by place of the activity centre."""
    return any(name in words for words in LOCATION_WORDS)


def check_location_words(
    given: set[str],
    own: Sequence[str],
    function: DetectionFunction,
    surveys: Sequence[Survey],
    population: str,
    unusual: set[str],
) -> None:
    """Refuse factors that a model cannot have.

    Parameters
    ----------
    given : set of str
        Parameters that the user named.
    own : sequence of str
        Detection parameters of the model.
    function : DetectionFunction
    surveys : sequence of Survey
    population : str
    unusual : set of str
        Parameters with a fixed value or a link.

    Raises
    ------
    ModelError
        If a factor has no parameter to act on, or sigma would follow what is not there.
    """
    words = [name for name in given if is_location_word(name)]
    refused = sorted(name for name in unusual if is_location_word(name))
    if refused:
        raise ModelError(f"{refused[0]} is a log factor: give it a formula, no value and no link.")
    follows = "sigmak" in given
    if follows and "sigma" in given:
        raise ModelError("sigmak takes the place of sigma; give one of the two.")
    if follows and population == "conditional":
        raise ModelError(
            "sigmak makes sigma follow density, and the conditional likelihood has none; use "
            "population='poisson'."
        )
    for name in words:
        base = name.removesuffix("_location")
        if base not in own and not (base == "sigma" and follows):
            raise ModelError(
                f"{name} is a factor of {base}, which this model does not have: it has "
                f"{', '.join(own)}."
            )
    acts_on_sigma = follows or "sigma_location" in words
    if acts_on_sigma and not scales_with_sigma(function):
        raise ModelError(
            f"{'sigmak' if follows else 'sigma_location'} changes sigma alone from place to place, "
            f"and {function.name} has a second length, {function.parameters[-1]}; use a function "
            "of distance / sigma, such as 'hazard_half_normal'."
        )
    if (
        not function.is_hazard
        and (set(words) & set(LOCATION_WORDS[0]) or "a0" in own)
        and (words or follows)
    ):
        raise ModelError(
            f"a0 beside {', '.join(sorted(words)) or 'sigmak'} needs a hazard, and {function.name} "
            f"is a probability; give a formula for {function.amplitude} in place of a0, or use a "
            "detection function that starts with 'hazard_'."
        )
    if acts_on_sigma and any(survey.traps.is_search.any() for survey in surveys):
        raise ModelError(
            "sigma cannot depend on the place of the activity centre where areas or transects are "
            "searched; leave out sigma_location and sigmak."
        )


def scales_with_sigma(function: DetectionFunction) -> bool:
    """Whether detection depends on distance / sigma only, so that a longer sigma is a nearer trap.

    Parameters
    ----------
    function : DetectionFunction
    """
    # No round numbers: at those a function may be flat, and the two be equal by accident.
    further = {name: 0.93 for name in function.parameters[2:]}
    distance = np.linspace(0.07, 4.1, 12)
    once, twice = (
        function.hazard(k * distance, **{function.amplitude: 0.3}, sigma=k, **further)
        for k in (1.0, 2.0)
    )
    return bool(np.allclose(once, twice, rtol=1e-9, atol=1e-12))


@dataclass(frozen=True)
class LocationEffects:
    """Factors of sigma and of the amplitude at every mask point.

    Parameters
    ----------
    amplitude : Parameter or None
        ``lambda0_location`` or ``a0_location``: logarithm of a factor, by mask covariates.
    sigma : Parameter or None
        ``sigma_location``.
    follows_density : bool
        Whether sigma is proportional to 1 / sqrt(D) (``sigmak``).
    keeps_a0 : bool
        Whether a0, not the amplitude, stays the same when sigma changes.
    first_point : tuple of int
        Number of mask points before those of each survey.

    Notes
    -----
    A factor f of sigma is the same as distances divided by f, for functions of distance / sigma:
    others are refused (`scales_with_sigma`). Efford, Dawson, Jhala & Qureshi
    (2016, Ecography 39) for density-dependent sigma.
    """

    amplitude: Parameter | None
    sigma: Parameter | None
    follows_density: bool
    keeps_a0: bool
    first_point: tuple[int, ...]

    @property
    def changes_sigma(self) -> bool:
        """Whether sigma depends on the place."""
        return self.sigma is not None or self.follows_density

    def log_factors(
        self, coefficients: FloatArray, b: int, points: IntArray, log_density: FloatArray
    ) -> tuple[FloatArray | None, FloatArray | None]:
        """Logarithms of the factors of sigma and of the amplitude.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        b : int
            Which survey.
        points : int64 array, shape (n_points,)
            Points of its mask.
        log_density : float64 array, shape (n_points,)
            Logarithm of the density (animals per 100 km2) there.

        Returns
        -------
        float64 array, shape (n_points,), or None
            Of sigma; None when it is the same everywhere.
        float64 array, shape (n_points,), or None
            Of the hazard.
        """
        rows = points + self.first_point[b]
        log_sigma = _predictor(self.sigma, coefficients, rows)
        if self.follows_density:
            log_sigma = (0.0 if log_sigma is None else log_sigma) - 0.5 * log_density
        log_hazard = _predictor(self.amplitude, coefficients, rows)
        if self.keeps_a0 and log_sigma is not None:
            log_hazard = (0.0 if log_hazard is None else log_hazard) - 2.0 * log_sigma
        return log_sigma, log_hazard

    def pull_back(
        self,
        b: int,
        points: IntArray,
        d_log_sigma: FloatArray,
        d_log_hazard: FloatArray,
        gradient: FloatArray,
    ) -> FloatArray:
        """Add the derivative through the factors to a gradient.

        Parameters
        ----------
        b : int
            Which survey.
        points : int64 array, shape (n_points,)
            Points of its mask.
        d_log_sigma, d_log_hazard : float64 arrays, shape (n_points,)
            Derivatives to the two logarithms.
        gradient : float64 array, shape (n_coefficients,)
            Changed in place.

        Returns
        -------
        float64 array, shape (n_points,)
            Derivative to the logarithm of density.
        """
        rows = points + self.first_point[b]
        if self.keeps_a0:
            d_log_sigma = d_log_sigma - 2.0 * d_log_hazard
        _add(self.sigma, rows, d_log_sigma, gradient)
        _add(self.amplitude, rows, d_log_hazard, gradient)
        return -0.5 * d_log_sigma if self.follows_density else np.zeros(len(points))


def _predictor(
    parameter: Parameter | None, coefficients: FloatArray, rows: IntArray
) -> FloatArray | None:
    """Link-scale (logarithmic) value at some mask points."""
    return None if parameter is None else parameter.predictor(coefficients)[parameter.row_of[rows]]


def _add(
    parameter: Parameter | None, rows: IntArray, d_log: FloatArray, gradient: FloatArray
) -> None:
    if parameter is not None:
        distinct = sum_by_row(parameter.row_of[rows], d_log, len(parameter.rows))
        gradient[parameter.slice] += parameter.rows.T @ distinct
