"""A survey: captures, traps and mask of one session, checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyproj

from secr_nea import _checks
from secr_nea._crs import describe, same_crs
from secr_nea._printing import facts_html
from secr_nea.captures import CaptureHistory
from secr_nea.errors import CRSError, DataError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

OUTSIDE = 0.75
"""Traps farther than this many spacings from the nearest mask point are told of."""


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Survey:
    """Captures, traps and habitat mask of one session; read-only.

    Parameters
    ----------
    captures : CaptureHistory
        With its traps; zero animals are allowed.
    mask : HabitatMask
    name : str
        The name of the session in formulas and tables.
    covariates : mapping of name to value, optional
        What is constant within the survey: year, region ...
    occasion_covariates : DataFrame or mapping, n_occasions rows, optional
        What changes with the occasion and is the same for all traps.

    Attributes
    ----------
    captures : CaptureHistory
    mask : HabitatMask
    name : str
    covariates : dict
    occasion_covariates : DataFrame, n_occasions rows

    Raises
    ------
    DataError
        No trap in the mask, unusable names or covariates.
    CRSError
        Traps and mask in different coordinate reference systems.
    """

    captures: CaptureHistory
    mask: HabitatMask
    name: str
    covariates: dict[str, Any]
    occasion_covariates: pd.DataFrame

    def __init__(
        self,
        captures: CaptureHistory,
        mask: HabitatMask,
        *,
        name: str = "survey",
        covariates: Mapping[str, Any] | None = None,
        occasion_covariates: pd.DataFrame | Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(captures, CaptureHistory):
            raise DataError(
                f"A survey needs a CaptureHistory first; got {type(captures).__name__}."
            )
        if not isinstance(mask, HabitatMask):
            raise DataError(f"A survey needs a HabitatMask second; got {type(mask).__name__}.")
        (checked,) = _checks.names([name], "survey name")
        check_ground(captures.traps, mask, checked)
        put = object.__setattr__
        put(self, "captures", captures)
        put(self, "mask", mask)
        put(self, "name", checked)
        put(self, "covariates", _scalars(covariates))
        put(
            self,
            "occasion_covariates",
            _checks.covariate_frame(occasion_covariates, captures.n_occasions, "occasion"),
        )

    @property
    def traps(self) -> TrapArray:
        """The traps of the captures."""
        return self.captures.traps

    @property
    def crs(self) -> pyproj.CRS | None:
        """Coordinate reference system of traps and mask."""
        return self.traps.crs or self.mask.crs

    @property
    def n_animals(self) -> int:
        """Number of animals detected."""
        return self.captures.n_animals

    @property
    def n_detections(self) -> int:
        """Number of detections, counts included."""
        return self.captures.n_detections

    @property
    def n_occasions(self) -> int:
        """Number of occasions."""
        return self.traps.n_occasions

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with the data; only equal data compare."""
        return _checks.fingerprint(
            self.captures.fingerprint,
            self.mask.fingerprint,
            self.name,
            self.covariates,
            self.occasion_covariates,
        )

    def summary(self) -> pd.DataFrame:
        """One row of facts, indexed by the survey's name; concatenate those of several surveys."""
        facts = {
            "animals": self.n_animals,
            "detections": self.n_detections,
            "recaptures": self.captures.n_recaptures,
            "animals_at_two_traps": self.captures.animals_at_two_traps,
            "traps": self.traps.n_traps,
            "traps_visited": self.captures.n_traps_visited,
            "occasions": self.n_occasions,
            "detector": self.traps.detector_type,
            "effort": self.traps.total_effort,
            "trap_spacing_m": self.traps.spacing,
            "mask_points": self.mask.n_points,
            "mask_spacing_m": self.mask.spacing,
            "mask_area_km2": self.mask.area,
            "crs": describe(self.crs),
            "fingerprint": self.fingerprint,
        }
        return pd.DataFrame([facts], index=pd.Index([self.name], name="survey"))

    def __repr__(self) -> str:
        parts = [
            repr(self.name),
            _checks.plural(self.n_animals, "animal"),
            _checks.plural(self.n_detections, "detection"),
        ]
        parts += [
            _checks.plural(self.traps.n_traps, "trap"),
            _checks.plural(self.n_occasions, "occasion"),
        ]
        parts += [_checks.plural(self.mask.n_points, "mask point")]
        return f"Survey({', '.join(parts)})"

    def _repr_html_(self) -> str:
        row = self.summary().iloc[0]
        shown = {
            str(name).replace("_", " "): f"{fact:,.0f}" if isinstance(fact, float) else fact
            for name, fact in row.items()
        }
        return facts_html(f"Survey {self.name}", shown)


