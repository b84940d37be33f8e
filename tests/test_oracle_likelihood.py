"""The log-likelihood against R secr 5.5.0, at R's estimates and at other coefficients."""

from __future__ import annotations

import build
import numpy as np
import oracle
import pytest
import tolerances

import secr_nea as sn

CASES = [name for name in oracle.case_names() if build.is_supported(oracle.case(name))]
N_OF_FAMILY = {"binomial": 2, "count": 3, "detectfn": 13, "proximity": 16, "sessions": 6}


def points_of(case):
    """(coefficients, log-likelihood) pairs: R's estimate, if any, and the other points."""
    pairs = [(point["coefficients"], point["log_likelihood"]) for point in case["at"]]
    if case["coefficients"] is not None:
        pairs.append((case["coefficients"], case["log_likelihood"]))
    return pairs


def test_no_case_is_lost():
    families = [name.partition("_")[0] for name in CASES]
    assert {family: families.count(family) for family in families} == N_OF_FAMILY


@pytest.mark.parametrize("name", CASES)
def test_names_are_those_of_the_case(name):
    case = oracle.case(name)
    assert build.model_of_case(case).coefficient_names == tuple(case["names"])


@pytest.mark.parametrize("name", CASES)
def test_log_likelihood_is_r_s(name):
    case = oracle.case(name)
    model = build.model_of_case(case)
    for coefficients, value in points_of(case):
        np.testing.assert_allclose(
            sn.log_likelihood(model, coefficients), value, **tolerances.GOLDEN
        )


@pytest.mark.parametrize("name", [n for n in CASES if oracle.case(n)["coefficients"] is not None])
def test_gradient_is_zero_at_r_s_maximum(name):
    """R stops where a step of the gradient times the standard error is a small part of one unit."""
    case = oracle.case(name)
    value, gradient = sn.log_likelihood_gradient(build.model_of_case(case), case["coefficients"])
    np.testing.assert_allclose(value, case["log_likelihood"], **tolerances.GOLDEN)
    errors = case["standard_errors"]
    assert np.abs(gradient * errors).max() < tolerances.ESTIMATE


def test_coefficients_may_be_given_by_name():
    case = oracle.case("proximity_D_rugged")
    model = build.model_of_case(case)
    by_name = dict(zip(reversed(case["names"]), reversed(case["coefficients"]), strict=True))
    assert sn.log_likelihood(model, by_name) == sn.log_likelihood(model, case["coefficients"])
