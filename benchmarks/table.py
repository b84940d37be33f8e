"""Write the table of benchmarks: `python benchmarks/table.py` (docs/benchmarks.md) or `--print`.

Times are the shortest of repetitions that alternate between the ways; ratios are within one run.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import machine
import range_wide
import ways
from problems import FITTED, NAMES, VARIANTS, problem, variant

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

HEAD = """# Benchmarks

Made by `python benchmarks/table.py`{when} on this machine: {processor}; {versions}.
Times are milliseconds, the shortest of several repetitions that alternate between the ways; the
answers are checked while they are timed (log-likelihoods to 9 digits, maxima to 1e-5).

"numpy" is a straightforward log-likelihood in NumPy, with squared distances kept, alike occasions
pooled and matrix products for the detections (`benchmarks/plain.py`); it has no gradient, so its
fit is BFGS with numerical gradients, and its covariance is by second differences. It starts at the
coefficients that made the data; the library finds its own start.
All surveys are simulated.

| problem | cameras | mask points | animals | what |
|---|---:|---:|---:|---|
"""


def problem_rows():
    for name in NAMES:
        p = problem(name)
        yield f"| {name} | {p.n_traps} | {p.n_points:,} | {p.n_animals} | {p.about} |"


def milliseconds(seconds):
    return f"{1e3 * seconds:.3g}" if seconds < 1.0 else f"{1e3 * seconds:,.0f}"


def likelihood_rows():
    """Value by every way, value and gradient by the kernels."""
    for name in NAMES:
        functions = [(way, ways.value(name, way)) for way in ways.WAYS]
        functions += [
            (way, ways.value_and_gradient(name, way)) for way in ways.WAYS if way is not ways.PLAIN
        ]
        for way, function in functions:
            ways.assert_value(name, ways.prepared(function, way)())
        best = ways.seconds(functions, 12, quickest=0.01).min(axis=1)
        cells = " | ".join(milliseconds(one) for one in best)
        yield f"| {name} | {cells} | {best[0] / best[1]:.1f} | {best[0] / best[3]:.1f} |"


def fit_rows():
    """Whole fits with covariance."""
    for name in FITTED:
        own = [(way, ways.whole_fit(name, way)) for way in (ways.ONE, ways.TWO)]
        rival = (ways.PLAIN, ways.whole_fit(name, ways.PLAIN))
        answers = [ways.prepared(function, way)() for way, function in [rival, *own]]
        for answer in answers[1:]:
            ways.assert_maximum(answer, answers[0])
        plain = ways.seconds([rival], 1).min()
        best = ways.seconds(own, 7).min(axis=1)
        cells = " | ".join(milliseconds(one) for one in (plain, *best))
        yield f"| {name} | {cells} | {plain / best[0]:.0f} | {plain / best[1]:.0f} |"


def variant_rows():
    """Value and gradient of richer models, beside those of the null model of the same data."""
    for name in VARIANTS:
        p = variant(name)
        null = p.null_model()
        center = ways.null_coefficients(null)
        functions = [
            (ways.ONE, ways.model_gradient(p.model, p.truth)),
            (ways.GENERAL, ways.model_gradient(p.model, p.truth, ways.GENERAL)),
            (ways.ONE, ways.model_gradient(null, center)),
        ]
        answers = [ways.prepared(function, way)() for way, function in functions[:2]]
        ways.assert_same(*answers)
        best = ways.seconds(functions, 12, quickest=0.01).min(axis=1)
        cells = " | ".join(milliseconds(one) for one in best)
        yield f"| {name} | {p.about} | {p.n_animals} | {cells} | {best[0] / best[2]:.1f} |"


def page(dated):
    when = f", {datetime.date.today():%d %B %Y}," if dated else ""
    head = HEAD.format(when=when, processor=machine.processor(), versions=machine.versions())
    likelihood = (
        "\n\n## One log-likelihood\n\n"
        "| problem | numpy value | value, 1 thread | value, 2 threads | value + gradient, 1 thread "
        "| value + gradient, 2 threads | numpy / value | numpy value / value + gradient |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    fits = (
        "\n\n## A whole fit with covariance\n\n"
        "| problem | numpy | 1 thread | 2 threads | ratio, 1 thread | ratio, 2 threads |\n"
        "|---|---:|---:|---:|---:|---:|\n"
    )
    variants = (
        "\n\n## Richer models\n\n"
        "Log-likelihood and gradient on one thread, by the kernels for grids and by the general "
        "ones (which every other detection function uses), and how many times that of the null "
        "model of the same data it takes.\n\n"
        "| model | what | animals | milliseconds | general kernels | null model | times the null "
        "model |\n"
        "|---|---|---:|---:|---:|---:|---:|\n"
    )
    whole_range = (
        "\n\n## A whole range\n\n"
        "2,000 cameras on 2 million km², one connected array or 50 surveys, D ~ rugged; all "
        "threads. Peak of memory of the whole process, libraries included. Up to 10,000 points the "
        "general kernels must give the same answer.\n\n"
        "| cameras | mask points | animals | mask, surveys and model, s | log-likelihood and "
        "gradient, ms | fit with covariance, s | peak, GB |\n"
        "|---|---:|---:|---:|---:|---:|---:|\n"
    )
    parts = (
        head,
        problem_rows(),
        likelihood,
        likelihood_rows(),
        fits,
        fit_rows(),
        variants,
        variant_rows(),
        whole_range,
        range_wide.rows(),
    )
    text = "".join(part if isinstance(part, str) else "\n".join(part) for part in parts)
    return text + "\n"


def main():
    machine.restart_with_one_blas_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", dest="only_print", help="write no file")
    only_print = parser.parse_args().only_print
    text = page(dated=True)
    print(text)
    if not only_print:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
