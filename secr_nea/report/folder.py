"""A folder with all results of an estimate: a page, tables, maps and rasters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea import inference
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.report.contents import Contents, contents_of
from secr_nea.report.page import page
from secr_nea.report.pictures import pictures
from secr_nea.report.plain import plain_values, write_json
from secr_nea.report.rasters import write_cells, write_rasters
from secr_nea.report.tables import data_summary, density_by_survey

PUBLIC_BORDER = ("groups", "abundance", "double_count", "national")
"""Tables of a transboundary result that name no animal."""


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
    models: Any = None,
    goodness_of_fit: Any = None,
    sensitivity: Any = None,
    ledger: Any = None,
    transboundary: Any = None,
    detections: Any = None,
    operation: Any = None,
    public: bool = False,
) -> Path:
    """Write a page that says everything about an estimate, with its tables, maps and rasters.

    No table names the position of a detector, and the maps have no grid coordinates; but the maps
    show the detectors, and the rasters are georeferenced where the survey has a CRS. A public
    report leaves out all of that.

    Parameters
    ----------
    estimate : Estimate
        Of a fit that did not earn its numbers (not converged, not determined, at a boundary) only
        the data, the minimum count and the diagnosis are shown.
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
    models, goodness_of_fit, sensitivity, ledger : DataFrame or result, optional
        Tables to be shown: the set of models, tests of fit, sensitivity, corrections of the data.
        A table of models with the columns model, D, lower, upper (and weight) is drawn as well.
    transboundary : Transboundary, optional
        Result of ``fit.transboundary(...)``.
    detections : DataFrame or CSV file, optional
        Columns animal_id, trap_id, date: how the number of known animals grew, by date.
    operation : DataFrame or CSV file, optional
        Columns trap_id, start_date, end_date: when the detectors operated.
    public : bool
        Leave out every position: detectors, captures, the outline of the mask, rasters and grids
        for a GIS, ids of animals, the CRS and the ledger. Density is mapped in cells of 10 km.

    Returns
    -------
    pathlib.Path
        The folder, with ``index.html`` (complete in itself, to be mailed or printed), every table
        as CSV, all of them in ``results.xlsx`` (where openpyxl is installed), ``results.json``,
        the pictures as PNG, for each survey ``density_<survey>.tif`` and ``.nc``, and
        ``density.gpkg`` with the cells of each survey.

    Raises
    ------
    DataError
        If the folder cannot be made or written to, or the regions or tables cannot be used.
    """
    given = contents_of(
        estimate,
        regions=regions,
        by=by,
        level=level,
        variance=variance,
        models=models,
        goodness_of_fit=goodness_of_fit,
        sensitivity=sensitivity,
        ledger=ledger,
        transboundary=transboundary,
        detections=detections,
        operation=operation,
        public=public,
    )
    values = plain_values(
        estimate, level=level, variance=variance, warnings=inference.doubts(estimate)
    )
    if public:
        values["crs"] = None
    abundance = None
    if not given.unearned:
        abundance = density_by_survey(
            estimate, regions=regions, by=by, level=level, variance=variance
        )
    if not str(folder).strip():
        raise DataError("The results need a folder; name one, such as 'results'.")
    tables = _tables(given, abundance)
    drawn = pictures(given)
    try:
        home = _made(Path(folder))
        files = [_csv(table, home / f"{name}.csv") for name, table in tables.items()]
        files += _excel(tables, home / "results.xlsx")
        files += [picture.write(home) for picture in drawn]
        if abundance is not None and not public:
            files += write_rasters(estimate, home, level)
            files += write_cells(estimate, home, level)
        files.append(write_json(values, home / "results.json"))
        html = page(
            given,
            abundance,
            drawn,
            title=title or _title(estimate),
            note=note,
            files=[path.name for path in files],
            day=date.today(),
        )
        (home / "index.html").write_text(html, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"The results folder {str(folder)!r} cannot be written: {error.strerror or error}."
        ) from error
    return home


def _tables(given: Contents, abundance: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Every table of the report, by the name of its file."""
    estimate, level = given.estimate, given.level
    surveys = estimate.model.surveys
    facts = data_summary(estimate, public=given.public)
    tables = {"data_summary": facts.rename_axis("fact").reset_index()}
    counts = [inference.minimum_count(survey, level=level) for survey in surveys]
    tables["minimum_count"] = pd.concat([c.to_dataframe() for c in counts], ignore_index=True)
    if abundance is None:
        # It takes nearly all animals as seen; a fit knows better, and design.expected says it.
        tables["next_survey"] = pd.concat(
            [c.next_survey().assign(survey=c.name) for c in counts], ignore_index=True
        )
    else:
        tables["coefficients"] = estimate.coefficient_table(level).reset_index()
        tables["real_parameters"] = inference.real_parameters(estimate, level=level)
        metric = estimate.model.metric
        if "sigma" in estimate.model.parameters and (metric is None or metric.keeps_area):
            tables["range_area"] = inference.range_area(estimate, level=level)
        tables["abundance"] = abundance
        tables["mask_check"] = inference.check_mask(estimate).reset_index()
    for name in ("models", "goodness_of_fit", "sensitivity", "ledger"):
        table = getattr(given, name)
        if table is not None:
            tables[name] = table
    if given.border is not None:
        found = given.border.tables()
        allowed = {f"transboundary_{name}" for name in PUBLIC_BORDER}
        tables |= {n: t for n, t in found.items() if not given.public or n in allowed}
    return tables


def _made(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{str(folder)!r} is a file; the results need a folder. Name another one.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _csv(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path


def _excel(tables: Mapping[str, pd.DataFrame], path: Path) -> list[Path]:
    """All tables as sheets of one workbook; nothing where openpyxl is not installed."""
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        return []
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        for name, table in tables.items():
            # a sheet's name has at most 31 letters
            sheet = name.replace("transboundary", "border")[:31]
            table.to_excel(book, sheet_name=sheet, index=False)
    return [path]


def _title(estimate: Estimate) -> str:
    names = [survey.name for survey in estimate.model.surveys]
    if names == ["survey"]:
        return "Density and abundance"
    return f"Density and abundance: {', '.join(names)}"
