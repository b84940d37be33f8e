"""What one detection record says, for each kind of detector.

With h the hazard per unit effort at the trap and T the effort there, the probability of a record
of y detections, beyond the factor exp(-T h) that every kind shares, is

=========== ======================================= ==========================================
detector    record                                  logarithm
=========== ======================================= ==========================================
count       Poisson, (T h)^y / y!                   y log h + y log T - log y!
binary      exp(T h) - 1                            log h + C(T h) + log T
binomial    choose(T, y) (exp(h) - 1)^y             y log h + y C(h) + log choose(T, y)
searches    T h at each position / y!               sum log h + y log T - log y!
capped      exp(h') - 1                             log h' + C(h')
multi       T h / H (exp(H) - 1)                    log h + C(H) + log T
=========== ======================================= ==========================================

For capped detectors (one animal an occasion at most) h' is the hazard of being the one that is
kept, see `secr_nea.likelihood.capped`; there the factor is exp(-h').
For searches (areas and transects) T h is a density per m2 or m at each of the y positions, and the
factor is exp(-T times the integral of h over the search).
With H the total hazard of all multi-catch traps of the occasion (an animal is taken by one at
most), and C(A) = log((exp(A) - 1) / A); sources: Efford, Borchers & Byrom (2009) in "Modeling
Demographic Processes in Marked Populations", pp. 255-269; Borchers & Efford (2008) Biometrics 64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from secr_nea._typing import FloatArray


@dataclass(frozen=True)
class Encounter:
    """How the records of one kind of detector enter the likelihood.

    Parameters
    ----------
    competing_effort : callable or None
        From the effort of the records to the factor A / h of their C(A); None where C is not used.
    constant : callable
        From counts and effort to the part of the logarithm that does not depend on parameters.
    competes_among_traps : bool
        Whether the argument of C is the total hazard of all traps of this kind on the occasion.
    counts_effort : bool
        Whether exposure is the effort, or the number of occasions because the effort is already in
        the hazard.
    """

    competing_effort: Callable[[FloatArray], FloatArray] | None
    constant: Callable[[FloatArray, FloatArray], FloatArray]
    competes_among_traps: bool = False
    counts_effort: bool = True


def _count(y: FloatArray, effort: FloatArray) -> FloatArray:
    return np.asarray(y * np.log(effort) - gammaln(y + 1.0))


def _binary(y: FloatArray, effort: FloatArray) -> FloatArray:
    return np.asarray(y * np.log(effort))


def _binomial(y: FloatArray, effort: FloatArray) -> FloatArray:
    return np.asarray(gammaln(effort + 1.0) - gammaln(y + 1.0) - gammaln(effort - y + 1.0))


def _nothing(y: FloatArray, effort: FloatArray) -> FloatArray:
    del effort
    return np.zeros_like(y)


ENCOUNTERS = {
    "count": Encounter(None, _count),
    "binary": Encounter(lambda effort: effort, _binary),
    "binomial": Encounter(np.ones_like, _binomial),
    "capped": Encounter(np.ones_like, _nothing, counts_effort=False),
    "multi": Encounter(None, _binary, competes_among_traps=True),
    "area_search": Encounter(None, _count),
    "transect": Encounter(None, _count),
}
"""Every kind of detector by its word."""


def exposure_of(detector: Sequence[str], effort: FloatArray) -> FloatArray:
    """How much exposure to its hazard column a trap gives on each occasion.

    Parameters
    ----------
    detector : sequence of str, one per trap
    effort : float64 array, shape (n_traps, n_occasions)

    Returns
    -------
    float64 array, shape (n_traps, n_occasions)
        The effort; at capped detectors 1 wherever there is any.
    """
    plain = np.array([ENCOUNTERS[kind].counts_effort for kind in detector])
    return np.where(plain[:, None], effort, effort > 0.0)
