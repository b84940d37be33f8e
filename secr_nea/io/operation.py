"""Effort of traps on occasions, and what lies outside operation, from tables of intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError
from secr_nea.quality.intervals import overlap


def effort_by_occasion(
    operation: pd.DataFrame,
    trap_ids: Sequence[str],
    edges: np.ndarray,
    *,
    cameras: str = "any",
) -> FloatArray:
    """Days of operation of each trap on each occasion.

    Parameters
    ----------
    operation : DataFrame
        Columns trap_id, start, end (datetime64, local time) and share, the effort per day of the
        interval (1 where there is no such column).
    trap_ids : sequence of str
    edges : datetime64 array, shape (n_occasions + 1,)
    cameras : {"any", "sum"}
        Where intervals of one trap overlap (paired cameras): a day counts once, or once for each
        camera.

    Returns
    -------
    float64 array, shape (n_traps, n_occasions), days

    Raises
    ------
    DataError
    """
    if cameras not in ("any", "sum"):
        raise DataError(f"cameras must be 'any' or 'sum'; got {cameras!r}.")
    position = {name: k for k, name in enumerate(trap_ids)}
    effort = np.zeros((len(trap_ids), len(edges) - 1))
    seconds = edges.astype("datetime64[s]").astype(np.float64)
    for name, rows in operation.groupby("trap_id", sort=False):
        spans = rows[["start", "end"]].to_numpy("datetime64[s]").astype(np.float64)
        share = rows["share"].to_numpy(np.float64) if "share" in rows else None
        within = overlap(spans, seconds, share, add=cameras == "sum")
        effort[position[str(name)]] = within / 86_400.0
    return effort


def outside_operation(detections: pd.DataFrame, operation: pd.DataFrame) -> FloatArray:
    """Days from each detection to the nearest day on which its trap operated.

    Parameters
    ----------
    detections : DataFrame
        Columns trap_id, time.
    operation : DataFrame
        Columns trap_id, start, end.

    Returns
    -------
    float64 array, shape (n_detections,)
        0 on a calendar day on which the trap operated for some time; infinite where it never did.
    """
    away = np.full(len(detections), np.inf)
    time = detections["time"].to_numpy().astype("datetime64[D]")
    trap = detections["trap_id"].to_numpy(dtype=object)
    for name, rows in operation.groupby("trap_id", sort=False):
        mine = np.flatnonzero(trap == name)
        if not mine.size:
            continue
        first = rows["start"].to_numpy().astype("datetime64[D]")
        last = rows["end"].to_numpy().astype("datetime64[D]")
        before = (first[None, :] - time[mine][:, None]) / np.timedelta64(1, "D")
        after = (time[mine][:, None] - last[None, :]) / np.timedelta64(1, "D")
        away[mine] = np.maximum(np.maximum(before, after), 0.0).min(axis=1)
    return away


def check_intervals(operation: pd.DataFrame, place: str) -> None:
    """DataError when an interval ends before it starts, or has no start or end."""
    start, end = operation["start"], operation["end"]
    wrong = (start.isna() | end.isna() | (end < start)).to_numpy()
    if wrong.any():
        rows = operation.loc[wrong]
        number = rows["row"] if "row" in rows else pd.Series(np.flatnonzero(wrong) + 1)
        told = _checks.listed(
            f"row {n}: {t} from {s} to {e}"
            for n, t, s, e in zip(number, rows["trap_id"], rows["start"], rows["end"], strict=True)
        )
        raise DataError(
            f"{place}: operation without a beginning, without an end, or that ends before it "
            f"begins: {told}. Correct the dates."
        )
