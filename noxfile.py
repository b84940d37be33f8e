"""Every chore of the project as a nox session: `python -m nox --list` shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "checks"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the package, as it lies here, with the named dependency groups in one go."""
    requirements = nox.project.dependency_groups(PYPROJECT, *groups) if groups else ()
    # pip compiles what it installs; uv does so only when told, and imports are slow without.
    session.install("-e", f".{extras}", *requirements, env={"UV_COMPILE_BYTECODE": "1"})


def pytest_has_the_last_word(record: logging.LogRecord) -> bool:
    """Drop nox's own report of the session `tests`: pytest's summary is its last line."""
    return not record.getMessage().startswith(("Session tests ", "Command python -m pytest"))


# --- what a user of the repository runs ----------------------------------------------------------


@nox.session
def demo(session: nox.Session) -> None:
    """Fit the invented snow leopards of Sailugem; pages and maps go to results/sailugem."""
    install(session)
    session.run("python", "-m", "secr_nea", "demo", "--out", "results/sailugem", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and the examples in the docstrings, on two cores."""
    install(session, "test", extras="[all]")
    logging.getLogger("nox").addFilter(pytest_has_the_last_word)
    session.run("python", "-m", "pytest", "-n", "2", "--dist", "loadfile", "-q", *session.posargs)


@nox.session
def tests_nojit(session: nox.Session) -> None:
    """Run the tests of kernels and laws as plain Python, where a debugger can follow."""
    install(session, "test")
    patterns = ("test_kernels*.py", "test_laws*.py")
    files = [str(path) for pattern in patterns for path in sorted(Path("tests").rglob(pattern))]
    if not files:
        session.error(f"There is no test of kernels or laws: tests/ has no {' or '.join(patterns)}")
    session.run(
        "python", "-m", "pytest", "-q", *files, *session.posargs, env={"NUMBA_DISABLE_JIT": "1"}
    )


@nox.session
def proofs(session: nox.Session) -> None:
    """Run the slow evidence: recovery of known truth, coverage, calibration."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "proof", "-v", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time the likelihood and the fits; compare ratios within one run only."""
    install(session, "bench")
    session.run("python", "-m", "pytest", "benchmarks", "--benchmark-only", *session.posargs)


@nox.session(default=False)
def bench_guard(session: nox.Session) -> None:
    """Fail when a ratio to plain NumPy has dropped below its committed floor by more than noise.

    Under five minutes on two cores, with the installation and the first compilation of the kernels.
    """
    install(session, "bench")
    session.run("python", "benchmarks/guard.py", *session.posargs)


# --- checks: each is a session of its own, and `checks` does them all in one environment ---------


def check_lint(session: nox.Session) -> None:
    """Lint, formatting and numpydoc docstrings."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


def check_types(session: nox.Session) -> None:
    """Types, strictly."""
    session.run("mypy", "--strict", "secr_nea")


def check_layers(session: nox.Session) -> None:
    """Imports point down only."""
    session.run("lint-imports")


def check_notebooks(session: nox.Session) -> None:
    """Every notebook runs from top to bottom."""
    # Warnings of the notebook machinery are not ours, so they are no errors here.
    session.run(
        "python", "-m", "pytest", "-W", "default", "--nbmake", "--nbmake-timeout=600", "-q",
        "notebooks",
    )  # fmt: skip


def check_docs(session: nox.Session) -> None:
    """The documentation builds without a warning."""
    session.run(
        "sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html"
    )


CHECKS: dict[str, tuple[Callable[[nox.Session], None], tuple[str, ...]]] = {
    "lint": (check_lint, ("lint",)),
    "types": (check_types, ("lint",)),
    "layers": (check_layers, ("lint",)),
    "notebooks": (check_notebooks, ("notebooks",)),
    "docs": (check_docs, ("docs",)),
}


def run_alone(session: nox.Session, name: str) -> None:
    """Run one check in an environment of its own."""
    check, groups = CHECKS[name]
    install(session, *groups, extras="[all]")
    check(session)


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, formatting and docstrings."""
    run_alone(session, "lint")


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    run_alone(session, "types")


@nox.session(default=False)
def layers(session: nox.Session) -> None:
    """Check that imports point down only."""
    run_alone(session, "layers")


@nox.session(default=False)
def notebooks(session: nox.Session) -> None:
    """Run the notebooks from top to bottom."""
    run_alone(session, "notebooks")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; a warning is an error."""
    run_alone(session, "docs")


@nox.session
def checks(session: nox.Session) -> None:
    """Do lint, types, layers, notebooks and docs with a single installation."""
    install(session, "lint", "notebooks", "docs", extras="[all]")
    failed = []
    for name, (check, _) in CHECKS.items():
        session.log(f"--- {name}: {check.__doc__}")
        try:
            check(session)
        except CommandFailed:
            failed.append(name)
    if failed:
        session.error(f"These checks failed: {', '.join(failed)}")
