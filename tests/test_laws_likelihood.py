"""What must be true of the log-likelihood and its gradient whatever the data are."""

from __future__ import annotations

import gc
import itertools
import math
import warnings
import weakref
from dataclasses import replace

import build
import naive
import numpy as np
import pandas as pd
import pytest
import tolerances
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from scipy import special
from strategies import (
    HAZARD_FUNCTIONS,
    POINT_DETECTORS,
    PROBABILITY_FUNCTIONS,
    detection_parameters,
    floats,
)

import secr_nea as sn
from secr_nea import _numba
from secr_nea.likelihood import blocks, likelihood_of

SAME = {"rtol": 1e-12, "atol": 1e-12}  # the same sums in another order
# Differences of the fourth order with steps of 1e-3: rounding 1e-10, remainder 1e-8.
DIFFERENCE = {"rtol": 2e-6, "atol": 2e-6}
FUNCTIONS = (*HAZARD_FUNCTIONS, *PROBABILITY_FUNCTIONS)
HALF_NORMAL = {"D:Intercept": 0.4, "lambda0:Intercept": -1.9, "sigma:Intercept": 7.4}

pytestmark = pytest.mark.filterwarnings("error")


def value(design, coefficients=None, **options):
    """Log-likelihood of a design, by default with a level hazard half-normal."""
    coefficients = HALF_NORMAL if coefficients is None else coefficients
    return sn.log_likelihood(sn.Model(build.survey_of_design(design), **options), coefficients)


def numerical_gradient(function, x, step=1e-3):
    """Central differences of the fourth order."""
    out = np.empty(len(x))
    for j in range(len(x)):
        e = np.zeros(len(x))
        e[j] = step
        out[j] = 8 * (function(x + e) - function(x - e)) - function(x + 2 * e) + function(x - 2 * e)
    return out / (12 * step)


# --- all possible data ---------------------------------------------------------------------------


def tiny_design(detector):
    """Two traps, two occasions, nine points, no animal."""
    column, row = np.meshgrid(np.arange(3), np.arange(3))
    return {
        "traps": np.array([[0.0, 0.0], [1400.0, 300.0]]),
        "effort": np.array([[1.0, 2.0], [0.0, 1.0]]),
        "points": np.column_stack([column.ravel(), row.ravel()]) * 1000.0 - [613.0, 771.0],
        "spacing": 1000.0,
        "cell_area": 1.0,
        "detector": detector,
        "histories": np.zeros((0, 2, 2), dtype=np.int64),
    }


def all_histories(design, most):
    """Every history with at least one detection; most (trap, occasion) is the largest count."""
    cells = [range(int(y) + 1) for y in most.T.ravel()]
    every = np.array(list(itertools.product(*cells))).reshape(-1, *most.T.shape)
    return every[every.sum(axis=(1, 2)) > 0]


MOST = {
    "binary": lambda effort: np.minimum(effort, 1),
    "binomial": lambda effort: effort,
    # hazards are below 0.16 times the effort: 9 detections have a probability of about 1e-11
    "count": lambda effort: np.where(effort > 0, 8, 0),
}


@pytest.mark.parametrize("detector", POINT_DETECTORS)
def test_probabilities_of_one_animal_s_histories_add_up(detector):
    """Poisson: Pr(no animal) = exp(-mu), Pr(one animal, whatever its history) = mu exp(-mu)."""
    design = tiny_design(detector)
    nobody = value(design)
    one = [
        value(design | {"histories": history[None]}) - nobody
        for history in all_histories(design, MOST[detector](design["effort"]))
    ]
    np.testing.assert_allclose(np.exp(one).sum(), -nobody, rtol=1e-9)


def total_probability(n_animals, coefficients, population):
    """Sum over all data of up to n_animals animals at one trap on two occasions."""
    design = tiny_design("binary")
    design |= {"traps": design["traps"][:1], "effort": np.array([[1.0, 2.0]])}
    histories, total = all_histories(design, np.ones((1, 2))), 0.0
    for n in range(n_animals + 1):
        for who in itertools.combinations_with_replacement(range(3), n):
            data = design | {"histories": histories[list(who)].reshape(n, 2, 1)}
            total += math.exp(value(data, coefficients, population=population))
    return total


