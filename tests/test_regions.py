"""Large blocks cut into regions: the same likelihood and gradient, within the proven bound."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest

import secr_nea as sn
from secr_nea.detection import DETECTION_FUNCTIONS
from secr_nea.likelihood import Likelihood, blocks, likelihood_of, regions, separable

SIGMA = 700.0


@cache
def survey(detector="count"):
    """A long range: four clusters of cameras 60 km apart, points that are not on a grid."""
    rng = np.random.default_rng(3)
    centers = np.array([[0.0, 0.0], [60_000.0, 5_000.0], [120_000.0, 0.0], [180_000.0, 8_000.0]])
    turn = np.array([[0.96, 0.28], [-0.28, 0.96]])  # so that the points are not on a grid
    xy = np.concatenate([rng.uniform(-3000.0, 3000.0, (6, 2)) + c for c in centers]) @ turn
    traps = sn.TrapArray(
        xy,
        effort=rng.uniform(0.5, 3.0, (24, 3)) if detector == "count" else np.ones((24, 3)),
        detector=detector,
        covariates={"slope": rng.normal(size=24)},
    )
    x, y = np.meshgrid(np.arange(-8e3, 1.9e5, 1500.0), np.arange(-8e3, 1.6e4, 1500.0))
    cells = np.column_stack([x.ravel(), y.ravel()]) @ turn
    mask = sn.HabitatMask(
        cells, spacing=1500.0, cell_area=2.25, covariates={"rugged": np.sin(cells[:, 0] / 2e4)}
    )
    animals = sn.design.simulate_population(mask, 12.0, seed=4)
    captures = sn.design.simulate_captures(
        animals, traps, lambda0=0.6, sigma=1500.0, seed=5
    ).captures
    return sn.Survey(captures, mask)


MODELS = {
    "constant": {},
    "traps and density": {"D": "~ rugged", "lambda0": "~ slope", "sigma": "~ slope"},
    "occasions": {"lambda0": "~ occasion"},
    "learned": {"lambda0": "~ detected_before"},
    "learned here": {"lambda0": "~ detected_before_here"},
    "latent": {"classes": 2, "lambda0": "~ latent_class"},
    "conditional": {"population": "conditional"},
}
START = {"D": 1.0, "lambda0": -1.0, "g0": -1.0, "sigma": np.log(SIGMA), "pmix": 0.3}


def model_of(function, options, detector="count"):
    options = {
        k.replace("lambda0", DETECTION_FUNCTIONS[function].amplitude): v for k, v in options.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.Model(survey(detector), detection=function, **options)


def truth(model):
    values = []
    for j, name in enumerate(model.coefficient_names):
        parameter, _, column = name.partition(":")
        start = START.get(parameter.split("[")[0], np.log(3.0))
        values.append(start if column == "Intercept" else 0.1 + 0.02 * j)
    return np.array(values)


@pytest.fixture
def small(monkeypatch):
    """Regions of some fifty points, whatever the size of the block."""
    monkeypatch.setattr(regions, "_PAIRS", 0)
    monkeypatch.setattr(regions, "_POINTS", 50)


def in_regions(model, x, monkeypatch):
    """Value and gradient by regions, which must have been used, and without them."""
    used = []
    real = regions.regions_of

    def counted(*args):
        found = real(*args)
        used.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "regions_of", counted)
        one = sn.log_likelihood_gradient(model, x)
    assert used, "no block was looked at"
    assert all(used), "a block was not cut"
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "regions_of", lambda *args: None)
        return one, sn.log_likelihood_gradient(model, x)


def assert_same(one, other):
    assert abs(one[0] - other[0]) < 1e-10 + 1e-13 * abs(other[0])
    np.testing.assert_allclose(one[1], other[1], rtol=1e-9, atol=1e-9 * np.abs(other[1]).max())


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("detector", ["count", "binary", "multi"])
def test_regions_change_nothing(detector, options, small, monkeypatch):
    model = model_of("hazard_exponential", options, detector)
    x = truth(model)
    x[[name == "sigma:Intercept" for name in model.coefficient_names]] = np.log(500.0)
    assert_same(*in_regions(model, x, monkeypatch))


FALLING = [name for name, function in DETECTION_FUNCTIONS.items() if function.falls]


@pytest.mark.parametrize("function", FALLING)
def test_every_function_that_falls(function, small, monkeypatch):
    """Heavy tails reach everywhere and are not cut; what is cut is the same."""
    if "uniform" in function:
        pytest.skip("all or nothing: these detections are impossible")
    model = model_of(function, {})
    x = truth(model)
    heavy = "hazard_rate" in function
    if heavy:
        assert regions.regions_of(*arguments(model, x)) is None
        return
    assert_same(*in_regions(model, x, monkeypatch))


def arguments(model, x, tolerance=separable.TOLERANCE):
    (item,) = likelihood_of(model).state(x).flat
    change = blocks._largest_change([item], tolerance)
    return item.block, model.detection, item.values, item.log_weight, change


@pytest.mark.parametrize("function", FALLING)
def test_functions_said_to_fall_do_fall(function):
    one = DETECTION_FUNCTIONS[function]
    d2 = np.linspace(0.0, 60_000.0, 4001)[None] ** 2
    for z in (0.5, 1.0, 3.0, 8.0):
        values = [
            np.array([[v]]) for v in (0.4, 1000.0, 1000.0 * z if "w" in one.parameters else z)
        ]
        with np.errstate(all="ignore"):
            height = one.log_hazard(d2, *values[: len(one.parameters)])[0]
        rises = np.diff(height[np.isfinite(height)])
        assert rises.max() < 1e-9


def test_functions_that_may_rise_are_never_cut(small):
    assert not DETECTION_FUNCTIONS["hazard_annular_normal"].falls
    model = model_of("hazard_annular_normal", {})
    assert regions.regions_of(*arguments(model, truth(model))) is None


@pytest.mark.parametrize("detector", ["count", "binary", "multi"])
def test_what_is_left_out_is_below_its_bound(detector, small, monkeypatch):
    """At a coarse tolerance something is lost, and less than promised."""
    model = model_of("hazard_exponential", {}, detector)
    x = np.array([1.0, -1.0, np.log(900.0)])
    state = likelihood_of(model).state(x)
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "regions_of", lambda *args: None)
        exact = sn.log_likelihood(model, x)
    lost = []
    for tolerance in (1e-1, 1e-3, separable.TOLERANCE):
        lost.append(abs(Likelihood(model, tolerance=tolerance)._forward(state).value - exact))
        assert lost[-1] <= 2.0 * tolerance + 1e-13 * abs(exact)
    assert lost[0] > 1e-7


def test_far_cameras_and_animals_are_left_out(small):
    model = model_of("hazard_exponential", {})
    block, *rest = arguments(model, np.array([1.0, -1.0, np.log(500.0)]))
    found = regions.regions_of(block, *rest)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([part.points for part in found])), np.arange(block.n_points)
    )
    pairs = sum(part.block.n_points * part.block.n_columns for part in found)
    assert pairs < 0.5 * block.n_points * block.n_columns
    animals = sum(part.block.n_points * part.block.n_animals for part in found)
    assert animals < 0.6 * block.n_points * block.n_animals


def test_small_blocks_are_not_cut():
    model = model_of("hazard_exponential", {})
    assert regions.regions_of(*arguments(model, truth(model))) is None


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_give_the_same_bits(threads, small):
    model = model_of("hazard_exponential", MODELS["occasions"], "binary")
    kept = sn.get_threads()
    try:
        sn.set_threads(threads)
        value, slope = sn.log_likelihood_gradient(model, truth(model))
        sn.set_threads(1)
        again, other = sn.log_likelihood_gradient(model, truth(model))
    finally:
        sn.set_threads(kept)
    assert value == again
    np.testing.assert_array_equal(slope, other)


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_a_fit_in_regions_is_the_same_fit(small, monkeypatch):
    one = sn.fit(survey(), detection="hazard_exponential", progress=False)
    monkeypatch.setattr(blocks, "regions_of", lambda *args: None)
    other = sn.fit(survey(), detection="hazard_exponential", progress=False)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-6)
