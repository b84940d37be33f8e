"""Which detections count: within the operation of their traps, and independent of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.io import operation as operating
from secr_nea.quality.independence import independent_detections

OUTSIDE = ("refuse", "drop", "keep")
BURST = 30.0
"""Detections of one animal at one trap within so many minutes are told of."""


def inside_operation(
    frame: pd.DataFrame, operation: pd.DataFrame, edges: np.ndarray, outside: str
) -> pd.DataFrame:
    """Detections within the window and the operation of their traps.

    Parameters
    ----------
    frame : DataFrame
        Columns animal_id, trap_id, time.
    operation : DataFrame
        Columns trap_id, start, end.
    edges : datetime64 array
        Boundaries of the occasions.
    outside : {"refuse", "drop", "keep"}
        What to do with detections on days on which their trap did not operate.

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError

    Warns
    -----
    SecrWarning
        Of detections that are left out.
    """
    if outside not in OUTSIDE:
        raise DataError(f"outside must be {_checks.listed(OUTSIDE)}; got {outside!r}.")
    away = operating.outside_operation(frame, operation)
    wrong = away > 0
    if wrong.any() and outside != "keep":
        told = _checks.listed(
            f"{animal!r} at {trap!r} on {time:%Y-%m-%d} "
            f"({'which never operated' if np.isinf(days) else f'{days:.0f} days away'})"
            for animal, trap, time, days in zip(
                frame.loc[wrong, "animal_id"],
                frame.loc[wrong, "trap_id"],
                frame.loc[wrong, "time"],
                away[wrong],
                strict=True,
            )
        )
        message = f"{_checks.plural(int(wrong.sum()), 'detection')} outside operation: {told}."
        if outside == "refuse":
            raise DataError(
                f"{message} Are day and month swapped, or a date of the camera? Correct them, or "
                "choose outside='drop' or outside='keep'."
            )
        _checks.warn(f"{message} Left out.", stacklevel=5)
        frame = frame[~wrong]
    time = frame["time"].to_numpy().astype("datetime64[s]")
    beyond = (time < edges[0]) | (time >= edges[-1])
    if beyond.any():
        _checks.warn(
            f"{_checks.plural(int(beyond.sum()), 'detection')} outside the window ({edges[0]} to "
            f"{edges[-1]}) left out.",
            stacklevel=5,
        )
    kept: pd.DataFrame = frame[~beyond]
    return kept


def independent(frame: pd.DataFrame, minutes: float | None, detector: str) -> pd.DataFrame:
    """First detections of bursts of one animal at one trap.

    Parameters
    ----------
    frame : DataFrame
        Columns animal_id, trap_id, time.
    minutes : float or None
        None keeps all, and warns of those within `BURST` of each other.
    detector : str
        Binary detectors count an animal once anyway.

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError

    Warns
    -----
    SecrWarning
    """
    limit = BURST if minutes is None else float(minutes)
    if not limit >= 0:
        raise DataError(f"independence_minutes must be 0 or more; got {minutes!r}.")
    timed = frame
    if "date_only" in frame.columns:
        timed = frame[~frame["date_only"].to_numpy(dtype=bool)]
    gap = pd.Timedelta(minutes=min(limit, 1e8))  # as long as a Timedelta can be
    kept = independent_detections(timed, gap, date="time") if len(timed) else timed
    close = timed.index.difference(kept.index)
    if not len(close):
        return frame
    if minutes is None:
        if detector != "binary":
            _checks.warn(
                f"{len(close)} of {len(frame)} detections follow one of the same animal at "
                f"the same trap within {BURST:g} minutes: bursts, or two cameras of a station, "
                "counted more than once? Give independence_minutes= (0 keeps them all).",
                stacklevel=5,
            )
        return frame
    rest: pd.DataFrame = frame.drop(index=close)
    return rest
