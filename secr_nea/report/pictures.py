"""The pictures of a report: maps without grid coordinates, detection function, buffer check."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea import inference
from secr_nea.estimate import Estimate
from secr_nea.inference import density_surface
from secr_nea.report.rasters import file_words, has_one_surface, is_raster
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 7.0
DOTS_PER_INCH = 130


@dataclass(frozen=True)
class Picture:
    """One picture as a PNG file in memory.

    Parameters
    ----------
    section : str
        Where in the page it belongs: ``"maps"``, ``"detection"`` or ``"buffer"``.
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


def pictures(
    estimate: Estimate, *, regions: Any = None, by: str | None = None, level: float = 0.95
) -> list[Picture]:
    """All pictures of an estimate.

    Parameters
    ----------
    estimate : Estimate
        Of a fit that did not converge only the captures are shown.
    regions : polygons, optional
        Outlines to draw into the maps.
    by : str, optional
        Attribute of the polygons with their names.
    level : float
        Confidence level of the detection function's band.

    Returns
    -------
    list of Picture
        Without any grid coordinates.
    """
    from secr_nea import plot

    found = list(_maps(estimate, regions, by))
    if not estimate.diagnosis.converged:
        return found
    ax = _chart()
    plot.detection(estimate, level=level, ax=ax)
    found.append(_picture(ax, "detection", "detection_function", _DETECTION))
    words = file_words([survey.name for survey in estimate.model.surveys])
    for survey in estimate.model.surveys if not estimate.model.individuals.grouped else ():
        ax = _chart()
        plot.buffer(estimate, survey=survey.name, ax=ax)
        caption = f"{survey.name}: {_BUFFER}"
        found.append(_picture(ax, "buffer", f"buffer_{words[survey.name]}", caption))
    return found


_DETECTION = (
    "Detection by distance between activity centre and detector, with its pointwise interval. "
    "Bars: distances of detections from the mean position of the animal's detections."
)
_BUFFER = (
    "density that a narrower mask would give; where the curve is level, a wider mask changes "
    "nothing."
)


def _is_known(estimate: Estimate) -> bool:
    """Whether the data determine density anywhere."""
    numbers = inference.abundance(estimate)["density_per_100km2"]
    return bool(numbers.notna().all())


def _maps(estimate: Estimate, regions: Any, by: str | None) -> Iterator[Picture]:
    """Density, its coefficient of variation, and captures of each survey."""
    from secr_nea import plot

    surveys = estimate.model.surveys
    words = file_words([survey.name for survey in surveys])
    gridded = [survey for survey in surveys if is_raster(survey)]
    shown = estimate.diagnosis.converged and has_one_surface(estimate) and _is_known(estimate)
    limits = _common_limits(estimate, gridded) if shown else None
    for survey in surveys:
        name = f"{survey.name}: " if len(surveys) > 1 else ""
        if shown and survey in gridded:
            ax = _map(survey)
            plot.density(estimate, survey=survey.name, limits=limits, ax=ax)
            _outline(ax, survey, regions, by)
            yield _picture(ax, "maps", f"density_{words[survey.name]}", name + _DENSITY)
            ax = _map(survey)
            plot.density(estimate, what="cv", survey=survey.name, ax=ax)
            _outline(ax, survey, regions, by)
            yield _picture(ax, "maps", f"density_cv_{words[survey.name]}", name + _CV)
        ax = _map(survey)
        plot.captures(survey, ax=ax)
        _outline(ax, survey, regions, by)
        yield _picture(ax, "maps", f"captures_{words[survey.name]}", name + _CAPTURES)


_DENSITY = (
    "density, animals per 100 km2: what the model's covariates say, not where the detected animals "
    "live."
)
_CV = "coefficient of variation of the density (standard error divided by density)."
_CAPTURES = "lines from each animal's detections to their mean position."


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


def _outline(ax: Axes, survey: Survey, regions: Any, by: str | None) -> None:
    """Draw the regions into a map, unless they are a covariate of the mask."""
    from secr_nea import plot

    if regions is None or (isinstance(regions, str) and regions in survey.mask.covariates):
        return
    plot.regions(regions, label=by, borders=True, like=survey, ax=ax)


def _picture(ax: Axes, section: str, name: str, caption: str) -> Picture:
    buffer = BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return Picture(section, name, caption[0].upper() + caption[1:], buffer.getvalue())
