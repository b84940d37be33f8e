"""The model of a fit again: with other formulas, or for other surveys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.variants import variant
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
    held = {
        name.split("[")[0]: p.fixed for name, p in model.parameters.items() if p.fixed is not None
    }
    kept = {name: value for name, value in held.items() if name not in given}
    return variant(model, surveys, fixed=kept, **given)


def refit(estimate: Estimate, surveys: Sequence[Survey], *, thorough: bool = True) -> Estimate:
    """The same model fitted to other surveys, started from the estimates at hand.

    Parameters
    ----------
    estimate : Estimate
    surveys : sequence of Survey
    thorough : bool
        Whether latent classes are tried from several starts, see `secr_nea.maximise.maximise`.

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
    return maximise(model, start=start, progress=False, thorough=thorough)
