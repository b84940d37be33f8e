"""What a report is asked to hold beside the fit, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from secr_nea import inference
from secr_nea.border import Transboundary, mark_of
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.comparable import incomparable
from secr_nea.report.tables import table_of
from secr_nea.resampling.goodness_of_fit import GoodnessOfFit


@dataclass(frozen=True, eq=False)
class Contents:
    """A fit and everything that is to stand beside it in its report.

    Parameters
    ----------
    estimate : Estimate
    regions : polygons or name of a mask covariate, or None
    by : str or None
        Attribute of the polygons with their names.
    level : float
        Confidence level.
    variance : str
        Of the realised numbers.
    models, goodness_of_fit, sensitivity, ledger : DataFrame or None
    border : Transboundary or None
    detections, operation : DataFrame, path or None
        Tables with dates.
    public : bool
        Whether everything that tells positions is left out.
    unearned : str
        Why no number of the fit is shown; empty when they are.
    misfit, fit_notes : tuple of str
        What the tests of fit doubt, and all that they say, where their result was given.
    """

    estimate: Estimate
    regions: Any
    by: str | None
    level: float
    variance: str
    models: pd.DataFrame | None
    goodness_of_fit: pd.DataFrame | None
    sensitivity: pd.DataFrame | None
    ledger: pd.DataFrame | None
    border: Transboundary | None
    detections: Any
    operation: Any
    public: bool
    unearned: str
    misfit: tuple[str, ...]
    fit_notes: tuple[str, ...]


def contents_of(
    estimate: Estimate,
    *,
    models: Any,
    goodness_of_fit: Any,
    sensitivity: Any,
    ledger: Any,
    transboundary: Any,
    public: bool,
    **options: Any,
) -> Contents:
    """Turn what the user gave into tables.

    Parameters
    ----------
    estimate : Estimate
    models, goodness_of_fit, sensitivity, ledger
        DataFrames, or results that can be turned into one.
    transboundary : Transboundary or None
    public : bool
        A public report has no ledger: corrections name stations and positions.
    **options
        The other fields of `Contents`.

    Returns
    -------
    Contents

    Raises
    ------
    DataError
        If something cannot be turned into a table, or is of another fit or other data.
    """
    if transboundary is not None and not isinstance(transboundary, Transboundary):
        raise DataError(
            "transboundary must be the result of fit.transboundary(...); got "
            f"{type(transboundary).__name__}."
        )
    if transboundary is not None and transboundary.mark != mark_of(estimate):
        raise DataError(
            "transboundary is of another fit, so that the page would contradict itself. Make it "
            "from the fit of the report: fit.transboundary(...)."
        )
    if isinstance(models, inference.ModelSet):
        _require_same_data(estimate, models)
    given = {
        "models": models,
        "goodness_of_fit": goodness_of_fit,
        "sensitivity": sensitivity,
        "ledger": None if public else ledger,
    }
    tables: dict[str, Any] = {
        name: None if thing is None else table_of(thing, name) for name, thing in given.items()
    }
    tested = goodness_of_fit if isinstance(goodness_of_fit, GoodnessOfFit) else None
    return Contents(
        misfit=() if tested is None else tuple(tested.doubts),
        fit_notes=() if tested is None else tuple(tested.notes),
        estimate=estimate,
        border=transboundary,
        public=public,
        unearned=inference.unearned(estimate),
        **tables,
        **options,
    )


def _require_same_data(estimate: Estimate, models: inference.ModelSet) -> None:
    """Refuse a set of models of other data than the estimate that is reported."""
    for name in models:
        why = incomparable(estimate, models[name])
        if why:
            raise DataError(f"models: {name!r} is no model of the data that are reported: {why}.")
