"""What each country would say from its own list, and what the two lists together count twice."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from secr_nea import inference
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.border.sides import NEAR, Sides
from secr_nea.captures import CaptureHistory
from secr_nea.errors import SecrError, SecrWarning
from secr_nea.estimate import Estimate
from secr_nea.inference.density import point_density
from secr_nea.inference.variants import variant
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability
from secr_nea.mask import HabitatMask
from secr_nea.maximise import maximise
from secr_nea.responses import TRAP_RESPONSES
from secr_nea.survey import Survey
from secr_nea.units import animals_per_cell

MASKS = ("own side", "whole mask")


def expected_detected(estimate: Estimate, b: int, sides: Sides) -> FloatArray | None:
    """Expected number of animals detected by the detectors of each side, and by all.

    Parameters
    ----------
    estimate : Estimate
    b : int
        Which survey.
    sides : Sides

    Returns
    -------
    float64 array, shape (n_sides + 1,), or None
        None for models whose detection cannot be told country by country: with classes, groups,
        learned responses, animal covariates, or multi-catch and capped traps.

    Notes
    -----
    sum_x D(x) a (1 - exp(-H_A(x))), with H_A the hazard of the detectors of A alone.
    """
    model = estimate.model
    item = model.surveys[b]
    individuals = model.individuals
    plain = (
        individuals.n_levels == 1
        and not individuals.response
        and not any(name in model.detection_rows.frame for name in TRAP_RESPONSES)
        and model.population != ("conditional")
    )
    competing = {"multi", "capped"} & set(item.traps.detector)
    if not plain or competing or not model.has_density:
        return None
    side = sides.of(item.traps.xy, near=NEAR)
    weight = animals_per_cell(point_density(estimate, b).value, item.mask.cell_area)
    found = []
    for chosen in [*(side == j for j in range(len(sides.names))), np.ones(len(side), dtype=bool)]:
        if not (item.traps.effort[chosen].sum() > 0.0):
            found.append(0.0)
            continue
        surveys = list(model.surveys)
        surveys[b] = _unseen(item, chosen)
        other = variant(model, surveys)
        if other.coefficient_names != model.coefficient_names:
            return None
        p = detection_probability(likelihood_of(other), estimate.coefficients, b)
        found.append(float(weight @ p))
    return np.array(found)


def _unseen(item: Survey, chosen: BoolArray) -> Survey:
    """The survey with the other detectors switched off, and nothing detected."""
    traps = item.traps.with_effort(np.where(chosen[:, None], item.traps.effort, 0.0))
    nothing = CaptureHistory(traps, animal=[], occasion=[], trap=[], animal_ids=[])
    return _survey(item, nothing, item.mask)


def _survey(item: Survey, captures: CaptureHistory, mask: HabitatMask) -> Survey:
    with warnings.catch_warnings():
        # whatever is doubtful about the survey was told when it was made
        warnings.simplefilter("ignore", SecrWarning)
        return Survey(
            captures,
            mask,
            name=item.name,
            covariates=item.covariates,
            occasion_covariates=item.occasion_covariates,
        )


def national_survey(item: Survey, sides: Sides, j: int, *, whole: bool) -> Survey:
    """What the team of one country has: its own detectors and records, and a mask.

    Parameters
    ----------
    item : Survey
    sides : Sides
    j : int
        Which country.
    whole : bool
        Whether the mask goes on across the border; else it ends there.

    Returns
    -------
    Survey
    """
    keep = sides.of(item.traps.xy, near=NEAR) == j
    traps = item.traps.subset(keep)
    frame = item.captures.to_dataframe()
    own = frame[frame["trap_id"].isin(traps.ids)]
    people = item.captures.individuals()
    people = people[people["animal_id"].isin(own["animal_id"])]
    captures = CaptureHistory.from_dataframe(
        own, traps, individuals=people if len(people.columns) > 1 else None, animal_covariates=[]
    )
    mask = item.mask if whole else item.mask.subset(sides.of(item.mask.xy) == j)
    return _survey(item, captures, mask)


def national_estimates(
    estimate: Estimate, b: int, sides: Sides, *, whole: bool, level: float
) -> pd.DataFrame:
    """Fit the model to each country's own detectors and records, and read off its own number.

    Parameters
    ----------
    estimate : Estimate
        The joint one, whose formulas are used.
    b : int
        Which survey.
    sides : Sides
    whole : bool
        Whether the masks go on across the border.
    level : float

    Returns
    -------
    DataFrame
        One row per country: survey, country, animals, detections, density_per_100km2, number,
        se, lower, upper (realised number in the country, where there is one), sigma_m, message.
        nan, and the reason as message, where a country's data carry no estimate.
    """
    item = estimate.model.surveys[b]
    rows = []
    for j, name in enumerate(sides.names):
        row: dict[str, object] = {"survey": item.name, "country": name}
        try:
            own = national_survey(item, sides, j, whole=whole)
            row |= {"animals": own.n_animals, "detections": own.n_detections}
            row |= _own_number(estimate, own, sides, j, level)
        except SecrError as error:
            row["message"] = str(error)
        rows.append(row)
    columns = ["survey", "country", "animals", "detections", "density_per_100km2", "number"]
    columns += ["se", "lower", "upper", "message"]
    table = pd.DataFrame(rows, columns=columns)
    table[["animals", "detections"]] = table[["animals", "detections"]].fillna(0).astype(int)
    return table


def _own_number(
    estimate: Estimate, own: Survey, sides: Sides, j: int, level: float
) -> dict[str, object]:
    """Number of animals in the country of a national fit, or why there is none."""
    with warnings.catch_warnings():
        # few animals on one side are what the table is about
        warnings.simplefilter("ignore", SecrWarning)
        fitted = maximise(variant(estimate.model, [own]), progress=False)
        reason = inference.unearned(fitted)
        if reason:
            return {"message": reason}
        inside = sides.of(own.mask.xy) == j
        found = inference.abundance(
            fitted, region={"own": inside}, level=level, variance="mspe"
        ).iloc[-1]
    kind = "realised" if np.isfinite(found["realised_n"]) else "expected"
    ends = {end: found[f"{kind}_{end}"] for end in ("se", "lower", "upper")}
    return {
        "density_per_100km2": found["density_per_100km2"],
        "number": found[f"{kind}_n"],
        **ends,
        "message": fitted.diagnosis.message,
    }
