"""No array of animals x points x traps: likelihoods and a fit within a limit that one breaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

N_ANIMALS, N_COLUMNS, N_ROWS, N_TRAPS = 120, 125, 80, 100
MEGABYTES = N_ANIMALS * N_COLUMNS * N_ROWS * N_TRAPS * 8 // 10**6
"""Of an array of animals x points x traps in the limited process: 960."""
ROOM = MEGABYTES // 8

LIMITED = f"""
import resource
import sys
import warnings

import numpy as np

sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_grid
import test_memory

import secr_nea as sn

sn.set_threads(1)  # each thread would reserve address space of its own
warnings.simplefilter("ignore", sn.SecrWarning)
column, row = np.meshgrid(np.arange({N_COLUMNS}), np.arange({N_ROWS}))
cells = np.column_stack([column.ravel(), row.ravel()]) * test_grid.SPACING


def models(**size):
    for detector, options in test_memory.MODELS:
        yield sn.Model(test_grid.survey(detector, **size), **options)


def everything(**size):
    for model in models(**size):
        value, gradient = sn.log_likelihood_gradient(model, test_grid.truth(model))
        assert np.isfinite(value) and np.isfinite(gradient).all()
    fit = sn.fit(test_grid.survey(**size), D="~ rugged", progress=False)
    fit.abundance()
    fit.activity_centers()
    fit.density_surface()


everything()  # what compiling and caches take
with open("/proc/self/statm") as sizes:
    taken = int(sizes.read().split()[0]) * resource.getpagesize()
limit = taken + {ROOM} * 10**6
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
everything(cells=cells, n_traps={N_TRAPS}, n_animals={N_ANIMALS})
"""

MODELS = (
    ("count", {}),
    ("multi", {}),
    ("binary", {"lambda0": "~ detected_before_here"}),
    ("binary", {"classes": 2, "lambda0": "~ latent_class"}),
    ("count", {"detection": "hazard_exponential"}),
    ("multi", {"detection": "hazard_exponential", "lambda0": "~ occasion"}),
)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to a limit of address space")
def test_likelihoods_and_a_fit_need_no_array_of_animals_points_and_traps():
    run = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr[-3000:]
