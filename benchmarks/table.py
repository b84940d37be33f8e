"""Write docs/benchmarks.md and the short table of README.md: `python benchmarks/table.py`.

Times are the shortest of repetitions that alternate between the ways; ratios are within one run.
Needs the extra `cluster` for the study on two processes. `--print` writes nothing.
"""

from __future__ import annotations

import argparse
import datetime
import re
from pathlib import Path

import distances
import limit
import machine
import memory
import range_wide
import studies
import ways
from problems import GRID_NAMES, NAMES, NO_PLAIN_COVARIANCE, NO_PLAIN_FIT, problem

ROOT = Path(__file__).parents[1]
PAGE, README = ROOT / "docs" / "benchmarks.md", ROOT / "README.md"
IN_README = (
    "tiny", "ridge", "gobi_like", "two_country_block", "learned", "mixture", "ecological",
    "area_search",
)  # fmt: skip

HEAD = """# Benchmarks

Made by `python benchmarks/table.py`{when} on this machine: {processor}; {versions}.
Times are milliseconds, the shortest of several repetitions that alternate between the ways; read
ratios, which are of one run. The answers are checked while they are timed: log-likelihoods to 9
digits, maxima to 1e-5, standard errors to 1 %.

"numpy" is a straightforward likelihood in NumPy and SciPy (`benchmarks/plain.py`): squared
distances kept, alike occasions of a trap pooled, matrix products for the detections, SciPy's
Dijkstra for least-cost distances. It has no gradient: its gradient is by forward differences, its
fit is BFGS with these, its covariance by second differences. It starts at the coefficients that
made the data; the library finds its own start, checks the data and the mask, and tells what is
doubtful. All surveys are simulated and seeded (`benchmarks/problems.py`).
"""


def heading(title, text, *columns):
    """A section with the head of its table."""
    rule = "|".join("---" if name in ("problem", "what", "kernel") else "---:" for name in columns)
    return f"\n## {title}\n\n{text}\n\n| {' | '.join(columns)} |\n|{rule}|"


PROBLEM = ("problem", "cameras", "mask points", "animals", "what")
BY_WAY = ("problem", "numpy", "1 thread", "2 threads", "numpy / 1 thread", "1 / 2 threads")

BY_WAY_TEXTS = {
    "value": ("One log-likelihood", "At the coefficients that made the data."),
    "gradient": (
        "Log-likelihood and gradient",
        "The library's gradient is exact, and takes as long as two or three values (five with "
        "friction) whatever the number of coefficients.",
    ),
    "covariance": (
        "Covariance",
        "At the estimates: numpy by second differences of the log-likelihood, the library by "
        "differences of its gradient.",
    ),
    "fit": (
        "A whole fit",
        'From a model to estimates with their covariance. "not run": it would take minutes.',
    ),
}
STUDIES = (
    "Simulate, fit, covariance: milliseconds a survey. The rival fits surveys that the library "
    "simulates. The two processes run already; to start them takes some seconds."
)
STUDY = (
    "problem", "surveys", "numpy, loop", "library, loop", "library, 2 processes", "numpy / loop",
    "loop / 2 processes",
)  # fmt: skip
DISTANCES = (
    f"From {distances.N_CAMERAS} cameras to all cells; with the derivative of all distances to all "
    "frictions."
)
DISTANCE = (
    "graph", "neighbours", "scipy", "1 thread", "2 threads", "and derivatives, 1 thread",
    "2 threads", "scipy / 1 thread",
)  # fmt: skip
GRIDS = (
    "Log-likelihood and gradient on one thread, by the kernels for grids and half-normal hazards "
    "and by the general ones, which every other detection function uses."
)
MEMORY = (
    "Largest memory, MB, above what Python, the libraries and the compiled kernels take, with the "
    "data, each problem in a process of its own; and what a single array of animals x points x "
    "traps would take."
)
MEMORY_OF = (
    "problem", "numpy, value", "log-likelihood and gradient", "whole fit",
    "animals x points x traps",
)  # fmt: skip
RANGE = (
    "2,000 cameras on 2 million km², one connected array or 50 surveys, D ~ rugged; all threads. "
    "Peak of memory of the whole process, libraries included. Up to 10,000 points the general "
    "kernels must give the same answer."
)
RANGE_OF = (
    "cameras", "mask points", "animals", "mask, surveys and model, s",
    "log-likelihood and gradient, ms", "fit with covariance, s", "peak, GB",
)  # fmt: skip


def problem_rows():
    for name in NAMES:
        p = problem(name)
        yield f"| {name} | {p.n_traps} | {p.n_points:,} | {p.n_animals} | {p.about} |"


# --- times of the ways: {problem: (numpy or None, 1 thread, 2 threads)} in seconds ---------------


def times_of(measure, check, *, without_plain=(), plain_repetitions=5, repetitions=12, quick=0.01):
    """Seconds of a measure for every problem by every way; ``check(name, one, other)`` asserts."""
    found = {}
    for name in NAMES:
        own = [(way, measure(name, way)) for way in (ways.ONE, ways.TWO)]
        answers = [ways.prepared(function, way)() for way, function in own]
        plain = None
        if name not in without_plain:
            rival = (ways.PLAIN, measure(name, ways.PLAIN))
            check(name, answers[0], rival[1]())
            plain = ways.seconds([rival], plain_repetitions).min()
        check(name, answers[0], answers[1])
        found[name] = (plain, *ways.seconds(own, repetitions, quick).min(axis=1))
    return found


