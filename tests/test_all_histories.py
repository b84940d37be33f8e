"""The probabilities of all histories of one animal add up, for every kind of detector and model.

Poisson number of animals: Pr(nobody detected) = exp(-mu), and the log-likelihoods of one animal
with any history sum to mu exp(-mu).
"""

from __future__ import annotations

import itertools

import build
import numpy as np
import pandas as pd
import pytest
import shapely

import secr_nea as sn

AT = {"D": 0.4, "lambda0": -3.5, "g0": -1.9, "sigma": 7.4, "sigmak": 1.0, "z": 1.0}
EFFORT = np.array([[1.0, 2.0], [0.0, 1.0]])
COUNT_MOST = 5  # hazards are below 0.07: six detections are as rare as 1e-10


def mask():
    column, row = np.meshgrid(np.arange(3), np.arange(3))
    points = np.column_stack([column.ravel(), row.ravel()]) * 1000.0 - [613.0, 771.0]
    return sn.HabitatMask(points, spacing=1000.0)


def survey_of(history, detector, effort=EFFORT):
    """A survey of two traps with one animal, or with none (history None)."""
    traps = sn.TrapArray(
        [[0.0, 0.0], [1400.0, 300.0]], effort=effort, detector=detector,
        covariates={"height": [-0.5, 0.5]},
    )  # fmt: skip
    none = np.zeros((0, *effort.T.shape), dtype=int)
    captures = build.captures_of(none if history is None else history[None], traps)
    return sn.Survey(captures, mask())


def coefficients(model):
    """0.3 for every term that is no intercept, and for proportions of classes."""
    return [
        AT.get(parameter, 0.3) if column == "Intercept" else 0.3
        for parameter, _, column in (name.partition(":") for name in model.coefficient_names)
    ]


def all_histories(detector, effort=EFFORT):
    """Every history with a detection that such traps can make."""
    kinds = [detector] * 2 if isinstance(detector, str) else detector
    most = np.ones_like(effort)
    for k, kind in enumerate(kinds):
        most[k] = {"count": COUNT_MOST, "binomial": effort[k].max()}.get(kind, 1.0)
    most = np.where(effort > 0.0, most, 0.0)
    for k, kind in enumerate(kinds):
        if kind == "binomial":
            most[k] = effort[k]
    cells = [range(int(y) + 1) for y in most.T.ravel()]
    for counts in itertools.product(*cells):
        history = np.array(counts).reshape(most.T.shape)
        multi = history[:, np.array(kinds) == "multi"]
        if history.any() and (multi.sum(axis=1) <= 1).all():
            yield history


ALL = [
    ("count", {"lambda0": "~ detected_before"}),
    ("multi", {}),
    ("capped", {}),
    (["count", "binary"], {}),
    (["binomial", "multi"], {}),
    (["multi", "multi"], {"lambda0": "~ height + occasion"}),
    (["capped", "count"], {"lambda0": "~ detector"}),
    ("binary", {"detection": "HR"}),
    ("multi", {"detection": "HN"}),
    ("binary", {"classes": 2, "lambda0": "~ latent_class", "sigma": "~ latent_class"}),
    ("multi", {"classes": 3, "lambda0": "~ latent_class"}),
    *(
        (detector, {"lambda0": f"~ {word}", "sigma": f"~ {word}"})
        for detector in ("binary", "multi", "binomial")
        for word in (
            "detected_before",
            "detected_last_occasion",
            "detected_before_here",
            "detected_last_occasion_here",
        )
    ),
    ("binary", {"lambda0": "~ detected_before", "classes": 2, "sigma": "~ latent_class"}),
    ("binary", {"lambda0_location": "~ x", "sigma_location": "~ y"}),
    ("multi", {"sigmak": "~ 1", "D": "~ x"}),
]


@pytest.mark.parametrize("detector, options", ALL)
def test_probabilities_of_one_animal_s_histories_add_up(detector, options):
    def value(history):
        model = sn.Model(survey_of(history, detector), **options)
        return sn.log_likelihood(model, coefficients(model))

    nobody = value(None)
    total = sum(np.exp(value(history) - nobody) for history in all_histories(detector))
    np.testing.assert_allclose(total, -nobody, rtol=1e-8)


def conditional(history, **options):
    """Log-likelihood of one animal, without log n! and shared histories (both are 0)."""
    model = sn.Model(survey_of(history, "multi"), population="conditional", **options)
    return sn.log_likelihood(model, coefficients(model))


