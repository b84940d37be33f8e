"""Relative density in the conditional likelihood, and the full fit that it implies."""

from __future__ import annotations

from functools import cache

import naive
import naive_model
import numpy as np
import oracle
import pandas as pd
import pytest
import tolerances
from scipy.special import gammaln
from test_individuals import surveys_of

import secr_nea as sn
from secr_nea import inference
from secr_nea.inference.relative import counts_of, level_of
from secr_nea.maximise import maximise

ONE, THREE = "ridge_proximity_known_sex", "three_ridges"
MODELS = {
    "covariates": (ONE, {"D": "~ rug_std + x"}),
    "smooth": (ONE, {"D": "~ s(rug_std, k=4, fx=True)", "lambda0": "~ detected_before"}),
    "surveys": (THREE, {"D": "~ rug_std + session", "sigma": "~ session"}),
    "groups": (ONE, {"D": "~ sex + rug_std", "groups": "sex", "sigma": "~ sex"}),
    "classes": (THREE, {"D": "~ rug_std", "classes": "sex", "lambda0": "~ sex", "pmix": "~ 1"}),
}


@cache
def both(name):
    """The full and the relative fit of one model."""
    survey, options = MODELS[name]
    full = maximise(sn.Model(surveys_of(survey), **options), progress=False)
    model = sn.Model(surveys_of(survey), population="conditional", **options)
    return full, maximise(model, progress=False)


