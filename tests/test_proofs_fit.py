"""Slow evidence: p-values are uniform when the model is true, and intervals hold the truth.

Tables of `docs/goodness_of_fit.md` and `docs/intervals.md` are written anew when the environment
variable SECR_NEA_WRITE_FIT_PROOFS is set:

    SECR_NEA_WRITE_FIT_PROOFS=1 python -m pytest -m proof tests/test_proofs_fit.py

SECR_NEA_PROOF_SHARE=0.3 makes do with a third of the simulated surveys.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tolerances
from scipy import stats

import secr_nea as sn
from secr_nea.inference import (
    inflated_interval,
    model_average,
    overdispersion,
    replicate_density,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"
SEED = 20_260_730
SHARE = float(os.environ.get("SECR_NEA_PROOF_SHARE", "1"))
N_INTERVALS, N_CLUSTERED = (round(SHARE * number) for number in (100, 100))
N_REPLICATES, N_BOOTSTRAP = 39, 99
DENSITY, LAMBDA0, SIGMA = 10.0, 0.25, 2500.0  # per 100 km2; per effort; metres
AREA_SEEDS = {"intervals": 4, "clusters": 5}


@cache
def template(effort=2.0, side=5, name="survey", sexes=False):
    """Detectors 2.5 km apart in a square, one occasion; sexes unknown of one in five animals."""
    grid = np.arange(side) * 2500.0
    xy = np.array([(x, y) for x in grid for y in grid])
    traps = sn.TrapArray(xy, effort=np.full((side**2, 1), effort), detector="count")
    mask = sn.HabitatMask.around(traps, buffer=10_000.0, spacing=1250.0)
    captures = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    if sexes:
        sex = np.array(["F", "F", "M", "M", None], dtype=object)
        at, zeros = np.arange(5), np.zeros(5, dtype=int)
        captures = sn.CaptureHistory(traps, animal=at, occasion=zeros, trap=at)
        captures = captures.with_covariates(sex=sex)
    return sn.Survey(captures, mask, name=name)


# What surveys are simulated from, and what is fitted to them.
LOG_D, LOG_LAMBDA0, LOG_SIGMA = np.log([DENSITY, LAMBDA0, SIGMA])
EXPONENTIAL = [LOG_D, np.log(0.7), np.log(1600.0)]
TWO_KINDS = [LOG_D, np.log(0.06), np.log(10.0), LOG_SIGMA, 0.0]
CLASSES = {"classes": 2, "lambda0": "~ latent_class"}
SEXES = {"classes": "sex", "lambda0": "~ sex", "sigma": "~ sex"}


@dataclass(frozen=True)
class Kind:
    """Simulated surveys of one kind: how many, from which model, and the model fitted to them."""

    seed: int
    title: str
    number: int
    surveys: tuple
    truth: dict
    beta: list
    fitted: dict

    @cached_property
    def model(self):
        return sn.Model(list(self.surveys), **self.truth)


def true_kind(seed, title, number, surveys, truth, beta):
    return Kind(seed, title, number, surveys, truth, beta, truth)


NULL = [LOG_D, LOG_LAMBDA0, LOG_SIGMA]
TRUE_KINDS = {
    "null": true_kind(1, "true", 300, (template(),), {}, NULL),
    "sexes": true_kind(
        6,
        "true, sexes that differ",
        120,
        (template(4.0, sexes=True),),
        SEXES,
        [LOG_D, LOG_LAMBDA0, -0.5, np.log(2000.0), 0.4, 0.0],
    ),
    "surveys": true_kind(
        7,
        "true, two surveys",
        120,
        (template(name="a"), template(4.0, 4, name="b")),
        {"D": "~ session"},
        [LOG_D, 0.5, LOG_LAMBDA0, LOG_SIGMA],
    ),
    "classes": true_kind(8, "true, two latent classes", 60, (template(6.0),), CLASSES, TWO_KINDS),
}
WRONG_KINDS = {
    f"{name}, effort {effort:.0f}": Kind(seed, title, 60, (template(effort),), truth, beta, {})
    for name, title, truth, beta, seeds in (
        (
            "exponential",
            "detection falls off exponentially, fitted as half-normal",
            {"detection": "hazard_exponential"},
            EXPONENTIAL,
            (2, 9),
        ),
        (
            "two kinds",
            "half of the animals have 10 times the lambda0 of the others",
            CLASSES,
            TWO_KINDS,
            (3, 10),
        ),
    )
    for effort, seed in zip((2.0, 6.0), seeds, strict=True)
}
KINDS = TRUE_KINDS | WRONG_KINDS


def quiet_fit(survey, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(survey, progress=False, **options)


@cache
def p_values(name):
    """p-values of all surveys of a kind that can be tested, with animals, detections, refusals."""
    kind = KINDS[name]
    rows, sizes, refused = [], [], 0
    for seed in np.random.SeedSequence([SEED, kind.seed]).spawn(round(SHARE * kind.number)):
        made = sn.design.simulate_survey(kind.model, kind.beta, seed=seed)
        fit = quiet_fit(made, **kind.fitted)
        try:
            found = fit.goodness_of_fit(n_replicates=N_REPLICATES, seed=seed, progress=False)
        except sn.FitError:  # coefficients without standard errors, or not converged
            refused += 1
            continue
        rows.append(found.p_values)
        counts = sum(survey.captures.count.sum() for survey in fit.model.surveys)
        sizes.append((fit.fingerprint.n_animals, counts))
    return pd.DataFrame(rows).reset_index(drop=True), np.mean(sizes, axis=0), refused


@pytest.mark.proof
@pytest.mark.parametrize("kind", TRUE_KINDS)
def test_p_values_are_uniform_when_the_model_is_true(kind):
    """Rejections at 5 and 10 % are as promised, up to Monte Carlo error; so is the whole curve."""
    table, _, _ = p_values(kind)
    for alpha in (0.05, 0.1, 0.5):
        error = np.sqrt(alpha * (1.0 - alpha) / len(table))
        share = (table <= alpha).mean()
        assert (np.abs(share - alpha) < tolerances.MONTE_CARLO * error).all(), f"{alpha}: {share}"
    # The 1 % point of Kolmogorov's statistic, and the steps of p-values from 39 surveys.
    most = 1.63 / np.sqrt(len(table)) + 1.0 / (N_REPLICATES + 1)
    for name in table:
        assert stats.kstest(table[name], "uniform").statistic < most, name


@pytest.mark.proof
@pytest.mark.parametrize(
    "kind, test", [("exponential, effort 6", "distance"), ("two kinds, effort 6", "animal")]
)
def test_wrong_models_are_found(kind, test):
    """The test that is meant for it rejects several times as often as by chance."""
    table, _, _ = p_values(kind)
    assert (table[test] <= 0.05).mean() > 0.25


# --- intervals -----------------------------------------------------------------------------------


@cache
def intervals():
    """Whether each interval held the truth, one row for each simulated survey and interval."""
    rows = []
    for seed in np.random.SeedSequence([SEED, AREA_SEEDS["intervals"]]).spawn(N_INTERVALS):
        survey = sn.design.simulate_survey(KINDS["null"].model, NULL, seed=seed)
        models = sn.fit_models(survey, D=["~ 1", "~ x"], sigma=["~ 1"], progress=False)
        fit = models["D ~ 1"]
        table = fit.profile_interval(["density", "sigma"])
        for name, truth in (("density", DENSITY), ("sigma", SIGMA)):
            row = table.loc[name]
            rows.append(("profile", name, row["lower"], row["upper"], truth))
            rows.append(("Wald", name, row["wald_lower"], row["wald_upper"], truth))
        for method in ("wald", "tail_area"):
            row = model_average(models, method=method).loc["density"]
            label = f"average of two models, {method.replace('_', ' ')}"
            rows.append((label, "density", row["lower"], row["upper"], DENSITY))
        found = fit.bootstrap(
            ["density", "sigma"], n_replicates=N_BOOTSTRAP, seed=seed, progress=False
        ).table()
        for name, truth in (("density", DENSITY), ("sigma", SIGMA)):
            row = found.loc[name]
            rows.append(("bootstrap", name, row["lower"], row["upper"], truth))
    return _covered(rows)


@cache
def clustered():
    """Eight surveys whose numbers of animals vary three times as much as Poisson numbers."""
    rows, c_hats = [], []
    for sequence in np.random.SeedSequence([SEED, AREA_SEEDS["clusters"]]).spawn(N_CLUSTERED):
        rng = np.random.default_rng(sequence)
        surveys = []
        area = template().mask.area / 100.0
        for b in range(8):
            expected = DENSITY * area
            number = int(rng.negative_binomial(expected / 2.0, 1.0 / 3.0))
            animals = sn.design.simulate_population(
                template().mask, DENSITY, seed=rng, fixed_n=number
            )
            captures = sn.design.simulate_captures(
                animals, template().traps, lambda0=LAMBDA0, sigma=SIGMA, seed=rng
            ).captures
            surveys.append(sn.Survey(captures, template().mask, name=f"s{b}"))
        fit = quiet_fit(surveys)
        found = overdispersion(fit)
        c_hats.append(found.c_hat)
        plain, wide = (inflated_interval(fit, c).iloc[0] for c in (1.0, found))
        between = replicate_density(fit).iloc[0]
        for label, row in (
            ("clustered: Poisson", plain),
            ("clustered: widened by c-hat", wide),
            ("clustered: between surveys", between),
        ):
            rows.append((label, "density", row["lower"], row["upper"], DENSITY))
    return _covered(rows), float(np.mean(c_hats))


def _covered(rows):
    frame = pd.DataFrame(rows, columns=["interval", "quantity", "lower", "upper", "truth"])
    held = (frame["lower"] <= frame["truth"]) & (frame["truth"] <= frame["upper"])
    return frame.assign(covered=held, width=np.log(frame["upper"] / frame["lower"]))


@pytest.mark.proof
def test_intervals_hold_the_truth():
    """Percentiles of 99 replicates are rough, so that the bootstrap may fall a little short."""
    for (label, name), part in intervals().groupby(["interval", "quantity"]):
        error = np.sqrt(0.95 * 0.05 / len(part))
        slack = 0.03 if label == "bootstrap" else 0.0
        low = 0.95 - slack - tolerances.MONTE_CARLO * error
        assert part["covered"].mean() > low, f"{label}, {name}: {part['covered'].mean():.2f}"


@pytest.mark.proof
def test_the_variance_between_surveys_holds_where_poisson_does_not():
    frame, c_hat = clustered()
    share = frame.groupby("interval")["covered"].mean()
    assert share["clustered: Poisson"] < 0.9
    assert share["clustered: between surveys"] > 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / N_CLUSTERED)
    assert share["clustered: widened by c-hat"] > share["clustered: Poisson"]
    assert 1.3 < c_hat < 3.5


# --- the tables of the documentation -------------------------------------------------------------


def fit_table():
    tests = list(p_values("null")[0])
    lines = [
        f"| the fitted model is | animals, detections | surveys | {' | '.join(tests)} |",
        f"|---|---|---|{'---|' * len(tests)}",
    ]
    for kind in KINDS:
        table, (animals, counts), _ = p_values(kind)
        title = KINDS[kind].title if kind in TRUE_KINDS else f"wrong: {KINDS[kind].title}"
        shares = [
            ", ".join(f"{(table[name] <= alpha).mean():.2f}" for alpha in (0.05, 0.1, 0.5))
            for name in tests
        ]
        lines.append(
            f"| {title} | {animals:.0f}, {counts:.0f} | {len(table)} | {' | '.join(shares)} |"
        )
    return "\n".join([*lines, ""])


def interval_table():
    frame = pd.concat([intervals(), clustered()[0]])
    lines = ["| interval | of | held the truth | upper / lower |", "|---|---|---|---|"]
    for (label, name), part in frame.groupby(["interval", "quantity"], sort=False):
        share = part["covered"].mean()
        error = np.sqrt(max(share * (1.0 - share), 0.25 / len(part)) / len(part))
        lines.append(
            f"| {label} | {name} | {100 * share:.0f} ± {100 * error:.0f} % "
            f"| {np.exp(part['width'].median()):.2f} |"
        )
    return "\n".join([*lines, ""])


@pytest.mark.proof
@pytest.mark.skipif(
    not os.environ.get("SECR_NEA_WRITE_FIT_PROOFS"), reason="SECR_NEA_WRITE_FIT_PROOFS is not set"
)
@pytest.mark.parametrize(
    "name, table",
    [("_goodness_of_fit_table.md", fit_table), ("_intervals_table.md", interval_table)],
)
def test_the_tables_are_written(name, table):
    (DOCS / name).write_text(table(), encoding="utf-8")
