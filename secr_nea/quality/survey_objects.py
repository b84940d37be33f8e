"""Checks of surveys that are already built: their tables once more, and their masks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from secr_nea import _checks
from secr_nea.quality.check import check_tables
from secr_nea.quality.findings import SEVERITIES, Finding, Findings
from secr_nea.quality.kinds import found
from secr_nea.quality.raw_tables import RawTables
from secr_nea.survey import Survey, as_surveys

SPACINGS_TO_EDGE = 0.75
NARROW = 2.5
"""A mask that ends nearer to a trap than so many times the first guess of sigma is too narrow."""
COARSE = 1.0
"""Cells wider than this times the first guess of sigma are too coarse."""


def check_survey_objects(surveys: Survey | Iterable[Survey]) -> Findings:
    """Check surveys.

    What :class:`Survey` refuses at birth cannot be wrong any more; checked are names, places,
    effort and amount of data as in field tables, and the masks.

    Parameters
    ----------
    surveys : Survey or iterable of Survey

    Returns
    -------
    Findings

    Raises
    ------
    DataError
        Something else given, or surveys of one name.
    """
    several = as_surveys(surveys)
    tables = tables_of(several)
    detectors = {survey.traps.detector_type for survey in several}
    word = detectors.pop() if len(detectors) == 1 else "count"
    base = check_tables(tables, detector="binary" if word == "binary" else "count")
    # traps that never operated are legitimate in a survey; ids were checked at birth
    kept = [finding for finding in base.found if finding.kind != "effort-zero"]
    items = [*kept, *(item for survey in several for item in _mask(survey))]
    items += list(_mask_levels(several))
    items.sort(key=lambda item: SEVERITIES.index(item.severity))
    return Findings(tuple(items), tables)


def tables_of(surveys: Iterable[Survey]) -> RawTables:
    """Tables of traps and detections of surveys, in the columns of the library.

    Parameters
    ----------
    surveys : iterable of Survey

    Returns
    -------
    RawTables
    """
    several = tuple(surveys)
    traps, detections = [], []
    for survey in several:
        array = survey.traps
        frame = pd.DataFrame({"session": survey.name, "trap_id": list(array.ids)}, dtype=object)
        frame["x"], frame["y"] = array.xy.T
        names = ["effort"] if array.n_occasions == 1 else [
            f"effort.{s + 1}" for s in range(array.n_occasions)
        ]  # fmt: skip
        for name, column in zip(names, array.effort.T, strict=True):
            frame[name] = column
        traps.append(pd.concat([frame, array.covariates.reset_index(drop=True)], axis=1))
        detections.append(_detections(survey))
    raw = {
        "traps": pd.concat(traps, ignore_index=True),
        "detections": pd.concat(detections, ignore_index=True),
    }
    for frame in raw.values():
        frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    one_occasion = all(survey.n_occasions == 1 for survey in several)
    columns = {
        "traps": {"trap_id": "trap_id", "session": "session", "x": "x", "y": "y"},
        "detections": {
            name: name for name in ("animal_id", "trap_id", "session", "occasion", "sex", "count")
            if name in raw["detections"]
        },
    }  # fmt: skip
    if one_occasion:
        columns["traps"]["effort"] = "effort"
    return RawTables(raw, columns, several[0].crs)


def _detections(survey: Survey) -> pd.DataFrame:
    frame = survey.captures.to_dataframe()
    frame = frame[[c for c in ("animal_id", "occasion", "trap_id", "count") if c in frame]].copy()
    frame.insert(0, "session", survey.name)
    covariates = survey.captures.covariates
    if "sex" in covariates:
        sex = pd.Series(covariates["sex"].to_numpy(), index=list(survey.captures.animal_ids))
        frame["sex"] = sex.reindex(frame["animal_id"]).to_numpy()
    return frame


def _mask(survey: Survey) -> Iterator[Finding]:
    """Gaps in covariates, traps outside, and a mask too narrow or too coarse for the movements."""
    mask, name = survey.mask, survey.name
    for column in mask.covariates.columns:
        gaps = np.flatnonzero(mask.covariates[column].isna().to_numpy())
        if gaps.size:
            number = _checks.plural(gaps.size, "mask point")
            seen = f"{column} is missing at {number} of survey {name}."
            yield found("mask-covariate-missing", "mask", gaps + 1, seen)
    points = survey.traps.xy[~survey.traps.is_search]
    if len(points):
        away = cKDTree(mask.xy).query(points)[0]
        outside = np.flatnonzero(away > SPACINGS_TO_EDGE * mask.spacing)
        if outside.size:
            ids = np.array(survey.traps.ids, dtype=object)[~survey.traps.is_search]
            seen = f"Survey {name}: {_checks.listed(ids[outside])} lie outside the mask."
            yield found("traps-outside-mask", "surveys", [], seen)
    sigma = first_sigma(survey)
    if np.isfinite(sigma) and len(points):
        yield from _scale(survey, points, sigma)


def _scale(survey: Survey, points: np.ndarray, sigma: float) -> Iterator[Finding]:
    mask = survey.mask
    if mask.spacing > COARSE * sigma:
        seen = (
            f"Survey {survey.name}: cells are {mask.spacing:,.0f} m wide; animals' detections "
            f"spread {sigma:,.0f} m."
        )
        yield found("mask-too-coarse", "surveys", [], seen)
    low, high = mask.xy.min(axis=0), mask.xy.max(axis=0)
    reach = float(min((points - low).min(), (high - points).min())) + mask.spacing / 2
    if reach < NARROW * sigma:
        seen = (
            f"Survey {survey.name}: the mask ends {reach:,.0f} m beyond the outermost trap; "
            f"animals' detections spread {sigma:,.0f} m."
        )
        yield found("mask-too-narrow", "surveys", [], seen)


def first_sigma(survey: Survey) -> float:
    """Root pooled spatial variance of the detections per axis, metres; NaN without recaptures.

    References
    ----------
    Slade, N. A. and Swihart, R. K. (1983) Home range indices for the hispid cotton rat. Journal of
    Mammalogy 64: 580-590. Calhoun and Casby (1958).
    """
    frame = survey.captures.to_dataframe()
    position = {name: xy for name, xy in zip(survey.traps.ids, survey.traps.xy, strict=True)}
    total, freedom = 0.0, 0.0
    for _, rows in frame.groupby("animal_id"):
        xy = np.array([position[name] for name in rows["trap_id"]])
        weight = rows["count"].to_numpy(dtype=float)
        centre = np.average(xy, axis=0, weights=weight)
        total += float((weight[:, None] * (xy - centre) ** 2).sum())
        freedom += 2.0 * (weight.sum() - 1.0)
    return float(np.sqrt(total / freedom)) if freedom > 0 else np.nan


def _mask_levels(surveys: tuple[Survey, ...]) -> Iterator[Finding]:
    """Levels of mask covariates that only some surveys have."""
    if len(surveys) < 2:
        return
    common = set.intersection(*(set(survey.mask.covariates.columns) for survey in surveys))
    for column in sorted(common):
        levels = {s.name: set(_checks.levels(s.mask.covariates[column])) for s in surveys
                  if _checks.is_categorical(s.mask.covariates[column])}  # fmt: skip
        if len(levels) > 1 and len({frozenset(own) for own in levels.values()}) > 1:
            told = _checks.listed(
                f"{name}: {_checks.listed(sorted(own))}" for name, own in levels.items()
            )
            yield found(
                "levels-differ-between-surveys", "mask", [], f"{column} of the mask: {told}."
            )
