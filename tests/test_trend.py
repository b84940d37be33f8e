"""Finite rate of increase between surveys."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from test_individuals import surveys_of

import secr_nea as sn
from secr_nea import inference
from secr_nea.inference.density import point_density
from secr_nea.maximise import maximise


@cache
def estimate_of(formula, population="poisson"):
    surveys = surveys_of("three_ridges")
    return maximise(sn.Model(surveys, D=formula, population=population), progress=False)


@pytest.mark.parametrize("formula", ["~ session", "~ session + rug_std", "~ rug_std + session"])
def test_additive_effects_are_ratios_of_densities_anywhere(formula):
    estimate = estimate_of(formula)
    table = sn.FitResult.of(estimate).rate_of_increase()
    assert list(table["from"]) == ["north", "middle", "north"]
    assert list(table["to"]) == ["middle", "south", "south"]
    effect = dict(zip(estimate.names, estimate.coefficients, strict=True))
    middle, south = (effect[f"D:session[T.{name}]"] for name in ("middle", "south"))
    expected = np.exp([middle, south - middle, south / 2])
    np.testing.assert_allclose(table["rate"], expected, rtol=1e-10)
    j = estimate.names.index("D:session[T.middle]")
    log_error = np.log(table["upper"] / table["lower"])[0] / (2 * 1.959964)
    np.testing.assert_allclose(log_error, estimate.standard_errors[j], rtol=1e-6)


def test_a_trend_is_one_rate_and_years_are_counted():
    estimate = estimate_of("~ session_trend + rug_std")
    table = inference.rate_of_increase(estimate)
    j = estimate.names.index("D:session_trend")
    np.testing.assert_allclose(table["rate"], np.exp(estimate.coefficients[j]), rtol=1e-10)
    np.testing.assert_allclose(table["lower"], table["lower"][0], rtol=1e-10)
    years = inference.rate_of_increase(estimate, times=[2018, 2020, 2024])
    assert list(years["time"]) == [2, 4, 6]
    np.testing.assert_allclose(years["rate"], table["rate"] ** (1 / np.array([2, 4, 3])), rtol=1e-9)


def test_interactions_are_ratios_of_numbers_on_one_area():
    estimate = estimate_of("~ session * rug_std")
    area = estimate.model.surveys[2].mask
    table = inference.rate_of_increase(estimate, mask=area, level=0.9)
    density = [point_density(estimate, b, area).value.sum() for b in range(3)]
    np.testing.assert_allclose(table["rate"][0], density[1] / density[0], rtol=1e-10)
    np.testing.assert_allclose(table["rate"][2], np.sqrt(density[2] / density[0]), rtol=1e-10)

    def log_rate(x):
        moved = sn.FitResult(estimate.model, x, estimate.covariance, 0.0, estimate.diagnosis)
        return np.log(inference.rate_of_increase(moved, mask=area)["rate"][1])

    x = estimate.coefficients
    slope = np.array([(log_rate(x + e) - log_rate(x - e)) / 2e-5 for e in 1e-5 * np.eye(len(x))])
    sd = np.sqrt(slope @ estimate.covariance @ slope)
    np.testing.assert_allclose(np.log(table["upper"] / table["rate"])[1], 1.644854 * sd, rtol=1e-5)


def test_relative_density_has_the_same_rate():
    full, relative = estimate_of("~ session"), estimate_of("~ session", "conditional")
    both = [inference.rate_of_increase(one) for one in (full, relative)]
    for column in ("rate", "lower", "upper"):
        np.testing.assert_allclose(both[0][column], both[1][column], rtol=2e-3)


@pytest.mark.parametrize(
    "formula, options, words",
    [
        ("~ 1", {}, "Density is the same in all surveys"),
        ("~ rug_std", {}, "Density is the same in all surveys"),
        ("~ session", {"times": [1, 2]}, "one number for each of 3"),
        ("~ session", {"times": [1, 3, 2]}, "must rise"),
        ("~ session", {"times": "year"}, "no covariate 'year'"),
        ("~ session", {"group": "F"}, "no groups"),
    ],
)
def test_what_has_no_rate(formula, options, words):
    with pytest.raises((sn.ModelError, sn.DataError), match=words):
        inference.rate_of_increase(estimate_of(formula), **options)


def test_one_survey_has_no_rate():
    estimate = maximise(sn.Model(surveys_of("ridge_proximity")), progress=False)
    with pytest.raises(sn.ModelError, match="at least two surveys"):
        inference.rate_of_increase(estimate)
    plain = sn.Model(surveys_of("three_ridges"), population="conditional")
    with pytest.raises(sn.ModelError, match="has no density"):
        inference.rate_of_increase(maximise(plain, progress=False))


def test_what_is_hardly_known_is_told_without_a_warning():
    """exp(sd^2) of a standard deviation below the limit of flatness may overflow."""
    estimate = estimate_of("~ 1")
    vague = sn.FitResult(
        estimate.model,
        estimate.coefficients,
        estimate.covariance * 0.0 + np.diag([28.0**2, 0.0, 0.0]),
        estimate.log_likelihood,
        estimate.diagnosis,
    )
    table = inference.real_parameters(vague).set_index("parameter")
    assert np.isnan(table.loc["D", "se"])  # known to no better than a factor of thousands
    surface = vague.density_surface(survey="north")
    assert np.isinf(surface["se"].to_numpy()).any()
