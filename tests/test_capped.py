"""Capped detectors: one animal an occasion at most, for which the whole population competes."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext
from functools import cache

import build
import naive
import numpy as np
import oracle
import pytest
import tolerances
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from strategies import densities, detection_parameters

import secr_nea as sn
from secr_nea import inference
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.capped import _log_caught, _log_caught_slope
from secr_nea.likelihood.points import expected_detected
from secr_nea.maximise import maximise

CASE = oracle.case("capped_null")


def differences(function, x, step=1e-4):
    """Central differences of the fourth order."""
    out = np.empty(len(x))
    for j in range(len(x)):
        e = np.zeros(len(x))
        e[j] = step
        out[j] = 8 * (function(x + e) - function(x - e)) - function(x + 2 * e) + function(x - 2 * e)
    return out / (12 * step)


@cache
def estimate():
    return maximise(build.model_of_case(CASE), progress=False)


def test_log_likelihood_is_r_s():
    model = build.model_of_case(CASE)
    for point in [*CASE["at"], CASE]:
        found = sn.log_likelihood(model, point["coefficients"])
        np.testing.assert_allclose(found, point["log_likelihood"], rtol=0.0, atol=1e-9)


def test_fit_is_r_s():
    found = estimate()
    assert found.diagnosis.good, found.diagnosis.message
    assert found.log_likelihood > CASE["log_likelihood"] - 1e-9
    away = (found.coefficients - CASE["coefficients"]) / CASE["standard_errors"]
    assert np.abs(away).max() < tolerances.ESTIMATE
    np.testing.assert_allclose(
        found.standard_errors, CASE["standard_errors"], **tolerances.SE_RELATIVE
    )


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_log_likelihood_is_that_of_the_twin(data):
    """Effort of all sizes, uneven density, either kind of detection function."""
    design = data.draw(build.surveyable_designs("capped"))
    function = data.draw(st.sampled_from(["hazard_half_normal", "hazard_exponential"]))
    parameters = data.draw(detection_parameters(function))
    density = data.draw(densities(len(design["points"])))
    hazard = naive.hazard(
        function, naive.distances(design["traps"], design["points"]), **parameters
    )
    hazard = np.array([hazard] * design["effort"].shape[1])
    animals = density * design["cell_area"] / 100
    assume(np.isfinite(naive.capped_hazard(hazard, design["effort"], animals)).all())
    expected = naive.log_likelihood(
        design["histories"], hazard, design["effort"], "capped", animals
    )
    assume(expected > -1e3)
    along = np.linspace(0, 1, len(density))
    survey = build.survey_of_design(design, mask={"along": along})
    at = {
        "D:Intercept": np.log(density[0]),
        "D:along": np.log(density[-1] / density[0]),
        "lambda0:Intercept": np.log(parameters["lambda0"]),
        "sigma:Intercept": np.log(parameters["sigma"]),
    }
    model = sn.Model(survey, detection=function, D="~ along")
    np.testing.assert_allclose(sn.log_likelihood(model, at), expected, rtol=1e-9, atol=1e-9)


def surveys_with(detector):
    """Two surveys with all sorts of covariates, capped detectors among others."""
    rng, out = np.random.default_rng(12), []
    for name in ("north", "south"):
        design = build.example_design("binary", n_occasions=3)
        design["detector"] = detector
        histories = design["histories"]
        for s, k in np.argwhere(histories.sum(axis=0) > 1):
            histories[np.flatnonzero(histories[:, s, k])[1:], s, k] = 0
        design["histories"] = histories[histories.sum(axis=(1, 2)) > 0]
        design["points"] = design["points"] + rng.uniform(-100, 100, 2)
        out.append(
            build.survey_of_design(
                design,
                name=name,
                trap={"height": rng.normal(size=4)},
                varying={"snow": rng.normal(size=(4, 3))},
                mask={"rugged": rng.normal(size=len(design["points"]))},
            )
        )
    return out


MIXED = ["capped", "binary", "capped", "multi"]


@pytest.mark.parametrize("detector", ["capped", MIXED])
@pytest.mark.parametrize("population", ["poisson", "binomial"])
@pytest.mark.parametrize(
    "function, formulas",
    [
        ("HHN", {"D": "~ rugged + session", "lambda0": "~ height + occasion", "sigma": "~ snow"}),
        ("HN", {"D": "~ rugged", "a0": "~ height", "sigma": "~ 1"}),
        ("HR", {"D": "~ x + y", "g0": "~ trap_detected_before", "z": "~ height"}),
        ("HEX", {"D": "~ s(rugged, k=4)", "lambda0": "~ detector"}),
    ],
)
def test_gradient_is_the_slope_of_the_value(function, formulas, population, detector):
    if detector == "capped" and "detector" in formulas.get("lambda0", ""):
        formulas = formulas | {"lambda0": "~ 1"}
    model = sn.Model(surveys_with(detector), detection=function, population=population, **formulas)
    starts = {"D": 3.5, "lambda0": -2.0, "g0": -1.7, "a0": 0.3, "sigma": 7.5, "z": 1.1}
    rng = np.random.default_rng(5)
    x = np.array(
        [
            starts[parameter] if column == "Intercept" else rng.normal(scale=0.1)
            for parameter, _, column in (name.partition(":") for name in model.coefficient_names)
        ]
    )
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert found == sn.log_likelihood(model, x)
    expected = differences(lambda b: sn.log_likelihood(model, b), x)
    np.testing.assert_allclose(gradient, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_expected_numbers_have_exact_gradients(elsewhere):
    """p. rests on the density of everybody, also at places beyond the mask."""
    model = sn.Model(surveys_with("capped"), D="~ rugged + session", lambda0="~ height")
    likelihood = likelihood_of(model)
    x = np.array([3.5, 0.2, -0.1, -1.9, 0.3, 7.4])
    xy = model.surveys[1].mask.xy[:20] + 137.0 if elsewhere else None
    n = 20 if elsewhere else model.surveys[1].mask.n_points
    weight = np.random.default_rng(3).uniform(0.1, 1.0, n)
    _, gradient = expected_detected(likelihood, x, 1, weight, xy)
    expected = differences(lambda b: expected_detected(likelihood, b, 1, weight, xy)[0][0], x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-7)
    assert np.abs(gradient[:2]).min() > 1e-3  # density matters


def test_hardly_anybody_competes_for_a_binary_detector():
    """At a density near 0 nobody competes: p = T h, and h' = -log(1 - T h)."""
    design = build.example_design("binary")
    design["effort"] = np.ones((4, 2))
    design["histories"] = design["histories"][:1]
    capped = build.survey_of_design(design | {"detector": "capped"})
    binary = build.survey_of_design(design)
    at = [-18.0, np.log(0.2), 7.4]
    linear = sn.user_detection_function(
        "linear", lambda d, sigma: np.exp(-0.5 * (d / sigma) ** 2), hazard=False
    )
    plain = sn.log_likelihood(sn.Model(binary, detection=linear, links={"g0": "log"}), at)
    found = sn.log_likelihood(sn.Model(capped), at)
    np.testing.assert_allclose(found, plain, rtol=1e-8)


