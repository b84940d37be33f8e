"""Distances that the user computed elsewhere: checked for shape, order and units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.distances.friction import refuse_parameters
from secr_nea.distances.metric import Ground, Measured, Metric, Values
from secr_nea.errors import DataError, ModelError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

# Half of the distances this many times shorter or longer than straight ones: another unit.
_UNLIKELY_RATIO = 50.0
# Rank correlation with straight distances below which rows or columns are in another order.
_SAME_ORDER = 0.2
# A trap's nearest point may be so many cells off where distances come from a coarser raster.
_FAR_CELLS = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class GivenDistance(Metric):
    """Distances from every trap to every mask point, computed by the user; read-only.

    Parameters
    ----------
    matrix : array-like or DataFrame, shape (n_traps, n_points), metres; or mapping
        One row per trap and one column per mask point, in their order; infinite where there is no
        way. A DataFrame with trap ids as its index is put into the order of the traps. With
        several surveys a mapping of survey name to matrix.

    Raises
    ------
    DataError
        Wrong shape, missing or negative distances, trap ids that do not fit, an order or a unit
        that cannot be right.
    """

    matrix: Any = field()

    name: ClassVar[str] = "given distance"

    def parameter_names(self, given: set[str]) -> tuple[str, ...]:
        """None: the distances are what they are."""
        refuse_parameters({"noneuc"} & given, "LeastCost()")
        refuse_parameters({"stretch_east", "stretch_northeast"} & given, "AnisotropicDistance()")
        return ()

    def ground(self, traps: TrapArray, mask: HabitatMask, survey: str) -> GivenGround:
        """Check the distances of a survey; see `Metric.ground`."""
        matrix = self.matrix
        if isinstance(matrix, Mapping):
            if survey not in matrix:
                raise DataError(
                    f"GivenDistance has no matrix for the survey {survey!r}; it has "
                    f"{', '.join(map(str, matrix))}."
                )
            matrix = matrix[survey]
        distance = _checked(matrix, traps, mask, survey)
        return GivenGround(distance, mask, survey)

    def __repr__(self) -> str:
        return "GivenDistance(...)"


def _checked(matrix: Any, traps: TrapArray, mask: HabitatMask, survey: str) -> FloatArray:
    """Distances as a read-only array in the order of traps and mask points."""
    if isinstance(matrix, pd.DataFrame):
        matrix = _in_order(matrix, traps, survey)
    distance = _checks.numbers(matrix, f"GivenDistance of {survey!r}")
    wanted = (traps.n_traps, mask.n_points)
    if distance.shape != wanted:
        turned = " It looks transposed: give matrix.T." if distance.shape == wanted[::-1] else ""
        raise DataError(
            f"The given distances of {survey!r} must have one row per trap and one column per mask "
            f"point, shape {wanted}; got {distance.shape}.{turned}"
        )
    bad = np.argwhere(np.isnan(distance) | (distance < 0.0))
    if len(bad):
        k, m = bad[0]
        raise DataError(
            f"{len(bad)} given distances of {survey!r} are missing or negative, the first from "
            f"trap {traps.ids[k]} to mask point {m + 1}. Where there is no way write infinity "
            "(numpy.inf)."
        )
    _check_sense(distance, traps, mask, survey)
    _check_order(distance, traps, mask, survey)
    fixed: FloatArray = _checks.read_only(distance, np.float64)
    return fixed


def _in_order(matrix: pd.DataFrame, traps: TrapArray, survey: str) -> Any:
    """Rows in the order of the traps."""
    index = [_checks.as_text(value) for value in matrix.index]
    missing = [name for name in traps.ids if name not in index]
    if missing or len(set(index)) < len(index):
        raise DataError(
            f"The index of the given distances of {survey!r} must hold every trap id once; missing "
            f"{_checks.listed(missing) or 'none'}. For rows in the order of the traps give an "
            "array: matrix.to_numpy()."
        )
    return matrix.set_axis(index, axis=0).loc[list(traps.ids)].to_numpy()


def _check_sense(distance: FloatArray, traps: TrapArray, mask: HabitatMask, survey: str) -> None:
    """Compare with straight distances: a unit or an order that cannot be right is refused."""
    step = max(1, mask.n_points // 2000)
    straight = np.hypot(*(traps.xy[:, None] - mask.xy[None, ::step]).transpose(2, 0, 1))
    given = distance[:, ::step]
    used = np.isfinite(given) & (straight > mask.spacing)
    if used.sum() < 10:
        return
    ratio = float(np.median(given[used] / straight[used]))
    if not 1.0 / _UNLIKELY_RATIO < ratio < _UNLIKELY_RATIO:
        raise DataError(
            f"Half of the given distances of {survey!r} are {ratio:.3g} times the straight ones or "
            "more extreme; distances must be in metres. Multiply kilometres by 1,000, and divide "
            "costs by the usual friction of a cell, so that sigma stays a length."
        )
    from scipy import stats  # slow to import

    rank = float(stats.spearmanr(given[used], straight[used]).statistic)
    if rank < _SAME_ORDER:
        raise DataError(
            f"The given distances of {survey!r} hardly grow with the straight ones (rank "
            f"correlation {rank:.2f}): rows or columns seem to be in another order than the traps "
            "and the mask points. A DataFrame with trap ids as its index orders the rows."
        )


def _check_order(distance: FloatArray, traps: TrapArray, mask: HabitatMask, survey: str) -> None:
    """Every trap must be near the point that its row says is nearest, and not beside another."""
    for k, row in enumerate(distance):
        nearest = row.min()
        if not np.isfinite(nearest):
            continue
        at = mask.xy[row <= nearest * (1.0 + 1e-9)]
        own = np.hypot(*(at - traps.xy[k]).T).min()
        to_traps = np.hypot(*(at[:, None] - traps.xy[None]).transpose(2, 0, 1)).min(axis=0)
        other = int(to_traps.argmin())
        habitat = np.hypot(*(mask.xy - traps.xy[k]).T).min()
        if own > habitat + _FAR_CELLS * mask.spacing and to_traps[other] < 0.5 * own:
            raise DataError(
                f"The given distances of {survey!r} in the row of trap {traps.ids[k]} are shortest "
                f"{own:,.0f} m from it, beside {traps.ids[other]}: rows or columns are in another "
                "order than the traps and the mask points. A DataFrame with trap ids as its index "
                "orders the rows."
            )


class GivenGround(Ground):
    """Given distances of one survey.

    Parameters
    ----------
    distance : float64 array, shape (n_traps, n_points), metres
    mask : HabitatMask
    survey : str
    """

    is_for_any_site = False
    cure = "Infinite in the matrix says that there is none: no mask point is joined to both traps."

    def __init__(self, distance: FloatArray, mask: HabitatMask, survey: str) -> None:
        self.distance = distance
        self.mask = mask
        self.survey = survey

    def measure(
        self, values: Values, xy: FloatArray | None = None, *, beyond: bool = False
    ) -> Measured:
        """Distances from every trap; those of the mask cell that holds a place."""
        if xy is None:
            return Measured(self.distance**2, lambda d_squared: ())
        nearest, away = self.mask.nearest(xy)
        inside = self.mask.contains(xy)
        if not inside.all() and not beyond:
            x, y = np.asarray(xy)[np.flatnonzero(~inside)[0]]
            raise ModelError(
                f"The given distances of {self.survey!r} are known for its own mask only; "
                f"{int((~inside).sum())} of {len(inside)} places lie outside it, the first at "
                f"({x:.0f}, {y:.0f}). Fit with a mask that covers them, or use LeastCost()."
            )
        distance = self.distance[:, nearest] + np.where(inside, 0.0, away)
        return Measured(distance**2, lambda d_squared: ())

    def between(self, values: Values, reach: float = np.inf) -> Callable[[IntArray], FloatArray]:
        """Unknown: the matrix is from traps to mask points."""
        raise ModelError(
            f"The given distances of {self.survey!r} lead from traps to mask points; where animals "
            "go from their activity centres needs distances between mask points. Fit with "
            "LeastCost() (barriers and graph= as needed) for that."
        )

    def has_way(self, trap: int, other: int) -> bool:
        """Whether some mask point can be reached from both traps."""
        return bool(np.isfinite(self.distance[[trap, other]]).all(axis=0).any())
