"""Whether the likelihoods of two fits are of the same thing."""

from __future__ import annotations

import numpy as np

from secr_nea.estimate import Estimate
from secr_nea.individuals import LATENT
from secr_nea.model import Model
from secr_nea.survey import Survey


def incomparable(first: Estimate, second: Estimate) -> str:
    """Why two fits cannot be compared by their likelihoods; empty when they can.

    Parameters
    ----------
    first, second : Estimate

    Returns
    -------
    str
    """
    if first.fingerprint.code == second.fingerprint.code:
        return ""
    return incomparable_models(first.model, second.model)


def incomparable_models(first: Model, second: Model) -> str:
    """How two models whose fingerprints differ differ in their data or kind.

    Parameters
    ----------
    first, second : Model

    Returns
    -------
    str
    """
    kinds = [model.population == "conditional" for model in (first, second)]
    if kinds[0] != kinds[1]:
        return "one has the full likelihood, the other is conditional on the animals detected"
    for word, differs in (
        ("groups", [model.individuals.grouped for model in (first, second)]),
        ("classes", [explained(model) for model in (first, second)]),
    ):
        if differs[0] != differs[1]:
            return (
                f"they differ in {word} (one explains an animal covariate that the other does not)"
            )
    a, b = first.surveys, second.surveys
    if [s.name for s in a] != [s.name for s in b]:
        return "they have different surveys"
    for one, other in zip(a, b, strict=True):
        if one.fingerprint != other.fingerprint:
            why = _survey_difference(one, other)
            return f"{why} of survey {one.name!r}" if len(a) > 1 else why
    if first.is_relative != second.is_relative:
        return (
            "one has relative density, which also explains in which survey or group each animal "
            "was detected"
        )
    return "their data fingerprints differ"


def explained(model: Model) -> str:
    """The animal covariate that a model explains, or "".

    Parameters
    ----------
    model : Model

    Returns
    -------
    str
    """
    variable = model.individuals.variable
    return "" if variable == LATENT else variable


def _survey_difference(one: Survey, other: Survey) -> str:
    a, b = one.traps, other.traps
    if a.effort.shape == b.effort.shape and not np.array_equal(a.effort, b.effort):
        return "they differ in the effort"
    if a.fingerprint != b.fingerprint:
        return "they differ in the traps, their effort or covariates"
    if one.mask.fingerprint != other.mask.fingerprint:
        counts = f"{one.mask.n_points:,} and {other.mask.n_points:,} points"
        return f"they differ in the habitat mask ({counts}) or its covariates"
    if one.captures.fingerprint != other.captures.fingerprint:
        counts = f"{one.n_animals} and {other.n_animals} animals"
        return f"they differ in the captures ({counts}) or the covariates of animals"
    return "they differ in the covariates"