def as_surveys(surveys: Survey | Iterable[Survey]) -> tuple[Survey, ...]:
    """One survey or several as a tuple, checked to be usable together.

    Parameters
    ----------
    surveys : Survey or iterable of Survey

    Returns
    -------
    tuple of Survey

    Raises
    ------
    DataError
        Nothing or something else given, names that are not unique, covariates that are numbers in
        one survey and text in another, and factor levels that differ only in case or spaces between
        surveys.
    """
    if isinstance(surveys, Survey):
        return (surveys,)
    if isinstance(surveys, Mapping):
        surveys = surveys.values()
    try:
        several = tuple(surveys)
    except TypeError:
        raise DataError(
            f"A Survey or several of them are needed; got {type(surveys).__name__}."
        ) from None
    strangers = [type(survey).__name__ for survey in several if not isinstance(survey, Survey)]
    if strangers or not several:
        raise DataError(
            f"A Survey or several of them are needed; got {_checks.listed(strangers) or 'none'}."
        )
    _checks.names([survey.name for survey in several], "survey name")
    _check_levels_across(several)
    return several


def check_ground(traps: TrapArray, mask: HabitatMask, name: str) -> None:
    """Refuse traps and a mask that are not of one place, and warn where it is doubtful.

    Parameters
    ----------
    traps : TrapArray
    mask : HabitatMask
    name : str
        Of the survey, for messages.

    Raises
    ------
    DataError, CRSError
        If they are in different systems, or no trap stands in the mask.
    """
    _check_crs(traps, mask)
    _check_traps_in_mask(traps, mask, name)


def _check_crs(traps: TrapArray, mask: HabitatMask) -> None:
    if traps.crs is None and mask.crs is None:
        return
    if traps.crs is None or mask.crs is None:
        lacking, known = ("traps", mask.crs) if traps.crs is None else ("mask", traps.crs)
        _checks.warn(
            f"The {lacking} have no CRS; they are taken to be in {describe(known)} like the other. "
            "Give crs= when reading them.",
            stacklevel=5,
        )
        return
    if not same_crs(traps.crs, mask.crs):
        raise CRSError(
            f"The traps are in {describe(traps.crs)} and the mask is in {describe(mask.crs)}; both "
            "must be in the same system. "
            "Reproject the traps: "
            "TrapArray.from_geodataframe(traps.to_geodataframe().to_crs(mask.crs)), or make the "
            "mask anew around the traps."
        )


def _check_traps_in_mask(traps: TrapArray, mask: HabitatMask, name: str) -> None:
    if not mask.contains_traps(traps).any():
        distance = mask.nearest(traps.xy)[1].min() / 1000
        raise DataError(
            f"Survey {name!r}: no trap stands in the mask; the nearest mask point is "
            f"{distance:,.1f} km away. "
            "Are they in different units or projections, or of different surveys?"
        )
    far = np.flatnonzero(mask.nearest(traps.xy)[1] > OUTSIDE * mask.spacing)
    if far.size:
        _checks.warn(
            f"Survey {name!r}: {_checks.plural(far.size, 'trap')} outside the mask: "
            f"{_checks.listed(traps.ids[k] for k in far)}. "
            "Check their coordinates, or whether the habitat polygons leave out ground that "
            "animals use.",
            stacklevel=5,
        )


def _scalars(covariates: Mapping[str, Any] | None) -> dict[str, Any]:
    values = dict(covariates or {})
    for name, value in values.items():
        if not isinstance(name, str) or name in _checks.RESERVED_COVARIATES:
            raise DataError(
                f"Survey covariate {name!r} needs another name "
                f"({_checks.listed(_checks.RESERVED_COVARIATES)} are taken)."
            )
        if not np.isscalar(value):
            raise DataError(
                f"Survey covariate {name!r} must be one value, a number or text; got "
                f"{type(value).__name__}."
            )
    return values


def _check_levels_across(surveys: tuple[Survey, ...]) -> None:
    tables: dict[str, list[Any]] = {
        "trap": [survey.traps.covariates for survey in surveys],
        "mask point": [survey.mask.covariates for survey in surveys],
        "animal": [survey.captures.covariates for survey in surveys],
        "occasion": [survey.occasion_covariates for survey in surveys],
        "varying trap": [survey.traps.varying_covariates for survey in surveys],
        "survey": [
            {name: np.array([value]) for name, value in survey.covariates.items()}
            for survey in surveys
        ],
    }
    for what, frames in tables.items():
        for name in dict.fromkeys(name for frame in frames for name in frame):
            _check_one_covariate(
                [
                    (survey.name, frame[name])
                    for survey, frame in zip(surveys, frames, strict=True)
                    if name in frame
                ],
                str(name),
                what,
            )


def _check_one_covariate(columns: list[tuple[str, Any]], name: str, what: str) -> None:
    # a column without any value says nothing about its kind
    known = [
        (survey, np.asarray(values).ravel())
        for survey, values in columns
        if not pd.isna(np.asarray(values)).all()
    ]
    factors = [survey for survey, values in known if _checks.is_categorical(values)]
    if not factors:
        return
    if len(factors) < len(known):
        others = [survey for survey, _ in known if survey not in factors]
        raise DataError(
            f"{what} covariate {name!r} is text in survey {_checks.listed(factors)} and numbers in "
            f"survey {_checks.listed(others)}. "
            "Give it one kind in all surveys."
        )
    pair = _checks.variant_pair(level for _, values in known for level in _checks.levels(values))
    if pair:
        raise DataError(
            f"{what} covariate {name!r} has the levels {pair[0]!r} and {pair[1]!r} in different "
            "surveys, which differ only in case or spaces. "
            "Spell them alike: two spellings of a level would be estimated apart."
        )