def way_rows(times):
    for name, (plain, one, two) in times.items():
        first = (
            ("not run", "") if plain is None else (ways.milliseconds(plain), f"{plain / one:.1f}")
        )
        yield (
            f"| {name} | {first[0]} | {ways.milliseconds(one)} | {ways.milliseconds(two)} "
            f"| {first[1]} | {one / two:.2f} |"
        )


def all_times():
    """Seconds of every measure."""
    return {
        "value": times_of(ways.value, lambda name, one, other: ways.assert_value(name, other)),
        "gradient": times_of(
            ways.value_and_gradient,
            lambda name, one, other: ways.assert_gradient(name, one),
            plain_repetitions=3,
        ),
        "covariance": times_of(
            ways.covariance,
            lambda name, one, other: ways.assert_covariance(one, other),
            without_plain=NO_PLAIN_COVARIANCE,
            plain_repetitions=1,
            repetitions=5,
        ),
        "fit": times_of(
            ways.whole_fit,
            lambda name, one, other: ways.assert_maximum(one, other, ways.KINKS.get(name, 0.01)),
            without_plain=NO_PLAIN_FIT,
            plain_repetitions=1,
            repetitions=3,
        ),
    }


def grid_rows():
    """Value and gradient by the kernels for grids beside the general ones, on one thread."""
    for name in GRID_NAMES:
        p = problem(name)
        functions = [
            (ways.ONE, ways.model_gradient(p.model, p.truth, way))
            for way in (ways.GENERAL, ways.ONE)
        ]
        ways.assert_same(*(ways.prepared(function, way)() for way, function in functions))
        general, own = ways.seconds(functions, 7, quickest=0.01).min(axis=1)
        cells = f"{ways.milliseconds(general)} | {ways.milliseconds(own)}"
        yield f"| {name} | {cells} | {general / own:.1f} |"


def sections(times, whole_range, memories):
    """The page after its head, in parts."""
    yield heading("Problems", "Of searches, cameras are searched areas.", *PROBLEM)
    yield from problem_rows()
    for measure, (title, text) in BY_WAY_TEXTS.items():
        yield heading(title, text, *BY_WAY)
        yield from way_rows(times[measure])
    yield heading("A simulation study", STUDIES, *STUDY)
    yield from studies.rows()
    yield heading("Least-cost distances", DISTANCES, *DISTANCE)
    yield from distances.rows()
    yield heading("Kernels for grids", GRIDS, "problem", "general", "for grids", "ratio")
    yield from grid_rows()
    yield heading("Memory", MEMORY, *MEMORY_OF)
    yield from memory.rows(memories)
    yield heading("A whole range", RANGE, *RANGE_OF)
    yield from (range_wide.row(one) for one in whole_range)
    yield from limit.section()


def readme_table(times, whole_range, memories):
    """The short table, and a sentence on a whole range."""
    both = "NumPy, {0} | secr_nea, {0} | ratio"
    yield (
        f"| simulated survey | cameras x points | log-likelihood, gradient: {both.format('ms')} "
        f"| whole fit: {both.format('s')} | memory, MB |"
    )
    yield "|---|" + 8 * "---:|"
    for name in IN_README:
        p = problem(name)
        (plain, _, own), (plain_fit, _, own_fit) = times["gradient"][name], times["fit"][name]
        yield (
            f"| {name} | {p.n_traps} x {p.n_points:,} | {ways.milliseconds(plain)} "
            f"| {ways.milliseconds(own)} | {plain / own:.1f} | {plain_fit:.2f} | {own_fit:.2f} "
            f"| {plain_fit / own_fit:.1f} | {memories[name]['fit']:.0f} |"
        )
    last = max(whole_range, key=lambda one: one["points"])
    yield (
        f"\nA whole range of {last['points']:,} mask points, 2,000 cameras and {last['animals']} "
        f"animals: log-likelihood and gradient {last['gradient']:.2g} s, whole fit "
        f"{last['fit']:.0f} s, {last['peak']:.2f} GB in all."
    )


def with_table(text, table):
    """README with another table between its markers."""
    begin, end = "<!-- benchmarks -->", "<!-- /benchmarks -->"
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    assert pattern.search(text), f"README.md needs the markers {begin} and {end}"
    return pattern.sub(lambda _: f"{begin}\n{table}\n{end}", text)


def main():
    machine.restart_with_one_blas_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", dest="only_print", help="write no file")
    only_print = parser.parse_args().only_print
    times = all_times()
    whole_range = list(range_wide.measured())
    memories = {name: memory.in_own_process(name) for name in NAMES}
    when = f", {datetime.date.today():%d %B %Y},"
    head = HEAD.format(when=when, processor=machine.processor(), versions=machine.versions())
    page = "\n".join([head.rstrip("\n"), *sections(times, whole_range, memories)]) + "\n"
    table = "\n".join(readme_table(times, whole_range, memories))
    print(page, table, sep="\n")
    if not only_print:
        PAGE.write_text(page, encoding="utf-8")
        text = with_table(README.read_text(encoding="utf-8"), table)
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
