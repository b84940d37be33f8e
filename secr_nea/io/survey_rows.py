"""Rows of one survey in a table of several, and what traps, effort and captures they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._typing import CRSLike, FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray

SESSION = "session"
"""Name of the column that tells the survey."""


def one_survey(frame: pd.DataFrame, survey: str | None, column: str, what: str) -> pd.DataFrame:
    """Rows of one survey, without the survey column."""
    tables = by_survey(frame, column, what)
    if survey is None and len(tables) > 1:
        raise DataError(
            f"The {what} table holds {len(tables)} surveys: {_checks.listed(map(repr, tables))}. "
            f"Name one, survey={next(iter(tables))!r}, or read all of them with read_surveys()."
        )
    if survey is None or "" in tables:
        return next(iter(tables.values()))
    if survey not in tables:
        raise DataError(
            f"The {what} table has no survey {survey!r}{_checks.did_you_mean(survey, tables)}; it "
            f"has {_checks.listed(map(repr, tables))}."
        )
    return tables[survey]


def by_survey(frame: pd.DataFrame, column: str, what: str) -> dict[str, pd.DataFrame]:
    """Tables of the surveys by name, in order of appearance; one called "" without the column."""
    if column not in frame.columns:
        variant = [
            name for name in frame.columns if str(name).strip().casefold() == column.casefold()
        ]
        if variant:
            raise DataError(
                f"The {what} table has a column {variant[0]!r}; is it {column!r}? Rename it, or "
                f"give survey_column={variant[0]!r}."
            )
        if column == SESSION and "survey" in frame.columns:
            raise DataError(
                f"The {what} table has a column 'survey'. Give survey_column='survey', or rename "
                "it."
            )
        return {"": frame}
    labels = _columns.id_column(frame, column, f"{column} of the {what} table")
    _checks.refuse_variants(labels, f"{column} of the {what} table")
    rest = frame.drop(columns=[column])
    if not labels:
        return {"": rest}
    label = pd.Series(labels, index=frame.index)
    return {name: rest[(label == name).to_numpy()] for name in dict.fromkeys(labels)}


def typed(frame: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    """The table with its covariates as numbers or text; columns in ``ids`` stay as they are."""
    rows = _columns.row_numbers(frame)
    return pd.DataFrame(
        {
            name: frame[name] if name in ids else _columns.typed_covariate(frame[name], rows)
            for name in frame.columns
        },
        index=frame.index,
    )


def traps_of(
    frame: pd.DataFrame,
    detector: str | Sequence[str],
    crs: CRSLike | None,
    effort: pd.DataFrame | None,
    effort_column: str | None,
    n_occasions: int | None,
    varying: Mapping[str, Sequence[str]] | None,
) -> TrapArray:
    """Traps of one survey from its rows of the traps and the effort table."""
    if effort is not None and effort_column is not None:
        raise DataError(
            "Give effort= (a table) or effort_column= (a column of the traps table), not both."
        )
    _columns.require_columns(frame, ["trap_id", "x", "y"], "traps")
    hours: str | FloatArray | None = effort_column
    if effort is not None:
        hours = effort_of(effort, _columns.id_column(frame, "trap_id", "trap id"), n_occasions)
    return TrapArray.from_dataframe(
        typed(frame, ("trap_id", "x", "y")),
        effort=hours,
        n_occasions=n_occasions,
        detector=detector,
        varying=varying,
        crs=crs,
    )


def effort_of(effort: pd.DataFrame, trap_ids: Sequence[str], n_occasions: int | None) -> FloatArray:
    """Effort of a long table as an array, shape (n_traps, n_occasions)."""
    _columns.require_columns(effort, ["trap_id", "occasion", "effort"], "effort")
    rows = _columns.row_numbers(effort)
    named = _columns.id_column(effort, "trap_id", "trap id of the effort table")
    position = {name: k for k, name in enumerate(trap_ids)}
    unknown = [
        f"{name!r} in row {row}{_checks.did_you_mean(name, trap_ids)}"
        for name, row in zip(named, rows, strict=True)
        if name not in position
    ]
    if unknown:
        raise DataError(
            "The effort table names traps that are not in the traps table: "
            f"{_checks.listed(unknown)}."
        )
    absent = [name for name in trap_ids if name not in set(named)]
    if absent:
        raise DataError(
            f"The effort table has no row for trap {_checks.listed(map(repr, absent))}. Add rows; "
            "effort 0 for a trap that never operated."
        )
    occasion = _checks.whole_numbers(
        _columns.number_column(effort, "occasion", "effort"), "occasion of the effort table", rows
    )
    last = int(occasion.max()) if n_occasions is None else n_occasions
    outside = [row for row, s in zip(rows, occasion, strict=True) if not 1 <= s <= last]
    if outside:
        raise DataError(
            f"occasion of the effort table must be 1 to {last}; it is not in "
            f"{_checks.rows_listed(outside)}."
        )
    values = _columns.number_column(effort, "effort", "effort")
    seen: dict[tuple[int, int], int] = {}
    array = np.zeros((len(trap_ids), last))
    for row, name, s, value in zip(rows, named, occasion.tolist(), values, strict=True):
        cell = position[name], s - 1
        if cell in seen:
            raise DataError(
                f"The effort of trap {name!r} on occasion {s} stands twice (rows {seen[cell]} and "
                f"{row}). Keep one."
            )
        seen[cell] = row
        array[cell] = value
    return array


def captures_of(
    frame: pd.DataFrame, traps: TrapArray, individuals: pd.DataFrame | None
) -> CaptureHistory:
    """Captures of one survey from its rows of the captures and the individuals table."""
    animals = None if individuals is None else typed(individuals, ("animal_id",))
    return CaptureHistory.from_dataframe(frame, traps, individuals=animals)
