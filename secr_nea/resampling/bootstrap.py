"""Parametric bootstrap, or what would be estimated if the survey were done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from tqdm import tqdm

from secr_nea import _checks
from secr_nea._printing import frame_html
from secr_nea.design.streams import Seed, streams
from secr_nea.errors import DataError, FitError, SecrError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.quantities import quantities
from secr_nea.inference.refits import refit
from secr_nea.resampling.new_surveys import check_number, replicate_surveys

Derived: TypeAlias = Callable[[Estimate], float]
"""Any number that can be worked out from a fit."""

_LEAST = 10  # replicates below which no interval is given


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Estimates from simulated surveys; read-only. Made by `bootstrap`.

    Parameters
    ----------
    estimates : Series
        The fit's own estimate of each quantity.
    values : DataFrame, n_replicates rows
        Estimates of the replicates that could be fitted; one column for each quantity.
    units : mapping of quantity to unit
    failures : mapping of str to int
        Why replicates could not be used, and how often.
    """

    estimates: pd.Series
    values: pd.DataFrame
    units: Mapping[str, str]
    failures: Mapping[str, int]

    @property
    def n_replicates(self) -> int:
        """Replicates that could be used."""
        return len(self.values)

    @property
    def n_failed(self) -> int:
        """Replicates that could not be used."""
        return sum(self.failures.values())

    def table(self, *, level: float = 0.95) -> pd.DataFrame:
        """Bias, standard error and interval of each quantity.

        Parameters
        ----------
        level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Index: quantity. Columns: estimate, mean (of the replicates), bias, se, cv, lower,
            upper (percentiles of the replicates), unit.
        """
        z_value(level)
        tails = [0.5 - level / 2.0, 0.5 + level / 2.0]
        limits = self.values.quantile(tails)
        mean, se = self.values.mean(), self.values.std(ddof=1)
        enough = self.n_replicates >= _LEAST
        return pd.DataFrame(
            {
                "estimate": self.estimates,
                "mean": mean,
                "bias": mean - self.estimates,
                "se": se,
                "cv": se / self.estimates.abs(),
                "lower": limits.iloc[0] if enough else np.nan,
                "upper": limits.iloc[1] if enough else np.nan,
                "unit": pd.Series(dict(self.units)),
            },
            index=pd.Index(self.estimates.index, name="quantity"),
        )

    def _told(self) -> str:
        told = f"{self.n_replicates} simulated surveys"
        if self.n_failed:
            why = "; ".join(f"{number} x {name}" for name, number in self.failures.items())
            told += f"; {self.n_failed} more failed ({why}). Intervals leave them out"
        return told + "."

    def _shown(self) -> pd.DataFrame:
        table = self.table()
        numbers = table.drop(columns="unit").map(lambda v: f"{v:,.4g}")
        return numbers.assign(unit=table["unit"])

    def __repr__(self) -> str:
        return f"Bootstrap({', '.join(map(str, self.values))}; {self._told()})"

    def __str__(self) -> str:
        return "\n".join([self._shown().to_string(), self._told()])

    def _repr_html_(self) -> str:
        return frame_html(self._shown(), [self._told()], "Parametric bootstrap")


def bootstrap(
    estimate: Estimate,
    what: str | Sequence[str] | Mapping[str, Derived] = "density",
    *,
    n_replicates: int = 200,
    seed: Seed = 1,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
    progress: bool = True,
) -> Bootstrap:
    """Simulate surveys from a fit, fit each, and see how the estimates vary.

    Parameters
    ----------
    estimate : Estimate
    what : str, sequence of str, or mapping of name to callable
        Quantities as of `secr_nea.inference.profile_interval`; or functions that work any number
        out of a fit, such as ``{"ratio": lambda fit: ...}``.
    n_replicates : int
        Simulated surveys: about 100 for a standard error, 1,000 for an interval to be published.
    seed : int, numpy SeedSequence, numpy Generator, or None
        The same int gives the same replicates; the first ones are the same however many there
        are.
    newdata, region, by, survey : as of `secr_nea.inference.profile_interval`
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Bootstrap
        Failed replicates are counted and left out.

    Raises
    ------
    FitError
        If the fit did not converge or promises a number of animals that cannot be meant, or no
        replicate could be fitted.
    ModelError
        If a quantity is not known, or the model cannot be simulated.
    DataError
        If there is no number of replicates to speak of, nothing to estimate, or a function gives no
        number.

    Notes
    -----
    Animals, their number and their detections are new in every replicate; traps, effort and mask
    stay. Starting from the estimates, each replicate is fitted with the same model, smoothing
    parameters included. Intervals are percentiles. Efron and Tibshirani (1993) An introduction to
    the bootstrap.
    """
    if not estimate.diagnosis.converged:
        raise FitError(f"A bootstrap needs the maximum. {estimate.diagnosis.message}")
    n_replicates = _checks.whole(n_replicates, "n_replicates", least=2)
    if isinstance(what, Mapping):
        _check_functions(what)
    check_number(estimate)
    options = {"newdata": newdata, "region": region, "by": by, "survey": survey}
    own, units = _numbers(estimate, what, options)
    rows: list[dict[str, float]] = []
    failures: Counter[str] = Counter()
    every = streams(seed, n_replicates)
    for rng in tqdm(every, desc="bootstrap", delay=2.0, leave=False, disable=not progress):
        surveys = replicate_surveys(estimate, rng)
        try:
            again = refit(estimate, surveys)
        except SecrError as error:
            failures[str(error).split(". ")[0]] += 1
            continue
        why = unusable(again)
        if why:
            failures[why] += 1
            continue
        rows.append(_numbers(again, what, options)[0])
    if not rows:
        raise FitError(
            f"No simulated survey could be fitted ({'; '.join(failures)}): the data are too few "
            "for this model."
        )
    values = pd.DataFrame(rows, columns=list(own))
    return Bootstrap(pd.Series(own, name="estimate"), values, units, dict(failures))


def unusable(again: Estimate) -> str:
    """Why the estimates of a replicate say nothing, or "".

    Parameters
    ----------
    again : Estimate

    Returns
    -------
    str
    """
    found = again.diagnosis
    if not found.converged:
        return "not converged"
    if found.flat:
        return "not determined"
    # a sigma beyond what the mask can hold; a probability of 1 is an estimate like others
    return "sigma at its boundary" if "sigma" in found.boundary else ""


def _numbers(
    estimate: Estimate,
    what: str | Sequence[str] | Mapping[str, Derived],
    options: Mapping[str, Any],
) -> tuple[dict[str, float], dict[str, str]]:
    if isinstance(what, Mapping):
        found = {name: _number(name, find, estimate) for name, find in what.items()}
        return found, dict.fromkeys(what, "")
    known = quantities(estimate, what, **options)
    return {q.name: q.at(estimate) for q in known}, {q.name: q.unit for q in known}


def _check_functions(what: Mapping[str, Derived]) -> None:
    """Refuse a mapping of names to anything but functions of a fit."""
    wrong = [name for name, find in what.items() if not callable(find)]
    if wrong or not what:
        raise DataError(
            'what must name functions of a fit, such as {"share": lambda fit: ...}; got '
            + (f"{what[wrong[0]]!r} for {wrong[0]!r}." if wrong else "none.")
        )


def _number(name: str, find: Derived, estimate: Estimate) -> float:
    """What a function of the user finds in a fit, as a number."""
    value = find(estimate)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"The function {name!r} must give one number of a fit; it gave {value!r}."
        ) from None
