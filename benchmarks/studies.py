"""A simulation study: surveys made and fitted one after the other, or on two processes."""

from __future__ import annotations

import time
import warnings
from functools import cache

import numpy as np
import plain
import ways
from problems import problem

import secr_nea as sn
from secr_nea import engine

SURVEYS = {"tiny": 100, "ridge": 100}
"""Number of surveys of a study; the rival fits every tenth."""


@cache
def scenario(name):
    """The layout of a problem with constant density."""
    survey = problem(name).model.surveys[0]
    truth = dict(zip(problem(name).model.coefficient_names, problem(name).truth, strict=True))
    density, lambda0, sigma = (
        float(np.exp(truth[f"{word}:Intercept"])) for word in ("D", "lambda0", "sigma")
    )
    return sn.design.Scenario(
        survey.traps, survey.mask, density, lambda0=lambda0, sigma=sigma, name=name
    )


def study(name, number, **how):
    """A study of so many surveys."""
    return sn.design.study(scenario(name), number, progress=False, **how)


def by_plain(own, chosen):
    """Seconds for some surveys of a study, made by the library and fitted by the rival."""
    seconds = 0.0
    for r in chosen:
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sn.SecrWarning)
            model = sn.Model(own.survey(0, r))
        found = plain.fit(plain.PlainLikelihood(model), start_of(own.plan.scenarios[0]))
        seconds += time.perf_counter() - began
        row = own.results.iloc[r]
        if not row["failed"]:
            np.testing.assert_allclose(found[1], row["log_likelihood"], rtol=0.0, atol=1e-5)
    return seconds


def start_of(chosen):
    """Coefficients of a scenario."""
    return np.log([chosen.mean_density, chosen.parameters["lambda0"], chosen.parameters["sigma"]])


def rows():
    """Lines of a table in Markdown, milliseconds a survey; processes run before they are timed."""
    for name, number in SURVEYS.items():
        sn.set_threads(1)
        own, every_tenth = study(name, number, client="loop"), range(0, number, 10)
        rival = by_plain(own, every_tenth) / len(every_tenth)
        alone = timed(name, number, client="loop") / number
        with engine._local_client(engine._distributed(), 2) as client:
            timed(name, 40, client=client)
            two = timed(name, number, client=client) / number
        cells = " | ".join(ways.milliseconds(one) for one in (rival, alone, two))
        yield f"| {name} | {number} | {cells} | {rival / alone:.1f} | {alone / two:.1f} |"


def timed(name, number, **how):
    began = time.perf_counter()
    found = study(name, number, **how)
    seconds = time.perf_counter() - began
    assert found.results["failed"].mean() < 0.5
    return seconds
