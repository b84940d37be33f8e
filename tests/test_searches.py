"""Searched areas and transects: R's numbers, exact integrals, laws, tables, simulation."""

from __future__ import annotations

import math
import warnings
from functools import cache

import geopandas
import naive
import naive_model
import numpy as np
import oracle
import pandas as pd
import pytest
import shapely
import tolerances

import secr_nea as sn
from secr_nea import plot
from secr_nea.detection import has_whole_range, whole_range
from secr_nea.inference.activity import activity_center_probabilities
from secr_nea.likelihood import likelihood_of
from secr_nea.maximise import maximise
from secr_nea.quadrature import quadrature

CASES = ["area_search_D", "area_search_null", "transect_null"]
ODD = shapely.Polygon(
    [(0, 0), (6000, 0), (7000, 4000), (3000, 2500), (0, 5000)],
    [[(1000, 1000), (1500, 1000), (1500, 1800), (1000, 1500)]],
)
LINE = shapely.LineString([(0, 0), (5000, 2500), (5040, 2510), (9000, 6000)])


def geometries_of(data):
    return {
        key: shapely.Polygon(v) if (v[0] == v[-1]).all() else shapely.LineString(v)
        for key, v in data["searches"].items()
    }


@cache
def survey_of(name, scale=1.0):
    data = oracle.survey(name)["sessions"]["1"]
    found = geometries_of(data)
    traps = sn.TrapArray.from_searches(
        found.values(), ids=list(found), effort=data["effort"] * scale
    )
    captures = sn.CaptureHistory.from_dataframe(data["captures"], traps)
    mask = data["mask"]
    mask = sn.HabitatMask(
        mask[["x", "y"]].to_numpy(),
        spacing=data["spacing"],
        covariates=mask.drop(columns=["x", "y"]),
    )
    return sn.Survey(captures, mask)


def model_of(case, **options):
    return sn.Model(survey_of(case["survey"]), **case["formulas"], **options)


def at_of(case):
    pairs = [(case["coefficients"], case["log_likelihood"])]
    return pairs + [(at["coefficients"], at["log_likelihood"]) for at in case["at"]]


@cache
def estimate_of(name):
    return maximise(model_of(oracle.case(name)), progress=False)


# --- R and the naive twin ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_log_likelihood_is_r_s_and_the_naive_one(name):
    """R leaves out log(n!) of the multinomial term; its integrals are right to about 1e-6."""
    case = oracle.case(name)
    model = model_of(case)
    constant = math.lgamma(model.surveys[0].n_animals + 1)
    for coefficients, value in at_of(case):
        found = sn.log_likelihood(model, coefficients)
        np.testing.assert_allclose(found, value + constant, **tolerances.GOLDEN)
        exact = naive_model.log_likelihood(case, coefficients)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_integrals_are_exact_for_half_the_sigma(name):
    case = oracle.case(name)
    coefficients = case["coefficients"].copy()
    coefficients[case["names"].index("sigma:Intercept")] -= math.log(2)
    found = sn.log_likelihood(model_of(case), coefficients)
    exact = naive_model.log_likelihood(case, coefficients)
    np.testing.assert_allclose(found, exact, **tolerances.GOLDEN)


def test_an_exponential_is_right_to_a_few_hundredths():
    """The kink at the activity centre slows convergence; finer points help with the cube."""
    case = {**oracle.case("area_search_null"), "detection_function": "hazard_exponential"}
    coefficients = case["coefficients"] - [0.0, 0.0, math.log(2)]
    exact = naive_model.log_likelihood(case, coefficients)
    errors = []
    for options in ({}, {"smallest_sigma": 200.0}):
        model = model_of(case, detection="HEX", **options)
        errors.append(abs(sn.log_likelihood(model, coefficients) - exact))
    assert errors[0] < 0.03
    assert errors[1] < 0.003


@pytest.mark.parametrize("name", CASES)
def test_fit_is_r_s(name):
    case, estimate = oracle.case(name), estimate_of(name)
    assert estimate.diagnosis.converged
    constant = math.lgamma(estimate.model.surveys[0].n_animals + 1)
    np.testing.assert_allclose(
        estimate.log_likelihood, case["log_likelihood"] + constant, **tolerances.GOLDEN
    )
    errors = case["standard_errors"]
    apart = np.abs(estimate.coefficients - case["coefficients"]) / errors
    assert apart.max() < tolerances.ESTIMATE
    found = np.sqrt(np.diag(estimate.covariance))
    np.testing.assert_allclose(found, errors, **tolerances.SE_RELATIVE)


