"""The time of a survey: long enough, short enough for closure, with enough cameras working."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray
from secr_nea.errors import DataError
from secr_nea.quality.operation import Operation

MEASURES = ("every_day", "mean")


@dataclass(frozen=True)
class SurveyWindow:
    """A stretch of days.

    Parameters
    ----------
    start, end : str
        First and last day, such as "2024-05-01".
    days : int
    worst_share, mean_share : float
        Share of stations that worked on the worst day, and on average.
    camera_days : float
    """

    start: str
    end: str
    days: int
    worst_share: float
    mean_share: float
    camera_days: float

    def __repr__(self) -> str:
        return (
            f"SurveyWindow({self.start} to {self.end}, {self.days} days, {self.worst_share:.0%} of "
            f"stations on the worst day, {self.mean_share:.0%} on average, {self.camera_days:,.6g} "
            "camera-days)"
        )


def choose_window(
    operation: Operation,
    *,
    longest: int = 92,
    working: float = 0.8,
    measure: str = "every_day",
) -> SurveyWindow:
    """Longest window in which enough stations worked.

    Parameters
    ----------
    operation : Operation
    longest : int
        Most days; 92 is the custom for tigers and leopards (Matiukhina et al. 2016).
    working : float
        Share of stations that must work, of all that ever did.
    measure : {"every_day", "mean"}
        Whether the share is needed on every day of the window or on average.

    Returns
    -------
    SurveyWindow
        Of several equally long ones that with most camera-days, then the first.

    Raises
    ------
    DataError
        When there is no such day, or the arguments are impossible.

    References
    ----------
    Matiukhina, D. S. et al. (2016) Camera-trap monitoring of Amur tiger in southwest Primorsky
    Krai, 2013-2016. Nature Conservation Research 1(3): 36-43.
    """
    if not 0.0 < working <= 1.0 or longest < 1:
        raise DataError(
            f"working must lie between 0 and 1 and longest be 1 day or more; got {working!r}, "
            f"{longest!r}."
        )
    curve = window_curve(operation, longest=longest, measure=measure)
    column = "worst_share" if measure == "every_day" else "mean_share"
    good = curve[curve[column] >= working - 1e-12]
    if good.empty:
        best = curve.iloc[int(curve[column].to_numpy().argmax())]
        raise DataError(
            f"There is no day on which {working:.0%} of the stations worked; at most "
            f"{best[column]:.0%} did ({best['start']}). Lower working=."
        )
    row = good.iloc[-1]
    return SurveyWindow(
        str(row["start"]), str(row["end"]), int(row["days"]), float(row["worst_share"]),
        float(row["mean_share"]), float(row["camera_days"]),
    )  # fmt: skip


def window_curve(
    operation: Operation,
    *,
    longest: int | None = None,
    measure: str = "every_day",
    detections: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What a longer window costs in working stations: the best window of every length.

    Parameters
    ----------
    operation : Operation
    longest : int, optional
        The whole span by default.
    measure : {"every_day", "mean"}
        What makes a window the best of its length.
    detections : DataFrame, optional
        With columns animal_id and date; the curve then counts them.

    Returns
    -------
    DataFrame, one row a length
        days, start, end, worst_share, mean_share, camera_days, and with detections also detections,
        animals.

    Raises
    ------
    DataError
        An unknown measure, or no operation at all.
    """
    if measure not in MEASURES:
        raise DataError(f"measure must be {' or '.join(MEASURES)}; got {measure!r}.")
    daily = operation.daily()
    values = daily.to_numpy()
    ever: BoolArray = values.sum(axis=1) > 0
    working = (values[ever] > 0).mean(axis=0)
    effort = values.sum(axis=0)
    seen = None if detections is None else pd.to_datetime(detections["date"]).dt.normalize()
    rows = []
    for days in range(1, min(longest or len(working), len(working)) + 1):
        worst = np.lib.stride_tricks.sliding_window_view(working, days).min(axis=1)
        mean = np.lib.stride_tricks.sliding_window_view(working, days).mean(axis=1)
        total = np.lib.stride_tricks.sliding_window_view(effort, days).sum(axis=1)
        share = worst if measure == "every_day" else mean
        # best share first, then most camera-days, then the earliest
        i = int(np.lexsort((np.arange(len(share)), -total.round(6), -share.round(12)))[0])
        start, end = pd.Timestamp(daily.columns[i]), pd.Timestamp(daily.columns[i + days - 1])
        row = {
            "days": days,
            "start": str(start.date()),
            "end": str(end.date()),
            "worst_share": float(worst[i]),
            "mean_share": float(mean[i]),
            "camera_days": float(total[i]),
        }
        if detections is not None and seen is not None:
            inside = ((seen >= start) & (seen <= end)).to_numpy()
            row["detections"] = int(inside.sum())
            row["animals"] = int(detections["animal_id"][inside].nunique())
        rows.append(row)
    return pd.DataFrame(rows)
