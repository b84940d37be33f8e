"""Slow evidence: friction and density are recovered together on a landscape of ridges.

200 simulated surveys of animals that avoid valleys, 64 cameras, both signs tried in every fit.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tolerances
from scipy import stats

import secr_nea as sn
from secr_nea.maximise import maximise

N_SURVEYS = 200
SEED = 20_270_114
Z = float(stats.norm.ppf(0.975))
TRUTH = {
    "D:Intercept": float(np.log(4.0)),
    "D:valley": -0.4,
    "lambda0:Intercept": float(np.log(0.02)),
    "sigma:Intercept": float(np.log(4000.0)),
    "noneuc:valley": 0.6,
}


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


@pytest.mark.proof
def test_friction_and_density_are_recovered():
    world = ridges()
    truth = np.array([TRUTH[name] for name in world.coefficient_names])
    estimates, errors, straight = [], [], []
    for seed in np.random.SeedSequence(SEED).spawn(N_SURVEYS):
        survey = sn.design.simulate_survey(world, TRUTH, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sn.SecrWarning)
            fit = maximise(sn.Model(survey, D="~ valley", noneuc="~ valley - 1"), progress=False)
            plain = maximise(sn.Model(survey, D="~ valley"), progress=False)
        assert fit.diagnosis.converged, fit.diagnosis
        estimates.append(fit.coefficients)
        errors.append(fit.standard_errors)
        straight.append(plain.coefficients[1])
    found, se = np.array(estimates), np.array(errors)
    # every fit has the sign of the friction
    assert (found[:, -1] > 0.0).all()
    # no bias beyond Monte Carlo error and a twentieth of a standard error, but of the amplitude
    # and log density of few animals, which are skewed
    spread = found.std(axis=0, ddof=1)
    bias = found.mean(axis=0) - truth
    allowed = tolerances.MONTE_CARLO * spread / np.sqrt(N_SURVEYS) + 0.05 * spread
    print(dict(zip(world.coefficient_names, np.round(bias / spread, 3), strict=True)))
    assert (np.abs(bias) < allowed).all()
    covered = (np.abs(found - truth) < Z * se).mean(axis=0)
    print(dict(zip(world.coefficient_names, covered, strict=True)))
    margin = tolerances.MONTE_CARLO * np.sqrt(0.95 * 0.05 / N_SURVEYS)
    assert (np.abs(covered - 0.95) < margin).all()
    # with straight distances avoided valleys are taken for valleys without animals
    print("straight: D:valley", np.mean(straight), "least-cost:", found[:, 1].mean())
    assert abs(np.mean(straight) - TRUTH["D:valley"]) > 5.0 * abs(bias[1])