def differences(model, x, step=1e-5):
    return [
        (sn.log_likelihood(model, x + step * u) - sn.log_likelihood(model, x - step * u)) / 2 / step
        for u in np.eye(len(x))
    ]


HAZARDS = [
    f.name for f in sn.DETECTION_FUNCTIONS.values() if f.is_hazard and has_whole_range(f.shape)
]


@pytest.mark.parametrize("function", HAZARDS)
@pytest.mark.parametrize("survey", ["area_search", "transect_search"])
def test_gradient_is_that_of_finite_differences(survey, function):
    model = sn.Model(survey_of(survey), detection=function, smallest_sigma=2000.0)
    natural = {"D": 20.0, "lambda0": 0.9, "sigma": 2500.0, "z": 3.0, "w": 800.0}
    if "lognormal" in function:
        natural["z"] = 1500.0
    x = np.log([natural[name.partition(":")[0]] for name in model.coefficient_names])
    value, gradient = sn.log_likelihood_gradient(model, x)
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient, differences(model, x), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("function", HAZARDS)
@pytest.mark.parametrize("searched, dimension", [("line", 1), ("area", 2)])
def test_whole_range_is_the_numerical_integral(function, searched, dimension):
    if "lognormal" in function or "w_exponential" in function:
        shape = {"sigma": 700.0, ("z" if "lognormal" in function else "w"): 300.0}
    else:
        names = sn.detection_function(function).shape.parameters
        shape = {"sigma": 700.0, "z": 6.0, "w": 300.0}
        shape = {name: shape[name] for name in names}
    known = naive.NAME_OF_CODE.values()
    if function not in known:
        code = function.removeprefix("hazard_")
        d = np.linspace(0, 60_000, 2_000_001)
        value = naive.DETECTION_FUNCTIONS[code][2](d, **shape)
        exact = np.trapezoid(value * (2 * math.pi * d if dimension == 2 else 2.0), d)
    else:
        exact = naive.whole_range_integral(function, searched=searched, **shape)
    parameters = [np.array([value]) for value in shape.values()]
    found, slopes = whole_range(sn.detection_function(function).shape, dimension, *parameters)
    np.testing.assert_allclose(found, exact, rtol=1e-6)
    for p, slope in enumerate(slopes):
        ends = []
        for sign in (1, -1):
            moved = [q * (1 + sign * 1e-6 * (p == r)) for r, q in enumerate(parameters)]
            ends.append(
                np.log(whole_range(sn.detection_function(function).shape, dimension, *moved)[0])
            )
        np.testing.assert_allclose(
            slope, (ends[0] - ends[1]) / 2e-6 / parameters[p], rtol=1e-6, atol=1e-12
        )


def test_a_range_without_an_end_is_impossible():
    model = sn.Model(survey_of("area_search"), detection="HHR")
    assert sn.log_likelihood(model, [3.0, 0.0, 7.5, math.log(1.9)]) == -np.inf


# --- quadrature ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio, error", [(1.0, 1e-8), (0.5, 1e-5)])
def test_quadrature_of_an_area_is_exact(ratio, error):
    xy, weight = quadrature(ODD, 800.0)
    assert weight.sum() == pytest.approx(ODD.area, rel=1e-12)
    sigma = 800.0 * ratio
    centres = np.random.default_rng(1).uniform(-4000, 10_000, (300, 2))

    def kernel(d):
        return np.exp(-0.5 * (d / sigma) ** 2)

    rings = [np.array(ring.coords) for ring in (ODD.exterior, *ODD.interiors)]
    outer, hole = (naive.integral_over_polygon(kernel, r, centres, n_panels=8) for r in rings)
    found = kernel(np.hypot(*(xy - centres[:, None]).transpose(2, 0, 1))) @ weight
    assert np.abs(found - (outer - hole)).max() < error * 2 * math.pi * sigma**2