@pytest.mark.parametrize("name", MODELS)
def test_absolute_form_is_the_full_fit(name):
    """The level has a maximum of its own: what is left of the likelihood is the relative one."""
    full, relative = both(name)
    assert relative.diagnosis.good
    assert relative.names == full.names[1:]
    absolute = inference.absolute_density(relative)
    assert absolute.names == full.names
    assert absolute.model.population == "poisson"
    away = (absolute.coefficients - full.coefficients) / full.standard_errors
    assert np.abs(away).max() < 1e-3
    np.testing.assert_allclose(absolute.standard_errors, full.standard_errors, rtol=1e-3)
    np.testing.assert_allclose(absolute.covariance, full.covariance, rtol=0.01, atol=1e-5)
    np.testing.assert_allclose(absolute.log_likelihood, full.log_likelihood, atol=1e-6)
    n = sum(survey.n_animals for survey in full.model.surveys)
    apart = full.log_likelihood - relative.log_likelihood
    np.testing.assert_allclose(apart, n * np.log(n) - n - gammaln(n + 1), atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_derived_density_is_that_of_the_full_fit(name):
    full, relative = both(name)
    derived = inference.derived_density(relative)
    numbers = inference.abundance(full)
    if "group" in numbers:
        numbers = numbers[numbers["group"] != "all"].reset_index(drop=True)
        assert list(derived["sex"]) == list(numbers["group"])
    np.testing.assert_allclose(
        derived["density_per_100km2"], numbers["density_per_100km2"], rtol=1e-4
    )
    np.testing.assert_allclose(
        derived["cv"], numbers["expected_se"] / numbers["expected_n"], rtol=2e-3
    )
    assert list(derived["n_detected"]) == list(numbers["n_detected"])


def test_answers_of_the_absolute_form():
    full, relative = both("covariates")
    absolute = sn.FitResult.of(relative).absolute_density()
    surface, other = absolute.density_surface(), sn.FitResult.of(full).density_surface()
    np.testing.assert_allclose(surface["density"], other["density"], rtol=1e-4)
    np.testing.assert_allclose(surface["cv"], other["cv"], rtol=2e-3)


# --- the value ---------------------------------------------------------------------------------


def test_value_is_the_naive_one():
    """Sum of log sum D' Pr(w | x) - n log sum D' p., with log n! and shared histories."""
    case = oracle.case("proximity_D_rugged")
    session, data = next(iter(oracle.survey(case["survey"])["sessions"].items()))
    survey = surveys_of(case["survey"])[0]
    beta = case["coefficients"]
    model = sn.Model(survey, population="conditional", D=case["formulas"]["D"])
    hazard = naive_model.hazards_at(case, beta, session)
    relative = naive_model.animals_per_cell(case, beta, session) / np.exp(beta[0])
    histories = oracle.dense_histories(data)
    log_pr = naive.history_log_probabilities(histories, hazard, data["effort"], "binary")
    pdot = naive.probability_of_detection(hazard, data["effort"], "binary")
    each = naive.log_of_weighted_sum(log_pr, relative) - np.log(np.sum(relative * pdot))
    n = len(histories)
    expected = each.sum() + gammaln(n + 1) - naive.log_identical_histories(histories)
    found = sn.log_likelihood(model, beta[1:])
    np.testing.assert_allclose(found, expected, **tolerances.EXACT)


def test_without_effects_it_is_the_conditional_likelihood():
    survey = surveys_of(ONE)
    plain = sn.Model(survey, population="conditional", sigma="~ sex")
    relative = sn.Model(survey, population="conditional", D="~ rug_std", sigma="~ sex")
    at = [-2.2, 8.4, 0.2]
    np.testing.assert_allclose(
        sn.log_likelihood(relative, [0.0, *at]), sn.log_likelihood(plain, at), **tolerances.EXACT
    )


def test_surveys_add_the_probability_of_their_numbers():
    """Multinomial n_j of n, with probabilities in proportion to the expected numbers."""
    surveys = surveys_of(THREE)
    at = np.array([0.3, -2.2, 8.4])
    joint = sn.log_likelihood(sn.Model(surveys, population="conditional", D="~ rug_std"), at)
    number, expected, total = [], [], 0.0
    for survey in surveys:
        alone = sn.Model(survey, population="conditional", D="~ rug_std")
        total += sn.log_likelihood(alone, at)
        full = sn.Model(survey, D="~ rug_std")
        weight = np.exp(0.3 * survey.mask.covariates["rug_std"].to_numpy())
        pdot = sn.likelihood.points.detection_probability(
            sn.likelihood.likelihood_of(full), np.array([0.0, *at]), 0
        )
        number.append(survey.n_animals)
        expected.append((weight * pdot).sum() * survey.mask.cell_area)
    share = np.array(expected) / np.sum(expected)
    number = np.array(number)
    multinomial = gammaln(number.sum() + 1) - gammaln(number + 1).sum()
    multinomial += (number * np.log(share)).sum()
    np.testing.assert_allclose(joint, total + multinomial, **tolerances.EXACT)


def known_sex(surveys):
    """Three surveys with an invented, complete covariate; the last has one level only."""
    out = []
    for b, survey in enumerate(surveys):
        captures = survey.captures
        old = ["no"] * captures.n_animals if b == 2 else ["no", "yes"] * captures.n_animals
        covariates = pd.DataFrame({"old": old[: captures.n_animals]})
        again = sn.CaptureHistory(
            captures.traps,
            animal=captures.animal,
            occasion=captures.occasion,
            trap=captures.trap,
            count=captures.count,
            animal_ids=captures.animal_ids,
            covariates=covariates,
        )
        out.append(sn.Survey(again, survey.mask, name=survey.name))
    return out


@cache
def with_covariate():
    surveys = known_sex(surveys_of(THREE))
    model = sn.Model(surveys, population="conditional", D="~ rug_std", sigma="~ old")
    return maximise(model, progress=False)


def test_gradient_is_the_slope_of_the_value():
    """Animals with a covariate that some survey lacks could have been detected there too."""
    model = with_covariate().model
    assert [len(own.patterns) for own in model.individuals.surveys] == [2, 2, 2]
    x = np.array([0.3, -2.2, 8.4, 0.2])
    _, gradient = sn.log_likelihood_gradient(model, x)
    for j in range(len(x)):
        step = np.zeros(len(x))
        step[j] = 1e-4
        above, below = (sn.log_likelihood(model, x + sign * step) for sign in (1, -1))
        np.testing.assert_allclose(gradient[j], (above - below) / 2e-4, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("numbers", ["poisson", "binomial"])
def test_error_of_the_level_is_that_of_its_parts(numbers):
    """Delta method by hand, with numerical derivatives of log k."""
    estimate = with_covariate()
    counts = counts_of(estimate)
    assert counts.sum() == estimate.fingerprint.n_animals

    def log_level(x):
        moved = sn.FitResult(estimate.model, x, estimate.covariance, 0.0, estimate.diagnosis)
        return np.log(level_of(moved, counts).value)

    x = estimate.coefficients
    slope = np.array([(log_level(x + e) - log_level(x - e)) / 2e-4 for e in 1e-4 * np.eye(len(x))])
    level = level_of(estimate, counts, numbers)
    np.testing.assert_allclose(level.gradient / level.value, slope, rtol=1e-5, atol=1e-7)
    table = inference.absolute_coefficients(estimate, numbers=numbers)
    variance = level.number_variance / level.value**2 + slope @ estimate.covariance @ slope
    np.testing.assert_allclose(table["se"].iloc[0], np.sqrt(variance), rtol=1e-5)
    np.testing.assert_allclose(table["estimate"].iloc[0], log_level(x), rtol=1e-12)
    bound = 1.0 if numbers == "poisson" else 0.999
    n = estimate.fingerprint.n_animals
    assert 0.5 < level.number_variance / level.value**2 * n <= bound * 1.02


def test_levels_of_a_covariate_add_up():
    estimate = with_covariate()
    whole = inference.derived_density(estimate)
    parts = inference.derived_density(estimate, by="old")
    for name, part in parts.groupby("survey"):
        total = whole.set_index("survey").loc[name]
        if len(part) == 2:
            np.testing.assert_allclose(
                part["density_per_100km2"].sum(), total["density_per_100km2"], **tolerances.EXACT
            )
            assert part["n_detected"].sum() == total["n_detected"]


# --- what is refused, and what is told ----------------------------------------------------------


def test_relative_fits_say_so():
    _, relative = both("covariates")
    table = inference.real_parameters(relative).set_index("parameter")
    assert table.loc["D", "unit"] == "relative"
    assert "relative" in str(sn.FitResult.of(relative))
    for ask in (inference.abundance, inference.density_surface):
        with pytest.raises(sn.ModelError, match=r"no level: ask .* fit.absolute_density\(\)"):
            ask(relative)


def test_fits_that_explain_more_are_not_compared():
    _, surveys = both("surveys")
    plain = sn.Model(surveys_of(THREE), population="conditional", sigma="~ session")
    assert surveys.fingerprint.code != maximise(plain, progress=False).fingerprint.code
    _, one = both("covariates")
    alone = maximise(sn.Model(surveys_of(ONE), population="conditional"), progress=False)
    assert one.fingerprint.code == alone.fingerprint.code


@pytest.mark.parametrize(
    "options, words",
    [
        ({"D": "~ 1"}, "only an intercept, which says nothing"),
        ({"D": "~ country - 1"}, "leave '- 1' or '0 \\+' out"),
        ({"fixed": {"D": 1.0}}, "no level that could be fixed"),
        ({"D": "~ rug_std", "links": {"D": "identity"}}, "needs the log link"),
    ],
)
def test_what_is_not_relative_is_refused(options, words):
    with pytest.raises((sn.ModelError, sn.FormulaError), match=words):
        sn.Model(surveys_of(ONE), population="conditional", **options)


def test_absolute_form_needs_a_full_likelihood():
    with pytest.raises(sn.ModelError, match="depends on old of the animals"):
        inference.absolute_density(with_covariate())
    plain = maximise(sn.Model(surveys_of(ONE), population="conditional"), progress=False)
    for ask in (inference.absolute_density, inference.absolute_coefficients):
        with pytest.raises(sn.ModelError, match="has no relative density"):
            ask(plain)
    _, groups = both("groups")
    with pytest.raises(sn.ModelError, match="a row for each; leave out by"):
        inference.derived_density(groups, by="sex")


def test_groups_without_relative_density_have_rows_of_their_own():
    """Each group's own sum of 1 / a, which once came from the first group alone."""
    survey = surveys_of(ONE)
    grouped = sn.Model(survey, population="conditional", groups="sex", sigma="~ sex")
    parted = sn.Model(survey, population="conditional", sigma="~ sex")
    rows = inference.derived_density(maximise(grouped, progress=False))
    same = inference.derived_density(maximise(parted, progress=False), by="sex")
    assert list(rows["sex"]) == list(same["sex"])
    np.testing.assert_allclose(rows["density_per_100km2"], same["density_per_100km2"], rtol=1e-4)
