"""Closure tests: formulas by enumeration, permutations that allow for effort, power."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import secr_nea as sn
from secr_nea.inference.closure import otis, spatial_closure, stanley_burnham


def histories(rng, n, n_occasions, p=0.4, stay=None):
    """Detections of n animals; those that stay a part of the time only are seen then only."""
    found = rng.random((n, n_occasions)) < p
    if stay is not None:
        start = rng.integers(0, n_occasions - stay + 1, n)
        there = (np.arange(n_occasions) >= start[:, None]) & (
            np.arange(n_occasions) < start[:, None] + stay
        )
        found &= there
    return found[found.any(axis=1)]


def captures_of(detected, trap=None):
    """CaptureHistory of animals at one trap each."""
    n_animals, n_occasions = detected.shape
    traps = sn.TrapArray(
        np.arange(4)[:, None] * [3000.0, 0.0], n_occasions=n_occasions, detector="binary"
    )
    animal, occasion = np.nonzero(detected)
    where = np.arange(n_animals) % 4 if trap is None else trap
    return sn.CaptureHistory(traps, animal=animal, occasion=occasion, trap=where[animal])


@pytest.mark.parametrize("j, n_occasions", [(2, 4), (2, 6), (3, 6), (4, 7)])
def test_mean_and_variance_of_spans_are_those_of_all_histories(j, n_occasions):
    """One animal detected j times: z is its span, standardised over all equally likely ones."""
    spans = np.array([c[-1] - c[0] for c in combinations(range(n_occasions), j)], dtype=float)
    for c in combinations(range(n_occasions), j):
        detected = np.isin(np.arange(n_occasions), c)[None, :]
        z = (c[-1] - c[0] - spans.mean()) / spans.std()
        result = otis(detected)
        assert result.statistic == pytest.approx(z, rel=1e-12)
        assert result.p_value == pytest.approx(stats.norm.cdf(z), rel=1e-12)


def test_tables_of_gains_by_hand():
    """At each occasion, of the animals seen then or later: known or new, seen now or not."""
    rng = np.random.default_rng(3)
    detected = histories(rng, 120, 5)
    gains, losses = stanley_burnham(detected)
    total = 0.0
    for i in (1, 2, 3):
        known = detected[:, :i].any(axis=1)
        later = detected[:, i:].any(axis=1)
        now = detected[:, i]
        table = [[(later & who & now).sum(), (later & who & ~now).sum()] for who in (known, ~known)]
        total += stats.chi2_contingency(table, correction=False).statistic
    assert gains.statistic == pytest.approx(total, rel=1e-12)
    assert gains.df == 3
    assert gains.p_value == pytest.approx(stats.chi2.sf(total, 3), rel=1e-12)
    backwards, _ = stanley_burnham(detected[:, ::-1])
    assert losses.statistic == backwards.statistic


def test_a_closed_population_is_rarely_rejected():
    """p-values of each test over 80 closed populations."""
    rng = np.random.default_rng(8)
    p = []
    for _ in range(80):
        detected = histories(rng, 60, 6)
        captures = captures_of(detected)
        tests = [spatial_closure(captures, 59, 1), otis(detected), *stanley_burnham(detected)]
        p.append([test.p_value for test in tests])
    rejected = (np.array(p) <= 0.05).mean(axis=0)
    assert (rejected < 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / 80)).all()
    assert (np.nanmean(p, axis=0) > 0.4).all()


def test_an_open_population_is_found():
    """Animals that stay four of ten occasions: shorter spans, gains and losses."""
    rng = np.random.default_rng(8)
    detected = histories(rng, 150, 10, stay=4)
    captures = captures_of(detected)
    tests = [spatial_closure(captures, 199, 1), otis(detected), *stanley_burnham(detected)]
    assert [test.test for test in tests] == ["spatial", "Otis", "gains", "losses"]
    assert max(test.p_value for test in tests) < 0.01
    assert tests[0].statistic < 1.0


def test_effort_that_ends_early_fools_otis_but_not_the_spatial_test():
    """Half of the cameras work in the first half only: animals there do not leave."""
    rng = np.random.default_rng(5)
    effort = np.ones((4, 12))
    effort[:2, 6:] = 0.0
    traps = sn.TrapArray(np.arange(4)[:, None] * [3000.0, 0.0], effort=effort, detector="binary")
    where = rng.integers(0, 4, 200)
    detected = (rng.random((200, 12)) < 0.35) & (effort[where] > 0.0)
    seen = detected.any(axis=1)
    animal, occasion = np.nonzero(detected[seen])
    captures = sn.CaptureHistory(traps, animal=animal, occasion=occasion, trap=where[seen][animal])
    assert otis(detected[seen]).p_value < 0.01
    assert spatial_closure(captures, 199, 2).p_value > 0.05


def test_the_table_of_tests():
    fit_of = sn.Survey(
        captures_of(histories(np.random.default_rng(1), 50, 5)),
        sn.HabitatMask.around(sn.TrapArray([[0, 0], [9000, 0]]), buffer=9000.0, spacing=1500.0),
    )
    table = sn.inference.closure_tests(fit_of, n_permutations=99)
    assert list(table["test"]) == ["spatial", "Otis", "gains", "losses"]
    again = sn.inference.closure_tests(fit_of.captures, n_permutations=99)
    assert table["p_value"].equals(again["p_value"])


def test_what_cannot_be_tested_is_told():
    with pytest.raises(sn.DataError, match="two occasions or more only"):
        sn.inference.closure_tests(sn.datasets.sailugem())
    once = np.eye(4, dtype=bool)
    assert otis(once).note == "no animal was detected twice"
    assert spatial_closure(captures_of(once), 9, 1).note == "no animal was detected twice"
    assert stanley_burnham(once)[0].note == "too few detections for any table"