def test_quadrature_of_a_line_is_exact():
    xy, weight = quadrature(LINE, 800.0)
    assert weight.sum() == pytest.approx(LINE.length, rel=1e-12)
    centres = np.random.default_rng(2).uniform(-4000, 10_000, (300, 2))

    def kernel(d):
        return np.exp(-0.5 * (d / 800.0) ** 2)

    exact = naive.integral_along_line(kernel, np.array(LINE.coords), centres, n_panels=16)
    found = kernel(np.hypot(*(xy - centres[:, None]).transpose(2, 0, 1))) @ weight
    assert np.abs(found - exact).max() < 1e-8 * math.sqrt(2 * math.pi) * 800.0


def test_too_many_points_are_refused():
    with pytest.raises(sn.DataError, match="smallest_sigma="):
        quadrature(shapely.box(0, 0, 1e6, 1e6), 10.0)


# --- laws ----------------------------------------------------------------------------------------

AT = {"D:Intercept": 3.6, "lambda0:Intercept": 0.2, "sigma:Intercept": 7.6}


def changed_survey(*, turned=0.0, shift=(0.0, 0.0), effort=1.0, split=False):
    """The area survey with its geometry moved, turned, or each area cut in two."""
    survey = survey_of("area_search")
    turn = np.array([[math.cos(turned), -math.sin(turned)], [math.sin(turned), math.cos(turned)]])

    def moved(xy):
        return np.asarray(xy) @ turn.T + shift

    shapes = list(survey.traps.searches)
    if split:
        west, east = shapely.box(-1e6, -1e6, 3000, 1e6), shapely.box(3000, -1e6, 1e6, 1e6)
        shapes = [shapes[0] & west, shapes[0] & east, shapes[1]]
    shapes = [shapely.transform(g, moved) for g in shapes]
    traps = sn.TrapArray.from_searches(shapes, effort=np.full((len(shapes), 3), effort))
    table = survey.captures.to_dataframe().drop(columns=["trap_id", "count"])
    table[["x", "y"]] = moved(table[["x", "y"]])
    captures = sn.CaptureHistory.from_dataframe(table, traps)
    mask = sn.HabitatMask(moved(survey.mask.xy), cell_area=1.0, spacing=1000.0)
    return sn.Survey(captures, mask)


def value_of(survey, at=AT, **options):
    return sn.log_likelihood(sn.Model(survey, smallest_sigma=700.0, **options), at)


def log_factorials(captures):
    return sum(math.lgamma(count + 1) for count in captures.count)


def test_two_halves_of_a_search_are_the_whole():
    """1/y! is of each search and occasion: this constant is all that changes."""
    whole, halves = survey_of("area_search"), changed_survey(split=True)
    assert halves.traps.n_traps == 3
    constant = log_factorials(whole.captures) - log_factorials(halves.captures)
    np.testing.assert_allclose(value_of(halves), value_of(whole) + constant, rtol=0, atol=1e-6)


def test_twice_the_effort_at_half_the_rate_is_the_same():
    at = {**AT, "lambda0:Intercept": AT["lambda0:Intercept"] - math.log(2)}
    doubled = changed_survey(effort=2.0)
    np.testing.assert_allclose(
        value_of(doubled, at), value_of(survey_of("area_search")), rtol=1e-11
    )


def test_place_does_not_matter():
    moved = changed_survey(shift=(350_000.0, 5_400_000.0))
    expected = value_of(survey_of("area_search"))
    np.testing.assert_allclose(value_of(moved), expected, rtol=0, atol=1e-6)


def cameras_and_search(**effort):
    """Nine cameras beside the first searched area; two of the animals were also photographed."""
    survey = survey_of("area_search")
    x, y = np.meshgrid([7000.0, 8000.0, 15000.0], [0.0, 3000.0, 6000.0])
    hours = np.tile([20.0, 30.0, 0.0], (9, 1)) + np.arange(9)[:, None]
    cameras = sn.TrapArray(
        np.column_stack([x.ravel(), y.ravel()]),
        ids=[f"c{k}" for k in range(9)],
        effort=hours,
        detector=["count"] * 5 + ["binary"] * 4,
    )
    traps = sn.TrapArray.joined(cameras, survey.traps)
    seen = pd.DataFrame(
        {"animal_id": ["1", "1", "9", "77"], "occasion": [1, 2, 1, 3], "trap_id": list("0407")}
    ).assign(count=[2, 1, 3, 1], trap_id=lambda t: "c" + t["trap_id"])
    table = pd.concat([survey.captures.to_dataframe(), seen], ignore_index=True)
    return sn.Survey(sn.CaptureHistory.from_dataframe(table, traps), survey.mask)


