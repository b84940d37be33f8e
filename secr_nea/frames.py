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
from secr_nea.individuals import Individuals
from secr_nea.mask import HabitatMask
from secr_nea.responses import ANIMAL_RESPONSES, TRAP_RESPONSES, trap_state
from secr_nea.searches import dimensions
from secr_nea.survey import Survey

SESSION_WORDS = ("session", "session_trend")
DETECTOR_WORD = "detector"
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


def density_names(
    surveys: Sequence[Survey], masks: Sequence[HabitatMask] | None = None
) -> list[str]:
    """Names that a density formula may use.

    Parameters
    ----------
    surveys : sequence of Survey
    masks : sequence of HabitatMask, optional
        Other masks, one per survey; the surveys' own by default.

    Returns
    -------
    list of str
        Mask covariates that all surveys have, ``x``, ``y``, session words, survey covariates.
    """
    used = masks if masks is not None else [survey.mask for survey in surveys]
    places = _common([mask.covariates for mask in used])
    own = _common([survey.covariates for survey in surveys])
    return list(dict.fromkeys([*places, "x", "y", *SESSION_WORDS, *own]))


def density_frame(
    surveys: Sequence[Survey],
    names: Sequence[str],
    location: Location,
    masks: Sequence[HabitatMask] | None = None,
    groups: Individuals | None = None,
) -> pd.DataFrame:
    """Values of density covariates at all mask points: survey after survey, group after group.

    Parameters
    ----------
    surveys : sequence of Survey
    names : sequence of str
        Which of `density_names` to take.
    location : Location
        Scaling of ``x`` and ``y``.
    masks : sequence of HabitatMask, optional
        Other masks, one per survey, for prediction; the surveys' own by default.
    groups : Individuals, optional
        Groups with densities of their own: each survey's points come once for each group.

    Returns
    -------
    DataFrame, one row per mask point (and group)

    Raises
    ------
    ModelError
        If a mask lacks a covariate.
    """
    used = list(masks) if masks is not None else [survey.mask for survey in surveys]
    if groups is not None and groups.grouped:
        n_groups = groups.n_levels
        sizes = [mask.n_points for mask in used for _ in groups.levels]
        surveys = [survey for survey in surveys for _ in groups.levels]
        used = [mask for mask in used for _ in groups.levels]
        labels = np.repeat(list(groups.levels) * (len(sizes) // n_groups), sizes)
    frame: dict[str, Any] = {}
    session_levels = list(dict.fromkeys(survey.name for survey in surveys))
    for name in names:
        if groups is not None and groups.grouped and name == groups.variable:
            frame[name] = _column(name, [labels], groups.levels)
            continue
        has_column = [name in mask.covariates for mask in used]
        if all(has_column):
            frame[name] = _column(name, [mask.covariates[name] for mask in used])
        elif name in ("x", "y"):
            axis = "xy".index(name)
            xy = np.concatenate([mask.xy[:, axis] for mask in used])
            frame[name] = (xy - location.mean[axis]) / location.sd[axis]
        elif name in SESSION_WORDS or all(name in survey.covariates for survey in surveys):
            values = _survey_values(surveys, name)
            if name == "session_trend":
                values = [float(session_levels.index(survey.name)) for survey in surveys]
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


def survey_names(surveys: Sequence[Survey]) -> list[str]:
    """Names that a formula for whole surveys (class proportions) may use.

    Parameters
    ----------
    surveys : sequence of Survey

    Returns
    -------
    list of str
    """
    return [*SESSION_WORDS, *_common([survey.covariates for survey in surveys])]


def survey_frame(surveys: Sequence[Survey], names: Sequence[str]) -> pd.DataFrame:
    """Values of survey covariates, one row per survey.

    Parameters
    ----------
    surveys : sequence of Survey
    names : sequence of str

    Returns
    -------
    DataFrame
    """
    levels = [survey.name for survey in surveys]
    frame = {
        name: _column(name, [_survey_values(surveys, name)], levels if name == "session" else None)
        for name in names
    }
    return pd.DataFrame(frame, index=range(len(surveys)))


def detection_names(surveys: Sequence[Survey]) -> list[str]:
    """Names that a detection formula may use, beside classes and covariates of animals.

    Parameters
    ----------
    surveys : sequence of Survey

    Returns
    -------
    list of str
        Covariates of traps, traps x occasions, occasions and surveys, ``detector`` (the detector
        word of each trap), session and occasion words, learned responses.
    """
    groups = [
        _common([survey.traps.covariates for survey in surveys]),
        _common([survey.traps.varying_covariates for survey in surveys]),
        _common([survey.occasion_covariates for survey in surveys]),
        [DETECTOR_WORD],
        list(OCCASION_WORDS),
        list(SESSION_WORDS),
        list(ANIMAL_RESPONSES),
        list(TRAP_RESPONSES),
        _common([survey.covariates for survey in surveys]),
    ]
    return list(dict.fromkeys(name for group in groups for name in group))


@dataclass(frozen=True)
class DetectionFrame:
    """The covariates of detection and where each trap and occasion finds its row.

    Parameters
    ----------
    frame : DataFrame, n_rows rows
    rows : tuple of int64 arrays, one per survey
        Row of ``frame`` for each class, pattern of animal covariates, state of the learned
        response, trap and occasion: shape (n_classes, n_patterns, n_states, n_traps,
        n_occasions). Entries share a row where nothing that formulas use tells them apart.
    dimension : int64 array, shape (n_rows,)
        1 for rows of transects, 2 for those of searched areas, 0 for traps that are points.
    """

    frame: pd.DataFrame
    rows: tuple[IntArray, ...]
    dimension: IntArray


def detection_frame(
    surveys: Sequence[Survey], names: Sequence[str], individuals: Individuals
) -> DetectionFrame:
    """Values of detection covariates for each survey, trap and, where needed, more.

    Parameters
    ----------
    surveys : sequence of Survey
    names : sequence of str
        The variables that formulas use.
    individuals : Individuals

    Returns
    -------
    DetectionFrame
    """
    occasions_differ = any(
        name in OCCASION_WORDS
        or name in TRAP_RESPONSES
        or any(name in survey.traps.varying_covariates for survey in surveys)
        or any(
            name in survey.occasion_covariates and name not in survey.traps.covariates
            for survey in surveys
        )
        for name in names
    )
    rows: list[IntArray] = []
    places: list[IntArray] = []
    start = 0
    for survey, own in zip(surveys, individuals.surveys, strict=True):
        full = (
            individuals.n_levels,
            len(own.patterns),
            2 if individuals.response else 1,
            survey.traps.n_traps,
            survey.traps.n_occasions,
        )
        used = (
            full[0] if individuals.variable in names else 1,
            full[1],
            full[2],
            full[3],
            full[4] if occasions_differ else 1,
        )
        size = int(np.prod(used))
        index = start + np.arange(size, dtype=np.int64).reshape(used)
        rows.append(np.broadcast_to(index, full))
        places.append(np.indices(used).reshape(5, size))
        start += size
    frame = {name: _detection_column(surveys, individuals, name, places) for name in names}
    dimension = [
        dimensions(survey.traps.detector)[place[3]]
        for survey, place in zip(surveys, places, strict=True)
    ]
    return DetectionFrame(
        pd.DataFrame(frame, index=range(start)), tuple(rows), np.concatenate(dimension)
    )


def _detection_column(
    surveys: Sequence[Survey], individuals: Individuals, name: str, places: Sequence[IntArray]
) -> Any:
    """One column of the detection frame, all surveys joined."""
    parts = [_survey_column(surveys, individuals, name, b, place) for b, place in enumerate(places)]
    if name == "session":
        return _column(name, parts, [survey.name for survey in surveys])
    if name == individuals.variable:
        return _column(name, parts, individuals.levels)
    if name == "occasion":
        most = max(survey.traps.n_occasions for survey in surveys)
        return _column(name, parts, list(range(1, most + 1)))
    return _column(name, parts)


def _survey_column(
    surveys: Sequence[Survey], individuals: Individuals, name: str, b: int, place: IntArray
) -> Any:
    """Values of one variable of survey b at (class, pattern, state, trap, occasion) places."""
    of_class, pattern, state, trap, occasion = place
    survey = surveys[b]
    traps = survey.traps
    patterns = individuals.surveys[b].patterns
    if name == individuals.variable:
        return pd.Series(np.array(individuals.levels, dtype=object)[of_class])
    if name == individuals.response:
        return pd.Series(state.astype(np.float64))
    if name in patterns:
        return patterns[name].iloc[pattern].reset_index(drop=True)
    if name in traps.covariates:
        return traps.covariates[name].iloc[trap].reset_index(drop=True)
    if name in traps.varying_covariates:
        return pd.Series(np.asarray(traps.varying_covariates[name])[trap, occasion])
    if name in survey.occasion_covariates:
        return survey.occasion_covariates[name].iloc[occasion].reset_index(drop=True)
    if name == DETECTOR_WORD and name not in survey.covariates:
        return pd.Series(np.array(traps.detector, dtype=object)[trap])
    if name == "occasion":
        return pd.Series(occasion + 1)
    if name == "occasion_trend":
        return pd.Series(occasion.astype(np.float64))
    if name in TRAP_RESPONSES:
        return pd.Series(trap_state(name, survey.captures)[trap, occasion])
    return pd.Series([_survey_values(surveys, name)[b]] * len(trap))


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
