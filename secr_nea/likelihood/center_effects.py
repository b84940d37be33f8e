"""What the place of the activity centre changes beyond the straight distance to a detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.parameters import sum_by_row

# Beyond any reach, yet its squares and products stay finite numbers: unreachable.
FARTHEST_SQUARED = 1e30


@dataclass(frozen=True)
class CenterEffects:
    """Distances and factors by mask point; None where nothing differs from the plain model.

    Parameters
    ----------
    squared : float64 array, shape (n_sites, n_points), m^2, or None
        Squared distances that take the place of the straight ones; at most ``FARTHEST_SQUARED``.
    log_sigma : float64 array, shape (n_points,), or None
        Logarithm of a factor of sigma: distances are divided by it.
    log_hazard : float64 array, shape (n_points,), or None
        Logarithm of a factor of the hazard.
    """

    squared: FloatArray | None = None
    log_sigma: FloatArray | None = None
    log_hazard: FloatArray | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing differs: straight distances and the same detection everywhere."""
        return self.squared is None and self.log_sigma is None and self.log_hazard is None

    @property
    def is_finite(self) -> bool:
        """Whether all numbers can be computed with."""
        parts = (self.squared, self.log_sigma, self.log_hazard)
        return all(part is None or bool(np.isfinite(part).all()) for part in parts)

    def at(self, points: IntArray) -> CenterEffects:
        """The effects at some of the points, which may repeat.

        Parameters
        ----------
        points : int64 array, shape (n_chosen,)
        """
        return CenterEffects(
            None if self.squared is None else self.squared[:, points],
            None if self.log_sigma is None else self.log_sigma[points],
            None if self.log_hazard is None else self.log_hazard[points],
        )

    def scaled(self, squared: FloatArray, start: int, stop: int) -> FloatArray:
        """Squared distances of the points of a tile, relative to the factor of sigma.

        Parameters
        ----------
        squared : float64 array, shape (J, stop - start), m^2
        start, stop : int
            First point and end of the tile.
        """
        if self.log_sigma is None:
            return squared
        return np.minimum(squared * np.exp(-2.0 * self.log_sigma[start:stop]), FARTHEST_SQUARED)


PLAIN = CenterEffects()
"""Straight distances, and detection the same wherever an animal lives."""


@dataclass(frozen=True)
class CenterAdjoint:
    """Derivatives of the log-likelihood to the effects; None where there is no effect.

    Parameters
    ----------
    squared : float64 array, shape (n_sites, n_points), or None
    log_sigma, log_hazard : float64 array, shape (n_points,), or None
    """

    squared: FloatArray | None
    log_sigma: FloatArray | None
    log_hazard: FloatArray | None

    @classmethod
    def zeros(cls, effects: CenterEffects) -> CenterAdjoint:
        """Nothing yet, with room for every effect there is."""
        parts = (effects.squared, effects.log_sigma, effects.log_hazard)
        return cls(*(None if part is None else np.zeros_like(part) for part in parts))

    def add_tile(
        self,
        effects: CenterEffects,
        start: int,
        stop: int,
        d_log_hazard: FloatArray,
        scaled: FloatArray,
        slope: FloatArray,
        column_site: IntArray,
    ) -> None:
        """Write the derivatives at the points of one tile.

        Parameters
        ----------
        effects : CenterEffects
        start, stop : int
            First point and end of the tile.
        d_log_hazard : float64 array, shape (J, t)
            Derivative to the log hazard of each column.
        scaled : float64 array, shape (J, t), m^2
            Squared distances with which the hazards were computed.
        slope : float64 array, broadcasting to (J, t)
            Derivative of the log hazard to them.
        column_site : int64 array, shape (J,)
        """
        if self.log_hazard is not None:
            self.log_hazard[start:stop] = d_log_hazard.sum(axis=0)
        if self.squared is None and self.log_sigma is None:
            return
        d_scaled = d_log_hazard * slope
        if self.log_sigma is not None:
            self.log_sigma[start:stop] = -2.0 * np.einsum("jm,jm->m", d_scaled, scaled)
        if self.squared is not None:
            if effects.log_sigma is not None:
                d_scaled = d_scaled * np.exp(-2.0 * effects.log_sigma[start:stop])
            for j, site in enumerate(column_site):
                self.squared[site, start:stop] += d_scaled[j]

    def on_points(self, points: IntArray, n_points: int) -> CenterAdjoint:
        """Sums over the points that share a mask point: the transpose of `CenterEffects.at`.

        Parameters
        ----------
        points : int64 array, shape (n_chosen,)
        n_points : int
        """

        def summed(part: FloatArray | None) -> FloatArray | None:
            if part is None:
                return None
            rows = np.atleast_2d(part)
            total = np.stack([sum_by_row(points, row, n_points) for row in rows])
            return total.reshape(*part.shape[:-1], n_points)

        return CenterAdjoint(summed(self.squared), summed(self.log_sigma), summed(self.log_hazard))

    def plus(self, other: CenterAdjoint) -> CenterAdjoint:
        """The sum with the derivatives of another part of the likelihood.

        Parameters
        ----------
        other : CenterAdjoint
            Of the same effects.
        """

        def added(one: FloatArray | None, more: FloatArray | None) -> FloatArray | None:
            return one if more is None else more if one is None else one + more

        return CenterAdjoint(
            added(self.squared, other.squared),
            added(self.log_sigma, other.log_sigma),
            added(self.log_hazard, other.log_hazard),
        )