def naive_of_both(survey, density, amplitude, sigma):
    """Joint log-likelihood of cameras and areas from the naive functions alone."""
    traps, captures, points = survey.traps, survey.captures, survey.mask.xy
    k = np.flatnonzero(~traps.is_search)
    d = naive.distances(traps.xy[k], points)
    rate = np.array([amplitude[traps.detector[j]] for j in k])[:, None]
    hazard = np.array([rate * naive.half_normal_shape(d, sigma)] * traps.n_occasions)
    dense = captures.to_xarray().values
    words = [traps.detector[j] for j in k]
    log_pr = naive.history_log_probabilities(dense[:, :, k], hazard, traps.effort[k], words)
    areas = np.flatnonzero(traps.is_search)
    shape = {"searched": "area", "lambda0": amplitude["area_search"], "sigma": sigma}
    rings = [np.array(traps.searches[j].exterior.coords) for j in areas]
    of_areas = np.array([naive.search_hazard("HHN", ring, points, **shape) for ring in rings])
    record = captures.located
    records = [
        (i, s, j - areas[0], *xy)
        for i, s, j, xy in zip(
            captures.animal[record],
            captures.occasion[record],
            captures.trap[record],
            captures.positions,
            strict=True,
        )
    ]
    log_pr = log_pr + naive.search_log_probabilities(
        captures.n_animals, records, of_areas, traps.effort[areas], "HHN", points, **shape
    )
    total = np.einsum("kj,jkm->m", traps.effort[k], hazard)
    total += traps.effort[areas].sum(axis=1) @ of_areas
    animals = np.full(len(points), density * survey.mask.cell_area / 100)
    without = [h for i, h in enumerate(dense) if i not in captures.animal[record]]
    value = np.sum(naive.log_of_weighted_sum(log_pr, animals)) + np.sum(animals * np.expm1(-total))
    return value - naive.log_identical_histories(without)


def test_cameras_and_searches_share_activity_centres():
    survey = cameras_and_search()
    model = sn.Model(survey, lambda0="~ detector")
    amplitude = {"area_search": 1.1, "binary": 0.004, "count": 0.006}
    x = {"D:Intercept": math.log(40.0), "sigma:Intercept": math.log(2100.0)}
    x["lambda0:Intercept"] = math.log(amplitude["area_search"])
    for word in ("binary", "count"):
        ratio = amplitude[word] / amplitude["area_search"]
        x[f"lambda0:detector[T.{word}]"] = math.log(ratio)
    exact = naive_of_both(survey, 40.0, amplitude, 2100.0)
    np.testing.assert_allclose(sn.log_likelihood(model, x), exact, rtol=0, atol=1e-8)
    gradient = sn.log_likelihood_gradient(model, x)[1]
    numbers = differences(model, model.coefficients(x))
    np.testing.assert_allclose(gradient, numbers, rtol=1e-6, atol=1e-5)


def test_a_fit_of_both_answers_questions():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        result = sn.fit(cameras_and_search(), lambda0="~ detector", progress=False)
    assert result.diagnosis.converged
    table = result.real_parameters()
    shown = table.loc[table["parameter"] == "lambda0", "at"]
    assert list(shown) == ["detector=area_search", "detector=binary", "detector=count"]
    numbers = result.abundance()
    assert np.isfinite(numbers.select_dtypes("number").to_numpy()).all()
    probability = result.pdot()
    assert probability.min() >= 0.0
    assert probability.max() <= 1.0
    centre = result.activity_center("1")
    assert float(centre.sum()) == pytest.approx(1.0)
    assert "detector" in str(result)


# --- inference -----------------------------------------------------------------------------------


