"""Where to put the cameras: the best of many sites, within what is possible in the field."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from secr_nea import _checks
from secr_nea._printing import facts_html
from secr_nea._typing import FloatArray, IntArray, PathLike
from secr_nea.design.constraints import Constraints, constraints_of
from secr_nea.design.expected import Expected, expected
from secr_nea.design.information import RseWorth
from secr_nea.design.layouts import grid_positions
from secr_nea.design.objectives import Worth
from secr_nea.design.scenario import Scenario
from secr_nea.design.sites import write_sites
from secr_nea.design.streams import PLACEMENT, streams_of
from secr_nea.errors import DataError, SecrWarning
from secr_nea.traps import TrapArray

_MOST_PASSES = 50
_RSE_PASSES = 3


@dataclass(frozen=True, eq=False, repr=False)
class Placement:
    """Cameras that were placed, and how much better they are than a grid; read-only.

    Parameters
    ----------
    traps : TrapArray
        New cameras, then fixed ones; the covariate ``placed`` is "new" or "fixed".
    scenario : Scenario
        The scenario with these cameras.
    objective : str
    value : float
        The objective of the placement: a number of animals, or the relative standard error.
    grid : TrapArray
        The best square grid that was found, with the same fixed cameras.
    grid_value : float
        Its objective.
    grid_keeps_rules : bool
        Whether that grid keeps the rules as well; if no grid does, the best one of all stands. Hard
        rules leave few grids, so that the gain over the best of these looks large.
    starts : tuple of float
        Objective that each start ended at (with ``"rse"``, after the improved placement): far
        apart, they tell that more starts are needed.
    """

    traps: TrapArray
    scenario: Scenario
    objective: str
    value: float
    grid: TrapArray
    grid_value: float
    grid_keeps_rules: bool
    starts: tuple[float, ...]

    @property
    def gain(self) -> float:
        """Relative gain over the best grid, such as 0.2 for a fifth (of the RSE: smaller)."""
        if self.grid_value <= 0.0 or not np.isfinite(self.grid_value):
            return float("inf")
        ratio = self.value / self.grid_value
        return 1.0 - ratio if self.objective == "rse" else ratio - 1.0

    @property
    def expected(self) -> Expected:
        """Expected numbers of a survey with these cameras."""
        return expected(self.scenario)

    def to_dataframe(self) -> pd.DataFrame:
        """Expected numbers of the placement and of the best grid, side by side."""
        grid = expected(self.scenario.changed(traps=self.grid))
        return pd.DataFrame({"placement": self.expected.to_series(), "grid": grid.to_series()})

    def write(self, path: PathLike) -> None:
        """Write the cameras to a GPX, KML or GeoPackage file; see `write_sites`."""
        write_sites(self.traps, path)

    def __repr__(self) -> str:
        return (
            f"Placement({_checks.plural(self.traps.n_traps, 'camera')}, {self.objective} "
            f"{self.value:.4g}, best grid {self._of_rules}{self.grid_value:.4g}, "
            f"gain {100.0 * self.gain:.0f} %)"
        )

    @property
    def _of_rules(self) -> str:
        return "" if self.grid_keeps_rules else "(breaks rules) "

    def _repr_html_(self) -> str:
        table = self.to_dataframe()
        shown = {
            str(name).replace("_", " "): f"{row.placement:.3g} (best grid {row.grid:.3g})"
            for name, row in table.iterrows()
        }
        gain = f"{100.0 * self.gain:.0f} %"
        return facts_html("Placement", {"cameras": self.traps.n_traps, "gain": gain, **shown})


def place(
    sites: Scenario,
    number: int,
    *,
    objective: str = "min(n, r)",
    minimum_distance: float = 0.0,
    fixed: TrapArray | Sequence[str] | None = None,
    strata: str | None = None,
    at_least: Mapping[str, int] | None = None,
    cost: str | None = None,
    budget: float | None = None,
    most_cost: float | None = None,
    starts: int = 5,
    seed: int = 1,
    n_simulated: int = 1000,
    progress: bool = True,
) -> Placement:
    """Place cameras among candidate sites so that a survey tells most.

    Parameters
    ----------
    sites : Scenario
        Its traps are the candidate sites, with the effort of a camera there; see
        `candidate_sites`. Density, detection, classes and distances are those to plan for.
    number : int
        New cameras.
    objective : str
        ``"min(n, r)"``: the smaller of the expected numbers of animals and recaptures, which
        precision follows; ``"animals"``, ``"recaptures"``, ``"two detectors"`` (animals at two
        cameras or more), ``"animals + two detectors"``; or ``"rse"``: the relative standard error
        of density by the Fisher information of simulated animals (slower, see Notes; count and
        binary detectors).
    minimum_distance : float, metres
        Between a new camera and any other.
    fixed : TrapArray, or sequence of names of sites, optional
        Cameras that stand already and stay; they count for the objective and the distances, not for
        the number.
    strata : str, optional
        Covariate of the sites, such as country.
    at_least : mapping of stratum to int, optional
        New cameras that each stratum must have: ``{"Russia": 20, "Mongolia": 20}``.
    cost : str, optional
        Covariate of the sites: hours of walking, money ...; where it is missing there is no way.
    budget : float, optional
        Largest sum of the costs of all new cameras.
    most_cost : float, optional
        Largest cost of one camera.
    starts : int
        Random starts, beside the best grid where it keeps the rules.
    seed : int
    n_simulated : int
        Detected animals that stand for all others in the objective ``"rse"``.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Placement

    Raises
    ------
    DataError
        If the rules cannot be kept; the message says how far it went.
    ModelError
        If the objective is not known or not possible for these detectors.

    Notes
    -----
    Exchange: each camera in turn moves to the best site that the rules allow while all others stay,
    until none moves. Every step keeps all rules. The end is a local optimum, so that several starts
    are taken; their ends are told. With ``"rse"`` the starts are first improved for
    ``"min(n, r)"``; the one with the smallest RSE is then improved for the RSE, in three rounds in
    which each camera may move to the 16 nearest sites that are allowed. All starts and the result
    are judged by other simulated animals, and the best of them is taken.

    References
    ----------
    Durbach, I. et al. (2021) Fast, flexible alternatives to regular grid designs for spatial
    capture-recapture. Methods in Ecology and Evolution 12, 298-310 (the objective). Fedorov, V. V.
    (1972) Theory of Optimal Experiments (exchange).
    """
    if not isinstance(sites, Scenario):
        raise DataError(
            f"place needs a Scenario whose traps are the sites; got {type(sites).__name__}. With a "
            "scenario at hand: scenario.changed(traps=sites)."
        )
    starts = _checks.whole(starts, "starts", least=0)
    n_simulated = _checks.whole(n_simulated, "n_simulated", least=10)
    scenario, kept = _with_fixed(sites, fixed)
    rules = constraints_of(
        scenario.traps,
        number,
        fixed=kept,
        minimum_distance=minimum_distance,
        strata=strata,
        at_least=at_least,
        cost=cost,
        budget=budget,
        most_cost=most_cost,
    )
    guide = Worth.of(scenario, "min(n, r)" if objective == "rse" else objective)
    rngs = streams_of(seed, PLACEMENT, starts + 3)
    grid, grid_value, grid_good = _best_grid(guide, rules, rngs[0])
    begins = [rules.start(rng) for rng in rngs[3:]] + ([grid] if grid_good else [])
    found = []
    with tqdm(total=len(begins), unit=" starts", disable=not progress) as bar:
        for begin in begins:
            found.append(_exchanged(guide, rules, begin))
            bar.update()
    if objective == "rse":
        others = [chosen for chosen, _ in found] + ([grid] if grid_good else [])
        n = expected(scenario.changed(traps=_chosen(scenario.traps, others[0], kept))).animals
        number = round(n_simulated * max(scenario.n_animals / max(n, 1e-9), 1.0))
        found, judge = _by_rse(scenario, rules, others, number, rngs[1], rngs[2])
        grid_value = judge.value(np.concatenate([kept, grid]))
    best, value = max(found, key=lambda item: item[1])
    sign = -1.0 if objective == "rse" else 1.0
    return Placement(
        traps=_chosen(scenario.traps, best, kept),
        scenario=scenario.changed(traps=_chosen(scenario.traps, best, kept)),
        objective=objective,
        value=sign * value,
        grid=_chosen(scenario.traps, grid, kept),
        grid_value=sign * grid_value,
        grid_keeps_rules=grid_good,
        starts=tuple(sign * end for _, end in found),
    )


def _with_fixed(
    sites: Scenario, fixed: TrapArray | Sequence[str] | None
) -> tuple[Scenario, IntArray]:
    """Sites and fixed cameras as one array, and where the fixed ones are."""
    if fixed is None:
        return sites, np.zeros(0, dtype=np.int64)
    if not isinstance(fixed, TrapArray):
        if isinstance(fixed, str):
            raise DataError(f"fixed must be a TrapArray or a list of names: write [{fixed!r}].")
        where = {name: k for k, name in enumerate(sites.traps.ids)}
        unknown = [str(name) for name in fixed if name not in where]
        if unknown:
            raise DataError(f"No site is called {_checks.listed(unknown)}.")
        return sites, np.unique(np.array([where[name] for name in fixed], dtype=np.int64))
    if any(np.ndim(v) for p in sites.parameters.values() for v in _each(p)):
        raise DataError(
            "With parameters for each site give fixed cameras as names of sites, so that theirs "
            "are known as well."
        )
    with warnings.catch_warnings():
        # a fixed camera may stand at a site
        warnings.simplefilter("ignore", SecrWarning)
        joined = TrapArray.joined(sites.traps, fixed)
    return sites.changed(traps=joined), np.arange(sites.traps.n_traps, joined.n_traps)


def _each(parameter: Any) -> list[Any]:
    return list(parameter.values()) if isinstance(parameter, Mapping) else [parameter]


def _by_rse(
    scenario: Scenario,
    rules: Constraints,
    begins: list[IntArray],
    number: int,
    search: np.random.Generator,
    check: np.random.Generator,
) -> tuple[list[tuple[IntArray, float]], RseWorth]:
    """Improve the placement with the best RSE; judge all by other simulated animals.

    What is best for the simulated animals of the search is partly chance, so that placements are
    compared on animals that had no part in it.
    """
    worth = RseWorth.of(scenario, number, search)
    begin = max(begins, key=lambda chosen: worth.value(np.concatenate([rules.fixed, chosen])))
    improved, _ = _exchanged(worth, rules, begin)
    judge = RseWorth.of(scenario, number, check)
    ends = [improved, *begins]
    judged = [(chosen, judge.value(np.concatenate([rules.fixed, chosen]))) for chosen in ends]
    return judged, judge


def _exchanged(
    worth: Worth | RseWorth, rules: Constraints, begin: IntArray
) -> tuple[IntArray, float]:
    """Move one camera after the other while that gains anything."""
    chosen = begin.copy()
    value = worth.value(np.concatenate([rules.fixed, chosen]))
    for _ in range(_MOST_PASSES if isinstance(worth, Worth) else _RSE_PASSES):
        before = value
        sites, values = worth.best_exchanges(chosen, rules.fixed, rules.allowed(chosen))
        # the best move of each camera, tried one after the other: earlier ones may spoil later ones
        for position in np.argsort(-values, kind="stable"):
            trial = chosen.copy()
            trial[position] = sites[position]
            if values[position] <= before or not rules.kept(trial):
                continue
            new = worth.value(np.concatenate([rules.fixed, trial]))
            if new > value + 1e-9 * abs(value):
                chosen, value = trial, new
        if value <= before + 1e-6 * abs(before):
            break
    return chosen, value


def _best_grid(
    worth: Worth | RseWorth, rules: Constraints, rng: np.random.Generator
) -> tuple[IntArray, float, bool]:
    """The best square grid over spacings, origins and centres; one that keeps the rules first."""
    usable = np.flatnonzero(rules.usable)
    xy = rules.xy[usable]
    found: list[tuple[bool, float, IntArray]] = []
    for spacing in _spacings(xy, rules.number):
        for origin in rng.random((4, 2)):
            for centre in (xy.mean(axis=0), xy[int(rng.integers(len(xy)))], _median(xy)):
                grid = grid_positions(
                    xy, rules.number, spacing, xy.min(axis=0) + origin * spacing, centre
                )
                if len(grid) == rules.number:
                    chosen = usable[grid]
                    value = worth.value(np.concatenate([rules.fixed, chosen]))
                    found.append((rules.kept(chosen), value, chosen))
    if not found:
        chosen = usable[: rules.number]
        value = worth.value(np.concatenate([rules.fixed, chosen]))
        return chosen, value, rules.kept(chosen)
    good, value, chosen = max(found, key=lambda item: (item[0], item[1]))
    return chosen, value, good


def _spacings(xy: FloatArray, number: int) -> FloatArray:
    """Spacings from that of a compact block of sites to that of a grid over all of them."""
    area = float(np.prod(np.maximum(np.ptp(xy, axis=0), 1.0)))
    widest = float(np.sqrt(area / number)) * 1.1
    finest = max(float(np.sqrt(area / len(xy))), 0.1 * widest)
    return np.geomspace(finest, widest, 14)


def _median(xy: FloatArray) -> FloatArray:
    return np.asarray(np.median(xy, axis=0))


def _chosen(sites: TrapArray, new: IntArray, fixed: IntArray) -> TrapArray:
    """New cameras in the order of their sites, then the fixed ones."""
    index = np.concatenate([np.sort(new), fixed])
    placed = np.array(["new"] * len(new) + ["fixed"] * len(fixed), dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecrWarning)
        return sites.subset(index).with_covariates(placed=placed)
