"""Fits against R secr 5.5.0: maxima, standard errors, AIC, real parameters, derived quantities."""

from __future__ import annotations

import dataclasses
from functools import cache

import build
import naive
import naive_model
import numpy as np
import oracle
import pytest
import tolerances

import secr_nea as sn
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.likelihood import likelihood_of
from secr_nea.maximise import maximise


def has_maximum(case):
    return build.is_supported(case) and case["coefficients"] is not None


CASES = [name for name in oracle.case_names() if has_maximum(oracle.case(name))]
WITH_ABUNDANCE = [name for name in CASES if "abundance" in oracle.case(name)["extras"]]
WITH_POINTS = [name for name in CASES if "points" in oracle.case(name)["extras"]]
WITH_ESTIMATES = [name for name in CASES if oracle.case(name)["estimates"] is not None]
N_OF_FAMILY = {"binomial": 2, "count": 2, "proximity": 16, "sessions": 6}
# R writes AIC and AICc with three decimals.
AIC = {"rtol": 0.0, "atol": 6e-4}


@cache
def estimate_of(name):
    """The fit of a case; it must end at a proper maximum."""
    return maximise(build.model_of_case(oracle.case(name)), progress=False)


@cache
def at_r_s_maximum(name):
    """The fit with R's coefficients in place of ours: derived values agree to R's digits."""
    return dataclasses.replace(
        sn.FitResult.of(estimate_of(name)), coefficients=oracle.case(name)["coefficients"]
    )


def test_no_case_is_lost():
    families = [name.partition("_")[0] for name in CASES]
    assert {family: families.count(family) for family in families} == N_OF_FAMILY
    assert (len(WITH_ABUNDANCE), len(WITH_POINTS), len(WITH_ESTIMATES)) == (8, 5, 25)


@pytest.mark.parametrize("name", CASES)
def test_maximum_is_not_below_r_s(name):
    case, estimate = oracle.case(name), estimate_of(name)
    assert estimate.diagnosis.good, estimate.diagnosis.message
    assert estimate.log_likelihood > case["log_likelihood"] - tolerances.GOLDEN["atol"]
    assert estimate.log_likelihood == pytest.approx(
        sn.log_likelihood(estimate.model, estimate.coefficients), abs=1e-9
    )


@pytest.mark.parametrize("name", CASES)
def test_coefficients_and_their_errors_are_r_s(name):
    case, estimate = oracle.case(name), estimate_of(name)
    assert estimate.names == tuple(case["names"])
    away = (estimate.coefficients - case["coefficients"]) / case["standard_errors"]
    assert np.abs(away).max() < tolerances.ESTIMATE
    np.testing.assert_allclose(
        estimate.standard_errors, case["standard_errors"], **tolerances.SE_RELATIVE
    )


@pytest.mark.parametrize("name", CASES)
def test_standard_errors_are_those_of_an_independent_hessian(name):
    """Second differences of the log-likelihood's value, in place of its gradient's."""
    estimate = estimate_of(name)
    value = likelihood_of(estimate.model).value
    steps = np.diag(0.05 * estimate.standard_errors)
    n = len(steps)
    information = np.empty((n, n))
    for i in range(n):
        for j in range(i + 1):
            plus, minus = steps[i] + steps[j], steps[i] - steps[j]
            around = [value(estimate.coefficients + sign * plus) for sign in (1, -1)]
            across = [value(estimate.coefficients + sign * minus) for sign in (1, -1)]
            second = (sum(around) - sum(across)) / (4 * steps[i, i] * steps[j, j])
            information[i, j] = information[j, i] = -second
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(estimate.standard_errors, errors, **tolerances.SE_RELATIVE)


@pytest.mark.parametrize("name", CASES)
def test_criteria_are_r_s(name):
    case, estimate = oracle.case(name), estimate_of(name)
    assert estimate.n_parameters == case["n_parameters"]
    np.testing.assert_allclose(estimate.aic, case["AIC"], **AIC)
    np.testing.assert_allclose(estimate.aicc, case["AICc"], **AIC)


# --- real parameters -----------------------------------------------------------------------------


def is_level(parameter):
    """Whether a parameter is the same everywhere."""
    return parameter.rows.shape == (1, 1)


@pytest.mark.parametrize("name", WITH_ESTIMATES)
def test_level_real_parameters_are_r_s(name):
    """R shows parameters with covariates at its own reference; the others can be compared."""
    fit, r = sn.FitResult.of(estimate_of(name)), oracle.case(name)["estimates"]
    ours = fit.real_parameters().set_index("parameter")
    level = [p for p, parameter in fit.model.parameters.items() if is_level(parameter)]
    assert level or name == "sessions_all_session"
    for parameter in level:
        for _, row in r[r["parameter"] == parameter].iterrows():
            mine = ours.loc[parameter]
            assert abs(mine["estimate"] - row["estimate"]) < 0.01 * row["standard_error"]
            theirs = row[["standard_error", "lower", "upper"]].astype(float)
            np.testing.assert_allclose(
                mine[["se", "lower", "upper"]].astype(float), theirs, **tolerances.SE_RELATIVE
            )


def test_real_parameters_of_surveys_are_r_s():
    """Density by session, in R's order."""
    fit = sn.FitResult.of(estimate_of("sessions_D_session"))
    ours = fit.real_parameters().query("parameter == 'D'")
    theirs = oracle.case("sessions_D_session")["estimates"].query("parameter == 'D'")
    assert [f"session={one}" for one in ("north", "middle", "south")] == list(ours["at"])
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-5)
    for mine, r in (("se", "standard_error"), ("lower", "lower"), ("upper", "upper")):
        np.testing.assert_allclose(ours[mine], theirs[r], **tolerances.SE_RELATIVE)