def test_activity_centres_are_the_naive_ones():
    estimate = estimate_of("transect_null")
    found = activity_center_probabilities(estimate, 0)
    survey = estimate.model.surveys[0]
    values = [float(v[0]) for v in estimate.model.detection_values(estimate.coefficients)]
    shape = {"searched": "line", "lambda0": values[0], "sigma": values[1]}
    line = np.array(survey.traps.searches[0].coords)
    hazard = naive.search_hazard("HHN", line, survey.mask.xy, **shape)[None]
    records = oracle.search_records(oracle.survey("transect_search")["sessions"]["1"])
    log_pr = naive.search_log_probabilities(
        survey.n_animals, records, hazard, survey.traps.effort, "HHN", survey.mask.xy, **shape
    )
    order = list(oracle.survey("transect_search")["sessions"]["1"]["individuals"]["animal_id"])
    exact = naive.activity_center_probabilities(log_pr, np.ones(survey.mask.n_points))
    exact = exact[[order.index(name) for name in survey.captures.animal_ids]]
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-10)
    pdot = -np.expm1(-survey.traps.effort.sum() * hazard[0])
    np.testing.assert_allclose(sn.FitResult.of(estimate).pdot(), pdot, rtol=1e-7, atol=1e-9)


def test_a_sigma_below_the_points_is_doubtful():
    model = model_of(oracle.case("area_search_null"), smallest_sigma=9000.0)
    with pytest.warns(sn.SecrWarning, match="exact down to 4,500 m only.*smallest_sigma="):
        sn.fit(model, progress=False)


def test_learned_response_moves_exposure_of_searches():
    model = sn.Model(survey_of("area_search"), lambda0="~ detected_before")
    assert likelihood_of(model).populations[0].blocks[0].n_columns > 2000
    x = [3.8, 0.1, 0.4, 7.6]
    gradient = sn.log_likelihood_gradient(model, x)[1]
    np.testing.assert_allclose(gradient, differences(model, np.array(x)), rtol=1e-6, atol=1e-5)
    plain = sn.log_likelihood(sn.Model(survey_of("area_search")), [3.8, 0.1, 7.6])
    assert sn.log_likelihood(model, [3.8, 0.1, 0.0, 7.6]) == pytest.approx(plain, abs=1e-8)


@pytest.mark.parametrize("population", ["poisson", "binomial", "conditional"])
def test_classes_and_populations_have_exact_gradients(population):
    formulas = {"lambda0": "~ latent_class", "sigma": "~ latent_class"}
    model = sn.Model(survey_of("area_search"), classes=2, population=population, **formulas)
    x = np.array([3.9, 0.2, -0.6, 7.5, 0.4, -0.3])[-model.n_coefficients :]
    value, gradient = sn.log_likelihood_gradient(model, x)
    assert np.isfinite(value)
    np.testing.assert_allclose(gradient, differences(model, x), rtol=1e-6, atol=2e-5)


# --- data classes --------------------------------------------------------------------------------


def some_searches(**options):
    return sn.TrapArray.from_searches([ODD, LINE], ids=["odd", "line"], **options)


def test_searches_are_detectors_among_others():
    traps = some_searches(n_occasions=2)
    assert traps.detector == ("area_search", "transect")
    assert traps.searches == (ODD, LINE)
    assert ODD.contains(shapely.Point(traps.xy[0]))
    assert repr(traps).startswith("TrapArray(1 area search, 1 transect, 2 occasions, mixed")
    cameras = sn.TrapArray([[0, 0], [0, 3000]], ids=["a", "b"], n_occasions=2)
    both = sn.TrapArray.joined(cameras, traps)
    assert both.ids == ("a", "b", "odd", "line")
    assert both.spacing == 3000.0
    assert both.subset(["line"]).searches == (LINE,)
    assert both.subset(["a", "b"]).fingerprint == cameras.fingerprint
    assert both.with_effort(np.full((4, 2), 3.0)).searches == both.searches
    assert (
        both.fingerprint
        != sn.TrapArray.joined(cameras, some_searches(n_occasions=2).subset([0])).fingerprint
    )
    np.testing.assert_array_equal(both.distance_from([[3000, 1000], [0, 3001]]), [0.0, 0.0])
    assert both.bounds == (0.0, 0.0, 9000.0, 6000.0)
    assert set(both.to_geodataframe().geom_type) == {"Point", "Polygon", "LineString"}


def test_covariates_of_joined_arrays():
    one = sn.TrapArray([[0, 0]], ids=["a"], covariates={"terrain": ["ridge"], "age": [2.0]})
    two = some_searches(covariates={"terrain": ["valley", "ridge"]})
    both = sn.TrapArray.joined(one, two)
    assert list(both.covariates["terrain"]) == ["ridge", "valley", "ridge"]
    assert both.covariates["age"].isna().tolist() == [False, True, True]


