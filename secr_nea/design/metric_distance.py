"""Distances of the library's metrics between any sites and places of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.distances import AnisotropicDistance, GivenDistance, Metric
from secr_nea.distances.friction import cells_of
from secr_nea.distances.metric import Ground
from secr_nea.errors import DataError, ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray


@dataclass(frozen=True, eq=False)
class MetricDistance:
    """What a metric says about any traps and activity centres; give it as ``distances=``.

    Parameters
    ----------
    metric : Metric
        `LeastCost`, `CommuteDistance` ...; not `GivenDistance`, which knows its own traps only.
    mask : HabitatMask
    friction : array-like, shape (n_cells,), optional
        Friction of the cells, 1 everywhere by default.

    Raises
    ------
    ModelError, DataError
        If the metric cannot be used, or friction is not above 0.

    Examples
    --------
    >>> import secr_nea as sn
    >>> from secr_nea.distances import LeastCost
    >>> scenario = sn.design.preset("hunchun")
    >>> around = sn.design.MetricDistance(LeastCost(neighbors=8), scenario.mask)
    >>> longer = scenario.changed(distances=around)
    >>> longer.expected().animals < scenario.expected().animals
    True
    """

    metric: Metric
    mask: HabitatMask
    friction: ArrayLike | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be measured at once."""
        if not isinstance(self.metric, Metric) or isinstance(self.metric, GivenDistance):
            raise ModelError(
                "A metric such as LeastCost() is needed, which can measure from any site; for "
                "distances of your own give a function of (sites, places)."
            )
        if isinstance(self.metric, AnisotropicDistance):
            raise ModelError(
                "AnisotropicDistance has a direction and a ratio, which are those of a fit: give "
                "distances=secr_nea.inference.fitted_distances(fit)."
            )
        if self.friction is not None:
            values = _checks.numbers(self.friction, "friction")
            cells = cells_of(getattr(self.metric, "graph", None), self.mask, "planned")
            if (
                values.shape != (cells.n_points,)
                or not (np.isfinite(values) & (values > 0.0)).all()
            ):
                raise DataError(
                    f"friction must be a number above 0 for each of the {cells.n_points:,} cells "
                    f"of the distance; got shape {values.shape}, smallest "
                    f"{values.min(initial=np.inf):g}."
                )

    def __call__(self, sites: FloatArray, places: FloatArray) -> FloatArray:
        """Distances from sites to places, metres, shape (n_sites, n_places)."""
        ground = _ground(self, np.ascontiguousarray(sites).tobytes())
        values: tuple[Any, ...] = ()
        if self.friction is not None:
            values = (np.asarray(self.friction, dtype=np.float64),)
        xy = None if places is self.mask.xy else places
        return ground.measure(values, xy).distance


@lru_cache(maxsize=8)
def _ground(distance: MetricDistance, sites: bytes) -> Ground:
    """The metric laid over some sites, kept for the next survey of the same scenario."""
    traps = TrapArray(np.frombuffer(sites).reshape(-1, 2), crs=distance.mask.crs)
    return distance.metric.ground(traps, distance.mask, "planned")
