"""The naive twins themselves against R secr 5.5.0 (slow path) and against sums that must be one."""

from __future__ import annotations

import itertools
import math

import naive
import naive_model
import numpy as np
import oracle
import pytest
import strategies
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

HYBRIDS = [name for name in oracle.case_names() if oracle.case(name)["known_class"]]
SEARCHES = ["area_search_null", "area_search_D", "transect_null"]
PLAIN = [name for name in oracle.case_names() if name not in HYBRIDS and name not in SEARCHES]
WITH_POINTS = [name for name in oracle.case_names() if "points" in oracle.case(name)["extras"]]


def values_of_r(case):
    """(coefficients, log-likelihood) pairs: R's estimate, if any, and the other points."""
    pairs = [(point["coefficients"], point["log_likelihood"]) for point in case["at"]]
    if case["log_likelihood"] is not None:
        pairs.insert(0, (case["coefficients"], case["log_likelihood"]))
    return pairs


def only_session(case):
    """Name and data of the one session of a case."""
    return next(iter(oracle.survey(case["survey"])["sessions"].items()))


def test_all_cases_are_read():
    assert len(oracle.case_names()) == 67
    for name in oracle.case_names():
        case = oracle.case(name)
        assert len(case["names"]) == len(set(case["names"])) == len(case["at"][0]["coefficients"])


@pytest.mark.parametrize("name", PLAIN)
def test_log_likelihood_is_r_s(name):
    """Every point-detector case at every coefficient vector (they agree to about 1e-11)."""
    case = oracle.case(name)
    for coefficients, value in values_of_r(case):
        ours = naive_model.log_likelihood(case, coefficients)
        np.testing.assert_allclose(ours, value, **tolerances.GOLDEN)


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_differ_from_r_by_log_n_factorial(name):
    """R leaves its multinomial term out; positions are densities per m2 or per m in both."""
    case = oracle.case(name)
    _, data = only_session(case)
    constant = math.lgamma(len(data["individuals"]) + 1)
    for coefficients, value in values_of_r(case):
        ours = naive_model.log_likelihood(case, coefficients) - constant
        np.testing.assert_allclose(ours, value, **tolerances.GOLDEN)


@pytest.mark.parametrize("name", HYBRIDS)
def test_hybrid_value_of_r_is_explained(name):
    """R's hybrid value differs from the likelihood in its Poisson term only, at every point."""
    case = oracle.case(name)
    sessions = oracle.survey(case["survey"])["sessions"]
    for coefficients, value in values_of_r(case):
        parts = [naive_model.hybrid_log_likelihood_of_r(case, coefficients, s) for s in sessions]
        np.testing.assert_allclose(sum(parts), value, **tolerances.GOLDEN)


@pytest.mark.parametrize("name", HYBRIDS)
def test_hybrid_maximum_is_r_s(name):
    """The maxima are equal; R's density is not quite the one that maximises the likelihood."""
    case = oracle.case(name)
    ours = naive_model.hybrid_maximum(case)
    value = naive_model.log_likelihood(case, ours)
    np.testing.assert_allclose(value, case["log_likelihood"], **tolerances.GOLDEN)
    at_r = naive_model.log_likelihood(case, case["coefficients"])
    assert at_r <= value + 1e-9
    away = np.abs(ours - case["coefficients"]) / case["standard_errors"]
    assert away.max() < 0.06  # 0.052 in sessions_sex_hybrid, 0.017 in multi_h2_hybrid, else 0.002


@pytest.mark.parametrize("name", WITH_POINTS)
def test_derived_values_are_r_s(name):
    """p. and esa at R's estimate, expected and realised N, centres of three animals."""
    case = oracle.case(name)
    session, data = only_session(case)
    extras, effort, detector = case["extras"], data["effort"], case["detector"]
    hazard = naive_model.hazards_at(case, case["coefficients"], session)
    animals = naive_model.animals_per_cell(case, case["coefficients"], session)
    pdot = naive.probability_of_detection(hazard, effort, detector)
    area = np.sum(pdot) * data["spacing"] ** 2 / 1e6
    np.testing.assert_allclose(area, extras["effective_area"], **tolerances.DERIVED)
    abundance = extras["abundance"][""].set_index("which")["estimate"]
    unseen = np.sum(animals * (1 - pdot))
    np.testing.assert_allclose(np.sum(animals), abundance["expected"], **tolerances.DERIVED)
    realised = len(data["individuals"]) + unseen
    np.testing.assert_allclose(realised, abundance["realised"], **tolerances.DERIVED)
    xy = data["mask"][["x", "y"]].to_numpy()
    cell = [int(np.argmin(np.hypot(*(xy - place).T))) for place in extras["points"]]
    if name != "count_topo_rugged":
        np.testing.assert_allclose(pdot[cell], extras["pdot"], **tolerances.DERIVED)
    # R's fxi takes the mean of a Poisson count to be T g, where its likelihood takes T h
    if detector == "count":
        hazard = -np.expm1(-hazard)
    histories = oracle.dense_histories(data)
    log_pr = naive.history_log_probabilities(histories, hazard, effort, detector)
    centers = naive.activity_center_probabilities(log_pr, animals)
    rows = list(data["individuals"]["animal_id"])
    for animal, probability in extras["activity_center_probability"].items():
        np.testing.assert_allclose(
            centers[rows.index(animal), cell], probability, rtol=1e-6, atol=1e-14
        )


