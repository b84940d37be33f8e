"""The pictures of a report: maps without grid coordinates, detection function, buffer check."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea import inference
from secr_nea.border import Transboundary
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference import density_surface
from secr_nea.report.contents import Contents
from secr_nea.report.fonts import written_in_any_script
from secr_nea.report.rasters import file_words, has_one_surface, is_raster
from secr_nea.survey import Survey

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

WIDTH_INCHES = 7.0
DOTS_PER_INCH = 130


@dataclass(frozen=True)
class Picture:
    """One picture as a PNG file in memory.

    Parameters
    ----------
    section : str
        Where in the page it belongs: ``"data"``, ``"models"``, ``"maps"``, ``"border"``,
        ``"detection"``, ``"effects"`` or ``"buffer"``.
    name : str
        File name without ending.
    caption : str
    png : bytes
    """

    section: str
    name: str
    caption: str
    png: bytes

    @property
    def source(self) -> str:
        """The picture as text for the ``src`` of an HTML image."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"

    def write(self, folder: Path) -> Path:
        """Write the PNG file into a folder."""
        path = folder / f"{self.name}.png"
        path.write_bytes(self.png)
        return path


def pictures(given: Contents) -> list[Picture]:
    """All pictures of a report.

    Parameters
    ----------
    given : Contents
        Of a fit that did not earn its numbers only the data are drawn; of a public report nothing
        that shows a place more closely than ``PUBLIC_CELL``.

    Returns
    -------
    list of Picture
        Without any grid coordinates.
    """
    with written_in_any_script():
        return _drawn(given)


def _drawn(given: Contents) -> list[Picture]:
    found = list(_data(given))
    if given.models is not None:
        found += _models(given.models)
    found += _public_maps(given) if given.public else _maps(given)
    if given.border is not None:
        found += _border(given, given.border)
    if given.unearned:
        return found
    found += _detection(given)
    return [*found, *_buffers(given)]


PUBLIC_CELL = 10_000.0
"""Side in metres of the cells in which a public report maps density."""

MOST_EFFECTS = 8

_DETECTION = (
    "Detection by distance between activity centre and detector, with its pointwise interval. "
    "Bars: distances of detections from {origin}."
)
_BUFFER = (
    "density that a narrower mask would give; where the curve is level, a wider mask changes "
    "nothing."
)
_DENSITY = (
    "density, animals per 100 km2: what the model's covariates say, not where the detected animals "
    "live."
)
_CV = "coefficient of variation of the density (standard error divided by density)."
_CAPTURES = "lines from each animal's detections to their mean position."
_MASK = "the habitat mask, where activity centres were allowed, and the detectors by their effort."
_BEYOND = "where a covariate of density is beyond the values that were sampled."


def _is_known(estimate: Estimate) -> bool:
    """Whether the data determine density anywhere."""
    numbers = inference.abundance(estimate)["density_per_100km2"]
    return bool(numbers.notna().all())


def _data(given: Contents) -> Iterator[Picture]:
    """How often animals were seen, how their number grew, and when detectors operated."""
    from secr_nea import plot

    surveys = given.estimate.model.surveys
    if not any(survey.n_animals for survey in surveys):
        return
    ax = _chart()
    plot.capture_frequency(surveys, ax=ax)
    yield _picture(ax, "data", "capture_frequency", "How often animals were detected.")
    ax = _chart()
    plot.cumulative_animals(surveys, detections=given.detections, ax=ax)
    told = "How the number of known animals grew; a curve that still climbs says that many animals "
    yield _picture(ax, "data", "cumulative_animals", told + "were not yet seen.")
    if given.operation is not None and not given.public:
        n_traps = sum(survey.traps.n_traps for survey in surveys)
        ax = _axes(float(np.clip(0.9 + 0.11 * n_traps, 2.5, 9.0)))
        plot.effort(surveys, operation=given.operation, detections=given.detections, ax=ax)
        yield _picture(ax, "data", "operation", "When each detector operated.")


def _models(table: pd.DataFrame) -> list[Picture]:
    """Densities of the set of models, where the table has them."""
    from secr_nea import plot

    try:
        ax = _axes(float(np.clip(1.1 + 0.3 * len(table), 2.0, 9.0)))
        plot.forest(table, ax=ax)
    except DataError:
        # a table of models without densities is only printed
        return []
    told = "Density by model with intervals; the area of a marker grows with the model's weight."
    return [_picture(ax, "models", "models", told)]


