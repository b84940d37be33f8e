"""Habitat mask: the square cells in which animals may have their activity centres."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from secr_nea import _checks, _columns, mask_builders, mask_covariates
from secr_nea._crs import as_crs, check_metres, describe
from secr_nea._printing import facts_html
from secr_nea._typing import BoolArray, CRSLike, FloatArray, IntArray, PathLike
from secr_nea.errors import CRSError, DataError
from secr_nea.mask_grid import REGULAR, as_raster, cell_size, refuse_repeated
from secr_nea.mask_selection import MaskSelection
from secr_nea.units import M2_PER_KM2

if TYPE_CHECKING:
    import geopandas
    import xarray


@dataclass(frozen=True, eq=False, repr=False, init=False)
class HabitatMask(MaskSelection):
    """Centres of the square cells of habitat; read-only.

    Parameters
    ----------
    xy : array-like, shape (n_points, 2), metres
        Centres of the cells.
    cell_area : float, km2, optional
        Area of one cell; spacing squared when absent.
    spacing : float, metres, optional
        Side of a cell; inferred from the points when absent, checked against them when given.
    covariates : DataFrame or mapping, n_points rows, optional
        What may explain density; missing values stay missing.
    crs : anything pyproj understands, optional
        Coordinate reference system of ``xy``.
    scaling : mapping of name to (mean, sd), optional
        How standardised covariates were made.

    Attributes
    ----------
    xy : float64 array, shape (n_points, 2), metres
    cell_area : float, km2
    spacing : float, metres
    covariates : DataFrame, n_points rows
    crs : pyproj.CRS or None
    scaling : dict of name to (mean, sd)

    Raises
    ------
    DataError
        Missing or repeated points, points that are not on a square grid, a spacing that contradicts
        them.
    CRSError
        Coordinates that are not metres on the ground.

    Examples
    --------
    >>> HabitatMask([[0, 0], [2000, 0], [0, 2000], [2000, 2000]])
    HabitatMask(4 points, spacing 2,000 m, area 16 km2, no CRS)
    """

    xy: FloatArray
    cell_area: float
    spacing: float
    covariates: pd.DataFrame
    crs: pyproj.CRS | None
    scaling: dict[str, tuple[float, float]]

    def __init__(
        self,
        xy: ArrayLike,
        *,
        cell_area: float | None = None,
        spacing: float | None = None,
        covariates: pd.DataFrame | Mapping[str, Any] | None = None,
        crs: CRSLike | None = None,
        scaling: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        points = _checks.coordinates(xy, "mask point")
        system = as_crs(crs)
        check_metres(points, system, "mask")
        refuse_repeated(points)
        side, area = cell_size(points, spacing, cell_area)
        put = object.__setattr__
        put(self, "xy", points)
        put(self, "cell_area", area)
        put(self, "spacing", side)
        put(self, "covariates", _checks.covariate_frame(covariates, len(points), "mask point"))
        put(self, "crs", system)
        put(self, "scaling", dict(scaling or {}))

    @classmethod
    def around(
        cls,
        traps: mask_builders.Traps | mask_builders.Captures,
        *,
        buffer: float | str,
        spacing: float | None = None,
        habitat: Any = None,
        exclude: Any = None,
    ) -> HabitatMask:
        """Mask of all cells within a distance of the traps.

        Parameters
        ----------
        traps : TrapArray or CaptureHistory
        buffer : float, metres, or "auto"
            Cells whose centre is at most this far from a trap are kept; about 4 sigma, so that
            animals living outside are hardly ever detected. "auto" (needs a CaptureHistory): 6
            times the spread of the animals' detections (`rpsv`), rounded up.
        spacing : float, metres, optional
            Side of a cell; buffer / 16 rounded to 1, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 x 10^k when None.
            Centres lie at (i + 0.5) x spacing of the coordinate system.
        habitat, exclude : vector file, GeoDataFrame or shapely polygons, optional
            Keep only centres inside ``habitat`` and outside ``exclude``. Layers are transformed to
            the CRS of the traps; bare shapely geometries are taken to be in it.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError
            Nothing left, too many cells, unusable buffer or polygons.
        CRSError
            Only one of traps and polygons has a CRS.
        """
        array, width = mask_builders.traps_and_buffer(traps, buffer)
        side = (
            mask_builders.default_spacing(width)
            if spacing is None
            else _checks.positive(spacing, "spacing")
        )
        centres = mask_builders.around(array, width, side, habitat, exclude)
        return cls(centres, spacing=side, cell_area=side**2 / M2_PER_KM2, crs=array.crs)

    @classmethod
    def from_polygon(cls, polygon: Any, spacing: float, crs: CRSLike | None = None) -> HabitatMask:
        """Mask of the cells whose centre lies inside polygons.

        Parameters
        ----------
        polygon : vector file, GeoDataFrame or shapely polygons
        spacing : float, metres
            Side of a cell.
        crs : anything pyproj understands, optional
            CRS of the mask; that of the layer when None.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError, CRSError
        """
        side = _checks.positive(spacing, "spacing")
        if isinstance(polygon, str | os.PathLike):
            polygon = mask_builders.read_layer(polygon, "polygon")
        system = as_crs(getattr(polygon, "crs", None) if crs is None else crs)
        geometry = mask_builders.polygon_geometry(polygon, system, "polygon")
        corners = np.array(geometry.bounds).reshape(2, 2)
        check_metres(corners, system, "polygon")
        centres = mask_builders.grid_centres(geometry.bounds, side)
        centres = centres[mask_builders.inside(centres, geometry)]
        if not len(centres):
            raise DataError(
                f"No cell of {side:g} m has its centre inside the polygon "
                f"({geometry.area / M2_PER_KM2:g} km2). Use a smaller spacing."
            )
        return cls(centres, spacing=side, cell_area=side**2 / M2_PER_KM2, crs=system)

    @classmethod
    def from_raster(
        cls,
        raster: PathLike | xarray.DataArray,
        *,
        keep: Callable[[FloatArray], BoolArray] | tuple[float, float] | None = None,
        name: str = "value",
    ) -> HabitatMask:
        """Mask whose cells are those of a raster.

        Parameters
        ----------
        raster : path or DataArray, dims (y, x), projected, square cells
        keep : function of the values giving true/false cell by cell, or (lowest, highest), optional
            Which cells are habitat, for example ``keep=(3000, 5500)`` for elevation in metres; all
            cells with a value when None.
        name : str
            Name of the covariate that holds the raster's values.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError
            Nothing kept, cells that are not square, unreadable file, ``keep`` that is no function
            of single cells.
        CRSError
            A raster in degrees.
        """
        band = (
            mask_covariates.open_raster(raster, "raster")
            if isinstance(raster, str | os.PathLike)
            else mask_covariates.one_band(raster, "raster")
        )
        system = mask_covariates.raster_crs(band)
        if system is not None and system.is_geographic:
            raise CRSError(
                f"The raster is in {describe(system)}, which is in degrees; metres are needed. "
                "Reproject it: raster.rio.reproject(raster.rio.estimate_utm_crs())."
            )
        centres, values, side = mask_builders.raster_cells(band, keep)
        return cls(
            centres,
            spacing=side,
            cell_area=side**2 / M2_PER_KM2,
            covariates={name: values},
            crs=system,
        )

    @classmethod
    def from_dataframe(
        cls,
        frame: pd.DataFrame,
        *,
        x: str = "x",
        y: str = "y",
        spacing: float | None = None,
        cell_area: float | None = None,
        covariates: Sequence[str] | None = None,
        crs: CRSLike | None = None,
    ) -> HabitatMask:
        """Mask from a table with one row per cell.

        Parameters
        ----------
        frame : DataFrame
        x, y : str
            Columns with the centres, metres.
        spacing, cell_area, crs
            As for the class.
        covariates : list of str, optional
            Columns to keep; all others when None.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError, CRSError
            As for the class, with row numbers (1 = first data row).
        """
        _columns.require_columns(frame, [x, y], "mask")
        xy = np.column_stack([_columns.number_column(frame, column, "mask") for column in (x, y)])
        if covariates is None:
            covariates = [str(column) for column in frame.columns if column not in (x, y)]
        _columns.require_columns(frame, covariates, "mask")
        return cls(
            xy, spacing=spacing, cell_area=cell_area, covariates=frame[list(covariates)], crs=crs
        )

    @property
    def n_points(self) -> int:
        """Number of cells."""
        return len(self.xy)

    @property
    def area(self) -> float:
        """Area of all cells, km2."""
        return self.n_points * self.cell_area

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge of the cells, metres."""
        (west, south), (east, north) = self.xy.min(axis=0), self.xy.max(axis=0)
        half = self.spacing / 2
        return float(west - half), float(south - half), float(east + half), float(north + half)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any of the contents, except the CRS."""
        return _checks.fingerprint(self.xy, self.cell_area, self.covariates)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.xy)

    def nearest(self, xy: ArrayLike) -> tuple[IntArray, FloatArray]:
        """Nearest cell centre of each place.

        Parameters
        ----------
        xy : array-like, shape (n, 2), metres

        Returns
        -------
        index : int64 array, shape (n,)
        distance : float64 array, shape (n,), metres
        """
        distance, index = self._tree.query(_checks.coordinates(xy, "place"))
        return np.asarray(index, dtype=np.int64), np.asarray(distance, dtype=np.float64)

    def contains(self, xy: ArrayLike) -> BoolArray:
        """Which places lie in the mask, bool array, shape (n,).

        A place is inside when it is at most half a cell's diagonal from a centre, so that a
        turned grid gives the same answer.
        """
        half_diagonal = self.spacing * float(np.sqrt(0.5))
        return np.asarray(self.nearest(xy)[1] <= half_diagonal * (1 + REGULAR), dtype=np.bool_)

    def contains_traps(self, traps: mask_builders.Traps) -> BoolArray:
        """Which traps stand in a cell of the mask, bool array, shape (n_traps,)."""
        return self.contains(traps.xy)

    def subset(self, index: ArrayLike) -> HabitatMask:
        """Some of the cells.

        Parameters
        ----------
        index : array of bool (n_points,) or of int

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError
            Wrong length, positions outside the mask, nothing left.
        """
        keep = _checks.positions(index, self.n_points, "mask point")
        return self._replaced(xy=self.xy[keep], covariates=self.covariates.iloc[keep])

    def with_covariates(self, *, method: str = "nearest", **sources: Any) -> HabitatMask:
        """Return the same mask with covariates added or replaced.

        Parameters
        ----------
        method : {"nearest", "linear", "mean", "mode"}
            Value of the raster cell that holds the centre, interpolated between raster cells, or
            the mean or most frequent value of all raster cells within the mask cell.
        **sources
            Name = raster path, DataArray, (vector file or GeoDataFrame, column), or array of
            n_points values. Points are transformed into the CRS of the source. Where the source has
            no value the covariate is missing, with a warning.

        Returns
        -------
        HabitatMask

        Raises
        ------
        DataError, CRSError
        """
        columns = {
            name: mask_covariates.values_at(self.xy, self.crs, source, name, method, self.spacing)
            for name, source in sources.items()
        }
        scaling = {name: values for name, values in self.scaling.items() if name not in columns}
        return self._replaced(
            covariates=_checks.with_columns(self.covariates, columns, "mask point"), scaling=scaling
        )

    def with_scaled(self, *names: str) -> HabitatMask:
        """Return the mask with ``elev_std`` = (elev - mean) / sd added for each covariate ``elev``.

        The mean and the standard deviation (n - 1) over the mask are remembered in
        ``scaling["elev"]``, so that other places can be put on the same scale.

        Raises
        ------
        DataError
            Unknown covariates, factors, covariates without variation.
        """
        covariates, scaling = self.covariates.copy(), dict(self.scaling)
        for name in names:
            values, mean, sd = mask_covariates.standardised(covariates, name)
            covariates[f"{name}_std"] = values
            scaling[name] = (mean, sd)
        return self._replaced(covariates=covariates, scaling=scaling)

    def _replaced(self, **changes: Any) -> HabitatMask:
        # spacing and cell_area together: a subset of scattered cells keeps the size of its cells
        contents: dict[str, Any] = {
            "xy": self.xy,
            "cell_area": self.cell_area,
            "spacing": self.spacing,
            "covariates": self.covariates,
            "crs": self.crs,
            "scaling": self.scaling,
        }
        contents.update(changes)
        return HabitatMask(contents.pop("xy"), **contents)

    def to_dataframe(self) -> pd.DataFrame:
        """Table with x, y (metres) and the covariates, one row per cell."""
        frame = self.covariates.copy()
        frame.insert(0, "x", self.xy[:, 0])
        frame.insert(1, "y", self.xy[:, 1])
        return frame

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """The table of :meth:`to_dataframe` with the square cells as geometries, and the CRS."""
        import geopandas
        import shapely

        half = self.spacing / 2
        x, y = self.xy.T
        return geopandas.GeoDataFrame(
            self.to_dataframe(),
            geometry=shapely.box(x - half, y - half, x + half, y + half),
            crs=self.crs,
        )

    def to_xarray(
        self, values: ArrayLike | str | None = None, *, name: str | None = None, units: str = "1"
    ) -> xarray.DataArray:
        """Values on the full regular grid, as a raster.

        Parameters
        ----------
        values : array-like, shape (n_points,), or name of a numeric covariate, optional
            1 in every cell of the mask when None.
        name, units : str
            Name and unit of the values.

        Returns
        -------
        DataArray, float64, dims (y, x), y from north to south
            NaN outside the mask; with the CRS where it is known.

        Raises
        ------
        DataError
            Wrong length, a factor, or a grid that is not aligned with the axes.
        """
        if isinstance(values, str):
            _columns.require_columns(self.covariates, [values], "mask covariates")
            name, values = name or values, self.covariates[values].to_numpy()
        given = np.ones(self.n_points) if values is None else _checks.numbers(values, "values")
        if given.shape != (self.n_points,):
            raise DataError(
                f"values must have one number per mask point, shape ({self.n_points},); got "
                f"{given.shape}."
            )
        raster = as_raster(self.xy, self.spacing, given, name or "mask", units)
        if self.crs is None:
            return raster
        import rioxarray  # noqa: F401  (adds .rio)

        written: xarray.DataArray = raster.rio.write_crs(self.crs)
        return written

    __setstate__ = _checks.restore

    def __len__(self) -> int:
        return self.n_points

    def __repr__(self) -> str:
        parts = [
            _checks.plural(self.n_points, "point"),
            f"spacing {self.spacing:,.6g} m",
            f"area {self.area:,.6g} km2",
        ]
        parts += [describe(self.crs) if self.crs is not None else "no CRS"]
        return f"HabitatMask({', '.join(parts)})"

    def _repr_html_(self) -> str:
        west, south, east, north = self.extent
        return facts_html(
            "HabitatMask",
            {
                "points": f"{self.n_points:,}",
                "spacing": f"{self.spacing:,.6g} m",
                "cell area": f"{self.cell_area:,.6g} km2",
                "area": f"{self.area:,.6g} km2",
                "extent": f"{(east - west) / 1000:,.1f} x {(north - south) / 1000:,.1f} km",
                "covariates": _checks.listed(self.covariates.columns) or "none",
                "CRS": describe(self.crs),
                "fingerprint": self.fingerprint,
            },
        )
