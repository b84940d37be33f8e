"""Map of connectivity: what cells are worth, how many animals use them, and where they walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea.errors import DataError
from secr_nea.plot._colours import COVARIATE_MAP, DENSITY_MAP, INK
from secr_nea.plot._legend import show_legend
from secr_nea.plot._map_axes import colour_bar, draw_cells, finish_map, map_axes
from secr_nea.plot.trap_map import draw_traps
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas
    import xarray
    from matplotlib.axes import Axes

_LABELS = {
    "corridor": "Expected animals whose way leads through (per cell)",
    "density_weighted": "Expected animals (per cell)",
    "potential": "Use by one animal in every cell",
    "friction": "Friction",
}


def connectivity(
    surfaces: xarray.Dataset,
    *,
    what: str = "corridor",
    traps: TrapArray | None = None,
    path: geopandas.GeoDataFrame | None = None,
    alpha: float = 1.0,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of one of the surfaces of connectivity.

    Parameters
    ----------
    surfaces : xarray.Dataset
        From `secr_nea.inference.connectivity`.
    what : {"corridor", "density_weighted", "potential", "friction"}
        Which surface.
    traps : TrapArray, optional
        Traps to show.
    path : GeoDataFrame, optional
        Ways to draw, from `secr_nea.inference.least_cost_path`.
    alpha : float
        Opacity of the cells; about 0.7 over a hillshade.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours and marks.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres.

    Raises
    ------
    DataError
        If ``what`` is not among the surfaces, or ``path`` has no lines.
    """
    import xarray

    if not isinstance(surfaces, xarray.Dataset):
        raise DataError(
            "surfaces must come from secr_nea.inference.connectivity(fit); got "
            f"{type(surfaces).__name__}."
        )
    if what not in _LABELS or what not in surfaces:
        raise DataError(f"what = {what!r} is not known; choose one of {', '.join(_LABELS)}.")
    values = surfaces[what]
    x, y = values["x"].to_numpy(), values["y"].to_numpy()
    spacing = float(abs(x[1] - x[0])) if len(x) > 1 else float(abs(y[1] - y[0]))
    half = 0.5 * spacing
    ax = map_axes(ax, (x.min() - half, y.min() - half, x.max() + half, y.max() + half))
    low = float(np.nanmin(values)) if what == "friction" else 0.0
    colours = COVARIATE_MAP if what == "friction" else DENSITY_MAP
    # a few cells in which all ways meet would leave the others without colour
    high = float(np.nanquantile(values, 0.995 if what == "corridor" else 1.0))
    image = draw_cells(ax, values, spacing, cmap=colours, vmin=low, vmax=high, alpha=alpha)
    if path is not None:
        for i, line in enumerate(_lines(path)):
            way = np.asarray(line.coords)
            ax.plot(*way.T, color="white", lw=3.4, zorder=4, solid_capstyle="round")
            label = "cheapest way" if i == 0 else None
            ax.plot(*way.T, color=INK, lw=1.4, zorder=5, label=label)
    if traps is not None:
        draw_traps(ax, traps, legend=legend)
    if legend:
        if path is not None or traps is not None:
            show_legend(ax)
        extend = "max" if float(np.nanmax(values)) > high else "neither"
        colour_bar(ax, image, _LABELS[what], coordinates=coordinates, extend=extend)
    return finish_map(ax, coordinates=coordinates, title=title)


def _lines(path: object) -> list[Any]:
    """The lines of some ways."""
    shapes = list(getattr(path, "geometry", []))
    if not shapes or any(shape.geom_type != "LineString" for shape in shapes):
        raise DataError(
            "path must be a GeoDataFrame of lines, from secr_nea.inference.least_cost_path; got "
            f"{type(path).__name__}."
        )
    return shapes
