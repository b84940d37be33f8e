"""From checked field tables to the traps and captures of one survey."""

from __future__ import annotations

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import CRSLike
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.quality.cells import numbers_of, text_of
from secr_nea.quality.detection_checks import moments
from secr_nea.quality.names import is_placeholder, sex_of
from secr_nea.quality.operation import Effort, local_clock, rows_of_survey
from secr_nea.quality.raw_tables import RawTables
from secr_nea.quality.trap_positions import trap_positions
from secr_nea.traps import TrapArray


def trap_array(
    tables: RawTables,
    effort: Effort | None = None,
    *,
    detector: str = "count",
    survey: str | None = None,
    crs: CRSLike | None = None,
) -> TrapArray:
    """Traps of one survey, in metres.

    Parameters
    ----------
    tables : RawTables
    effort : Effort, optional
        From :meth:`Operation.effort`; the effort columns of the traps table by default, else 1.
    detector : str
    survey : str, optional
        Which survey; needed when the tables hold several.
    crs : anything pyproj understands, optional
        Where x and y are given without a system. Latitudes and longitudes are projected to local
        metres.

    Returns
    -------
    TrapArray
        Columns that play no role become covariates.

    Raises
    ------
    DataError
        Coordinates that are doubtful, and whatever :class:`TrapArray` refuses.
    """
    mine = rows_of_survey(tables, "traps", survey)
    mine = mine[~tables.paired()[mine]]
    where = trap_positions(tables)
    rows = tables.rows("traps")[mine]
    lost = rows[~where.usable[mine]]
    if lost.size:
        told = "; ".join(f.seen for f in where.findings)
        raise DataError(f"Places of traps cannot be trusted ({_checks.rows_listed(lost)}): {told}")
    ids = [str(name) for name in tables.text("traps", "trap_id")[mine]]
    frame = tables.raw["traps"].iloc[mine]
    covariates = {}
    for name in tables.covariates():
        values, bad = numbers_of(frame[name].tolist())
        words = [text_of(cell).strip() or np.nan for cell in frame[name]]
        covariates[name] = pd.Series(words, dtype=object) if bad.any() else pd.Series(values)
    return TrapArray(
        where.xy[mine], ids=ids, effort=_effort(tables, effort, mine, ids), detector=detector,
        covariates=pd.DataFrame(covariates) if covariates else None,
        crs=crs if crs is not None else where.crs,
    )  # fmt: skip


def _effort(
    tables: RawTables, effort: Effort | None, mine: np.ndarray, ids: list[str]
) -> np.ndarray | None:
    if effort is not None:
        position = {name: i for i, name in enumerate(effort.trap_ids)}
        absent = [name for name in ids if name not in position]
        if absent:
            raise DataError(f"The effort has no trap {_checks.listed(map(repr, absent))}.")
        return effort.effort[[position[name] for name in ids]]
    if not tables.effort_columns:
        return None
    frame = tables.raw["traps"].iloc[mine]
    return np.column_stack([numbers_of(frame[name].tolist())[0] for name in tables.effort_columns])


def capture_history(
    tables: RawTables,
    traps: TrapArray,
    effort: Effort | None = None,
    *,
    survey: str | None = None,
    outside: str = "refuse",
    zone: str | None = None,
) -> CaptureHistory:
    """Detections of one survey.

    Parameters
    ----------
    tables : RawTables
    traps : TrapArray
    effort : Effort, optional
        Its occasions decide the occasion of each detection by date; else the column occasion does.
    survey : str, optional
    outside : {"refuse", "drop"}
        What to do with detections before the first and after the last occasion of ``effort``.
    zone : str, optional
        As for :meth:`Operation.from_tables`.

    Returns
    -------
    CaptureHistory
        With the covariate sex ("female", "male", missing) when the table has one.

    Raises
    ------
    DataError
        Placeholder ids, missing dates, and whatever :class:`CaptureHistory` refuses.
    """
    name = "detections"
    mine = rows_of_survey(tables, name, survey)
    animal = tables.text(name, "animal_id")[mine]
    nobody = tables.rows(name)[mine][[not a or is_placeholder(a) for a in animal]]
    if nobody.size:
        raise DataError(
            f"No animal is named in {_checks.rows_listed(nobody)} of the detections. Drop these "
            "rows: Ledger.drop_rows."
        )
    frame = pd.DataFrame({"animal_id": animal, "trap_id": tables.text(name, "trap_id")[mine]})
    frame.index = pd.Index(tables.rows(name)[mine], name="row")
    if tables.has(name, "count"):
        frame["count"] = np.nan_to_num(tables.numbers(name, "count")[0][mine], nan=1.0)
    if tables.has(name, "sex"):
        words = [sex_of(word) for word in tables.text(name, "sex")[mine]]
        frame["sex"] = pd.Series([word or None for word in words], index=frame.index, dtype=object)
    if effort is not None:
        frame = _by_date(tables, frame, effort, mine, outside, zone)
    elif tables.has(name, "occasion") and traps.n_occasions > 1:
        frame["occasion"] = tables.numbers(name, "occasion")[0][mine]
    return CaptureHistory.from_dataframe(frame, traps)


def _by_date(
    tables: RawTables,
    frame: pd.DataFrame,
    effort: Effort,
    mine: np.ndarray,
    outside: str,
    zone: str | None,
) -> pd.DataFrame:
    """Rows with their occasion by date; those outside all occasions are refused or left out."""
    if outside not in ("refuse", "drop"):
        raise DataError(f"outside must be 'refuse' or 'drop'; got {outside!r}.")
    dates = moments(tables)
    when = local_clock(dates, zone, tables.rows("detections"), "detections")[mine]
    undated = frame.index[np.isnat(when)]
    if len(undated):
        raise DataError(
            f"No date in {_checks.rows_listed(undated)} of the detections: their occasion is "
            "unknown. Fill it in, or drop the rows."
        )
    occasion = effort.occasion_of(when, dates.has_time[mine])
    lost = frame.index[occasion == 0]
    if len(lost) and outside == "refuse":
        raise DataError(
            f"Outside all occasions: {_checks.rows_listed(lost)} of the detections. Give "
            "outside='drop' to leave them out."
        )
    frame["occasion"] = occasion
    return frame[occasion > 0]
