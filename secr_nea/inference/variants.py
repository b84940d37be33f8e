"""A model again with one thing changed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from secr_nea.errors import SecrWarning
from secr_nea.individuals import LATENT
from secr_nea.location_effects import is_location_word
from secr_nea.metric_design import METRIC_WORDS
from secr_nea.model import Model
from secr_nea.survey import Survey


def variant(model: Model, surveys: Sequence[Survey] | None = None, **changes: Any) -> Model:
    """The same model with some options of `Model` changed, or of other surveys.

    Parameters
    ----------
    model : Model
    surveys : sequence of Survey, optional
        They must have the covariates of the formulas; those of the model by default.
    **changes
        Options and formulas of `Model`; a parameter that is newly in ``fixed`` loses its formula.

    Returns
    -------
    Model
    """
    individuals = model.individuals
    classes: str | int | None = None
    if individuals.is_mixture:
        latent = individuals.variable == LATENT
        classes = individuals.n_levels if latent else individuals.variable
    known: dict[str, Any] = {
        "detection": model.detection,
        "fixed": {
            n.split("[")[0]: p.fixed for n, p in model.parameters.items() if p.fixed is not None
        },
        "links": {name: word for name, word in model.links.items() if _has_link(name)},
        "distance": model.metric,
        "population": model.population,
        "classes": classes,
        "groups": individuals.variable if individuals.grouped else None,
        "smallest_sigma": model.smallest_sigma,
        **model.formulas,
    }
    options = known | changes
    for name in options["fixed"]:
        options.pop(name, None)
    with warnings.catch_warnings():
        # What is doubtful about the model was told when it was first made.
        warnings.simplefilter("ignore", SecrWarning)
        return Model(model.surveys if surveys is None else surveys, **options)


def _has_link(name: str) -> bool:
    """Whether the link of a parameter may be named: factors and distances have one only."""
    return not is_location_word(name) and name not in METRIC_WORDS
