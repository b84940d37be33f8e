"""Where hazards are computed: a site for each trap, many for each search and its detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.histories import History
from secr_nea.parameters import sum_by_row
from secr_nea.quadrature import quadrature
from secr_nea.survey import Survey


@dataclass(frozen=True)
class Sites:
    """Hazard columns of a block, made from one column for each trap and row of parameters.

    The column of a search becomes one column for each point of its quadrature. Every detection of
    a search adds a column at its position, to which nobody is exposed.

    Parameters
    ----------
    xy : float64 array, shape (n_sites, 2), metres
    site : int64 array, shape (J,)
        Site of each column.
    parent : int64 array, shape (J,)
        Column, before searches were spread, that each column comes from.
    weight : float64 array, shape (J,)
        What exposure is multiplied with: 1 at traps, m2 or m in searches, 0 at positions.
    """

    xy: FloatArray
    site: IntArray
    parent: IntArray
    weight: FloatArray

    def exposure(self, effort: FloatArray) -> FloatArray:
        """Exposure in each column, shape (J,), from the effort before searches were spread."""
        return effort[self.parent] * self.weight


def spread_over_searches(
    survey: Survey, trap: IntArray, histories: Sequence[History], smallest_sigma: float
) -> tuple[Sites, list[History]]:
    """Sites of the columns of a survey, and the histories of its animals in the new columns.

    Parameters
    ----------
    survey : Survey
    trap : int64 array, shape (n_columns,)
        Trap of each column before searches are spread.
    histories : sequence of History
    smallest_sigma : float, metres
        Scale down to which integrals are exact.

    Returns
    -------
    Sites
    list of History
    """
    traps = survey.traps
    n = len(trap)
    if not traps.is_search.any():
        return Sites(traps.xy, trap, np.arange(n), np.ones(n)), list(histories)
    rules = [
        (traps.xy[k][None, :], np.ones(1))
        if traps.searches[k] is None
        else quadrature(traps.searches[k], smallest_sigma)
        for k in trap
    ]
    sizes = np.array([len(weight) for _, weight in rules], dtype=np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)])
    places = np.concatenate([_NONE, *(h.places for h in histories)])
    parents = [np.repeat(np.arange(n), sizes), *(h.place_columns for h in histories)]
    parent = np.concatenate(parents).astype(np.int64)
    sites = Sites(
        xy=np.concatenate([*(xy for xy, _ in rules), survey.captures.positions[places]]),
        site=np.arange(len(parent), dtype=np.int64),
        parent=parent,
        weight=np.concatenate([*(weight for _, weight in rules), np.zeros(len(places))]),
    )
    found = []
    next_place = int(first[-1])
    for history in histories:
        end = next_place + len(history.places)
        found.append(_moved(history, first[:-1], np.arange(next_place, end), sites, n))
        next_place = end
    return sites, found


_NONE: IntArray = np.zeros(0, dtype=np.int64)


def _moved(
    history: History, first: IntArray, places: IntArray, sites: Sites, n_columns: int
) -> History:
    """A history in the new columns; traps that are points keep one column each."""
    columns, efforts = history.exposure_change
    change = sites.exposure(sum_by_row(columns, efforts, n_columns))
    changed = np.flatnonzero(change != 0.0)
    return replace(
        history,
        columns=np.concatenate([first[history.columns], places]),
        counts=np.concatenate([history.counts, np.ones(len(places))]),
        competing=[(first[column], effort) for column, effort in history.competing],
        exposure_change=(changed, change[changed]),
    )
