"""From the coefficients of a model to distances, and back for the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.distances import Ground, LeastCost, Metric
from secr_nea.distances.friction import refuse_parameters
from secr_nea.distances.metric import Values
from secr_nea.errors import DataError, ModelError
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.survey import Survey

METRIC_WORDS = ("noneuc", "stretch_east", "stretch_northeast")
"""Names of the real parameters that distances may have."""


def chosen_metric(distance: object, given: set[str], unusual: set[str]) -> Metric | None:
    """The metric of a model; None for straight distances.

    Parameters
    ----------
    distance : Metric or None
        What the user gave; a formula for noneuc alone asks for `LeastCost`.
    given : set of str
        Parameters that the user named.
    unusual : set of str
        Parameters with a fixed value or a link.

    Returns
    -------
    Metric or None

    Raises
    ------
    ModelError
        If ``distance`` is no metric, or parameters do not fit it.
    """
    refused = sorted(unusual & set(METRIC_WORDS))
    if refused:
        raise ModelError(
            f"{refused[0]} can have a formula only, no fixed value and no link; to hold its "
            "coefficients, evaluate the model with log_likelihood."
        )
    if distance is None:
        if "noneuc" in given:
            return LeastCost()
        refuse_parameters({"stretch_east", "stretch_northeast"} & given, "AnisotropicDistance()")
        return None
    if not isinstance(distance, Metric):
        raise ModelError(
            "distance must be LeastCost(...), CommuteDistance(...), GivenDistance(matrix) or "
            f"AnisotropicDistance(); got {type(distance).__name__}. For a matrix of distances give "
            "distance=GivenDistance(matrix)."
        )
    return distance


def grounds_of(metric: Metric, surveys: Sequence[Survey]) -> tuple[Ground, ...]:
    """The metric laid over every survey.

    Parameters
    ----------
    metric : Metric
    surveys : sequence of Survey

    Returns
    -------
    tuple of Ground

    Raises
    ------
    ModelError
        If there are searches, traps or mask do not fit, or an animal was detected at two traps
        between which there is no way.
    """
    grounds = []
    for survey in surveys:
        if survey.traps.is_search.any():
            raise ModelError(
                f"{survey.name!r} has searched areas or transects, for which only straight "
                f"distances are possible; leave out distance={metric!r}."
            )
        if "capped" in survey.traps.detector:
            raise ModelError(
                f"{survey.name!r} has capped detectors, for which only straight distances are "
                f"possible; leave out distance={metric!r}."
            )
        try:
            ground = metric.ground(survey.traps, survey.mask, survey.name)
        except DataError as error:
            raise ModelError(f"Survey {survey.name!r}: {error}") from error
        _check_ways(ground, survey)
        grounds.append(ground)
    return tuple(grounds)


def _check_ways(ground: Ground, survey: Survey) -> None:
    """Every animal must have been able to walk between the traps that detected it."""
    captures = survey.captures
    first: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for animal, trap in zip(captures.animal.tolist(), captures.trap.tolist(), strict=True):
        other = first.setdefault(animal, trap)
        if other == trap or (other, trap) in seen:
            continue
        seen.add((other, trap))
        if not ground.has_way(other, trap):
            ids = survey.traps.ids
            raise ModelError(
                f"Animal {captures.animal_ids[animal]!r} of {survey.name!r} was detected at "
                f"{ids[other]} and {ids[trap]}, between which there is no way. {ground.cure}"
            )


@dataclass(frozen=True)
class MetricDesign:
    """A metric over all surveys, with the formulas of its parameters.

    Parameters
    ----------
    metric : Metric
    grounds : tuple of Ground
        One for each survey.
    parameters : tuple of Parameter
        In the order of the metric; rows are those of the cells (or of the surveys), survey after
        survey.
    """

    metric: Metric
    grounds: tuple[Ground, ...]
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(
        cls, metric: Metric, grounds: tuple[Ground, ...], parameters: Mapping[str, Parameter]
    ) -> MetricDesign:
        """Pick the parameters of the metric out of those of a model.

        Parameters
        ----------
        metric : Metric
        grounds : tuple of Ground
        parameters : mapping of str to Parameter
        """
        own = tuple(parameters[name] for name in METRIC_WORDS if name in parameters)
        return cls(metric, grounds, own)

    def _rows(self, b: int) -> slice:
        """Rows of the parameters that belong to a survey."""
        sizes = [1 if g.cells is None else g.cells.n_points for g in self.grounds]
        start = sum(sizes[:b])
        return slice(start, start + sizes[b])

    def key(self, coefficients: FloatArray) -> bytes:
        """What distances depend on: equal keys, equal distances."""
        parts = [coefficients[p.slice] for p in self.parameters]
        return np.concatenate([np.empty(0), *parts]).tobytes()

    def values(self, coefficients: FloatArray, b: int) -> Values:
        """Natural-scale values of the parameters in a survey.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        b : int
            Which survey.

        Returns
        -------
        tuple of float64 arrays
        """
        rows = self._rows(b)
        return tuple(p.values(coefficients)[p.row_of[rows]] for p in self.parameters)

    def pull_back(
        self, coefficients: FloatArray, b: int, d_values: Values, gradient: FloatArray
    ) -> None:
        """Add the derivative through the distances of a survey to a gradient.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        b : int
        d_values : tuple of float64 arrays
            Derivative to the values of `values`.
        gradient : float64 array, shape (n_coefficients,)
            Changed in place.
        """
        rows = self._rows(b)
        for parameter, d_value in zip(self.parameters, d_values, strict=True):
            distinct = sum_by_row(parameter.row_of[rows], d_value, len(parameter.rows))
            gradient[parameter.slice] += parameter.pull_back(coefficients, distinct)
