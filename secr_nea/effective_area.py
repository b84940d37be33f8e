"""The amplitude of detection that gives a survey a wanted effective sampling area.

The effective sampling area of a survey is the area in which as many animals would live as were
detected, esa = integral of p.(x). Where it is a parameter of the model, the hazard lambda0 follows
from it: with the exposure G(x) = sum_ks T_ks s(d_k(x)) of the survey, lambda0 solves
sum_m a (1 - exp(-lambda0 G_m)) = esa. Density is then nearly n / esa, and hardly correlated with
sigma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.detection import DetectionFunction
from secr_nea.errors import ModelError
from secr_nea.frames import DetectionFrame
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.survey import Survey

_TILE = 2048
_MOST_STEPS = 200

Shapes = Sequence[FloatArray]
"""Parameters of the shape (sigma, and z or w) at each row, each (n_rows,)."""


@dataclass(frozen=True)
class _Cell:
    """Animals of one survey that share an effective area.

    Parameters
    ----------
    survey : Survey
    trap, row : int64 arrays, shape (n_places,)
        Trap and row of the detection parameters of each place that an undetected animal meets.
    effort : float64 array, shape (n_places,)
    members : int64 array
        All rows of these animals, learned responses included: they share the amplitude.
    """

    survey: Survey
    trap: IntArray
    row: IntArray
    effort: FloatArray
    members: IntArray


@dataclass(frozen=True)
class EffectiveArea:
    """Amplitudes from effective sampling areas, and their derivatives.

    Parameters
    ----------
    function : DetectionFunction
        A hazard.
    cells : tuple of cells
        One for each survey, class of animals and combination of their covariates.
    """

    function: DetectionFunction
    cells: tuple[_Cell, ...]

    @classmethod
    def of(
        cls,
        function: DetectionFunction,
        surveys: Sequence[Survey],
        rows: DetectionFrame,
        parameter: Parameter,
    ) -> EffectiveArea:
        """For the rows of detection parameters of a model.

        Parameters
        ----------
        function : DetectionFunction
        surveys : sequence of Survey
        rows : DetectionFrame
        parameter : Parameter
            esa.

        Raises
        ------
        ModelError
            If the formula of esa tells traps, occasions or learned animals apart: an area is that
            of a whole survey.
        """
        cells: list[_Cell] = []
        for survey, own in zip(surveys, rows.rows, strict=True):
            levels = parameter.row_of[own]
            if (levels != levels[..., :1, :1, :1]).any():
                raise ModelError(
                    f"esa {parameter.text} differs between traps, occasions or animals that "
                    "learned; an effective sampling area is that of a survey. Use session or "
                    "survey covariates, classes or groups; or a formula for "
                    f"{function.amplitude}."
                )
            seen: set[int] = set()
            for part in own.reshape(-1, *own.shape[2:]):
                if int(part.flat[0]) not in seen:
                    seen.add(int(part.flat[0]))
                    cells.append(_cell(survey, part))
        return cls(function, tuple(cells))

    def amplitudes(self, areas: FloatArray, shapes: Shapes) -> FloatArray:
        """Hazard amplitude at each row.

        Parameters
        ----------
        areas : float64 array, shape (n_rows,), km2
            Effective sampling area.
        shapes : sequence of float64 arrays, each (n_rows,)

        Returns
        -------
        float64 array, shape (n_rows,)
            Infinite where the survey cannot reach so large an area.
        """
        out = np.full(len(areas), np.inf)
        for cell in self.cells:
            exposure = self._exposure(cell, shapes)
            wanted = float(areas[cell.members[0]]) / cell.survey.mask.cell_area
            out[cell.members] = _amplitude(exposure, wanted)
        return out

    def pull_back(
        self, amplitudes: FloatArray, shapes: Shapes, d_amplitudes: FloatArray
    ) -> tuple[FloatArray, list[FloatArray]]:
        """From derivatives to the amplitudes to those to areas and shapes.

        Parameters
        ----------
        amplitudes : float64 array, shape (n_rows,)
        shapes : sequence of float64 arrays, each (n_rows,)
        d_amplitudes : float64 array, shape (n_rows,)

        Returns
        -------
        float64 array, shape (n_rows,)
            Derivative to the areas.
        list of float64 arrays, each (n_rows,)
            Derivatives to the shapes' parameters.
        """
        d_areas = np.zeros(len(amplitudes))
        d_shapes = [np.zeros(len(amplitudes)) for _ in shapes]
        for cell in self.cells:
            amplitude = float(amplitudes[cell.members[0]])
            exposure = self._exposure(cell, shapes)
            left = np.exp(-amplitude * exposure) * cell.survey.mask.cell_area
            d_area = float(d_amplitudes[cell.members].sum()) / float((left * exposure).sum())
            d_areas[cell.members[0]] += d_area
            for d_shape, moved in zip(d_shapes, self._moved(cell, shapes, left), strict=True):
                d_shape += sum_by_row(cell.row, -d_area * amplitude * moved, len(d_shape))
        return d_areas, d_shapes

    def _moved(self, cell: _Cell, shapes: Shapes, weight: FloatArray) -> list[FloatArray]:
        """Derivatives of sum_m weight_m G_m to each shape parameter of each place."""
        total = [np.zeros(len(cell.row)) for _ in shapes]
        with np.errstate(all="ignore"):
            for span, d2, values in self._tiles(cell, shapes):
                hazard = cell.effort[:, None] * np.exp(self.function.shape.log_value(d2, *values))
                slopes = self.function.shape.slopes(d2, *values)[:-1]
                for part, slope in zip(total, slopes, strict=True):
                    part += (hazard * slope) @ weight[span]
        return total

    def _tiles(
        self, cell: _Cell, shapes: Shapes
    ) -> list[tuple[slice, FloatArray, list[FloatArray]]]:
        """Points, squared distances of each place, and the shape's parameters there."""
        values = [shape[cell.row][:, None] for shape in shapes]
        sites = cell.survey.traps.xy[cell.trap]
        mask = cell.survey.mask
        tiles = []
        for start in range(0, mask.n_points, _TILE):
            span = slice(start, min(start + _TILE, mask.n_points))
            difference = sites[:, None, :] - mask.xy[span]
            tiles.append((span, np.einsum("jma,jma->jm", difference, difference), values))
        return tiles

    def _exposure(self, cell: _Cell, shapes: Shapes) -> FloatArray:
        """G(x_m), shape (n_points,)."""
        out = np.empty(cell.survey.mask.n_points)
        with np.errstate(all="ignore"):
            for span, d2, values in self._tiles(cell, shapes):
                out[span] = cell.effort @ np.exp(self.function.shape.log_value(d2, *values))
        return out