def _maps(given: Contents) -> Iterator[Picture]:
    """Density, its coefficient of variation, mask, captures and extrapolation of each survey."""
    from secr_nea import plot

    estimate = given.estimate
    surveys = estimate.model.surveys
    words = file_words([survey.name for survey in surveys])
    gridded = [survey for survey in surveys if is_raster(survey)]
    shown = not given.unearned and has_one_surface(estimate) and _is_known(estimate)
    limits = _common_limits(estimate, gridded) if shown else None
    for survey in surveys:
        name, word = f"{survey.name}: " if len(surveys) > 1 else "", words[survey.name]

        def draw(
            kind: str,
            caption: str,
            fill: Callable[..., object],
            survey: Survey = survey,
            name: str = name,
            word: str = word,
        ) -> Picture:
            ax = _map(survey)
            fill(ax=ax)
            _outline(ax, survey, given)
            return _picture(ax, "maps", f"{kind}_{word}", name + caption)

        own: dict[str, Any] = {"survey": survey.name}
        if shown and survey in gridded:
            yield draw("density", _DENSITY, partial(plot.density, estimate, limits=limits, **own))
            yield draw("density_cv", _CV, partial(plot.density, estimate, what="cv", **own))
            if inference.extrapolation(estimate, **own).to_numpy(dtype=bool).any():
                yield draw("extrapolation", _BEYOND, partial(plot.extrapolation, estimate, **own))
        if survey in gridded:
            yield draw("mask", _MASK, partial(_mask_and_traps, survey))
        yield draw("captures", _CAPTURES, partial(plot.captures, survey))


def _mask_and_traps(survey: Survey, ax: Axes | None = None) -> None:
    from secr_nea import plot

    plot.mask(survey, ax=ax)
    plot.traps(survey, ax=ax)


def _public_maps(given: Contents) -> Iterator[Picture]:
    """Density in large cells, without detectors and without the outline of the mask."""
    from secr_nea.plot._colours import DENSITY_MAP
    from secr_nea.plot._map_axes import colour_bar, draw_cells, finish_map
    from secr_nea.plot.density_map import UNIT

    estimate = given.estimate
    if given.unearned or not has_one_surface(estimate) or not _is_known(estimate):
        return
    surveys = estimate.model.surveys
    words = file_words([survey.name for survey in surveys])
    for survey in surveys:
        if not is_raster(survey):
            continue
        coarse, side = _coarse(density_surface(estimate, survey=survey.name)["density"], survey)
        ax = _map(survey)
        image = draw_cells(ax, coarse, side, cmap=DENSITY_MAP, vmin=0.0)
        colour_bar(ax, image, f"Density ({UNIT})", coordinates=False)
        finish_map(ax, coordinates=False, title=None)
        _outline(ax, survey, given)
        name = f"{survey.name}: " if len(surveys) > 1 else ""
        caption = f"{name}density in cells of {side / 1000.0:g} km, animals per 100 km2."
        yield _picture(ax, "maps", f"density_{words[survey.name]}", caption)


def _coarse(density: xarray.DataArray, survey: Survey) -> tuple[xarray.DataArray, float]:
    """Mean density of cells of at least `PUBLIC_CELL` whose corners are round numbers of metres."""
    spacing = survey.mask.spacing
    every = int(np.ceil(PUBLIC_CELL / spacing))
    side = every * spacing
    frame = density.to_series().dropna().rename("density").reset_index()
    # cells that start at multiples of their side say nothing about where the survey starts
    for axis in ("x", "y"):
        frame[axis] = (np.floor(frame[axis] / side) + 0.5) * side
    mean = frame.groupby(["y", "x"])["density"].mean().to_xarray()
    full = {
        axis: np.arange(float(mean[axis].min()), float(mean[axis].max()) + 0.5 * side, side)
        for axis in ("y", "x")
    }
    return mean.reindex(full, method="nearest", tolerance=1.0).sortby("y", ascending=False), side


