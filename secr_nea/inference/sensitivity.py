"""Sensitivity: how much an estimate moves when what had to be decided is decided otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from secr_nea._checks import did_you_mean
from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError, SecrError, SecrWarning
from secr_nea.estimate import Estimate
from secr_nea.inference.doubts import unearned
from secr_nea.inference.intervals import lognormal_interval
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.inference.quantities import overall_density
from secr_nea.inference.refits import refit
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray

Change = Callable[[Survey], Survey]


def sensitivity(
    estimate: Estimate,
    *,
    buffers: float | Sequence[float] = (),
    spacings: int | Sequence[int] = (),
    without_singles: bool = False,
    merge: Mapping[str, Mapping[str, str]] | None = None,
    windows: Mapping[str, tuple[int, int]] | None = None,
    masks: Mapping[str, Mapping[str, HabitatMask] | HabitatMask] | None = None,
    captures: Mapping[str, Mapping[str, CaptureHistory] | CaptureHistory] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Fit the same model again with other masks, identifications and survey windows.

    Parameters
    ----------
    estimate : Estimate
    buffers : float or sequence of float, metres
        Keep only mask points this close to the traps; the mask of the fit should be the widest.
    spacings : int or sequence of int
        Keep only every so many-th row and column of the mask.
    without_singles : bool
        Leave out animals that were detected once, which may be misidentified pictures of others.
    merge : mapping of name to mapping of animal id to animal id, optional
        Other identifications: ``{"A7 is A3": {"A7": "A3"}}``.
    windows : mapping of name to (first, last) occasion, optional
        Keep only these occasions, numbered from 1: ``{"first half": (1, 30)}``.
    masks : mapping of name to HabitatMask, optional
        Other masks with the covariates of the formulas (with several surveys: a mapping of
        survey to mask).
    captures : mapping of name to CaptureHistory, optional
        Other captures, such as those of a second observer (with several surveys: a mapping of
        survey to captures).
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: scenario, ``"as fitted"`` first. Columns: n_animals, n_detections, mask_points,
        density_per_100km2 (mean over the masks), lower, upper, cv, change_percent (of density),
        sigma_m, note (why a scenario could not be fitted, or what is doubtful).

    Raises
    ------
    DataError
        If no scenario is asked for.
    """
    scenarios: dict[str, Change] = {}
    known = [name for survey in estimate.model.surveys for name in survey.captures.animal_ids]
    for buffer in np.atleast_1d(np.asarray(buffers, dtype=np.float64)).tolist():
        scenarios[f"buffer {buffer:,.0f} m"] = _buffered(buffer)
    for every in np.atleast_1d(np.asarray(spacings)).tolist():
        scenarios[f"cells {every} times as wide"] = _coarser(every)
    if without_singles:
        scenarios["without animals detected once"] = _without_singles
    for name, ids in (merge or {}).items():
        scenarios[name] = _merged(ids, known)
    for name, (first, last) in (windows or {}).items():
        scenarios[name] = _window(first, last)
    for name, mask in (masks or {}).items():
        scenarios[name] = _other_mask(mask)
    for name, history in (captures or {}).items():
        scenarios[name] = _other_captures(history)
    if not scenarios:
        raise DataError("Say what to vary: buffers=, spacings=, without_singles=True, merge= ...")
    base = _row(estimate, level)
    rows = {"as fitted": {**base, "change_percent": 0.0}}
    for name, change in scenarios.items():
        rows[name] = _scenario(estimate, change, base, level)
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("scenario")
    whole = ["n_animals", "n_detections", "mask_points"]
    frame[whole] = frame[whole].astype("Int64")
    order = [c for c in frame.columns if c not in ("sigma_m", "note")]
    return frame[[*order, "sigma_m", "note"]]


def _scenario(
    estimate: Estimate, change: Change, base: Mapping[str, object], level: float
) -> dict[str, object]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecrWarning)
            again = refit(estimate, [change(survey) for survey in estimate.model.surveys])
    except SecrError as error:
        return {"note": f"not fitted: {error}"}
    row = _row(again, level)
    ratio = float(str(row["density_per_100km2"])) / float(str(base["density_per_100km2"]))
    return {**row, "change_percent": 100.0 * (ratio - 1.0)}


def _row(estimate: Estimate, level: float) -> dict[str, object]:
    quantity = overall_density(estimate)
    value, cv = quantity.spread(estimate)
    reason = unearned(estimate)
    if reason or not np.isfinite(cv):
        # as everywhere, a number that the data do not determine is not shown
        value = cv = np.nan
    density = quantity.natural(value)
    lower, upper = lognormal_interval(density, cv * density, level)
    print_ = estimate.fingerprint
    return {
        "n_animals": print_.n_animals,
        "n_detections": print_.n_detections,
        "mask_points": print_.n_points,
        "density_per_100km2": density,
        "lower": lower,
        "upper": upper,
        "cv": cv,
        "sigma_m": np.nan if reason else typical_sigma(estimate),
        "note": reason or ("" if estimate.diagnosis.good else estimate.diagnosis.message),
    }


# --- the changes ---------------------------------------------------------------------------------


def _changed(
    survey: Survey,
    *,
    captures: CaptureHistory | None = None,
    mask: HabitatMask | None = None,
    occasion_covariates: pd.DataFrame | None = None,
) -> Survey:
    return Survey(
        captures or survey.captures,
        mask or survey.mask,
        name=survey.name,
        covariates=survey.covariates,
        occasion_covariates=(
            survey.occasion_covariates if occasion_covariates is None else occasion_covariates
        ),
    )


