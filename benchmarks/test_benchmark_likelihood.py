"""Time of one log-likelihood and of its gradient; answers are asserted while timed."""

from __future__ import annotations

import pytest
import ways
from problems import NAMES


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("name", NAMES)
def test_value(benchmark, name, way):
    benchmark.group = f"value, {name}"
    ways.assert_value(name, benchmark(ways.prepared(ways.value(name, way), way)))


@pytest.mark.parametrize("way", ways.WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient(benchmark, name, way):
    benchmark.group = f"value and gradient, {name}"
    run = ways.prepared(ways.value_and_gradient(name, way), way)
    ways.assert_gradient(name, benchmark.pedantic(run, rounds=7))
