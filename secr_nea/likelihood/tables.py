"""From the animals of a survey to the sparse tables that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from secr_nea._kernels.tiles import Tables
from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.encounters import exposure_of
from secr_nea.likelihood.histories import History, animal_histories
from secr_nea.likelihood.separable import Separable, separable_of
from secr_nea.likelihood.sites import spread_over_searches
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.survey import Survey


@dataclass(frozen=True)
class Block:
    """One class (or group) of animals of one survey, as arrays.

    Parameters
    ----------
    tables : Tables
        Exposures, competing terms and detections over J hazard columns; animals are in the order
        of ``animals``.
    sites : float64 array, shape (n_sites, 2), metres
        Where detection happens.
    column_site : int64 array, shape (J,)
        Site of each hazard column.
    column_row : int64 array, shape (J,)
        Row of the model's detection values that each column uses.
    column_kind : int64 array, shape (J,)
        Columns of one kind have equal parameters, whatever these are, but for the amplitude.
    points : float64 array, shape (2, n_points), metres
        Mask points, coordinates first.
    cell_area : float, km2
    animals : int64 array, shape (n_animals,)
        Which animals of the survey, in the order of the tables.
    capped_effort : float64 array, shape (J,)
        Effort of each column at a capped detector, 0 at others.
    """

    tables: Tables
    sites: FloatArray
    column_site: IntArray
    column_row: IntArray
    column_kind: IntArray
    points: FloatArray
    cell_area: float
    animals: IntArray
    capped_effort: FloatArray

    @property
    def n_animals(self) -> int:
        """Number of animals that may belong to this block."""
        return len(self.animals)

    @property
    def n_columns(self) -> int:
        """Number of hazard columns, J."""
        return len(self.column_site)

    @property
    def n_points(self) -> int:
        """Number of mask points."""
        return int(self.points.shape[1])

    @cached_property
    def separable(self) -> Separable | None:
        """The block as the kernels for grids need it; None where the points are not on a grid."""
        return separable_of(self)

    def without_animals(self, xy: FloatArray | None = None) -> Block:
        """The same detectors and effort over other points, with nothing detected.

        Parameters
        ----------
        xy : float64 array, shape (n_points, 2), metres, optional
            Other points; the block's own by default.

        Returns
        -------
        Block
        """
        keep = len(self.tables.undetected)
        end = self.tables.exposure_start[keep]
        tables = Tables(
            base=self.tables.base[:keep],
            exposure_start=self.tables.exposure_start[: keep + 1],
            exposure_column=self.tables.exposure_column[:end],
            exposure_effort=self.tables.exposure_effort[:end],
            competing_start=np.zeros(1, dtype=np.int64),
            competing_column=_NO_INDEX,
            competing_effort=_NO_NUMBER,
            pattern_start=np.zeros(keep + 1, dtype=np.int64),
            detection_start=np.zeros(1, dtype=np.int64),
            detection_column=_NO_INDEX,
            detection_count=_NO_NUMBER,
            occasion_start=np.zeros(1, dtype=np.int64),
            occasion_term=_NO_INDEX,
            occasion_count=_NO_NUMBER,
            undetected=self.tables.undetected,
        )
        points = self.points if xy is None else np.ascontiguousarray(np.asarray(xy).T)
        return replace(self, tables=tables, points=points, animals=_NO_INDEX)

    def thinned(self, kept: IntArray) -> Block:
        """The same data over some of the points, each standing for a larger cell.

        Parameters
        ----------
        kept : int64 array, shape (n_kept,)

        Returns
        -------
        Block
        """
        points = np.ascontiguousarray(self.points[:, kept])
        larger = self.cell_area * self.n_points / points.shape[1]
        return replace(self, points=points, cell_area=larger)


_NO_INDEX: IntArray = np.zeros(0, dtype=np.int64)
_NO_NUMBER: FloatArray = np.zeros(0)


def build_block(
    survey: Survey,
    rows: IntArray,
    parameters: Sequence[Parameter],
    animals: IntArray,
    pattern_of: IntArray,
    response: str,
    smallest_sigma: float,
) -> Block:
    """Tables of the animals of a survey that may belong to one class.

    Parameters
    ----------
    survey : Survey
    rows : int64 array, shape (n_patterns, n_states, n_traps, n_occasions)
        Row of the detection covariates for each combination of animal covariates, state of the
        learned response, trap and occasion.
    parameters : sequence of Parameter
        Detection parameters: places at which all of them agree share a column.
    animals : int64 array, shape (n,)
        Which animals of the survey.
    pattern_of : int64 array, shape (n_animals of the survey,)
        Combination of covariates of each animal.
    response : str
        Learned response of the animal, or "".
    smallest_sigma : float, metres
        Scale down to which integrals over searches are exact.

    Returns
    -------
    Block
    """
    capped_effort = _capped_effort(survey)
    column, column_trap, column_row, column_effort = _columns(rows, parameters, capped_effort)
    plain = animal_histories(survey, column, animals, pattern_of, response)
    sites, histories = spread_over_searches(survey, column_trap, plain, smallest_sigma)
    naive = [
        sites.exposure(_exposure(survey, column[u, 0], len(column_trap))) for u in range(len(rows))
    ]
    order, patterns, pattern_start = _patterns(histories, pattern_of[animals], naive)
    ordered = [histories[i] for i in order]
    terms = _Rows()
    competing = [[terms.add(key) for key in h.competing] for h in ordered]
    detection_start, detection_column, detection_count = _flat(
        [(h.columns, h.counts) for h in ordered]
    )
    occasion_start, occasion_term, occasion_count = _flat(
        [
            (np.array(c, dtype=np.int64), h.competing_counts)
            for c, h in zip(competing, ordered, strict=True)
        ]
    )
    tables = Tables(
        base=np.array(patterns.base, dtype=np.int64),
        exposure_start=patterns.start,
        exposure_column=patterns.column,
        exposure_effort=patterns.effort,
        competing_start=terms.start,
        competing_column=terms.column,
        competing_effort=terms.effort,
        pattern_start=pattern_start,
        detection_start=detection_start,
        detection_column=detection_column,
        detection_count=detection_count,
        occasion_start=occasion_start,
        occasion_term=occasion_term,
        occasion_count=occasion_count,
        undetected=np.arange(len(rows), dtype=np.int64),
    )
    return Block(
        tables=tables,
        sites=np.ascontiguousarray(sites.xy),
        column_site=sites.site,
        column_row=column_row[sites.parent],
        column_kind=_kinds(column_row, parameters[1:])[sites.parent],
        points=np.ascontiguousarray(survey.mask.xy.T),
        cell_area=survey.mask.cell_area,
        animals=np.asarray(animals[order], dtype=np.int64),
        capped_effort=column_effort[sites.parent],
    )


def _capped_effort(survey: Survey) -> FloatArray:
    """Effort at capped detectors, (n_traps, n_occasions); 0 at others."""
    capped = np.array([word == "capped" for word in survey.traps.detector])
    return np.where(capped[:, None], survey.traps.effort, 0.0)


def _columns(
    rows: IntArray, parameters: Sequence[Parameter], capped_effort: FloatArray
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Hazard column of each place in ``rows``; trap, data row and capped effort of each column."""
    constant = rows.strides[-1] == 0 or bool((rows == rows[..., :1]).all())
    constant &= bool((capped_effort == capped_effort[:, :1]).all())
    used = rows[..., :1] if constant else rows
    efforts = np.broadcast_to(capped_effort[:, :1] if constant else capped_effort, used.shape)
    flat, efforts = used.reshape(-1), efforts.reshape(-1)
    key = np.broadcast_to(np.arange(rows.shape[2])[:, None], used.shape).reshape(-1)
    if capped_effort.any():
        distinct, which = np.unique(efforts, return_inverse=True)
        key = key * len(distinct) + which.reshape(-1)
    for parameter in parameters:
        key = np.unique(
            key.astype(np.int64) * len(parameter.rows) + parameter.row_of[flat],
            return_inverse=True,
        )[1].reshape(-1)
    _, first = np.unique(key, return_index=True)
    site = np.broadcast_to(np.arange(rows.shape[2])[:, None], used.shape).reshape(-1)[first]
    column = np.broadcast_to(key.reshape(used.shape), rows.shape)
    return (
        column.astype(np.int64),
        site.astype(np.int64),
        flat[first].astype(np.int64),
        efforts[first],
    )


