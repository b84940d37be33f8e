"""Traps, captures, masks and whole surveys from CSV files or data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from secr_nea._typing import CRSLike
from secr_nea.captures import CaptureHistory
from secr_nea.io.csv_text import Columns, Table, naming, read_text_table
from secr_nea.io.detectors import TrapReading, study_detectors
from secr_nea.io.matching import (
    MaskSource,
    are_shared,
    masks_by_survey,
    matched,
    only_detected,
    survey_covariates,
    warn_without_detections,
)
from secr_nea.io.survey_rows import SESSION, captures_of, one_survey, traps_of, typed
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey, as_surveys
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas


def read_traps(
    source: Table,
    *,
    detector: str | Sequence[str] = "count",
    crs: CRSLike | None = None,
    effort: Table | None = None,
    effort_column: str | None = None,
    n_occasions: int | None = None,
    survey: str | None = None,
    survey_column: str = SESSION,
    varying: Mapping[str, Sequence[str]] | None = None,
    sheet: str | None = None,
    columns: Columns = None,
    decimal: str = ".",
) -> TrapArray:
    """Read the traps of one survey.

    Parameters
    ----------
    source : CSV file, Excel workbook (.xlsx) or DataFrame
        Columns trap_id, x, y (metres), covariates; with several surveys also ``survey_column``.
    detector, n_occasions, crs
        As for :class:`TrapArray`.
    effort : CSV file or DataFrame, optional
        Long table with trap_id, occasion (1 ... n_occasions), effort, and ``survey_column`` where
        there are several surveys. Occasions of a trap that have no row count as 0, not operating;
        every trap needs a row.
    effort_column : str, optional
        Column of ``source`` with the effort of the one occasion, for example "effort_days". Without
        ``effort`` and ``effort_column``: the column "effort" or columns "effort.1", "effort.2" ...
        if there are any, else 1.
    survey : str, optional
        Which survey to read; needed when the table holds several.
    survey_column : str
    varying : mapping of name to list of columns, one per occasion, optional
        Covariates that change with the occasion.
    sheet : str, optional
        Sheet of a workbook; needed where its name does not tell what it holds.
    columns : mapping of our name to the table's, or "synonyms", optional
        Where the columns have other names: ``{"trap_id": "Camera ID", "x": "UTM_X"}``, or what
        `suggest_columns` found. "synonyms" takes these without asking, and warns.
    decimal : {".", ","}
        Decimal mark of numbers that are text.

    Returns
    -------
    TrapArray

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with file and row numbers (1 = first data row).
    """
    with naming(source, "traps"):
        table = read_text_table(source, "traps", sheet=sheet, columns=columns, decimal=decimal)
        frame = one_survey(table, survey, survey_column, "traps")
        hours = None
        if effort is not None:
            hours = one_survey(read_text_table(effort, "effort"), survey, survey_column, "effort")
        return traps_of(frame, detector, crs, hours, effort_column, n_occasions, varying)


def read_captures(
    source: Table,
    traps: TrapArray,
    *,
    individuals: Table | None = None,
    survey: str | None = None,
    survey_column: str = SESSION,
    sheet: str | None = None,
    columns: Columns = None,
    decimal: str = ".",
) -> CaptureHistory:
    """Read the detections of one survey.

    Parameters
    ----------
    source : CSV file, Excel workbook (.xlsx) or DataFrame
        Columns animal_id, trap_id, occasion (1 ... n_occasions; may be absent when there is one),
        optionally count; one row per detection when there is no count. Detections of searches have
        x and y (metres) and need no trap_id: they belong to the search that contains them. A column
        "sex" describes the
        animals; other columns are not used.
    traps : TrapArray
    individuals : CSV file or DataFrame, optional
        One row per detected animal: animal_id and covariates such as sex; empty cells are unknown.
    survey, survey_column, sheet, columns, decimal
        As for :func:`read_traps`.

    Returns
    -------
    CaptureHistory

    Raises
    ------
    DataError
        Anything that cannot be right, with file and row numbers (1 = first data row).
    """
    with naming(source, "captures"):
        table = read_text_table(source, "captures", sheet=sheet, columns=columns, decimal=decimal)
        frame = one_survey(table, survey, survey_column, "captures")
    animals = None
    if individuals is not None:
        with naming(individuals, "individuals"):
            animals = one_survey(
                read_text_table(individuals, "individuals"), survey, survey_column, "individuals"
            )
    with naming(source, "captures"):
        return captures_of(frame, traps, animals)


def read_mask(
    source: Table,
    *,
    crs: CRSLike | None = None,
    spacing: float | None = None,
    survey: str | None = None,
    survey_column: str = SESSION,
) -> HabitatMask:
    """Read the habitat mask of one survey.

    Parameters
    ----------
    source : CSV file or DataFrame
        Columns x, y (centres of square cells, metres) and covariates.
    crs, spacing
        As for :class:`HabitatMask`.
    survey, survey_column
        As for :func:`read_traps`.

    Returns
    -------
    HabitatMask

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with file and row numbers (1 = first data row).
    """
    with naming(source, "mask"):
        frame = one_survey(read_text_table(source, "mask"), survey, survey_column, "mask")
        return HabitatMask.from_dataframe(typed(frame, ("x", "y")), crs=crs, spacing=spacing)


def read_surveys(
    *,
    traps: Table | None = None,
    captures: Table,
    mask: MaskSource,
    searches: Table | geopandas.GeoDataFrame | None = None,
    detector: str | Sequence[str] = "count",
    crs: CRSLike | None = None,
    effort: Table | None = None,
    effort_column: str | None = None,
    search_effort: Table | None = None,
    individuals: Table | None = None,
    survey_column: str = SESSION,
    covariates: pd.DataFrame | None = None,
    n_occasions: int | None = None,
    varying: Mapping[str, Sequence[str]] | None = None,
    spacing: float | None = None,
) -> tuple[Survey, ...]:
    """Read all surveys of a study and match their tables by the name of the survey.

    Parameters
    ----------
    traps, captures, effort, individuals : CSV file or DataFrame
        As for :func:`read_traps` and :func:`read_captures`, with the column ``survey_column``; when
        the traps table has none there is one survey, called "survey". An individuals table without
        it lists animals whose ids are the same in all surveys. ``traps`` may be absent where
        there are searches alone. Detections of searches have x and y.
    searches : CSV file, DataFrame, GeoDataFrame or file of geodata, optional
        Searched areas and transects, as for :func:`read_searches`, with ``survey_column`` where
        the traps table has it; a survey may have traps, searches or both.
    search_effort : CSV file or DataFrame, optional
        Long table with search_id, occasion, effort; 1 on every occasion of the traps by default.
    mask : CSV file, DataFrame, HabitatMask, mapping of survey name to HabitatMask, or function of
    the traps
        A table or mask without ``survey_column`` is shared by all surveys.
    covariates : DataFrame, optional
        Indexed by survey name, or with the column ``survey_column``: what is constant within a
        survey.
    detector, crs, effort_column, n_occasions, varying, survey_column
        As for :func:`read_traps`, for all surveys.
    spacing : float, metres, optional
        Spacing of a mask table.

    Returns
    -------
    tuple of Survey
        In the order of the traps table; surveys that have only searches come last.

    Raises
    ------
    DataError, CRSError
        Surveys that only one table knows, and anything that :func:`read_traps`,
        :func:`read_captures` and :func:`read_mask` refuse; the message names the file and the
        survey.

    Warns
    -----
    SecrWarning
        A survey without any detection.
    """
    detectors = study_detectors(
        traps,
        searches,
        effort=effort,
        search_effort=search_effort,
        survey_column=survey_column,
        reading=TrapReading(detector, effort_column, varying),
        crs=crs,
        n_occasions=n_occasions,
    )
    known = detectors.names
    named = list(known)
    capture_tables = matched(captures, "captures", known, survey_column)
    animal_tables = matched(individuals, "individuals", known, survey_column, shared=True)
    masks = masks_by_survey(mask, known, survey_column, crs, spacing)
    facts = survey_covariates(covariates, named, survey_column)
    warn_without_detections(named, capture_tables, len(named) > 1)
    surveys = []
    for name in named:
        told = None if name == "" else name
        array = detectors.of(name)
        frame = capture_tables.get(name)
        if frame is None:
            columns = ("animal_id", "occasion", "trap_id", "x", "y")
            frame = pd.DataFrame({name: [] for name in columns}, dtype=str)
        animals = animal_tables.get(name)
        if animals is not None and are_shared(animal_tables, named):
            animals = only_detected(animals, frame)
        with naming(captures, "captures", told):
            history = captures_of(frame, array, animals)
        habitat = masks(name, array)
        surveys.append(Survey(history, habitat, name=name or "survey", covariates=facts.get(name)))
    return as_surveys(surveys)