def _cell(survey: Survey, part: IntArray) -> _Cell:
    """Places of (n_states, n_traps, n_occasions) rows; equal ones are added up."""
    n_traps, n_occasions = survey.traps.effort.shape
    trap = np.repeat(np.arange(n_traps), n_occasions)
    naive = np.broadcast_to(part[0], (n_traps, n_occasions)).reshape(-1)
    pairs, place = np.unique(np.column_stack([trap, naive]), axis=0, return_inverse=True)
    effort = sum_by_row(place.reshape(-1), survey.traps.effort.reshape(-1), len(pairs))
    return _Cell(survey, pairs[:, 0], pairs[:, 1], effort, np.unique(part).astype(np.int64))


def _amplitude(exposure: FloatArray, wanted: float) -> float:
    """lambda0 with sum_m (1 - exp(-lambda0 G_m)) = wanted; the sum is concave in lambda0.

    Newton's steps from below the root therefore never pass it.
    """
    total = float(exposure.sum())
    if not (np.isfinite(total) and 0.0 < wanted < float((exposure > 0.0).sum())):
        return float("inf")
    amplitude = wanted / total
    for _ in range(_MOST_STEPS):
        left = np.exp(-amplitude * exposure)
        missing = wanted - float(-np.expm1(-amplitude * exposure).sum())
        step = missing / float((left * exposure).sum())
        amplitude += step
        if not abs(step) > 1e-15 * amplitude:
            break
    return amplitude
