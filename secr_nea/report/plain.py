"""An estimate as plain values, so that any program can read it from a JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import inference
from secr_nea._crs import describe
from secr_nea._typing import PathLike
from secr_nea._version import __version__
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.model import Model
from secr_nea.report.tables import density_by_survey

UNCERTAINTY = ("se", "lower", "upper")


def plain_values(
    estimate: Estimate,
    *,
    fitted: bool = True,
    level: float = 0.95,
    variance: str = "auto",
    warnings: Iterable[str] = (),
) -> dict[str, Any]:
    """Everything that an estimate says, as numbers, text, lists and dictionaries.

    Parameters
    ----------
    estimate : Estimate
    fitted : bool
        False when the coefficients were given and nothing was maximised: ``converged`` is then
        None.
    level : float
        Confidence level of the intervals.
    variance : {"auto", "poisson", "mspe"}
        Variance of the realised numbers; see `secr_nea.inference.abundance`.
    warnings : iterable of str
        What was warned of on the way.

    Returns
    -------
    dict
        Keys: loglik, npar, aic, aicc, converged, coefficients, real_parameters, surveys,
        diagnosis, data_fingerprint, seconds_fit, n_evaluations, version, model, crs,
        confidence_level, warnings. Densities are animals per 100 km2, areas km2. What is not
        known is None; so are densities and numbers, and all standard errors and intervals, of a fit
        that did not earn them (not converged, not determined, at a boundary).
    """
    diagnosis = estimate.diagnosis
    known = fitted and not inference.unearned(estimate)
    verdict: dict[str, Any] = diagnosis.to_dict() if fitted else {"message": diagnosis.message}
    verdict["converged"] = diagnosis.converged if fitted else None
    values = {
        "loglik": estimate.log_likelihood,
        "npar": estimate.n_parameters,
        "aic": estimate.aic,
        "aicc": estimate.aicc,
        "converged": verdict["converged"],
        "coefficients": _coefficients(estimate, known),
        "real_parameters": _real_parameters(estimate, known, level),
        "surveys": _surveys(estimate, known, level, variance, shown=known or not fitted),
        "diagnosis": verdict,
        "data_fingerprint": asdict(estimate.fingerprint),
        "seconds_fit": diagnosis.seconds,
        "n_evaluations": diagnosis.n_evaluations,
        "version": __version__,
        "model": _model(estimate.model),
        "crs": _crs(estimate.model),
        "confidence_level": level,
        "warnings": list(warnings),
    }
    plain: dict[str, Any] = _plain(values)
    return plain


def write_json(values: Mapping[str, Any], path: PathLike) -> Path:
    """Write plain values as a JSON file.

    Parameters
    ----------
    values : mapping
        As from `plain_values`.
    path : path

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    text = json.dumps(_plain(values), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
    return Path(path)


def _coefficients(estimate: Estimate, known: bool) -> dict[str, dict[str, float]]:
    table = estimate.coefficient_table()[["estimate", "se"]]
    return {str(name): _row(row, known) for name, row in table.iterrows()}


def _real_parameters(
    estimate: Estimate, known: bool, level: float
) -> dict[str, list[dict[str, Any]]]:
    table = inference.real_parameters(estimate, level=level)
    return {
        name: [
            _row(row, known)
            for _, row in table[table["parameter"] == name].drop(columns="parameter").iterrows()
        ]
        for name in estimate.model.parameters
    }


def _row(row: pd.Series, known: bool) -> dict[str, Any]:
    """A row of a table; its uncertainty only where it can be shown as good."""
    values = {str(name): value for name, value in row.items()}
    return values if known else {**values, **dict.fromkeys(UNCERTAINTY & values.keys())}


def _surveys(
    estimate: Estimate, known: bool, level: float, variance: str, *, shown: bool
) -> dict[str, dict[str, Any]]:
    density = density_by_survey(estimate, level=level, variance=variance)
    areas = inference.effective_sampling_area(estimate, level=level)
    found = {}
    for survey in estimate.model.surveys:
        rows = density[density["survey"] == survey.name]
        whole = _population(rows.iloc[-1], known, shown)
        if len(rows) > 1:
            whole["groups"] = {
                row["group"]: _population(row, known, shown) for _, row in rows.iterrows()
            }
            del whole["groups"]["all"]
        own = areas.loc[[survey.name]]
        found[survey.name] = {
            **whole,
            "area_km2": survey.mask.area,
            "n_animals": survey.n_animals,
            "n_detections": survey.n_detections,
            "n_traps": survey.traps.n_traps,
            "effort": survey.traps.total_effort,
            "effective_sampling_area_km2": (
                dict(zip(own["animals"], own["estimate"], strict=True))
                if "animals" in own
                else own["estimate"].iloc[0]
            ),
        }
    return found


def _population(row: pd.Series, known: bool, shown: bool) -> dict[str, Any]:
    """Density and numbers of one row of `density_by_survey`; None where they are not to be used."""
    found: dict[str, Any] = {"density_per_100km2": row["density_per_100km2"] if shown else None}
    found |= {f"density_{end}": row[f"density_{end}"] if known else None for end in UNCERTAINTY[1:]}
    for kind in ("expected", "realised"):
        found[f"{kind}_n"] = {"estimate": row[f"{kind}_n"] if shown else None} | {
            part: row[f"{kind}_{part}"] if known else None for part in UNCERTAINTY
        }
    found["realised_n"]["variance"] = row["variance"] if known else "none"
    return found


def _model(model: Model) -> dict[str, Any]:
    return {
        "detection": model.detection.name,
        "formulas": dict(model.formulas),
        "links": dict(model.links),
        "fixed": {n: p.fixed for n, p in model.parameters.items() if p.fixed is not None},
        "population": model.population,
        "classes": _differing(model, grouped=False),
        "groups": _differing(model, grouped=True),
    }


def _differing(model: Model, *, grouped: bool) -> str | None:
    """What tells the classes, or the groups, of animals apart."""
    individuals = model.individuals
    present = individuals.n_levels > 1 and individuals.grouped == grouped
    return individuals.variable if present else None


def _crs(model: Model) -> str | None:
    crs = model.surveys[0].crs
    return None if crs is None else describe(crs)


def _plain(value: Any) -> Any:
    """Numbers of Python in place of NumPy's, and None in place of nan and infinity."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
