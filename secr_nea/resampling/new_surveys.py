"""New surveys from a fit, also such with as many detected animals as there were."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.design.draws import draw_records
from secr_nea.design.survey_simulation import center_effects, simulate_survey
from secr_nea.errors import DataError, FitError, ModelError, SecrWarning
from secr_nea.estimate import Estimate
from secr_nea.inference.expected_counts import KINDS
from secr_nea.inference.living import living
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability
from secr_nea.model import Model
from secr_nea.responses import TRAP_RESPONSES
from secr_nea.survey import Survey

_MOST_TRIES = 200
_MOST_ANIMALS = 1e6


def check_independent(model: Model) -> None:
    """ModelError where animals are not detected independently of each other.

    Parameters
    ----------
    model : Model
    """
    used = [name for name in TRAP_RESPONSES if name in model.detection_rows.frame]
    if used:
        raise ModelError(
            f"With {used[0]} each animal changes the detection of others, so that surveys with a "
            "given number of detected animals cannot be simulated."
        )
    kinds = {kind for survey in model.surveys for kind in survey.traps.detector}
    if kinds - set(KINDS):
        raise ModelError(
            f"At {', '.join(sorted(kinds - set(KINDS)))} detectors animals get in each other's "
            "way, so that surveys with a given number of detected animals cannot be simulated."
        )


def check_number(estimate: Estimate) -> None:
    """FitError where the fit promises more animals than can be meant.

    Parameters
    ----------
    estimate : Estimate
    """
    model = estimate.model
    for b, survey in enumerate(model.surveys):
        number = sum(weight.sum() for _, _, weight in living(model, estimate.coefficients, b))
        if not number < _MOST_ANIMALS:
            raise FitError(
                f"The fit promises {number:.3g} animals for {survey.name!r}, so that no survey can "
                f"be simulated from it. {estimate.diagnosis.message}"
            )


def replicate_surveys(estimate: Estimate, rng: np.random.Generator) -> tuple[Survey, ...]:
    """New surveys from a fit; the number of animals that are detected varies as it would.

    Parameters
    ----------
    estimate : Estimate
    rng : numpy Generator

    Returns
    -------
    tuple of Survey

    Notes
    -----
    In a model of the conditional likelihood animals are equally dense everywhere (or in proportion
    to relative density), and the number detected with each combination of covariates is Poisson.
    """
    model = estimate.model
    if model.has_density:
        made = simulate_survey(model, estimate.coefficients, seed=rng)
        return (made,) if isinstance(made, Survey) else made
    check_independent(model)
    found = []
    for b in range(len(model.surveys)):
        wanted = [rng.poisson(number) for number in _detected_by_pattern(model, b)]
        found.append(_conditional_survey(estimate, b, wanted, rng))
    return tuple(found)


def replicate_surveys_of_n(estimate: Estimate, rng: np.random.Generator) -> tuple[Survey, ...]:
    """New surveys from a fit with as many detected animals as there were.

    Parameters
    ----------
    estimate : Estimate
    rng : numpy Generator

    Returns
    -------
    tuple of Survey
        As many animals in each survey, and in each group or with each combination of covariates
        of the conditional likelihood. Given their number, detected animals are independent.
    """
    model = estimate.model
    check_independent(model)
    if not model.has_density:
        return tuple(
            _conditional_survey(estimate, b, _detected_by_pattern(model, b), rng)
            for b in range(len(model.surveys))
        )
    pools: list[list[Survey]] = [[] for _ in model.surveys]
    for _ in range(_MOST_TRIES):
        made = simulate_survey(model, estimate.coefficients, seed=rng)
        for pool, survey in zip(pools, (made,) if isinstance(made, Survey) else made, strict=True):
            pool.append(survey)
        chosen = [_choose(model, b, pool, rng) for b, pool in enumerate(pools)]
        if all(part is not None for part in chosen):
            return tuple(
                _joined(model.surveys[b], pools[b], part)
                for b, part in enumerate(chosen)
                if part is not None
            )
    raise DataError(
        "The fitted model detects far fewer animals than there were, so that no survey with as "
        "many could be simulated. Is the fit at its maximum?"
    )


def _detected_by_pattern(model: Model, b: int) -> list[IntArray]:
    """Animals with each combination of covariates, for each population of a survey."""
    likelihood = likelihood_of(model)
    return [
        likelihood.populations[p].n_by_pattern.astype(np.int64) for p in likelihood.of_survey(b)
    ]


@dataclass(frozen=True)
class _Pick:
    """Which animals of which simulated surveys are taken."""

    source: IntArray
    animal: IntArray


def _choose(model: Model, b: int, pool: Sequence[Survey], rng: np.random.Generator) -> _Pick | None:
    """As many animals as were detected (of each group) at random; None when there are too few."""
    source = np.repeat(np.arange(len(pool)), [s.n_animals for s in pool])
    animal = np.concatenate([np.arange(s.n_animals) for s in pool])
    individuals = model.individuals
    if not individuals.grouped:
        wanted = {"": model.surveys[b].n_animals}
        label = np.full(len(animal), "", dtype=object)
    else:
        of = individuals.surveys[b].class_of
        wanted = {name: int((of == g).sum()) for g, name in enumerate(individuals.levels)}
        columns = [s.captures.covariates[individuals.variable].to_numpy(object) for s in pool]
        label = np.concatenate(columns)
    kept = []
    for name, number in wanted.items():
        own = np.flatnonzero(label == name)
        if len(own) < number:
            return None
        kept.append(rng.permutation(own)[:number])
    chosen = np.concatenate(kept)
    return _Pick(source[chosen], animal[chosen])


def _joined(survey: Survey, pool: Sequence[Survey], pick: _Pick) -> Survey:
    """A survey of animals from several simulated ones."""
    parts = []
    names = [str(c) for c in pool[0].captures.covariates]
    columns: dict[str, list[object]] = {name: [] for name in names}
    for number, (source, animal) in enumerate(zip(pick.source, pick.animal, strict=True)):
        captures = pool[source].captures
        own = np.flatnonzero(captures.animal == animal)
        xy = np.full((len(own), 2), np.nan)
        times = np.ones(len(own), dtype=np.int64)
        located = np.isin(captures.located, own)
        if located.any():
            own, xy, times = _with_positions(captures, own)
        else:
            times = captures.count[own]
        records = (captures.occasion[own], captures.trap[own], times, xy)
        parts.append((np.full(len(own), number), *records))
        for name in names:
            columns[name].append(captures.covariates[name].iloc[int(animal)])
    return _survey_of(survey, parts, columns)


def _with_positions(
    captures: CaptureHistory, own: IntArray
) -> tuple[IntArray, FloatArray, IntArray]:
    """Rows of an animal, one for each detection of a search, with positions and counts."""
    is_search = captures.traps.is_search[captures.trap[own]]
    points, searched = own[~is_search], np.flatnonzero(np.isin(captures.located, own))
    rows = np.concatenate([points, captures.located[searched]])
    xy = np.concatenate([np.full((len(points), 2), np.nan), captures.positions[searched]])
    count = np.concatenate([captures.count[points], np.ones(len(searched), dtype=np.int64)])
    return rows, xy, count


_Part = tuple[IntArray, IntArray, IntArray, IntArray, FloatArray]


def _survey_of(
    survey: Survey, parts: Sequence[_Part], covariates: dict[str, list[object]]
) -> Survey:
    """A survey like another with other animals."""
    animal, occasion, trap, count = (
        np.concatenate([np.zeros(0, dtype=np.int64), *(part[i] for part in parts)])
        for i in range(4)
    )
    captures = CaptureHistory(
        survey.traps,
        animal=animal,
        occasion=occasion,
        trap=trap,
        count=count,
        xy=np.concatenate([np.zeros((0, 2)), *(part[4] for part in parts)]),
        animal_ids=[str(i + 1) for i in range(len(parts))],
        # numbers stay numbers: as objects they would be levels of a factor
        covariates={
            name: pd.Series(v, dtype=object).infer_objects() for name, v in covariates.items()
        },
    )
    return with_captures(survey, captures)


def with_captures(survey: Survey, captures: CaptureHistory) -> Survey:
    """The same survey with other captures.

    Parameters
    ----------
    survey : Survey
    captures : CaptureHistory

    Returns
    -------
    Survey
    """
    with warnings.catch_warnings():
        # what is doubtful about traps and mask was told when the survey was made
        warnings.simplefilter("ignore", SecrWarning)
        return Survey(
            captures,
            survey.mask,
            name=survey.name,
            covariates=survey.covariates,
            occasion_covariates=survey.occasion_covariates,
        )


# --- the conditional likelihood ------------------------------------------------------------------


def _conditional_survey(
    estimate: Estimate, b: int, wanted: Sequence[IntArray], rng: np.random.Generator
) -> Survey:
    """A survey with given numbers of detected animals of each group and set of covariates."""
    model = estimate.model
    survey, individuals = model.surveys[b], model.individuals
    own = individuals.surveys[b]
    parts: list[_Part] = []
    pattern_of: list[int] = []
    class_of: list[int] = []
    for p, numbers in zip(likelihood_of(model).of_survey(b), wanted, strict=True):
        for u, number in enumerate(numbers):
            for part, c in _detected(estimate, p, u, int(number), rng):
                parts.append((np.full(len(part[1]), len(parts)), *part[1:]))
                pattern_of.append(u)
                class_of.append(c)
    columns: dict[str, list[object]] = {
        str(name): [own.patterns[name].iloc[u] for u in pattern_of] for name in own.patterns
    }
    if individuals.variable in survey.captures.covariates:
        labels = np.array(individuals.levels, dtype=object)[np.array(class_of, dtype=np.int64)]
        unknown = float(survey.captures.covariates[individuals.variable].isna().mean())
        labels[rng.random(len(labels)) < unknown] = None
        columns[individuals.variable] = list(labels)
    return _survey_of(survey, parts, columns)


def _detected(
    estimate: Estimate, p: int, u: int, number: int, rng: np.random.Generator
) -> list[tuple[_Part, int]]:
    """Records and class of so many detected animals of one population."""
    model, likelihood = estimate.model, likelihood_of(estimate.model)
    item = likelihood.populations[p]
    mask = model.surveys[item.survey].mask
    inputs = likelihood.state(estimate.coefficients).inputs[p]
    weight = np.exp(np.concatenate([given.log_weight for given in inputs]))
    seen = [
        detection_probability(likelihood, estimate.coefficients, p, pattern=u, only_class=c)
        for c in item.classes
    ]
    edges = np.cumsum(weight)
    chance = float(weight @ np.concatenate(seen)) / float(edges[-1])
    batch = int(1.3 * number / max(chance, 1e-3)) + 10
    found: list[tuple[_Part, int]] = []
    for _ in range(_MOST_TRIES):
        if len(found) >= number:
            break
        drawn = np.searchsorted(edges, rng.random(batch) * edges[-1], side="right")
        block, cell = np.divmod(np.minimum(drawn, len(weight) - 1), mask.n_points)
        centres = mask.xy[cell] + mask.spacing * rng.uniform(-0.5, 0.5, (batch, 2))
        fresh: list[tuple[_Part, int]] = []
        for position, c in enumerate(item.classes):
            own = centres[block == position]
            fresh += [(part, c) for part in _records(estimate, item.survey, c, u, own, rng)]
        found += [fresh[j] for j in rng.permutation(len(fresh))]
    if len(found) < number:
        raise DataError(
            "The fitted model hardly detects any animal, so that none can be simulated."
        )
    return found[:number]


def _records(
    estimate: Estimate, b: int, c: int, u: int, centres: FloatArray, rng: np.random.Generator
) -> list[_Part]:
    """Records of those of some animals that are detected, animal after animal."""
    model = estimate.model
    rows = model.detection_rows.rows[b][c, u]
    squared, log_factor = center_effects(model, estimate.coefficients, b, c, centres)
    drawn = list(
        draw_records(
            centres,
            model.surveys[b].traps,
            model.detection,
            tuple(value[rows] for value in model.detection_values(estimate.coefficients)),
            rng,
            model.individuals.response,
            squared=squared,
            log_factor=log_factor,
        )
    )
    records = np.concatenate([part.records for part in drawn], axis=1)
    xy = np.concatenate([part.xy for part in drawn])
    found = []
    for i in np.unique(records[1]):
        own = records[1] == i
        trap, animal, occasion, count = records[:, own]
        found.append((animal, occasion, trap, count, xy[own]))
    return found
