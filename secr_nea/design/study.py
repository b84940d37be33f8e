"""Studies: many surveys of many scenarios, simulated and fitted, on one machine or a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.design.fingerprints import fingerprint_of, told_of
from secr_nea.design.grid import ScenarioGrid, as_grid
from secr_nea.design.replicate import Row, StudyPlan, check_model, replicates, survey_of
from secr_nea.design.scenario import Scenario
from secr_nea.design.study_store import Chunk, StudyFolder
from secr_nea.design.study_summary import summarise
from secr_nea.engine import run_anywhere
from secr_nea.errors import DataError
from secr_nea.estimate import z_value
from secr_nea.survey import Survey

if TYPE_CHECKING:
    import xarray

_CHUNK = 10  # replicates that are done, sent and written together
_TRIED = 3  # surveys for which a model is made before a study begins


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Results of a study; read-only.

    Parameters
    ----------
    plan : StudyPlan
    grid : ScenarioGrid
    results : DataFrame
        A row for each replicate: scenario and replicate (their numbers, 0, 1, 2 ...), seed,
        animals, detections, recaptures, two_detectors, failed, message, log_likelihood, seconds,
        and for
        each parameter ``D|true``, ``D|estimate``, ``D|se``, ``D|lower``, ``D|upper``.
    """

    plan: StudyPlan
    grid: ScenarioGrid
    results: pd.DataFrame

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Replicates that failed, with what is needed to repeat them."""
        columns = ["scenario", "replicate", "seed", "message"]
        return self.results.loc[self.results["failed"], columns].reset_index(drop=True)

    def survey(self, scenario: int, replicate: int) -> Survey:
        """The survey of one replicate, made again: to look at a failure.

        Parameters
        ----------
        scenario, replicate : int
            Their numbers in ``results``; any replicate, also one that was not done.

        Returns
        -------
        Survey

        Raises
        ------
        DataError
            If there is no such scenario.
        """
        if _checks.whole(scenario, "scenario", least=0) >= len(self.grid):
            raise DataError(
                f"There is no scenario {scenario}; the study has 0 to {len(self.grid) - 1}."
            )
        _checks.whole(replicate, "replicate", least=0)
        return survey_of(self.plan, scenario, replicate)

    def summary(self) -> xarray.Dataset:
        """Bias, precision, coverage and failures of every scenario, with Monte Carlo errors.

        Returns
        -------
        Dataset
            Dimensions: the axes of the scenarios (or ``scenario``) and ``parameter``. Variables
            are described in their attributes; those ending with ``_error`` are Monte Carlo
            standard errors.
        """
        return summarise(self.results, self.grid.axes)

    def to_dataframe(self, parameter: str = "D") -> pd.DataFrame:
        """The summary of one parameter as a table, one row per scenario."""
        summary = self.summary()
        known = list(summary["parameter"].to_numpy())
        if parameter not in known:
            why = (
                "no survey could be fitted (see .failures)"
                if not known
                else (f"there are {_checks.listed(known)}")
            )
            raise DataError(f"There is no parameter {parameter!r}; {why}.")
        return summary.sel(parameter=parameter).drop_vars("parameter").to_dataframe()

    def __repr__(self) -> str:
        failed = int(self.results["failed"].sum())
        return (
            f"Study({_checks.plural(len(self.grid), 'scenario')}, "
            f"{_checks.plural(len(self.results), 'replicate')}, {failed} failed)"
        )


def study(
    scenarios: Scenario | ScenarioGrid | Mapping[str, Scenario] | Iterable[Scenario],
    replicates_each: int = 100,
    *,
    seed: int = 1,
    folder: PathLike | None = None,
    client: Any = None,
    workers: int | None = None,
    level: float = 0.95,
    progress: bool = True,
    **options: Any,
) -> Study:
    """Simulate and fit many surveys, and tell how well density comes out.

    Parameters
    ----------
    scenarios : Scenario or several, ScenarioGrid, or mapping of name to Scenario
    replicates_each : int
        Surveys of each scenario.
    seed : int
        The same seed gives exactly the same results, however and wherever they are computed.
    folder : path, optional
        Where results are kept as they come. When a study is called again with the same folder, it
        goes on where it stopped; with more replicates it is continued.
    client : distributed.Client, "loop" or None
        None: one process for each processor of this machine (needs the package distributed).
        ``"loop"``: one survey after the other in this process. A ``Client``: its cluster.
    workers : int, optional
        Number of processes of this machine.
    level : float
        Confidence level of the intervals whose coverage is found.
    progress : bool
        Whether to show a bar with the time that remains.
    **options
        What `Model` takes: formulas such as ``D="~ rugged"``, ``classes="sex"``, ``population=``,
        ``detection=`` and ``distance=`` (those of the scenario by
        default) ...

    Returns
    -------
    Study

    Raises
    ------
    DataError
        If numbers are impossible, or the folder holds another study.
    FormulaError, ModelError
        If the first surveys of a scenario all show that there is no such model: a word in a formula
        that is no covariate, an option that is none. Told before the study begins.

    Notes
    -----
    A fit that does not converge, or with coefficients that are flat or at a boundary, counts as
    failed and takes no part in bias, RSE, RMSE and coverage. Its message, seed and numbers stay in
    ``results``; `Study.survey` makes its survey again.

    Examples
    --------
    >>> import secr_nea as sn
    >>> few = sn.design.study(
    ...     sn.design.preset("leopard"), 4, client="loop", progress=False
    ... )
    >>> few
    Study(1 scenario, 4 replicates, 0 failed)
    """
    grid = as_grid(scenarios)
    number = _checks.whole(replicates_each, "replicates_each")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f"seed must be a whole number of 0 or more; got {seed!r}.")
    z_value(level)
    if workers is not None:
        workers = _checks.whole(workers, "workers")
    plan = StudyPlan(grid.scenarios, options, int(seed), level)
    for s in range(len(grid)):
        check_model(plan, s, min(number, _TRIED))
    chunks = [
        (s, first, min(_CHUNK, number - first))
        for first in range(0, number, _CHUNK)
        for s in range(len(grid))
    ]
    store = StudyFolder(folder, _head(plan, grid)) if folder is not None else None
    done = store.read(chunks) if store else {}
    left = [chunk for chunk in chunks if chunk not in done]
    finished = run_anywhere(
        replicates,
        plan,
        left,
        client=client,
        workers=workers,
        progress=progress,
        label="surveys",
        sizes=[chunk[2] for chunk in left],
    )
    for position, rows in finished:
        done[left[position]] = rows
        if store:
            store.write(left[position], rows)
    return Study(plan, grid, _table(chunks, done))


def _table(chunks: list[Chunk], done: Mapping[Chunk, list[Row]]) -> pd.DataFrame:
    """All rows in the order of scenarios and replicates, whenever they came."""
    rows = [row for chunk in sorted(chunks) for row in done[chunk]]
    table = pd.DataFrame(rows)
    for name in ("animals", "detections", "recaptures", "two_detectors", "log_likelihood"):
        if name not in table:
            table[name] = np.nan
    return table.astype({"failed": bool})


def _head(plan: StudyPlan, grid: ScenarioGrid) -> dict[str, Any]:
    """What makes two studies the same, whatever the number of replicates."""
    options = {
        k: v if isinstance(v, str | int | float) else _checks.fingerprint(told_of(v))
        for k, v in sorted(plan.options.items())
    }
    return {
        "scenarios": {s.name: fingerprint_of(s) for s in grid.scenarios},
        "options": options,
        "seed": plan.seed,
        "level": plan.level,
    }
