"""Anisotropic distance: ranges that are longer in one direction, such as along parallel ridges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances.metric import Ground, Measured, Metric, Values
from secr_nea.errors import ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray


@dataclass(frozen=True, eq=False)
class AnisotropicDistance(Metric):
    """Straight distance that counts less along one direction than across it; read-only.

    Two parameters, ``stretch_east`` and ``stretch_northeast`` (``~ 1`` unless given), make
    direction and ratio: with r = sqrt(east^2 + northeast^2) a range is exp(r) times as long along
    its axis as across, its area stays that of sigma, and the axis points to the angle
    atan2(northeast, east) / 2 from the x axis. Both are 0 for round ranges, so nothing special
    happens there. `secr_nea.inference.anisotropy` gives ratio and bearing with intervals.

    Notes
    -----
    d^2 = u' (cosh r I - sinh r / r S) u with S = [[east, northeast], [northeast, -east]] and u the
    difference of the coordinates, which is along^2 exp(-r) + across^2 exp(r).

    References
    ----------
    Efford, M. G. (2019) Non-circular home ranges and the estimation of population density. Ecology
    100, e02580.
    """

    name: ClassVar[str] = "anisotropic distance"
    is_directed: ClassVar[bool] = True
    keeps_area: ClassVar[bool] = True

    def parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """The two components of the stretch."""
        if "noneuc" in given:
            raise ModelError(
                "AnisotropicDistance has no friction for noneuc to explain; give "
                "distance=LeastCost(), or leave noneuc out."
            )
        return ("stretch_east", "stretch_northeast")

    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> AnisotropicGround:
        """Lay the metric over a survey; see `Metric.ground`."""
        return AnisotropicGround(traps.xy, mask.xy)

    def __repr__(self) -> str:
        return "AnisotropicDistance()"


class AnisotropicGround(Ground):
    """Anisotropic distances of one survey.

    Parameters
    ----------
    sites : float64 array, shape (n_traps, 2), metres
    points : float64 array, shape (n_points, 2), metres
    """

    by_cell = False

    def __init__(self, sites: FloatArray, points: FloatArray) -> None:
        self.sites = sites
        self.points = points

    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap; see `Ground.measure`."""
        points = self.points if xy is None else np.asarray(xy)
        east, northeast = (float(value[0]) for value in values)
        apart = points[None] - self.sites[:, None]
        x, y = apart[..., 0], apart[..., 1]
        # u'u, and u'Su split into its two components
        plain, first, second = x * x + y * y, x * x - y * y, 2.0 * x * y
        r = np.hypot(east, northeast)
        ratio, slope = _sinh_ratio(r)
        squared = np.cosh(r) * plain - ratio * (east * first + northeast * second)

        def pull_back(d_squared: FloatArray) -> Values:
            sums = [float((d_squared * part).sum()) for part in (plain, first, second)]
            # d cosh r / d east = sinh(r) / r east; d (sinh(r) / r) / d east = slope east
            common = ratio * sums[0] - slope * (east * sums[1] + northeast * sums[2])
            return (
                np.array([east * common - ratio * sums[1]]),
                np.array([northeast * common - ratio * sums[2]]),
            )

        return Measured(np.maximum(squared, 0.0), pull_back)

    def between(self, values: Values, reach: float = np.inf) -> Callable[[IntArray], FloatArray]:
        """Distances between mask points; see `Ground.between`."""

        def of(points: IntArray) -> FloatArray:
            return AnisotropicGround(self.points[points], self.points).measure(values).distance

        return of


def _sinh_ratio(r: float) -> tuple[float, float]:
    """sinh(r) / r, and its derivative divided by r; by their series near 0."""
    if r < 1e-2:
        z = r * r
        return 1.0 + z / 6.0 * (1.0 + z / 20.0), 1.0 / 3.0 + z / 30.0 * (1.0 + z / 28.0)
    return float(np.sinh(r) / r), float((np.cosh(r) - np.sinh(r) / r) / r**2)
