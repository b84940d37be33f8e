"""Models that cannot be: combinations of detectors and animals for which no likelihood is known."""

from __future__ import annotations

from collections.abc import Sequence

from secr_nea.errors import ModelError
from secr_nea.individuals import Individuals
from secr_nea.survey import Survey


def check_capped(surveys: Sequence[Survey], population: str, individuals: Individuals) -> None:
    """At capped detectors all animals compete: they must have a density and be alike.

    Parameters
    ----------
    surveys : sequence of Survey
    population : str
    individuals : Individuals

    Raises
    ------
    ModelError
        If there are capped detectors and the model has no density, classes or groups, or a
        learned response of the animal.
    """
    if not any("capped" in survey.traps.detector for survey in surveys):
        return
    if population == "conditional":
        raise ModelError(
            "Capped detectors need density in the likelihood, because all animals compete for a "
            "detector: population='conditional' cannot be used. Take 'poisson' or 'binomial'."
        )
    if individuals.n_levels > 1:
        word = "groups" if individuals.grouped else "classes"
        raise ModelError(
            f"Capped detectors take all animals to be alike; leave out {word}=, or give the "
            "detectors as 'binary' if hardly any of them met two animals on one occasion."
        )
    if individuals.response:
        raise ModelError(
            "Capped detectors take all animals to be alike; leave "
            f"{individuals.response} out of the formulas."
        )
