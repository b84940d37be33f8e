"""Settings for the examples in docstrings, which are tests too."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _closed_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close the figures that an example leaves open."""
    yield
    if isinstance(request.node, pytest.DoctestItem) and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