def _buffered(buffer: float) -> Change:
    def change(survey: Survey) -> Survey:
        near = survey.traps.distance_from(survey.mask.xy) <= buffer
        if near.all():
            raise DataError(
                f"the mask of {survey.name!r} reaches no farther than {buffer:,.0f} m; give wider "
                "ones by masks="
            )
        return _changed(survey, mask=survey.mask.subset(near))

    return change


def _coarser(every: int) -> Change:
    def change(survey: Survey) -> Survey:
        mask = survey.mask
        cell = np.rint((mask.xy - mask.xy.min(axis=0)) / mask.spacing).astype(np.int64)
        kept = (cell % every == every // 2).all(axis=1)
        coarse = HabitatMask(
            mask.xy[kept],
            spacing=mask.spacing * every,
            covariates=mask.covariates[kept].reset_index(drop=True),
            crs=mask.crs,
            scaling=mask.scaling,
        )
        return _changed(survey, mask=coarse)

    return change


def _rebuilt(
    survey: Survey, frame: pd.DataFrame, individuals: pd.DataFrame, traps: TrapArray | None = None
) -> CaptureHistory:
    """Captures from a changed table; animals without a record are left out."""
    if frame.empty:
        raise DataError(f"no detection is left in {survey.name!r}")
    known = individuals[individuals["animal_id"].isin(frame["animal_id"])]
    return CaptureHistory.from_dataframe(
        frame.reset_index(drop=True),
        traps or survey.traps,
        individuals=known.reset_index(drop=True),
    )


def _without_singles(survey: Survey) -> Survey:
    captures = survey.captures
    number = np.bincount(captures.animal, weights=captures.count, minlength=captures.n_animals)
    kept = {name for name, n in zip(captures.animal_ids, number, strict=True) if n > 1}
    frame = captures.to_dataframe()
    frame = frame[frame["animal_id"].isin(kept)]
    return _changed(survey, captures=_rebuilt(survey, frame, captures.individuals()))


def _merged(ids: Mapping[str, str], known: Sequence[str]) -> Change:
    def change(survey: Survey) -> Survey:
        strange = [name for pair in ids.items() for name in pair if name not in known]
        if strange:
            raise DataError(
                f"there is no animal {strange[0]!r} to merge{did_you_mean(strange[0], known)}; "
                "write {'A7': 'A3'} with ids of the captures"
            )
        captures = survey.captures
        frame, animals = captures.to_dataframe(), captures.individuals()
        here = [old for old in ids if old in captures.animal_ids]
        if not here:
            return survey
        frame["animal_id"] = frame["animal_id"].replace(dict(ids))
        renamed = animals.assign(animal_id=animals["animal_id"].replace(dict(ids)))
        # what is known of the animal that keeps its name comes first
        order = np.argsort(animals["animal_id"].isin(ids).to_numpy(), kind="stable")
        renamed = renamed.iloc[order].drop_duplicates("animal_id")
        at_most_once = np.isin(
            np.array(survey.traps.detector)[_positions(frame, survey.traps)], ("binary",)
        )
        doubled = frame.duplicated(["animal_id", "occasion", "trap_id"]).to_numpy()
        return _changed(
            survey, captures=_rebuilt(survey, frame[~(doubled & at_most_once)], renamed)
        )

    return change


def _positions(frame: pd.DataFrame, traps: TrapArray) -> FloatArray:
    place = {name: k for k, name in enumerate(traps.ids)}
    return np.array([place[str(name)] for name in frame["trap_id"]], dtype=np.int64)


def _window(first: int, last: int) -> Change:
    def change(survey: Survey) -> Survey:
        if not 1 <= first <= last <= survey.n_occasions:
            raise DataError(
                f"occasions {first} to {last} are not all there: {survey.name!r} has "
                f"{survey.n_occasions}"
            )
        part = slice(first - 1, last)
        old = survey.traps
        traps = TrapArray(
            old.xy,
            ids=list(old.ids),
            effort=old.effort[:, part],
            detector=list(old.detector),
            covariates=old.covariates,
            varying_covariates={n: v[:, part] for n, v in old.varying_covariates.items()},
            searches=list(old.searches) if old.is_search.any() else None,
            crs=old.crs,
        )
        frame = survey.captures.to_dataframe()
        frame = frame[frame["occasion"].between(first, last)]
        frame = frame.assign(occasion=frame["occasion"] - first + 1)
        captures = _rebuilt(survey, frame, survey.captures.individuals(), traps)
        table = survey.occasion_covariates.iloc[part].reset_index(drop=True)
        return _changed(survey, captures=captures, occasion_covariates=table)

    return change


def _other_mask(mask: Mapping[str, HabitatMask] | HabitatMask) -> Change:
    def change(survey: Survey) -> Survey:
        chosen = mask if isinstance(mask, HabitatMask) else mask[survey.name]
        return _changed(survey, mask=chosen)

    return change


def _other_captures(captures: Mapping[str, CaptureHistory] | CaptureHistory) -> Change:
    def change(survey: Survey) -> Survey:
        chosen = captures if isinstance(captures, CaptureHistory) else captures[survey.name]
        return _changed(survey, captures=chosen)

    return change
