"""The model of a fit again: with other formulas, or for other surveys."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from secr_nea.errors import ModelError, SecrWarning
from secr_nea.estimate import Estimate
from secr_nea.individuals import LATENT
from secr_nea.maximise import maximise
from secr_nea.model import Model
from secr_nea.survey import Survey


def changed_model(
    model: Model,
    formulas: Mapping[str, str] | None = None,
    surveys: Sequence[Survey] | None = None,
) -> Model:
    """The same model with some formulas changed, or of other surveys.

    Parameters
    ----------
    model : Model
    formulas : mapping of parameter to formula, optional
    surveys : sequence of Survey, optional
        They must have the covariates of the formulas.

    Returns
    -------
    Model

    Raises
    ------
    ModelError, FormulaError
        If a parameter is not in the model, or the model cannot be built.
    """
    given = dict(formulas or {})
    names = {name.split("[")[0] for name in model.parameters}
    unknown = sorted(set(given) - names)
    if unknown:
        raise ModelError(f"The model has no {', '.join(unknown)}; it has {', '.join(names)}.")
    individuals = model.individuals
    classes: str | int | None = None
    if individuals.is_mixture:
        latent = individuals.variable == LATENT
        classes = individuals.n_levels if latent else individuals.variable
    fixed = {
        name: parameter.fixed
        for name, parameter in model.parameters.items()
        if parameter.fixed is not None and name not in given
    }
    with warnings.catch_warnings():
        # What is doubtful about the model was told when it was first made.
        warnings.simplefilter("ignore", SecrWarning)
        return Model(
            model.surveys if surveys is None else surveys,
            detection=model.detection,
            fixed=fixed,
            links={name: text for name, text in model.links.items()},
            population=model.population,
            classes=classes,
            groups=individuals.variable if individuals.grouped else None,
            smallest_sigma=model.smallest_sigma,
            **{**model.formulas, **given},
        )


def refit(estimate: Estimate, surveys: Sequence[Survey]) -> Estimate:
    """The same model fitted to other surveys, started from the estimates at hand.

    Parameters
    ----------
    estimate : Estimate
    surveys : sequence of Survey

    Returns
    -------
    Estimate

    Raises
    ------
    SecrError
        If the model cannot be built or fitted.
    """
    model = changed_model(estimate.model, surveys=surveys)
    start = dict(zip(estimate.names, estimate.coefficients.tolist(), strict=True))
    return maximise(model, start=start, progress=False)
