"""The gradient against finite differences, for combinations of all model terms that are allowed."""

from __future__ import annotations

import warnings
from functools import cache

import build
import numpy as np
import shapely
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import secr_nea as sn

DETECTORS = {
    "count": "count",
    "binary": "binary",
    "binomial": "binomial",
    "multi": "multi",
    "capped": "capped",
    "mixed": ["count", "binary", "multi", "binomial"],
    "capped among others": ["capped", "binary", "capped", "multi"],
    "searches": None,
}
FUNCTIONS = ("HHN", "HEX", "HHR", "HVP", "HAN", "HCG", "HN", "EX", "HR", "CHN", "ANN", "CLN", "CG")
PLACE = ("height", "kind", "snow", "warm", "detector", "region", "session", "session_trend")
TIME = ("occasion", "occasion_trend", "trap_detected_before", "trap_detected_last_occasion")
LEARNED = (
    "detected_before",
    "detected_last_occasion",
    "detected_before_here",
    "detected_last_occasion_here",
)
DENSITY = (
    "rugged",
    "I(rugged**2)",
    "x",
    "y",
    "region",
    "session",
    "session_trend",
    "bs(rugged, df=4)",
    "s(rugged, k=4)",
    "s(x, y, k=5)",
    "te(x, rugged, k=3)",
)
START = {
    "D": 3.6, "lambda0": -2.0, "g0": -1.7, "a0": 0.3, "esa": 2.7, "sigma": 7.4, "sigmak": 0.3,
    "z": 1.1, "w": 7.0, "pmix": 0.2, "pmix[2]": 0.2, "pmix[3]": -0.2,
}  # fmt: skip


@cache
def surveys_of(kind):
    """Two surveys of three occasions with every sort of covariate, and the sex of the animals."""
    rng, out = np.random.default_rng(12), []
    for name, region in (("north", "Altai"), ("south", "Sayan")):
        design = build.example_design("binary", n_occasions=3)
        design["detector"] = "binary" if kind == "searches" else DETECTORS[kind]
        if "capped" in kind:
            histories = design["histories"]
            for s, k in np.argwhere(histories.sum(axis=0) > 1):
                histories[np.flatnonzero(histories[:, s, k])[1:], s, k] = 0
            design["histories"] = histories[histories.sum(axis=(1, 2)) > 0]
        if kind in ("multi", "mixed", "capped among others"):
            one_trap_an_occasion(design["histories"])
        points = design["points"] + rng.uniform(-100, 100, 2)
        design["points"] = points
        survey = build.survey_of_design(
            design,
            name=name,
            trap={"height": rng.normal(size=4), "kind": list("abba")},
            varying={"snow": rng.normal(size=(4, 3))},
            mask={"rugged": rng.normal(size=len(points))},
            survey={"region": region},
            occasion={"warm": rng.normal(size=3)},
        )
        if kind == "searches":
            survey = with_searches(survey, design)
        n = survey.n_animals
        captures = survey.captures.with_covariates(
            sex=(["F", "M", None, "M", "F"] * n)[:n], known=(["F", "M"] * n)[:n]
        )
        out.append(
            sn.Survey(
                captures,
                survey.mask,
                name=name,
                covariates={"region": region},
                occasion_covariates=survey.occasion_covariates,
            )
        )
    return tuple(out)


def one_trap_an_occasion(histories):
    """Multi-catch traps hold an animal for the occasion."""
    for i, s in np.ndindex(histories.shape[:2]):
        seen = np.flatnonzero(histories[i, s])
        histories[i, s, seen[1:]] = 0