def test_a_probability_cannot_pass_1():
    """One animal, a hazard of 5: the formula's p would be 5; the gradient is that of the value."""
    design = build.example_design("binary")
    design["histories"] = design["histories"][:1]
    model = sn.Model(build.survey_of_design(design | {"detector": "capped"}))
    x = np.array([-2.0, np.log(5.0), 7.4])
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert np.isfinite(found)
    expected = differences(lambda b: sn.log_likelihood(model, b), x, 1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4)


def test_share_of_a_catch_near_zero():
    """log((1 - exp(-H)) / H) and its slope, against numbers of fifty digits."""
    total = np.array([0.0, 1e-12, 9.99e-4, 1.001e-3, 0.5, 40.0, 700.0])
    with localcontext(prec=50):
        numbers = [Decimal(float(h)) for h in total[1:]]
        exact = [0.0, *(float(((1 - (-h).exp()) / h).ln()) for h in numbers)]
        slope = [-0.5, *(float(1 / (h.exp() - 1) - 1 / h) for h in numbers)]
    np.testing.assert_allclose(_log_caught(total), exact, rtol=1e-11)
    np.testing.assert_allclose(_log_caught_slope(total), slope, rtol=1e-11)


def test_a_certain_catch_is_a_boundary():
    """Hardly any animal lives here: p = T h (1 - exp(-H)) / H would pass 1."""
    design = build.example_design("binary")
    design["effort"] = np.ones((4, 2))
    keep = np.zeros((1, 2, 4), dtype=np.int64)
    keep[0, :, 0] = 1
    survey = build.survey_of_design(design | {"histories": keep, "detector": "capped"})
    found = maximise(sn.Model(survey, fixed={"sigma": 700.0, "D": 1e-4}), progress=False)
    assert found.diagnosis.boundary == ("lambda0",)
    assert "lambda0 stands at the edge of what is possible" in found.diagnosis.message


# --- what is asked of a fit -----------------------------------------------------------------------