def test_captures_round_trip():
    captures = cameras_and_search().captures
    again = sn.CaptureHistory.from_dataframe(captures.to_dataframe(), captures.traps)
    assert again.fingerprint == captures.fingerprint
    np.testing.assert_array_equal(again.positions, captures.positions)
    told = captures.with_covariates(sex=["F"] * captures.n_animals)
    np.testing.assert_array_equal(told.positions, captures.positions)
    np.testing.assert_array_equal(told.located, captures.located)
    other = captures.to_dataframe()
    other.loc[other.index[other["trap_id"] == "p1"][0], "x"] += 1.0
    other = sn.CaptureHistory.from_dataframe(other, captures.traps)
    assert other.fingerprint != captures.fingerprint


def test_histories_with_positions_all_differ():
    captures = survey_of("area_search").captures
    assert list(captures.identical_histories) == [1] * captures.n_animals
    assert captures.rpsv == pytest.approx(1546.668, abs=1e-3)
    repeats = np.bincount(captures.animal[captures.located])
    assert captures.animals_at_two_traps == (repeats > 1).sum()


def test_a_mask_lies_around_searches():
    traps = some_searches()
    mask = sn.HabitatMask.around(traps, buffer=2000.0, spacing=500.0)
    assert mask.n_points > 0
    assert traps.distance_from(mask.xy).max() <= 2000.0
    inside = shapely.contains_xy(ODD, *mask.xy.T).sum()
    assert inside == pytest.approx(ODD.area / 500.0**2, rel=0.1)


BAD_SEARCHES = [
    (
        lambda: sn.TrapArray.from_searches([shapely.Point(0, 0)]),
        "'1' must be a polygon.*it is Point",
    ),
    (
        lambda: sn.TrapArray.from_searches([shapely.Polygon([(0, 0), (9, 9), (0, 9), (9, 0)])]),
        "'1' is not a proper polygon: Self-intersection",
    ),
    (lambda: sn.TrapArray.from_searches([shapely.LineString()]), "empty"),
    (lambda: sn.TrapArray([[0, 0]], detector="polygon"), "without a geometry"),
    (lambda: sn.TrapArray([[0, 0]], searches=[ODD]), "has a geometry, but is a detector 'count'"),
    (lambda: sn.TrapArray([[0, 0]], detector="transect", searches=[ODD]), "geometry is Polygon"),
    (lambda: sn.TrapArray([[0, 0]], searches=[None, None]), r"for each trap \(1\); got 2"),
    (lambda: sn.TrapArray.joined(some_searches(n_occasions=2), some_searches()), "they have 2, 1"),
    (lambda: sn.TrapArray.joined(some_searches(), some_searches()), "'odd'"),
]


@pytest.mark.parametrize("make, message", BAD_SEARCHES)
def test_impossible_searches_are_told(make, message):
    with pytest.raises(sn.DataError, match=message):
        make()


def test_searches_in_different_systems_are_told():
    one, two = (
        sn.TrapArray.from_searches([shapely.box(5e5, 5e6, 6e5, 5.1e6)], ids=[name], crs=crs)
        for name, crs in (("a", "EPSG:32647"), ("b", "EPSG:32646"))
    )
    with pytest.raises(sn.CRSError, match="32647.*32646"):
        sn.TrapArray.joined(one, two)


def captures_table(**columns):
    return pd.DataFrame({"animal_id": ["a", "b"], "occasion": [1, 1], **columns})


BAD_CAPTURES = [
    ({"x": [500.0, 50_000.0], "y": [300.0, 0.0]}, "row 2: 41,437 m from 'line'"),
    ({"x": [500.0, np.nan], "y": [300.0, 0.0]}, r"position \(x, y\) is missing in row 2"),
    ({"x": [500.0, 800.0]}, "no column 'y'"),
    ({"x": [500.0, 800.0], "y": [300.0, 400.0], "count": [1, 2]}, "rows? 2 of the captures is not"),
    (
        {"x": [500.0, 5000.0], "y": [300.0, 1000.0], "trap_id": ["odd", "line"]},
        "row 2: .* m from 'line'",
    ),
]


