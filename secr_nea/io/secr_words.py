"""Models in the words and units of R secr: formulas, detection functions, coefficients, names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import numpy as np

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.errors import DataError, ModelError
from secr_nea.model import Model

DETECTORS = {
    "count": "count",
    "binary": "proximity",
    "binomial": "count",
    "multi": "multi",
    "capped": "capped",
    "area_search": "polygon",
    "transect": "transect",
}
"""Our detector words and R's."""
WORDS = {
    "occasion": "t",
    "occasion_trend": "T",
    "session_trend": "Session",
    "latent_class": "h2",
    "detected_before": "b",
    "detected_last_occasion": "B",
    "detected_before_here": "bk",
    "detected_last_occasion_here": "Bk",
    "trap_detected_before": "k",
    "trap_detected_last_occasion": "K",
}
"""Words of formulas and R's."""
PARAMETERS = ("D", "lambda0", "g0", "a0", "sigma", "z", "w", "pmix")
"""Real parameters that mean the same in R."""
CALLS = ("I", "log", "exp", "sqrt")
"""Functions in formulas that mean the same in R."""
TAKEN = {"t", "T", "b", "B", "bk", "Bk", "k", "K", "g", "h2", "h3", "Session", "tcov", "kcov", "ts"}
"""Names that R's formulas use for something else."""
DENSITY = 10_000.0
"""Animals per 100 km2 in one per hectare."""
HECTARES = 100.0
"""Hectares in a km2."""
NOT_SIMPLE = re.compile(r"[^\w.+-]+")


def r_formula(text: str, parameter: str, model: Model) -> str:
    """Formula of a parameter in R's words.

    Parameters
    ----------
    text : str
        Such as ``"~ rugged + sex"``.
    parameter : str
    model : Model

    Returns
    -------
    str

    Raises
    ------
    ModelError
        Smooths, splines and other functions that R's secr writes differently or does not have.
    """
    calls = re.findall(r"([A-Za-z_.][\w.]*)\s*\(", text)
    foreign = [name for name in calls if name not in CALLS]
    if foreign or "{" in text or "`" in text:
        raise ModelError(
            f"The formula {parameter} {text!r} uses {_checks.listed(foreign) or 'quoted names'}, "
            "which cannot be written for R secr. Use covariates made beforehand, or export the "
            "data only: write_secr(folder, surveys)."
        )
    names = set(re.findall(r"[A-Za-z_][\w.]*", text)) - set(CALLS)
    clash = sorted(names & TAKEN)
    if clash:
        raise ModelError(
            f"The formula {parameter} {text!r} uses a covariate called {_checks.listed(clash)}, "
            "which means something else in R secr. Rename the covariate."
        )
    individuals = model.individuals
    words = dict(WORDS)
    if individuals.n_levels > 1 and individuals.variable != "latent_class":
        words[individuals.variable] = "g" if individuals.grouped else "h2"
    if individuals.n_levels > 2 and not individuals.grouped:
        words["latent_class"] = f"h{individuals.n_levels}"

    def word(match: re.Match[str]) -> str:
        return words.get(match[0], match[0])

    return re.sub(r"[A-Za-z_][\w.]*", word, text).replace("**", "^")


def refuse_foreign(model: Model) -> None:
    """ModelError for models that R secr does not have, or writes in another way.

    Raises
    ------
    ModelError
    """
    foreign = [name for name in model.formulas if name not in PARAMETERS]
    reasons = [f"a formula for {name}" for name in foreign]
    reasons += ["distances other than straight ones"] if model.metric is not None else []
    relative = model.population == "conditional" and "D" in model.formulas
    reasons += ["relative density"] if relative else []
    if not model.detection.code:
        reasons.append(f"the detection function {model.detection.name!r}")
    if reasons:
        raise ModelError(
            f"The model has {_checks.listed(reasons)}, which cannot be written for R secr. Export "
            "the data only: write_secr(folder, surveys)."
        )


def r_models(model: Model) -> dict[str, str]:
    """Formula of each estimated parameter in R's words."""
    return {name: r_formula(text, name, model) for name, text in model.formulas.items()}


def r_fixed(model: Model) -> dict[str, float]:
    """Fixed real parameters in R's units."""
    unit = {"D": 1.0 / DENSITY, "a0": HECTARES}
    return {
        name: parameter.fixed * unit.get(name, 1.0)
        for name, parameter in model.parameters.items()
        if parameter.fixed is not None
    }


def r_coefficients(model: Model, coefficients: FloatArray) -> FloatArray:
    """Coefficients on the link scale in R's units (D per hectare, a0 in hectares), in our order.

    Raises
    ------
    ModelError
        A formula of D or a0 without an intercept, whose unit cannot be changed by one number.
    """
    values = np.array(coefficients, dtype=np.float64)
    for name, shift in (("D", -math.log(DENSITY)), ("a0", math.log(HECTARES))):
        if name not in model.parameters or model.parameters[name].fixed is not None:
            continue
        parameter = model.parameters[name]
        if model.links[name] == "identity":
            values[parameter.slice] *= math.exp(shift)
            continue
        own = list(parameter.coefficient_names)
        if f"{name}:Intercept" not in own:
            raise ModelError(
                f"The formula of {name} has no intercept, so that its unit cannot be changed to "
                "R's. Write it with one."
            )
        values[parameter.slice.start + own.index(f"{name}:Intercept")] += shift
    return values


def has_same_order(model: Model) -> bool:
    """Whether R surely orders the coefficients as we do: no interactions, no dropped intercepts."""
    return not any(re.search(r"[:*/%()-]|\b0\b", text) for text in model.formulas.values())


def log_likelihood_shift(model: Model) -> float:
    """What R's log-likelihood is more than ours.

    With searches all histories differ, and R leaves log(n!) out of its multinomial term.
    """
    if model.population == "conditional":
        return 0.0
    searched = [survey for survey in model.surveys if survey.traps.is_search.any()]
    return -sum(math.lgamma(survey.n_animals + 1) for survey in searched)


def simple_names(names: Iterable[str], what: str) -> dict[str, str]:
    """Names without blanks and signs, as R's text files need them.

    Raises
    ------
    DataError
        Two names that would become one.
    """
    made = {name: NOT_SIMPLE.sub("_", str(name)) or "_" for name in names}
    seen: dict[str, str] = {}
    for name, simple in made.items():
        if simple in seen:
            raise DataError(
                f"{what} {seen[simple]!r} and {name!r} would both be {simple!r} in R's text files. "
                "Rename one."
            )
        seen[simple] = name
    return made


def quoted(text: str) -> str:
    """String constant of R, whatever the text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def vector(items: Iterable[str]) -> str:
    """``c("a", "b")`` of R."""
    return f"c({', '.join(quoted(item) for item in items)})"


def numbers(values: Iterable[float]) -> str:
    """``c(1, 2.5)`` of R, with all digits."""
    return f"c({', '.join(repr(float(value)) for value in values)})"


def named_list(items: Mapping[str, str]) -> str:
    """``list(a = ..., b = ...)`` of R from expressions."""
    return f"list({', '.join(f'{name} = {value}' for name, value in items.items())})"
