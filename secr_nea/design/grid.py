"""Grids of scenarios: every combination of a few things that may be changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from secr_nea import _checks
from secr_nea.design.scenario import Scenario
from secr_nea.errors import DataError


@dataclass(frozen=True, repr=False)
class ScenarioGrid:
    """Scenarios with the axes along which they differ.

    Parameters
    ----------
    axes : mapping of name to tuple of labels
    scenarios : tuple of Scenario
        The last axis runs fastest.
    """

    axes: Mapping[str, tuple[Any, ...]]
    scenarios: tuple[Scenario, ...]

    def __len__(self) -> int:
        return len(self.scenarios)

    def __repr__(self) -> str:
        shape = " x ".join(f"{len(labels)} {name}" for name, labels in self.axes.items())
        return f"ScenarioGrid({shape}: {_checks.plural(len(self), 'scenario')})"


def scenario_grid(base: Scenario, **axes: Sequence[Any] | Mapping[str, Any]) -> ScenarioGrid:
    """Every combination of changes of a scenario.

    Parameters
    ----------
    base : Scenario
    **axes : sequence of values, or mapping of label to value
        What `Scenario.changed` may change: ``density=[0.5, 1.0]``, ``effort=[60, 120]``,
        ``traps={"grid": grid, "lacework": lacework}``. An axis whose name is no argument needs a
        mapping of label to a dictionary of changes: ``design={"few, long": {"traps": few,
        "effort": 120}, ...}``.

    Returns
    -------
    ScenarioGrid

    Raises
    ------
    DataError
        If an axis has no value or is none of these; otherwise as `Scenario`.
    """
    known = {*base.contents(), "effort"} - {"name"}
    labels, changes = {}, []
    for name, values in axes.items():
        given = values if isinstance(values, Mapping) else {_label(v): v for v in values}
        if not given:
            raise DataError(f"The axis {name!r} has no value.")
        if name not in known and not all(isinstance(v, Mapping) for v in given.values()):
            raise DataError(
                f"A scenario has no {name!r}{_checks.did_you_mean(name, known)} that could be "
                "changed. For an axis of your own give {label: {what: value}}."
            )
        labels[name] = tuple(given)
        changes.append([{name: v} if name in known else dict(v) for v in given.values()])
    scenarios = []
    for chosen, parts in zip(
        itertools.product(*labels.values()), itertools.product(*changes), strict=True
    ):
        name = ", ".join(f"{axis} {label}" for axis, label in zip(labels, chosen, strict=True))
        both = {key: value for part in parts for key, value in part.items()}
        scenarios.append(base.changed(**both, name=name or base.name))
    return ScenarioGrid(labels, tuple(scenarios))


def _label(value: Any) -> Any:
    if isinstance(value, str | int | float | np.integer | np.floating):
        return value
    raise DataError(f"Values of this axis need labels: give {{label: value}}, not {value!r}.")


def as_grid(
    scenarios: Scenario | ScenarioGrid | Mapping[str, Scenario] | Iterable[Scenario],
) -> ScenarioGrid:
    """Any scenarios as a grid; without axes of their own they differ by name.

    Raises
    ------
    DataError
        If there is none, or names are not unique.
    """
    if isinstance(scenarios, ScenarioGrid):
        return scenarios
    if isinstance(scenarios, Scenario):
        scenarios = [scenarios]
    if isinstance(scenarios, Mapping):
        several = [
            s.changed(name=str(name)) if isinstance(s, Scenario) else s
            for name, s in scenarios.items()
        ]
    else:
        several = list(scenarios) if isinstance(scenarios, Iterable) else [scenarios]
    if not several or not all(isinstance(s, Scenario) for s in several):
        kinds = _checks.listed(dict.fromkeys(type(s).__name__ for s in several))
        raise DataError(f"A Scenario or several of them are needed; got {kinds or 'none'}.")
    names = _checks.names([s.name for s in several], "scenario name")
    return ScenarioGrid({"scenario": names}, tuple(several))
