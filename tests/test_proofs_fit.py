"""Slow evidence: p-values are uniform when the model is true, and intervals hold the truth.

Tables of `docs/goodness_of_fit.md` and `docs/intervals.md` are written anew when the environment
variable SECR_NEA_WRITE_FIT_PROOFS is set:

    SECR_NEA_WRITE_FIT_PROOFS=1 python -m pytest -m proof tests/test_proofs_fit.py

SECR_NEA_PROOF_SHARE=0.3 makes do with a third of the simulated surveys.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
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
N_NULL, N_WRONG, N_INTERVALS = (round(SHARE * number) for number in (300, 100, 100))
N_REPLICATES, N_BOOTSTRAP = 59, 99
DENSITY, LAMBDA0, SIGMA = 10.0, 0.25, 2500.0  # per 100 km2; per effort; metres
AREA_SEEDS = {"null": 1, "exponential": 2, "two kinds": 3, "intervals": 4, "clusters": 5}


@cache
def template():
    """Twenty-five detectors 2.5 km apart, one occasion of effort 2."""
    grid = np.arange(5) * 2500.0
    xy = np.array([(x, y) for x in grid for y in grid])
    traps = sn.TrapArray(xy, effort=np.full((25, 1), 2.0), detector="count")
    mask = sn.HabitatMask.around(traps, buffer=10_000.0, spacing=1250.0)
    return sn.Survey(sn.CaptureHistory(traps, animal=[], occasion=[], trap=[]), mask)


def quiet_fit(survey, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(survey, progress=False, **options)


def simulated(kind, seed, name="survey"):
    """A survey in which the fitted model is true, or one of two that it is not true of."""
    survey = template()
    animals = sn.design.simulate_population(survey.mask, DENSITY, seed=seed)
    parameters = {"lambda0": LAMBDA0, "sigma": SIGMA}
    detection = "hazard_half_normal"
    if kind == "exponential":
        detection, parameters = "hazard_exponential", {"lambda0": 0.7, "sigma": 1600.0}
    if kind != "two kinds":
        captures = sn.design.simulate_captures(
            animals, survey.traps, detection=detection, seed=seed, **parameters
        ).captures
        return sn.Survey(captures, survey.mask, name=name)
    model = sn.Model(survey, classes=2, lambda0="~ latent_class")
    beta = [np.log(DENSITY), np.log(0.06), np.log(10.0), np.log(SIGMA), 0.0]
    return sn.design.simulate_survey(model, beta, seed=seed)


@cache
def p_values(kind):
    """p-values of all surveys of a kind, (n_surveys, 4), and their mean number of animals."""
    number = N_NULL if kind == "null" else N_WRONG
    rows, animals = [], []
    for seed in np.random.SeedSequence([SEED, AREA_SEEDS[kind]]).spawn(number):
        fit = quiet_fit(simulated(kind, seed))
        found = fit.goodness_of_fit(n_replicates=N_REPLICATES, seed=seed, progress=False)
        rows.append(found.p_values)
        animals.append(fit.fingerprint.n_animals)
    return pd.DataFrame(rows).reset_index(drop=True), float(np.mean(animals))


@pytest.mark.proof
def test_p_values_are_uniform_when_the_model_is_true():
    """Rejections at 5 and 10 % are as promised, up to Monte Carlo error; so is the whole curve."""
    table, _ = p_values("null")
    for alpha in (0.05, 0.1, 0.5):
        error = np.sqrt(alpha * (1.0 - alpha) / len(table))
        share = (table <= alpha).mean()
        assert (np.abs(share - alpha) < tolerances.MONTE_CARLO * error).all(), f"{alpha}: {share}"
    for name in table:
        assert stats.kstest(table[name], "uniform").statistic < 0.12, name


@pytest.mark.proof
@pytest.mark.parametrize("kind, test", [("exponential", "distance"), ("two kinds", "animal")])
def test_wrong_models_are_found(kind, test):
    """The test that is meant for it rejects several times as often as by chance."""
    table, _ = p_values(kind)
    assert (table[test] <= 0.05).mean() > 0.25


# --- intervals -----------------------------------------------------------------------------------


@cache
def intervals():
    """Whether each interval held the truth, one row for each simulated survey and interval."""
    rows = []
    for seed in np.random.SeedSequence([SEED, AREA_SEEDS["intervals"]]).spawn(N_INTERVALS):
        survey = simulated("null", seed)
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
    for sequence in np.random.SeedSequence([SEED, AREA_SEEDS["clusters"]]).spawn(N_INTERVALS):
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
    assert share["clustered: between surveys"] > 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / N_INTERVALS)
    assert share["clustered: widened by c-hat"] > share["clustered: Poisson"]
    assert 1.3 < c_hat < 3.5


# --- the tables of the documentation -------------------------------------------------------------

TITLES = {
    "null": "the model is true",
    "exponential": "detection falls off exponentially, fitted as half-normal",
    "two kinds": "half of the animals have 10 times the lambda0 of the others",
}


def fit_table():
    lines = [
        "| surveys | animals | test | p <= 0.05 | p <= 0.1 | p <= 0.5 |",
        "|---|---|---|---|---|---|",
    ]
    for kind, title in TITLES.items():
        table, animals = p_values(kind)
        for name in table:
            shares = [f"{(table[name] <= a).mean():.3f}" for a in (0.05, 0.1, 0.5)]
            lines.append(
                f"| {len(table)}: {title} | {animals:.0f} | {name} | {' | '.join(shares)} |"
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
