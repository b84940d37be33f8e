"""The effective sampling area as a parameter in place of the amplitude of detection."""

from __future__ import annotations

from functools import cache

import build
import naive
import numpy as np
import pytest
from scipy.optimize import brentq
from test_individuals import surveys_of

import secr_nea as sn
from secr_nea.maximise import maximise
from secr_nea.plot._curves import detection_curves


@cache
def both():
    """Three surveys with detection of their own: by lambda0, and by effective area."""
    surveys = surveys_of("three_ridges")
    formulas = {"D": "~ session", "sigma": "~ session"}
    plain = maximise(sn.Model(surveys, lambda0="~ session", **formulas), progress=False)
    area = maximise(sn.Model(surveys, esa="~ session", **formulas), progress=False)
    return plain, area


def test_it_is_another_way_to_say_the_same():
    plain, area = both()
    assert area.diagnosis.good
    np.testing.assert_allclose(area.log_likelihood, plain.log_likelihood, atol=1e-6)
    found = sn.FitResult.of(plain).effective_sampling_area()
    given = sn.FitResult.of(area).real_parameters().query("parameter == 'esa'")
    np.testing.assert_allclose(given["estimate"], found["estimate"], rtol=1e-5)
    np.testing.assert_allclose(given["se"], found["se"], rtol=0.02)
    assert set(given["unit"]) == {"km2"}
    assert area.names[3] == "esa:Intercept"


def test_fixed_area_is_the_area_of_the_fit():
    survey = build.survey_of_design(build.example_design())
    fit = sn.FitResult.of(maximise(sn.Model(survey, fixed={"esa": 12.0}), progress=False))
    np.testing.assert_allclose(fit.effective_sampling_area()["estimate"], 12.0, rtol=1e-9)
    n = survey.n_animals
    np.testing.assert_allclose(np.exp(fit.coefficients[0]), 100 * n / 12.0, rtol=1e-5)


def test_amplitude_is_the_root_by_bisection():
    """Traps with a sigma and effort of their own, and the naive probability of detection."""
    design = build.example_design()
    height = np.array([-1.0, 0.5, 1.0, 0.2])
    survey = build.survey_of_design(design, trap={"height": height})
    model = sn.Model(survey, esa="~ 1", sigma="~ height")
    sigma = np.exp(7.3 + 0.2 * height)
    found = model.detection_values(np.array([0.0, np.log(14.0), 7.3, 0.2]))
    np.testing.assert_allclose(found[1], sigma, rtol=1e-12)
    distance = naive.distances(design["traps"], design["points"])

    def excess(log_lambda0):
        hazard = np.exp(log_lambda0 - distance**2 / (2 * sigma[:, None] ** 2))
        pdot = naive.probability_of_detection(np.array([hazard] * 2), design["effort"], "count")
        return pdot.sum() * design["cell_area"] - 14.0

    expected = np.exp(brentq(excess, -12, 5, xtol=1e-14))
    np.testing.assert_allclose(found[0], expected, rtol=1e-9)


@pytest.mark.parametrize(
    "function, options",
    [
        ("HHN", {"sigma": "~ detected_before", "classes": "sex", "esa": "~ sex"}),
        ("HHR", {"sigma": "~ rug_std_trap", "esa": "~ session"}),
        ("HEX", {"sigma": "~ sex", "esa": "~ sex", "population": "conditional"}),
    ],
)
def test_gradient_is_the_slope_of_the_value(function, options):
    surveys = surveys_of("three_ridges")
    if "classes" in options:
        surveys = surveys[:2]
    if "population" in options:
        surveys = surveys_of("ridge_proximity_known_sex")
    trap = [c for c in surveys[0].traps.covariates if c != "detector"]
    formulas = {k: v.replace("rug_std_trap", trap[0]) for k, v in options.items()}
    model = sn.Model(surveys, detection=function, **formulas)
    starts = {"D": 0.6, "esa": 7.5, "sigma": 8.4, "z": 1.1, "pmix": -0.3}
    x = np.array(
        [
            starts[name.partition(":")[0]] if name.endswith("Intercept") else 0.07
            for name in model.coefficient_names
        ]
    )
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert np.isfinite(found)
    for j, e in enumerate(1e-5 * np.eye(len(x))):
        slope = (sn.log_likelihood(model, x + e) - sn.log_likelihood(model, x - e)) / 2e-5
        np.testing.assert_allclose(gradient[j], slope, rtol=1e-5, atol=1e-5)


def test_an_area_larger_than_the_mask_is_impossible():
    survey = build.survey_of_design(build.example_design())
    model = sn.Model(survey, esa="~ 1")
    assert sn.log_likelihood(model, [0.0, np.log(survey.mask.area), 7.4]) == -np.inf
    assert np.isfinite(sn.log_likelihood(model, [0.0, np.log(0.9 * survey.mask.area), 7.4]))


def test_curves_are_those_of_the_amplitude():
    plain, area = both()
    distance = np.array([0.0, 4000.0])
    curves, _ = detection_curves(area, distance, by=None, level=0.95)
    same, _ = detection_curves(plain, distance, by=None, level=0.95)
    assert [curve.label for curve in curves] == ["north", "middle", "south"]
    for one, other in zip(curves, same, strict=True):
        np.testing.assert_allclose(one.hazard, other.hazard, rtol=1e-4)
        np.testing.assert_allclose(one.upper, other.upper, rtol=0.02)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"esa": "~ 1", "lambda0": "~ 1"}, "takes the place of lambda0"),
        ({"esa": "~ 1", "a0": "~ 1"}, "takes the place of"),
        ({"esa": "~ 1", "detection": "HN"}, "needs a hazard"),
        ({"esa": "~ occasion"}, "an effective sampling area is that of a survey"),
        ({"esa": "~ detected_before"}, "an effective sampling area is that of a survey"),
        ({"esa": "~ 1", "sigmak": "~ 1"}, "cannot be combined with sigmak"),
    ],
)
def test_what_an_area_cannot_be(options, words):
    survey = build.survey_of_design(build.example_design("binary"))
    with pytest.raises(sn.ModelError, match=words):
        sn.Model(survey, **options)


def test_searches_have_no_area_parameter():
    design = build.example_design("binary")
    design["histories"] = design["histories"][:1]
    capped = build.survey_of_design(design | {"detector": "capped"})
    with pytest.raises(sn.ModelError, match="not for capped detectors"):
        sn.Model(capped, esa="~ 1")
