"""Surveys and models of the library from reference cases and from hypothesis' plain arrays.

The one place where tests turn dictionaries of arrays into `secr_nea` objects.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import oracle
from hypothesis import strategies as st
from strategies import designs

import secr_nea as sn

SUPPORTED_DETECTORS = ("count", "binary", "binomial")
NOT_COVARIATES = ("trap_id", "x", "y", "session")


def is_supported(case):
    """Whether a reference case is a plain full likelihood of point detectors."""
    words = " ".join(case["formulas"].values())
    return (
        case["detector"] in SUPPORTED_DETECTORS
        and not case["conditional"]
        and case["groups"] is None
        and case["latent_classes"] == 1
        and case["directions"] is None
        and not any(word in words for word in oracle.LEARNED_RESPONSES.values())
    )


def survey_of_session(data, name, detector):
    """Survey of one session dictionary of `oracle.survey`."""
    traps = sn.TrapArray(
        data["traps"][["x", "y"]].to_numpy(),
        ids=list(data["traps"]["trap_id"]),
        effort=data["effort"],
        detector=detector,
        covariates=data["traps"].drop(columns=[*NOT_COVARIATES], errors="ignore"),
        varying_covariates=data["varying"],
    )
    captures = sn.CaptureHistory.from_dataframe(data["captures"], traps)
    mask = sn.HabitatMask(
        data["mask"][["x", "y"]].to_numpy(),
        spacing=data["spacing"],
        covariates=data["mask"].drop(columns=[*NOT_COVARIATES], errors="ignore"),
    )
    return sn.Survey(captures, mask, name=name)


@cache
def surveys_of_reference(name):
    """Every session of a reference survey, in R's order."""
    reference = oracle.survey(name)
    return tuple(
        survey_of_session(data, session, reference["detector"])
        for session, data in reference["sessions"].items()
    )


def model_of_case(case):
    """The model of a reference case; it shares the surveys with other cases."""
    return sn.Model(
        surveys_of_reference(case["survey"]),
        detection=case["detection_function"],
        population=case["population"],
        links=case["links"],
        **case["formulas"],
    )


def captures_of(histories, traps):
    """CaptureHistory of dense counts (animal, occasion, trap)."""
    animal, occasion, trap = np.nonzero(histories)
    count = np.asarray(histories)[animal, occasion, trap]
    return sn.CaptureHistory(traps, animal=animal, occasion=occasion, trap=trap, count=count)


def survey_of_design(design, *, name="survey", **covariates):
    """Survey of a dictionary with the keys of `strategies.designs`.

    Covariates may be trap, varying, mask, survey and occasion: mappings of name to values. Small
    random designs have idle occasions and traps outside the mask, of which warnings tell.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        traps = sn.TrapArray(
            design["traps"],
            effort=design["effort"],
            detector=design["detector"],
            covariates=covariates.get("trap"),
            varying_covariates=covariates.get("varying"),
        )
        mask = sn.HabitatMask(
            design["points"],
            spacing=design["spacing"],
            cell_area=design["cell_area"],
            covariates=covariates.get("mask"),
        )
        return sn.Survey(
            captures_of(design["histories"], traps),
            mask,
            name=name,
            covariates=covariates.get("survey"),
            occasion_covariates=covariates.get("occasion"),
        )


def has_trap_in_mask(design):
    """Whether a trap is in a cell of the mask, without which there is no survey."""
    apart = np.abs(design["traps"][:, None] - design["points"][None]).max(axis=2)
    return bool((apart < 0.5 * design["spacing"]).any())


@st.composite
def surveyable_designs(draw, detector="count"):
    """`strategies.designs` of which a survey can be made."""
    return draw(designs(detector).filter(has_trap_in_mask))


def example_design(detector="count", *, n_occasions=2):
    """Four traps, 56 points, five animals that all differ; the same numbers every time."""
    rng = np.random.default_rng(20)
    traps = np.array([[0.0, 0.0], [2500.0, 400.0], [600.0, 2100.0], [2900.0, 2600.0]])
    effort = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 3.0], [3.0, 1.0, 1.0], [1.0, 3.0, 2.0]])
    effort = effort[:, :n_occasions]
    column, row = np.meshgrid(np.arange(8), np.arange(7))
    points = np.column_stack([column.ravel(), row.ravel()]) * 1000.0 - [2137.0, 1961.0]
    most = {"count": 4, "binary": 1}.get(detector)
    histories = np.zeros((5, n_occasions, 4), dtype=np.int64)
    for i in range(5):
        for s, k in ((i % n_occasions, i % 4), ((i + 1) % n_occasions, (i + i // 4 + 1) % 4)):
            if effort[k, s] > 0:
                largest = int(effort[k, s]) if most is None else most
                histories[i, s, k] = rng.integers(1, largest + 1)
    corner = np.array([300_000.0, 4_900_000.0])
    return {
        "traps": traps + corner,
        "effort": effort,
        "points": points + corner,
        "spacing": 1000.0,
        "cell_area": 1.0,
        "detector": detector,
        "histories": histories,
    }
