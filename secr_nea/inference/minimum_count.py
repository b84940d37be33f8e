"""What a survey can tell without a model: the animals seen, their rate, and what is lacking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from scipy import optimize, special

from secr_nea import _checks
from secr_nea.estimate import z_value
from secr_nea.survey import Survey, as_surveys

WANTED_ANIMALS = 20
WANTED_RECAPTURES = 20
WANTED_MOVERS = 5
"""What a survey should bring: the relative error of density is then about 1 / sqrt(20) = 22 %."""


@dataclass(frozen=True)
class MinimumCount:
    """Animals and detections of one or several surveys, without any model; read-only.

    Parameters
    ----------
    name : str
        Survey or surveys.
    n_animals : int
        Animals told apart: the minimum count.
    n_detections : int
    n_recaptures : int
        Detections after the first one of each animal.
    n_movers : int
        Animals detected at two places or more.
    n_traps : int
        Detectors that operated.
    effort : float
        Total effort.
    level : float
        Confidence level of the interval of the rate.
    """

    name: str
    n_animals: int
    n_detections: int
    n_recaptures: int
    n_movers: int
    n_traps: int
    effort: float
    level: float = 0.95

    @property
    def rate(self) -> float:
        """Detections per 100 units of effort (camera-days)."""
        return 100.0 * self.n_detections / self.effort

    @property
    def rate_interval(self) -> tuple[float, float]:
        """Exact Poisson interval of the rate (Garwood 1936).

        Too narrow where one animal passes a camera again and again.
        """
        tail = (1.0 - self.level) / 2.0
        n = self.n_detections
        lower = float(special.gammaincinv(n, tail)) if n else 0.0
        upper = float(special.gammaincinv(n + 1, 1.0 - tail))
        return 100.0 * lower / self.effort, 100.0 * upper / self.effort

    @property
    def lacking(self) -> list[str]:
        """What the survey lacks for an estimate of density, in words; empty when it has enough."""
        found = []
        wanted = (
            (self.n_animals, WANTED_ANIMALS, "animals"),
            (self.n_recaptures, WANTED_RECAPTURES, "recaptures"),
            (self.n_movers, WANTED_MOVERS, "animals at two or more detectors"),
        )
        for number, least, what in wanted:
            if number < least:
                found.append(f"{number} {what}, {least} are wanted")
        return found

    @property
    def carries_density(self) -> bool:
        """Whether density can be estimated at all: two animals or more that moved."""
        return self.n_movers >= 2

    @property
    def sentence(self) -> str:
        """The minimum count and the rate in one sentence."""
        lower, upper = self.rate_interval
        return (
            f"{self.name}: at least {_checks.plural(self.n_animals, 'animal')}; "
            f"{_checks.plural(self.n_detections, 'detection')} in {self.effort:,.6g} units of "
            f"effort, {self.rate:.2g} per 100 ({lower:.2g} to {upper:.2g})."
        )

    def next_survey(self) -> pd.DataFrame:
        """What other surveys of the same animals may bring, roughly.

        Returns
        -------
        DataFrame
            One row per plan: more effort at the same places, more places at the same spacing, or
            both. Columns: plan, effort_times, places_times, animals, recaptures, relative_error
            (of density), enough.

        Notes
        -----
        Detections of an animal within reach of the detectors are taken to be Poisson with one mean
        m for all, found from detections / animals = m / (1 - exp(-m)). Effort times f gives
        N (1 - exp(-f m)) animals and N f m detections; places times g multiply both by g. The
        relative error is 1 / sqrt(min(animals, recaptures)) (Efford and Boulanger 2019). Without
        any recapture half of one is assumed. Simulate the plan that you choose
        (`secr_nea.design`): animals are not alike.
        """
        rows = []
        for label, f, g in _plans(self):
            animals, recaptures = self._expected(f, g)
            least = max(min(animals, recaptures), 1e-9)
            rows.append(
                {
                    "plan": label,
                    "effort_times": f,
                    "places_times": g,
                    "animals": animals,
                    "recaptures": recaptures,
                    "relative_error": least**-0.5 if least >= 1.0 else np.nan,
                    "enough": animals >= WANTED_ANIMALS and recaptures >= WANTED_RECAPTURES,
                }
            )
        return pd.DataFrame(rows)

    def _expected(self, effort_times: float, places_times: float) -> tuple[float, float]:
        """Animals and recaptures that a plan may bring."""
        if not self.n_animals:
            return 0.0, 0.0
        ratio = max(self.n_detections, self.n_animals + 0.5) / self.n_animals
        mean = _mean_of_truncated(ratio)
        exposed = self.n_animals / -np.expm1(-mean)
        animals = exposed * -np.expm1(-effort_times * mean)
        recaptures = exposed * effort_times * mean - animals
        return float(places_times * animals), float(places_times * recaptures)

    def to_dataframe(self) -> pd.DataFrame:
        """One row: what can be reported without a model.

        Returns
        -------
        DataFrame
            Columns survey, minimum_count, detections, recaptures, animals_at_two_detectors,
            detectors, effort, detections_per_100, lower, upper.
        """
        lower, upper = self.rate_interval
        row = {
            "survey": self.name,
            "minimum_count": self.n_animals,
            "detections": self.n_detections,
            "recaptures": self.n_recaptures,
            "animals_at_two_detectors": self.n_movers,
            "detectors": self.n_traps,
            "effort": self.effort,
            "detections_per_100": self.rate,
            "lower": lower,
            "upper": upper,
        }
        return pd.DataFrame([row])

    def __str__(self) -> str:
        lines = [self.sentence]
        if self.lacking:
            lines.append(f"Too few for a good estimate of density: {'; '.join(self.lacking)}.")
        else:
            lines.append("Enough for an estimate of density.")
        lines += ["", "What the next survey may bring:", self.shown_plans().to_string(index=False)]
        return "\n".join(lines)

    def shown_plans(self) -> pd.DataFrame:
        """The table of `next_survey` as rounded text.

        Returns
        -------
        DataFrame of str
        """
        table = self.next_survey()
        error = [f"{100 * e:.0f} %" if np.isfinite(e) else "-" for e in table["relative_error"]]
        return pd.DataFrame(
            {
                "plan": table["plan"],
                "animals": [f"{value:.0f}" for value in table["animals"]],
                "recaptures": [f"{value:.0f}" for value in table["recaptures"]],
                "relative error": error,
                "enough": ["yes" if good else "no" for good in table["enough"]],
            }
        )

    def _repr_html_(self) -> str:
        first, second = str(self).split("\n")[:2]
        return (
            f"<p>{escape(first)}<br>{escape(second)}</p>{self.shown_plans().to_html(index=False)}"
        )


def minimum_count(surveys: Survey | Iterable[Survey], *, level: float = 0.95) -> MinimumCount:
    """Report a survey without a model: animals seen, detections by effort, and what is lacking.

    Surveys with few animals cannot carry spatial capture-recapture. The minimum count and the
    rate can always be told, and the table says what next year's survey would need.

    Parameters
    ----------
    surveys : Survey or several
        Several surveys are added up; an animal id counts once.
    level : float
        Confidence level of the interval of the rate.

    Returns
    -------
    MinimumCount

    Raises
    ------
    DataError
        If no survey is given, nothing operated, or the level is not between 0 and 1.

    Examples
    --------
    >>> import secr_nea as sn
    >>> count = sn.minimum_count(sn.datasets.sailugem())
    >>> count.n_animals, round(count.rate, 2), count.carries_density
    (28, 2.3, True)
    """
    z_value(level)
    several = as_surveys(surveys)
    histories = [survey.captures for survey in several]
    ids = {name for history in histories for name in history.animal_ids}
    detections = sum(history.n_detections for history in histories)
    return MinimumCount(
        name=", ".join(survey.name for survey in several),
        n_animals=len(ids),
        n_detections=detections,
        n_recaptures=detections - len(ids),
        n_movers=sum(history.animals_at_two_traps for history in histories),
        n_traps=sum(int((s.traps.effort.sum(axis=1) > 0.0).sum()) for s in several),
        effort=sum(survey.traps.total_effort for survey in several),
        level=level,
    )


def _mean_of_truncated(ratio: float) -> float:
    """Mean m of a Poisson count whose mean above 0 is the ratio: m / (1 - exp(-m)) = ratio."""
    return float(optimize.brentq(lambda m: m / -np.expm1(-m) - ratio, 1e-9, ratio + 1.0))


def _plans(count: MinimumCount) -> list[tuple[str, float, float]]:
    plans = [
        ("as this time", 1.0, 1.0),
        ("twice the effort, same places", 2.0, 1.0),
        ("three times the effort, same places", 3.0, 1.0),
        ("twice the places, same spacing", 1.0, 2.0),
        ("twice the effort and twice the places", 2.0, 2.0),
    ]
    animals, recaptures = count._expected(2.0, 1.0)
    least = min(animals / WANTED_ANIMALS, recaptures / WANTED_RECAPTURES)
    if 0.0 < least < 0.5:
        times = float(np.ceil(1.0 / least))
        plans.append((f"twice the effort and {times:.0f} times the places", 2.0, times))
    return plans