def _border(given: Contents, found: Transboundary) -> Iterator[Picture]:
    """Both sides of the border."""
    from secr_nea import plot

    words = file_words([survey.name for survey in found.surveys])
    for survey in found.surveys:
        name = f"{survey.name}: " if len(found.surveys) > 1 else ""
        own: dict[str, Any] = {"survey": survey.name}
        word = words[survey.name]
        if not given.public:
            ax = _map(survey)
            plot.border(found, ax=ax, **own)
            told = "animals by the side on which they were seen."
            yield _picture(ax, "border", f"border_{word}", name + told)
        ax = _chart()
        plot.double_count(found, ax=ax, **own)
        told = "the national lists, their sum, and the different animals that were seen."
        yield _picture(ax, "border", f"double_count_{word}", name + told)
        if not given.public and not found.unearned:
            ax = _axes(float(np.clip(1.0 + 0.17 * survey.n_animals, 2.4, 9.0)))
            plot.border_shares(found, ax=ax, **own)
            told = "share of each animal's activity centre by country; bold: seen on several sides."
            yield _picture(ax, "border", f"border_shares_{word}", name + told)


def _detection(given: Contents) -> Iterator[Picture]:
    """The detection function, and the effect of each covariate."""
    from secr_nea import plot
    from secr_nea.plot.effect_curve import effects_of

    ax = _chart()
    plot.detection(given.estimate, level=given.level, ax=ax)
    origin = "the mean position of the animal's detections"
    if given.estimate.model.metric is not None:
        origin = "the animal's likeliest activity centre, as the model measures distance"
    caption = _DETECTION.format(origin=origin)
    yield _picture(ax, "detection", "detection_function", caption)
    for parameter, covariate in effects_of(given.estimate)[:MOST_EFFECTS]:
        ax = _axes(0.62 * WIDTH_INCHES)
        try:
            plot.effect(
                given.estimate,
                covariate,
                parameter=parameter,
                level=given.level,
                rug=not given.public,
                ax=ax,
            )
        except DataError:
            # the data do not determine it, as the table of estimates says
            continue
        rug = "" if given.public else " Ticks: values in the data."
        caption = f"Effect of {covariate} on {parameter}, the other covariates held.{rug}"
        name = file_words([f"effect_{parameter}_{covariate}"])
        yield _picture(ax, "effects", next(iter(name.values())), caption)


def _buffers(given: Contents) -> Iterator[Picture]:
    from secr_nea import plot

    estimate = given.estimate
    words = file_words([survey.name for survey in estimate.model.surveys])
    for survey in estimate.model.surveys if not estimate.model.individuals.grouped else ():
        ax = _chart()
        plot.buffer(estimate, survey=survey.name, ax=ax)
        caption = f"{survey.name}: {_BUFFER}"
        yield _picture(ax, "buffer", f"buffer_{words[survey.name]}", caption)


def _common_limits(estimate: Estimate, surveys: list[Survey]) -> tuple[float, float] | None:
    """Ends of the colour bars of several surveys, so that their maps can be compared."""
    if len(surveys) < 2:
        return None
    values = [float(density_surface(estimate, survey=s.name)["density"].max()) for s in surveys]
    return 0.0, max(values)


def _map(survey: Survey) -> Axes:
    """Axes in a figure of the shape of the mask; pyplot, which keeps figures, is not used."""
    west, south, east, north = survey.mask.extent
    ratio = float(np.clip((north - south) / (east - west), 0.35, 1.3))
    return _axes(0.8 + 0.78 * WIDTH_INCHES * ratio)


def _chart() -> Axes:
    return _axes(0.55 * WIDTH_INCHES)


def _axes(height: float) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DOTS_PER_INCH, layout="compressed")
    FigureCanvasAgg(figure)
    return figure.subplots()


def _outline(ax: Axes, survey: Survey, given: Contents) -> None:
    """Draw the regions, else the countries, into a map, unless they are a covariate of the mask."""
    from secr_nea import plot

    regions, by = given.regions, given.by
    if regions is None and given.border is not None:
        regions, by = given.border.sides.to_geodataframe(), "country"
    if regions is None or (isinstance(regions, str) and regions in survey.mask.covariates):
        return
    plot.regions(regions, label=by, borders=True, like=survey, ax=ax)


def _picture(ax: Axes, section: str, name: str, caption: str) -> Picture:
    buffer = BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return Picture(section, name, caption[0].upper() + caption[1:], buffer.getvalue())
