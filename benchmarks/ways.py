"""The ways to compute the same answers, warmed up, and how they are timed beside each other."""

from __future__ import annotations

import gc
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import plain
from problems import problem

import secr_nea as sn
from secr_nea import maximise
from secr_nea.likelihood import blocks, likelihood_of

VALUE_RTOL = 1e-9
MAXIMUM_ATOL = 1e-5
KINKS = {"ecological": 0.05}
"""Tolerance in standard errors where the log-likelihood has kinks: shortest paths change."""


@dataclass(frozen=True)
class Way:
    """A name and the number of threads of the kernels; 0 for the plain rival."""

    name: str
    threads: int


PLAIN = Way("numpy", 0)
ONE = Way("kernel, 1 thread", 1)
TWO = Way("kernel, 2 threads", 2)
WAYS = (PLAIN, ONE, TWO)
GENERAL = Way("general kernels, 1 thread", 1)
"""The kernels for any detection function and any points, where those for grids would serve."""


@contextmanager
def general_kernels():
    """Evaluate everything by tiles within this block."""
    kept = blocks.is_grid
    blocks.is_grid = lambda *args: False
    try:
        yield
    finally:
        blocks.is_grid = kept


def assert_same(one, other):
    """Two ways of the library agree in log-likelihood and gradient."""
    np.testing.assert_allclose(one[0], other[0], rtol=1e-11)
    np.testing.assert_allclose(one[1], other[1], rtol=1e-8, atol=1e-9 * np.abs(other[1]).max())


@cache
def plain_likelihood(name):
    return plain.PlainLikelihood(problem(name).model)


@cache
def plain_value(name):
    """The rival's log-likelihood at the truth: the answer that every way must give."""
    return plain_likelihood(name)(problem(name).truth)


@cache
def plain_gradient(name):
    return plain.gradient(plain_likelihood(name), problem(name).truth)


# --- what is timed: each returns a function without arguments ------------------------------------


def value(name, way):
    """The log-likelihood at the truth."""
    target = problem(name)
    if way is PLAIN:
        likelihood = plain_likelihood(name)
        return lambda: likelihood(target.truth)
    return lambda: sn.log_likelihood(target.model, target.truth)


def value_and_gradient(name, way):
    """Log-likelihood and gradient at the truth."""
    target = problem(name)
    if way is PLAIN:
        likelihood = plain_likelihood(name)
        return lambda: plain.gradient(likelihood, target.truth)
    return model_gradient(target.model, target.truth, way)


def model_gradient(model, at, way=ONE):
    """Log-likelihood and gradient of any model of the library."""

    def run():
        if way is GENERAL:
            with general_kernels():
                return sn.log_likelihood_gradient(model, at)
        return sn.log_likelihood_gradient(model, at)

    return run


def covariance(name, way):
    """Covariance at the estimates: second differences, or differences of exact gradients."""
    top = own_fit(name)[0]
    if way is PLAIN:
        likelihood = plain_likelihood(name)
        return lambda: plain.covariance(likelihood, top)
    model = problem(name).model
    likelihood = likelihood_of(model)

    def run():
        target = maximise._Scaled.of(likelihood, top, lambda: None)
        step = maximise.bridging(model, maximise._STEP)
        hessian = target.hessian(top * target.scale, step)
        return np.linalg.inv(hessian) / np.outer(target.scale, target.scale)

    return run


def whole_fit(name, way):
    """From a model to estimates with covariance.

    The rival has its arrays laid out and starts at the truth without any effect of covariates, a
    kind start; the library lays them out anew and finds its own start.
    """
    target = problem(name)
    if way is PLAIN:
        likelihood, start = plain_likelihood(name), plain_start(target.model, target.truth)
        return lambda: plain.fit(likelihood, start)

    def run():
        found = quiet_fit(target.fresh_model())
        return found.coefficients, found.log_likelihood, found.covariance

    return run


def quiet_fit(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(model, progress=False)


@cache
def own_fit(name):
    """What the library finds, once."""
    return whole_fit(name, ONE)()


def plain_start(model, truth):
    """The truth without any effect of covariates, except where that is a saddle (two classes)."""
    kept = [key.endswith("Intercept") or "latent_class" in key for key in model.coefficient_names]
    return np.where(kept, truth, 0.0)


# --- how it is timed -----------------------------------------------------------------------------


def prepared(function, way):
    """The function with the kernels compiled and the number of threads set."""
    if way.threads:
        sn.set_threads(way.threads)
    function()
    return function


def seconds(functions, repetitions, quickest=0.0, clock=time.perf_counter):
    """Times of each (way, function), interleaved so that all meet the same disturbances.

    Returns an array (n_functions, repetitions). A function is called again within one repetition
    until ``quickest`` seconds have passed. A single repetition is for what has been called before.
    With ``clock=time.process_time`` the times are of the processor, which other programs on the
    machine disturb less; only for ways on one thread.
    """
    out = np.empty((len(functions), repetitions))
    if repetitions > 1:
        for way, function in functions:
            prepared(function, way)
    for r in range(repetitions):
        for f, (way, function) in enumerate(functions):
            if way.threads:
                sn.set_threads(way.threads)
            out[f, r] = _seconds_a_call(function, quickest, clock)
    return out


def _seconds_a_call(function, quickest, clock):
    """Mean over as many calls as fit, without the collection of garbage (80 ms when it strikes)."""
    gc.collect()
    gc.disable()
    try:
        calls, began = 0, clock()
        while calls == 0 or clock() - began < quickest:
            function()
            calls += 1
        return (clock() - began) / calls
    finally:
        gc.enable()


def assert_value(name, answer):
    found = answer[0] if isinstance(answer, tuple) else answer
    np.testing.assert_allclose(found, plain_value(name), rtol=VALUE_RTOL)


def assert_gradient(name, answer):
    assert_value(name, answer)
    # Forward differences of a log-likelihood of some hundreds have about six digits.
    np.testing.assert_allclose(answer[1], plain_gradient(name)[1], rtol=1e-3, atol=1e-3)


def assert_covariance(one, other):
    """Standard errors agree to a percent."""
    np.testing.assert_allclose(*(np.sqrt(np.diag(each)) for each in (one, other)), rtol=0.01)


def assert_maximum(answer, other, tolerance=0.01):
    """Log-likelihoods at the top agree, and so do estimates within their standard errors."""
    np.testing.assert_allclose(answer[1], other[1], rtol=0.0, atol=MAXIMUM_ATOL)
    se = np.sqrt(np.diag(other[2]))
    np.testing.assert_allclose((answer[0] - other[0]) / se, 0.0, atol=tolerance)
    np.testing.assert_allclose(np.sqrt(np.diag(answer[2])), se, rtol=tolerance)


def milliseconds(seconds):
    """Three digits, for a table."""
    return f"{1e3 * seconds:.3g}" if seconds < 1.0 else f"{1e3 * seconds:,.0f}"
