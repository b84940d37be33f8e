"""Fit a set of models side by side: the simple ones first, each larger one from a smaller."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from secr_nea.errors import DataError, FitError, ModelError, SecrError, SecrWarning
from secr_nea.estimate import fingerprint_of
from secr_nea.fitting import FitResult, fit
from secr_nea.inference.comparable import incomparable_models
from secr_nea.inference.comparison import ModelSet, model_set, short_names
from secr_nea.model import Model
from secr_nea.survey import Survey

_MOST_MODELS = 200


def fit_models(
    surveys: Survey | Sequence[Survey],
    models: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    criterion: str = "AICc",
    c_hat: float = 1.0,
    progress: bool = True,
    **options: Any,
) -> ModelSet:
    """Fit several models to the same data and put them side by side.

    Parameters
    ----------
    surveys : Survey or sequence of Survey
    models : mapping of name to mapping, optional
        Formulas and options of each model, as of `fit`: ``{"null": {}, "rugged": {"D":
        "~ rugged"}}``. Without it, all combinations of the lists among ``options`` are fitted.
    criterion : {"AICc", "AIC", "QAIC", "QAICc"}
        What weights come from.
    c_hat : float
        Overdispersion for QAIC.
    progress : bool
        Whether to show a progress bar.
    **options : str, list of str, or anything `fit` takes
        What all models share. A list stands for alternatives: ``D=["~ 1", "~ rugged"],
        lambda0=["~ 1", "~ topography"]`` makes four models; ``detection=["HHN", "HEX"]`` too.

    Returns
    -------
    ModelSet
        Of `FitResult`. Models that could not be built or fitted are in ``failures`` with the
        reason.

    Raises
    ------
    DataError
        If there is nothing to fit, or more than 200 models.
    FitError
        If no model could be fitted.
    ModelError
        If models cannot be compared, such as with and without ``classes="sex"``; before any is
        fitted.

    Examples
    --------
    >>> import secr_nea as sn
    >>> models = sn.fit_models(
    ...     sn.datasets.sailugem(), D=["~ 1", "~ ruggedness_std"], progress=False
    ... )
    >>> list(models.table().index)
    ['D ~ ruggedness_std', 'D ~ 1']
    """
    planned = _planned(surveys, models, options)
    failures: dict[str, str] = {}
    built = _built(planned, failures)
    _require_one_kind(built)
    order = sorted(built, key=lambda key: built[key].n_coefficients)
    fits: dict[str, FitResult] = {}
    bar = tqdm(order, desc="models", delay=1.0, leave=False, disable=not progress)
    for key in bar:
        bar.set_postfix_str(key, refresh=False)
        try:
            with warnings.catch_warnings():
                # What is doubtful stands in the table, model by model.
                warnings.simplefilter("ignore", SecrWarning)
                fits[key] = fit(built[key], start=_start(built[key], fits), progress=False)
        except SecrError as error:
            failures[key] = str(error)
    if not fits:
        raise FitError(
            "No model could be fitted: "
            + "; ".join(f"{name}: {why}" for name, why in failures.items())
        )
    kept = [key for key in planned if key in fits]
    names = kept if models is not None else short_names([fits[key] for key in kept])
    named = dict(zip(names, (fits[key] for key in kept), strict=True))
    return model_set(named, criterion=criterion, c_hat=c_hat, failures=failures)


def _planned(
    surveys: Survey | Sequence[Survey],
    models: Mapping[str, Mapping[str, Any]] | None,
    options: Mapping[str, Any],
) -> dict[str, dict[str, Any]]:
    """Arguments of each model by its name."""
    lists = {name: v for name, v in options.items() if isinstance(v, list | tuple)}
    shared = {name: v for name, v in options.items() if name not in lists}
    if models is not None and lists:
        raise DataError(f"Give models=, or lists of alternatives ({', '.join(lists)}), not both.")
    if models is None:
        if not lists:
            raise DataError(
                "Nothing to compare: give models={'name': {...}}, or lists of formulas such as "
                "D=['~ 1', '~ rugged']."
            )
        empty = [name for name, values in lists.items() if not values]
        if empty:
            raise DataError(f"The list {empty[0]}= is empty.")
        chosen = [
            dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())
        ]
        models = {", ".join(f"{n} {v}" for n, v in each.items()): each for each in chosen}
    if not models or len(models) > _MOST_MODELS:
        raise DataError(f"Between 1 and {_MOST_MODELS} models can be fitted; got {len(models)}.")
    both = {name: sorted(set(own) & set(shared)) for name, own in models.items()}
    clash = next(((name, words) for name, words in both.items() if words), None)
    if clash:
        raise DataError(f"{', '.join(clash[1])} is given for all models and for {clash[0]!r}.")
    return {name: {"surveys": surveys, **shared, **own} for name, own in models.items()}


def _built(planned: Mapping[str, Mapping[str, Any]], failures: dict[str, str]) -> dict[str, Model]:
    """The models that can be built."""
    found = {}
    for name, given in planned.items():
        own = dict(given)
        try:
            found[name] = Model(own.pop("surveys"), **own)
        except SecrError as error:
            failures[name] = str(error)
    return found


def _require_one_kind(built: Mapping[str, Model]) -> None:
    """Refuse models that could not be compared, before hours are spent on fitting them."""
    kinds: dict[str, str] = {}
    for name, model in built.items():
        kinds.setdefault(fingerprint_of(model).code, name)
    if len(kinds) > 1:
        first, other = list(kinds.values())[:2]
        why = incomparable_models(built[first], built[other])
        raise ModelError(
            f"{other!r} cannot be compared with {first!r}: {why}. Nothing was fitted. Give all "
            "models the same classes= (or groups=) and kind of population, and let the formulas "
            "differ; kinds of models that explain different things need sets of their own."
        )


def _start(model: Model, fits: Mapping[str, FitResult]) -> FitResult | None:
    """The largest good fit, all of whose coefficients are in the model."""
    names = set(model.coefficient_names)
    inside = [
        done
        for done in fits.values()
        if set(done.names) <= names
        and done.diagnosis.good
        and done.model.detection.name == model.detection.name
    ]
    if not inside:
        return None
    return max(inside, key=lambda done: (done.n_parameters, done.log_likelihood))
