"""Models: parameters, formulas on several surveys, and what errors tell."""

from __future__ import annotations

import build
import numpy as np
import pytest

import secr_nea as sn
from secr_nea.links import LINKS, link


def survey(name="south", **covariates):
    """Four traps on two occasions with one covariate of each kind."""
    design = build.example_design("count")
    n_points = len(design["points"])
    return build.survey_of_design(
        design,
        name=name,
        trap={"height": [0.1, -0.4, 0.9, 0.3], "topo": ["ridge", "valley", "ridge", "flat"]},
        varying={"snow": np.arange(8.0).reshape(4, 2)},
        mask={"rugged": np.sin(np.arange(n_points)), "land": ["A", "B"] * (n_points // 2)},
        occasion={"warm": [0.2, 1.4]},
        **covariates,
    )


def surveys():
    """Three surveys whose names are not in alphabetical order."""
    return [
        survey(name, survey={"year": year})
        for name, year in (("west", 2019), ("east", 2020), ("middle", 2021))
    ]


def rows_of(model, b):
    """Rows (trap, occasion) of a survey whose animals are all alike: one class, pattern, state."""
    rows = model.detection_rows.rows[b]
    assert rows.shape[:-2] == (1, 1, 1)
    return rows[0, 0, 0]


# --- parameters and names ------------------------------------------------------------------------


def test_names_of_the_plain_model():
    model = sn.Model(survey())
    assert model.coefficient_names == ("D:Intercept", "lambda0:Intercept", "sigma:Intercept")
    assert list(model.parameters) == ["D", "lambda0", "sigma"]
    assert model.n_coefficients == 3
    assert repr(model) == "Model(hazard_half_normal; D ~ 1, lambda0 ~ 1, sigma ~ 1)"


@pytest.mark.parametrize(
    "detection, options, names",
    [
        ("HR", {}, ["D", "g0", "sigma", "z"]),
        ("WEX", {}, ["D", "g0", "sigma", "w"]),
        ("HHN", {"a0": "~ 1"}, ["D", "a0", "sigma"]),
        ("HR", {"fixed": {"a0": 2.0}}, ["D", "a0", "sigma", "z"]),
    ],
)
def test_parameters_of_the_detection_function(detection, options, names):
    assert list(sn.Model(survey(), detection=detection, **options).parameters) == names


def test_coefficients_of_each_parameter_follow_each_other():
    model = sn.Model(survey(), D="~ land + rugged", a0="~ topo", sigma="~ occasion + snow")
    assert model.coefficient_names == (
        "D:Intercept",
        "D:land[T.B]",
        "D:rugged",
        "a0:Intercept",
        "a0:topo[T.ridge]",
        "a0:topo[T.valley]",
        "sigma:Intercept",
        "sigma:occasion[T.2]",
        "sigma:snow",
    )


def test_covariates_of_occasions():
    model = sn.Model(survey(), lambda0="~ warm")
    warm = model.detection_rows.frame["warm"].to_numpy()[rows_of(model, 0)]
    np.testing.assert_array_equal(warm, [[0.2, 1.4]] * 4)


def test_surveys_keep_their_order_as_levels():
    model = sn.Model(surveys(), D="~ session", lambda0="~ session")
    assert model.coefficient_names[:3] == (
        "D:Intercept",
        "D:session[T.east]",
        "D:session[T.middle]",
    )
    assert model.coefficient_names[3:6] == tuple(
        f"lambda0:{column}" for column in ("Intercept", "session[T.east]", "session[T.middle]")
    )
    x = model.coefficients([0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 7.0])
    density = np.log(model.parameters["D"].values(x)[model.parameters["D"].row_of])
    np.testing.assert_allclose(density, np.repeat([0.0, 1.0, 2.0], 56), atol=1e-12)
    lambda0 = np.log(model.detection_values(x)[0])
    np.testing.assert_allclose(np.unique(lambda0.round(9)), [0.0, 3.0, 4.0])


def test_trends_and_covariates_of_surveys():
    model = sn.Model(surveys(), D="~ session_trend", sigma="~ scale(year) + occasion_trend")
    rows = model.parameters["D"].rows[model.parameters["D"].row_of]
    np.testing.assert_array_equal(rows[:, 1], np.repeat([0.0, 1.0, 2.0], 56))
    sigma = model.parameters["sigma"]
    trend = sigma.rows[sigma.row_of][:, 2].reshape(3, 4, 2)
    np.testing.assert_array_equal(trend, np.broadcast_to([0.0, 1.0], (3, 4, 2)))


def test_rows_of_traps_and_occasions():
    """A row a trap; a row for each occasion only where something changes with it."""
    constant = sn.Model(surveys(), lambda0="~ topo")
    assert len(constant.detection_rows.frame) == 12
    np.testing.assert_array_equal(rows_of(constant, 1), np.arange(4, 8)[:, None] * [1, 1])
    varying = sn.Model(surveys(), lambda0="~ snow")
    assert len(varying.detection_rows.frame) == 24
    snow = varying.detection_rows.frame["snow"].to_numpy()
    np.testing.assert_array_equal(snow[rows_of(varying, 2)], np.arange(8.0).reshape(4, 2))


def test_location_is_centred_and_scaled():
    model = sn.Model(survey(), D="~ x + y")
    rows = model.parameters["D"].rows[:, 1:]
    np.testing.assert_allclose(rows.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(rows.std(axis=0, ddof=1), 1.0, rtol=1e-12)


def test_fixed_parameters_have_no_coefficients():
    model = sn.Model(survey(), fixed={"sigma": 1700.0}, D="~ rugged")
    assert model.coefficient_names == ("D:Intercept", "D:rugged", "lambda0:Intercept")
    np.testing.assert_array_equal(model.parameters["sigma"].values(np.zeros(3)), [1700.0])
    assert "sigma fixed at 1700" in repr(model)


@pytest.mark.parametrize("name", LINKS)
def test_links_go_both_ways(name):
    one = link(name)
    natural = np.array([0.01, 0.3, 0.97])
    eta = one.forward(natural)
    np.testing.assert_allclose(one.inverse(eta), natural, rtol=1e-13)
    step = 1e-6
    slope = (one.inverse(eta + step) - one.inverse(eta - step)) / (2 * step)
    np.testing.assert_allclose(one.slope(eta), slope, rtol=1e-7)


def test_links_of_parameters():
    model = sn.Model(survey(), detection="HN", links={"D": "identity", "g0": "log"})
    assert {name: p.link.name for name, p in model.parameters.items()} == {
        "D": "identity",
        "g0": "log",
        "sigma": "log",
    }


# --- errors --------------------------------------------------------------------------------------


def test_unknown_parameter():
    with pytest.raises(sn.ModelError, match=r"sigm is not a parameter of hazard_half_normal"):
        sn.Model(survey(), sigm="~ 1")
    with pytest.raises(sn.ModelError, match=r"Did you mean 'sigma'\?"):
        sn.Model(survey(), sigm="~ 1")
    with pytest.raises(sn.ModelError, match="Its parameters are D, lambda0, sigma .or a0 for"):
        sn.Model(survey(), g0="~ 1")
    with pytest.raises(sn.ModelError, match="z is not a parameter"):
        sn.Model(survey(), fixed={"z": 2.0})
    with pytest.raises(sn.ModelError, match="g0 is not a parameter"):
        sn.Model(survey(), links={"g0": "logit"})


@pytest.mark.parametrize(
    "options",
    [
        {"a0": "~ 1", "lambda0": "~ 1"},
        {"a0": "~ 1", "fixed": {"lambda0": 0.1}},
        {"lambda0": "~ 1", "fixed": {"a0": 0.1}},
    ],
)
def test_a0_and_its_amplitude(options):
    with pytest.raises(sn.ModelError, match="a0 takes the place of lambda0; give one of the two"):
        sn.Model(survey(), **options)


def test_a_fixed_parameter_has_no_formula():
    with pytest.raises(sn.ModelError, match="sigma has a formula and is fixed as well"):
        sn.Model(survey(), sigma="~ 1", fixed={"sigma": 2000.0})


@pytest.mark.parametrize(
    "detection, fixed, told",
    [
        ("HHN", {"sigma": -1.0}, r"fixed sigma = -1.0 is not possible; it must be a positive"),
        ("HHN", {"lambda0": 0.0}, "fixed lambda0 = 0.0 .* positive number"),
        ("HHN", {"D": np.nan}, "fixed D = nan"),
        ("HHN", {"D": np.inf}, "fixed D = inf"),
        ("HN", {"g0": 1.0}, "fixed g0 = 1.0 .* between 0 and 1"),
    ],
)
def test_impossible_fixed_values(detection, fixed, told):
    with pytest.raises(sn.ModelError, match=told):
        sn.Model(survey(), detection=detection, fixed=fixed)


def test_a_fixed_value_is_a_number():
    with pytest.raises(sn.ModelError, match="fixed sigma = 'wide'"):
        sn.Model(survey(), fixed={"sigma": "wide"})


def test_unknown_words():
    with pytest.raises(sn.ModelError, match="no link 'probit'. Choose one of log, logit, identity"):
        sn.Model(survey(), links={"D": "probit"})
    with pytest.raises(sn.ModelError, match="population = 'fixed' is not known; choose one of poi"):
        sn.Model(survey(), population="fixed")
    with pytest.raises(sn.ModelError, match="no detection function 'HNN'"):
        sn.Model(survey(), detection="HNN")


def test_errors_of_formulas_name_what_is_there():
    with pytest.raises(sn.FormulaError, match=r"uses 'ruged'.* Did you mean 'rugged'"):
        sn.Model(survey(), D="~ ruged")
    with pytest.raises(sn.FormulaError, match=r"uses 'rugged'.*Available: .*height"):
        sn.Model(survey(), sigma="~ rugged")
    with pytest.raises(sn.FormulaError, match="must be text such as '~ 1'; got 1"):
        sn.Model(survey(), D=1)
    with pytest.raises(sn.FormulaError, match="for lambda0, .*dependent"):
        sn.Model(survey(), lambda0="~ height + I(2 * height)")


def test_a_covariate_must_be_in_every_survey():
    without = build.survey_of_design(build.example_design("count"), name="bare")
    with pytest.raises(sn.FormulaError, match="uses 'height', which is not among the covariates"):
        sn.Model([survey(), without], lambda0="~ height")


def test_levels_of_all_surveys_are_joined():
    design = build.example_design("count")
    other = build.survey_of_design(design, name="north", trap={"topo": list("aaab")})
    model = sn.Model([survey(), other], lambda0="~ topo")
    columns = [name for name in model.coefficient_names if "topo" in name]
    assert [name.partition("[T.")[2] for name in columns] == ["b]", "flat]", "ridge]", "valley]"]