def test_probabilities_of_all_data_add_up_poisson():
    """Up to two animals, which may share a history."""
    mu = -math.log(total_probability(0, HALF_NORMAL, "poisson"))
    total = total_probability(2, HALF_NORMAL, "poisson")
    np.testing.assert_allclose(total, math.exp(-mu) * (1 + mu + mu**2 / 2), rtol=1e-12)


def test_probabilities_of_all_data_add_up_binomial():
    """Two animals live there: none, one or both are detected, and never three."""
    coefficients = HALF_NORMAL | {"D:Intercept": math.log(2 / 9 * 100) + 1e-15}
    np.testing.assert_allclose(total_probability(2, coefficients, "binomial"), 1.0, rtol=1e-12)
    three = tiny_design("count") | {"histories": np.ones((3, 2, 2), dtype=np.int64)}
    three["effort"] = np.ones((2, 2))
    assert value(three, coefficients, population="binomial") == -np.inf


# --- the twin ------------------------------------------------------------------------------------


@st.composite
def problems(draw):
    """Surveys with covariates, a model of them and its coefficients, and the arrays behind them."""
    detector = draw(st.sampled_from(POINT_DETECTORS))
    designs = draw(
        st.lists(build.surveyable_designs(detector), min_size=1, max_size=2), label="designs"
    )
    function = draw(st.sampled_from(FUNCTIONS))
    parameters = draw(detection_parameters(function))
    several = len(designs) > 1
    occasions = max(design["effort"].shape[1] for design in designs)
    terms = ["height"] * draw(st.booleans()) + ["session"] * (several and draw(st.booleans()))
    terms += ["occasion"] * (occasions > 1 and draw(st.booleans()))
    formulas = {name: "~ 1" for name in sn.detection_function(function).parameters}
    first, second = list(formulas)[:2]
    formulas[first] = "~ " + " + ".join(["1", *terms])
    formulas[second] = draw(st.sampled_from(["~ 1", "~ height"]))
    formulas["D"] = draw(st.sampled_from(["~ 1", "~ rugged", "~ rugged + session"][: 2 + several]))
    surveys, rng = [], np.random.default_rng(draw(st.integers(0, 99)))
    for name, design in zip("AB", designs, strict=False):
        design["height"] = rng.uniform(-1, 1, len(design["traps"]))
        design["rugged"] = rng.uniform(-1, 1, len(design["points"]))
        surveys.append(
            build.survey_of_design(
                design,
                name=name,
                trap={"height": design["height"]},
                mask={"rugged": design["rugged"]},
            )
        )
    population = draw(st.sampled_from(["poisson", "binomial"]))
    model = sn.Model(surveys, detection=function, population=population, **formulas)
    animals = max(design["spacing"] ** 2 * len(design["points"]) / 1e8 for design in designs)
    parameters["D"] = draw(floats(6.0, 40.0)) / animals  # more than the animals detected
    coefficients = {}
    for name in model.coefficient_names:
        parameter, _, column = name.partition(":")
        coefficients[name] = draw(floats(-0.5, 0.5))
        if column == "Intercept":
            level = parameters[parameter]
            coefficients[name] = special.logit(level) if parameter == "g0" else np.log(level)
    return model, designs, coefficients


def predictor(coefficients, parameter, session, **here):
    """Link-scale value: intercept, effects of session and occasion, slopes of numbers."""
    total = coefficients[f"{parameter}:Intercept"]
    total = total + coefficients.get(f"{parameter}:session[T.{session}]", 0.0)
    for key, number in here.items():
        if key == "occasion":
            total = total + coefficients.get(f"{parameter}:occasion[T.{number}]", 0.0)
        else:
            total = total + coefficients.get(f"{parameter}:{key}", 0.0) * number
    return total


def compound_half_normal(d, g0, sigma, z):
    """The twin's hazard with all its digits: its 1 - (1 - s)^z has none beyond nine sigma."""
    shape = -np.expm1(z * np.log1p(-naive.half_normal_shape(d, sigma)))
    return -np.log1p(-g0 * shape)


