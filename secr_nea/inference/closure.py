"""Closure tests, of whether animals joined or left the population while it was surveyed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.survey import Survey, as_surveys

_LEAST_EXPECTED = 2.0  # of each cell of a two by two table that takes part
_MOST_SHUFFLES = 50


def closure_tests(
    surveys: Survey | CaptureHistory | Estimate,
    *,
    n_permutations: int = 999,
    seed: int | None = 1,
) -> pd.DataFrame:
    """Tests of closure of each survey: small p-values speak against a closed population.

    Parameters
    ----------
    surveys : Survey, sequence of Survey, CaptureHistory or Estimate
    n_permutations : int
        Permutations of the spatial test.
    seed : int or None
        Of the permutations.

    Returns
    -------
    DataFrame
        One row per survey and test; columns: survey, test, statistic, df, p_value, note. Tests:

        - ``"spatial"``: sum over animals of the occasions between their first and last detection,
          against permutations of the occasions within each animal and detector by effort. It
          allows for animals that differ in how often and where they are detected.
        - ``"Otis"``: the same span against its expectation for animals that are equally likely to
          be detected on all occasions. Heterogeneity is allowed for, effort that changes is not.
        - ``"gains"`` and ``"losses"``: no recruitment, and no mortality, against the Jolly-Seber
          model (Stanley and Burnham). Changing effort is allowed for, heterogeneity and learned
          responses are not.

    Raises
    ------
    DataError
        If the surveys have one occasion only.

    Notes
    -----
    No test can tell losses from animals that learned to avoid cameras, and all have little power
    with few recaptures: a large p-value is no proof of closure. Otis: z = sum_j (q_j / f_j -
    (j - 1)(S + 1) / (j + 1)) over its standard error, with f_j animals detected on j of S occasions
    and q_j the sum of their spans. Gains: at each occasion i, of the animals detected at i or
    later, those known before are as likely to be detected at i as those that are new. Losses: the
    same, backwards in time.

    References
    ----------
    Otis, D. L. et al. (1978) Statistical inference from capture data on closed animal
    populations. Wildlife Monographs 62. Stanley, T. R. and Burnham, K. P. (1999) A closure test for
    time-specific capture-recapture data. Environmental and Ecological Statistics 6, 197-209.
    """
    if isinstance(surveys, Estimate):
        named = [(survey.name, survey.captures) for survey in surveys.model.surveys]
    elif isinstance(surveys, CaptureHistory):
        named = [("survey", surveys)]
    else:
        named = [(survey.name, survey.captures) for survey in as_surveys(surveys)]
    if all(captures.n_occasions < 2 for _, captures in named):
        raise DataError(
            "Closure can be tested with two occasions or more only; the captures have one. Read "
            "them with shorter occasions."
        )
    rows = []
    for name, captures in named:
        detected = detected_on(captures)
        results = [
            spatial_closure(captures, n_permutations, seed),
            otis(detected),
            *stanley_burnham(detected),
        ]
        rows += [{"survey": name, **vars(result)} for result in results]
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class ClosureTest:
    """One test: its name, statistic, degrees of freedom (nan: none), p-value and a note."""

    test: str
    statistic: float
    df: float
    p_value: float
    note: str = ""


def detected_on(captures: CaptureHistory) -> BoolArray:
    """Whether each animal was detected on each occasion, shape (n_animals, n_occasions)."""
    found = np.zeros((captures.n_animals, captures.n_occasions), dtype=bool)
    found[captures.animal, captures.occasion] = True
    return found


def _spans(detected: BoolArray) -> IntArray:
    """Occasions between first and last detection of each animal."""
    last = detected.shape[1] - 1 - np.argmax(detected[:, ::-1], axis=1)
    return np.asarray(last - np.argmax(detected, axis=1))


def otis(detected: BoolArray) -> ClosureTest:
    """Closure test of Otis et al. (1978, p. 120).

    Parameters
    ----------
    detected : bool array, shape (n_animals, n_occasions)

    Returns
    -------
    ClosureTest
        z, with a small p-value where animals were seen over a shorter time than expected.
    """
    n_occasions = detected.shape[1]
    times, span = detected.sum(axis=1), _spans(detected)
    excess, variance = 0.0, 0.0
    for j in range(2, n_occasions):
        own = times == j
        f = float(own.sum())
        if f == 0.0:
            continue
        excess += float(span[own].mean()) - (j - 1) * (n_occasions + 1) / (j + 1)
        variance += (
            2.0 * (n_occasions - j) * (j - 1) * (n_occasions + 1) / ((j + 2) * (j + 1) ** 2 * f)
        )
    if variance == 0.0:
        return ClosureTest("Otis", np.nan, np.nan, np.nan, "no animal was detected twice")
    z = excess / np.sqrt(variance)
    return ClosureTest("Otis", float(z), np.nan, float(special.ndtr(z)))


def stanley_burnham(detected: BoolArray) -> list[ClosureTest]:
    """Tests of no gains and of no losses against the Jolly-Seber model.

    Parameters
    ----------
    detected : bool array, shape (n_animals, n_occasions)

    Returns
    -------
    list of ClosureTest
        Sums of chi-squares of two by two tables in which every expected number is 2 or more.
    """
    return [_two_by_two("gains", detected), _two_by_two("losses", detected[:, ::-1])]


def _two_by_two(name: str, detected: BoolArray) -> ClosureTest:
    """Known and new animals that were detected at an occasion or later: detected then or not."""
    before = np.logical_or.accumulate(detected, axis=1)
    after = np.logical_or.accumulate(detected[:, ::-1], axis=1)[:, ::-1]
    total, df = 0.0, 0
    for i in range(1, detected.shape[1] - 1):
        alive = after[:, i]
        known = before[:, i - 1]
        table = np.array(
            [
                [(alive & who & now).sum() for now in (detected[:, i], ~detected[:, i])]
                for who in (known, ~known)
            ],
            dtype=np.float64,
        )
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(table.sum(), 1.0)
        if (expected < _LEAST_EXPECTED).any():
            continue
        total += float(((table - expected) ** 2 / expected).sum())
        df += 1
    if df == 0:
        return ClosureTest(name, np.nan, 0.0, np.nan, "too few detections for any table")
    return ClosureTest(name, total, float(df), float(special.chdtrc(df, total)))


# --- the spatial test ----------------------------------------------------------------------------


def spatial_closure(captures: CaptureHistory, n_permutations: int, seed: int | None) -> ClosureTest:
    """Spans of the detections against permutations of their occasions.

    Parameters
    ----------
    captures : CaptureHistory
    n_permutations : int
    seed : int or None

    Returns
    -------
    ClosureTest
        The statistic is the sum of the spans over its permutation mean.

    Notes
    -----
    Given how often an animal was detected at each detector, and a closed population, its
    detections fall on occasions in proportion to the effort there and to how good the occasion was
    (detections of all animals for the effort made). So where and how well animals were detected
    does not matter.
    """
    kind = np.array(captures.traps.detector)[captures.trap]
    once = np.isin(kind, ("binary", "multi"))
    times = np.where(once, 1, captures.count)
    animal, trap = np.repeat(captures.animal, times), np.repeat(captures.trap, times)
    if (np.bincount(animal, minlength=1) < 2).all():
        return ClosureTest("spatial", np.nan, np.nan, np.nan, "no animal was detected twice")
    # A binary detector holds an animal once on an occasion; multi-catch traps together do.
    place = np.where(np.repeat(kind == "multi", times), -1, trap)
    taken = (animal * (captures.traps.n_traps + 1) + place + 1)[np.repeat(once, times)]
    edges = np.cumsum(captures.traps.effort[trap] * _occasion_rate(captures), axis=1)
    rng = np.random.default_rng(seed)
    sums = np.empty(n_permutations)
    for r in range(n_permutations):
        occasion = _apart(_draw(edges, rng), np.repeat(once, times), taken, edges, rng)
        found = np.zeros((captures.n_animals, captures.n_occasions), dtype=bool)
        found[animal, occasion] = True
        sums[r] = _spans(found).sum()
    observed = float(_spans(detected_on(captures)).sum())
    p = (1.0 + (sums <= observed).sum()) / (1.0 + n_permutations)
    return ClosureTest("spatial", observed / max(float(sums.mean()), 1e-300), np.nan, float(p))


def _occasion_rate(captures: CaptureHistory) -> FloatArray:
    """Detections of each occasion for the effort made at the detectors that were visited."""
    n = captures.n_occasions
    visited = np.bincount(captures.trap, weights=captures.count, minlength=captures.traps.n_traps)
    effort = visited @ captures.traps.effort
    number = np.bincount(captures.occasion, weights=captures.count, minlength=n)
    return np.divide(number, effort, out=np.zeros(n), where=effort > 0.0)


def _draw(edges: FloatArray, rng: np.random.Generator) -> IntArray:
    """One occasion for each row of cumulated weights."""
    at = rng.random(len(edges)) * edges[:, -1]
    found = np.minimum((edges <= at[:, None]).sum(axis=1), edges.shape[1] - 1)
    return np.asarray(found, dtype=np.int64)


def _apart(
    occasion: IntArray,
    once: BoolArray,
    taken: IntArray,
    edges: FloatArray,
    rng: np.random.Generator,
) -> IntArray:
    """Draw again where a detector that can hold an animal once would hold it twice."""
    rows = np.flatnonzero(once)
    for _ in range(_MOST_SHUFFLES if len(rows) else 0):
        _, first = np.unique(taken * edges.shape[1] + occasion[rows], return_index=True)
        again = np.delete(rows, first)
        if not len(again):
            break
        occasion[again] = _draw(edges[again], rng)
    return occasion
