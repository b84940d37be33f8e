"""From the coefficients of a model to its detection parameters, and back for the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.detection import DetectionFunction, whole_range
from secr_nea.effective_area import EffectiveArea
from secr_nea.frames import DetectionFrame
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.units import M2_PER_KM2, SIGMA_AT_UNIT_DENSITY


@dataclass(frozen=True)
class DetectionDesign:
    """The detection parameters at every row of the detection covariates.

    Parameters
    ----------
    function : DetectionFunction
    parameters : tuple of Parameter
        In the order of ``function.parameters``; a0 or esa may stand for the amplitude, sigmak for
        sigma.
    rows : DetectionFrame
    n_coefficients : int
        Of the whole model.
    area : EffectiveArea or None
        From the effective sampling area to the amplitude, where esa stands for it.
    """

    function: DetectionFunction
    parameters: tuple[Parameter, ...]
    rows: DetectionFrame
    n_coefficients: int
    area: EffectiveArea | None = None

    @property
    def has_a0(self) -> bool:
        """Whether a0 stands for the amplitude."""
        return self.parameters[0].name == "a0"

    @property
    def has_sigmak(self) -> bool:
        """Whether sigma follows density."""
        return self.parameters[1].name == "sigmak"

    def natural(self, coefficients: FloatArray) -> tuple[FloatArray, ...]:
        """Natural-scale value of each detection parameter at each row.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        tuple of float64 arrays, each (n_rows,)
            In the order of ``function.parameters``: a0 or esa is already turned into the amplitude,
            and sigmak into sigma at a density of 1 animal per 100 km2.
        """
        values = [p.values(coefficients)[p.row_of] for p in self.parameters]
        if self.has_sigmak:
            values[1] = values[1] * SIGMA_AT_UNIT_DENSITY
        if self.has_a0:
            lambda0 = _lambda0_of_a0(values[0], values[1])
            values[0] = lambda0 if self.function.is_hazard else -np.expm1(-lambda0)
        if self.area is not None:
            values[0] = self.area.amplitudes(values[0], values[1:])
        return tuple(values)

    def with_column(self, name: str, value: float) -> DetectionDesign:
        """The same with one covariate at the same value in every row.

        Parameters
        ----------
        name : str
            A numeric column of ``rows.frame``.
        value : float

        Returns
        -------
        DetectionDesign
        """
        frame = self.rows.frame.assign(**{name: value})
        parameters = tuple(
            replace(p, rows=p.design.apply(frame), row_of=np.arange(len(frame)))
            if p.design is not None and name in p.design.variables
            else p
            for p in self.parameters
        )
        return replace(self, parameters=parameters, rows=replace(self.rows, frame=frame))

    def hazards(self, coefficients: FloatArray) -> tuple[FloatArray, ...]:
        """`natural` with the amplitude as a hazard per place.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        tuple of float64 arrays, each (n_rows,)
            The amplitude of searches is divided by the integral of the shape over a whole range:
            per m2 for areas, per m for transects. Other rows are as they are.
        """
        values = self.natural(coefficients)
        if not self._search_rows:
            return values
        amplitude = values[0].copy()
        for dimension, rows in self._search_rows:
            own = [value[rows] for value in values[1:]]
            amplitude[rows] /= whole_range(self.function.shape, dimension, *own)[0]
        return (amplitude, *values[1:])

    @cached_property
    def _search_rows(self) -> list[tuple[int, IntArray]]:
        """Rows of transects and of areas, where there are any."""
        found = [(d, np.flatnonzero(self.rows.dimension == d).astype(np.int64)) for d in (1, 2)]
        return [(d, rows) for d, rows in found if rows.size]

    def pull_back(self, coefficients: FloatArray, d_values: Sequence[FloatArray]) -> FloatArray:
        """Derivative to all coefficients from the derivative to `hazards`.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_values : sequence of float64 arrays, each (n_rows,)

        Returns
        -------
        float64 array, shape (n_coefficients,); zero for all but the coefficients of detection
        """
        d_own = [np.asarray(d_value) for d_value in d_values]
        if self._search_rows:
            d_own = self._pull_back_whole_range(coefficients, d_own)
        if self.has_a0:
            self._pull_back_a0(coefficients, d_own)
        if self.area is not None:
            amplitude, *shapes = self.natural(coefficients)
            d_own[0], d_shapes = self.area.pull_back(amplitude, shapes, d_own[0])
            d_own[1:] = [one + more for one, more in zip(d_own[1:], d_shapes, strict=True)]
        if self.has_sigmak:
            d_own[1] = d_own[1] * SIGMA_AT_UNIT_DENSITY
        gradient = np.zeros(self.n_coefficients)
        for parameter, d_value in zip(self.parameters, d_own, strict=True):
            distinct = sum_by_row(parameter.row_of, d_value, len(parameter.rows))
            gradient[parameter.slice] = parameter.pull_back(coefficients, distinct)
        return gradient

    def _pull_back_a0(self, coefficients: FloatArray, d_own: list[FloatArray]) -> None:
        """From derivatives to amplitude and sigma to those to a0 and sigma, in place."""
        a0, sigma = (p.values(coefficients)[p.row_of] for p in self.parameters[:2])
        if self.has_sigmak:
            sigma = sigma * SIGMA_AT_UNIT_DENSITY
        lambda0 = _lambda0_of_a0(a0, sigma)
        d_lambda0 = d_own[0] if self.function.is_hazard else d_own[0] * np.exp(-lambda0)
        d_own[0] = d_lambda0 * lambda0 / a0
        d_own[1] = d_own[1] - 2.0 * d_lambda0 * lambda0 / sigma

    def _pull_back_whole_range(
        self, coefficients: FloatArray, d_values: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """From the derivative to `hazards` to that to `natural`."""
        values = self.natural(coefficients)
        d_own = [d_value.copy() for d_value in d_values]
        for dimension, rows in self._search_rows:
            own = [value[rows] for value in values[1:]]
            whole, slopes = whole_range(self.function.shape, dimension, *own)
            d_own[0][rows] = d_values[0][rows] / whole
            for d_value, slope in zip(d_own[1:], slopes, strict=True):
                d_value[rows] -= d_own[0][rows] * values[0][rows] * slope
        return d_own


def _lambda0_of_a0(a0: FloatArray, sigma: FloatArray) -> FloatArray:
    """lambda0 = a0 / (2 pi sigma^2); a0 in km2, sigma in m."""
    return np.asarray(a0 * M2_PER_KM2 / (2.0 * np.pi * sigma**2))
