"""The likelihood of a mixture along the proportion of its second class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.density import point_density
from secr_nea.inference.variants import variant
from secr_nea.maximise import maximise

GRID = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Proportions of the second class at which the profile is taken unless others are given."""


def profile_pmix(estimate: Estimate, values: Sequence[float] | None = None) -> pd.DataFrame:
    """Largest log-likelihood for each proportion of the second of two classes.

    Mixtures may have several maxima, at which the two classes mean different things. Each
    proportion is fitted from several starts: from scratch, and from its neighbours on both sides.

    Parameters
    ----------
    estimate : Estimate
        A fit with two classes whose proportion is the same in all surveys (``pmix ~ 1``).
    values : sequence of float, between 0 and 1, optional
        Proportions, in any order; 13 from 0.02 to 0.98 by default. The fit's own is added.

    Returns
    -------
    DataFrame
        Index: pmix, rising. Columns: log_likelihood; below, how much lower than the highest point;
        density_per_100km2, mean over the masks (nan without a model of density); is_maximum, where
        both neighbours are lower; is_estimate, the row of the fit; converged.

    Raises
    ------
    ModelError
        If there are no two classes, or their proportion differs between surveys or is fixed.
    DataError
        If a value is not between 0 and 1.

    Notes
    -----
    The profile is flat where the data cannot tell the classes apart. Where a row other than the
    fit's is the highest, fit again with ``start=`` or ``fixed={"pmix": ...}`` near it. The set of
    proportions with ``below`` under 1.92 is a 95 % profile interval (only roughly near 0 or 1).
    """
    _check(estimate)
    own = float(estimate.model.class_proportions(estimate.coefficients)[0, 1])
    grid = np.unique([*_checked(GRID if values is None else values), own])
    # Every third proportion from scratch; what is found there is handed on to both sides.
    best = [_first_fit(estimate, value, thorough=i % 3 == 0) for i, value in enumerate(grid)]
    for order in (range(1, len(grid)), range(len(grid) - 2, -1, -1)):
        for i in order:
            best[i] = _better(best[i], best[i - order.step])
    height = np.array([fit.log_likelihood for fit in best])
    around = np.concatenate([[-np.inf], height, [-np.inf]])
    return pd.DataFrame(
        {
            "log_likelihood": height,
            "below": height.max() - height,
            "density_per_100km2": [_density(fit) for fit in best],
            "is_maximum": (height >= around[:-2]) & (height >= around[2:]),
            "is_estimate": grid == own,
            "converged": [fit.diagnosis.converged for fit in best],
        },
        index=pd.Index(grid, name="pmix"),
    )


def _check(estimate: Estimate) -> None:
    model = estimate.model
    if not model.individuals.is_mixture or model.individuals.n_levels != 2:
        raise ModelError("A profile over pmix needs a fit with two classes (classes=).")
    parameter = model.parameters["pmix"]
    if parameter.fixed is not None:
        raise ModelError("pmix is fixed in this fit; fit it without, then ask for its profile.")
    if len(parameter.rows) > 1:
        raise ModelError(
            f"pmix {parameter.text} differs between surveys, so that there is no one proportion."
        )


def _checked(values: Sequence[float]) -> FloatArray:
    given = np.asarray(list(values), dtype=np.float64)
    if not ((given > 0.0) & (given < 1.0)).all():
        raise DataError(f"values must lie between 0 and 1, both excluded; got {given.tolist()}.")
    return given


def _first_fit(estimate: Estimate, value: float, *, thorough: bool) -> Estimate:
    """The model with its proportion held, from the fit's own coefficients (and others)."""
    model = variant(estimate.model, fixed=_fixed(estimate) | {"pmix": float(value)})
    return maximise(model, start=_start(estimate), progress=False, thorough=thorough)


def _better(known: Estimate, near: Estimate) -> Estimate:
    """A fit, or the one that starts from the coefficients of a neighbour, if that is higher."""
    found = maximise(known.model, start=_start(near), progress=False, thorough=False)
    return known if known.log_likelihood >= found.log_likelihood else found


def _start(estimate: Estimate) -> dict[str, float]:
    return dict(zip(estimate.names, estimate.coefficients.tolist(), strict=True))


def _fixed(estimate: Estimate) -> dict[str, float]:
    parameters = estimate.model.parameters
    return {n: p.fixed for n, p in parameters.items() if p.fixed is not None}


def _density(estimate: Estimate) -> float:
    """Mean density over the masks of all surveys, animals per 100 km2."""
    model = estimate.model
    if not model.has_density:
        return float("nan")
    areas = [survey.mask.area for survey in model.surveys]
    means = [float(point_density(estimate, b).value.mean()) for b in range(len(areas))]
    return float(np.average(means, weights=areas))