@pytest.mark.parametrize("columns, message", BAD_CAPTURES)
def test_impossible_positions_are_told(columns, message):
    with pytest.raises(sn.DataError, match=message):
        sn.CaptureHistory.from_dataframe(captures_table(**columns), some_searches())


def test_positions_are_needed():
    with pytest.raises(sn.DataError, match="2 detections of searches without a position"):
        sn.CaptureHistory(some_searches(), animal=[0, 1], occasion=[0, 0], trap=[0, 1])


@pytest.mark.parametrize("function", ["HN", "HR", "hazard_uniform"])
def test_other_detection_functions_are_told(function):
    with pytest.raises(sn.ModelError, match="need a hazard.*hazard_half_normal"):
        sn.Model(survey_of("area_search"), detection=function)
    if function != "hazard_uniform":
        with pytest.raises(sn.ModelError, match="need a hazard"):
            sn.design.simulate_captures(
                np.zeros((1, 2)), some_searches(), detection="HN", g0=0.1, sigma=1000.0
            )


def test_a0_is_for_points():
    with pytest.raises(sn.ModelError, match="a0 is the area of a detector that is a point"):
        sn.Model(survey_of("area_search"), a0="~ 1")


# --- files ---------------------------------------------------------------------------------------


def test_searches_of_a_reference_survey_are_read():
    for name in ("area_search", "transect_search"):
        folder = oracle.FOLDER / "data" / name
        traps = sn.read_searches(folder / "traps.csv", n_occasions=3)
        assert traps.fingerprint == survey_of(name).traps.fingerprint
        captures = sn.read_captures(folder / "captures.csv", traps)
        assert captures.fingerprint == survey_of(name).captures.fingerprint


def test_searches_of_geodata_are_read(tmp_path):
    frame = geopandas.GeoDataFrame(
        {"search_id": ["odd", "other"], "terrain": ["ridge", "valley"]},
        geometry=[
            shapely.transform(ODD, lambda xy: np.add(xy, [5e5, 5e6])),
            shapely.box(5e5, 4.9e6, 6e5, 5e6),
        ],
        crs="EPSG:32647",
    )
    frame.to_file(tmp_path / "searches.gpkg")
    effort = pd.DataFrame({"search_id": ["odd", "other"], "occasion": [1, 1], "effort": [2.0, 3.5]})
    for source in (frame, tmp_path / "searches.gpkg"):
        traps = sn.read_searches(source, effort=effort)
        assert traps.detector == ("area_search", "area_search")
        assert traps.crs.to_epsg() == 32647
        assert list(traps.covariates["terrain"]) == ["ridge", "valley"]
        np.testing.assert_array_equal(traps.effort, [[2.0], [3.5]])


def vertices(**columns):
    frame = pd.DataFrame(
        {"search_id": ["t"] * 3, "vertex": [1, 2, 3], "x": [0, 5, 5], "y": [0, 0, 7]}
    )
    return frame.assign(**columns)


def test_vertices_may_be_closed_and_in_any_order():
    line = sn.read_searches(vertices(snow=[1.0] * 3).iloc[::-1])
    assert line.detector == ("transect",)
    assert line.searches[0].equals(shapely.LineString([(0, 0), (5, 0), (5, 7)]))
    assert list(line.covariates["snow"]) == [1.0]
    assert sn.read_searches(vertices(), detector="area_search").searches[0].area == 17.5


@pytest.mark.parametrize(
    "columns, message",
    [
        ({"vertex": [1, 2, 2]}, "'t' has a vertex number twice"),
        ({"snow": [1.0, 2.0, 1.0]}, "snow differs between the vertices of search t"),
        ({"search_id": ["t", "t", "u"]}, "'u' has 1 vertices; at least 2"),
    ],
)
def test_impossible_vertices_are_told(columns, message):
    with pytest.raises(sn.DataError, match=message):
        sn.read_searches(vertices(**columns))


