"""The package as such: every public name is there, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys

import secr_nea as sn


def test_every_public_name_is_there():
    assert set(sn.__all__) <= set(dir(sn))
    missing = [name for name in sn.__all__ if getattr(sn, name, None) is None]
    assert not missing
    assert callable(sn.fit)
    assert callable(sn.transboundary)


def test_importing_the_package_imports_nothing_heavy():
    """What is heavy comes with the first name that needs it."""
    seen = "import sys, secr_nea; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "numba", "pandas", "scipy", "matplotlib", "geopandas", "xarray"}
    assert not heavy.intersection(modules)


def test_errors_come_without_numba():
    """A script that only catches errors does not wait for the compiler."""
    seen = "import sys, secr_nea; secr_nea.DataError; print('numba' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == "False"
