"""What makes an estimate doubtful, in sentences with the cure."""

from __future__ import annotations

import numpy as np

from secr_nea.estimate import Estimate
from secr_nea.individuals import LATENT
from secr_nea.inference.mask_check import (
    BIAS_LIMIT,
    SPACING_LIMIT,
    check_mask,
    metric_sigma,
    typical_sigma,
    wanted_buffer,
)
from secr_nea.inference.minimum_count import minimum_count
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray

FEW_ANIMALS = 6
FEW_MOVERS = 3
NARROW_SIGMA = 2.5
LONG_RATIO = 3.0
VAGUE_PMIX = 2.0  # standard error of the logit of a proportion


def doubts(estimate: Estimate) -> list[str]:
    """Reasons for doubt that the data, the mask or the maximisation give.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    list of str
        One sentence or two each; empty when nothing was found.
    """
    found = []
    if not estimate.diagnosis.good:
        found.append(estimate.diagnosis.message)
    found += _limit(estimate)
    found += _sparse(estimate)
    if estimate.diagnosis.converged:
        if _movers(estimate) or "sigma" in _fixed(estimate):
            found += _masks(estimate)  # in units of a sigma that is known
        found += _searches(estimate)
        found += _narrow_arrays(estimate)
        found += _many_parameters(estimate)
        found += _smoothing(estimate)
        found += _mixture(estimate)
    return found


def unearned(estimate: Estimate) -> str:
    """Why no number of a fit may be shown as an estimate; empty when they may.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    str
        The diagnosis of a fit that is not at its maximum, whose overall density or detection the
        data do not determine, or that stands at the edge of what is possible; and what is lacking
        where no animal was detected at two places, so that nothing but silence speaks for sigma.
    """
    diagnosis = estimate.diagnosis
    whole = [name for name in diagnosis.flat if name.endswith(":Intercept")]
    if not (diagnosis.converged and diagnosis.positive_definite) or whole or diagnosis.boundary:
        return diagnosis.message
    if "sigma" not in _fixed(estimate) and not _movers(estimate):
        return (
            "No animal was detected at two or more traps, so sigma, and with it density, is no "
            "estimate of these data. Report the minimum count and the rate, or fix sigma from a "
            "comparable survey (fixed={'sigma': ...})."
        )
    return ""


def _movers(estimate: Estimate) -> int:
    """Animals detected at two places or more."""
    return sum(survey.captures.animals_at_two_traps for survey in estimate.model.surveys)


def _sparse(estimate: Estimate) -> list[str]:
    surveys = estimate.model.surveys
    n_animals = estimate.fingerprint.n_animals
    movers = _movers(estimate)
    found = []
    if n_animals < FEW_ANIMALS:
        found.append(f"{_plural(n_animals, 'Only ')} detected: density rests on very little.")
    if movers < FEW_MOVERS and "sigma" not in _fixed(estimate):
        found.append(
            f"{_plural(movers, 'Only ')} detected at two or more traps: sigma is hardly known "
            "from these data. Consider fixed={'sigma': ...} from a comparable survey."
        )
    if found:
        found.append(
            "Report the minimum count and the detection rate beside the estimate, or in its place: "
            f"{_plain_numbers(surveys)} minimum_count(survey) says what the next survey would need."
        )
    return found


def _plain_numbers(surveys: tuple[Survey, ...]) -> str:
    """What can be told without a model."""
    return " ".join(minimum_count(survey).sentence for survey in surveys)


def _plural(number: int, only: str) -> str:
    if number == 0:
        return "No animal was"
    return f"{only}{number} animal{' was' if number == 1 else 's were'}"


def _fixed(estimate: Estimate) -> set[str]:
    return {name for name, p in estimate.model.parameters.items() if p.fixed is not None}


def _masks(estimate: Estimate) -> list[str]:
    found = []
    sigma = typical_sigma(estimate)
    for name, row in check_mask(estimate).iterrows():
        if row["relative_bias"] > BIAS_LIMIT:
            wanted = wanted_buffer(estimate, float(row["buffer_m"]))
            found.append(
                f"The mask of {name!r} reaches {row['buffer_m'] / 1000.0:,.1f} km from the traps, "
                f"{row['buffer_in_sigma']:.1f} sigma; density may be about "
                f"{100.0 * row['relative_bias']:.0f} % too high, unless habitat ends there. Use a "
                f"buffer of about {wanted / 1000.0:,.0f} km."
            )
        if row["spacing_in_sigma"] > SPACING_LIMIT:
            found.append(
                f"The points of the mask of {name!r} are {row['spacing_m']:,.0f} m apart, "
                f"{row['spacing_in_sigma']:.2f} sigma; use at most {SPACING_LIMIT} sigma, "
                f"{SPACING_LIMIT * sigma:,.0f} m."
            )
    return found


