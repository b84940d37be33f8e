"""Links between the link scale, on which coefficients act, and the natural scale of a parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from secr_nea._typing import FloatArray
from secr_nea.errors import ModelError


@dataclass(frozen=True)
class Link:
    """A monotone map between natural and link scale.

    Parameters
    ----------
    name : str
        ``"log"``, ``"logit"`` or ``"identity"``.
    forward : callable
        Natural to link scale.
    inverse : callable
        Link to natural scale.
    slope : callable
        Derivative of the inverse, as a function of the link-scale value.
    """

    name: str
    forward: Callable[[FloatArray], FloatArray]
    inverse: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]


def _expit_slope(eta: FloatArray) -> FloatArray:
    p = special.expit(eta)
    return np.asarray(p * (1.0 - p))


LINKS = {
    "log": Link("log", np.log, np.exp, np.exp),
    "logit": Link("logit", special.logit, special.expit, _expit_slope),
    "identity": Link("identity", np.asarray, np.asarray, np.ones_like),
}
"""Every link by its name."""


def link(name: str) -> Link:
    """Find a link by name.

    Parameters
    ----------
    name : str
        ``"log"``, ``"logit"`` or ``"identity"``.

    Returns
    -------
    Link

    Raises
    ------
    ModelError
        If there is no such link.
    """
    if name not in LINKS:
        raise ModelError(f"There is no link {name!r}. Choose one of {', '.join(LINKS)}.")
    return LINKS[name]