def with_searches(survey, design):
    """Two cameras, an area and a transect; positions near the traps that they replace."""
    old = survey.traps
    centre = old.xy
    shapes = [
        shapely.box(*(centre[2] - 700), *(centre[2] + 700)),
        shapely.LineString([centre[3] - 900, centre[3] + 900]),
    ]
    searches = sn.TrapArray.from_searches(
        shapes, ids=old.ids[2:], effort=old.effort[2:], covariates=old.covariates.iloc[2:]
    )
    cameras = sn.TrapArray(
        centre[:2], ids=old.ids[:2], effort=old.effort[:2], detector="binary",
        covariates=old.covariates.iloc[:2],
    )  # fmt: skip
    joined = sn.TrapArray.joined(cameras, searches)
    traps = sn.TrapArray(
        joined.xy, ids=joined.ids, effort=joined.effort, detector=joined.detector,
        covariates=old.covariates, varying_covariates=old.varying_covariates,
        searches=joined.searches,
    )  # fmt: skip
    frame = survey.captures.to_dataframe()
    trap = frame["trap_id"].map({name: k for k, name in enumerate(old.ids)}).to_numpy()
    shift = np.linspace(-300, 300, len(frame))
    xy = centre[trap] + np.column_stack([shift, shift])
    frame["x"], frame["y"] = xy.T
    captures = sn.CaptureHistory.from_dataframe(frame, traps)
    return sn.Survey(captures, survey.mask, occasion_covariates=survey.occasion_covariates)


@st.composite
def models(draw):
    """A model of any allowed combination; what the library refuses is drawn again."""
    kind = draw(st.sampled_from(list(DETECTORS)), label="detectors")
    function = sn.detection_function(draw(st.sampled_from(FUNCTIONS), label="function"))
    options = {"population": draw(st.sampled_from(["poisson", "binomial", "conditional"]))}
    words = list(PLACE) + list(TIME)
    who = draw(st.sampled_from(["alike", "alike", "sex", "latent", "groups", "covariate"]))
    if who == "sex":
        options["classes"] = "sex"
    elif who == "latent":
        options["classes"] = draw(st.sampled_from([2, 3]))
    elif who == "groups":
        options["groups"] = "known"
    own = {"sex": ["sex"], "latent": ["latent_class"], "groups": ["known"], "covariate": ["known"]}
    words += 3 * own.get(who, [])
    words += [draw(st.sampled_from(LEARNED))]
    names = list(function.parameters)
    names[0] = draw(st.sampled_from([names[0], names[0], "a0", "esa"]), label="amplitude")
    names[1] = draw(st.sampled_from(["sigma", "sigma", "sigma", "sigmak"]), label="scale")
    for name in names:
        terms = draw(st.lists(st.sampled_from(words), max_size=2, unique=True), label=name)
        options[name] = " + ".join(["~ 1", *terms])
    density = draw(st.lists(st.sampled_from(DENSITY), max_size=2, unique=True), label="D")
    if who == "groups" and draw(st.booleans()):
        density = [*density, "known"]
    if density or options["population"] != "conditional":
        options["D"] = " + ".join(["~ 1", *density])
    if draw(st.integers(0, 4)) == 0:
        options["sigma_location"] = "~ rugged"
    if draw(st.integers(0, 4)) == 0:
        options["lambda0_location"] = "~ x"
    if "classes" in options:
        options["pmix"] = draw(st.sampled_from(["~ 1", "~ region"]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sn.SecrWarning)  # groups that are equally dense
            return sn.Model(surveys_of(kind), detection=function, **options), kind
    except (sn.ModelError, sn.FormulaError):
        assume(False)


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(drawn=models(), seed=st.integers(0, 99))
def test_gradient_is_the_slope_of_the_value(drawn, seed):
    model, kind = drawn
    rng = np.random.default_rng(seed)
    start = dict(START)
    if model.detection.code == "CLN":
        start["z"] = 6.9
    if kind == "searches":
        start["lambda0"] = -0.5
    x = np.array(
        [
            start.get(parameter, 0.1) if column == "Intercept" else rng.normal(scale=0.1)
            for parameter, _, column in (name.partition(":") for name in model.coefficient_names)
        ]
    )
    found, gradient = sn.log_likelihood_gradient(model, x)
    assert found == sn.log_likelihood(model, x)
    assume(np.isfinite(found) and found > -1e4)
    # One random direction and two single coefficients, by differences of the fourth order.
    directions = [rng.normal(size=len(x)), *np.eye(len(x))[rng.integers(0, len(x), 2)]]
    for direction in directions:
        step = 1e-4 * direction / np.linalg.norm(direction)
        ahead, behind = (
            8 * sn.log_likelihood(model, x + sign * step)
            - sn.log_likelihood(model, x + 2 * sign * step)
            for sign in (1, -1)
        )
        slope = (ahead - behind) / (12 * 1e-4)
        expected = gradient @ direction / np.linalg.norm(direction)
        np.testing.assert_allclose(expected, slope, rtol=1e-5, atol=2e-5)
