"""Averages over a set of models, with the variance between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate, z_value
from secr_nea.inference.comparison import ModelSet, describe_metric
from secr_nea.inference.quantities import Quantity, named, quantities
from secr_nea.links import Link

METHODS = ("wald", "tail_area")


def model_average(
    models: ModelSet,
    what: str | Sequence[str] = "density",
    *,
    newdata: pd.DataFrame | Mapping[str, Any] | None = None,
    region: Any = None,
    by: str | None = None,
    survey: str | None = None,
    method: str = "tail_area",
    most_delta: float = 10.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Average of a quantity over models, weighted by their Akaike weights.

    Parameters
    ----------
    models : ModelSet
    what : str or sequence of str
        ``"density"``, ``"abundance"``, ``"effective_area"`` or a real parameter that all models
        have; coefficients are not averaged, for they mean something else in every model.
    newdata : DataFrame or mapping, optional
        Covariates at which real parameters are wanted; needed when the models' formulas differ.
    region, by, survey : as of `secr_nea.inference.abundance`
    method : {"tail_area", "wald"}
        Model-averaged tail-area interval, or Wald interval with the variance between models.
    most_delta : float
        Only models with a criterion this close to the best.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: quantity. Columns: estimate, se (natural scale, with the variance between models),
        lower, upper, share_between (of the variance that lies between models), n_models, unit.

    Raises
    ------
    DataError
        If it is no set of models, or the method or what to average is not known.
    ModelError
        If a quantity is not in all models or means something else in some (sigma of another
        detection function or measure of distance), or no model has standard errors.

    Notes
    -----
    On the link scale of the quantity (where models have different links, one that is not the
    identity, by the delta method), estimate = sum w_r theta_r and var = sum w_r (var_r +
    (theta_r - estimate)^2) (Burnham and Anderson 2002, p. 162). Tail-area limits solve
    sum w_r Phi((theta_r - limit) / se_r) = 1 - alpha / 2 and alpha / 2 (Turek and Fletcher 2012,
    Computational Statistics and Data Analysis 56, 2809-2815).
    """
    if method not in METHODS:
        raise DataError(f"method must be one of {', '.join(METHODS)}; got {method!r}.")
    if not isinstance(models, ModelSet):
        raise DataError(
            "models must be a set of models, from sn.compare(first_fit, second_fit) or "
            f"sn.fit_models(...); got {type(models).__name__}."
        )
    wanted = named(what)
    names, weights = _used(models, most_delta)
    columns = [
        quantities(models.fits[n], wanted, newdata=newdata, region=region, by=by, survey=survey)
        for n in names
    ]
    _require_same(names, columns, models, newdata is not None)
    _require_same_meaning(wanted, names, models)
    rows = {}
    for parts in zip(*columns, strict=True):
        shared = _shared_scale(parts)
        found = [_spread(q, models.fits[n], shared.link) for q, n in zip(parts, names, strict=True)]
        rows[parts[0].name] = _row(shared, np.array(found), weights, method, level)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def _used(models: ModelSet, most_delta: float) -> tuple[list[str], FloatArray]:
    """Models close enough to the best that have standard errors, and their weights."""
    weights = models.weights
    delta = models.criteria - models.criteria[weights > 0.0].min()
    names = [
        str(name)
        for name in weights.index[(weights > 0.0) & (delta <= most_delta)]
        if models.fits[str(name)].diagnosis.positive_definite
    ]
    if not names:
        raise ModelError("No model of the set has standard errors and a weight to average by.")
    kept = weights[names].to_numpy(dtype=np.float64)
    return names, kept / kept.sum()


def _require_same(
    names: Sequence[str],
    columns: Sequence[Sequence[Quantity]],
    models: ModelSet,
    given: bool,
) -> None:
    first = [quantity.name for quantity in columns[0]]
    for name, column in zip(names, columns, strict=True):
        if any(quantity.name in models.fits[name].names for quantity in column):
            raise ModelError(
                "Coefficients are not averaged: they mean something else in every model. Average "
                "density, abundance or a real parameter."
            )
        own = [quantity.name for quantity in column]
        if len(own) != len(first) or (not given and own != first):
            raise ModelError(
                f"{names[0]!r} has {', '.join(first)}; {name!r} has {', '.join(own)}. Give "
                "newdata= with the covariates of all formulas, to average the same things."
            )


