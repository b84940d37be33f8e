"""Sets of models: criteria, weights, what is refused, averages, nested tests, fit_models."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import build
import numpy as np
import oracle
import pandas as pd
import pytest
from scipy import stats

import secr_nea as sn
from secr_nea.inference import model_average
from secr_nea.inference.averaging import tail_area_limits
from secr_nea.inference.comparison import information_criterion
from secr_nea.inference.refits import changed_model


@cache
def example():
    return sn.datasets.sailugem(2500.0)


@cache
def fit_of(**formulas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(example(), progress=False, **formulas)


def fit_with(**options):
    """Options that cannot be remembered, such as mappings."""
    return fit_of.__wrapped__(**options)


@cache
def models():
    return sn.fit_models(
        example(), D=["~ 1", "~ ruggedness_std"], lambda0=["~1", "~topography"], progress=False
    )


def test_criteria_of_r():
    for name in ("proximity_null", "proximity_D_rugged", "proximity_trap_factor"):
        case = oracle.case(name)
        fit = sn.fit(build.model_of_case(case), progress=False)
        assert information_criterion(fit, "AIC") == pytest.approx(case["AIC"], abs=1e-3)
        assert information_criterion(fit, "AICc") == pytest.approx(case["AICc"], abs=1e-3)


def test_quasi_likelihood_divides_by_overdispersion():
    fit = fit_of()
    assert information_criterion(fit, "QAIC", 1.0) == fit.aic
    expected = -2.0 * fit.log_likelihood / 1.7 + 2.0 * 3
    assert information_criterion(fit, "QAIC", 1.7) == pytest.approx(expected, rel=1e-12)
    corrected = expected + 2.0 * 3 * 4 / (28 - 3 - 1)
    assert information_criterion(fit, "QAICc", 1.7) == pytest.approx(corrected, rel=1e-12)


def test_weights_by_hand():
    found = models()
    aicc = np.array([found[name].aicc for name in found])
    weight = np.exp(-0.5 * (aicc - aicc.min()))
    np.testing.assert_allclose(found.weights, weight / weight.sum(), rtol=1e-12)
    table = found.table()
    assert table["weight"].is_monotonic_decreasing
    assert table["delta"].iloc[0] == 0.0
    assert found.best is found[table.index[0]]


def test_the_order_of_fits_changes_nothing():
    fits = [models()[name] for name in models()]
    forwards, backwards = sn.compare(*fits).table(), sn.compare(*fits[::-1]).table()
    pd.testing.assert_frame_equal(forwards, backwards)


def test_names_are_what_differs():
    assert list(models()) == [
        "D ~ 1, lambda0 ~ 1",
        "D ~ 1, lambda0 ~ topography",
        "D ~ ruggedness_std, lambda0 ~ 1",
        "D ~ ruggedness_std, lambda0 ~ topography",
    ]
    again = sn.compare(fit_of(), fit_of())
    assert list(again) == ["D ~ 1, lambda0 ~ 1, sigma ~ 1", "D ~ 1, lambda0 ~ 1, sigma ~ 1 (2)"]


def test_no_model_is_without_a_name():
    """Options that only some models have are told, so that no name is empty."""
    latent = fit_of(classes=2, lambda0="~ latent_class")
    assert list(sn.compare(fit_of(), latent)) == [
        "lambda0 ~ 1",
        "2 latent classes, lambda0 ~ latent_class, pmix ~ 1",
    ]
    stretched = fit_of(distance=sn.AnisotropicDistance())
    names = list(sn.compare(fit_of(), stretched))
    assert names[0] == "straight distances"
    assert names[1].startswith("AnisotropicDistance, stretch_east ~ 1")
    assert list(sn.compare(fit_of(), fit_with(links={"D": "identity"}))) == [
        "usual links",
        "identity link of D",
    ]


def test_density_of_the_table_is_that_of_the_fit():
    table = sn.compare(a=fit_of()).table()
    row = fit_of().abundance().iloc[0]
    assert table["density_per_100km2"].iloc[0] == pytest.approx(row["density_per_100km2"])
    assert table["density_cv"].iloc[0] == pytest.approx(row["expected_se"] / row["expected_n"])
    for limit in ("density_lower", "density_upper"):
        # a page that shows both must not show two intervals of one number
        assert table[limit].iloc[0] == pytest.approx(row[limit], rel=1e-9)
    conditional = sn.compare(fit_of(population="conditional")).table()
    derived = sn.inference.derived_density(fit_of(population="conditional")).iloc[0]
    assert conditional["density_per_100km2"].iloc[0] == pytest.approx(
        derived["density_per_100km2"], rel=1e-10
    )


def changed_survey(**changes):
    survey = example()
    given = {"captures": survey.captures, "mask": survey.mask, "name": survey.name, **changes}
    return sn.Survey(given.pop("captures"), given.pop("mask"), **given)


def other_effort():
    captures = example().captures
    effort = captures.traps.effort.copy()
    effort[0] += 1.0
    return sn.CaptureHistory.from_dataframe(
        captures.to_dataframe(),
        captures.traps.with_effort(effort),
        individuals=captures.individuals(),
    )


@pytest.mark.parametrize(
    "other, why",
    [
        (lambda: fit_of(population="conditional"), "conditional on the animals detected"),
        (lambda: fit_of(classes="sex"), "differ in classes"),
        (
            lambda: sn.fit(
                changed_survey(mask=example().mask.subset(np.arange(3, example().mask.n_points))),
                progress=False,
            ),
            "habitat mask",
        ),
        (lambda: sn.fit(changed_survey(captures=other_effort()), progress=False), "the effort"),
        (lambda: sn.fit(changed_survey(name="other"), progress=False), "different surveys"),
    ],
)
def test_fits_of_different_things_are_refused_with_the_reason(other, why):
    with pytest.raises(sn.ModelError, match=f"'B' cannot be compared with 'A'.*{why}"):
        sn.compare(A=fit_of(), B=other())


def test_latent_classes_explain_the_same_data():
    found = sn.compare(one=fit_of(), two=fit_of(classes=2, sigma="~ latent_class"))
    assert set(found) == {"one", "two"}


def test_what_is_doubtful_is_told():
    found = sn.compare(a=fit_of(), b=fit_of(), c=fit_of(classes=2, sigma="~ latent_class"))
    assert found.weights["b"] == 0.0
    assert found.flags["b"] == ["the same fit as 'a': no weight"]
    assert "explains no more than 'a', which has fewer coefficients" in found.flags["c"]
    assert "the same fit as 'a'" in str(found)
    assert "<table" in found._repr_html_()


def test_too_many_coefficients_are_flagged():
    crowded = fit_of(D="~ ruggedness_std + elevation_std + x + y", lambda0="~ topography")
    (flag,) = sn.compare(a=crowded).flags["a"]
    assert flag == "9 coefficients for 28 animals (3.1 each; 4 or more needed)"


def test_a_fit_that_did_not_converge_has_no_weight():
    fit = fit_of()
    failed = replace(fit, diagnosis=replace(fit.diagnosis, converged=False))
    found = sn.compare(a=fit, b=failed, c=fit_of(D="~ ruggedness_std"))
    assert found.weights["b"] == 0.0
    assert found.weights["a"] > 0.0
    with pytest.raises(sn.ModelError, match="none converged"):
        _ = sn.compare(b=failed).best


def test_a_set_of_models_can_be_kept_and_opened_again():
    again = pickle.loads(pickle.dumps(models()))
    pd.testing.assert_frame_equal(again.table(), models().table())
    with pytest.raises(TypeError):
        again.fits["another"] = fit_of()


def test_words_that_cannot_be_used_are_told():
    with pytest.raises(sn.DataError, match="criterion must be one of"):
        sn.compare(fit_of(), criterion="BIC")
    with pytest.raises(sn.DataError, match="c_hat must be 1 or more; got 0.5"):
        sn.compare(fit_of(), c_hat=0.5)
    with pytest.raises(sn.DataError, match="c_hat must be 1 or more; got 'two'"):
        sn.compare(fit_of(), c_hat="two")
    with pytest.raises(sn.DataError, match="got Survey"):
        sn.compare(example())
    with pytest.raises(sn.DataError, match="nothing"):
        sn.compare()
    with pytest.raises(sn.DataError, match="no model 'x'; there are"):
        models()["x"]


# --- averages ------------------------------------------------------------------------------------


def test_average_by_hand():
    """On the log scale of density, with the variance between models."""
    found = model_average(models(), method="wald").loc["density"]
    weights, values, errors = models().weights.to_numpy(), [], []
    for name in models():
        row = models()[name].abundance().iloc[0]
        values.append(np.log(row["density_per_100km2"]))
        errors.append(row["expected_se"] / row["expected_n"])
    values, errors = np.array(values), np.array(errors)
    mean = weights @ values
    variance = weights @ (errors**2 + (values - mean) ** 2)
    assert np.log(found["estimate"]) == pytest.approx(mean, rel=1e-9)
    half = stats.norm.ppf(0.975) * np.sqrt(variance)
    assert np.log(found["upper"]) == pytest.approx(mean + half, rel=1e-6)
    between = weights @ (values - mean) ** 2 / variance
    assert found["share_between"] == pytest.approx(between, rel=1e-6)


def test_an_average_of_one_model_is_that_model():
    one = sn.compare(a=fit_of())
    wald, tail = (model_average(one, method=m).loc["density"] for m in ("wald", "tail_area"))
    quantity = fit_of().profile_interval("density").loc["density"]
    for row in (wald, tail):
        assert row["lower"] == pytest.approx(quantity["wald_lower"], rel=1e-8)
        assert row["upper"] == pytest.approx(quantity["wald_upper"], rel=1e-8)
        assert row["share_between"] == 0.0


def test_tail_areas_are_what_they_promise():
    value, sd = np.array([0.0, 1.5, -0.3]), np.array([0.2, 0.5, 1.0])
    weights = np.array([0.5, 0.3, 0.2])
    low, high = tail_area_limits(value, sd, weights, 0.9)
    assert weights @ stats.norm.cdf((low - value) / sd) == pytest.approx(0.05, abs=1e-9)
    assert weights @ stats.norm.cdf((high - value) / sd) == pytest.approx(0.95, abs=1e-9)


def test_averages_are_of_the_same_thing():
    with pytest.raises(sn.ModelError, match="Coefficients are not averaged"):
        model_average(models(), "sigma:Intercept")
    with pytest.raises(sn.ModelError, match="Give newdata="):
        model_average(models(), "lambda0")
    given = model_average(models(), "lambda0", newdata={"topography": ["ridge"]})
    assert given["n_models"].iloc[0] == len(models())
    with pytest.raises(sn.DataError, match="method must be one of"):
        model_average(models(), method="bayes")


def test_averages_over_links_are_on_one_scale():
    """A model with another link and the same estimates changes an average by nothing much."""
    log, plain = fit_of(), fit_with(D="~ ruggedness_std", links={"lambda0": "identity"})
    twin = fit_of(D="~ ruggedness_std")
    expected = model_average(sn.compare(log, twin), "lambda0")
    for order in ([log, plain], [plain, log]):
        found = model_average(sn.compare(*order), "lambda0")
        for column in ("estimate", "se", "lower", "upper"):
            np.testing.assert_allclose(found[column], expected[column], rtol=0.02)


def test_parameters_that_mean_something_else_are_not_averaged():
    kinds = sn.compare(fit_of(), fit_of(detection="hazard_exponential"))
    with pytest.raises(sn.ModelError, match="sigma means something else with another detection"):
        model_average(kinds, ["density", "sigma"])
    assert model_average(kinds, ["density", "lambda0"])["n_models"].eq(2).all()
    metrics = sn.compare(fit_of(), fit_of(distance=sn.AnisotropicDistance()))
    with pytest.raises(sn.ModelError, match=r"another measure of distance \(straight distances"):
        model_average(metrics, "sigma")


# --- nested tests --------------------------------------------------------------------------------


def test_likelihood_ratio_by_hand():
    simple, large = fit_of(), fit_of(D="~ ruggedness_std", lambda0="~ topography")
    test = sn.inference.likelihood_ratio_test(simple, large)
    statistic = 2.0 * (large.log_likelihood - simple.log_likelihood)
    assert test.statistic == pytest.approx(statistic, rel=1e-12)
    assert test.df == 3
    assert test.p_value == pytest.approx(stats.chi2.sf(statistic, 3), rel=1e-12)
    with pytest.raises(sn.ModelError, match="it lacks D:ruggedness_std"):
        sn.inference.likelihood_ratio_test(large, simple)
    with pytest.raises(sn.ModelError, match="the detection functions differ"):
        sn.inference.likelihood_ratio_test(simple, fit_of(detection="HEX", D="~ ruggedness_std"))


@pytest.mark.parametrize(
    "simple, large",
    [
        ({}, {"population": "binomial", "D": "~ ruggedness_std"}),
        ({"fixed": {"sigma": 4000.0}}, {"fixed": {"sigma": 7000.0}, "D": "~ ruggedness_std"}),
        (
            {"lambda0": "~ topography"},
            {"links": {"lambda0": "identity"}, "lambda0": "~ topography", "D": "~ x"},
        ),
    ],
)
def test_models_that_are_not_nested_but_share_names_are_refused(simple, large):
    with pytest.raises(sn.ModelError, match="without its new terms its log-likelihood is"):
        sn.inference.likelihood_ratio_test(fit_with(**simple), fit_with(**large))


def test_a_fixed_value_is_nested_in_its_estimate():
    held = fit_with(fixed={"sigma": 4500.0})
    test = sn.inference.likelihood_ratio_test(held, fit_of())
    assert test.added == ("sigma:Intercept",)
    assert test.statistic == pytest.approx(
        2.0 * (fit_of().log_likelihood - held.log_likelihood), rel=1e-12
    )
    assert held.score_test(sigma="~ 1").statistic == pytest.approx(test.statistic, rel=0.5)


def test_latent_classes_and_stretched_distances_hold_the_simple_model():
    for larger in (
        fit_of(classes=2, lambda0="~ latent_class"),
        fit_of(distance=sn.AnisotropicDistance()),
    ):
        test = sn.inference.likelihood_ratio_test(fit_of(), larger)
        assert test.df == 2
        assert test.statistic >= 0.0
        assert test.note == ""
    costly = fit_of(noneuc="~ ruggedness_std")
    assert "nested only nearly" in sn.inference.likelihood_ratio_test(fit_of(), costly).note


def test_score_test_by_hand():
    """Gradient and information of the larger model by differences of log-likelihoods alone."""
    simple = fit_of()
    larger = changed_model(simple.model, {"D": "~ ruggedness_std"})
    names = list(larger.coefficient_names)
    known = dict(zip(simple.names, simple.coefficients, strict=True))
    beta = np.array([known.get(name, 0.0) for name in names])
    h = 1e-3

    def value(*moves):
        at = beta.copy()
        for j, step in moves:
            at[j] += step
        return sn.log_likelihood(larger, at)

    n = len(beta)
    u = np.array([(value((j, h)) - value((j, -h))) / (2 * h) for j in range(n)])
    information = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            corners = [value((i, a * h), (j, b * h)) * a * b for a in (1, -1) for b in (1, -1)]
            information[i, j] = -sum(corners) / (4 * h * h)
    expected = u @ np.linalg.solve(information, u)
    test = simple.score_test(D="~ ruggedness_std")
    assert test.statistic == pytest.approx(expected, rel=1e-3)
    assert test.added == ("D:ruggedness_std",)


def test_score_and_likelihood_ratio_agree_where_little_is_added():
    simple = fit_of(D="~ ruggedness_std")
    score = simple.score_test(D="~ ruggedness_std + elevation_std")
    ratio = sn.inference.likelihood_ratio_test(simple, fit_of(D="~ ruggedness_std + elevation_std"))
    assert score.statistic == pytest.approx(ratio.statistic, rel=0.1)


def test_score_table_puts_the_promising_first():
    candidates = {"topography": {"lambda0": "~ topography"}, "rugged": {"D": "~ ruggedness_std"}}
    table = sn.inference.score_table(fit_of(), candidates)
    assert list(table.index) == ["rugged", "topography"]
    assert table.loc["rugged", "df"] == 1


def test_score_tests_that_make_no_sense_are_told():
    with pytest.raises(sn.ModelError, match="has no g0"):
        fit_of().score_test(g0="~ topography")
    with pytest.raises(sn.ModelError, match="it has no more coefficients"):
        fit_of().score_test(D="~ 1")


# --- fit_models ----------------------------------------------------------------------------------


def test_fits_of_a_set_are_the_fits_one_by_one():
    alone = fit_of(D="~ ruggedness_std", lambda0="~ topography")
    found = models()["D ~ ruggedness_std, lambda0 ~ topography"]
    assert found.log_likelihood == pytest.approx(alone.log_likelihood, abs=1e-5)
    away = (found.coefficients - alone.coefficients) / alone.standard_errors
    assert np.abs(away).max() < 0.01


def test_models_that_cannot_be_fitted_are_kept_with_the_reason():
    found = sn.fit_models(
        example(), {"null": {}, "wrong": {"D": "~ rugedness"}}, sigma="~ 1", progress=False
    )
    assert list(found) == ["null"]
    assert "rugedness" in found.failures["wrong"]
    assert "Not fitted: wrong" in str(found)
    with pytest.raises(sn.FitError, match="No model could be fitted: wrong"):
        sn.fit_models(example(), {"wrong": {"D": "~ rugedness"}}, progress=False)


def test_models_that_cannot_be_compared_are_refused_before_they_are_fitted(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("a model was fitted")

    monkeypatch.setattr("secr_nea.model_sets.fit", never)
    with pytest.raises(sn.ModelError, match="'b' cannot be compared with 'a': they differ in cl"):
        sn.fit_models(example(), {"a": {}, "b": {"classes": "sex"}}, progress=False)


def test_sets_that_say_nothing_are_told():
    with pytest.raises(sn.DataError, match="Nothing to compare"):
        sn.fit_models(example(), D="~ 1")
    with pytest.raises(sn.DataError, match="not both"):
        sn.fit_models(example(), {"a": {}}, D=["~ 1", "~ x"])
    with pytest.raises(sn.DataError, match="D is given for all models and for 'a'"):
        sn.fit_models(example(), {"a": {"D": "~ x"}}, D="~ 1")
    with pytest.raises(sn.DataError, match="Between 1 and 200"):
        sn.fit_models(example(), D=[f"~ x + {i}" for i in range(300)])


@pytest.mark.parametrize(
    "options",
    [
        {"classes": "sex", "sigma": "~ sex"},
        {"classes": 2, "lambda0": "~ latent_class"},
        {"population": "binomial", "D": "~ ruggedness_std"},
        {"fixed": {"sigma": 5000.0}, "links": {"D": "identity"}},
        {"detection": "HHR", "a0": "~ topography"},
        {"population": "conditional", "detection": "HN", "g0": "~ topography"},
    ],
)
def test_a_changed_model_with_no_change_is_the_same(options):
    model = sn.Model(example(), **options)
    again = changed_model(model, surveys=model.surveys)
    assert again.coefficient_names == model.coefficient_names
    assert isinstance(again.links, MappingProxyType)
    at = np.linspace(-0.1, 0.1, model.n_coefficients)
    start = {"D": 0.2, "lambda0": -4.0, "g0": -4.0, "sigma": 8.6, "a0": 0.5, "pmix": 0.1, "z": 1.0}
    for parameter in model.parameters.values():
        if parameter.n_coefficients:
            at[parameter.start] += start[parameter.name]
    assert sn.log_likelihood(again, at) == sn.log_likelihood(model, at)
    assert np.isfinite(sn.log_likelihood(model, at))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: model_average(fit_of(), "density"), "models must be a set of models"),
        (lambda: model_average(models(), 3), "what must name quantities.*got 3"),
        (lambda: model_average(models(), []), "what must name quantities"),
        (lambda: fit_of().profile_interval(None), "what must name quantities.*got None"),
    ],
)
def test_things_of_the_wrong_kind_are_told(call, told):
    with pytest.raises(sn.DataError, match=told):
        call()
