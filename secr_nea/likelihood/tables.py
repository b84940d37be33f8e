"""From a survey to the sparse tables that the kernels read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from secr_nea._kernels.tiles import Tables
from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.encounters import ENCOUNTERS
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.survey import Survey


@dataclass(frozen=True)
class Block:
    """The data of one survey as arrays.

    Parameters
    ----------
    tables : Tables
        Exposures, competing terms and detections over J hazard columns.
    sites : float64 array, shape (n_sites, 2), metres
        Where detection happens.
    column_site : int64 array, shape (J,)
        Site of each hazard column.
    column_row : int64 array, shape (J,)
        Row of the model's detection values that each column uses.
    points : float64 array, shape (2, n_points), metres
        Mask points, coordinates first.
    cell_area : float, km2
    n_animals : int
    constant : float
        Part of the log-likelihood that does not depend on parameters.
    """

    tables: Tables
    sites: FloatArray
    column_site: IntArray
    column_row: IntArray
    points: FloatArray
    cell_area: float
    n_animals: int
    constant: float

    @property
    def n_columns(self) -> int:
        """Number of hazard columns, J."""
        return len(self.column_site)

    @property
    def n_points(self) -> int:
        """Number of mask points."""
        return int(self.points.shape[1])

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
        n_patterns = len(self.tables.base)
        tables = self.tables._replace(
            competing_start=np.zeros(1, dtype=np.int64),
            competing_column=_NO_INDEX,
            competing_effort=_NO_NUMBER,
            pattern_start=np.zeros(n_patterns + 1, dtype=np.int64),
            detection_start=np.zeros(1, dtype=np.int64),
            detection_column=_NO_INDEX,
            detection_count=_NO_NUMBER,
            occasion_start=np.zeros(1, dtype=np.int64),
            occasion_term=_NO_INDEX,
            occasion_count=_NO_NUMBER,
        )
        points = self.points if xy is None else np.ascontiguousarray(np.asarray(xy).T)
        return replace(self, tables=tables, points=points, n_animals=0, constant=0.0)

    def thinned(self, every: int) -> Block:
        """The same data over every so many-th point, each standing for a larger cell.

        Parameters
        ----------
        every : int

        Returns
        -------
        Block
        """
        points = np.ascontiguousarray(self.points[:, ::every])
        larger = self.cell_area * self.n_points / points.shape[1]
        return replace(self, points=points, cell_area=larger)


_NO_INDEX: IntArray = np.zeros(0, dtype=np.int64)
_NO_NUMBER: FloatArray = np.zeros(0)


def build_block(survey: Survey, rows: IntArray, parameters: Sequence[Parameter]) -> Block:
    """Tables of one survey.

    Parameters
    ----------
    survey : Survey
    rows : int64 array, shape (n_traps, n_occasions)
        Row of the detection covariates for each trap and occasion.
    parameters : sequence of Parameter
        Detection parameters: traps and occasions at which all of them agree share a column.

    Returns
    -------
    Block
    """
    column, column_site, column_row = _columns(rows, parameters)
    captures = survey.captures
    traps = survey.traps
    order = np.lexsort((captures.trap, captures.occasion, captures.animal))
    animal = captures.animal[order]
    trap, occasion = captures.trap[order], captures.occasion[order]
    count = captures.count[order].astype(np.float64)
    effort = traps.effort[trap, occasion]
    record_column = column[trap, occasion]
    competing, constant = _records(traps.detector, trap, count, effort)
    detections = _grouped(animal, record_column, count, captures.n_animals)
    with_competing = np.flatnonzero(competing > 0.0)
    terms, term = np.unique(
        np.column_stack([record_column[with_competing], competing[with_competing]]),
        axis=0,
        return_inverse=True,
    )
    occasions = _grouped(
        animal[with_competing], term.reshape(-1), count[with_competing], captures.n_animals
    )
    exposure = sum_by_row(column.reshape(-1), traps.effort.reshape(-1), len(column_site))
    exposed = np.flatnonzero(exposure > 0.0)
    tables = Tables(
        base=np.array([-1], dtype=np.int64),
        exposure_start=np.array([0, len(exposed)], dtype=np.int64),
        exposure_column=exposed.astype(np.int64),
        exposure_effort=exposure[exposed],
        competing_start=np.arange(len(terms) + 1, dtype=np.int64),
        competing_column=terms[:, 0].astype(np.int64),
        competing_effort=np.ascontiguousarray(terms[:, 1]),
        pattern_start=np.array([0, captures.n_animals], dtype=np.int64),
        detection_start=detections[0],
        detection_column=detections[1],
        detection_count=detections[2],
        occasion_start=occasions[0],
        occasion_term=occasions[1],
        occasion_count=occasions[2],
        undetected=np.array([0], dtype=np.int64),
    )
    identical = captures.identical_histories.astype(np.float64)
    return Block(
        tables=tables,
        sites=np.ascontiguousarray(traps.xy),
        column_site=column_site,
        column_row=column_row,
        points=np.ascontiguousarray(survey.mask.xy.T),
        cell_area=survey.mask.cell_area,
        n_animals=captures.n_animals,
        constant=float(constant.sum() - gammaln(identical + 1.0).sum()),
    )


def _columns(
    rows: IntArray, parameters: Sequence[Parameter]
) -> tuple[IntArray, IntArray, IntArray]:
    """Hazard column of each trap and occasion, and the trap and data row of each column."""
    n_traps, n_occasions = rows.shape
    constant = rows.strides[1] == 0 or bool((rows == rows[:, :1]).all())
    used = rows[:, :1] if constant else rows
    site = np.broadcast_to(np.arange(n_traps)[:, None], used.shape)
    keys = np.column_stack([site.reshape(-1), *(p.row_of[used.reshape(-1)] for p in parameters)])
    distinct, first, column = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    shaped = np.broadcast_to(column.reshape(used.shape), (n_traps, n_occasions))
    return shaped, distinct[:, 0].astype(np.int64), used.reshape(-1)[first].astype(np.int64)


def _records(
    detectors: Sequence[str], trap: IntArray, count: FloatArray, effort: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Effort of the competing term of each record (0: none), and its constant."""
    kinds = np.array(detectors, dtype=object)[trap]
    competing = np.zeros(len(trap))
    constant = np.zeros(len(trap))
    for kind in set(kinds):
        chosen = kinds == kind
        encounter = ENCOUNTERS[kind]
        constant[chosen] = encounter.constant(count[chosen], effort[chosen])
        if encounter.competing_effort is not None:
            competing[chosen] = encounter.competing_effort(effort[chosen])
    return competing, constant


def _grouped(
    animal: IntArray, item: IntArray, count: FloatArray, n_animals: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Ranges, items and summed counts of each animal; repeated items are added up."""
    keys, position = np.unique(
        np.column_stack([animal, item]).astype(np.int64), axis=0, return_inverse=True
    )
    total = sum_by_row(position.reshape(-1), count, len(keys))
    start = np.searchsorted(keys[:, 0], np.arange(n_animals + 1)).astype(np.int64)
    return start, np.ascontiguousarray(keys[:, 1]), total[: len(keys)]
