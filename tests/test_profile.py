"""Profile-likelihood intervals: R's limits, a dense grid, other parametrisations, open ends."""

from __future__ import annotations

import warnings
from functools import cache

import build
import numpy as np
import oracle
import pandas as pd
import pytest
import tolerances
from scipy import optimize, stats

import secr_nea as sn
from secr_nea.inference.profile import penalised
from secr_nea.inference.quantities import NAMED, quantities

DROP = float(stats.chi2.ppf(0.95, 1))


@cache
def example():
    return sn.datasets.sailugem(2500.0)


@cache
def covariate_fit():
    return sn.fit(example(), D="~ ruggedness_std", progress=False)


@cache
def null_fit():
    return sn.fit(example(), progress=False)


def best_with(fit, held):
    """Largest log-likelihood over the coefficients that `held` leaves free, by plain BFGS.

    `held` turns the free coefficients into all coefficients.
    """
    names = list(fit.names)

    def loss(free):
        value = sn.log_likelihood(fit.model, held(free))
        return -value if np.isfinite(value) else 1e6

    start = [fit.coefficients[names.index(name)] for name in held.free]
    found = optimize.minimize(loss, start, method="Nelder-Mead", options=_FINE)
    return -found.fun


_FINE = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000, "maxfev": 4000}


def deviance_with(fit, held):
    return 2.0 * (fit.log_likelihood - best_with(fit, held))


def test_limits_of_r():
    case = oracle.case("proximity_null")
    fit = sn.fit(build.model_of_case(case), progress=False)
    found = fit.profile_interval(list(fit.names))
    away = (found[["lower", "upper"]].to_numpy() - case["extras"]["profile_limits"]) / (
        case["standard_errors"][:, None]
    )
    assert np.abs(away).max() < tolerances.ESTIMATE


@pytest.mark.parametrize("name", ["D:Intercept", "D:ruggedness_std", "sigma:Intercept"])
def test_a_limit_is_where_the_best_likelihood_has_fallen(name):
    """The other coefficients maximised by a method that knows nothing of gradients."""
    fit = covariate_fit()
    row = fit.profile_interval(name).loc[name]
    for limit in (row["lower"], row["upper"]):

        def held(free, limit=limit):
            values = dict(zip(held.free, free, strict=True))
            return {**values, name: limit}

        held.free = [other for other in fit.names if other != name]
        assert deviance_with(fit, held) == pytest.approx(DROP, abs=1e-3)


def test_abundance_in_a_region_against_a_model_with_that_number_as_a_parameter():
    """Given number and slope, the intercept follows, so that no constraint is needed."""
    fit = covariate_fit()
    survey = example()
    rugged = survey.mask.covariates["ruggedness_std"].to_numpy()
    inside = (survey.mask.covariates["country"] == "Russia").to_numpy()
    row = fit.profile_interval("abundance", region="country").loc["abundance (Russia)"]
    for limit in (row["lower"], row["upper"]):

        def held(free, limit=limit):
            values = dict(zip(held.free, free, strict=True))
            shape = np.exp(values["D:ruggedness_std"] * rugged[inside]).sum()
            level = np.log(limit / (shape * survey.mask.cell_area / 100.0))
            return {**values, "D:Intercept": level}

        held.free = [name for name in fit.names if name != "D:Intercept"]
        assert deviance_with(fit, held) == pytest.approx(DROP, abs=1e-3)


def test_a_dense_grid_has_the_same_limits():
    fit = covariate_fit()
    row = fit.profile_interval("density").loc["density"]
    grid = np.linspace(0.9 * row["lower"], 1.1 * row["upper"], 81)
    curve = sn.inference.profile_curve(fit, "density", grid)
    spline = np.interp(curve["value"], grid, curve["deviance"])
    step = grid[1] - grid[0]
    inside = grid[spline <= DROP]
    assert abs(inside.min() - row["lower"]) < step
    assert abs(inside.max() - row["upper"]) < step
    assert (np.diff(curve["deviance"], 2) > 0.0).all()


def test_curve_is_the_maximum_at_the_estimate():
    curve = sn.inference.profile_curve(null_fit(), "density")
    assert curve["deviance"].min() == pytest.approx(0.0, abs=1e-6)
    assert len(curve) == 21


