"""The records of a survey with the side of the border that each was made on."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.border.sides import NEAR, Sides
from secr_nea.errors import DataError
from secr_nea.io.csv_text import read_text_table
from secr_nea.survey import Survey

KEY = ["survey", "animal_id", "trap_id"]


def side_records(survey: Survey, sides: Sides) -> pd.DataFrame:
    """Records of a survey, with side and distance from the border.

    Parameters
    ----------
    survey : Survey
    sides : Sides

    Returns
    -------
    DataFrame
        Columns survey, animal_id, trap_id, time (the occasion), count, x, y (metres), side
        (position in ``sides.names``), distance_m (to the nearest other side).

    Raises
    ------
    DataError
        If a detector with records stands in none of the countries.
    """
    table = survey.captures.to_dataframe().rename(columns={"occasion": "time"})
    at_trap = dict(zip(survey.traps.ids, survey.traps.xy, strict=True))
    if "x" not in table:
        xy = np.array([at_trap[name] for name in table["trap_id"]]).reshape(-1, 2)
        table = table.assign(x=xy[:, 0], y=xy[:, 1])
    xy = table[["x", "y"]].to_numpy(dtype=np.float64)
    side = sides.of(xy, near=NEAR)
    _warn_of_near(table["trap_id"], sides.of(xy), side, sides)
    if (side < 0).any():
        outside = list(dict.fromkeys(table["trap_id"][side < 0]))
        raise DataError(
            f"Survey {survey.name!r}: {_checks.listed(outside)} with detections "
            f"{'is' if len(outside) == 1 else 'are'} in none of {', '.join(sides.names)}. Do the "
            "polygons cover the whole survey, in the right CRS?"
        )
    table.insert(0, "survey", survey.name)
    return table.assign(side=side, distance_m=sides.distance_to_other(xy, side))


def _warn_of_near(
    traps: pd.Series, inside: np.ndarray[Any, Any], side: np.ndarray[Any, Any], sides: Sides
) -> None:
    """Tell of detectors that stand in no country and are given to the nearest one."""
    near = (inside < 0) & (side >= 0)
    if near.any():
        told = dict.fromkeys(
            f"{trap} ({sides.names[j]})" for trap, j in zip(traps[near], side[near], strict=True)
        )
        _checks.warn(
            f"{_checks.listed(told)}: in none of the countries, but within {NEAR:,.0f} m of one, "
            "where they are counted. Does the layer have a gap?",
            stacklevel=4,
        )


def with_dates(records: pd.DataFrame, detections: Any, survey_names: list[str]) -> pd.DataFrame:
    """Records with the dates of a table of detections in place of occasions.

    Parameters
    ----------
    records : DataFrame
        As of `side_records`, of all surveys.
    detections : DataFrame or CSV file
        Columns animal_id, trap_id, date (and survey, where there are several).
    survey_names : list of str

    Returns
    -------
    DataFrame
        One row per detection, ``time`` as pandas Timestamps.

    Raises
    ------
    DataError
        If columns or dates cannot be read, or the table is not about the records of the surveys.
    """
    table = _read(detections)
    if "survey" not in table.columns:
        if len(survey_names) > 1:
            raise DataError("detections of several surveys need a column survey.")
        table = table.assign(survey=survey_names[0])
    table = table.assign(**{name: table[name].astype(str).str.strip() for name in KEY})
    # ISO dates only: 03/04/2024 is March in one country and April in the other
    time = pd.to_datetime(table["date"], format="ISO8601", errors="coerce")
    bad = np.flatnonzero(time.isna())
    if bad.size:
        raise DataError(
            f"detections: no date in {_checks.rows_listed(bad + 1)}: "
            f"{_checks.listed(repr(v) for v in table['date'].iloc[bad])}. Write dates as "
            "2024-06-30."
        )
    known = records.drop(columns=["time", "count"]).drop_duplicates(KEY)
    merged = table[KEY].assign(time=time).merge(known, how="left", on=KEY)
    _refuse_others(merged, known)
    return merged


def _read(detections: Any) -> pd.DataFrame:
    table = (
        read_text_table(detections, "detections")
        if isinstance(detections, str | os.PathLike)
        else detections
    )
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"detections must be a DataFrame or a file; got {type(table).__name__}.")
    for name in ("animal_id", "trap_id", "date"):
        if name not in table.columns:
            raise DataError(
                f"detections: there is no column {name!r}"
                f"{_checks.did_you_mean(name, map(str, table.columns))}; animal_id, trap_id and "
                "date are needed."
            )
    return table


def _refuse_others(merged: pd.DataFrame, known: pd.DataFrame) -> None:
    """Both must be about the same animals at the same traps."""
    strange = np.flatnonzero(merged["side"].isna())
    if strange.size:
        first = merged.iloc[strange[0]]
        raise DataError(
            f"detections: {_checks.rows_listed(strange + 1)} not in the survey's captures, such as "
            f"animal {first['animal_id']!r} at {first['trap_id']!r}. Give the table that the "
            "captures were made of, with the same ids."
        )
    lost = known.merge(merged[KEY].drop_duplicates(), how="left", on=KEY, indicator=True)
    lost = lost[lost["_merge"] == "left_only"]
    if len(lost):
        pairs = (f"{r['animal_id']!r} at {r['trap_id']!r}" for _, r in lost.iterrows())
        raise DataError(f"detections: the captures also have {_checks.listed(pairs)}.")