@pytest.mark.parametrize(
    "options", [{}, {"D": "~ x + y"}, {"classes": 2, "lambda0": "~ latent_class"}]
)
def test_conditional_probabilities_of_one_animal_add_up_to_one(options):
    total = sum(np.exp(conditional(history, **options)) for history in all_histories("multi"))
    np.testing.assert_allclose(total, 1.0, rtol=1e-10)


def test_sexes_and_histories_add_up():
    """A hybrid mixture explains the sex of an animal too: known F or M with any history."""
    effort = np.array([[1.0], [2.0]])

    def value(first, sex):
        """Two animals of known sex that stay as they are, and perhaps a third."""
        fixed = np.array([[[1, 0]], [[0, 1]]])
        histories = fixed if first is None else np.concatenate([fixed, first[None]])
        traps = sn.TrapArray([[0.0, 0.0], [1400.0, 300.0]], effort=effort, detector="binary")
        sexes = ["F", "M"] if first is None else ["F", "M", sex]
        captures = build.captures_of(histories, traps).with_covariates(sex=sexes)
        model = sn.Model(sn.Survey(captures, mask()), classes="sex", lambda0="~ sex", sigma="~ sex")
        shared = captures.identical_among(np.arange(len(sexes)))
        constant = float(np.sum([np.log(np.arange(1, f + 1)).sum() for f in shared]))
        return sn.log_likelihood(model, coefficients(model)) + constant, model

    base, model = value(None, None)
    known = sum(
        np.exp(value(history, sex)[0] - base)
        for history in all_histories("binary", effort)
        for sex in ("F", "M")
    )
    unknown = sum(
        np.exp(value(history, None)[0] - base) for history in all_histories("binary", effort)
    )
    detected = sn.likelihood.points.expected_detected(
        sn.likelihood.likelihood_of(model),
        np.array(coefficients(model)),
        0,
        np.full(9, np.exp(AT["D"]) / 100.0),
    )[0][0]
    np.testing.assert_allclose(known, detected, rtol=1e-10)
    np.testing.assert_allclose(unknown, detected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["transect", "area_search"])
def test_densities_of_positions_integrate_to_the_probability_of_detection(kind):
    """One detection anywhere, and two anywhere: exp(-L) (L + L^2 / 2) for each centre."""
    line = shapely.LineString([(-500, 0), (1300, 300)])
    shape = line if kind == "transect" else shapely.box(-500, -300, 900, 800)
    traps = sn.TrapArray.from_searches([shape])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    share = 0.5 * (nodes + 1.0)
    if kind == "transect":
        places = [(line.interpolate(s, normalized=True).coords[0]) for s in share]
        width = 0.5 * weights * line.length
    else:
        x, y = (-500 + 1400 * share), (-300 + 1100 * share)
        places = [(a, b) for a in x for b in y]
        width = np.outer(0.5 * weights * 1400, 0.5 * weights * 1100).ravel()

    def value(*chosen):
        frame = pd.DataFrame(chosen, columns=["x", "y"]).assign(animal_id="A", occasion=1)
        captures = sn.CaptureHistory.from_dataframe(frame, traps)
        model = sn.Model(sn.Survey(captures, mask()), smallest_sigma=600.0)
        return sn.log_likelihood(model, [0.4, -3.0, 7.2])

    nobody = sn.Model(
        sn.Survey(sn.CaptureHistory(traps, animal=[], occasion=[], trap=[]), mask()),
        smallest_sigma=600.0,
    )
    empty = sn.log_likelihood(nobody, [0.4, -3.0, 7.2])
    once = sum(w * np.exp(value(place) - empty) for w, place in zip(width, places, strict=True))
    two = 0.0
    if kind == "transect":
        for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(places), 2):
            times = 1.0 if i == j else 2.0
            two += times * width[i] * width[j] * np.exp(value(a, b) - empty)
    # Expected numbers with exactly one and exactly two detections, by the hazard at each centre.
    likelihood = sn.likelihood.likelihood_of(nobody)
    pdot = sn.likelihood.points.detection_probability(likelihood, np.array([0.4, -3.0, 7.2]), 0)
    total = -np.log1p(-pdot)
    animals = np.exp(0.4) / 100.0
    np.testing.assert_allclose(once, (animals * np.exp(-total) * total).sum(), rtol=1e-8)
    if kind == "transect":
        np.testing.assert_allclose(two, (animals * np.exp(-total) * total**2 / 2).sum(), rtol=1e-8)
