"""Fail when the kernels lose speed against the plain rival: `python benchmarks/guard.py`.

Ratios are taken within one run, as medians over repetitions that alternate between the ways, on one
thread each and in time of the processor, which other programs disturb little. A ratio may be below
its floor by the noise allowance of floors.json; `--write` measures and writes new floors (look at
them before they are committed).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import machine
import numpy as np
import ways
from problems import FITTED, NAMES, VARIANTS, problem, variant

FLOORS = Path(__file__).with_name("floors.json")
CLOCK = time.process_time
REPETITIONS = {
    "value and gradient": 15,
    "kernels for grids": 11,
    "fit": {"tiny": 15, "ridge": 3, "gobi_like": 7, "gobi_like_covariates": 3},
}


def likelihood_ratio(name):
    """Time of a plain value over the kernel's value and gradient together."""
    pair = [
        (ways.PLAIN, ways.value(name, ways.PLAIN)),
        (ways.ONE, ways.value_and_gradient(name, ways.ONE)),
    ]
    for way, function in pair:
        ways.assert_value(name, ways.prepared(function, way)())
    times = ways.seconds(pair, REPETITIONS["value and gradient"], quickest=0.02, clock=CLOCK)
    return float(np.median(times[0] / times[1]))


def fit_ratio(name):
    """Time of a plain fit over that of a fit, both with covariance."""
    rival = ways.whole_fit(name, ways.PLAIN)
    own = ways.prepared(ways.whole_fit(name, ways.ONE), ways.ONE)
    ways.assert_maximum(own(), rival())
    pair = [(ways.PLAIN, rival), (ways.ONE, own)]
    times = ways.seconds(pair, REPETITIONS["fit"][name], clock=CLOCK)
    return float(np.median(times[0]) / np.median(times[1]))


def grid_ratio(name):
    """Time of value and gradient by the general kernels over that by the kernels for grids."""
    target = variant(name) if name in VARIANTS else problem(name)
    pair = [
        (way, ways.model_gradient(target.model, target.truth, way))
        for way in (ways.GENERAL, ways.ONE)
    ]
    ways.assert_same(*(ways.prepared(function, way)() for way, function in pair))
    times = ways.seconds(pair, REPETITIONS["kernels for grids"], quickest=0.02, clock=CLOCK)
    return float(np.median(times[0] / times[1]))


MEASURES = {
    "value and gradient": (likelihood_ratio, NAMES),
    "kernels for grids": (grid_ratio, ("gobi_like", "two_country_occasions", *VARIANTS)),
    "fit": (fit_ratio, FITTED),
}


def measure():
    return {
        kind: {name: ratio(name) for name in names} for kind, (ratio, names) in MEASURES.items()
    }


def fallen(ratios, floors, allowance):
    """Lines of the report, and how many ratios are below what noise explains."""
    lines, failures = [], 0
    for kind, found in ratios.items():
        for name, ratio in found.items():
            floor = floors[kind][name]
            low = ratio < floor * (1.0 - allowance)
            failures += low
            verdict = "TOO SLOW" if low else "ok"
            lines.append(f"{kind:20s} {name:24s} {ratio:8.2f} x   floor {floor:8.2f}   {verdict}")
    return lines, failures


def main():
    machine.restart_with_one_blas_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is measured as new floors")
    write = parser.parse_args().write
    ratios = measure()
    if write:
        rounded = {k: {n: round(r, 2) for n, r in v.items()} for k, v in ratios.items()}
        kept = {"noise_allowance": 0.3, **rounded}
        FLOORS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    floors = json.loads(FLOORS.read_text(encoding="utf-8"))
    allowance = floors["noise_allowance"]
    lines, failures = fallen(ratios, floors, allowance)
    print("\n".join(lines))
    if failures:
        print(f"{failures} ratios are more than {allowance:.0%} below their floor.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
