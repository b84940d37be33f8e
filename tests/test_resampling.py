"""Expected counts, residuals, simulated surveys, bootstrap and goodness of fit."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache

import build
import numpy as np
import pandas as pd
import pytest
import shapely
import tolerances
from scipy import stats

import secr_nea as sn
from secr_nea.design.draws import draw_records
from secr_nea.inference.expected_counts import ExpectedCounts, count_matrix
from secr_nea.inference.living import living
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability
from secr_nea.resampling.bootstrap import unusable
from secr_nea.resampling.discrepancies import complete, distance_classes
from secr_nea.resampling.goodness_of_fit import given_estimates
from secr_nea.resampling.new_surveys import replicate_surveys, replicate_surveys_of_n

FEW = {"n_replicates": 31, "progress": False}


def quiet_fit(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(*args, progress=False, **kwargs)


@cache
def example():
    return sn.datasets.sailugem(2500.0)


@cache
def null_fit():
    return quiet_fit(example())


@cache
def world(detector="count", *, n_occasions=4, density=25.0, learned=False, name="world"):
    """A small survey of a grid of nine detectors with sex and a covariate of animals."""
    xy = np.array([(x, y) for x in range(3) for y in range(3)]) * 3000.0
    effort = np.ones((9, n_occasions))
    effort[2, 1:] = 2.0
    effort[4, 0] = 0.0
    traps = sn.TrapArray(
        xy,
        effort=effort,
        detector=detector,
        covariates={"side": np.array(["a", "b", "a"] * 3, dtype=object)},
    )
    mask = sn.HabitatMask.around(traps, buffer=8000.0, spacing=1250.0)
    empty = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    template = sn.Survey(empty, mask, name=name)
    formulas = {"lambda0": "~ detected_before"} if learned else {}
    model = sn.Model(template, **formulas)
    beta = [np.log(density), np.log(0.25), *([0.7] if learned else []), np.log(2500.0)]
    captures = sn.design.simulate_survey(model, beta, seed=4).captures
    rng = np.random.default_rng(1)
    sex = rng.choice(np.array(["F", "M", None], dtype=object), captures.n_animals)
    known = np.where(rng.random(captures.n_animals) < 0.5, "F", "M").astype(object)
    return sn.Survey(captures.with_covariates(sex=sex, known=known), mask, name=name)


def searched():
    """Two searched squares and a line."""
    shapes = {
        "p": shapely.box(0.0, 0.0, 3000.0, 3000.0),
        "q": shapely.LineString([(4000.0, 0.0), (4000.0, 5000.0)]),
    }
    traps = sn.TrapArray.from_searches(
        list(shapes.values()), ids=list(shapes), effort=np.array([[1.0, 2.0], [1.0, 0.5]])
    )
    mask = sn.HabitatMask.around(traps, buffer=8000.0, spacing=1250.0)
    empty = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    model = sn.Model(sn.Survey(empty, mask), smallest_sigma=1000.0)
    beta = np.log([8.0, 0.8, 2000.0])
    return sn.design.simulate_survey(model, beta, seed=8)


# --- expected counts -----------------------------------------------------------------------------


@pytest.mark.parametrize("detector", ["count", "binary", "binomial", "multi"])
def test_expected_counts_are_the_mean_of_simulated_ones(detector):
    survey = world(detector)
    model = sn.Model(survey, lambda0="~ side")
    beta = np.array([1.0, np.log(0.3), 0.4, np.log(2500.0)])
    counts = ExpectedCounts(model, 0)
    place = survey.mask.nearest(np.array([[2500.0, 3100.0]]))[0]
    mean, variance = counts.moments(beta, place)
    n = 20_000
    values = tuple(v[model.detection_rows.rows[0][0, 0]] for v in model.detection_values(beta))
    crowd = np.repeat(survey.mask.xy[place], n, axis=0)
    drawn = draw_records(crowd, survey.traps, model.detection, values, np.random.default_rng(3))
    total = np.zeros((n, 9))
    for part in drawn:
        trap, animal, _, count = part.records
        np.add.at(total, (animal, trap), count)
    error = np.sqrt(variance[0] / n)
    assert (np.abs(total.mean(axis=0) - mean[0]) < tolerances.MONTE_CARLO * error).all()
    spread = total.var(axis=0, ddof=1)
    np.testing.assert_allclose(spread, variance[0], rtol=0.1, atol=0.002)
    np.testing.assert_allclose(counts.expected(beta, place), mean, **tolerances.EXACT)


def test_expected_counts_of_searches_are_integrals():
    survey = searched()
    model = sn.Model(survey, smallest_sigma=1000.0)
    beta = np.log([8.0, 0.8, 2000.0])
    place = survey.mask.nearest(np.array([[1000.0, 2500.0]]))[0]
    centre = survey.mask.xy[place[0]]
    found = ExpectedCounts(model, 0).expected(beta, place)[0]
    inside = np.prod(
        [stats.norm.cdf(3000.0, c, 2000.0) - stats.norm.cdf(0.0, c, 2000.0) for c in centre]
    )
    assert found[0] == pytest.approx(3.0 * 0.8 * inside, rel=1e-6)


def test_a_learned_response_is_expected_given_what_went_before():
    survey = world(learned=True)
    model = sn.Model(survey, lambda0="~ detected_before")
    beta = np.array([1.0, np.log(0.3), 0.7, np.log(2500.0)])
    counts = ExpectedCounts(model, 0)
    animals = np.array([0, 1])
    states = counts.states(animals)
    points = survey.mask.nearest(survey.traps.xy[[4, 0]])[0]
    xy = survey.mask.xy[points]
    found = counts.expected(beta, points, states=states)
    for row, i in enumerate(animals):
        first = survey.captures.occasion[survey.captures.animal == i].min()
        amplitude = np.where(np.arange(4) > first, 0.3 * np.exp(0.7), 0.3)
        d2 = ((survey.traps.xy - xy[row]) ** 2).sum(axis=1)
        by_hand = (survey.traps.effort @ amplitude) * np.exp(-d2 / (2 * 2500.0**2))
        np.testing.assert_allclose(found[row], by_hand, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"detection": "HN"},
        {"lambda0_location": "~ x - 1", "sigma_location": "~ y - 1"},
        {"D": "~ x", "sigmak": "~ 1"},
        {"distance": sn.LeastCost()},
        {"distance": sn.AnisotropicDistance()},
    ],
)
def test_hazards_of_detectors_are_those_of_the_likelihood(options):
    """Also where distance or detection depend on the place of the activity centre."""
    if isinstance(options.get("distance"), sn.LeastCost):
        options = options | {"noneuc": "~ ruggedness_std - 1"}
    model = sn.Model(example(), **options)
    start = {"D": 0.0, "lambda0": -4.5, "g0": -4.5, "sigma": 8.6, "sigmak": -0.6}
    beta = np.full(model.n_coefficients, 0.2)
    for parameter in model.parameters.values():
        if parameter.name in start:
            beta[parameter.start] = start[parameter.name]
    points = np.arange(example().mask.n_points)[::50]
    hazard = ExpectedCounts(model, 0).total_hazard(beta, points).sum(axis=1)
    expected = detection_probability(likelihood_of(model), beta, 0)[points]
    np.testing.assert_allclose(-np.expm1(-hazard), expected, rtol=1e-8)


# --- residuals -----------------------------------------------------------------------------------


def test_residuals_are_those_of_simulated_surveys():
    """Mean and standard error of the number at each detector, against simulated surveys."""
    fit = quiet_fit(world("binary"))
    table = fit.residuals()
    rng = np.random.default_rng(5)
    numbers = np.array(
        [count_matrix(replicate_surveys(fit, rng)[0]).sum(axis=0) for _ in range(300)]
    )
    error = table["se"] / np.sqrt(300)
    away = (numbers.mean(axis=0) - table["expected"]) / error
    assert np.abs(away).max() < tolerances.MONTE_CARLO
    np.testing.assert_allclose(numbers.std(axis=0, ddof=1), table["se"], rtol=0.2)
    assert table["observed"].sum() == world("binary").n_detections


def test_residuals_of_the_conditional_likelihood_are_those_of_constant_density():
    conditional = quiet_fit(example(), population="conditional")
    pd.testing.assert_frame_equal(conditional.residuals(), null_fit().residuals(), rtol=1e-4)


def test_living_animals_are_those_of_the_density():
    fit = quiet_fit(world(), classes="sex", lambda0="~ sex")
    parts = living(fit.model, fit.coefficients, 0)
    assert [c for c, _, _ in parts] == [0, 1]
    total = sum(weight.sum() for _, _, weight in parts)
    assert total == pytest.approx(fit.abundance()["expected_n"].iloc[0], rel=1e-10)


# --- simulated surveys ---------------------------------------------------------------------------


def test_replicates_of_n_have_as_many_animals():
    fit = quiet_fit([world(), world("binary", name="other")], groups="known", sigma="~ known")
    made = replicate_surveys_of_n(fit, np.random.default_rng(2))
    for old, new in zip(fit.model.surveys, made, strict=True):
        counts = [s.captures.covariates["known"].value_counts().to_dict() for s in (old, new)]
        assert counts[0] == counts[1]
        assert new.captures.fingerprint != old.captures.fingerprint


def test_detections_given_the_number_of_animals_are_those_of_detected_animals():
    """Mean detections of an animal that was detected: E(y) / p. over all animals."""
    fit = quiet_fit(world())
    rng = np.random.default_rng(6)
    made = [replicate_surveys_of_n(fit, rng)[0] for _ in range(60)]
    each = np.concatenate([count_matrix(s).sum(axis=1) for s in made])
    weight = living(fit.model, fit.coefficients, 0)[0][2]
    points = np.arange(world().mask.n_points)
    counts = ExpectedCounts(fit.model, 0).expected(fit.coefficients, points).sum(axis=1)
    mean = (weight @ counts) / (weight @ fit.pdot())
    error = each.std(ddof=1) / np.sqrt(len(each))
    assert abs(each.mean() - mean) < tolerances.MONTE_CARLO * error


def test_replicates_of_the_conditional_likelihood_keep_covariates():
    fit = quiet_fit(world(), population="conditional", lambda0="~ known")
    rng = np.random.default_rng(7)
    (same,) = replicate_surveys_of_n(fit, rng)
    old, new = (s.captures.covariates["known"].value_counts() for s in (world(), same))
    assert old.to_dict() == new.to_dict()
    numbers = [replicate_surveys(fit, rng)[0].n_animals for _ in range(40)]
    n = world().n_animals
    assert abs(np.mean(numbers) - n) < tolerances.MONTE_CARLO * np.sqrt(n / 40)
    each = np.concatenate(
        [count_matrix(replicate_surveys_of_n(fit, rng)[0]).sum(axis=1) for _ in range(30)]
    )
    error = each.std(ddof=1) / np.sqrt(len(each))
    total = weight_of_detections(fit)
    assert abs(each.mean() - total) < tolerances.MONTE_CARLO * error


def test_numbers_of_animals_stay_numbers():
    """A weight that came back as a factor would have a coefficient for every animal."""
    weight = np.round(np.random.default_rng(2).normal(size=world().n_animals), 2)
    heavy = sn.Survey(
        world().captures.with_covariates(weight=weight), world().mask, name=world().name
    )
    fit = quiet_fit(heavy, population="conditional", lambda0="~ weight")
    (same,) = replicate_surveys_of_n(fit, np.random.default_rng(7))
    assert same.captures.covariates["weight"].dtype == np.float64
    assert sorted(same.captures.covariates["weight"]) == sorted(weight)
    assert fit.bootstrap("lambda0:weight", n_replicates=4, progress=False).n_failed == 0
    assert np.isfinite(fit.goodness_of_fit(**FEW).table()["p_value"]).all()


def weight_of_detections(fit):
    """Expected detections of a detected animal of the conditional likelihood."""
    own = fit.model.individuals.surveys[0]
    survey = fit.model.surveys[0]
    number = np.bincount(own.pattern_of)
    counts = ExpectedCounts(fit.model, 0)
    total = 0.0
    for c, u, weight in living(fit.model, fit.coefficients, 0):
        expected = counts.expected(
            fit.coefficients, np.arange(survey.mask.n_points), animal_class=c, pattern=u
        )
        total += weight @ expected.sum(axis=1)
    return total / number.sum()


# --- bootstrap -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_replicates():
    first = null_fit().bootstrap(["density", "sigma"], n_replicates=6, seed=3, progress=False)
    longer = null_fit().bootstrap(["density", "sigma"], n_replicates=9, seed=3, progress=False)
    pd.testing.assert_frame_equal(first.values, longer.values.iloc[:6])
    other = null_fit().bootstrap("density", n_replicates=6, seed=4, progress=False)
    assert (other.values["density"] != first.values["density"]).all()


def test_bootstrap_finds_the_standard_errors_of_the_fit():
    found = quiet_fit(world()).bootstrap(["density", "sigma"], n_replicates=80, progress=False)
    table = found.table()
    row = quiet_fit(world()).abundance().iloc[0]
    assert table.loc["density", "cv"] == pytest.approx(
        row["expected_se"] / row["expected_n"], rel=0.35
    )
    error = table["se"] / np.sqrt(found.n_replicates)
    assert (table["bias"].abs() < 6.0 * error + 0.03 * table["estimate"]).all()
    assert (table["lower"] < table["estimate"]).all()


def test_any_number_can_be_bootstrapped():
    found = null_fit().bootstrap(
        {"animals": lambda fit: fit.fingerprint.n_animals}, n_replicates=12, progress=False
    )
    assert found.estimates["animals"] == example().n_animals
    method = null_fit().bootstrap(
        {"N": lambda fit: fit.abundance()["expected_n"].iloc[0]}, n_replicates=3, progress=False
    )
    named = null_fit().bootstrap("abundance", n_replicates=3, progress=False)
    np.testing.assert_allclose(method.values["N"], named.values["abundance"])
    assert found.values["animals"].std() > 0.0
    assert "12 simulated surveys" in repr(found)


def test_failed_replicates_are_counted_and_shown():
    """So few animals that some surveys detect none at all."""
    traps = world().traps
    captures = sn.CaptureHistory(traps, animal=[0, 0, 1], occasion=[0, 0, 1], trap=[0, 1, 7])
    fit = quiet_fit(sn.Survey(captures, world().mask), fixed={"sigma": 2500.0, "lambda0": 0.2})
    found = fit.bootstrap("density", n_replicates=40, progress=False)
    assert found.n_failed > 0
    assert found.n_replicates + found.n_failed == 40
    assert "No animal was detected" in str(found)
    assert f"{found.n_failed} more failed" in found._repr_html_()


def test_replicates_with_a_sigma_between_the_points_of_the_mask_say_nothing():
    few = quiet_fit(world(), population="conditional", groups="known", sigma="~ known")
    small = replace(few, diagnosis=replace(few.diagnosis, boundary=("sigma",)))
    certain = replace(few, diagnosis=replace(few.diagnosis, boundary=("g0",)))
    assert unusable(small) == "sigma at its boundary"
    assert unusable(few) == unusable(certain) == ""


def test_bootstraps_that_cannot_be_are_told():
    with pytest.raises(
        sn.DataError, match="n_replicates must be a whole number of 2 or more; got 1"
    ):
        null_fit().bootstrap(n_replicates=1)
    with pytest.raises(sn.ModelError, match="no quantity 'N'"):
        null_fit().bootstrap("N")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (3, "what must name quantities.*got 3"),
        ([], "what must name quantities"),
        ({}, "what must name functions.*got none"),
        ({"share": 3}, "what must name functions.*got 3 for 'share'"),
        ({"share": lambda _: "much"}, "'share' must give one number of a fit; it gave 'much'"),
    ],
)
def test_what_cannot_be_bootstrapped_is_told_before_anything_is_simulated(what, told):
    with pytest.raises(sn.DataError, match=told):
        null_fit().bootstrap(what, n_replicates=2, progress=False)
    with pytest.raises(sn.DataError, match="n_replicates must be a whole number"):
        null_fit().bootstrap(n_replicates=2.5)


# --- goodness of fit -----------------------------------------------------------------------------


def kinds_of_models():
    two = [world(), world("binary", name="other")]
    return {
        "several surveys": (two, {"D": "~ session"}),
        "classes": (world(), {"classes": "sex", "lambda0": "~ sex", "sigma": "~ sex"}),
        "latent classes": (world(), {"classes": 2, "lambda0": "~ latent_class"}),
        "groups": (world(), {"groups": "known", "sigma": "~ known"}),
        "conditional": (world(), {"population": "conditional", "lambda0": "~ known"}),
        "conditional classes": (world(), {"population": "conditional", "classes": "sex"}),
        "fixed number": (world(), {"population": "binomial"}),
        "learned": (world(learned=True), {"lambda0": "~ detected_before"}),
        "relative": (world(), {"population": "conditional", "D": "~ x"}),
        "place": (world(), {"lambda0_location": "~ x - 1"}),
        "sigma by density": (world(), {"D": "~ x", "sigmak": "~ 1"}),
        "conditional groups": (world(), {"population": "conditional", "groups": "known"}),
        "ecological distance": (world(), {"distance": sn.LeastCost(), "noneuc": "~ x - 1"}),
        "multi-catch": (world("multi"), {}),
        "binomial": (world("binomial"), {"detection": "HN"}),
        "searches": (searched(), {"smallest_sigma": 1000.0}),
        "smooth": (world(), {"D": "~ s(x, k=4)"}),
    }


@pytest.mark.parametrize("kind", kinds_of_models())
def test_every_kind_of_model_can_be_tested(kind):
    surveys, options = kinds_of_models()[kind]
    found = quiet_fit(surveys, **options).goodness_of_fit(**FEW)
    assert found.n_replicates + found.n_failed == 31
    assert found.n_failed <= 4
    assert (found.p_values >= 1.0 / 32.0).all()
    assert (found.p_values <= 1.0).all()
    # Real and simulated discrepancies are of one size: the data were made by such a model.
    ratio = found.observed.sum(axis=0) / found.simulated.sum(axis=1).mean(axis=0)
    assert 0.5 < ratio[0] < 2.0
    assert (ratio < 4.0).all()


def test_the_same_seed_gives_the_same_p_values():
    first = null_fit().goodness_of_fit(seed=2, **FEW)
    again = null_fit().goodness_of_fit(seed=2, **FEW)
    np.testing.assert_array_equal(first.simulated, again.simulated)
    assert first.p_values.equals(again.p_values)


def test_p_values_by_hand():
    found = null_fit().goodness_of_fit(**FEW)
    above = (found.simulated.sum(axis=1) >= found.observed.sum(axis=0)).sum(axis=0)
    np.testing.assert_allclose(found.p_values, (above + 1) / 32)
    table = found.table()
    assert list(table["survey"].unique()) == ["all"]
    assert "31 simulated surveys" in str(found)
    assert "<table" in found._repr_html_()


def test_several_surveys_have_a_table_each():
    fit = quiet_fit([world(), world("binary", name="other")])
    table = fit.goodness_of_fit(**FEW).table()
    assert list(table["survey"].unique()) == ["all", "world", "other"]
    whole = table[table["survey"] == "all"]["observed"].to_numpy()
    parts = table[table["survey"] != "all"].groupby("test", sort=False)["observed"].sum()
    np.testing.assert_allclose(whole, parts)


def test_a_wrong_fit_is_found():
    """One detector of nine sees everything twenty times."""
    captures = world().captures
    count = np.where(captures.trap == 4, 20 * captures.count, captures.count)
    changed = sn.CaptureHistory(
        captures.traps,
        animal=captures.animal,
        occasion=captures.occasion,
        trap=captures.trap,
        count=count,
    )
    fit = quiet_fit(sn.Survey(changed, world().mask))
    found = fit.goodness_of_fit(**FEW)
    assert found.p_values["detector"] == 1.0 / 32.0
    assert found.p_values["animal by detector"] == 1.0 / 32.0
    assert "some detectors did far better or worse" in str(found)
    residuals = fit.residuals()
    assert residuals["residual"].idxmax() == 4


def test_discrepancies_given_the_estimates_are_those_of_a_regression():
    """A discrepancy that is a line in the estimates and noise has the noise's spread and mean."""
    rng = np.random.default_rng(3)
    moves = np.column_stack([rng.normal(size=(400, 2)), np.full(400, np.nan)])
    noise = rng.normal(size=(400, 2, 4))
    slopes = np.array([3.0, -5.0])
    found = given_estimates(7.0 + noise + (moves[:, :2] @ slopes)[:, None, None], moves)
    assert found.shape == noise.shape
    np.testing.assert_allclose(found.mean(axis=0), 7.0, atol=0.3)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=0.15)
    assert np.abs(np.corrcoef(found[:, 0, 0], moves[:, 0])[0, 1]) < 0.05


