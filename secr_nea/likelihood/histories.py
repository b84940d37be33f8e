"""The capture history of each animal in terms of hazard columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.likelihood.encounters import ENCOUNTERS, exposure_of
from secr_nea.parameters import sum_by_row
from secr_nea.responses import animal_state
from secr_nea.survey import Survey

Sparse = tuple[IntArray, FloatArray]


@dataclass(frozen=True)
class History:
    """One animal.

    Parameters
    ----------
    columns, counts : arrays, shape (n_records,)
        Hazard column and number of detections of each record at a trap that is a point.
    competing : sequence of sparse rows
        Columns and effort of the argument of each competing term.
    competing_counts : float64 array
        How often each competing term counts.
    exposure_change : sparse row
        How a learned response moved exposure from column to column.
    places, place_columns : int64 arrays, shape (n_located,)
        Position of the captures and hazard column of each detection of a search.
    """

    columns: IntArray
    counts: FloatArray
    competing: Sequence[Sparse]
    competing_counts: FloatArray
    exposure_change: Sparse
    places: IntArray
    place_columns: IntArray


def animal_histories(
    survey: Survey,
    column: IntArray,
    animals: IntArray,
    pattern_of: IntArray,
    response: str,
) -> list[History]:
    """Histories of some animals of a survey.

    Parameters
    ----------
    survey : Survey
    column : int64 array, shape (n_patterns, n_states, n_traps, n_occasions)
        Hazard columns.
    animals : int64 array, shape (n,)
    pattern_of : int64 array, shape (n_animals of the survey,)
    response : str
        Learned response of the animal, or "".

    Returns
    -------
    list of History
    """
    captures, traps = survey.captures, survey.traps
    kinds = np.array(traps.detector, dtype=object)
    exposure = exposure_of(traps.detector, traps.effort)
    edges = np.searchsorted(captures.animal, np.arange(captures.n_animals + 1))
    found = []
    for i in animals:
        part = slice(edges[i], edges[i + 1])
        trap, occasion = captures.trap[part], captures.occasion[part]
        count = captures.count[part].astype(np.float64)
        own = column[pattern_of[i]]
        state = None
        if response:
            state = animal_state(response, traps.effort.shape, trap, occasion)
            here = own[state[trap, occasion].astype(np.int64), trap, occasion]
        else:
            here = own[0, trap, occasion]
        competing, repeats = _competing(survey, kinds, own, state, trap, occasion, count)
        is_point = ~traps.is_search[trap]
        first, end = np.searchsorted(captures.located, [part.start, part.stop])
        found.append(
            History(
                columns=here[is_point],
                counts=count[is_point],
                competing=competing,
                competing_counts=repeats,
                exposure_change=_moved(exposure, own, state),
                places=np.arange(first, end, dtype=np.int64),
                place_columns=here[captures.located[first:end] - part.start],
            )
        )
    return found


def _moved(effort: FloatArray, own: IntArray, state: BoolArray | None) -> Sparse:
    """Effort that a learned response took from the naive columns and gave to the others."""
    if state is None or not state.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    size = int(own.max()) + 1
    change = sum_by_row(own[1][state], effort[state], size)
    change -= sum_by_row(own[0][state], effort[state], size)
    used = np.flatnonzero(change != 0.0)
    return used, change[used]


def _competing(
    survey: Survey,
    kinds: IntArray,
    own: IntArray,
    state: BoolArray | None,
    trap: IntArray,
    occasion: IntArray,
    count: FloatArray,
) -> tuple[list[Sparse], FloatArray]:
    """Arguments of the competing terms of one animal, and how often each counts."""
    terms: list[Sparse] = []
    repeats: list[float] = []
    effort = survey.traps.effort
    for k, s, y in zip(trap, occasion, count, strict=True):
        kind = ENCOUNTERS[kinds[k]]
        if kind.competes_among_traps:
            rivals = np.flatnonzero((kinds == kinds[k]) & (effort[:, s] > 0.0))
            chosen = np.zeros(len(rivals), dtype=np.int64)
            if state is not None:
                chosen = state[rivals, s].astype(np.int64)
            columns, efforts = own[chosen, rivals, s], effort[rivals, s]
        elif kind.competing_effort is not None:
            columns = own[int(state[k, s]) if state is not None else 0, k, s][None]
            efforts = kind.competing_effort(effort[k, s][None])
        else:
            continue
        order = np.argsort(columns, kind="stable")
        terms.append((columns[order].astype(np.int64), efforts[order]))
        repeats.append(1.0 if kind.competes_among_traps else float(y))
    return terms, np.array(repeats)


def history_constant(survey: Survey, animals: IntArray) -> float:
    """Part of the log-likelihood of some animals that does not depend on parameters.

    Parameters
    ----------
    survey : Survey
    animals : int64 array, shape (n,)
        The animals among which identical histories are counted.

    Returns
    -------
    float
        Constants of the records minus the sum of log(f!) over distinct full histories; those with
        positions all differ.
    """
    captures = survey.captures
    chosen = np.isin(captures.animal, animals)
    trap, occasion = captures.trap[chosen], captures.occasion[chosen]
    count = captures.count[chosen].astype(np.float64)
    effort = survey.traps.effort[trap, occasion]
    kinds = np.array(survey.traps.detector, dtype=object)[trap]
    total = 0.0
    for kind in dict.fromkeys(kinds):
        part = kinds == kind
        total += float(ENCOUNTERS[kind].constant(count[part], effort[part]).sum())
    shared = captures.identical_among(animals).astype(np.float64)
    return total - float(gammaln(shared + 1.0).sum())
