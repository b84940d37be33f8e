"""Fair conditions: one thread of BLAS for NumPy's matrix products; and the machine in words."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

BLAS_THREADS = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def restart_with_one_blas_thread():
    """Run this script anew where BLAS may use several threads: it reads this only at its start.

    On matrices as small as these its threads wait for each other more than they help.
    """
    if any(os.environ.get(key) != value for key, value in BLAS_THREADS.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **BLAS_THREADS})


def processor():
    """Name of the processor and number of cores."""
    name = platform.processor() or platform.machine()
    table = Path("/proc/cpuinfo")
    if table.is_file():
        lines = table.read_text(encoding="utf-8").splitlines()
        name = next((line.split(":")[1].strip() for line in lines if "model name" in line), name)
    return f"{name}, {os.cpu_count()} cores"


def versions():
    """Python and the packages that matter for speed."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    return f"Python {platform.python_version()}, {packages}"
