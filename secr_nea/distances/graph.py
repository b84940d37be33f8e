"""The cells of a mask as a graph: neighbours, lengths of steps, and who stands where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea._typing import FloatArray, Int32Array, IntArray
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask

_ROOK = ((0, 1), (1, 0), (0, -1), (-1, 0))
_DIAGONAL = ((1, 1), (1, -1), (-1, -1), (-1, 1))
_KNIGHT = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))
STEPS: dict[int, tuple[tuple[int, int], ...]] = {
    4: _ROOK,
    8: _ROOK + _DIAGONAL,
    16: _ROOK + _DIAGONAL + _KNIGHT,
}
"""Steps (columns, rows) to the neighbours of a cell: the sides, the corners, the knight's moves."""

_EDGE = 1e-6
"""Share of a cell within which a place counts as being on an edge between cells."""

_MOST_GRID_CELLS = 2e8


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows and columns of the cells of a mask; the grid may be turned against the axes.

    Parameters
    ----------
    turn : float, radians
        Angle of the rows of the grid with the x axis.
    west, north : float, metres
        Outer edges of the first column and the first row, in turned coordinates.
    spacing : float, metres
    column, row : int64 arrays, shape (n_cells,)
    lookup : int32 array, shape (n_rows + 4, n_columns + 4)
        Cell at each row and column, shifted by 2; -1 where there is none.
    """

    turn: float
    west: float
    north: float
    spacing: float
    column: IntArray
    row: IntArray
    lookup: Int32Array

    @classmethod
    def of(cls, mask: HabitatMask) -> Grid:
        """The grid of a mask.

        Parameters
        ----------
        mask : HabitatMask

        Returns
        -------
        Grid

        Raises
        ------
        DataError
            If the points are not on one square grid.
        """
        for turn in (0.0, _turn(mask.xy, mask.spacing)):
            turned = _turned(mask.xy, turn)
            west, north = turned[:, 0].min(), turned[:, 1].max()
            steps = (turned - [west, north]) / [mask.spacing, -mask.spacing]
            whole = np.rint(steps)
            if np.abs(steps - whole).max() < 0.1:
                break
        else:
            raise DataError(
                "Least-cost and commute distances need a mask on one square grid; these points "
                "are not. Make the mask with HabitatMask.around, from_polygon or from_raster."
            )
        column, row = whole.astype(np.int64).T
        n_columns, n_rows = int(column.max()) + 5, int(row.max()) + 5
        if n_columns * n_rows > _MOST_GRID_CELLS:
            raise DataError(
                f"The mask spans {n_rows:,} rows x {n_columns:,} columns of {mask.spacing:g} m, "
                "too many for one graph. Use a larger spacing, or a graph for each survey: "
                "LeastCost(graph={'name of survey': mask, ...})."
            )
        lookup = np.full((n_rows, n_columns), -1, dtype=np.int32)
        lookup[row + 2, column + 2] = np.arange(len(column), dtype=np.int32)
        half = 0.5 * mask.spacing
        return cls(turn, west - half, north + half, mask.spacing, column, row, lookup)

    def cell_of(self, xy: FloatArray) -> IntArray:
        """Cell that holds each place; on an edge the southern, eastern one.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres

        Returns
        -------
        int64 array, shape (n,)
            -1 outside the mask.
        """
        x, y = _turned(np.asarray(xy, dtype=np.float64), self.turn).T
        n_rows, n_columns = self.lookup.shape[0] - 4, self.lookup.shape[1] - 4
        column = _cell_number((x - self.west) / self.spacing, n_columns)
        row = _cell_number((self.north - y) / self.spacing, n_rows)
        inside = (column >= 0) & (column < n_columns) & (row >= 0) & (row < n_rows)
        found = self.lookup[np.where(inside, row, 0) + 2, np.where(inside, column, 0) + 2]
        return np.where(inside, found, -1).astype(np.int64)

    def neighbours(self, steps: tuple[tuple[int, int], ...]) -> Int32Array:
        """Cell that each step leads to, (n_cells, n_steps); -1 where there is none."""
        table = np.empty((len(self.column), len(steps)), dtype=np.int32)
        for k, (right, down) in enumerate(steps):
            table[:, k] = self.lookup[self.row + 2 + down, self.column + 2 + right]
        return table


def _cell_number(position: FloatArray, n: int) -> IntArray:
    """Number of the cell at a position in cells; the far end of the grid is in its last cell."""
    number = np.floor(position + _EDGE).astype(np.int64)
    at_end = (number == n) & (position <= n + _EDGE)
    return np.where(at_end, n - 1, number)


def _turned(xy: FloatArray, turn: float) -> FloatArray:
    """Coordinates in a system turned by an angle."""
    if turn == 0.0:
        return xy
    c, s = np.cos(turn), np.sin(turn)
    return np.asarray(xy @ np.array([[c, -s], [s, c]]))


def _turn(xy: FloatArray, spacing: float) -> float:
    """Angle of the rows of a grid, up to 90 degrees, from the directions of near neighbours."""
    if len(xy) < 2:
        return 0.0
    near = np.asarray(cKDTree(xy).query(xy, k=2)[1])[:, 1]
    apart = xy[near] - xy
    used = np.abs(np.hypot(*apart.T) - spacing) < 0.1 * spacing
    angle = np.arctan2(apart[used, 1], apart[used, 0])
    return float(np.angle(np.exp(4j * angle).sum()) / 4.0) if used.any() else 0.0


@dataclass(frozen=True, eq=False)
class MaskGraph:
    """Cells of a mask with the steps between neighbours; read-only.

    Parameters
    ----------
    cells : HabitatMask
    grid : Grid
    table : int32 array, shape (n_cells, n_steps)
        Cell that each step leads to; -1 where there is none.
    lengths : float64 array, shape (n_steps,), metres
        Distance between the centres of the two cells.
    extra : float64 array, shape (n_cells, n_steps) or (0, 0), metres
        Cost that barriers add to each step, whatever the friction.
    """

    cells: HabitatMask
    grid: Grid
    table: Int32Array
    lengths: FloatArray
    extra: FloatArray

    @classmethod
    def of(cls, mask: HabitatMask, neighbors: int = 16) -> MaskGraph:
        """Graph of the cells of a mask.

        Parameters
        ----------
        mask : HabitatMask
        neighbors : {4, 8, 16}
            Cells that one step can reach: those at the sides; and at the corners; and at the
            knight's moves.

        Returns
        -------
        MaskGraph

        Raises
        ------
        DataError
            If ``neighbors`` is another number, or the mask is not on a square grid.
        """
        if neighbors not in STEPS:
            raise DataError(f"neighbors must be 4, 8 or 16; got {neighbors!r}.")
        grid = Grid.of(mask)
        lengths = mask.spacing * np.hypot(*np.array(STEPS[neighbors], dtype=np.float64).T)
        return cls(mask, grid, grid.neighbours(STEPS[neighbors]), lengths, np.zeros((0, 0)))

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.table)

    @property
    def average_degree(self) -> float:
        """Mean number of neighbours of a cell."""
        return float((self.table >= 0).sum() / self.n_cells)

    @cached_property
    def components(self) -> IntArray:
        """Number of the connected part that each cell belongs to, shape (n_cells,)."""
        u, k = np.nonzero(self.table >= 0)
        pairs = (np.ones(len(u), dtype=np.int8), (u, self.table[u, k]))
        matrix = sparse.csr_matrix(pairs, shape=(self.n_cells, self.n_cells))
        return np.asarray(sparse.csgraph.connected_components(matrix, directed=False)[1]).astype(
            np.int64
        )

    def snap(
        self, xy: FloatArray, what: str, ids: tuple[str, ...] | None = None, within: float = 0.0
    ) -> IntArray:
        """Cell that stands for each place.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres
        what : str
            What the places are, for messages: ``trap``, ``mask point``.
        ids : tuple of str, optional
            Their names.
        within : float, metres
            A place outside the cells moves to the nearest centre if that is at most so far away.

        Returns
        -------
        int64 array, shape (n,)

        Raises
        ------
        DataError
            If places are in no cell; the message names them.
        """
        cell = self.grid.cell_of(xy)
        lost = np.flatnonzero(cell < 0)
        if not lost.size:
            return cell
        nearest, distance = self.cells.nearest(xy[lost])
        cell = cell.copy()
        cell[lost] = np.where(distance <= within, nearest, -1)
        lost, distance = lost[distance > within], distance[distance > within]
        if lost.size:
            move = ", or snap_within= (metres) to move them to the nearest cell"
            move = move if what == "trap" else ""
            names = [ids[i] if ids else f"({xy[i, 0]:.0f}, {xy[i, 1]:.0f})" for i in lost.tolist()]
            raise DataError(
                f"{_checks.plural(len(lost), what)} of {len(xy)} "
                f"{'is' if len(lost) == 1 else 'are'} outside the cells over which distances are "
                f"measured: {_checks.listed(names)} (the farthest {distance.max():,.0f} m from a "
                f"centre). Give LeastCost(graph=...) a mask that covers them{move}."
            )
        return cell