def _require_same_meaning(wanted: Sequence[str], names: Sequence[str], models: ModelSet) -> None:
    """Refuse detection parameters that mean something else in some of the models."""
    measured = [
        name for name in wanted if name.split("[")[0] in ("a0", "sigma", "sigmak", "z", "w")
    ]
    if not measured:
        return
    used = [models.fits[name].model for name in names]
    for what, kinds in (
        ("detection function", [model.detection.name for model in used]),
        ("measure of distance", [describe_metric(model.metric) for model in used]),
    ):
        if len(set(kinds)) > 1:
            raise ModelError(
                f"{measured[0]} means something else with another {what} "
                f"({', '.join(dict.fromkeys(kinds))}), so it is not averaged. Average density, "
                "abundance or effective_area, or compare models of one kind."
            )


def _shared_scale(parts: Sequence[Quantity]) -> Quantity:
    """The quantity on a link scale for all models: not the identity, where they differ."""
    return next((q for q in parts if q.link.name != "identity"), parts[0])


def _spread(quantity: Quantity, fit: Estimate, scale: Link) -> tuple[float, float]:
    """Estimate and standard error on a link scale, which need not be the quantity's own."""
    value, sd = quantity.spread(fit)
    if quantity.link.name == scale.name:
        return value, sd
    natural = quantity.natural(value)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = float(scale.forward(np.asarray(natural)))
    if not np.isfinite(moved):
        raise ModelError(
            f"{quantity.name} is {natural:.4g} in a model with the {quantity.link.name} link, "
            f"which the {scale.name} link of other models does not allow. Average models with one "
            "link."
        )
    slopes = [float(at.slope(np.asarray(v))) for at, v in ((quantity.link, value), (scale, moved))]
    return moved, sd * slopes[0] / slopes[1]


def _row(
    quantity: Quantity, found: FloatArray, weights: FloatArray, method: str, level: float
) -> dict[str, object]:
    value, sd = found[:, 0], found[:, 1]
    known = np.isfinite(sd)
    if not known.all():
        weights = np.where(known, weights, 0.0)
        if not weights.sum() > 0.0:
            raise ModelError(f"No model determines {quantity.name}.")
        value, sd, weights = value[known], sd[known], weights[known] / weights.sum()
    mean = float(weights @ value)
    between = float(weights @ (value - mean) ** 2)
    variance = float(weights @ sd**2) + between
    if method == "wald":
        limits = mean + z_value(level) * np.sqrt(variance) * np.array([-1.0, 1.0])
    else:
        limits = tail_area_limits(value, sd, weights, level)
    lower, upper = (quantity.natural(float(limit)) for limit in limits)
    middle = quantity.natural(mean)
    if quantity.link.name == "log":
        se = middle * float(np.sqrt(np.expm1(variance)))
    else:
        se = abs(float(quantity.link.slope(np.asarray(mean)))) * float(np.sqrt(variance))
    return {
        "estimate": middle,
        "se": se,
        "lower": lower,
        "upper": upper,
        "share_between": between / variance if variance > 0.0 else 0.0,
        "n_models": len(value),
        "unit": quantity.unit,
    }


def tail_area_limits(
    value: FloatArray, sd: FloatArray, weights: FloatArray, level: float
) -> FloatArray:
    """Limits of the model-averaged tail-area interval.

    Parameters
    ----------
    value, sd : float64 arrays, shape (n_models,)
        Estimates and standard errors on a scale where they are about normal.
    weights : float64 array, shape (n_models,)
        They add up to 1.
    level : float

    Returns
    -------
    float64 array, shape (2,)
    """
    z_value(level)
    widest = abs(float(ndtri(0.5 - level / 2.0))) + 1.0
    low, high = float((value - widest * sd).min()), float((value + widest * sd).max())
    if low == high:
        return np.array([low, high])

    def limit(area: float) -> float:
        def excess(at: float) -> float:
            return float(weights @ ndtr((at - value) / sd)) - area

        return float(brentq(excess, low, high, xtol=1e-10))

    return np.array([limit(0.5 - level / 2.0), limit(0.5 + level / 2.0)])
