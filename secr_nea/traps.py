"""Detectors of one survey: where they stand, when they operated, what is around them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea._crs import as_crs, check_metres, describe
from secr_nea._printing import facts_html
from secr_nea._typing import BoolArray, CRSLike, FloatArray
from secr_nea.effort import canonical_detectors, effort_array
from secr_nea.errors import DataError
from secr_nea.searches import checked_searches, distance_to_searches, kind_of, middle_of
from secr_nea.trap_tables import (
    chosen_positions,
    frame_contents,
    joined_contents,
    varying_arrays,
    warn_same_place,
    warn_strange_layout,
)

if TYPE_CHECKING:
    import geopandas


_NOUNS = {"area_search": "area search", "transect": "transect"}


@dataclass(frozen=True, eq=False, repr=False, init=False)
class TrapArray:
    """Detectors of one survey, with their effort and covariates; read-only.

    Parameters
    ----------
    xy : array-like, shape (n_traps, 2), metres
        Projected coordinates.
    ids : sequence of str, optional
        Names, unique; "1", "2" ... when absent.
    effort : array-like, shape (n_traps, n_occasions) or (n_traps,), >= 0, optional
        How long or how hard each trap worked on each occasion, in any unit (camera-days ...); 0 =
        not operating. One dimension means one occasion; 1 everywhere when absent.
    n_occasions : int, optional
        Number of occasions; needed only when effort is absent and there is more than one.
    detector : str or sequence of str, shape (n_traps,)
        "count" (any number of detections), "binary" (at most one per animal, trap and occasion;
        alias "proximity") or "binomial" (at most ``effort``, a whole number of trials; alias
        "binomial_count"), "multi" (an animal is at one such trap at most per occasion), "capped"
        (the trap keeps one animal at most per occasion); and searches, "area_search" (alias
        "polygon") and "transect", which `from_searches` makes.
    covariates : DataFrame or mapping, n_traps rows, optional
        What may explain detection; rows in the order of ``xy``.
    varying_covariates : mapping of name to array-like, shape (n_traps, n_occasions), optional
        Covariates that change with the occasion.
    searches : sequence of shapely geometry or None, one per trap, optional
        The polygon of each searched area and the line of each transect, metres; ``xy`` is then any
        point of it. None for detectors that are points.
    crs : anything pyproj understands, optional
        Coordinate reference system of ``xy``.

    Attributes
    ----------
    xy : float64 array, shape (n_traps, 2), metres
    ids : tuple of str
    effort : float64 array, shape (n_traps, n_occasions)
    detector : tuple of str, one per trap
    covariates : DataFrame, n_traps rows
    varying_covariates : dict of name to array, shape (n_traps, n_occasions), float64 or object
    searches : tuple of shapely geometry or None, one per trap
    crs : pyproj.CRS or None

    Raises
    ------
    DataError
        Missing coordinates, doubtful ids, impossible effort, wrong shapes, unknown detectors.
    CRSError
        Coordinates that are not metres on the ground.

    Examples
    --------
    >>> traps = TrapArray([[0, 0], [3000, 0], [0, 4000]], effort=[90, 62, 0], detector="count")
    >>> traps
    TrapArray(3 traps, 1 occasion, count, effort 152, spacing 3,000 m, no CRS)
    """

    xy: FloatArray
    ids: tuple[str, ...]
    effort: FloatArray
    detector: tuple[str, ...]
    covariates: pd.DataFrame
    varying_covariates: dict[str, np.ndarray[Any, Any]]
    searches: tuple[Any, ...]
    crs: pyproj.CRS | None

    def __init__(
        self,
        xy: ArrayLike,
        *,
        ids: Sequence[object] | None = None,
        effort: ArrayLike | None = None,
        n_occasions: int | None = None,
        detector: str | Sequence[str] = "count",
        covariates: pd.DataFrame | Mapping[str, Any] | None = None,
        varying_covariates: Mapping[str, ArrayLike] | None = None,
        searches: Sequence[Any] | None = None,
        crs: CRSLike | None = None,
    ) -> None:
        if ids is not None:
            ids = _checks.names(ids, "trap id")
        points = _checks.coordinates(xy, "trap", ids)
        if ids is None:
            ids = tuple(str(k + 1) for k in range(len(points)))
        if len(ids) != len(points):
            raise DataError(
                f"There are {len(ids)} trap ids for {_checks.plural(len(points), 'trap')}. One id "
                "each is needed."
            )
        system = as_crs(crs)
        check_metres(points, system, "trap")
        warn_same_place(points, ids)
        warn_strange_layout(points, ids)
        kinds = canonical_detectors(detector, ids)
        put = object.__setattr__
        put(self, "xy", points)
        put(self, "ids", ids)
        put(self, "effort", effort_array(effort, n_occasions, ids, kinds))
        put(self, "detector", kinds)
        put(self, "covariates", _checks.covariate_frame(covariates, len(points), "trap"))
        put(
            self,
            "varying_covariates",
            varying_arrays(varying_covariates, self.effort.shape, self.covariates),
        )
        put(self, "searches", checked_searches(searches, kinds, ids))
        put(self, "crs", system)

    @classmethod
    def from_searches(
        cls,
        geometries: Iterable[Any] | geopandas.GeoDataFrame,
        *,
        ids: Sequence[object] | None = None,
        effort: ArrayLike | None = None,
        n_occasions: int | None = None,
        covariates: pd.DataFrame | Mapping[str, Any] | None = None,
        varying_covariates: Mapping[str, ArrayLike] | None = None,
        crs: CRSLike | None = None,
    ) -> TrapArray:
        """Searched areas and transects, whose detections have positions.

        Parameters
        ----------
        geometries : sequence of shapely geometry, GeoSeries or GeoDataFrame
            Polygons are searched areas, lines are transects, metres. Of a GeoDataFrame only the
            geometries and the CRS are used.
        ids, effort, n_occasions, covariates, varying_covariates, crs
            As for the class, for searches in place of traps. Effort is per search and occasion:
            twice the effort gives twice the detections.

        Returns
        -------
        TrapArray

        Raises
        ------
        DataError, CRSError
            As for the class; also for points, empty geometries and polygons that cross themselves.

        Examples
        --------
        >>> import shapely
        >>> TrapArray.from_searches([shapely.box(0, 0, 6000, 5000)], n_occasions=3)
        TrapArray(1 area search, 3 occasions, area_search, effort 3, no CRS)
        """
        given: Any = geometries
        if hasattr(given, "geometry"):
            crs = given.crs if crs is None else crs
            given = given.geometry
        shapes = list(given)
        names = [str(k + 1) for k in range(len(shapes))] if ids is None else list(map(str, ids))
        words = [kind_of(g, name) for g, name in zip(shapes, names, strict=False)]
        return cls(
            [middle_of(g) for g in shapes],
            ids=ids,
            effort=effort,
            n_occasions=n_occasions,
            detector=words,
            covariates=covariates,
            varying_covariates=varying_covariates,
            searches=shapes,
            crs=crs,
        )

    @classmethod
    def joined(cls, *arrays: TrapArray) -> TrapArray:
        """Detectors of several arrays as one, such as cameras and searches of one survey.

        Parameters
        ----------
        *arrays : TrapArray
            With the same occasions and different ids.

        Returns
        -------
        TrapArray
            A covariate that some arrays lack is missing for their detectors. Formulas of
            detection may use ``detector``, the detector word.

        Raises
        ------
        DataError, CRSError
            Different numbers of occasions, ids that stand twice, different systems.
        """
        return cls(**joined_contents(arrays))

    @classmethod
    def from_dataframe(
        cls,
        frame: pd.DataFrame,
        *,
        id: str = "trap_id",
        x: str = "x",
        y: str = "y",
        effort: str | Sequence[str] | ArrayLike | None = None,
        n_occasions: int | None = None,
        detector: str | Sequence[str] = "count",
        covariates: Sequence[str] | None = None,
        varying: Mapping[str, Sequence[str]] | None = None,
        crs: CRSLike | None = None,
    ) -> TrapArray:
        """Traps from a table with one row each.

        Parameters
        ----------
        frame : DataFrame
            Columns ``id``, ``x``, ``y`` (metres) and others.
        id, x, y : str
            Column names.
        effort : str, list of str, array or None
            Column with the effort of the one occasion, columns of the occasions in order, or the
            effort itself, shape (n_traps, n_occasions). When None: the columns "effort", or
            "effort.1", "effort.2" ..., if there are any, else 1.
        n_occasions, detector, crs
            As for the class.
        covariates : list of str, optional
            Columns to keep as covariates; all that are left when None.
        varying : mapping of name to list of columns, one per occasion, optional
            Covariates that change with the occasion.

        Returns
        -------
        TrapArray

        Raises
        ------
        DataError, CRSError
            As for the class, with row numbers (1 = first data row).
        """
        contents = frame_contents(frame, (id, x, y), effort, covariates, varying)
        return cls(**contents, n_occasions=n_occasions, detector=detector, crs=crs)

    @classmethod
    def from_geodataframe(cls, frame: geopandas.GeoDataFrame, **options: Any) -> TrapArray:
        """Traps from points with a coordinate reference system.

        Parameters
        ----------
        frame : geopandas.GeoDataFrame
            Point geometries in a projected CRS.
        **options
            As for :meth:`from_dataframe`, except ``x``, ``y`` and ``crs``.

        Returns
        -------
        TrapArray

        Raises
        ------
        DataError, CRSError
            As for :meth:`from_dataframe`; also for geometries that are not points.
        """
        bad = np.flatnonzero(np.asarray(frame.geom_type != "Point"))
        if bad.size:
            raise DataError(
                "Traps must be points; other or missing geometries stand in "
                f"{_checks.rows_listed(bad + 1)}."
            )
        geometry = frame.geometry
        table = pd.DataFrame(frame.drop(columns=geometry.name)).drop(
            columns=["x", "y"], errors="ignore"
        )
        return cls.from_dataframe(
            table.assign(x=geometry.x.to_numpy(), y=geometry.y.to_numpy()), crs=frame.crs, **options
        )

    @property
    def n_traps(self) -> int:
        """Number of traps."""
        return len(self.ids)

    @property
    def n_occasions(self) -> int:
        """Number of occasions."""
        return int(self.effort.shape[1])

    @property
    def total_effort(self) -> float:
        """Sum of the effort over traps and occasions, in the unit of the effort."""
        return float(self.effort.sum())

    @cached_property
    def detector_type(self) -> str:
        """The detector word all traps share, or "mixed"."""
        return self.detector[0] if len(set(self.detector)) == 1 else "mixed"

    @cached_property
    def is_search(self) -> BoolArray:
        """Which detectors are searches, with positions of their detections, shape (n_traps,)."""
        return np.array([geometry is not None for geometry in self.searches], dtype=bool)

    @cached_property
    def spacing(self) -> float:
        """Median distance from a trap to the nearest other one, metres; NaN for one trap.

        Searches do not count.
        """
        points = self.xy[~self.is_search]
        if len(points) < 2:
            return float("nan")
        distances = np.asarray(cKDTree(points).query(points, k=2)[0])
        return float(np.median(distances[:, 1]))

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north end of traps and searches, metres."""
        ends = [self.xy.min(axis=0), self.xy.max(axis=0)]
        found = [np.reshape(g.bounds, (2, 2)) for g in self.searches if g is not None]
        corners = np.concatenate([ends, *found])
        return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())

    def distance_from(self, xy: ArrayLike) -> FloatArray:
        """Distance from each place to the nearest trap or search, metres.

        Parameters
        ----------
        xy : array-like, shape (n, 2), metres

        Returns
        -------
        float64 array, shape (n,)
            0 within a searched area.
        """
        places = np.asarray(xy, dtype=np.float64)
        nearest = np.full(len(places), np.inf)
        if not self.is_search.all():
            nearest = np.asarray(cKDTree(self.xy[~self.is_search]).query(places)[0])
        if self.is_search.any():
            nearest = np.minimum(nearest, distance_to_searches(places, self.searches))
        return nearest

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any of the contents, except the CRS."""
        shapes = [g.wkb_hex for g in self.searches if g is not None]
        contents = (self.effort, self.detector, self.covariates, self.varying_covariates)
        return _checks.fingerprint(self.xy, self.ids, *contents, *([shapes] if shapes else []))

    def subset(self, index: ArrayLike) -> TrapArray:
        """Return some of the traps.

        Parameters
        ----------
        index : array of bool (n_traps,), of int, or of trap ids
            Which traps to keep, in which order.

        Returns
        -------
        TrapArray

        Raises
        ------
        DataError
            Ids that no trap has, positions outside the array, or nothing left.
        """
        keep = chosen_positions(index, self.ids)
        return TrapArray(
            self.xy[keep],
            ids=[self.ids[k] for k in keep],
            effort=self.effort[keep],
            detector=[self.detector[k] for k in keep],
            covariates=self.covariates.iloc[keep],
            varying_covariates={
                name: values[keep] for name, values in self.varying_covariates.items()
            },
            searches=[self.searches[k] for k in keep],
            crs=self.crs,
        )

    def with_effort(self, effort: ArrayLike) -> TrapArray:
        """Return the same traps with another effort, shape (n_traps, n_occasions) or (n_traps,)."""
        return self._replaced(effort=effort)

    def with_covariates(self, **columns: ArrayLike) -> TrapArray:
        """Return the same traps with covariates added or replaced, n_traps values each."""
        return self._replaced(covariates=_checks.with_columns(self.covariates, columns, "trap"))

    def _replaced(self, **changes: Any) -> TrapArray:
        contents: dict[str, Any] = {
            "ids": self.ids,
            "effort": self.effort,
            "detector": self.detector,
            "covariates": self.covariates,
            "varying_covariates": self.varying_covariates,
            "searches": self.searches,
            "crs": self.crs,
        }
        return TrapArray(self.xy, **{**contents, **changes})

    def to_dataframe(self) -> pd.DataFrame:
        """Table of the traps, one row each.

        Columns trap_id, x, y (metres), effort (effort.1, effort.2 ... with several occasions),
        the covariates, and varying covariates as name.1, name.2 ...
        """
        columns: dict[str, Any] = {
            "trap_id": list(self.ids),
            "x": self.xy[:, 0],
            "y": self.xy[:, 1],
        }
        if self.n_occasions == 1:
            columns["effort"] = self.effort[:, 0]
        else:
            columns.update({f"effort.{s + 1}": self.effort[:, s] for s in range(self.n_occasions)})
        columns.update(
            {str(name): self.covariates[name].to_numpy() for name in self.covariates.columns}
        )
        for name, values in self.varying_covariates.items():
            columns.update({f"{name}.{s + 1}": values[:, s] for s in range(self.n_occasions)})
        return pd.DataFrame(columns)

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """The table of :meth:`to_dataframe` with points, areas and lines, and the CRS."""
        import geopandas

        points = geopandas.points_from_xy(self.xy[:, 0], self.xy[:, 1])
        shapes = [p if g is None else g for p, g in zip(points, self.searches, strict=True)]
        return geopandas.GeoDataFrame(self.to_dataframe(), geometry=shapes, crs=self.crs)

    __setstate__ = _checks.restore

    def __len__(self) -> int:
        return self.n_traps

    def __repr__(self) -> str:
        numbers = Counter(_NOUNS.get(word, "trap") for word in self.detector)
        parts = [_checks.plural(number, noun) for noun, number in numbers.items()]
        parts += [_checks.plural(self.n_occasions, "occasion"), self.detector_type]
        parts += [f"effort {self.total_effort:,g}"]
        parts += [] if self.is_search.all() else [f"spacing {self.spacing:,.0f} m"]
        parts += [describe(self.crs) if self.crs is not None else "no CRS"]
        return f"TrapArray({', '.join(parts)})"

    def _repr_html_(self) -> str:
        effort = self.effort.sum(axis=1)
        return facts_html(
            "TrapArray",
            {
                "traps": self.n_traps,
                "occasions": self.n_occasions,
                "detector": self.detector_type,
                "effort": f"{self.total_effort:,g} (per trap {effort.min():g} to {effort.max():g})",
                "never operated": int((effort == 0).sum()),
                "spacing": f"{self.spacing:,.0f} m",
                "covariates": _checks.listed([*self.covariates.columns, *self.varying_covariates])
                or "none",
                "CRS": describe(self.crs),
                "fingerprint": self.fingerprint,
            },
        )
