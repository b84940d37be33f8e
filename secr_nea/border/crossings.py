"""When animals crossed a border: the fewest crossings that their records allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea._typing import IntArray

COLUMNS = ("survey", "animal", "from", "to", "last_seen", "first_seen", "order_known")


def shortest_order(steps: Sequence[Sequence[int]]) -> list[list[int]]:
    """Order of the sides within each step of time that needs the fewest crossings.

    Parameters
    ----------
    steps : sequence of sequences of int
        The different sides on which an animal was recorded in each step of time; within a step
        the order is unknown.

    Returns
    -------
    list of list of int
        Each step's sides in order.

    Notes
    -----
    Dynamic programming over the side on which a step ends.

    Examples
    --------
    >>> shortest_order([[0], [0, 1], [1]])
    [[0], [0, 1], [1]]
    """
    best: dict[int, tuple[int, list[list[int]]]] = {-1: (0, [])}
    for step in steps:
        options: dict[int, tuple[int, list[list[int]]]] = {}
        for order in _orders(sorted(set(step))):
            for last, (cost, path) in best.items():
                total = cost + len(order) - 1 + int(last not in (-1, order[0]))
                if order[-1] not in options or total < options[order[-1]][0]:
                    options[order[-1]] = (total, [*path, order])
        best = options
    return min(best.values(), key=lambda found: found[0])[1]


def _orders(sides: list[int]) -> list[list[int]]:
    """One order of the sides for each first and last one."""
    if len(sides) == 1:
        return [sides]
    return [
        [first, *(side for side in sides if side not in (first, last)), last]
        for first in sides
        for last in sides
        if first != last
    ]


def crossings_of(records: pd.DataFrame, names: Sequence[str], times: str = "time") -> pd.DataFrame:
    """Every crossing of every animal that its records prove.

    Parameters
    ----------
    records : DataFrame
        Columns survey, animal_id, side (position in ``names``) and the time.
    names : sequence of str
    times : str
        Column with occasions (whole numbers) or dates.

    Returns
    -------
    DataFrame
        Columns survey, animal, from, to, last_seen (on the side left), first_seen (on the other
        side), order_known (false where both sides were recorded in the same step of time, so that
        it may have been the other way round). An animal may have crossed more often, unseen.
    """
    rows = []
    for (survey, animal), own in records.groupby(["survey", "animal_id"], sort=False):
        seen = own.groupby(times)["side"].unique()
        path = shortest_order([list(sides) for sides in seen])
        sides: IntArray = np.array([side for step in path for side in step])
        step = np.repeat(np.arange(len(path)), [len(part) for part in path])
        for a in np.flatnonzero(np.diff(sides)):
            known = step[a] != step[a + 1] and len(path[step[a]]) == len(path[step[a + 1]]) == 1
            rows.append(
                {
                    "survey": survey,
                    "animal": animal,
                    "from": names[sides[a]],
                    "to": names[sides[a + 1]],
                    "last_seen": seen.index[step[a]],
                    "first_seen": seen.index[step[a + 1]],
                    "order_known": bool(known),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))