def naive_hazards(model, design, session, coefficients):
    """Hazard (occasion, trap, point) of one survey, in long doubles where the twin allows it."""
    function = model.detection
    distance = naive.distances(design["traps"], design["points"])
    n_traps, n_occasions = design["effort"].shape
    kind = float if "cumulative" in function.name else np.longdouble
    out = np.empty((n_occasions, n_traps, len(design["points"])))
    for s, k in itertools.product(range(n_occasions), range(n_traps)):
        here = {}
        for name in function.parameters:
            eta = predictor(coefficients, name, session, occasion=s + 1, height=design["height"][k])
            here[name] = kind(special.expit(eta) if name == "g0" else np.exp(eta))
        d = distance[k].astype(kind)
        if function.name == "compound_half_normal":
            out[s, k] = compound_half_normal(d, **here)
        else:
            out[s, k] = naive.hazard(function.name, d, **here)
    return out


def naive_value(model, designs, coefficients):
    """Log-likelihood by the naive functions."""
    total = 0.0
    for session, design in zip("AB", designs, strict=False):
        density = np.exp(predictor(coefficients, "D", session, rugged=design["rugged"]))
        total += naive.log_likelihood(
            design["histories"],
            naive_hazards(model, design, session, coefficients),
            design["effort"],
            design["detector"],
            density * np.ones(len(design["points"])) * design["cell_area"] / 100,
            population=model.population,
        )
    return total


def has_digits(model, designs, coefficients):
    """Whether log(1 - p) of a fixed number of animals has digits: p must not be nearly 1."""
    shares = []
    for session, design in zip("AB", designs, strict=False):
        hazard = naive_hazards(model, design, session, coefficients)
        missed = np.exp(-np.einsum("ks,skm->m", design["effort"], hazard))
        density = np.exp(predictor(coefficients, "D", session, rugged=design["rugged"]))
        shares.append(np.average(missed, weights=density * np.ones(len(missed))))
    return model.population == "poisson" or min(shares) > 1e-5


@settings(max_examples=100, phases=[Phase.explicit, Phase.generate])
@given(problem=problems())
def test_log_likelihood_is_that_of_the_twin(problem):
    model, designs, coefficients = problem
    assume(has_digits(model, designs, coefficients))
    found = sn.log_likelihood(model, coefficients)
    expected = naive_value(model, designs, coefficients)
    # Farther out than this the twin's own 1 - exp(-H) has lost the digits that are compared.
    assume(expected > -1e4)
    np.testing.assert_allclose(found, expected, **tolerances.EXACT)


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(problem=problems())
def test_gradient_is_the_slope_of_the_value(problem):
    model, designs, coefficients = problem
    assume(model.detection.name != "w_exponential")  # it has an edge; see the fixed case below
    assume(has_digits(model, designs, coefficients))
    x = model.coefficients(coefficients)
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert found == sn.log_likelihood(model, x)
    assume(found > -1e3)
    expected = numerical_gradient(lambda b: sn.log_likelihood(model, b), x)
    np.testing.assert_allclose(gradient, expected, **DIFFERENCE)


FORMULAS = [
    ("HHN", {"D": "~ rugged + session", "lambda0": "~ height + occasion", "sigma": "~ kind"}),
    ("HHN", {"D": "~ rugged * session", "a0": "~ kind", "sigma": "~ height + session"}),
    ("HN", {"D": "~ bs(rugged, df=4)", "a0": "~ height", "sigma": "~ occasion_trend"}),
    ("HHR", {"D": "~ x + y", "lambda0": "~ warm + snow", "z": "~ kind"}),
    ("HR", {"D": "~ region", "g0": "~ snow * height", "sigma": "~ session_trend", "z": "~ 1"}),
    ("WEX", {"D": "~ 1", "g0": "~ kind", "w": "~ height"}),
    ("HAN", {"D": "~ rugged", "lambda0": "~ 1", "w": "~ kind"}),
    ("CHN", {"D": "~ rugged", "g0": "~ kind", "z": "~ height"}),
    ("CLN", {"D": "~ 1", "g0": "~ 1", "sigma": "~ height"}),
    ("HCG", {"D": "~ 1", "lambda0": "~ height", "z": "~ kind"}),
]


