"""Half-normal hazards over a mask that is a grid: sums and derivatives, patch by patch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from secr_nea._kernels.grid import Animals, Rows, Shapes
from secr_nea._kernels.grid_adjoint import patch_adjoint
from secr_nea._kernels.grid_reach import animal_gaussians, animal_reach
from secr_nea._kernels.grid_value import patch_hazards, patch_sums
from secr_nea._kernels.patches import Near, Patches, near_patches
from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.grid import patch_of, patches_of
from secr_nea.parameters import sum_by_row

if TYPE_CHECKING:
    from secr_nea.likelihood.tables import Block

TOLERANCE = 1e-11
"""How far the log-likelihood may be from that of all cameras and animals at all points."""
# Nanoseconds a cell for the value, measured on a 2.6 GHz core (derivatives take twice that): for
# the cell, for each entry of a pattern and of a competing term near it, and for each animal near
# it, alone where animals have competing terms, in one matrix product where they have none. They
# only say whether threads pay, and where to cut the work.
_CELL, _ENTRY, _TERM, _ANIMAL_ALONE, _ANIMAL = 5.0, 0.13, 0.93, 2.0, 0.1
# A sum below exp(-230) of the largest weight may have lost digits to underflow.
_LOWEST_LOG_SUM = -230.0


@dataclass(frozen=True)
class Separable:
    """What a block looks like to the grid kernels; independent of parameters.

    Parameters
    ----------
    patches : Patches
    column_xy : float64 array, shape (J, 2), metres
        Place of each hazard column.
    shape_column : int64 array, shape (G,)
        A column of each distinct shape (place and parameters other than the amplitude).
    entry_start, entry_row : int64 arrays, shapes (G + 1,) and (E,)
        Rows in which each shape takes part.
    source_entry, source_column : int64 arrays; source_effort : float64 array
        The exposures and competing efforts that make up each entry.
    rows : Rows
    pattern : int64 array, shape (n_animals,)
    detection_animal : int64 array
        Animal of each of the block's detections.
    anchor, anchor_patch : int64 arrays, shape (n_animals,)
        A mask point near each animal's detections, and its patch.
    most_terms : float
        Largest number of entries, repeats counted, on which one probability rests.
    shape_cost : float64 array, shape (G,)
        About how many nanoseconds a shape takes at each cell near it.
    most_shape_cost : float
        The largest of them.
    most_cells : int
        Cells of the largest patch.
    """

    patches: Patches
    column_xy: FloatArray
    shape_column: IntArray
    entry_start: IntArray
    entry_row: IntArray
    source_entry: IntArray
    source_column: IntArray
    source_effort: FloatArray
    rows: Rows
    pattern: IntArray
    detection_animal: IntArray
    anchor: IntArray
    anchor_patch: IntArray
    most_terms: float
    shape_cost: FloatArray
    most_shape_cost: float
    most_cells: int


def separable_of(block: Block) -> Separable | None:
    """Lay a block out for the grid kernels.

    Parameters
    ----------
    block : Block

    Returns
    -------
    Separable or None
        None where the mask points are not on a grid.
    """
    patches = patches_of(block.points)
    if patches is None:
        return None
    t = block.tables
    n_patterns, n_terms = len(t.base), len(t.competing_start) - 1
    row = np.concatenate(
        [
            np.repeat(np.arange(n_patterns), np.diff(t.exposure_start)),
            n_patterns + np.repeat(np.arange(n_terms), np.diff(t.competing_start)),
        ]
    )
    column = np.concatenate([t.exposure_column, t.competing_column])
    xy = block.sites[block.column_site]
    key = np.column_stack([xy[column], block.column_kind[column].astype(np.float64)])
    _, first, shape = np.unique(key, axis=0, return_index=True, return_inverse=True)
    n_rows = n_patterns + n_terms
    entries, source = np.unique(shape.reshape(-1) * n_rows + row, return_inverse=True)
    anchor = anchors(block, xy)
    shape_cost = sum_by_row(
        entries // n_rows, np.where(entries % n_rows < n_patterns, _ENTRY, _TERM), len(first)
    )
    return Separable(
        patches=patches,
        column_xy=np.ascontiguousarray(xy),
        shape_column=column[first],
        entry_start=np.searchsorted(entries // n_rows, np.arange(len(first) + 1)),
        entry_row=entries % n_rows,
        source_entry=source.reshape(-1),
        source_column=column,
        source_effort=np.concatenate([t.exposure_effort, t.competing_effort]),
        rows=Rows(t.base, len(t.undetected), n_terms),
        pattern=np.repeat(np.arange(n_patterns), np.diff(t.pattern_start)),
        detection_animal=np.repeat(np.arange(block.n_animals), np.diff(t.detection_start)),
        anchor=anchor,
        anchor_patch=patch_of(patches, anchor),
        most_terms=most_terms(block),
        shape_cost=shape_cost,
        most_shape_cost=float(shape_cost.max(initial=0.0)),
        most_cells=int((patches.width * patches.height).max()),
    )


def anchors(block: Block, xy: FloatArray) -> IntArray:
    """The mask point nearest to the mean place of each animal's detections.

    Parameters
    ----------
    block : Block
    xy : float64 array, shape (J, 2), metres
        Place of each column.

    Returns
    -------
    int64 array, shape (n_animals,)
    """
    from scipy.spatial import cKDTree

    t = block.tables
    n = block.n_animals
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    animal = np.repeat(np.arange(n), np.diff(t.detection_start))
    total = sum_by_row(animal, t.detection_count, n)
    center = [
        sum_by_row(animal, t.detection_count * axis, n) / total for axis in xy[t.detection_column].T
    ]
    nearest = np.asarray(cKDTree(block.points.T).query(np.column_stack(center))[1])
    return nearest.astype(np.int64)


def most_terms(block: Block) -> float:
    """Most entries of a pattern with its base, or of the competing terms of an animal.

    Parameters
    ----------
    block : Block

    Returns
    -------
    float
        On so many entries, repeats counted, one probability rests.
    """
    t = block.tables
    own = np.diff(t.exposure_start)
    exposed = int((own + np.where(t.base >= 0, own[t.base], 0)).max(initial=1))
    animal = np.repeat(np.arange(block.n_animals), np.diff(t.occasion_start))
    rests = t.occasion_count * np.diff(t.competing_start)[t.occasion_term]
    return float(max(exposed, sum_by_row(animal, rests, block.n_animals).max(initial=1.0)))


@dataclass(frozen=True, eq=False)
class Situation:
    """A block at given parameters, with what is near each patch."""

    given: Separable
    shapes: Shapes
    near: Near
    animals: Animals
    near_animals: Near
    log_weight: FloatArray

    @property
    def most_cost(self) -> float:
        """What the cost of all patches together cannot exceed, nanoseconds; takes no time."""
        given = self.given
        an_animal = _ANIMAL_ALONE if given.rows.n_terms else _ANIMAL
        a_cell = _CELL * len(given.patches.width) + an_animal * len(self.near_animals.item)
        return (a_cell + given.most_shape_cost * len(self.near.item)) * given.most_cells

    @cached_property
    def cost(self) -> FloatArray:
        """About how many nanoseconds the value of each patch takes, shape (n_patches,)."""
        given = self.given
        so_far = np.append(0.0, np.cumsum(given.shape_cost[self.near.item]))
        a_cell = _CELL + np.diff(so_far[self.near.start])
        an_animal = _ANIMAL_ALONE if given.rows.n_terms else _ANIMAL
        a_cell += an_animal * np.diff(self.near_animals.start)
        return np.asarray(a_cell * given.patches.width * given.patches.height)


def situation(
    block: Block, values: tuple[FloatArray, ...], log_weight: FloatArray, largest_change: float
) -> Situation:
    """What the grid kernels need at given parameters.

    Parameters
    ----------
    block : Block
        One with a `separable` layout.
    values : tuple of float64 arrays, each (J, 1)
        lambda0 and sigma of each column.
    log_weight : float64 array, shape (n_points,)
    largest_change : float
        How much the total hazard at any point, and the log sum of any animal, may change by
        leaving out what is far away (the likelihood page proves what follows from it).

    Returns
    -------
    Situation
    """
    given = block.separable
    assert given is not None
    lambda0, half = values[0][:, 0], 0.5 / values[1][:, 0] ** 2
    shapes = _shapes(given, lambda0, half)
    reach = _shape_reach(shapes, largest_change / given.most_terms)
    near = near_patches(shapes.x, shapes.y, reach, given.patches)
    animals = _animals(block, given, np.log(lambda0), half)
    reach = np.empty(block.n_animals)
    total = float(log_weight.max()) + np.log(block.n_points)
    animal_reach(
        animals,
        given.anchor,
        given.anchor_patch,
        block.points,
        log_weight,
        given.rows.base,
        shapes,
        near,
        total - np.log(largest_change) + 2.0 * largest_change,
        reach,
    )
    near_animals = near_patches(animals.x, animals.y, reach, given.patches)
    return Situation(given, shapes, near, animals, near_animals, log_weight)


def _shapes(given: Separable, lambda0: FloatArray, half: FloatArray) -> Shapes:
    """Shapes with the amplitude of each of their entries."""
    amplitude = sum_by_row(
        given.source_entry,
        given.source_effort * lambda0[given.source_column],
        len(given.entry_row),
    )
    x, y = (np.ascontiguousarray(axis) for axis in given.column_xy[given.shape_column].T)
    entries = (given.entry_start, given.entry_row, amplitude)
    return Shapes(x, y, half[given.shape_column], *entries)


def _shape_reach(shapes: Shapes, smallest: float) -> FloatArray:
    """Distance at which the largest entry of each shape falls to ``smallest``; -1: never above."""
    if not len(shapes.x):
        return np.zeros(0)
    largest = np.maximum.reduceat(np.abs(shapes.amplitude), shapes.entry_start[:-1])
    with np.errstate(divide="ignore"):
        squared = np.log(largest / smallest) / shapes.half
    return np.where(squared > 0.0, np.sqrt(np.maximum(squared, 0.0)), -1.0)


def _animals(block: Block, given: Separable, log_lambda0: FloatArray, half: FloatArray) -> Animals:
    t = block.tables
    out = np.empty((4, block.n_animals))
    animal_gaussians(
        (t.detection_start, t.detection_column, t.detection_count),
        given.column_xy,
        log_lambda0,
        half,
        out,
    )
    occasions = (t.occasion_start, t.occasion_term, t.occasion_count)
    return Animals(out[0], out[1], out[2], out[3], given.pattern, *occasions)


def pattern_hazard(block: Block, values: tuple[FloatArray, ...], pattern: int) -> FloatArray:
    """Total hazard of one exposure pattern at every point, within 1e-14.

    Parameters
    ----------
    block : Block
        One with a `separable` layout.
    values : tuple of float64 arrays, each (J, 1)
        lambda0 and sigma of each column.
    pattern : int

    Returns
    -------
    float64 array, shape (n_points,)
    """
    given = block.separable
    assert given is not None
    shapes = _shapes(given, values[0][:, 0], 0.5 / values[1][:, 0] ** 2)
    of_pattern = (shapes.entry_row == pattern) | (shapes.entry_row == given.rows.base[pattern])
    shape = np.repeat(np.arange(len(shapes.x)), np.diff(shapes.entry_start))
    amplitude = sum_by_row(shape, np.where(of_pattern, shapes.amplitude, 0.0), len(shapes.x))
    reach = _shape_reach(shapes, 1e-14 / given.most_terms)
    near = near_patches(shapes.x, shapes.y, reach, given.patches)
    out = np.empty(block.n_points)
    patch_hazards(given.patches, shapes, amplitude, near, out)
    return out


class PatchSums(NamedTuple):
    """Room for the sums of each patch, and how they come together."""

    sums: FloatArray
    detected: FloatArray

    @classmethod
    def of(cls, given: Situation) -> PatchSums:
        """Empty room."""
        n_patches = len(given.given.patches.width)
        pairs = len(given.near_animals.item)
        return cls(np.empty(pairs), np.empty((n_patches, given.given.rows.n_undetected)))

    def run(self, given: Situation, first: int, end: int) -> None:
        """Sums of the patches first <= k < end."""
        own = given.given
        patch_sums(
            first,
            end,
            own.patches,
            given.shapes,
            own.rows,
            given.near,
            given.animals,
            given.near_animals,
            given.log_weight,
            self.sums,
            self.detected,
        )

    def together(self, given: Situation) -> tuple[FloatArray, FloatArray]:
        """Log sum of each animal (without the data's constant), and the number detected."""
        n = len(given.animals.x)
        with np.errstate(divide="ignore"):
            logs = np.log(sum_by_row(given.near_animals.item, self.sums, n))
        return logs + given.animals.constant, self.detected.sum(axis=0)


def keeps_digits(given: Situation, animal_log: FloatArray) -> bool:
    """Whether no sum is so small that numbers below 1e-300 could matter to it.

    Parameters
    ----------
    given : Situation
    animal_log : float64 array, shape (n_animals,)

    Returns
    -------
    bool
    """
    floor = float(given.log_weight.max()) + _LOWEST_LOG_SUM
    return bool((animal_log - given.animals.constant > floor).all())


class PatchAdjoint(NamedTuple):
    """Room for the derivatives of each patch, and how they come together."""

    scale: FloatArray
    factor: FloatArray
    entry_start: IntArray
    entry: IntArray
    d_entries: FloatArray
    moments: FloatArray
    d_log_weight: FloatArray

    @classmethod
    def of(cls, given: Situation, animal_log: FloatArray, factor: FloatArray) -> PatchAdjoint:
        """Empty room; animal_log and factor as in `secr_nea.likelihood.blocks.block_adjoint`."""
        sizes = np.diff(given.shapes.entry_start)[given.near.item]
        ends = np.concatenate([[0], np.cumsum(sizes)])
        entry = np.arange(ends[-1]) + np.repeat(
            given.shapes.entry_start[given.near.item] - ends[:-1], sizes
        )
        return cls(
            np.exp(given.animals.constant - animal_log)[given.near_animals.item],
            factor,
            ends[given.near.start],
            entry,
            np.empty((2, len(entry))),
            np.empty((4, len(given.near_animals.item))),
            np.empty(len(given.log_weight)),
        )

    def run(self, given: Situation, first: int, end: int) -> None:
        """Derivatives at the points of the patches first <= k < end."""
        own = given.given
        patch_adjoint(
            first,
            end,
            own.patches,
            given.shapes,
            own.rows,
            given.near,
            given.animals,
            given.near_animals,
            given.log_weight,
            self.scale,
            self.factor,
            self.entry_start,
            self.d_entries,
            self.moments,
            self.d_log_weight,
        )

    def together(
        self, given: Situation, block: Block, values: tuple[FloatArray, ...]
    ) -> tuple[FloatArray, FloatArray]:
        """Derivatives to lambda0 and sigma of each column, each (J,).

        For h = lambda0 exp(-half d^2) they are h / lambda0 and h d^2 / sigma^3.
        """
        lambda0, sigma = (value[:, 0] for value in values)
        own, n = given.given, len(given.animals.x)
        n_entries = len(own.entry_row)
        plain, squared = (
            sum_by_row(self.entry, d, n_entries)[own.source_entry] * own.source_effort
            for d in self.d_entries
        )
        d_lambda0 = sum_by_row(own.source_column, plain, len(lambda0))
        d_sigma = lambda0 * sum_by_row(own.source_column, squared, len(lambda0))
        t = block.tables
        animal = own.detection_animal
        mass, along, up, spread = (
            sum_by_row(given.near_animals.item, self.scale * row, n)[animal] for row in self.moments
        )
        j, count = t.detection_column, t.detection_count
        x = own.column_xy[j, 0] - given.animals.x[animal]
        y = own.column_xy[j, 1] - given.animals.y[animal]
        d2 = spread - 2.0 * (x * along + y * up) + (x * x + y * y) * mass
        d_lambda0 += sum_by_row(j, count * mass, len(lambda0)) / lambda0
        return d_lambda0, (d_sigma + sum_by_row(j, count * d2, len(lambda0))) / sigma**3
