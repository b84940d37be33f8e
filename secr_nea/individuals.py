"""What tells animals apart in a model: classes or groups, covariates, and learned responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea._typing import IntArray
from secr_nea.errors import ModelError
from secr_nea.responses import ANIMAL_RESPONSES
from secr_nea.survey import Survey

LATENT = "latent_class"
UNKNOWN_WORDS = {"", "u", "unk", "unknown", "unsure", "na", "nan", "none", "?", "indet", "n/a"}


@dataclass(frozen=True)
class SurveyIndividuals:
    """What is known of the animals of one survey.

    Parameters
    ----------
    class_of : int64 array, shape (n_animals,)
        Class or group of each animal; -1 where it is unknown.
    pattern_of : int64 array, shape (n_animals,)
        Which combination of animal covariates each animal has.
    patterns : DataFrame, n_patterns rows
        The combinations; one empty row without animal covariates.
    """

    class_of: IntArray
    pattern_of: IntArray
    patterns: pd.DataFrame


@dataclass(frozen=True)
class Individuals:
    """How animals differ in a model.

    Parameters
    ----------
    variable : str
        Name of the class or group in formulas; empty when there is none.
    levels : tuple of str
        Classes or groups; one empty level when there is none.
    grouped : bool
        Whether they are groups, each with its own density, rather than classes of one population.
    response : str
        Learned response of the animal that formulas use; empty when there is none.
    surveys : tuple of SurveyIndividuals
    """

    variable: str
    levels: tuple[str, ...]
    grouped: bool
    response: str
    surveys: tuple[SurveyIndividuals, ...]

    @property
    def n_levels(self) -> int:
        """Number of classes or groups, at least 1."""
        return len(self.levels)

    @property
    def is_mixture(self) -> bool:
        """Whether animals belong to classes of which some or all are not known."""
        return self.n_levels > 1 and not self.grouped


def individuals_of(
    surveys: Sequence[Survey],
    *,
    classes: str | int | None,
    groups: str | None,
    covariates: Sequence[str],
    response: str,
    joined: bool = False,
) -> Individuals:
    """Classes, groups and covariates of the animals of all surveys.

    Parameters
    ----------
    surveys : sequence of Survey
    classes : str, int or None
        Animal covariate whose levels are classes (missing = unknown), or 2 or 3 latent classes.
    groups : str or None
        Animal covariate, complete, whose levels are groups with densities of their own.
    covariates : sequence of str
        Animal covariates that formulas use (conditional likelihood).
    response : str
        Learned response that formulas use, or "".
    joined : bool
        Whether every survey has the combinations of covariates of all surveys (relative density:
        each animal could have been detected in any of them).

    Returns
    -------
    Individuals

    Raises
    ------
    ModelError
        If a covariate is missing, has a level that means unknown, or has gaps where it may not.
    """
    if classes is not None and groups is not None:
        raise ModelError("Give classes or groups, not both: groups are for complete data.")
    name = groups if groups is not None else classes
    if name is None:
        levels: tuple[str, ...] = ("",)
        class_of = [np.zeros(s.n_animals, dtype=np.int64) for s in surveys]
        variable = ""
    elif isinstance(name, int):
        if name not in (2, 3):
            raise ModelError(f"classes must be 2 or 3, or the name of a covariate; got {name}.")
        levels = tuple(str(c + 1) for c in range(name))
        class_of = [np.full(s.n_animals, -1, dtype=np.int64) for s in surveys]
        variable = LATENT
    else:
        variable = name
        levels, class_of = _covariate_classes(surveys, name, complete=groups is not None)
    tables = [_patterns(survey, covariates) for survey in surveys]
    if joined and covariates:
        tables = _joined_patterns(tables)
    return Individuals(
        variable,
        levels,
        groups is not None,
        response,
        tuple(SurveyIndividuals(c, t[0], t[1]) for c, t in zip(class_of, tables, strict=True)),
    )


def _covariate(survey: Survey, name: str) -> pd.Series:
    if name not in survey.captures.covariates:
        known = ", ".join(map(str, survey.captures.covariates)) or "none"
        raise ModelError(
            f"The animals of {survey.name!r} have no covariate {name!r}; they have {known}. "
            "Give it in the individuals table."
        )
    return survey.captures.covariates[name]


def _covariate_classes(
    surveys: Sequence[Survey], name: str, *, complete: bool
) -> tuple[tuple[str, ...], list[IntArray]]:
    """Levels of an animal covariate, and the level of each animal (-1: missing)."""
    columns = [_covariate(survey, name) for survey in surveys]
    if any(pd.api.types.is_float_dtype(c) and (c.dropna() % 1.0).any() for c in columns):
        raise ModelError(
            f"{name} is a measurement, and animals fall into classes or groups by a covariate with "
            "few levels; cut it into levels, or use population='conditional', where it may stand "
            "in the formulas of detection."
        )
    levels = tuple(sorted({str(v) for column in columns for v in column.dropna()}))
    doubtful = [level for level in levels if level.strip().lower() in UNKNOWN_WORDS]
    if doubtful:
        raise ModelError(
            f"{name} has the level {doubtful[0]!r}, which seems to mean unknown. Leave it empty "
            "(missing) where it is not known."
        )
    if len(levels) < 2:
        raise ModelError(
            f"{name} has {len(levels)} level{'' if len(levels) == 1 else 's'} "
            f"({', '.join(levels) or 'none'}); at least two are needed."
        )
    class_of = []
    for survey, column in zip(surveys, columns, strict=True):
        missing = column.isna().to_numpy()
        if complete and missing.any():
            first = survey.captures.animal_ids[int(np.flatnonzero(missing)[0])]
            raise ModelError(
                f"groups={name!r} needs the {name} of every animal; it is missing for "
                f"{int(missing.sum())} of {survey.n_animals} in {survey.name!r} (first {first!r}). "
                f"Use classes={name!r}, which keeps animals of unknown {name}."
            )
        position = {level: c for c, level in enumerate(levels)}
        class_of.append(
            np.array(
                [-1 if gone else position[str(v)] for v, gone in zip(column, missing, strict=True)],
                dtype=np.int64,
            )
        )
    return levels, class_of


def _patterns(survey: Survey, names: Sequence[str]) -> tuple[IntArray, pd.DataFrame]:
    """Distinct combinations of animal covariates, and which one each animal has."""
    if not names:
        return np.zeros(survey.n_animals, dtype=np.int64), pd.DataFrame(index=range(1))
    frame = pd.DataFrame({name: _covariate(survey, name).to_numpy() for name in names})
    gaps = frame.isna().any(axis=1).to_numpy()
    if gaps.any():
        first = survey.captures.animal_ids[int(np.flatnonzero(gaps)[0])]
        raise ModelError(
            f"The covariates {', '.join(names)} are missing for {int(gaps.sum())} animals of "
            f"{survey.name!r} (first {first!r}); the conditional likelihood needs them all. "
            "With sex partly unknown use classes='sex'."
        )
    if frame.empty:
        return np.zeros(0, dtype=np.int64), frame.iloc[:0]
    distinct = frame.drop_duplicates().reset_index(drop=True)
    keys = {tuple(row): u for u, row in enumerate(distinct.itertuples(index=False))}
    pattern = [keys[tuple(row)] for row in frame.itertuples(index=False)]
    return np.array(pattern, dtype=np.int64), distinct


def _joined_patterns(
    tables: Sequence[tuple[IntArray, pd.DataFrame]],
) -> list[tuple[IntArray, pd.DataFrame]]:
    """The combinations of all surveys, and which one each animal has."""
    everything = pd.concat([patterns for _, patterns in tables], ignore_index=True)
    distinct = everything.drop_duplicates().reset_index(drop=True)
    keys = {tuple(row): u for u, row in enumerate(distinct.itertuples(index=False))}
    found = []
    for pattern_of, patterns in tables:
        own = [keys[tuple(row)] for row in patterns.itertuples(index=False)]
        found.append((np.array(own, dtype=np.int64)[pattern_of], distinct))
    return found


def single_response(names: Sequence[str]) -> str:
    """The one learned response of the animal among the variables of formulas, or "".

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str

    Raises
    ------
    ModelError
        If there are several.
    """
    found = [name for name in names if name in ANIMAL_RESPONSES]
    if len(found) > 1:
        raise ModelError(
            f"Formulas use {' and '.join(found)}; a model can have one learned response of the "
            "animal."
        )
    return found[0] if found else ""
