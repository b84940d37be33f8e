"""Many surveys on a cluster that the user hands in: the same value, gradient and fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from build import example_design, survey_of_design
from distributed import Client, LocalCluster

import secr_nea as sn
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.on_cluster import _shares


@pytest.fixture(scope="module")
def client():
    """Two workers, threads of this process: what is sent to them is pickled all the same."""
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=":0",
        protocol="tcp://",
    )
    with cluster, Client(cluster) as one:
        yield one


def surveys(number=5):
    """Simulated surveys, each at a place of its own."""
    found = []
    for seed in range(number):
        x = np.arange(4 + seed % 2) * 2000.0 + 40_000.0 * seed
        xy = np.stack(np.meshgrid(x, np.arange(4) * 2000.0), axis=-1).reshape(-1, 2)
        traps = sn.TrapArray(xy, effort=np.full((len(xy), 1), 30.0), detector="count")
        mask = sn.HabitatMask.around(traps, buffer=7000.0, spacing=1000.0)
        population = sn.design.simulate_population(mask, 20.0, seed=seed)
        captures = sn.design.simulate_captures(
            population, traps, lambda0=0.02, sigma=1800.0, seed=seed
        ).captures
        found.append(sn.Survey(captures, mask, name=f"survey {seed}"))
    return found


MODELS = {
    "null": {},
    "session and place": {"D": "~ session", "sigma": "~ session", "lambda0": "~ detected_before"},
    "fixed number": {"population": "binomial"},
    "conditional": {"population": "conditional"},
    "two classes": {"classes": 2, "lambda0": "~ latent_class"},
    "exponential": {"detection": "hazard_exponential"},
}


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_value_and_gradient_are_those_of_one_machine(options, client):
    model = sn.Model(surveys(), **options)
    start = np.array([np.log(20.0), np.log(0.02), np.log(1800.0)])
    names = ("D", "lambda0", "sigma")
    at = np.zeros(model.n_coefficients)
    for name, value in zip(names, start, strict=True):
        if f"{name}:Intercept" in model.coefficient_names:
            at[model.coefficient_names.index(f"{name}:Intercept")] = value
    at += 0.01 * np.arange(len(at))
    here, slope = sn.log_likelihood_gradient(model, at)
    there, other = sn.log_likelihood_gradient(model, at, client=client)
    assert np.isfinite(here)
    np.testing.assert_allclose(there, here, rtol=1e-13, atol=1e-10)
    np.testing.assert_allclose(other, slope, rtol=1e-9, atol=1e-9 * np.abs(slope).max())
    assert sn.log_likelihood(model, at, client=client) == there


def test_a_fit_on_a_cluster_has_the_same_maximum(client):
    model = {"D": "~ session", "lambda0": "~ 1", "sigma": "~ 1"}
    here = sn.fit(surveys(), progress=False, **model)
    there = sn.fit(surveys(), progress=False, client=client, **model)
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(there.coefficients, here.coefficients, atol=1e-5)
    np.testing.assert_allclose(there.covariance, here.covariance, rtol=1e-3, atol=1e-7)


def test_impossible_data_are_impossible_there_too(client):
    model = sn.Model(surveys(2), lambda0="~ session")
    at = np.array([3.0, 900.0, 0.0, np.log(1800.0)])
    value, slope = sn.log_likelihood_gradient(model, at, client=client)
    assert value == -np.inf
    assert np.isnan(slope).all()


def test_surveys_are_shared_out_whole_and_evenly():
    model = sn.Model(surveys(5))
    for number in (1, 2, 3, 5, 9):
        shares = _shares(model, number)
        assert sorted(b for share in shares for b in share) == list(range(5))
        assert len(shares) == min(number, 5)


def test_a_part_is_a_part():
    model = sn.Model(surveys(3))
    at = np.log([20.0, 0.02, 1800.0])
    parts = [sn.likelihood.Likelihood(model, surveys=[b]).value(at) for b in range(3)]
    assert sum(parts) == pytest.approx(sn.log_likelihood(model, at), rel=1e-13)


def test_a_model_is_sent_without_its_tables():
    model = sn.Model(survey_of_design(example_design()))
    fresh = len(pickle.dumps(model))
    likelihood_of(model)
    again = pickle.loads(pickle.dumps(model))
    assert "_likelihood" not in vars(again)
    assert len(pickle.dumps(model)) < 1.5 * fresh


def test_what_cannot_be_shared_out_is_refused(client):
    relative = sn.Model(surveys(2), population="conditional", D="~ session")
    with pytest.raises(sn.ModelError, match="leave client= out"):
        sn.fit(relative, client=client, progress=False)
    with pytest.raises(sn.DataError, match="client must be a distributed Client"):
        sn.fit(surveys(2), client="loop", progress=False)