def test_real_parameters_of_trap_levels_are_r_s():
    """R's reference is the first level; ours shows every level."""
    fit = sn.FitResult.of(estimate_of("count_topo_rugged"))
    ours = fit.real_parameters().query("at == 'topo=canyon'").iloc[0]
    r = oracle.case("count_topo_rugged")["estimates"].query("parameter == 'lambda0'").iloc[0]
    np.testing.assert_allclose(ours["estimate"], r["estimate"], rtol=1e-5)
    np.testing.assert_allclose(ours["se"], r["standard_error"], **tolerances.SE_RELATIVE)


# --- derived quantities --------------------------------------------------------------------------


def abundance_of_r(name):
    """Rows (session, expected, realised) of R's tables."""
    tables = oracle.case(name)["extras"]["abundance"]
    for session, table in tables.items():
        rows = table.set_index("which")
        yield session, rows.loc["expected"], rows.loc["realised"]


@pytest.mark.parametrize("name", WITH_ABUNDANCE)
def test_numbers_of_animals_are_r_s(name):
    ours = at_r_s_maximum(name).abundance().set_index("survey")
    assert len(ours) == len(oracle.case(name)["extras"]["abundance"])
    for session, expected, realised in abundance_of_r(name):
        mine = ours.loc[session] if session else ours.iloc[0]
        np.testing.assert_allclose(mine["expected_n"], expected["estimate"], **tolerances.DERIVED)
        assert mine["n_detected"] == expected["n"]
        if estimate_of(name).model.population == "poisson":
            np.testing.assert_allclose(
                mine["realised_n"], realised["estimate"], **tolerances.DERIVED
            )


@pytest.mark.parametrize("name", WITH_ABUNDANCE)
def test_errors_of_numbers_are_r_s(name):
    """Where density is level, R takes the error of the mean of a log-normal, not its first order.

    That is E sqrt(exp(s^2) - 1) in place of E s, with s the error of log D; the realised error
    follows from it.
    """
    fit = at_r_s_maximum(name)
    ours = fit.abundance().set_index("survey")
    for session, expected, realised in abundance_of_r(name):
        mine = ours.loc[session] if session else ours.iloc[0]
        first, number = mine["expected_se"], mine["expected_n"]
        error = first
        if is_level(fit.model.parameters["D"]):
            error = number * np.sqrt(np.expm1((first / number) ** 2))
        np.testing.assert_allclose(error, expected["standard_error"], **tolerances.SE_RELATIVE)
        for side in ("lower", "upper"):
            np.testing.assert_allclose(mine[f"expected_{side}"], expected[side], rtol=0.01)
        if fit.model.population == "binomial":
            continue
        if mine["variance"] == "poisson":
            error = np.sqrt(mine["realised_se"] ** 2 + error**2 - first**2)
            np.testing.assert_allclose(error, realised["standard_error"], rtol=0.01)
            for side in ("lower", "upper"):
                np.testing.assert_allclose(mine[f"realised_{side}"], realised[side], rtol=0.01)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_effective_area_is_r_s(name):
    table = at_r_s_maximum(name).effective_sampling_area()
    area = oracle.case(name)["extras"]["effective_area"]
    np.testing.assert_allclose(table["estimate"], area, **tolerances.DERIVED)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_probability_of_detection_at_points_is_r_s(name):
    """With trap covariates R takes the first level everywhere; so does this test."""
    fit, extras = at_r_s_maximum(name), oracle.case(name)["extras"]
    if name == "count_topo_rugged":
        level = ["topo" in coefficient for coefficient in fit.names]
        fit = dataclasses.replace(fit, coefficients=np.where(level, 0.0, fit.coefficients))
    np.testing.assert_allclose(fit.pdot(extras["points"]), extras["pdot"], **tolerances.DERIVED)


@pytest.mark.parametrize("name", WITH_POINTS)
def test_activity_centres_are_r_s(name):
    """For counts R takes the mean T g where its likelihood takes T h: 1 % apart at 0.01 a day."""
    fit, extras = at_r_s_maximum(name), oracle.case(name)["extras"]
    survey = fit.model.surveys[0]
    cell, away = survey.mask.nearest(extras["points"])
    assert away.max() < 1e-6
    rows = activity_center_probabilities(fit, 0)
    closely = {"rtol": 1e-6, "atol": 1e-12}
    if survey.traps.detector_type == "count":
        closely = {"rtol": 0.05, "atol": 1e-5}
    for animal, probability in extras["activity_center_probability"].items():
        mine = rows[survey.captures.animal_ids.index(animal), cell]
        np.testing.assert_allclose(mine, probability, **closely)


@pytest.mark.parametrize("name", [name for name in WITH_POINTS if name.startswith("count")])
def test_activity_centres_of_counts_are_those_of_the_likelihood(name):
    case, fit = oracle.case(name), at_r_s_maximum(name)
    session, data = next(iter(oracle.survey(case["survey"])["sessions"].items()))
    hazard = naive_model.hazards_at(case, fit.coefficients, session)
    animals = naive_model.animals_per_cell(case, fit.coefficients, session)
    log_pr = naive.history_log_probabilities(
        oracle.dense_histories(data), hazard, data["effort"], case["detector"]
    )
    expected = naive.activity_center_probabilities(log_pr, animals)
    ids = fit.model.surveys[0].captures.animal_ids
    order = [list(data["individuals"]["animal_id"]).index(one) for one in ids]
    np.testing.assert_allclose(
        activity_center_probabilities(fit, 0), expected[order], rtol=1e-8, atol=1e-14
    )
