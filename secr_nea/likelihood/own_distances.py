"""Distances by the model's own metric, measured once for each value of its coefficients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.distances import Measured
from secr_nea.likelihood.blocks import BlockAdjoint
from secr_nea.likelihood.center_effects import FARTHEST_SQUARED
from secr_nea.likelihood.layout import Population
from secr_nea.model import Model


class OwnDistances:
    """The distances of a model; those to the mask points are remembered.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[int, tuple[bytes, Measured]] = {}

    @property
    def are_straight(self) -> bool:
        """Whether the model has no metric of its own."""
        return self.model.metric is None

    def measured(
        self,
        coefficients: FloatArray,
        b: int,
        xy: FloatArray | None = None,
        *,
        beyond: bool = False,
    ) -> Measured | None:
        """Distances of a survey.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        b : int
            Which survey.
        xy : float64 array, shape (n_points, 2), metres, optional
            Activity centres; the mask points by default.
        beyond : bool
            Whether places outside the cells are allowed; see `Ground.measure`.

        Returns
        -------
        Measured or None
            None where the parameters of the metric are impossible.

        Raises
        ------
        ModelError
            If the distance to a place cannot be had.
        """
        metric = self.model.metric_design
        assert metric is not None
        key = metric.key(coefficients)
        known = self._known.get(b)
        if xy is None and known is not None and known[0] == key:
            return known[1]
        with np.errstate(all="ignore"):
            values = metric.values(coefficients, b)
        is_friction = metric.grounds[b].cells is not None
        for value in values:
            if not np.isfinite(value).all() or (is_friction and not (value > 0.0).all()):
                return None
        measured = metric.grounds[b].measure(values, xy, beyond=beyond)
        if xy is None:
            self._known[b] = (key, measured)
        return measured

    def squared(self, coefficients: FloatArray, item: Population) -> FloatArray | None:
        """Squared distances at the points of a population.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        item : Population

        Returns
        -------
        float64 array, shape (n_traps, n_points), m^2, or None
            None for straight distances; at most ``FARTHEST_SQUARED``; nan where the parameters of
            the metric are impossible.
        """
        if self.are_straight:
            return None
        measured = self.measured(coefficients, item.survey)
        if measured is None:
            return np.full((len(item.blocks[0].sites), len(item.points)), np.nan)
        squared = measured.squared
        if len(item.points) < squared.shape[1]:
            squared = squared[:, item.points]
        return np.minimum(squared, FARTHEST_SQUARED)

    def pull_back(
        self,
        coefficients: FloatArray,
        item: Population,
        adjoints: Sequence[BlockAdjoint],
        measured: Measured | None,
        gradient: FloatArray,
    ) -> None:
        """Add the derivative through the distances to a gradient.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        item : Population
        adjoints : sequence of BlockAdjoint
            One for each of its blocks.
        measured : Measured or None
            Distances to the points of the adjoints; None: those to the mask points.
        gradient : float64 array, shape (n_coefficients,)
            Changed in place.
        """
        metric = self.model.metric_design
        if metric is None or not metric.parameters:
            return
        parts = [part.effects.squared for part in adjoints]
        d_squared = np.sum([part for part in parts if part is not None], axis=0)
        if measured is None:
            measured = self.measured(coefficients, item.survey)
            assert measured is not None
            if d_squared.shape[1] < measured.squared.shape[1]:
                some, d_squared = d_squared, np.zeros_like(measured.squared)
                d_squared[:, item.points] = some
        metric.pull_back(coefficients, item.survey, measured.pull_back(d_squared), gradient)

    def stretch(self, coefficients: FloatArray, within: float) -> float:
        """How many metres of the model's metric go to a straight metre, in the median.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        within : float, metres
            Pairs of trap and mask point about so far apart (half to twice) are looked at.

        Returns
        -------
        float
            1 for straight distances.
        """
        if self.are_straight:
            return 1.0
        straight, distance = self._pairs(coefficients)
        used = (straight > 0.5 * within) & (straight < 2.0 * within)
        return float(np.median(distance[used] / straight[used])) if used.any() else 1.0

    def straight(self, coefficients: FloatArray, length: float) -> float:
        """How far apart in a straight line places of some distance are, in the median.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        length : float
            Distance by the model's own metric.

        Returns
        -------
        float, metres
        """
        if self.are_straight:
            return length
        straight, distance = self._pairs(coefficients)
        if not distance.size:
            return length
        used = (distance > 0.8 * length) & (distance < 1.25 * length)
        if not used.any():
            # below the nearest cell, or beyond the mask: resistances are far from being lengths
            away = np.abs(np.log(distance / length))
            used = away <= np.quantile(away, 0.01)
            return float(np.median(straight[used]))
        return float(np.median(straight[used] / distance[used])) * length

    def _pairs(self, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Straight and own distances of many pairs of trap and mask point, where finite."""
        found = [np.empty((2, 0))]
        for b, survey in enumerate(self.model.surveys):
            measured = self.measured(coefficients, b)
            if measured is None:
                continue
            step = max(1, survey.mask.n_points // 2000)
            apart = survey.traps.xy[:, None] - survey.mask.xy[None, ::step]
            pair = np.stack([np.hypot(apart[..., 0], apart[..., 1]), measured.distance[:, ::step]])
            found.append(pair[:, np.isfinite(pair).all(axis=0) & (pair > 0.0).all(axis=0)])
        straight, distance = np.concatenate(found, axis=1)
        return straight, distance
