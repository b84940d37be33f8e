"""Goodness of fit, of real counts against those of surveys simulated from the fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from secr_nea._printing import frame_html
from secr_nea._typing import FloatArray
from secr_nea.design.streams import Seed, streams
from secr_nea.errors import DataError, FitError, SecrError
from secr_nea.estimate import Estimate
from secr_nea.inference.refits import refit
from secr_nea.model import Model
from secr_nea.resampling.discrepancies import TESTS, DistanceClasses, complete, distance_classes
from secr_nea.resampling.new_surveys import (
    check_independent,
    check_number,
    replicate_surveys_of_n,
)

_DOUBTFUL = 0.05
_LEAST = 19  # simulated surveys besides two for each coefficient
_NEAREST, _FARTHEST = 0.3, 3.0  # standard errors that estimates move in the regression on them


@dataclass(frozen=True, eq=False, repr=False)
class GoodnessOfFit:
    """Result of `goodness_of_fit`; read-only.

    Parameters
    ----------
    observed : float64 array, shape (n_surveys, 4)
        Discrepancy of each survey and test.
    simulated : float64 array, shape (n_replicates, n_surveys, 4)
        Those of the simulated surveys, given the estimates.
    surveys : tuple of str
    failures : mapping of str to int
        Why simulated surveys could not be used, and how often.
    """

    observed: FloatArray
    simulated: FloatArray
    surveys: tuple[str, ...]
    failures: Mapping[str, int]

    @property
    def n_replicates(self) -> int:
        """Simulated surveys that could be used."""
        return len(self.simulated)

    @property
    def n_failed(self) -> int:
        """Simulated surveys that could not be used."""
        return sum(self.failures.values())

    @property
    def p_values(self) -> pd.Series:
        """p-value of each test over all surveys; small where the fit is bad."""
        return pd.Series(
            _p_value(self.observed.sum(axis=0), self.simulated.sum(axis=1)),
            index=pd.Index(TESTS, name="test"),
            name="p_value",
        )

    def table(self) -> pd.DataFrame:
        """Results by test, and by survey where there are several.

        Returns
        -------
        DataFrame
            Columns: survey ("all" for their sum), test, observed (Freeman-Tukey discrepancy),
            simulated_mean, simulated_sd, p_value.
        """
        parts = [("all", self.observed.sum(axis=0), self.simulated.sum(axis=1))]
        if len(self.surveys) > 1:
            parts += [
                (name, self.observed[b], self.simulated[:, b])
                for b, name in enumerate(self.surveys)
            ]
        frames = [
            pd.DataFrame(
                {
                    "survey": name,
                    "test": TESTS,
                    "observed": observed,
                    "simulated_mean": simulated.mean(axis=0),
                    "simulated_sd": simulated.std(axis=0, ddof=1),
                    "p_value": _p_value(observed, simulated),
                }
            )
            for name, observed, simulated in parts
        ]
        return pd.concat(frames, ignore_index=True)

    def _shown(self) -> pd.DataFrame:
        table = self.table()
        shown = pd.DataFrame({"test": table["test"]})
        if len(self.surveys) > 1:
            shown.insert(0, "survey", table["survey"])
        shown["observed"] = [f"{v:.2f}" for v in table["observed"]]
        pairs = zip(table["simulated_mean"], table["simulated_sd"], strict=True)
        shown["simulated"] = [f"{m:.2f} ± {s:.2f}" for m, s in pairs]
        shown["p"] = [f"{p:.3f}" for p in table["p_value"]]
        return shown

    @property
    def doubts(self) -> list[str]:
        """What each test with a small p-value speaks of, in words."""
        bad = [name for name, p in self.p_values.items() if p <= _DOUBTFUL]
        return [_MEANING[str(name)] for name in bad]

    @property
    def notes(self) -> list[str]:
        """What is below the table: the doubts, and how many surveys were simulated."""
        notes = self.doubts
        if not notes:
            notes = ["No test finds the counts farther from the fit than chance brings them."]
        told = f"{self.n_replicates} simulated surveys"
        if self.n_failed:
            why = "; ".join(f"{number} x {name}" for name, number in self.failures.items())
            told += f"; {self.n_failed} more could not be used ({why})"
        return [*notes, f"{told}."]

    def __repr__(self) -> str:
        told = ", ".join(f"{name} p = {p:.3f}" for name, p in self.p_values.items())
        return f"GoodnessOfFit({told}; {self.n_replicates} simulated surveys)"

    def __str__(self) -> str:
        return "\n".join(["Goodness of fit", self._shown().to_string(index=False), *self.notes])

    def _repr_html_(self) -> str:
        table = self._shown()
        keys = [name for name in ("survey", "test") if name in table]
        return frame_html(table.set_index(keys), self.notes, "Goodness of fit")


_MEANING = {
    "animal by detector": (
        "animal by detector: detections come in bursts, several of an animal at one place. Count "
        "days with detections instead of pictures."
    ),
    "animal": (
        "animal: numbers of detections differ more between animals than the fit says. Try classes "
        "such as sex, or two latent classes."
    ),
    "detector": (
        "detector: some detectors did far better or worse than expected. Look at the map of "
        "residuals; try covariates of detection or of density."
    ),
    "distance": (
        "distance: detections fall off with distance in another way than the fit says. Try another "
        "detection function."
    ),
}


def _p_value(observed: FloatArray, simulated: FloatArray) -> FloatArray:
    return np.asarray((1.0 + (simulated >= observed).sum(axis=0)) / (1.0 + len(simulated)))


def goodness_of_fit(
    estimate: Estimate,
    *,
    n_replicates: int = 200,
    seed: Seed = 1,
    n_draws: int = 20,
    n_distances: int = 10,
    progress: bool = True,
) -> GoodnessOfFit:
    """Monte Carlo tests of the fit, in the way of Choo et al. (2024).

    Activity centres of the detected animals are drawn from their distribution given the data;
    the counts are compared with what the fit expects there. The same is done with surveys that
    are simulated from the fit and have as many detected animals. A small p-value says that the
    real counts are farther from the fit than chance brings them.

    Parameters
    ----------
    estimate : Estimate
    n_replicates : int
        Simulated surveys, each fitted again.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int gives the same p-values.
    n_draws : int
        Draws of activity centres, over which discrepancies are averaged.
    n_distances : int
        Classes of distance between activity centre and detector, each with about as many expected
        detections.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    GoodnessOfFit
        Tests by animal and detector, animal, detector, and distance.

    Raises
    ------
    FitError
        If the fit did not converge or has no standard errors, or hardly any simulated survey could
        be used.
    ModelError
        If animals are not detected independently (responses of traps, capped detectors).
    DataError
        If an option is not known.

    Notes
    -----
    The discrepancy is sum (sqrt(y) - sqrt(E))^2. In the test by animal E is the expected total
    given where the animal was detected but not how often: places drawn given both would hide
    animals that differ. Animals that were missed enter the tests by detector and distance with
    their expectation. Choo et al. compare real and simulated counts
    at the same activity centres, which were drawn from the real data; such p-values are far from
    uniform. Here the simulated survey goes the whole way from its own counts to coefficients and
    activity centres. What the estimates of the simulated surveys explain of their discrepancies is
    taken out by a regression, see `given_estimates`. With a learned response expectations are
    given what was detected before.

    References
    ----------
    Choo, Y. R., Sutherland, C. and Johnston, A. (2024) A Monte Carlo resampling framework for
    implementing goodness-of-fit tests in spatial capture-recapture models. Methods in Ecology and
    Evolution 15, 1653-1666.
    Robins, J. M., van der Vaart, A. and Ventura, V. (2000) Asymptotic distribution of P values in
    composite null models. Journal of the American Statistical Association 95, 1143-1156.
    """
    _check(estimate, n_replicates)
    model = estimate.model
    classes = distance_classes(estimate, n_distances)
    first, *others = streams(seed, n_replicates + 1)
    observed = _discrepancies(model, estimate.coefficients, classes, n_draws, first)
    found: list[FloatArray] = []
    moves: list[FloatArray] = []
    failures: Counter[str] = Counter()
    for rng in tqdm(others, desc="goodness of fit", delay=2.0, leave=False, disable=not progress):
        try:
            surveys = replicate_surveys_of_n(estimate, rng)
            again = refit(estimate, surveys, thorough=False)
            if not again.diagnosis.converged:
                raise FitError("A fit that did not converge")
            value = _discrepancies(again.model, again.coefficients, classes, n_draws, rng)
        except SecrError as error:
            failures[str(error).split(". ")[0]] += 1
            continue
        if np.isfinite(value).all():
            found.append(value)
            moves.append(again.coefficients - estimate.coefficients)
        else:
            failures["counts that the fit thinks impossible"] += 1
    if len(found) < 0.5 * n_replicates:
        why = "; ".join(failures)
        raise FitError(
            f"Only {len(found)} of {n_replicates} simulated surveys could be used ({why}): there "
            "are too few data for a test of the fit."
        )
    names = tuple(survey.name for survey in model.surveys)
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.array(moves) / estimate.standard_errors
    simulated = given_estimates(np.array(found), units)
    return GoodnessOfFit(observed, simulated, names, dict(failures))


def given_estimates(discrepancies: FloatArray, moves: FloatArray) -> FloatArray:
    """Discrepancies of simulated surveys as if their estimates had been those of the fit.

    Parameters
    ----------
    discrepancies : float64 array, shape (n_replicates, ...)
    moves : float64 array, shape (n_replicates, n_coefficients)
        Estimates of the simulated surveys less those of the fit, over the standard errors of the
        fit; not finite for coefficients that have none, which are left out.

    Returns
    -------
    float64 array, shape (n_replicates, ...)

    Notes
    -----
    A survey with more detections has other estimates and a larger discrepancy. The real survey is
    compared with simulations from its own estimates, so that only what the estimates do not
    explain is left to chance: without the regression p-values crowd around 1/2. Each residual is
    divided by sqrt(1 - leverage), which gives back the variance that fitting the line took. Moves
    beyond 3 standard errors count as 3, because coefficients may run away; directions in which
    estimates hardly move (density given the number of animals) explain nothing and are left out.
    """
    n = len(moves)
    moves = np.clip(moves[:, np.isfinite(moves).all(axis=0)], -_FARTHEST, _FARTHEST)
    _, spread, directions = np.linalg.svd(moves - moves.mean(axis=0), full_matrices=False)
    used = directions[spread > _NEAREST * np.sqrt(n)]
    design = np.column_stack([np.ones(n), moves @ used.T])
    inverse = np.linalg.pinv(design)
    leverage = np.minimum(np.einsum("ij,ji->i", design, inverse), 0.9)
    flat = discrepancies.reshape(n, -1)
    slopes = inverse @ flat
    residuals = (flat - design @ slopes) / np.sqrt(1.0 - leverage)[:, None]
    return np.asarray((slopes[0] + residuals).reshape(discrepancies.shape))


def _check(estimate: Estimate, n_replicates: int) -> None:
    least = _LEAST + 2 * len(estimate.coefficients)
    if not isinstance(n_replicates, int | np.integer) or n_replicates < least:
        raise DataError(
            f"n_replicates must be {least} or more for {len(estimate.coefficients)} coefficients; "
            f"got {n_replicates}."
        )
    if not (estimate.diagnosis.converged and estimate.diagnosis.positive_definite):
        raise FitError(f"A test of the fit needs the maximum. {estimate.diagnosis.message}")
    check_independent(estimate.model)
    check_number(estimate)


def _discrepancies(
    model: Model,
    coefficients: FloatArray,
    classes: DistanceClasses,
    n_draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    return np.array(
        [
            complete(model, coefficients, b, classes, n_draws, rng).discrepancies()
            for b in range(len(model.surveys))
        ]
    )