def rich_surveys(detector):
    """Two surveys with every sort of covariate and three occasions."""
    rng, out = np.random.default_rng(12), []
    for name, region in (("north", "Altai"), ("south", "Sayan")):
        design = build.example_design(detector, n_occasions=3)
        n_traps, n_points = len(design["traps"]), len(design["points"])
        design["points"] = design["points"] + rng.uniform(-100, 100, 2)
        out.append(
            build.survey_of_design(
                design,
                name=name,
                trap={"height": rng.normal(size=n_traps), "kind": list("abba")},
                varying={"snow": rng.normal(size=(n_traps, 3))},
                mask={"rugged": rng.normal(size=n_points)},
                survey={"region": region},
                occasion={"warm": rng.normal(size=3)},
            )
        )
    return out


@pytest.mark.parametrize("detector", [*POINT_DETECTORS, "mixed"])
@pytest.mark.parametrize("function, formulas", FORMULAS)
@pytest.mark.parametrize("population", ["poisson", "binomial"])
def test_gradient_with_formulas(function, formulas, detector, population):
    surveys = rich_surveys("count" if detector == "mixed" else detector)
    if detector == "mixed":
        surveys = [with_mixed_detectors(survey) for survey in surveys]
    model = sn.Model(surveys, detection=function, population=population, **formulas)
    starts = {"D": 3.5, "lambda0": -2.0, "g0": -1.7, "a0": 0.3, "sigma": 7.5, "z": 1.1, "w": 7.1}
    starts["z"] = 6.9 if function == "CLN" else starts["z"]
    rng = np.random.default_rng(5)
    x = np.array(
        [
            starts[parameter] if column == "Intercept" else rng.normal(scale=0.1)
            for parameter, _, column in (name.partition(":") for name in model.coefficient_names)
        ]
    )
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert np.isfinite(found)
    step = 1e-5 if function == "WEX" else 1e-3
    expected = numerical_gradient(lambda b: sn.log_likelihood(model, b), x, step)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if function == "WEX" else DIFFERENCE
    np.testing.assert_allclose(gradient, expected, **tolerance)


def with_mixed_detectors(survey):
    """The survey with a detector of each kind, and counts that all of them can give."""
    old = survey.traps
    traps = sn.TrapArray(
        old.xy,
        effort=old.effort,
        detector=["count", "binary", "binomial", "count"],
        covariates=old.covariates,
        varying_covariates=old.varying_covariates,
    )
    captures = sn.CaptureHistory(
        traps,
        animal=survey.captures.animal,
        occasion=survey.captures.occasion,
        trap=survey.captures.trap,
    )
    return sn.Survey(
        captures,
        survey.mask,
        name=survey.name,
        covariates=survey.covariates,
        occasion_covariates=survey.occasion_covariates,
    )


def test_mixed_detectors_are_those_of_the_twin():
    design = build.example_design("count")
    survey = with_mixed_detectors(build.survey_of_design(design))
    found = sn.log_likelihood(sn.Model(survey), HALF_NORMAL)
    d = naive.distances(design["traps"], design["points"])
    hazard = naive.hazard("HHN", d, lambda0=math.exp(-1.9), sigma=math.exp(7.4))
    animals = np.full(len(design["points"]), math.exp(0.4) / 100)
    words = ["count", "binary", "binomial", "count"]
    ones = (design["histories"] > 0).astype(int)
    expected = naive.log_likelihood(ones, np.array([hazard] * 2), design["effort"], words, animals)
    np.testing.assert_allclose(found, expected, **tolerances.EXACT)


# --- order, place and direction ------------------------------------------------------------------


@settings(max_examples=25)
@given(design=st.sampled_from(POINT_DETECTORS).flatmap(build.surveyable_designs), data=st.data())
def test_order_does_not_matter(design, data):
    """Animals, traps and mask points may be in any order."""
    i = data.draw(st.permutations(range(len(design["histories"]))))
    k = data.draw(st.permutations(range(len(design["traps"]))))
    m = np.random.default_rng(3).permutation(len(design["points"]))
    mixed = design | {
        "histories": design["histories"][i][:, :, k],
        "traps": design["traps"][k],
        "effort": design["effort"][k],
        "points": design["points"][m],
    }
    np.testing.assert_allclose(value(mixed), value(design), **SAME)


