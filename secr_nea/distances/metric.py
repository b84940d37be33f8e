"""What a metric is: how far every trap is from every activity centre, and what moves that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

Values = tuple[FloatArray, ...]
"""Natural-scale values of the parameters of a metric, one array each."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances at given values of the parameters of a metric.

    Parameters
    ----------
    squared : float64 array, shape (n_traps, n_points), m^2
        Infinite where there is no way.
    pull_back : callable
        From d L / d squared, shape (n_traps, n_points), to d L / d value of each parameter.
    """

    squared: FloatArray
    pull_back: Callable[[FloatArray], Values]

    @property
    def distance(self) -> FloatArray:
        """Distances, shape (n_traps, n_points), metres (of effective distance)."""
        return np.asarray(np.sqrt(self.squared))


class Ground(ABC):
    """A metric laid over the traps and the mask of one survey.

    Attributes
    ----------
    cells : HabitatMask or None
        Where the formula of friction takes its covariates; None when parameters do not vary in
        space.
    by_cell : bool
        Whether all places of a cell have the distance of its centre.
    is_for_any_site : bool
        Whether other sites than the traps can be measured from.
    cure : str
        What to do where there is no way, for messages.
    """

    cells: HabitatMask | None = None
    by_cell: bool = True
    is_for_any_site: bool = True
    cure: str = ""

    @abstractmethod
    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap.

        Parameters
        ----------
        values : tuple of float64 arrays
            One for each parameter of the metric: (n_cells,) where it varies in space, else (1,).
        xy : float64 array, shape (n_points, 2), metres, optional
            Activity centres; the points of the mask by default.
        beyond : bool
            Whether places outside the cells are allowed: they continue straight from the nearest
            cell (used to judge whether a mask is wide enough).

        Returns
        -------
        Measured

        Raises
        ------
        ModelError
            If a distance cannot be had at a place; there is no silent return to straight lines.
        """

    @abstractmethod
    def between(self, values: Values, reach: float = np.inf) -> Callable[[IntArray], FloatArray]:
        """Distances between mask points, such as from activity centres to where animals walk.

        Parameters
        ----------
        values : tuple of float64 arrays
            As for `measure`.
        reach : float, metres
            What is farther may be left out (infinite).

        Returns
        -------
        callable
            From mask points, (n,), to their distances to all mask points, (n, n_points), metres.

        Raises
        ------
        ModelError
            If only distances from traps are known.
        """

    def has_way(self, trap: int, other: int) -> bool:
        """Whether there is any way between two traps."""
        return True


class Metric(ABC):
    """How distances between traps and activity centres are measured."""

    name: ClassVar[str]
    """What the distances are called in tables and on axes."""
    is_directed: ClassVar[bool] = False
    """Whether ranges may be longer in one direction because of the metric itself."""
    keeps_area: ClassVar[bool] = False
    """Whether the area within some distance is that of a circle, wherever the centre lies."""
    sigma_unit: ClassVar[str] = "m"
    """Unit of sigma; where it is no length, cells cannot be too coarse for it."""

    @abstractmethod
    def parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """Real parameters of the metric in a model.

        Parameters
        ----------
        given : set of str
            Parameters that the user gave a formula.

        Raises
        ------
        ModelError
            If a given parameter is not of this metric.
        """

    @abstractmethod
    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> Ground:
        """Lay the metric over a survey.

        Parameters
        ----------
        traps : TrapArray
        mask : HabitatMask
        survey : str
            Name of the survey.

        Returns
        -------
        Ground

        Raises
        ------
        DataError, ModelError
            If traps or mask do not fit the metric.
        """
