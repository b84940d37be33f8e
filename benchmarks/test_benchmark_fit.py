"""Time of whole fits with their covariance, and of simulating a survey."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import ways
from problems import FITTED, NAMES, problem, simulated


@cache
def plain_answer(name):
    return ways.whole_fit(name, ways.PLAIN)()


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("name", FITTED)
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
