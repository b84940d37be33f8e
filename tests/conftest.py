"""Settings that hold for every test: reproducible examples, no windows, optional survey data."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports matplotlib, here or in a process that a test starts.
os.environ["MPLBACKEND"] = "Agg"

import pytest
from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it, so that no deadline and no rate of examples is fair.
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

REPOSITORY = Path(__file__).resolve().parents[1]
REALDATA = Path(os.environ.get("SECR_NEA_REALDATA") or REPOSITORY.parent / "shared" / "realdata")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests of survey data that is not in the repository where that data is absent."""
    if REALDATA.is_dir():
        return
    absent = pytest.mark.skip(reason=f"no survey data at {REALDATA} (SECR_NEA_REALDATA)")
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(absent)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of the survey data that is not in the repository; mark its tests `realdata`."""
    return REALDATA