def test_noise_keeps_its_variance_however_many_estimates_there_are():
    rng = np.random.default_rng(8)
    variances = [
        given_estimates(rng.normal(size=(40, 1)), rng.normal(size=(40, 10))).var(ddof=1)
        for _ in range(300)
    ]
    assert np.mean(variances) == pytest.approx(1.0, abs=0.06)


def test_estimates_that_ran_away_count_as_three_standard_errors():
    rng = np.random.default_rng(5)
    moves, noise = rng.normal(size=(100, 1)), rng.normal(size=(100, 4))
    moves[0] = 1e6
    near = moves.copy()
    near[0] = 3.0
    np.testing.assert_allclose(given_estimates(noise, moves), given_estimates(noise, near))


def test_activity_centres_are_drawn_from_their_distribution():
    fit = null_fit()
    classes = distance_classes(fit, 5)
    done = complete(fit.model, fit.coefficients, 0, classes, 400, np.random.default_rng(1))
    post = sn.inference.activity.activity_center_probabilities(fit, 0)
    counts = ExpectedCounts(fit.model, 0).expected(
        fit.coefficients, np.arange(example().mask.n_points)
    )
    mean = post @ counts
    spread = np.sqrt(np.maximum(post @ counts**2 - mean**2, 0.0) / 400)
    away = np.abs(done.expected.mean(axis=0) - mean)
    likely = mean > 0.01
    assert likely.sum() > 100
    assert (away < 5.0 * spread)[likely].all()
    assert classes.number == 5


