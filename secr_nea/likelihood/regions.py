"""A block in pieces of the map, each with the cameras and animals that can matter there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from secr_nea._kernels.tiles import Tables, encounter_logs
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.detection import DetectionFunction
from secr_nea.likelihood.separable import anchors, most_terms

if TYPE_CHECKING:
    from secr_nea.likelihood.tables import Block

# Below so many pairs of column and point the whole block is as quick.
_PAIRS = 4_000_000
# Points of a region: few make it small, many spread the cost of laying it out.
_POINTS = 4096
# Anchors that are looked at together.
_ANCHORS = 256

Columns = tuple[FloatArray, ...]
"""One array for each detection parameter, over the hazard columns."""


@dataclass(frozen=True)
class Region:
    """Some points of a block, and what is near them.

    Parameters
    ----------
    block : Block
        The points, columns and animals of the region alone.
    points : int64 array
        Which points of the whole block they are.
    columns : int64 array
        Which hazard columns.
    animals : int64 array
        Which animals, by their position in the whole block.
    """

    block: Block
    points: IntArray
    columns: IntArray
    animals: IntArray


def regions_of(
    block: Block,
    function: DetectionFunction,
    values: Columns,
    log_weight: FloatArray,
    largest_change: float,
) -> list[Region] | None:
    """Cut a large block into regions, and leave out of each what is too far to matter.

    Parameters
    ----------
    block : Block
    function : DetectionFunction
    values : tuple of float64 arrays, each (J, 1)
        Detection parameters of each hazard column.
    log_weight : float64 array, shape (n_points,)
    largest_change : float
        How much the total hazard at any point, and the log sum of any animal, may change by it
        (the likelihood page proves what follows from it).

    Returns
    -------
    list of Region or None
        None where the block is small, where nothing would be left out, and for functions that
        are not known to fall with distance.
    """
    if not function.falls or block.n_points * block.n_columns < _PAIRS:
        return None
    far = _Far.of(block, function, values, log_weight, largest_change)
    pieces = squares(block.points, _POINTS)
    chosen = [(points, *far.near(points)) for points in pieces]
    pairs = sum(len(points) * int(columns.sum()) for points, columns, _ in chosen)
    if pairs > 0.7 * block.n_points * block.n_columns:
        return None
    return [
        Region(
            part_of(block, points, np.flatnonzero(columns), np.flatnonzero(animals)),
            points,
            np.flatnonzero(columns),
            np.flatnonzero(animals),
        )
        for points, columns, animals in chosen
    ]


def squares(points: FloatArray, size: int) -> list[IntArray]:
    """Points by the squares of a coarse grid, about so many in each.

    Parameters
    ----------
    points : float64 array, shape (2, n_points), metres
    size : int

    Returns
    -------
    list of int64 arrays
        Every point once, in rising order within a square.
    """
    low, high = points.min(axis=1), points.max(axis=1)
    side = np.sqrt(max(float(np.prod(high - low)), 1.0) * size / points.shape[1])
    side = max(side, float((high - low).max()) / 1000.0, 1.0)
    column, row = ((points - low[:, None]) // side).astype(np.int64)
    square = row * (column.max() + 1) + column
    order = np.argsort(square, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(square[order])) + 1)


@dataclass(frozen=True)
class _Far:
    """What can be left out of a region.

    Parameters
    ----------
    block, function, values, log_weight
        As for `regions_of`.
    column_floor : float64 array, shape (J,)
        Log hazard up to which a column does not matter.
    animal_floor : float64 array, shape (n_animals,)
        Log of weight and detections, at best, up to which the points of a region do not matter.
    """

    block: Block
    function: DetectionFunction
    values: Columns
    log_weight: FloatArray
    column_floor: FloatArray
    animal_floor: FloatArray

    @classmethod
    def of(
        cls,
        block: Block,
        function: DetectionFunction,
        values: Columns,
        log_weight: FloatArray,
        largest_change: float,
    ) -> _Far:
        t = block.tables
        largest = np.zeros(block.n_columns)
        np.maximum.at(largest, t.exposure_column, t.exposure_effort)
        np.maximum.at(largest, t.competing_column, t.competing_effort)
        with np.errstate(divide="ignore"):
            column_floor = np.log(largest_change / most_terms(block)) - np.log(largest)
        least = _least_sums(block, function, values, log_weight)
        return cls(
            block,
            function,
            values,
            log_weight,
            column_floor,
            least + np.log(largest_change) - np.log(block.n_points),
        )

    def near(self, points: IntArray) -> tuple[BoolArray, BoolArray]:
        """Columns (J,) and animals (n_animals,) that can matter at some points."""
        t, block = self.block.tables, self.block
        xy = block.points[:, points]
        low, high = xy.min(axis=1), xy.max(axis=1)
        beyond = np.maximum(np.maximum(low - block.sites, block.sites - high), 0.0)
        d2 = np.einsum("ka,ka->k", beyond, beyond)[block.column_site][:, None]
        with np.errstate(all="ignore"):
            highest = self.function.log_hazard(d2, *self.values)[:, 0]
        columns = highest > self.column_floor
        animals = np.zeros(block.n_animals, dtype=np.bool_)
        if block.n_animals:
            best = np.add.reduceat(
                t.detection_count * highest[t.detection_column], t.detection_start[:-1]
            )
            animals = best + self.log_weight[points].max() > self.animal_floor
            # An animal's own detections are never left out where the animal is not.
            own = np.repeat(animals, np.diff(t.detection_start))
            columns[t.detection_column[own]] = True
        return columns, animals


def _least_sums(
    block: Block, function: DetectionFunction, values: Columns, log_weight: FloatArray
) -> FloatArray:
    """Lower bound of each animal's log sum: its value at one point near its detections."""
    at = anchors(block, block.sites[block.column_site])
    pattern = np.repeat(np.arange(len(block.tables.base)), np.diff(block.tables.pattern_start))
    out = np.empty(block.n_animals)
    for start in range(0, len(at), _ANCHORS):
        some = slice(start, start + _ANCHORS)
        difference = block.sites[:, None, :] - block.points[:, at[some]].T
        d2 = np.einsum("kia,kia->ki", difference, difference)[block.column_site]
        with np.errstate(all="ignore"):
            log_hazard = np.ascontiguousarray(function.log_hazard(d2, *values))
        encounter_logs(block.tables, pattern[some], start, log_hazard, out[some])
    return np.asarray(out + log_weight[at])


