"""Mixtures of classes along the proportion of the second: several maxima, flat profiles."""

from __future__ import annotations

from functools import cache

import build
import numpy as np
import pytest
from test_individuals import estimate_of, model_of

import secr_nea as sn
from secr_nea import inference
from secr_nea.boundaries import boundaries
from secr_nea.maximise import maximise


@cache
def small_mixture():
    """Two latent classes on a tiny design."""
    survey = build.survey_of_design(build.example_design("count", n_occasions=3))
    model = sn.Model(survey, classes=2, lambda0="~ latent_class", fixed={"sigma": 1500.0})
    return maximise(model, progress=False)


def test_profile_has_its_top_at_the_fit():
    estimate = estimate_of("multi_h2_hybrid")
    own = float(estimate.model.class_proportions(estimate.coefficients)[0, 1])
    table = sn.FitResult.of(estimate).profile_pmix([0.2, 0.6])
    np.testing.assert_allclose(table.index, [0.2, own, 0.6])
    assert list(table["is_estimate"]) == [False, True, False]
    assert list(table["is_maximum"]) == [False, True, False]
    np.testing.assert_allclose(table["log_likelihood"].iloc[1], estimate.log_likelihood, atol=1e-6)
    for value in (0.2, 0.6):
        held = sn.Model(
            model_of("multi_h2_hybrid").surveys,
            detection="HN",
            classes="sex",
            g0="~ sex",
            sigma="~ sex",
            fixed={"pmix": value},
        )
        alone = maximise(held, progress=False)
        np.testing.assert_allclose(
            table.loc[value, "log_likelihood"], alone.log_likelihood, atol=1e-6
        )
        density = np.exp(alone.coefficients[0])
        np.testing.assert_allclose(table.loc[value, "density_per_100km2"], density, rtol=1e-3)
    assert (table["below"] >= 0.0).all()


def test_latent_classes_may_change_places():
    table = inference.profile_pmix(small_mixture(), [0.1, 0.35, 0.65, 0.9])
    rows = table[~table["is_estimate"]]
    np.testing.assert_allclose(rows["log_likelihood"], rows["log_likelihood"].iloc[::-1], atol=1e-5)
    top = small_mixture().log_likelihood
    assert table["log_likelihood"].max() < top + 1e-5


def test_classes_that_cannot_be_told_apart_are_doubtful():
    told = inference.doubts(estimate_of("proximity_h2"))
    assert any("hardly tell the latent classes apart" in doubt for doubt in told)
    assert not any("latent classes" in doubt for doubt in inference.doubts(small_sex_fit()))


def small_sex_fit():
    return estimate_of("proximity_sex_hybrid")


def test_an_empty_class_is_a_boundary():
    model = small_mixture().model
    coefficients = small_mixture().coefficients.copy()
    coefficients[-1] = -8.0
    assert boundaries(model, coefficients) == ("pmix",)
    coefficients[-1] = 8.0
    assert boundaries(model, coefficients) == ("pmix",)
    coefficients[-1] = 0.0
    assert boundaries(model, coefficients) == ()


def test_profiles_that_are_not_one_proportion_are_refused():
    with pytest.raises(sn.ModelError, match="needs a fit with two classes"):
        inference.profile_pmix(estimate_of("proximity_groups_sex"))
    with pytest.raises(sn.DataError, match="between 0 and 1"):
        inference.profile_pmix(small_mixture(), [0.0, 0.5])
    held = sn.Model(small_mixture().model.surveys, classes=2, fixed={"pmix": 0.3, "sigma": 1500.0})
    with pytest.raises(sn.ModelError, match="pmix is fixed"):
        inference.profile_pmix(maximise(held, progress=False))
    surveys = model_of("sessions_sex_hybrid").surveys
    differs = maximise(sn.Model(surveys, classes="sex", pmix="~ session"), progress=False)
    with pytest.raises(sn.ModelError, match="differs between surveys"):
        inference.profile_pmix(differs)