def test_order_of_surveys_does_not_matter():
    surveys = rich_surveys("count")
    formulas = {"D": "~ rugged", "lambda0": "~ occasion"}
    x = [0.5, 0.1, -1.8, 0.1, 0.2, 7.4]
    one, other = (sn.log_likelihood(sn.Model(s, **formulas), x) for s in (surveys, surveys[::-1]))
    np.testing.assert_allclose(one, other, **SAME)


@pytest.mark.parametrize("detector", POINT_DETECTORS)
def test_place_and_direction_do_not_matter(detector):
    """Translation, quarter turns, reflection; coordinates keep about ten digits when moved."""
    design = build.example_design(detector)
    origin = design["traps"][0]
    moves = {
        "translation": lambda xy: xy + np.array([123_456.0, -98_765.0]),
        "quarter turn": lambda xy: (xy - origin)[:, ::-1] * [-1.0, 1.0] + 5e5,
        "reflection": lambda xy: (xy - origin) * [-1.0, 1.0] + 5e5,
    }
    for name, move in moves.items():
        moved = {key: move(design[key]) for key in ("traps", "points")}
        np.testing.assert_allclose(value(design | moved), value(design), err_msg=name, **SAME)


def test_any_rotation_does_not_matter():
    """A turned grid is no mask of the library, but the sums over its points are the same."""
    model = sn.Model(build.survey_of_design(build.example_design("count")))
    likelihood = likelihood_of(model)
    (item,) = likelihood.state(model.coefficients(HALF_NORMAL)).flat
    angle = 0.7
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    origin = item.block.sites[0]
    turned = replace(
        item.block,
        sites=np.ascontiguousarray((item.block.sites - origin) @ turn.T),
        points=np.ascontiguousarray(turn @ (item.block.points - origin[:, None])),
    )
    other = blocks.BlockInput(turned, item.values, item.log_weight)
    (one,), (two,) = (blocks.block_sums([i], model.detection) for i in (item, other))
    np.testing.assert_allclose(two.animal_log, one.animal_log, rtol=1e-11)
    np.testing.assert_allclose(two.detected, one.detected, rtol=1e-11)


# --- effort and traps ----------------------------------------------------------------------------


def log_poisson_constant(y, effort):
    """Part of the log-probability of Poisson counts that has no parameter in it."""
    return float(np.sum(special.xlogy(y, effort) - special.gammaln(np.asarray(y) + 1.0)))


def test_effort_of_one_occasion_may_be_split_over_occasions():
    """Counts: effort u on one occasion is u occasions of effort 1, up to a known constant."""
    design = build.example_design("count", n_occasions=1)
    effort = np.array([3.0, 2.0, 1.0, 3.0])
    histories = np.zeros((4, 3, 4), dtype=np.int64)
    histories[[0, 0, 1, 1, 2, 3], [0, 2, 0, 1, 0, 1], [0, 0, 1, 3, 2, 3]] = [2, 1, 1, 2, 3, 1]
    split = design | {
        "effort": (np.arange(3) < effort[:, None]).astype(float),
        "histories": histories,
    }
    whole = design | {"effort": effort[:, None], "histories": histories.sum(axis=1)[:, None]}
    constant = log_poisson_constant(whole["histories"][:, 0], effort)
    constant -= log_poisson_constant(histories, np.ones_like(histories))
    np.testing.assert_allclose(value(whole) - value(split), constant, **SAME)


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_two_traps_at_one_place_are_one():
    """Counts at two traps with half the effort each, up to a known constant."""
    design = build.example_design("count")
    one = design | {"effort": np.array([[2.0, 4.0], [1.0, 1.0], [1.0, 1.0], [2.0, 0.0]])}
    histories = np.zeros((3, 2, 4), dtype=np.int64)
    histories[[0, 0, 1, 2], [0, 1, 1, 0], [0, 0, 1, 3]] = [3, 2, 1, 2]
    one["histories"] = histories
    two = one | {
        "traps": np.vstack([one["traps"], one["traps"][:1]]),
        "effort": np.vstack([one["effort"], one["effort"][:1] / 2]),
        "histories": np.concatenate([histories, np.zeros((3, 2, 1), dtype=np.int64)], axis=2),
    }
    two["effort"][0] /= 2
    two["histories"][0, 0, [0, 4]] = [2, 1]
    constant = log_poisson_constant(histories, one["effort"].T)
    constant -= log_poisson_constant(two["histories"], two["effort"].T)
    np.testing.assert_allclose(value(one) - value(two), constant, **SAME)