def test_expected_totals_are_given_where_animals_were_detected():
    """By hand: density, being detected at all, and shares of the detections at each detector."""
    fit = quiet_fit(world())
    done = complete(
        fit.model, fit.coefficients, 0, distance_classes(fit, 5), 2, np.random.default_rng(1)
    )
    survey = world()
    hazard = ExpectedCounts(fit.model, 0).expected(
        fit.coefficients, np.arange(survey.mask.n_points)
    )
    whole = hazard.sum(axis=1)
    detected = 1.0 - np.exp(-whole)
    for i, counts in enumerate(count_matrix(survey)):
        weight = detected * np.prod((hazard / whole[:, None]) ** counts, axis=1)
        by_hand = (weight @ (whole / detected)) / weight.sum()
        assert done.totals[i] == pytest.approx(by_hand, rel=1e-6)


def test_tests_that_cannot_be_made_are_told():
    with pytest.raises(sn.DataError, match="must be 25 or more for 3 coefficients; got 24"):
        null_fit().goodness_of_fit(n_replicates=24)
    endless = replace(null_fit(), coefficients=null_fit().coefficients + 20.0)
    with pytest.raises(sn.FitError, match="animals for 'Sailugem', so that no survey"):
        endless.goodness_of_fit()
    trap = quiet_fit(world(), lambda0="~ trap_detected_before")
    with pytest.raises(sn.ModelError, match="changes the detection of others"):
        trap.goodness_of_fit()


def test_surveys_of_the_reference_can_be_tested():
    (survey,) = build.surveys_of_reference("ridge_proximity")
    found = quiet_fit(survey).goodness_of_fit(**FEW)
    assert found.n_failed == 0
