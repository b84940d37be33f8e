"""Time of covariances, of whole fits, of simulating a survey and of a small study."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import studies
import ways
from problems import NAMES, NO_PLAIN_COVARIANCE, NO_PLAIN_FIT, problem, simulated

SLOW = ("learned", "mixture", "ecological", "area_search", *NO_PLAIN_FIT)
"""Problems whose rival takes too long for this suite; `table.py` has them."""


@cache
def plain_answer(name):
    return ways.whole_fit(name, ways.PLAIN)()


@cache
def plain_covariance(name):
    return ways.covariance(name, ways.PLAIN)()


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_PLAIN_COVARIANCE])
def test_covariance(benchmark, name, way):
    benchmark.group = f"covariance, {name}"
    run = ways.prepared(ways.covariance(name, way), way)
    answer = benchmark.pedantic(run, rounds=1 if way is ways.PLAIN else 5)
    ways.assert_covariance(answer, plain_covariance(name))


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in SLOW])
def test_fit_with_covariance(benchmark, name, way):
    benchmark.group = f"fit, {name}"
    run = ways.whole_fit(name, way)
    if way is ways.PLAIN:
        answer = benchmark.pedantic(run, rounds=1)
    else:
        answer = benchmark.pedantic(ways.prepared(run, way), rounds=5)
    ways.assert_maximum(answer, plain_answer(name))


@pytest.mark.parametrize("name", NAMES)
def test_simulated_survey(benchmark, name):
    benchmark.group = f"simulation, {name}"
    target = problem(name)
    run = ways.prepared(lambda: simulated(target.model, target.truth, target.seed), ways.ONE)
    for new, old in zip(benchmark(run), target.model.surveys, strict=True):
        assert new.fingerprint == old.fingerprint
        np.testing.assert_array_equal(new.captures.trap, old.captures.trap)


@pytest.mark.parametrize("way", [ways.PLAIN, ways.ONE], ids=lambda way: way.name)
def test_study(benchmark, way):
    """Ten surveys of `tiny`, one after the other; the log-likelihoods must agree."""
    benchmark.group = "study, tiny"
    own = studies.study("tiny", 10, client="loop")
    if way is ways.PLAIN:
        benchmark.pedantic(lambda: studies.by_plain(own, range(10)), rounds=1)
    else:
        again = benchmark.pedantic(lambda: studies.study("tiny", 10, client="loop"), rounds=3)
        columns = ["log_likelihood", "D|estimate"]
        np.testing.assert_array_equal(again.results[columns], own.results[columns])