def test_pdot_of_r_with_a_trap_covariate_is_that_of_the_first_level():
    """R's pdot was given one lambda0, the first level's: not the model's p. where traps differ."""
    case = oracle.case("count_topo_rugged")
    session, data = only_session(case)
    topo = ["topo" in name for name in case["names"]]
    coefficients = np.where(topo, 0.0, case["coefficients"])
    hazard = naive_model.hazards_at(case, coefficients, session)
    pdot = naive.probability_of_detection(hazard, data["effort"], "count")
    xy = data["mask"][["x", "y"]].to_numpy()
    cell = [int(np.argmin(np.hypot(*(xy - place).T))) for place in case["extras"]["points"]]
    np.testing.assert_allclose(pdot[cell], case["extras"]["pdot"], **tolerances.DERIVED)


@pytest.mark.parametrize("name", ["proximity_CL_null", "proximity_CL_sex"])
def test_conditional_effective_area_and_density_are_r_s(name):
    """a_i = integral of p._i; D = sum 1 / a_i; the reported esa is n / sum 1 / a_i."""
    case = oracle.case(name)
    session, data = only_session(case)
    area = {}
    for sex in ("F", "M"):
        hazard = naive_model.hazards_at(case, case["coefficients"], session, sex=sex)
        pdot = naive.probability_of_detection(hazard, data["effort"], case["detector"])
        area[sex] = np.sum(pdot) * data["spacing"] ** 2 / 1e6
    each = np.array([area[sex] for sex in data["individuals"]["sex"]])
    derived = case["extras"]["derived"].set_index("parameter")["estimate"]
    np.testing.assert_allclose(np.sum(100 / each), derived["D"], **tolerances.DERIVED)
    np.testing.assert_allclose(len(each) / np.sum(1 / each), derived["esa"], **tolerances.DERIVED)
    if "effective_area" in case["extras"]:
        np.testing.assert_allclose(each, case["extras"]["effective_area"], **tolerances.DERIVED)


def test_real_parameters_are_in_our_units():
    """D per 100 km2 and a0 in km2, both from the coefficients and in R's table."""
    for name in ("proximity_null", "sessions_D_rugged_a0_topo"):
        case = oracle.case(name)
        first = case["estimates"].groupby("parameter").first()["estimate"]
        value = dict(zip(case["names"], case["coefficients"], strict=True))
        for parameter in set(case["formulas"]) - {"D"}:
            expected = math.exp(value[f"{parameter}:Intercept"])
            np.testing.assert_allclose(first[parameter], expected, rtol=1e-6)
    np.testing.assert_allclose(first["D"], 1.5315848955, rtol=1e-6)


# --- the formulas that R has no case for, and sums that must be one -------------------------------


def test_functions_without_a_case():
    """The documented compound half-normal, and the uniform."""
    d = np.array([0.0, 1000.0, 3000.0])
    compound = naive.probability("CHN", d, g0=0.3, sigma=1000.0, z=5.0)
    by_hand = [0.3 * (1 - (1 - math.exp(-((x / 1000) ** 2) / 2)) ** 5) for x in d]
    np.testing.assert_allclose(compound, by_hand, **tolerances.EXACT)
    np.testing.assert_allclose(naive.probability("UN", d, g0=0.3, sigma=1000.0), [0.3, 0.3, 0])


@pytest.mark.parametrize("name", sorted(naive.DETECTION_FUNCTIONS))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_hazard_and_probability_are_one_thing(name, data):
    """g = 1 - exp(-h) for all functions, within [0, 1]; the code of R is an alias."""
    parameters = data.draw(strategies.detection_parameters(name))
    d = np.linspace(0, 4 * parameters["sigma"], 9)
    g = naive.probability(name, d, **parameters)
    h = naive.hazard(naive.DETECTION_FUNCTIONS[name][0], d, **parameters)
    assert ((g >= 0) & (g <= 1)).all()
    np.testing.assert_allclose(g, 1 - np.exp(-h), **tolerances.EXACT)


def all_histories(n_occasions, n_traps, largest):
    """Every history of counts up to `largest`."""
    counts = itertools.product(range(largest + 1), repeat=n_occasions * n_traps)
    return np.array(list(counts)).reshape(-1, n_occasions, n_traps)