def test_two_traps_at_one_place_are_told_of():
    traps = build.example_design()["traps"]
    with pytest.warns(sn.SecrWarning, match="same coordinates: 1 = 5"):
        sn.TrapArray(np.vstack([traps, traps[:1]]))


@pytest.mark.parametrize("detector", POINT_DETECTORS)
def test_a_trap_that_never_operated_changes_nothing(detector):
    design = build.example_design(detector)
    more = design | {
        "traps": np.vstack([design["traps"], design["traps"].mean(axis=0)]),
        "effort": np.vstack([design["effort"], np.zeros(2)]),
        "histories": np.pad(design["histories"], ((0, 0), (0, 0), (0, 1))),
    }
    assert value(more) == value(design)


@pytest.mark.parametrize("detector", POINT_DETECTORS)
def test_without_a_hazard_nobody_is_detected(detector):
    """As lambda0 falls to 0 the expected number detected becomes proportional to it."""
    design = build.example_design(detector) | {"histories": np.zeros((0, 2, 4), dtype=np.int64)}
    expected = [
        -value(design, HALF_NORMAL | {"lambda0:Intercept": math.log(lambda0)}) / lambda0
        for lambda0 in (1e-12, 1e-10)
    ]
    np.testing.assert_allclose(expected[0], expected[1], rtol=1e-8)
    assert value(design, HALF_NORMAL | {"lambda0:Intercept": -800.0}) in (0.0, -np.inf)


def test_one_animal_fewer_when_nothing_is_detected():
    """A survey without animals has -sum(D a p.), a number below 0."""
    design = build.example_design() | {"histories": np.zeros((0, 2, 4), dtype=np.int64)}
    d = naive.distances(design["traps"], design["points"])
    hazard = naive.hazard("HHN", d, lambda0=math.exp(-1.9), sigma=math.exp(7.4))
    p = naive.probability_of_detection(np.array([hazard] * 2), design["effort"], "count")
    expected = -math.exp(0.4) / 100 * p.sum()
    np.testing.assert_allclose(value(design), expected, **tolerances.EXACT)


# --- surveys, parameters, threads ----------------------------------------------------------------


