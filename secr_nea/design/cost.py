"""What a survey costs, and what precision it buys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from secr_nea import _checks
from secr_nea.design.expected import expected
from secr_nea.design.grid import ScenarioGrid, as_grid
from secr_nea.design.scenario import Scenario
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray


@dataclass(frozen=True)
class Prices:
    """Prices of the parts of a survey, in any one currency or in days of work.

    Parameters
    ----------
    survey : float
        Whatever is paid once.
    camera : float
        Each camera that operates.
    effort : float
        Each unit of effort, such as a camera-day.
    visit : float
        Each visit to a camera.
    kilometre : float
        Each kilometre of travel on a round to all cameras.
    animal : float
        Each animal detected, to identify it.
    detection : float
        Each detection, such as a laboratory's fee for a sample.
    rounds : int
        Rounds to all cameras: 2 to set them up and take them down.
    """

    survey: float = 0.0
    camera: float = 0.0
    effort: float = 0.0
    visit: float = 0.0
    kilometre: float = 0.0
    animal: float = 0.0
    detection: float = 0.0
    rounds: int = 2

    def __post_init__(self) -> None:
        """Refuse prices below 0."""
        _checks.whole(self.rounds, "rounds")
        bad = [
            f"{name} {value!r}"
            for name, value in vars(self).items()
            if not (isinstance(value, int | float | np.number) and 0.0 <= value < np.inf)
        ]
        if bad:
            raise DataError(f"Prices must be numbers of 0 or more; got {', '.join(bad)}.")


def round_trip_km(traps: TrapArray) -> float:
    """Length of a round to all traps that operate: twice their shortest tree, in straight lines.

    Parameters
    ----------
    traps : TrapArray

    Returns
    -------
    float, km
        Never less than the shortest round trip, never more than twice it.
    """
    xy = np.unique(traps.xy[traps.effort.sum(axis=1) > 0.0], axis=0)
    if len(xy) < 2:
        return 0.0
    return 2.0 * float(minimum_spanning_tree(cdist(xy, xy)).sum()) / 1000.0


def survey_cost(scenario: Scenario, prices: Prices) -> pd.Series:
    """Expected cost of a survey by its parts.

    Parameters
    ----------
    scenario : Scenario
    prices : Prices

    Returns
    -------
    Series
        survey, cameras, effort, visits, travel, animals, detections, and their total.

    Raises
    ------
    DataError
        If they are no scenario and prices.
    """
    if not isinstance(scenario, Scenario) or not isinstance(prices, Prices):
        raise DataError(
            "A cost needs a Scenario and Prices(camera=..., effort=...); got "
            f"{type(scenario).__name__} and {type(prices).__name__}."
        )
    traps = scenario.traps
    found = expected(scenario)
    cameras = int((traps.effort.sum(axis=1) > 0.0).sum())
    parts = {
        "survey": prices.survey,
        "cameras": prices.camera * cameras,
        "effort": prices.effort * traps.total_effort,
        "visits": prices.visit * cameras * prices.rounds,
        "travel": prices.kilometre * round_trip_km(traps) * prices.rounds,
        "animals": prices.animal * found.animals,
        "detections": prices.detection * found.detections,
    }
    return pd.Series({**parts, "total": sum(parts.values())}, name="cost")


def cost_against_precision(scenarios: ScenarioGrid | Scenario, prices: Prices) -> pd.DataFrame:
    """Cost and approximate precision of each scenario, cheapest first.

    Parameters
    ----------
    scenarios : ScenarioGrid, Scenario or several
    prices : Prices

    Returns
    -------
    DataFrame
        Index: scenario. Columns: cost, rse, animals, recaptures, best (nothing cheaper is as
        precise).
    """
    rows = {}
    for scenario in as_grid(scenarios).scenarios:
        found = expected(scenario)
        rows[scenario.name] = {
            "cost": float(survey_cost(scenario, prices)["total"]),
            "rse": found.rse,
            "animals": found.animals,
            "recaptures": found.recaptures,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")
    table = table.sort_values(["cost", "rse"], kind="stable")
    so_far = table["rse"].cummin().shift(fill_value=np.inf)
    return table.assign(best=table["rse"] < so_far)
