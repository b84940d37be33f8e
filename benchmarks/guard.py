"""Fail when the kernels lose speed against the plain rival: `python benchmarks/guard.py`.

Ratios are taken within one run, as medians over repetitions that alternate between the ways, on one
thread each and in time of the processor, which other programs disturb little. A ratio may be below
its floor by the noise allowance of floors.json; one that is lower is measured again before it
counts. `--write` measures and writes new floors (look at them before they are committed).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import distances
import machine
import numpy as np
import ways
from problems import GRID_NAMES, NAMES, problem

FLOORS = Path(__file__).with_name("floors.json")
CLOCK = time.process_time
ALLOWANCE = 0.3


def ratio_of(rival, own, repetitions, quickest=0.02):
    """Median of the ratios of two (way, function), the repetitions side by side."""
    times = ways.seconds([rival, own], repetitions, quickest=quickest, clock=CLOCK)
    return float(np.median(times[0] / times[1]))


def likelihood_ratio(name):
    """Time of a plain value over the kernel's value and gradient together."""
    rival = (ways.PLAIN, ways.value(name, ways.PLAIN))
    own = (ways.ONE, ways.value_and_gradient(name, ways.ONE))
    for way, function in (rival, own):
        ways.assert_value(name, ways.prepared(function, way)())
    return ratio_of(rival, own, 11)


def gradient_ratio(name):
    """Time of a numerical gradient over that of an exact one."""
    rival = (ways.PLAIN, ways.value_and_gradient(name, ways.PLAIN))
    own = (ways.ONE, ways.value_and_gradient(name, ways.ONE))
    ways.assert_gradient(name, ways.prepared(own[1], ways.ONE)())
    return ratio_of(rival, own, 5)


def covariance_ratio(name):
    """Time of second differences of values over differences of exact gradients."""
    functions = [(way, ways.covariance(name, way)) for way in (ways.PLAIN, ways.ONE)]
    ways.assert_covariance(*(ways.prepared(function, way)() for way, function in functions))
    return ratio_of(*functions, 5)


def fit_ratio(name):
    """Time of a plain fit over that of a fit, both with covariance."""
    rival = ways.whole_fit(name, ways.PLAIN)
    own = ways.prepared(ways.whole_fit(name, ways.ONE), ways.ONE)
    ways.assert_maximum(own(), rival())
    return ratio_of((ways.PLAIN, rival), (ways.ONE, own), 5, quickest=0.1)


def grid_ratio(name):
    """Time of value and gradient by the general kernels over that by the kernels for grids."""
    target = problem(name)
    general, own = (
        (way, ways.model_gradient(target.model, target.truth, way))
        for way in (ways.GENERAL, ways.ONE)
    )
    ways.assert_same(*(ways.prepared(function, way)() for way, function in (general, own)))
    return ratio_of(general, own, 7)


def distance_ratio(graph):
    """Time of SciPy's shortest paths over that of the library's."""
    neighbors = 8
    distances.assert_distances(graph, neighbors)
    rival, own = (
        (way, distances.distances(graph, neighbors, way)) for way in (ways.PLAIN, ways.ONE)
    )
    return ratio_of(rival, own, 7)


MEASURES = {
    "value and gradient": (likelihood_ratio, NAMES),
    "exact gradient": (gradient_ratio, ("gobi_like_covariates", "mixture", "ecological")),
    "covariance": (covariance_ratio, ("ridge", "gobi_like", "two_country_block")),
    "fit": (fit_ratio, ("tiny", "ridge", "gobi_like", "gobi_like_covariates")),
    "kernels for grids": (grid_ratio, GRID_NAMES[1:]),
    "shortest paths": (distance_ratio, ("8,469 cells",)),
}


def measure():
    return {
        kind: {name: ratio(name) for name in names} for kind, (ratio, names) in MEASURES.items()
    }


def checked(ratios, floors, allowance):
    """Lines of the report, and how many ratios are below what noise explains, twice."""
    lines, failures = [], 0
    for kind, found in ratios.items():
        for name, ratio in found.items():
            floor = floors[kind][name]
            lowest = floor * (1.0 - allowance)
            if ratio < lowest:
                ratio = max(ratio, MEASURES[kind][0](name))
            failures += ratio < lowest
            verdict = "TOO SLOW" if ratio < lowest else "ok"
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
        kept = {"noise_allowance": ALLOWANCE, **rounded}
        FLOORS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    floors = json.loads(FLOORS.read_text(encoding="utf-8"))
    allowance = floors["noise_allowance"]
    lines, failures = checked(ratios, floors, allowance)
    print("\n".join(lines))
    if failures:
        print(f"{failures} ratios are more than {allowance:.0%} below their floor.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
