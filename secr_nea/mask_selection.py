"""Which cells of a mask are habitat: by covariates, polygons, lines, and missing values."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.errors import DataError
from secr_nea.mask_builders import in_crs, inside, polygon_geometry, read_layer

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import ArrayLike

FILLS = ("nearest", "mean")

Rule = tuple[float | None, float | None] | Collection[Any] | Callable[[Any], Any]
"""What a covariate of habitat must be: (lowest, highest), a set of values, or a function."""


class MaskSelection:
    """Ways to choose cells; `HabitatMask` has them all."""

    xy: FloatArray
    spacing: float
    covariates: pd.DataFrame
    crs: pyproj.CRS | None

    if TYPE_CHECKING:

        def subset(self, index: ArrayLike) -> Self: ...  # noqa: D102

        def _replaced(self, **changes: Any) -> Self: ...

    def where(self, **rules: Rule) -> Self:
        """Only the cells whose covariates obey every rule.

        Parameters
        ----------
        **rules
            Name of a covariate = ``(lowest, highest)``, both included and either may be None; a set
            or list of values, such as classes of land cover; or a function of the values that
            gives True for habitat. Cells where the covariate is missing are left out, with a
            warning.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError
            If there is no such covariate, a rule cannot be used, or nothing is left.

        Examples
        --------
        >>> import secr_nea as sn
        >>> mask = sn.datasets.sailugem().mask
        >>> mask.where(elevation=(2200, None)).n_points < mask.n_points
        True
        """
        _columns.require_columns(self.covariates, list(rules), "mask covariates")
        keep = np.ones(len(self.xy), dtype=np.bool_)
        for name, rule in rules.items():
            column = self.covariates[name]
            missing = int(column.isna().sum())
            if missing:
                _checks.warn(
                    f"{name!r} is missing at {missing} of {len(column)} mask points; they are left "
                    "out.",
                    stacklevel=3,
                )
            keep &= _obeys(column, rule, name) & column.notna().to_numpy()
        return self._kept(keep, f"the rules of {', '.join(rules)}")

    def within(self, polygons: Any) -> Self:
        """Only the cells whose centre is in a polygon.

        Parameters
        ----------
        polygons : path, GeoDataFrame, or shapely polygons
            A layer in another CRS is transformed.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError, CRSError
        """
        geometry = polygon_geometry(polygons, self.crs, "polygons")
        return self._kept(inside(self.xy, geometry), "the polygons")

    def without(self, shapes: Any) -> Self:
        """Leave out cells: those with their centre in a polygon, and those that a line crosses.

        Parameters
        ----------
        shapes : path, GeoDataFrame, or shapely geometries
            Lakes, towns, ice (polygons); rivers, fences (lines).

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError, CRSError
        """
        import shapely

        found = np.zeros(len(self.xy), dtype=np.bool_)
        x, y = self.xy.T
        half = self.spacing / 2.0
        for geometry in _geometries(shapes, self.crs):
            shapely.prepare(geometry)
            if geometry.geom_type.endswith("Polygon"):
                found |= shapely.intersects_xy(geometry, x, y)
            else:
                cells = shapely.box(x - half, y - half, x + half, y + half)
                found |= shapely.intersects(geometry, cells)
        return self._kept(~found, "what is left out")

    def missing(self) -> pd.DataFrame:
        """How many values each covariate lacks.

        Returns
        -------
        DataFrame
            Index: covariate. Columns: missing, share.
        """
        number = self.covariates.isna().sum()
        return pd.DataFrame(
            {"missing": number, "share": number / max(len(self.xy), 1)}
        ).rename_axis("covariate")

    def without_missing(self, *names: str) -> Self:
        """Leave out the cells that lack a value.

        Parameters
        ----------
        *names : str
            Covariates; all by default.

        Returns
        -------
        HabitatMask
        """
        chosen = list(names) or list(map(str, self.covariates))
        _columns.require_columns(self.covariates, chosen, "mask covariates")
        return self._kept(self.covariates[chosen].notna().all(axis=1).to_numpy(), "missing values")

    def with_filled(self, *names: str, by: str = "nearest") -> Self:
        """Fill missing values, because you say so.

        Parameters
        ----------
        *names : str
            Covariates.
        by : {"nearest", "mean"}
            The value of the nearest cell that has one, or the mean of all (numbers only).

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError
            If there is no such covariate, or no value to fill with.
        """
        if by not in FILLS:
            raise DataError(f"by must be {' or '.join(map(repr, FILLS))}; got {by!r}.")
        _columns.require_columns(self.covariates, list(names), "mask covariates")
        covariates = self.covariates.copy()
        for name in names:
            covariates[name] = self._filled(name, by)
        return self._replaced(covariates=covariates)

    def _filled(self, name: str, by: str) -> pd.Series:
        from scipy.spatial import cKDTree

        column = self.covariates[name].copy()
        empty = column.isna().to_numpy()
        if empty.all():
            raise DataError(f"Mask covariate {name!r} has no value at all; nothing to fill with.")
        if by == "mean":
            if _checks.is_categorical(column):
                raise DataError(f"Mask covariate {name!r} is a factor; fill it by='nearest'.")
            return column.fillna(column.mean())
        _, nearest = cKDTree(self.xy[~empty]).query(self.xy[empty])
        column[empty] = column[~empty].to_numpy()[nearest]
        return column

    def _kept(self, keep: BoolArray, what: str) -> Self:
        if not keep.any():
            raise DataError(f"No cell of the mask is left by {what}.")
        return self if keep.all() else self.subset(keep)


def _obeys(column: pd.Series, rule: Any, name: str) -> BoolArray:
    """Which values obey a rule."""
    if callable(rule):
        found = np.asarray(rule(column.to_numpy()))
        if found.shape != (len(column),):
            raise DataError(
                f"The rule of {name!r} must give one True or False for each of the {len(column)} "
                f"points; it gave the shape {found.shape}."
            )
        return found.astype(np.bool_)
    if isinstance(rule, tuple) and len(rule) == 2 and not _checks.is_categorical(column):
        low = -np.inf if rule[0] is None else float(rule[0])
        high = np.inf if rule[1] is None else float(rule[1])
        return np.asarray((column >= low) & (column <= high))
    if isinstance(rule, Collection) and not isinstance(rule, str | bytes):
        return np.asarray(column.isin(list(rule)))
    raise DataError(
        f"The rule of {name!r} must be (lowest, highest), a set of values or a function; got "
        f"{rule!r}."
    )


def _geometries(shapes: Any, crs: pyproj.CRS | None) -> list[Any]:
    """Polygons and lines, one part each, in the CRS of the mask."""
    import os

    import shapely

    if isinstance(shapes, str | os.PathLike):
        shapes = read_layer(shapes, "shapes")
    if hasattr(shapes, "geometry") and hasattr(shapes, "crs"):
        shapes = list(in_crs(shapes, crs, "shapes").geometry)
    try:
        parts = shapely.get_parts(np.atleast_1d(np.asarray(shapes, dtype=object)))
    except TypeError:
        raise DataError(
            f"A file, a GeoDataFrame or shapely geometries are needed; got {type(shapes).__name__}."
        ) from None
    return [shapely.make_valid(part) for part in parts if part is not None and not part.is_empty]
