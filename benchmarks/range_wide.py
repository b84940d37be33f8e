"""Cost of a whole range by its number of mask points: `python benchmarks/range_wide.py [points]`.

2,000 cameras, some 900 animals detected, on 2 million km2. Each size runs in a process of its own,
so that its peak of memory is its own. Without an argument: 10,000, 100,000 and a million points.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import machine
import numpy as np

SIZES = (10_000, 100_000, 1_000_000)
ARRAYS = ("one array", "50 surveys")
SIDE = 1_414_000.0  # metres
SIGMA, LAMBDA0, EFFORT, ANIMALS = 7000.0, 0.01, 60.0, 1000
CHECKED = 10_000
"""Up to so many points the general kernels, which take long, must give the same answer."""


def surveys_of(n_points, array):
    """Cameras in one block of 10 km between neighbours, or in 50 blocks that do not touch."""
    import secr_nea as sn

    rng = np.random.default_rng(2_000)
    if array == ARRAYS[0]:
        return [one_survey(sn, rng, n_points, 2000, SIDE, ANIMALS, "range")]
    n = n_points // 50
    return [
        one_survey(sn, rng, n, 40, SIDE / np.sqrt(50.0), ANIMALS // 50, f"block {b}")
        for b in range(50)
    ]


def one_survey(sn, rng, n_points, n_traps, side, n_animals, name):
    n = round(np.sqrt(n_points))
    spacing = side / n
    x, y = np.meshgrid(np.arange(n), np.arange(n))
    cells = (np.column_stack([x.ravel(), y.ravel()]) + 0.5) * spacing
    columns = int(np.ceil(np.sqrt(n_traps)))
    x, y = np.meshgrid(np.arange(columns), np.arange(columns))
    xy = np.column_stack([x.ravel(), y.ravel()])[:n_traps] * 10_000.0
    xy += side / 2.0 - xy.mean(axis=0) + rng.uniform(-1000.0, 1000.0, xy.shape)
    traps = sn.TrapArray(xy, effort=np.full((n_traps, 1), EFFORT))
    rugged = np.cos(cells[:, 0] / 2e5) + np.sin(cells[:, 1] / 1.5e5)
    mask = sn.HabitatMask(cells, spacing=spacing, covariates={"rugged": rugged})
    low, high = xy.min(axis=0) - 10_000.0, xy.max(axis=0) + 10_000.0
    homes = rng.uniform(low, high, (n_animals, 2))
    return sn.Survey(captures_of(sn, rng, homes, traps), mask, name=name)


def captures_of(sn, rng, homes, traps):
    """Counts drawn animal by animal: no array of animals times cameras."""
    records = []
    for i, home in enumerate(homes):
        d2 = ((traps.xy - home) ** 2).sum(axis=1)
        count = rng.poisson(EFFORT * LAMBDA0 * np.exp(-d2 / (2.0 * SIGMA**2)))
        seen = np.flatnonzero(count)
        records.append(np.column_stack([np.full(len(seen), i), seen, count[seen]]))
    animal, trap, count = np.concatenate(records).T
    animal = np.unique(animal, return_inverse=True)[1]
    return sn.CaptureHistory(
        traps, animal=animal, occasion=np.zeros_like(animal), trap=trap, count=count
    )


def measure(n_points, array):
    """Seconds of each step, on all threads, and the peak of memory in GB."""
    import memory
    import ways

    import secr_nea as sn

    began = time.perf_counter()
    surveys = surveys_of(n_points, array)
    model = sn.Model(surveys, D="~ rugged")
    built = time.perf_counter() - began
    at = np.array([np.log(1.0), 0.0, np.log(LAMBDA0), np.log(SIGMA)])
    run = ways.model_gradient(model, at)
    answer = run()
    if n_points <= CHECKED:
        ways.assert_same(answer, ways.model_gradient(model, at, ways.GENERAL)())
    gradient = np.median([timed(run) for _ in range(7)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        fit = timed(lambda: sn.fit(model, progress=False))
    return {
        "array": array,
        "points": sum(s.mask.n_points for s in surveys),
        "animals": sum(s.n_animals for s in surveys),
        "build": built,
        "gradient": float(gradient),
        "fit": fit,
        "peak": memory.peak() / 1024.0,
    }


def timed(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def in_own_process(n_points, array):
    command = [sys.executable, Path(__file__).name, str(n_points), array]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return json.loads(run.stdout.splitlines()[-1])


def measured(sizes=SIZES, arrays=ARRAYS):
    """What `measure` finds for every array and size."""
    for array in arrays:
        for size in sizes:
            yield in_own_process(size, array)


def row(r):
    """Line of a table in Markdown."""
    return (
        f"| {r['array']} | {r['points']:,} | {r['animals']} | {r['build']:.1f} "
        f"| {1e3 * r['gradient']:.0f} | {r['fit']:.1f} | {r['peak']:.2f} |"
    )


def main():
    machine.restart_with_one_blas_thread()
    if len(sys.argv) > 1:
        array = sys.argv[2] if len(sys.argv) > 2 else ARRAYS[0]
        print(json.dumps(measure(int(float(sys.argv[1])), array)))
        return
    for found in measured():
        print(row(found))


if __name__ == "__main__":
    main()