# --- simulation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["HHN", "HEX"])
def test_simulated_numbers_and_places_are_the_expected_ones(function):
    """Animals at one place: numbers per search and occasion, and the mean distance."""
    traps = some_searches(effort=[[1.0, 0.0], [2.0, 0.5]])
    animals = np.tile([4000.0, 1500.0], (4000, 1))
    shape = {"lambda0": 0.8, "sigma": 1200.0}
    simulated = sn.design.simulate_captures(animals, traps, detection=function, seed=3, **shape)
    captures = simulated.captures
    outer, hole = (
        naive.search_hazard(function, np.array(r.coords), animals[:1], searched="area", **shape)[0]
        for r in (ODD.exterior, ODD.interiors[0])
    )
    line = naive.search_hazard(
        function, np.array(LINE.coords), animals[:1], searched="line", **shape
    )[0]
    expected = np.array([[outer - hole, 0.0], [2.0 * line, 0.5 * line]]) * len(animals)
    found = np.zeros((2, 2))
    np.add.at(found, (captures.trap, captures.occasion), captures.count)
    assert (np.abs(found - expected) <= tolerances.MONTE_CARLO * np.sqrt(expected)).all()
    trap = captures.trap[captures.located]
    assert shapely.contains_xy(ODD, *captures.positions[trap == 0].T).all()
    assert shapely.distance(LINE, shapely.points(captures.positions[trap == 1])).max() < 1e-6
    again = sn.design.simulate_captures(animals, traps, detection=function, seed=3, **shape)
    assert again.captures.fingerprint == captures.fingerprint


TRUTH = {"D": 30.0, "count": 0.02, "area_search": 1.0, "transect": 0.7, "sigma": 1500.0}


def study():
    """A grid of cameras, two searched areas and a transect over 16 x 14 km."""
    x, y = np.meshgrid(np.arange(4) * 2000.0, np.arange(3) * 2000.0)
    cameras = sn.TrapArray(
        np.column_stack([x.ravel(), y.ravel()]), effort=np.full((12, 2), 20.0), detector="count"
    )
    shapes = [shapely.box(7500, 0, 10_500, 3500), ODD, LINE]
    searches = sn.TrapArray.from_searches(shapes, ids=list("xyz"), n_occasions=2)
    traps = sn.TrapArray.joined(cameras, searches)
    mask = sn.HabitatMask.around(traps, buffer=5000.0, spacing=750.0)
    nobody = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    model = sn.Model(sn.Survey(nobody, mask), lambda0="~ detector", smallest_sigma=750.0)
    ratio = {word: math.log(TRUTH[word] / TRUTH["area_search"]) for word in ("count", "transect")}
    return model, {
        "D:Intercept": math.log(TRUTH["D"]),
        "lambda0:Intercept": math.log(TRUTH["area_search"]),
        "lambda0:detector[T.count]": ratio["count"],
        "lambda0:detector[T.transect]": ratio["transect"],
        "sigma:Intercept": math.log(TRUTH["sigma"]),
    }


def test_a_simulated_survey_has_positions():
    model, truth = study()
    survey = sn.design.simulate_survey(model, truth, seed=1)
    captures = survey.captures
    searched = captures.traps.is_search[captures.trap]
    assert len(captures.positions) == captures.count[searched].sum() > 0
    assert captures.count[~searched].sum() > 0


@pytest.mark.proof
def test_truth_is_recovered_from_cameras_and_searches():
    """A hundred surveys: no bias beyond Monte Carlo error, and intervals that hold the truth."""
    model, truth = study()
    found, errors = [], []
    for seed in range(100):
        survey = sn.design.simulate_survey(model, truth, seed=seed)
        estimate = maximise(
            sn.Model(survey, lambda0="~ detector", smallest_sigma=750.0), progress=False
        )
        assert estimate.diagnosis.converged, seed
        found.append(estimate.coefficients)
        errors.append(np.sqrt(np.diag(estimate.covariance)))
    found, errors = np.array(found), np.array(errors)
    exact = model.coefficients(truth)
    off = (found.mean(axis=0) - exact) / (found.std(axis=0, ddof=1) / 10.0)
    assert np.abs(off).max() < tolerances.MONTE_CARLO, off
    held = (np.abs(found - exact) < 1.96 * errors).mean(axis=0)
    # 95 % of 100, with Monte Carlo error of 2 %
    assert held.min() > 0.95 - tolerances.MONTE_CARLO * 0.022, held


def test_pictures_show_searches():
    ax = plot.captures(cameras_and_search())
    assert len(ax.lines) >= 2
    plot.traps(survey_of("transect_search"))
