"""One replicate of a study: simulate, fit, and what came out as one row of plain numbers."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from secr_nea.design.scenario import Scenario
from secr_nea.design.streams import child_seed
from secr_nea.design.truth import expected_number, true_coefficients
from secr_nea.errors import FormulaError, ModelError, SecrError
from secr_nea.estimate import Estimate, z_value
from secr_nea.maximise import maximise
from secr_nea.model import Model
from secr_nea.survey import Survey

Row = dict[str, Any]


@dataclass(frozen=True)
class StudyPlan:
    """What all replicates share.

    Parameters
    ----------
    scenarios : tuple of Scenario
    options : mapping
        Arguments of `Model`.
    seed : int
    level : float
        Confidence level of the intervals.
    """

    scenarios: tuple[Scenario, ...]
    options: Mapping[str, Any]
    seed: int
    level: float


def survey_of(plan: StudyPlan, scenario: int, replicate: int) -> Survey:
    """The survey of one replicate, the same wherever and whenever it is made.

    Parameters
    ----------
    plan : StudyPlan
    scenario, replicate : int

    Returns
    -------
    Survey
    """
    return plan.scenarios[scenario].simulate(seed=child_seed(plan.seed, scenario, replicate))


def options_of(plan: StudyPlan, scenario: int) -> dict[str, Any]:
    """Arguments of the model that is fitted to the surveys of a scenario."""
    return {**plan.scenarios[scenario].model_options, **plan.options}


def check_model(plan: StudyPlan, scenario: int, number: int) -> None:
    """Refuse a model that cannot be made for any of the first surveys, before thousands fail.

    Parameters
    ----------
    plan : StudyPlan
    scenario : int
    number : int
        Surveys to try; one that the model can be made for is enough.

    Raises
    ------
    FormulaError, ModelError
        If there is no such model.
    """
    problem = None
    given = plan.scenarios[scenario]
    for replicate in range(number):
        seed = child_seed(plan.seed, scenario, replicate)
        # what goes wrong in the field may also bring the covariates of a formula
        for tried in (given.changed(faults=None), given)[: 1 + (given.faults is not None)]:
            problem = _problem(options_of(plan, scenario), tried, seed)
            if problem is None:
                return
    if problem is not None:
        raise problem


def _problem(
    options: Mapping[str, Any], scenario: Scenario, seed: np.random.SeedSequence
) -> SecrError | None:
    """Why there is no model for a survey; what is wrong with the survey is recorded later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            survey = scenario.simulate(seed=seed)
        except Exception:
            return None
        try:
            Model(survey, **options)
        except (FormulaError, ModelError) as error:
            return error
        except TypeError as error:
            return ModelError(f"A model cannot be made with these options: {error}.")
        except SecrError:
            return None
    return None


def replicates(plan: StudyPlan, chunk: tuple[int, int, int]) -> list[Row]:
    """Some replicates of one scenario.

    Parameters
    ----------
    plan : StudyPlan
    chunk : tuple of int
        Scenario, first replicate, number of replicates.

    Returns
    -------
    list of dict
        A row of plain numbers and text for each.
    """
    scenario, first, number = chunk
    return [one_replicate(plan, scenario, first + r) for r in range(number)]


def one_replicate(plan: StudyPlan, scenario: int, replicate: int) -> Row:
    """Simulate and fit once; whatever goes wrong is told in the row, with its seed.

    Parameters
    ----------
    plan : StudyPlan
    scenario, replicate : int

    Returns
    -------
    dict
    """
    began = time.perf_counter()
    row: Row = {"scenario": scenario, "replicate": replicate, "seed": plan.seed}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            survey = survey_of(plan, scenario, replicate)
            row |= _seen(survey)
            estimate = maximise(Model(survey, **options_of(plan, scenario)), progress=False)
            row |= _estimates(plan, plan.scenarios[scenario], estimate)
    except SecrError as error:
        row |= {"failed": True, "message": f"{type(error).__name__}: {error}"}
    except Exception as error:  # a study of thousands must not stop for one of them
        row |= {"failed": True, "message": f"unexpected {type(error).__name__}: {error}"}
    return row | {"seconds": time.perf_counter() - began}


def _seen(survey: Survey) -> Row:
    captures = survey.captures
    return {
        "animals": captures.n_animals,
        "detections": captures.n_detections,
        "recaptures": captures.n_recaptures,
        "two_detectors": captures.animals_at_two_traps,
    }


def _estimates(plan: StudyPlan, scenario: Scenario, estimate: Estimate) -> Row:
    """Density over the mask and every coefficient: true value, estimate, error, interval."""
    diagnosis = estimate.diagnosis
    row: Row = {
        "failed": not diagnosis.good,
        "message": "" if diagnosis.good else diagnosis.message,
        "log_likelihood": estimate.log_likelihood,
    }
    z = z_value(plan.level)
    model, found = estimate.model, estimate.coefficients
    truth = true_coefficients(model, scenario)
    if "D" in model.parameters:
        number, slope = expected_number(model, found)
        with np.errstate(invalid="ignore"):
            error = float(np.sqrt(slope @ estimate.covariance @ slope)) / number
        density = 100.0 * number / scenario.mask.area
        ends = density * np.exp([-z * error, z * error])
        row |= _told("D", scenario.mean_density, density, density * error, ends)
    errors = estimate.standard_errors
    for name, parameter in model.parameters.items():
        at = range(parameter.slice.start, parameter.slice.stop)
        if name == "D" and len(at) == 1:
            continue
        if len(at) == 1 and (parameter.rows == parameter.rows[0]).all():
            (j,) = at
            on_link = found[j] + np.array([0.0, -z * errors[j], z * errors[j]])
            value, low, high = parameter.link.inverse(on_link * parameter.rows[0, 0])
            true = parameter.link.inverse(np.array([truth[j] * parameter.rows[0, 0]]))[0]
            slope_of = parameter.link.slope(np.array([found[j] * parameter.rows[0, 0]]))[0]
            row |= _told(name, true, value, abs(slope_of) * errors[j], (low, high))
            continue
        for j, own in zip(at, parameter.coefficient_names, strict=True):
            both = (found[j] - z * errors[j], found[j] + z * errors[j])
            row |= _told(own, truth[j], found[j], errors[j], both)
    return row


def _told(name: str, true: float, value: float, error: float, ends: Any) -> Row:
    numbers = {"true": true, "estimate": value, "se": error, "lower": ends[0], "upper": ends[1]}
    return {f"{name}|{what}": float(number) for what, number in numbers.items()}
