"""The fitted distances as a function of places, for designs and simulations with other traps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate
from secr_nea.inference.detectability import survey_index
from secr_nea.traps import TrapArray

Distances = Callable[[FloatArray, FloatArray], FloatArray]
"""``distances(sites, places)``: (n_sites, 2) and (n_places, 2) to (n_sites, n_places), metres."""


def fitted_distances(estimate: Estimate, *, survey: str | None = None) -> Distances:
    """How a fit measures distance, between any sites and any activity centres.

    Parameters
    ----------
    estimate : Estimate
    survey : str, optional
        Name of the survey whose landscape it is, needed when there are several.

    Returns
    -------
    callable
        ``distances(sites, places)``, for the argument ``distances=`` of scenarios and of
        `secr_nea.design.simulate_captures`. Straight lines for a model without a metric of its
        own. Sites and places outside the cells are refused, and so are sites other than the
        survey's own traps where the distances were given as a matrix.

    Raises
    ------
    DataError
        If the survey is not named.
    """
    b = survey_index(estimate, survey)
    item = estimate.model.surveys[b]
    design = estimate.model.metric_design
    if design is None:
        return lambda sites, places: np.hypot(*(sites[:, None] - places).transpose(2, 0, 1))
    values = design.values(estimate.coefficients, b)
    own = design.grounds[b]

    def distances(sites: FloatArray, places: FloatArray) -> FloatArray:
        if np.array_equal(sites, item.traps.xy):
            return own.measure(values, places).distance
        if not own.is_for_any_site:
            raise ModelError(
                f"The given distances of {item.name!r} are those of its own traps; for other "
                "sites fit with LeastCost()."
            )
        ground = design.metric.ground(TrapArray(sites), item.mask, item.name)
        return ground.measure(values, places).distance

    return distances
