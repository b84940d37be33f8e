"""A model again with one thing changed."""

from __future__ import annotations

import warnings
from typing import Any

from secr_nea.errors import SecrWarning
from secr_nea.individuals import LATENT
from secr_nea.model import Model


def variant(model: Model, **changes: Any) -> Model:
    """The same surveys and formulas, with some options of `Model` changed.

    Parameters
    ----------
    model : Model
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
        "fixed": {n: p.fixed for n, p in model.parameters.items() if p.fixed is not None},
        "links": dict(model.links),
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
        return Model(model.surveys, **options)