# --- a part of a block ----------------------------------------------------------------------------


def part_of(block: Block, points: IntArray, columns: IntArray, animals: IntArray) -> Block:
    """A block with some of its points, columns and animals.

    Parameters
    ----------
    block : Block
    points, columns, animals : int64 arrays
        In rising order; animals by their position in the block.

    Returns
    -------
    Block
        Its patterns are those that these animals, and undetected ones, are exposed to.
    """
    t = block.tables
    place = np.full(block.n_columns, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    pattern = np.searchsorted(t.pattern_start, animals, side="right") - 1
    used = np.zeros(len(t.base), dtype=np.bool_)
    used[t.undetected] = used[pattern] = True
    for p in np.flatnonzero(used & (t.base >= 0)):
        base = t.base[p]
        while base >= 0:
            used[base] = True
            base = t.base[base]
    patterns = np.flatnonzero(used)
    new_pattern = np.cumsum(used) - 1
    exposure = _rows(t.exposure_start, t.exposure_column, t.exposure_effort, patterns, place)
    detection = _rows(t.detection_start, t.detection_column, t.detection_count, animals, place)
    terms = np.unique(_rows(t.occasion_start, t.occasion_term, t.occasion_count, animals)[1])
    new_term = np.full(len(t.competing_start) - 1, -1, dtype=np.int64)
    new_term[terms] = np.arange(len(terms))
    occasion = _rows(t.occasion_start, t.occasion_term, t.occasion_count, animals, new_term)
    competing = _rows(t.competing_start, t.competing_column, t.competing_effort, terms, place)
    base = t.base[patterns]
    tables = Tables(
        np.where(base >= 0, new_pattern[base], -1),
        *exposure,
        *competing,
        np.searchsorted(new_pattern[pattern], np.arange(len(patterns) + 1)),
        *detection,
        *occasion,
        new_pattern[t.undetected],
    )
    sites, column_site = np.unique(block.column_site[columns], return_inverse=True)
    return replace(
        block,
        tables=tables,
        sites=np.ascontiguousarray(block.sites[sites]),
        column_site=column_site.reshape(-1),
        column_row=block.column_row[columns],
        column_kind=block.column_kind[columns],
        points=np.ascontiguousarray(block.points[:, points]),
        animals=block.animals[animals],
        capped_effort=block.capped_effort[columns],
    )


def _rows(
    start: IntArray,
    item: IntArray,
    number: FloatArray,
    rows: IntArray,
    place: IntArray | None = None,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Some rows of a sparse table, with the items that have a new place, under that."""
    sizes = np.diff(start)[rows]
    first = np.repeat(start[rows] - np.append(0, np.cumsum(sizes)[:-1]), sizes)
    entry = first + np.arange(len(first))
    row = np.repeat(np.arange(len(rows)), sizes)
    new = item[entry] if place is None else place[item[entry]]
    kept = new >= 0
    edges = np.append(0, np.cumsum(np.bincount(row[kept], minlength=len(rows))))
    return edges.astype(np.int64), new[kept], number[entry[kept]]
