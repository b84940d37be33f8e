"""New animals and detections from a model, with the traps and masks of its surveys."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.design.draws import Drawn, captures_of, draw_records, squared_distances
from secr_nea.design.simulate import check_parameter, checked_density, simulate_population
from secr_nea.design.streams import Seed, streams
from secr_nea.errors import ModelError, SecrWarning
from secr_nea.likelihood import likelihood_of
from secr_nea.model import Model
from secr_nea.responses import TRAP_RESPONSES
from secr_nea.survey import Survey
from secr_nea.units import animals_per_cell


def simulate_survey(
    survey_or_model: Survey | Sequence[Survey] | Model,
    coefficients: Mapping[str, float] | Iterable[float],
    *,
    seed: Seed = None,
) -> Survey | tuple[Survey, ...]:
    """New animals and new detections from a model, with the traps and the mask of its surveys.

    Names, traps, effort, mask and covariates of survey and occasions stay the same. Animals come
    from the density of the model and may have their centre anywhere on the mask. In a model with
    classes or groups they have that covariate (unknown as often as in the survey), and no
    other. With ``population="binomial"`` their number is the expected one (its fraction by
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
        If the model cannot be simulated (conditional likelihood; responses of traps together with
        classes, groups or responses of animals), or coefficients do not fit the model or give
        impossible detection parameters.
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
    _check_possible(model)
    surveys = tuple(
        _new_survey(model, values, b, rng)
        for b, rng in enumerate(streams(seed, len(model.surveys)))
    )
    return surveys[0] if len(surveys) == 1 else surveys


def _check_possible(model: Model) -> None:
    if not model.has_density:
        raise ModelError(
            "A model of the conditional likelihood has no density to simulate animals from. Fit it "
            "again without population='conditional' (with D ~ 1 the detection coefficients are the "
            "same) and simulate from that."
        )
    used = _trap_responses(model)
    others = [model.individuals.response] if model.individuals.response else []
    if len(used) + len(others) > 1:
        raise ModelError(
            f"Surveys with {' and '.join([*used, *others])} cannot be simulated: only one learned "
            "response at a time."
        )
    if used and (model.individuals.n_levels > 1 or model.detection_design.area is not None):
        raise ModelError(
            f"Surveys with {used[0]} can be simulated without classes, groups and esa only."
        )


def _trap_responses(model: Model) -> list[str]:
    return [name for name in TRAP_RESPONSES if name in model.detection_rows.frame]


def _of_states(model: Model, coefficients: FloatArray) -> list[tuple[FloatArray, ...]]:
    """Detection parameters at each row; with a response of traps, without and with it."""
    used = _trap_responses(model)
    if not used:
        return [model.detection_values(coefficients)]
    return [
        model.detection_design.with_column(used[0], state).natural(coefficients)
        for state in (0.0, 1.0)
    ]


def _new_survey(model: Model, coefficients: FloatArray, b: int, rng: np.random.Generator) -> Survey:
    """One survey of a model with other animals."""
    survey = model.surveys[b]
    individuals = model.individuals
    centres, class_of = _animals(model, coefficients, b, rng)
    rows = model.detection_rows.rows[b]
    response = next(iter(_trap_responses(model)), individuals.response)
    of_states = _of_states(model, coefficients)
    records: list[Drawn] = []
    for c in range(individuals.n_levels):
        # (n_states, n_traps, n_occasions) of this class
        values = tuple(
            np.concatenate([value[rows[c, 0]] for value in of_parameter])
            for of_parameter in zip(*of_states, strict=True)
        )
        for name, value in zip(model.detection.parameters, values, strict=True):
            for state in value:
                check_parameter(model.detection, name, state, survey.traps)
        own = np.flatnonzero(class_of == c)
        squared, log_factor = center_effects(model, coefficients, b, c, centres[own])
        drawn = draw_records(
            centres[own],
            survey.traps,
            model.detection,
            values,
            rng,
            response,
            squared=squared,
            log_factor=log_factor,
        )
        for part in drawn:
            part.records[1] = own[part.records[1]]
            records.append(part)
    simulated = captures_of(centres, survey.traps, records)
    captures = simulated.captures
    if individuals.variable and individuals.variable in survey.captures.covariates:
        labels = _labels(survey, individuals.levels, individuals.variable, class_of, rng)
        captures = captures.with_covariates(**{individuals.variable: labels[simulated.detected]})
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


def center_effects(
    model: Model, coefficients: FloatArray, b: int, c: int, centres: FloatArray
) -> tuple[FloatArray | None, FloatArray | None]:
    """Squared distances and factors of the hazard where they depend on the activity centre.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)
    b : int
        Which survey.
    c : int
        Class or group.
    centres : float64 array, shape (N, 2), metres

    Returns
    -------
    float64 array, shape (n_traps, N), m2, or None
    float64 array, shape (N,), or None
        Logarithm of the factor.
    """
    if model.location_effects is None and model.metric is None:
        return None, None
    survey = model.surveys[b]
    likelihood = likelihood_of(model)
    p = likelihood.of_survey(b)[c if model.individuals.grouped else 0]
    point, _ = survey.mask.nearest(centres)
    effects = likelihood.state(coefficients).inputs[p][0].effects.at(point)
    squared = effects.squared
    if squared is None:
        squared = squared_distances(survey.traps.xy, centres)
    elif model.metric_design is not None and not model.metric_design.grounds[b].by_cell:
        measured = likelihood.distances.measured(coefficients, b, centres)
        squared = squared if measured is None else measured.squared
    return effects.scaled(squared, 0, len(centres)), effects.log_hazard


def _animals(
    model: Model, coefficients: FloatArray, b: int, rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Activity centres of all animals of a survey, and the class or group of each."""
    mask = model.surveys[b].mask
    individuals = model.individuals
    density = model.parameters["D"]
    n_groups = individuals.n_levels if individuals.grouped else 1
    begin = sum(survey.mask.n_points for survey in model.surveys[:b]) * n_groups
    centres, classes = [], []
    for g in range(n_groups):
        rows = density.row_of[begin + g * mask.n_points : begin + (g + 1) * mask.n_points]
        at_points = density.values(coefficients)[rows]
        number = None
        if model.population == "binomial":
            expected = animals_per_cell(checked_density(mask, at_points), mask.cell_area).sum()
            number = int(np.floor(expected + rng.uniform()))
        found = simulate_population(mask, at_points, seed=rng, fixed_n=number)
        own = np.full(len(found), g, dtype=np.int64)
        if individuals.is_mixture:
            share = model.class_proportions(coefficients)[b]
            own = rng.choice(individuals.n_levels, size=len(found), p=share)
        centres.append(found)
        classes.append(own)
    return np.concatenate(centres), np.concatenate(classes)


def _labels(
    survey: Survey,
    levels: Sequence[str],
    variable: str,
    class_of: IntArray,
    rng: np.random.Generator,
) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Class of each animal as text, missing as often as it is in the survey."""
    unknown = float(survey.captures.covariates[variable].isna().mean()) if survey.n_animals else 0.0
    labels = np.array(levels, dtype=object)[class_of]
    if unknown > 0.0:
        labels[rng.random(len(labels)) < unknown] = None
    return labels