def test_limits_do_not_depend_on_the_scale():
    """The interval of exp(beta) is exp of the interval of beta; N is density times area."""
    fit = null_fit()
    found = fit.profile_interval(["sigma:Intercept", "sigma", "density", "abundance", "D"])
    limits = found[["lower", "upper"]].to_numpy()
    np.testing.assert_allclose(np.exp(limits[0]), limits[1], rtol=2e-4)
    area = example().mask.area / 100.0
    np.testing.assert_allclose(limits[2] * area, limits[3], rtol=2e-4)
    np.testing.assert_allclose(limits[2], limits[4], rtol=2e-4)


def test_predictions_have_profiles():
    fit = sn.fit(example(), lambda0="~ topography", progress=False)
    newdata = pd.DataFrame({"topography": ["ridge", "canyon"]})
    found = fit.profile_interval("lambda0", newdata=newdata, level=0.8)
    assert list(found.index) == ["lambda0 (topography=ridge)", "lambda0 (topography=canyon)"]
    assert (found["lower"] < found["estimate"]).all()
    assert (found["estimate"] < found["upper"]).all()
    wider = fit.profile_interval("lambda0", newdata=newdata)
    assert (wider["lower"] < found["lower"]).all()


def test_gradients_of_quantities_are_exact():
    fit = covariate_fit()
    for quantity in quantities(fit, ["sigma", *NAMED]):
        value, gradient = quantity.function(fit.coefficients)
        for j in range(len(gradient)):
            shift = 1e-5 * (np.arange(len(gradient)) == j)
            ends = [quantity.function(fit.coefficients + s * shift)[0] for s in (1.0, -1.0)]
            assert gradient[j] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)
        assert np.isfinite(value)


def empty_level_fit():
    """A fit in which nobody that was detected lives in one zone."""
    mask = example().mask
    zone = np.where(mask.xy[:, 0] > mask.xy[:, 0].max() - 8000.0, "z far", "near")
    survey = sn.Survey(example().captures, mask.with_covariates(zone=zone), name="zones")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(survey, D="~ zone", progress=False)


def test_where_the_data_set_no_limit_the_interval_is_open():
    """Nobody was seen in the far zone: density there has an upper limit, and no lower one."""
    fit = empty_level_fit()
    assert fit.diagnosis.flat
    found = fit.profile_interval("D").loc["D (zone=z far)"]
    assert found["lower"] < 1e-6
    assert 0.0 < found["upper"] < 1e4
    assert found["note"] == "lower limit: the data allow any value"
    other = fit.profile_interval("D").loc["D (zone=near)"]
    assert other["note"] == ""
    assert 0.0 < other["lower"] < other["upper"]


def test_smooths_keep_their_penalty():
    fit = sn.fit(example(), D="~ s(ruggedness, k=5)", progress=False)
    slope = penalised(fit)(fit.coefficients)[1]
    plain = sn.log_likelihood_gradient(fit.model, fit.coefficients)[1]
    assert np.abs(slope).max() < 1e-3
    assert np.abs(plain).max() > 0.1
    row = fit.profile_interval("density").loc["density"]
    assert row["lower"] == pytest.approx(row["wald_lower"], rel=0.1)


def test_quantities_without_a_profile_are_told():
    fixed = sn.fit(example(), fixed={"sigma": 5500.0}, progress=False)
    with pytest.raises(sn.ModelError, match="sigma is fixed at 5500"):
        fixed.profile_interval("sigma")
    with pytest.raises(sn.ModelError, match="no quantity 'sgma'; choose from density"):
        null_fit().profile_interval("sgma")
    conditional = sn.fit(example(), population="conditional", progress=False)
    with pytest.raises(sn.ModelError, match="derived from the number of animals"):
        conditional.profile_interval("density")
    with pytest.raises(sn.DataError, match="possible values of density, which has a log link; "):
        sn.inference.profile_curve(null_fit(), "density", [1.0, -1.0])
    with pytest.raises(sn.DataError, match="level must lie between 0 and 1"):
        null_fit().profile_interval("density", level="0.95")
    with pytest.raises(sn.ModelError, match="stands for lambda0"):
        sn.inference.profile_curve(
            sn.fit(example(), lambda0="~ topography", progress=False), "lambda0"
        )
