"""Slow evidence: friction and density are recovered together on a landscape of ridges.

200 simulated surveys of animals that avoid valleys, 64 cameras, both signs tried in every fit. The
table of `docs/ecological_distance.md` between its two marks is written anew by

    python tests/test_proofs_ecological.py
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recovery_families
import tolerances

import secr_nea as sn
from secr_nea.maximise import maximise

PAGE = Path(__file__).resolve().parents[1] / "docs" / "ecological_distance.md"
BEGIN, END = "<!-- recovery: begin -->", "<!-- recovery: end -->"
N_SURVEYS = 200
SEED = 20_270_114
Z = recovery_families.Z
TRUTH = {
    "D:Intercept": float(np.log(4.0)),
    "D:valley": -0.4,
    "lambda0:Intercept": float(np.log(0.02)),
    "sigma:Intercept": float(np.log(4000.0)),
    "noneuc:valley": 0.6,
}
STRAIGHT = "D:valley, straight distances"


def ridges():
    """Model without animals: 34 x 34 cells of 1.5 km, ridges 9 km apart, a saddle across them."""
    column, row = np.meshgrid(np.arange(34), np.arange(34))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1500.0 + 750.0
    valley = np.sin(2.0 * np.pi * (xy[:, 0] + 0.4 * xy[:, 1]) / 9000.0)
    valley = np.where(np.abs(xy[:, 1] - 25_500.0) < 2500.0, valley - 0.7, valley)
    valley = (valley - valley.mean()) / valley.std()
    mask = sn.HabitatMask(xy, spacing=1500.0, covariates={"valley": valley})
    a, b = np.meshgrid(np.arange(8), np.arange(8))
    places = np.column_stack([a.ravel(), b.ravel()]) * 3300.0 + 14_000.0
    traps = sn.TrapArray(places, effort=np.full((64, 1), 90.0))
    nobody = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    return sn.Model(sn.Survey(nobody, mask, name="ridges"), D="~ valley", noneuc="~ valley - 1")


def fitted(survey, **formulas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return maximise(sn.Model(survey, D="~ valley", **formulas), progress=False)


def rows_of(survey):
    """Rows of one survey: quantity, truth, estimate, standard error, good."""
    fit, plain = fitted(survey, noneuc="~ valley - 1"), fitted(survey)
    rows = [
        (name, TRUTH[name], value, se, fit.diagnosis.good)
        for name, value, se in zip(fit.names, fit.coefficients, fit.standard_errors, strict=True)
    ]
    slope, error = plain.coefficients[1], plain.standard_errors[1]
    return [*rows, (STRAIGHT, TRUTH["D:valley"], slope, error, plain.diagnosis.good)]


@cache
def recovered():
    """All fits, one row for each quantity and survey."""
    world, frames = ridges(), []
    for number, seed in enumerate(np.random.SeedSequence(SEED).spawn(N_SURVEYS)):
        survey = sn.design.simulate_survey(world, TRUTH, seed=seed)
        frame = pd.DataFrame(
            rows_of(survey), columns=["quantity", "truth", "estimate", "se", "good"]
        )
        frames.append(
            frame.assign(
                survey=number, n_animals=survey.n_animals, n_detections=survey.n_detections
            )
        )
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(covered=(frame["estimate"] - frame["truth"]).abs() < Z * frame["se"])


def section():
    """The Markdown of the table."""
    frame = recovered()
    each = frame.drop_duplicates("survey")
    lines = [
        f"{len(each)} surveys of 64 cameras, on average {each['n_animals'].mean():.1f} animals and "
        f"{each['n_detections'].mean():.1f} detections;",
        f"{100.0 * each['good'].mean():.1f} % of the fits ended at a proper maximum. Behind ± "
        "stand Monte Carlo standard errors.",
        "",
        *recovery_families.table(frame),
    ]
    return "\n".join([BEGIN, "", *lines, "", END])


def write_section():
    text = PAGE.read_text(encoding="utf-8")
    before = text[text.index(BEGIN) : text.index(END) + len(END)]
    PAGE.write_text(text.replace(before, section()), encoding="utf-8")


@pytest.mark.proof
def test_friction_and_density_are_recovered():
    frame = recovered()
    assert frame["good"].all()
    ecological = frame[frame["quantity"] != STRAIGHT]
    found = recovery_families.summary(ecological)
    # every fit has the sign of the friction
    assert (frame.loc[frame["quantity"] == "noneuc:valley", "estimate"] > 0.0).all()
    # no bias beyond Monte Carlo error and a twentieth of a standard error
    allowed = tolerances.MONTE_CARLO * found["bias_error"] + 0.05 * found["rmse"]
    assert (found["bias"].abs() < allowed).all(), found
    margin = tolerances.MONTE_CARLO * np.sqrt(0.95 * 0.05 / N_SURVEYS)
    assert ((found["coverage"] - 0.95).abs() < margin).all(), found
    # with straight distances avoided valleys are taken for valleys without animals
    straight = recovery_families.summary(frame).loc[STRAIGHT, "bias"]
    assert abs(straight) > 5.0 * abs(found.loc["D:valley", "bias"])


if __name__ == "__main__":
    sn.set_threads(1)
    write_section()