def test_derived_values_are_the_naive_ones():
    fit = sn.FitResult.of(estimate())
    survey = fit.model.surveys[0]
    density, g0, sigma = np.exp(fit.coefficients)
    g0 = g0 / (1 + g0)
    distance = naive.distances(survey.traps.xy, survey.mask.xy)
    hazard = naive.hazard("half_normal", distance, g0=g0, sigma=sigma)
    hazard = np.array([hazard] * survey.traps.n_occasions)
    animals = np.full(survey.mask.n_points, density * survey.mask.cell_area / 100)
    capped = naive.capped_hazard(hazard, survey.traps.effort, animals)
    pdot = naive.probability_of_detection(capped, np.ones_like(survey.traps.effort), "binary")
    np.testing.assert_allclose(fit.pdot(), pdot, rtol=1e-9)
    area = fit.effective_sampling_area()["estimate"].iloc[0]
    np.testing.assert_allclose(area, pdot.sum() * survey.mask.cell_area, rtol=1e-9)
    row = fit.abundance().iloc[0]
    missed = (animals * (1 - pdot)).sum()
    np.testing.assert_allclose(row["realised_n"], survey.n_animals + missed, rtol=1e-9)
    histories = np.zeros((survey.n_animals, survey.traps.n_occasions, survey.traps.n_traps), int)
    captures = survey.captures
    histories[captures.animal, captures.occasion, captures.trap] = 1
    log_pr = naive.history_log_probabilities(
        histories, capped, np.ones_like(survey.traps.effort), "binary"
    )
    found = inference.activity.activity_center_probabilities(fit, 0)
    np.testing.assert_allclose(
        found, naive.activity_center_probabilities(log_pr, animals), rtol=1e-8, atol=1e-14
    )


def test_a_simulated_trap_keeps_one_animal():
    """Fifty animals at one point: the trap is taken with 1 - exp(-50 T h), by any of them."""
    traps = sn.TrapArray([[0.0, 0.0]], detector="capped", effort=np.full((1, 4000), 0.5))
    found = sn.design.simulate_captures(
        np.tile([[100.0, 0.0]], (50, 1)), traps, lambda0=0.04, sigma=1000.0, seed=4
    ).captures
    expected = -np.expm1(-50 * 0.5 * 0.04 * np.exp(-0.005))
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert abs(found.n_detections / 4000 - expected) < tolerances.MONTE_CARLO * error
    each = np.bincount(found.animal, minlength=50)
    assert each.std() < 2.0 * np.sqrt(each.mean())


def test_a_survey_of_simulated_capped_detectors_is_fitted_again():
    truth = estimate()
    survey = sn.design.simulate_survey(truth.model, truth.coefficients, seed=2)
    again = maximise(sn.Model(survey, detection="HN"), progress=False)
    off = (again.coefficients - truth.coefficients) / again.standard_errors
    assert again.diagnosis.good
    assert np.abs(off).max() < tolerances.MONTE_CARLO


# --- what is refused -----------------------------------------------------------------------------


def test_two_animals_at_one_capped_detector_are_told():
    traps = sn.TrapArray([[0, 0], [3000, 0]], detector="capped", ids=["A", "B"], n_occasions=2)
    with pytest.raises(sn.DataError, match="keeps one animal per occasion at most: animal '1' at"):
        sn.CaptureHistory(traps, animal=[0, 1], occasion=[1, 1], trap=[0, 0])
    with pytest.raises(sn.DataError, match=r"one animal per occasion at most.*\(count 2\)"):
        sn.CaptureHistory(traps, animal=[0], occasion=[1], trap=[0], count=[2])
    sn.CaptureHistory(traps, animal=[0, 1], occasion=[1, 1], trap=[0, 1])


@pytest.mark.parametrize(
    "options, words",
    [
        ({"population": "conditional"}, "need density in the likelihood"),
        ({"classes": 2}, "leave out classes="),
        ({"lambda0": "~ detected_before"}, "leave detected_before out"),
        ({"lambda0_location": "~ rugged"}, "leave lambda0_location out"),
        ({"sigmak": "~ 1"}, "leave sigmak out"),
    ],
)
def test_models_without_a_likelihood_are_told(options, words):
    with pytest.raises(sn.ModelError, match=words):
        sn.Model(surveys_with("capped"), **options)


def test_all_histories_of_one_animal_add_up_to_p():
    """sum over histories of D a Pr(w | x) = sum D a p., whatever the others do."""
    design = build.example_design("capped")
    design |= {"traps": design["traps"][:2], "effort": design["effort"][:2]}
    at = [2.5, -1.0, 7.4]
    empty = np.zeros((0, 2, 2), dtype=np.int64)
    nobody = sn.log_likelihood(sn.Model(build.survey_of_design(design | {"histories": empty})), at)
    total = 0.0
    for history in itertools.product((0, 1), repeat=4):
        if any(history):
            one = design | {"histories": np.array(history).reshape(1, 2, 2)}
            value = sn.log_likelihood(sn.Model(build.survey_of_design(one)), at)
            total += np.exp(value - nobody)
    np.testing.assert_allclose(total, -nobody, rtol=1e-12)