def _kinds(column_row: IntArray, parameters: Sequence[Parameter]) -> IntArray:
    """Number of each distinct combination of parameters that columns have."""
    key = np.zeros(len(column_row), dtype=np.int64)
    for parameter in parameters:
        whole = key * len(parameter.rows) + parameter.row_of[column_row]
        key = np.unique(whole, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return key


def _exposure(survey: Survey, column: IntArray, n_columns: int) -> FloatArray:
    """Exposure in each column of an animal for which ``column`` (n_traps, n_occasions) holds."""
    exposure = exposure_of(survey.traps.detector, survey.traps.effort)
    return sum_by_row(column.reshape(-1), exposure.reshape(-1), n_columns)


class _Rows:
    """Sparse rows of (column, effort), each distinct one kept once."""

    def __init__(self) -> None:
        self.keys: dict[tuple[int, bytes, bytes], int] = {}
        self.base: list[int] = []
        self._columns: list[IntArray] = []
        self._effort: list[FloatArray] = []

    def add(self, entry: tuple[IntArray, FloatArray], base: int = -1) -> int:
        """Position of a row, which is added when it is new."""
        column, effort = entry
        key = (base, column.tobytes(), effort.tobytes())
        if key not in self.keys:
            self.keys[key] = len(self.base)
            self.base.append(base)
            self._columns.append(column)
            self._effort.append(effort)
        return self.keys[key]

    @property
    def start(self) -> IntArray:
        """Where each row begins."""
        return np.cumsum([0, *(len(c) for c in self._columns)], dtype=np.int64)

    @property
    def column(self) -> IntArray:
        """Columns of all rows."""
        return np.concatenate([_NO_INDEX, *self._columns]).astype(np.int64)

    @property
    def effort(self) -> FloatArray:
        """Effort of all rows."""
        return np.concatenate([_NO_NUMBER, *self._effort]).astype(np.float64)


def _patterns(
    histories: Sequence[History], pattern_of: IntArray, naive: Sequence[FloatArray]
) -> tuple[IntArray, _Rows, IntArray]:
    """Exposure patterns, and the animals ordered by theirs.

    The first patterns are those of animals that are never detected, one for each combination of
    covariates; the others differ from one of them by what a learned response changed.
    """
    patterns = _Rows()
    for u, exposure in enumerate(naive):
        used = np.flatnonzero(exposure != 0.0).astype(np.int64)
        # Two combinations may be equally exposed; the mark keeps their rows apart.
        patterns.add((used, exposure[used]), base=-1 - u)
    which = []
    for history, u in zip(histories, pattern_of, strict=True):
        changed = history.exposure_change
        which.append(int(u) if not len(changed[0]) else patterns.add(changed, base=int(u)))
    patterns.base = [-1 if base < 0 else base for base in patterns.base]
    order = np.argsort(np.array(which, dtype=np.int64), kind="stable")
    start = np.searchsorted(
        np.array(which, dtype=np.int64)[order], np.arange(len(patterns.base) + 1)
    )
    return order, patterns, start.astype(np.int64)


def _flat(
    rows: Sequence[tuple[IntArray, FloatArray]],
) -> tuple[IntArray, IntArray, FloatArray]:
    """Ranges, items and numbers of rows of different lengths; repeated items are added up."""
    start, items, numbers = [0], [_NO_INDEX], [_NO_NUMBER]
    for item, number in rows:
        distinct, position = np.unique(item, return_inverse=True)
        start.append(start[-1] + len(distinct))
        items.append(distinct)
        numbers.append(sum_by_row(position.reshape(-1), number, len(distinct)))
    return (
        np.array(start, dtype=np.int64),
        np.concatenate(items).astype(np.int64),
        np.concatenate(numbers).astype(np.float64),
    )
