"""The sentences of a report: how the estimate was made, with its numbers and the software."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata

import pandas as pd

from secr_nea import _checks, inference
from secr_nea._version import __version__
from secr_nea.estimate import Estimate
from secr_nea.model import Model
from secr_nea.results_text import rounded

SOFTWARE = ("numpy", "scipy", "numba", "pandas", "formulaic", "pyproj", "matplotlib")

RECORDS = {
    "count": "counts, Poisson distributed with mean effort x hazard",
    "binary": "detected or not on each occasion, with probability 1 - exp(-effort x hazard)",
    "binomial": "binomial counts whose size is the effort",
    "capped": "at most one animal a detector and occasion, for which all animals compete",
    "multi": "caught by one of several traps on each occasion, or by none, with competing hazards",
}

LIKELIHOODS = {
    "poisson": "full likelihood, Poisson number of animals",
    "binomial": "full likelihood, fixed number of animals",
    "conditional": "likelihood conditional on the animals detected",
}

REFERENCES = (
    "Borchers DL, Efford MG (2008) Spatially explicit maximum likelihood methods for "
    "capture-recapture studies. Biometrics 64, 377-385.",
    "Efford MG, Fewster RM (2013) Estimating population size by spatially explicit "
    "capture-recapture. Oikos 122, 918-928.",
)


def software() -> dict[str, str]:
    """Versions of the programs that the numbers depend on.

    Returns
    -------
    dict of str to str
    """
    own = {"secr_nea": __version__, "Python": platform.python_version()}
    return own | {name: metadata.version(name) for name in SOFTWARE}


def method_paragraph(estimate: Estimate, abundance: pd.DataFrame, level: float) -> str:
    """How the estimate was made, ready for the methods section of a paper.

    Parameters
    ----------
    estimate : Estimate
        A converged one.
    abundance : DataFrame
        Of the whole masks, as from `secr_nea.inference.abundance`.
    level : float
        Confidence level.

    Returns
    -------
    str
    """
    sentences = [_of_data(estimate), _of_model(estimate), _of_masks(estimate), _of_fit(estimate)]
    sentences += [
        f"Intervals ({100 * level:g} %) are Wald intervals on the link scale for parameters and "
        "log-normal for density and numbers of animals (Efford and Fewster 2013)."
    ]
    sentences += [_of_result(row) for _, row in abundance.iterrows()]
    return " ".join(sentences)


def _of_data(estimate: Estimate) -> str:
    surveys = estimate.model.surveys
    mark = estimate.fingerprint
    named = f" in {len(surveys)} surveys ({_listed(s.name for s in surveys)})"
    occasions = _listed(dict.fromkeys(_checks.plural(s.n_occasions, "occasion") for s in surveys))
    return (
        f"{_checks.plural(mark.n_animals, 'animal')} were detected "
        f"{_checks.plural(mark.n_detections, 'time')} at {_checks.plural(mark.n_traps, 'detector')}"
        f"{named if len(surveys) > 1 else ''}, with a total effort of {mark.effort:,.6g} "
        f"({occasions})."
    )


def _of_model(estimate: Estimate) -> str:
    model = estimate.model
    kinds = dict.fromkeys(kind for s in model.surveys for kind in s.traps.detector)
    records = _listed(RECORDS.get(kind, kind) for kind in kinds)
    formulas = _listed(f"{name} {p.text}" for name, p in model.parameters.items())
    individuals = model.individuals
    if individuals.n_levels > 1:
        kind = "groups" if individuals.grouped else "classes"
        formulas += f", with {kind} of animals by {individuals.variable.replace('_', ' ')}"
    return (
        "Density was estimated by spatially explicit capture-recapture "
        f"({LIKELIHOODS[model.population]}; Borchers and Efford 2008). Detections were {records}; "
        f"the detection function was {model.detection.name.replace('_', ' ')}. The model was "
        f"{formulas}.{_of_distances(model)}"
    )


def _of_distances(model: Model) -> str:
    """How distance was measured, unless straight."""
    if model.metric is None:
        return ""
    return (
        f" Between activity centres and detectors distance was measured as {model.metric.name} "
        f"({model.metric!r})."
    )


def _of_masks(estimate: Estimate) -> str:
    check = inference.check_mask(estimate)
    masks = [
        f"{s.mask.area:,.0f} km2 in {s.mask.n_points:,} cells of {s.mask.spacing:,.0f} m, up to "
        f"{row['buffer_m'] / 1000:,.1f} km ({row['buffer_in_sigma']:.1f} sigma) from the detectors"
        for s, (_, row) in zip(estimate.model.surveys, check.iterrows(), strict=True)
    ]
    return f"Activity centres were allowed in {'; '.join(masks)}."


def _of_fit(estimate: Estimate) -> str:
    return (
        f"The log-likelihood ({estimate.log_likelihood:.4f} with {estimate.n_parameters} "
        f"coefficients, AICc {estimate.aicc:.2f}) was maximised with exact gradients by secr_nea "
        f"{software()['secr_nea']}; standard errors come from the inverse of the observed "
        "information."
    )


def _of_result(row: pd.Series) -> str:
    interval = (
        f" ({rounded(row['density_lower'], digits=3)} to {rounded(row['density_upper'], digits=3)})"
        if pd.notna(row["density_lower"])
        else ""
    )
    return (
        f"Mean density in the mask of {row['survey']} was "
        f"{rounded(row['density_per_100km2'], digits=3)}{interval} animals per 100 km2."
    )


def _listed(items: Iterable[str]) -> str:
    words = list(items)
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
