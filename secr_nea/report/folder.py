"""A folder with all results of an estimate: a page, tables, maps and rasters."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea import inference
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.report.page import page
from secr_nea.report.pictures import pictures
from secr_nea.report.plain import plain_values, write_json
from secr_nea.report.rasters import write_rasters
from secr_nea.report.tables import data_summary, density_by_survey


def write_report(
    estimate: Estimate,
    folder: PathLike,
    *,
    regions: Any = None,
    by: str | None = None,
    title: str | None = None,
    note: str | None = None,
    level: float = 0.95,
    variance: str = "auto",
) -> Path:
    """Write a page that says everything about an estimate, with its tables, maps and rasters.

    No file names the position of a detector, and the maps have no grid coordinates: the page can
    be handed on. The rasters of density are georeferenced where the survey has a CRS.

    Parameters
    ----------
    estimate : Estimate
        Of a fit that did not converge only the data and the diagnosis are shown.
    folder : path
        Made if it does not exist; files of an earlier report are replaced.
    regions : path, GeoDataFrame, geometry, or name of a mask covariate, optional
        Where numbers of animals are wanted besides the whole mask.
    by : str, optional
        Attribute of the polygons that names the regions.
    title : str, optional
    note : str, optional
        A remark under the title, such as who must be asked before the numbers are used.
    level : float
        Confidence level of all intervals.
    variance : {"auto", "poisson", "mspe"}
        Variance of the realised numbers; see `secr_nea.inference.abundance`.

    Returns
    -------
    pathlib.Path
        The folder, with ``index.html`` (complete in itself, to be mailed or printed),
        ``coefficients.csv``, ``real_parameters.csv``, ``abundance.csv``, ``data_summary.csv``,
        ``mask_check.csv``, ``results.json``, the pictures as PNG, and for each survey
        ``density_<survey>.tif`` and ``.nc``.

    Raises
    ------
    DataError
        If the folder cannot be made or written to, or the regions cannot be used.
    """
    values = plain_values(
        estimate, level=level, variance=variance, warnings=inference.doubts(estimate)
    )
    tables = {"data_summary": data_summary(estimate).rename_axis("fact").reset_index()}
    tables["coefficients"] = estimate.coefficient_table(level).reset_index()
    abundance = None
    if estimate.diagnosis.converged:
        abundance = density_by_survey(
            estimate, regions=regions, by=by, level=level, variance=variance
        )
        tables["real_parameters"] = inference.real_parameters(estimate, level=level)
        tables["abundance"] = abundance
        tables["mask_check"] = inference.check_mask(estimate).reset_index()
    else:
        # Intervals around numbers that are no estimates would look like knowledge.
        tables["coefficients"] = tables["coefficients"][["coefficient", "estimate"]]
    drawn = pictures(estimate, regions=regions, by=by, level=level)
    try:
        home = _made(Path(folder))
        files = [_csv(table, home / f"{name}.csv") for name, table in tables.items()]
        files += [picture.write(home) for picture in drawn]
        files += write_rasters(estimate, home, level) if abundance is not None else []
        files.append(write_json(values, home / "results.json"))
        html = page(
            estimate,
            abundance,
            drawn,
            title=title or _title(estimate),
            note=note,
            level=level,
            files=[path.name for path in files],
            day=date.today(),
        )
        (home / "index.html").write_text(html, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"The results folder {str(folder)!r} cannot be written: {error.strerror or error}."
        ) from error
    return home


def _made(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file; the results need a folder. Name another one.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _csv(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path


def _title(estimate: Estimate) -> str:
    names = [survey.name for survey in estimate.model.surveys]
    if names == ["survey"]:
        return "Density and abundance"
    return f"Density and abundance: {', '.join(names)}"