@pytest.mark.parametrize(
    ("detector", "largest", "effort"),
    [
        ("binary", 1, [[0.5, 0.0], [2.0, 1.0], [1.0, 3.0]]),
        ("multi", 1, [[0.5, 0.0], [2.0, 1.0], [1.0, 3.0]]),
        (["binary", "multi", "multi"], 1, [[0.5, 0.0], [2.0, 1.0], [1.0, 3.0]]),
        ("binomial", 3, [[2.0, 0.0], [3.0, 1.0]]),
        ("count", 9, [[0.3, 0.0], [0.2, 0.4]]),
    ],
)
def test_probabilities_of_all_histories_add_up_to_one(detector, largest, effort):
    effort = np.array(effort)
    n_traps, n_occasions = effort.shape
    rng = np.random.default_rng(3)
    hazard = rng.uniform(0.05, 0.6, size=(n_occasions, n_traps, 4))
    histories = all_histories(n_occasions, n_traps, largest)
    log_pr = naive.history_log_probabilities(histories, hazard, effort, detector)
    np.testing.assert_allclose(np.exp(log_pr).sum(axis=0), 1.0, **tolerances.EXACT)
    pdot = naive.probability_of_detection(hazard, effort, detector)
    np.testing.assert_allclose(1 - np.exp(log_pr[0]), pdot, **tolerances.EXACT)


@pytest.mark.parametrize("word", ["b", "B", "bk", "Bk"])
@pytest.mark.parametrize("detector", ["binary", "multi"])
def test_probabilities_with_a_learned_response_add_up_to_one(word, detector):
    effort = np.array([[1.0, 0.5, 2.0], [1.0, 1.0, 0.0]])
    rng = np.random.default_rng(5)
    hazard = rng.uniform(0.05, 0.6, size=(2, 3, 2, 4))
    histories = all_histories(3, 2, 1)
    row = naive.learned_response(histories, word)
    log_pr = naive.history_log_probabilities(histories, hazard, effort, detector, row=row)
    np.testing.assert_allclose(np.exp(log_pr).sum(axis=0), 1.0, **tolerances.EXACT)


def test_integrals_of_searches():
    """Points inside, on the edge, outside; a ring that is not convex; both directions round."""
    ring = np.array([[0, 0], [4000, 0], [4000, 3000], [2000, 1000], [0, 3000], [0, 0]], dtype=float)
    points = np.array([[1000.0, 500.0], [2000.0, 1000.0], [6000.0, 5000.0]])

    def kernel(d):
        return np.exp(-(d**2) / (2 * 900.0**2))

    def value(y, x, at):
        return float(kernel(np.hypot(x - at[0], y - at[1])))

    # the top edge is 3000 - |..|: from (0, 3000) down to (2000, 1000) and up to (4000, 3000)
    by_scipy = [
        sum(
            integrate.dblquad(value, a, b, 0, lambda x: 1000 + abs(x - 2000), args=(at,))[0]
            for a, b in ((0, 2000), (2000, 4000))
        )
        for at in points
    ]
    for vertices in (ring, ring[::-1]):
        ours = naive.integral_over_polygon(kernel, vertices, points)
        np.testing.assert_allclose(ours, by_scipy, rtol=1e-7)
    whole = naive.whole_range_integral("HHN", searched="area", sigma=900.0)
    np.testing.assert_allclose(whole, 2 * math.pi * 900.0**2, **tolerances.EXACT)
    line = np.array([[-9000.0, 0.0], [9000.0, 0.0]])
    along = naive.integral_along_line(kernel, line, np.array([[100.0, 0.0]]))
    whole = naive.whole_range_integral("HHN", searched="line", sigma=900.0)
    np.testing.assert_allclose([along[0], whole], 900 * math.sqrt(2 * math.pi), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("detector", ["count", "binary", "binomial", "multi", "capped"])
def test_strategies_make_possible_captures(detector, data):
    """Every generated design has a finite log-likelihood."""
    design = data.draw(strategies.designs(detector))
    parameters = data.draw(strategies.detection_parameters("hazard_half_normal"))
    animals = data.draw(strategies.densities(len(design["points"]))) * design["cell_area"] / 100
    distance = naive.distances(design["traps"], design["points"])
    one = naive.hazard("hazard_half_normal", distance, **parameters)
    effort, histories = design["effort"], design["histories"]
    hazard = np.array([one] * effort.shape[1])
    assert (histories.sum(axis=(1, 2)) > 0).all()
    if detector == "capped":
        assert (histories.sum(axis=0) <= 1).all()
        hazard, detector = naive.capped_hazard(hazard, effort, animals), "binary"
        hazard, effort = np.minimum(hazard, 50.0), np.ones_like(effort)  # where R's p passes 1
    log_pr = naive.history_log_probabilities(histories, hazard, effort, detector)
    pdot = naive.probability_of_detection(hazard, effort, detector)
    assert 10 <= len(animals) <= 40
    assert np.isfinite(naive.poisson_log_likelihood(log_pr, pdot, animals, histories))
