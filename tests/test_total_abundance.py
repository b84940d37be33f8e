"""Sums of numbers of animals over regions and surveys."""

from __future__ import annotations

from functools import cache

import build
import numpy as np
import pytest

import secr_nea as sn
from secr_nea.inference import abundance_covariance, total_abundance


@cache
def covariate_fit():
    return sn.fit(sn.datasets.sailugem(2500.0), D="~ ruggedness_std", progress=False)


@cache
def ridges_fit():
    return sn.fit(build.surveys_of_reference("three_ridges"), D="~ rug_std", progress=False)


def test_two_countries_are_their_union():
    """The sum of the covariance matrix is the variance of the union."""
    fit = covariate_fit()
    both = total_abundance(fit, region="country", names=["Mongolia", "Russia"])
    whole = total_abundance(fit)
    np.testing.assert_allclose(both["estimate"], whole["estimate"], rtol=1e-10)
    np.testing.assert_allclose(both["se"], whole["se"], rtol=1e-3)
    for kind in ("expected", "realised"):
        matrix = abundance_covariance(fit, "country", kind=kind).to_numpy()
        assert both.loc[kind, "se"] ** 2 == pytest.approx(matrix.sum(), rel=1e-3)
    table = fit.abundance(variance="mspe").iloc[0]
    assert whole.loc["expected", "upper"] == pytest.approx(table["expected_upper"])
    assert whole.loc["realised", "lower"] == pytest.approx(table["realised_lower"])


def test_one_region_is_its_row():
    fit = covariate_fit()
    part = total_abundance(fit, region="country", names=["Russia"])
    row = fit.abundance(region="country", variance="mspe").set_index("region").loc["Russia"]
    for kind in ("expected", "realised"):
        assert part.loc[kind, "estimate"] == pytest.approx(row[f"{kind}_n"], rel=1e-10)
        assert part.loc[kind, "se"] == pytest.approx(row[f"{kind}_se"], rel=1e-8)
    assert part["n_detected"].iloc[0] == pytest.approx(row["n_detected"])


def test_ridges_with_one_density_err_together():
    """Surveys that share coefficients: the errors of their sums add, not their squares."""
    fit = ridges_fit()
    names = [survey.name for survey in fit.model.surveys]
    each = [total_abundance(fit, surveys=[name]) for name in names]
    every = total_abundance(fit)
    total = sum(table["estimate"] for table in each)
    np.testing.assert_allclose(every["estimate"], total, rtol=1e-12)
    squares = np.sqrt(sum(table.loc["expected", "se"] ** 2 for table in each))
    plain = sum(table.loc["expected", "se"] for table in each)
    assert squares < every.loc["expected", "se"] <= plain * (1.0 + 1e-9)
    assert every.loc["expected", "se"] > 0.95 * plain
    density = fit.profile_interval("density").iloc[0]
    assert np.isfinite(density["upper"])


def test_what_is_not_there_is_told():
    with pytest.raises(sn.DataError, match="no region 'China'.*there are Mongolia, Russia"):
        total_abundance(covariate_fit(), region="country", names=["China"])
    with pytest.raises(sn.DataError, match="no survey 'west'"):
        total_abundance(ridges_fit(), surveys=["west"])