@pytest.mark.parametrize("population", ["poisson", "binomial"])
def test_independent_surveys_add(population):
    surveys = rich_surveys("binary")
    options = {"population": population, "lambda0": "~ height"}
    x = [3.4, -1.9, 0.3, 7.4]
    both = sn.log_likelihood_gradient(sn.Model(surveys, **options), x)
    alone = [sn.log_likelihood_gradient(sn.Model(survey, **options), x) for survey in surveys]
    np.testing.assert_allclose(both[0], sum(one[0] for one in alone), **SAME)
    np.testing.assert_allclose(both[1], sum(one[1] for one in alone), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("function", ["HHN", "HN"])
def test_a0_is_another_name_for_the_amplitude(function):
    """lambda0 = a0 / (2 pi sigma^2), g0 = 1 - exp(-lambda0), and the chain rule of both."""
    survey = build.survey_of_design(build.example_design("binary"))
    amplitude = sn.detection_function(function).amplitude
    a0, sigma = 1.3, 1700.0

    def as_amplitude(log_a0, log_sigma):
        """Link-scale amplitude."""
        lambda0 = naive.lambda0_from_a0(np.exp(log_a0), np.exp(log_sigma))
        if amplitude == "lambda0":
            return np.log(lambda0)
        return special.logit(-np.expm1(-lambda0))

    x = np.array([0.4, np.log(a0), np.log(sigma)])
    same = np.array([0.4, as_amplitude(x[1], x[2]), x[2]])
    one, gradient = sn.log_likelihood_gradient(sn.Model(survey, detection=function, a0="~ 1"), x)
    other, plain = sn.log_likelihood_gradient(sn.Model(survey, detection=function), same)
    np.testing.assert_allclose(one, other, **SAME)
    to_a0 = numerical_gradient(lambda b: as_amplitude(b[0], x[2]), x[1:2])[0]
    to_sigma = numerical_gradient(lambda b: as_amplitude(x[1], b[0]), x[2:])[0]
    chained = [plain[0], plain[1] * to_a0, plain[2] + plain[1] * to_sigma]
    np.testing.assert_allclose(gradient, chained, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("fixed", [{"sigma": 1700.0}, {"D": 1.5}, {"a0": 1.3}, {"lambda0": 0.1}])
def test_a_fixed_parameter_is_one_with_that_coefficient(fixed):
    survey = build.survey_of_design(build.example_design())
    ((name, number),) = fixed.items()
    free = sn.Model(survey, a0="~ 1") if name == "a0" else sn.Model(survey)
    held = sn.Model(survey, fixed=fixed)
    at = {"D:Intercept": 0.4, "a0:Intercept": 0.3, "lambda0:Intercept": -1.9}
    at |= {"sigma:Intercept": 7.4, f"{name}:Intercept": math.log(number)}
    x = np.array([at[one] for one in free.coefficient_names])
    keep = np.array([one != f"{name}:Intercept" for one in free.coefficient_names])
    value_free, gradient_free = sn.log_likelihood_gradient(free, x)
    value_held, gradient_held = sn.log_likelihood_gradient(held, x[keep])
    np.testing.assert_allclose(value_held, value_free, **SAME)
    np.testing.assert_allclose(gradient_held, gradient_free[keep], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("function", ["HHN", "HR"])
def test_threads_agree_bit_for_bit(function, monkeypatch):
    """Several tiles of two surveys on one, two and three threads."""
    monkeypatch.setattr(blocks, "_TILE_NUMBERS", 1024)
    monkeypatch.setattr(blocks, "_THREAD_NUMBERS", 1)
    monkeypatch.setattr(_numba, "_threads", 0)
    surveys = []
    for name, side in (("A", 40), ("B", 37)):
        column, row = np.meshgrid(np.arange(side), np.arange(side))
        design = build.example_design("binary")
        points = np.column_stack([column.ravel(), row.ravel()]) * 400.0
        design |= {"points": points - points.mean(axis=0) + design["traps"].mean(axis=0) + 37.0}
        design |= {"spacing": 400.0, "cell_area": 0.16}
        mask = {"rugged": np.sin(points[:, 0] / 3000.0)}
        surveys.append(build.survey_of_design(design, name=name, mask=mask))
    model = sn.Model(surveys, detection=function, D="~ rugged")
    x = np.array([0.4, 0.2, -1.9, 7.4, 1.2][: model.n_coefficients])
    inputs = likelihood_of(model).state(x).flat
    assert len(blocks._tasks(inputs)) > 20
    results = []
    for n_threads in (1, 2, 3):
        sn.set_threads(n_threads)
        assert blocks._threads(inputs) == n_threads
        for _ in range(3):
            results.append(sn.log_likelihood_gradient(model, x))
    for found, gradient in results[1:]:
        assert found == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


# --- impossible parameters -----------------------------------------------------------------------


IMPOSSIBLE = [
    ("HHN", {}, {"sigma:Intercept": 1000.0}),
    ("HHN", {}, {"sigma:Intercept": -1000.0}),
    ("HHN", {}, {"lambda0:Intercept": 1000.0}),
    ("HHN", {}, {"lambda0:Intercept": -1000.0}),
    ("HHN", {}, {"D:Intercept": 1000.0}),
    ("HHN", {}, {"D:Intercept": -1000.0}),
    ("HHN", {"links": {"D": "identity"}}, {"D:Intercept": -1.0}),
    ("HHN", {"links": {"sigma": "identity"}}, {"sigma:Intercept": -5.0}),
    ("HHN", {"links": {"sigma": "identity"}}, {"sigma:Intercept": 0.0}),
    ("HHN", {"a0": "~ 1"}, {"a0:Intercept": 1000.0}),
    ("HHN", {"a0": "~ 1"}, {"sigma:Intercept": -1000.0}),
    ("HN", {"links": {"g0": "log"}}, {"g0:Intercept": 0.2}),
    ("HN", {"links": {"g0": "identity"}}, {"g0:Intercept": 1.2}),
    ("HN", {"links": {"g0": "identity"}}, {"g0:Intercept": -0.2}),
    ("HHN", {"population": "binomial"}, {"D:Intercept": 0.1}),
    ("UN", {}, {"sigma:Intercept": 0.0}),
]


@pytest.mark.parametrize("function, options, wrong", IMPOSSIBLE)
def test_impossible_parameters(function, options, wrong):
    """-inf and no gradient, without a warning on the way."""
    design = build.example_design("binary")
    model = sn.Model(build.survey_of_design(design), detection=function, **options)
    at = {"D": 0.4, "lambda0": -1.9, "g0": -1.9, "a0": 0.3, "sigma": 7.4}
    at = {name: at[name.partition(":")[0]] for name in model.coefficient_names} | wrong
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sn.log_likelihood(model, at) == -np.inf
        found, gradient = sn.log_likelihood_gradient(model, at)
    assert found == -np.inf
    assert gradient.shape == (model.n_coefficients,)
    assert np.isnan(gradient).all()


EXTREME = [
    ("HHN", {"sigma:Intercept": 2.0}),
    ("HHN", {"sigma:Intercept": 25.0}),
    ("HHN", {"lambda0:Intercept": 12.0}),
    ("HHN", {"lambda0:Intercept": -300.0}),
    ("HN", {"g0:Intercept": 36.0}),
    ("HN", {"g0:Intercept": 45.0}),
    ("HHR", {"z:Intercept": 5.0}),
    ("HHR", {"z:Intercept": -5.0}),
    ("HVP", {"z:Intercept": 6.0}),
    ("HVP", {"z:Intercept": -5.0}),
    ("CHN", {"z:Intercept": 5.0, "sigma:Intercept": 6.0}),
    ("CG", {"z:Intercept": 5.0}),
    ("HEX", {"sigma:Intercept": 2.0}),
]


@pytest.mark.parametrize("function, far", EXTREME)
def test_extreme_parameters_give_no_nan(function, far):
    """An optimiser may step far: value and gradient are both numbers, or both say impossible."""
    model = sn.Model(build.survey_of_design(build.example_design("binary")), detection=function)
    at = {"D": 0.4, "lambda0": -1.9, "g0": -1.9, "sigma": 7.4, "z": 1.0}
    at = {name: at[name.partition(":")[0]] for name in model.coefficient_names} | far
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, gradient = sn.log_likelihood_gradient(model, at)
        assert found == sn.log_likelihood(model, at)
    assert not np.isnan(found)
    assert np.isfinite(gradient).all() == np.isfinite(found)


# --- models are let go ---------------------------------------------------------------------------


def test_a_likelihood_is_built_once_and_kept_as_long_as_its_model():
    model = sn.Model(build.survey_of_design(build.example_design()))
    assert likelihood_of(model) is likelihood_of(model)
    sn.log_likelihood(model, HALF_NORMAL)
    seen = weakref.ref(model)
    del model
    gc.collect()
    assert seen() is None


def test_coefficients_that_do_not_fit():
    model = sn.Model(build.survey_of_design(build.example_design()))
    with pytest.raises(sn.ModelError, match=r"missing sigma:Intercept; unknown sigma"):
        sn.log_likelihood(model, {"D:Intercept": 0, "lambda0:Intercept": 0, "sigma": 0})
    with pytest.raises(sn.ModelError, match=r"has 3 coefficients .* got an array of shape \(2,\)"):
        sn.log_likelihood_gradient(model, [1.0, 2.0])
    as_series = pd.Series(HALF_NORMAL)
    assert sn.log_likelihood(model, as_series) == sn.log_likelihood(model, HALF_NORMAL)