def _limit(estimate: Estimate) -> list[str]:
    """A limit of least-cost distances that cuts into the ranges of animals."""
    limit = getattr(estimate.model.metric, "limit", None)
    reach = estimate.model.detection.shape.reach
    if limit is None:
        return []
    sigma = metric_sigma(estimate)
    told = f"{limit / sigma:.1f} sigma" if estimate.diagnosis.converged else "which may be why"
    if estimate.diagnosis.converged and limit >= reach * sigma:
        return []
    return [
        f"Ways of more than {limit:,.0f} m were not looked for (limit= of LeastCost), {told}: "
        f"what is farther counts as impossible. Use a limit of {reach:g} sigma or more, or none."
    ]


def _narrow_arrays(estimate: Estimate) -> list[str]:
    """Arrays along one line: ranges across them are not seen."""
    metric = estimate.model.metric
    if metric is not None and metric.is_directed:
        return []
    found = []
    sigma = typical_sigma(estimate)
    for survey in estimate.model.surveys:
        length, width = array_extent(survey.traps)
        if width < NARROW_SIGMA * sigma and length > LONG_RATIO * width:
            found.append(
                f"The array of {survey.name!r} is {length / 1000.0:,.1f} km long and "
                f"{width / 1000.0:,.1f} km wide, {width / sigma:.1f} sigma: if ranges are longer "
                "along it than across, density is estimated too low (too high in the other case), "
                "and the data hardly tell. Compare with distance=AnisotropicDistance() or "
                "LeastCost(), and place some detectors farther to the sides next time."
            )
    return found


def array_extent(traps: TrapArray) -> tuple[float, float]:
    """Length and width of an array along its own axes, metres.

    Parameters
    ----------
    traps : TrapArray

    Returns
    -------
    float, float
        Infinite with searches, or fewer than three traps that worked.
    """
    worked = traps.xy[traps.effort.sum(axis=1) > 0.0]
    if traps.is_search.any() or len(worked) < 3:
        return np.inf, np.inf
    centred = worked - worked.mean(axis=0)
    along = centred @ np.linalg.eigh(centred.T @ centred)[1]
    width, length = np.ptp(along, axis=0)
    return float(length), float(width)


def _searches(estimate: Estimate) -> list[str]:
    """Whether sigma came out below the scale on which integrals over searches are exact."""
    model = estimate.model
    searched = np.flatnonzero(model.detection_rows.dimension > 0)
    if not searched.size:
        return []
    position = model.detection.parameters.index("sigma")
    sigma = float(model.detection_values(estimate.coefficients)[position][searched].min())
    if sigma >= 0.5 * model.smallest_sigma:
        return []
    return [
        f"sigma is {sigma:,.0f} m, but integrals over searches are exact down to "
        f"{0.5 * model.smallest_sigma:,.0f} m only. Fit again with "
        f"smallest_sigma={sigma:.0f}."
    ]


def _many_parameters(estimate: Estimate) -> list[str]:
    n, k = estimate.fingerprint.n_animals, estimate.effective_parameters
    if n >= 4 * k:
        return []
    return [
        f"{k:.3g} coefficients were estimated from {n} animals; with fewer than about 4 animals "
        "for each, AICc and the intervals are not to be trusted. Simplify the model."
    ]


def _smoothing(estimate: Estimate) -> list[str]:
    if estimate.smoothing is None or estimate.smoothing.settled:
        return []
    return [
        "The smoothing parameters did not settle: how smooth "
        f"{', '.join(estimate.smoothing.labels)} came out depends on where the search stopped. "
        "Use a smaller k, or give the smoothing parameter, as in s(x, k=5, sp=10)."
    ]


def _mixture(estimate: Estimate) -> list[str]:
    """Whether the data tell latent classes apart at all."""
    if estimate.model.individuals.variable != LATENT:
        return []
    se = dict(zip(estimate.names, estimate.standard_errors, strict=True))
    worst = max((se[name] for name in se if name.startswith("pmix")), default=0.0)
    if worst < VAGUE_PMIX:
        return []
    return [
        "The data hardly tell the latent classes apart: pmix may be almost anything, and so may "
        "the differences between the classes. Look at fit.profile_pmix(); prefer the model without "
        "classes, or covariates that explain why animals differ."
    ]
