"""The tables that formulas see: a row per mask point for density, per trap for detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import ModelError
from secr_nea.formula import formula_variables
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey

SESSION_WORDS = ("session", "session_trend")
OCCASION_WORDS = ("occasion", "occasion_trend")


@dataclass(frozen=True)
class Location:
    """How ``x`` and ``y`` in a density formula are centred and scaled.

    Parameters
    ----------
    mean : float64 array, shape (2,), metres
    sd : float64 array, shape (2,), metres
    """

    mean: FloatArray
    sd: FloatArray

    @classmethod
    def of(cls, surveys: Sequence[Survey]) -> Location:
        """Mean and standard deviation of all mask points of the surveys."""
        xy = np.concatenate([survey.mask.xy for survey in surveys])
        sd = xy.std(axis=0, ddof=1) if len(xy) > 1 else np.ones(2)
        return cls(xy.mean(axis=0), np.where(sd > 0.0, sd, 1.0))


def _categorical(values: Any, levels: Sequence[Any] | None = None) -> Any:
    """Text as a factor with levels in alphabetical (or the given) order; numbers as they are."""
    series = pd.Series(values).reset_index(drop=True)
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series
    if levels is None and (
        pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series)
    ):
        return series
    if levels is None:
        levels = sorted({str(value) for value in series.dropna()})
        series = series.map(lambda value: value if pd.isna(value) else str(value))
    return pd.Series(pd.Categorical(series, categories=list(levels)))


def _column(name: str, parts: Sequence[Any], levels: Sequence[Any] | None = None) -> Any:
    """Join the parts of a column; factors keep the union of their levels."""
    series = [pd.Series(part).reset_index(drop=True) for part in parts]
    if levels is None and any(isinstance(s.dtype, pd.CategoricalDtype) for s in series):
        levels = list(
            dict.fromkeys(
                level
                for s in series
                for level in (
                    s.cat.categories
                    if isinstance(s.dtype, pd.CategoricalDtype)
                    else sorted(s.dropna().astype(str).unique())
                )
            )
        )
        series = [s.astype(object) for s in series]
    kinds = {pd.api.types.is_numeric_dtype(s) for s in series}
    if len(kinds) > 1:
        raise ModelError(
            f"The covariate {name!r} is numeric in some surveys and text in others; make it one."
        )
    return _categorical(pd.concat(series, ignore_index=True), levels)


def _survey_values(surveys: Sequence[Survey], name: str) -> list[Any]:
    """One value per survey of a session word or a survey covariate."""
    if name == "session":
        return [survey.name for survey in surveys]
    if name == "session_trend":
        return [float(i) for i in range(len(surveys))]
    return [survey.covariates[name] for survey in surveys]


def _common(names: Sequence[Mapping[str, Any] | pd.DataFrame]) -> list[str]:
    """Names that every survey has, in the order of the first."""
    first, *rest = [list(map(str, item)) for item in names]
    return [name for name in first if all(name in other for other in rest)]


def density_names(surveys: Sequence[Survey]) -> list[str]:
    """Names that a density formula may use.

    Parameters
    ----------
    surveys : sequence of Survey

    Returns
    -------
    list of str
        Mask covariates that all surveys have, ``x``, ``y``, session words, survey covariates.
    """
    masks = _common([survey.mask.covariates for survey in surveys])
    own = _common([survey.covariates for survey in surveys])
    return list(dict.fromkeys([*masks, "x", "y", *SESSION_WORDS, *own]))


def density_frame(
    surveys: Sequence[Survey],
    names: Sequence[str],
    location: Location,
    masks: Sequence[HabitatMask] | None = None,
) -> pd.DataFrame:
    """Values of density covariates at all mask points, survey after survey.

    Parameters
    ----------
    surveys : sequence of Survey
    names : sequence of str
        Which of `density_names` to take.
    location : Location
        Scaling of ``x`` and ``y``.
    masks : sequence of HabitatMask, optional
        Other masks, one per survey, for prediction; the surveys' own by default.

    Returns
    -------
    DataFrame, one row per mask point

    Raises
    ------
    ModelError
        If a mask lacks a covariate.
    """
    used = list(masks) if masks is not None else [survey.mask for survey in surveys]
    frame: dict[str, Any] = {}
    session_levels = [survey.name for survey in surveys]
    for name in names:
        has_column = [name in mask.covariates for mask in used]
        if all(has_column):
            frame[name] = _column(name, [mask.covariates[name] for mask in used])
        elif name in ("x", "y"):
            axis = "xy".index(name)
            xy = np.concatenate([mask.xy[:, axis] for mask in used])
            frame[name] = (xy - location.mean[axis]) / location.sd[axis]
        elif name in SESSION_WORDS or all(name in survey.covariates for survey in surveys):
            values = _survey_values(surveys, name)
            parts = [np.repeat(v, m.n_points) for v, m in zip(values, used, strict=True)]
            frame[name] = _column(name, parts, session_levels if name == "session" else None)
        else:
            missing = surveys[has_column.index(False)].name
            raise ModelError(
                f"The mask of {missing!r} has no covariate {name!r}; it has "
                f"{', '.join(map(str, used[has_column.index(False)].covariates)) or 'none'}. "
                "Add it with mask.with_covariates(...)."
            )
    return pd.DataFrame(frame, index=range(sum(mask.n_points for mask in used)))


def detection_names(surveys: Sequence[Survey]) -> list[str]:
    """Names that a detection formula may use.

    Parameters
    ----------
    surveys : sequence of Survey

    Returns
    -------
    list of str
        Covariates of traps, traps x occasions, occasions and surveys, session and occasion words.
    """
    groups = [
        _common([survey.traps.covariates for survey in surveys]),
        _common([survey.traps.varying_covariates for survey in surveys]),
        _common([survey.occasion_covariates for survey in surveys]),
        list(OCCASION_WORDS),
        list(SESSION_WORDS),
        _common([survey.covariates for survey in surveys]),
    ]
    return list(dict.fromkeys(name for group in groups for name in group))


@dataclass(frozen=True)
class DetectionFrame:
    """The covariates of detection and where each trap and occasion finds its row.

    Parameters
    ----------
    frame : DataFrame, n_rows rows
    rows : tuple of int64 arrays, one per survey, each (n_traps, n_occasions)
        Row of ``frame`` for each trap and occasion; traps share a row over occasions when no
        covariate changes with the occasion.
    """

    frame: pd.DataFrame
    rows: tuple[IntArray, ...]


def detection_frame(surveys: Sequence[Survey], names: Sequence[str]) -> DetectionFrame:
    """Values of detection covariates for each survey, trap and, where needed, occasion.

    Parameters
    ----------
    surveys : sequence of Survey
    names : sequence of str
        Which of `detection_names` to take.

    Returns
    -------
    DetectionFrame
    """
    varies = any(
        name in OCCASION_WORDS
        or name in surveys[0].traps.varying_covariates
        or (name in surveys[0].occasion_covariates and name not in surveys[0].traps.covariates)
        for name in names
    )
    shapes = [(s.traps.n_traps, s.traps.n_occasions if varies else 1) for s in surveys]
    frame = {name: _detection_column(surveys, name, shapes) for name in names}
    rows: list[IntArray] = []
    start = 0
    for survey, (n_traps, n_levels) in zip(surveys, shapes, strict=True):
        index = start + np.arange(n_traps * n_levels, dtype=np.int64).reshape(n_traps, n_levels)
        rows.append(np.broadcast_to(index, (n_traps, survey.traps.n_occasions)))
        start += n_traps * n_levels
    return DetectionFrame(pd.DataFrame(frame, index=range(start)), tuple(rows))


def _detection_column(
    surveys: Sequence[Survey], name: str, shapes: Sequence[tuple[int, int]]
) -> Any:
    """One column of the detection frame: (trap, occasion) in row-major order, joined."""
    parts = []
    for index, (survey, (n_traps, n_levels)) in enumerate(zip(surveys, shapes, strict=True)):
        traps = survey.traps
        if name in traps.covariates:
            part = pd.Series(traps.covariates[name]).repeat(n_levels)
        elif name in traps.varying_covariates:
            part = pd.Series(np.asarray(traps.varying_covariates[name]).reshape(-1))
        elif name in survey.occasion_covariates:
            values = survey.occasion_covariates[name]
            part = pd.concat([pd.Series(values)] * n_traps, ignore_index=True)
        elif name == "occasion":
            part = pd.Series(np.tile(np.arange(1, n_levels + 1), n_traps))
        elif name == "occasion_trend":
            part = pd.Series(np.tile(np.arange(float(n_levels)), n_traps))
        else:
            value = _survey_values(surveys, name)[index]
            part = pd.Series([value] * (n_traps * n_levels))
        parts.append(part)
    if name == "session":
        return _column(name, parts, [survey.name for survey in surveys])
    if name == "occasion" and name not in surveys[0].traps.covariates:
        return _column(name, parts, list(range(1, max(n for _, n in shapes) + 1)))
    return _column(name, parts)


def variables_of(formulas: Sequence[str], available: Sequence[str]) -> list[str]:
    """All variables that a set of formulas uses, each once.

    Parameters
    ----------
    formulas : sequence of str
    available : sequence of str

    Returns
    -------
    list of str
    """
    return list(
        dict.fromkeys(name for text in formulas for name in formula_variables(text, available))
    )
