"""Whether a larger model explains more than a simpler one: likelihood-ratio and score tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from secr_nea._typing import FloatArray
from secr_nea.errors import ModelError
from secr_nea.estimate import Estimate, fingerprint_of
from secr_nea.inference.comparable import incomparable
from secr_nea.inference.refits import changed_model
from secr_nea.likelihood import likelihood_of
from secr_nea.model import Model
from secr_nea.parameters import predictor_scale

_SAME = 0.01  # log-likelihoods closer than this are those of one model
_STEP = 1e-3  # of the differences of the gradient, in units of the predictors


@dataclass(frozen=True)
class NestedTest:
    """Result of a test of a simpler model against a larger one.

    Parameters
    ----------
    name : str
        ``"likelihood ratio"`` or ``"score"``.
    statistic : float
    df : int
        Coefficients that the larger model has more.
    p_value : float
        From the chi-square distribution; nan where the statistic could not be found.
    added : tuple of str
        Names of these coefficients.
    note : str
        What is doubtful, or empty.
    """

    name: str
    statistic: float
    df: int
    p_value: float
    added: tuple[str, ...]
    note: str = ""

    def __str__(self) -> str:
        told = f"{self.name} test: chi-square {self.statistic:.3f}, df {self.df}, "
        told += f"p = {self.p_value:.4f} ({', '.join(self.added)})"
        return f"{told}. {self.note}" if self.note else told


def likelihood_ratio_test(simpler: Estimate, larger: Estimate) -> NestedTest:
    """Test of a simpler model against a larger one that holds it, both fitted.

    Parameters
    ----------
    simpler, larger : Estimate

    Returns
    -------
    NestedTest

    Raises
    ------
    ModelError
        If the fits are of different data, or the simpler model is not part of the larger one: at
        the estimates of the simpler one, the new coefficients 0, the two must be equally likely.

    Notes
    -----
    2 (logL_larger - logL_simpler) is compared with chi-square with as many degrees of freedom as
    there are more coefficients. Where the simpler model lies on the boundary of the larger one
    (a mixture of classes) the true p-value is smaller.
    """
    why = incomparable(simpler, larger)
    if why:
        raise ModelError(f"The two fits cannot be compared: {why}.")
    added = _added(simpler, larger.model)
    for fit in (simpler, larger):
        if fit.smoothing is not None:
            raise ModelError(
                "Penalised smooths have no whole number of degrees of freedom; compare by AIC."
            )
    note = _nesting(simpler, larger.model)
    statistic = 2.0 * (larger.log_likelihood - simpler.log_likelihood)
    nearly = bool(note)
    if (statistic < -1e-4 and not nearly) or not (
        larger.diagnosis.converged and simpler.diagnosis.converged
    ):
        note = "One of the fits is not at its maximum; fit again with start=."
    return NestedTest(
        "likelihood ratio",
        max(statistic, 0.0) if statistic > -1e-4 else statistic,
        len(added),
        float(special.chdtrc(len(added), max(statistic, 0.0))),
        added,
        note,
    )


def _nesting(simpler: Estimate, larger: Model) -> str:
    """Refuse a larger model that is not the simpler one where the new coefficients do nothing.

    The names of coefficients do not tell links, fixed values or the distribution of the number of
    animals; the log-likelihood does. A note where only the measure of distance differs.
    """
    beta = _where_equal(simpler, larger)
    value = likelihood_of(larger).value_and_gradient(beta)[0]
    if abs(value - simpler.log_likelihood) < _SAME:
        return ""
    if (simpler.model.metric is None) != (larger.metric is None):
        return (
            "The two models measure distance in different ways, so that they are nested only "
            f"nearly (without the new terms their log-likelihoods are {value:.2f} and "
            f"{simpler.log_likelihood:.2f}); AIC needs no nesting."
        )
    raise ModelError(
        "The second model is not a larger one that holds the first: without its new terms its "
        f"log-likelihood is {value:.4f} and not {simpler.log_likelihood:.4f}, so that links, fixed "
        "values, the population or codings differ. Compare them by AIC."
    )


def _where_equal(simpler: Estimate, larger: Model) -> FloatArray:
    """Coefficients of the larger model at which it should be the simpler one."""
    known = dict(zip(simpler.names, simpler.coefficients, strict=True))
    for name, parameter in larger.parameters.items():
        held = simpler.model.parameters.get(name)
        if held is not None and held.fixed is not None and parameter.fixed is None:
            level = np.asarray(held.fixed, dtype=np.float64)
            known[f"{name}:Intercept"] = float(parameter.link.forward(level))
    return np.array([known.get(name, 0.0) for name in larger.coefficient_names])


def _added(simpler: Estimate, larger: Model) -> tuple[str, ...]:
    """Coefficients that the larger model has more, where all of the simpler one are in it."""
    missing = [name for name in simpler.names if name not in larger.coefficient_names]
    added = tuple(name for name in larger.coefficient_names if name not in simpler.names)
    same = simpler.model.detection.name == larger.detection.name
    if missing or not added or not same:
        detail = (
            f"it lacks {', '.join(missing)}"
            if missing
            else "the detection functions differ"
            if not same
            else "it has no more coefficients"
        )
        raise ModelError(
            f"The second model is not a larger one that holds the first: {detail}. Compare them "
            "by AIC."
        )
    return added


def score_test(estimate: Estimate, **formulas: str) -> NestedTest:
    """Test whether terms would improve a model, without fitting the larger model.

    Parameters
    ----------
    estimate : Estimate
        The simpler model, fitted.
    **formulas : str
        Formulas of the larger model that differ, such as ``D="~ rugged + elevation"``.

    Returns
    -------
    NestedTest

    Raises
    ------
    ModelError, FormulaError
        If the larger model does not hold the simpler one, or cannot be built.

    Notes
    -----
    With u the gradient and I the observed information of the larger model at the estimates of the
    simpler one (the new coefficients 0), u' I^-1 u is compared with chi-square. Catchpole and
    Morgan (1996) Biometrics 52, 664-672.
    """
    if not estimate.diagnosis.converged:
        raise ModelError(f"A score test starts from a maximum. {estimate.diagnosis.message}")
    larger = changed_model(estimate.model, formulas)
    if fingerprint_of(larger).code != estimate.fingerprint.code or larger.smooths:
        raise ModelError("The larger model is of another kind; a score test is for more terms.")
    added = _added(estimate, larger)
    beta = _where_equal(estimate, larger)
    likelihood = likelihood_of(larger)
    value, slope = likelihood.value_and_gradient(beta)
    if not abs(value - estimate.log_likelihood) < 1e-4:
        raise ModelError(
            "With the new coefficients at 0 the larger model is not the simpler one (the "
            "log-likelihoods differ); a term has another coding. Compare fits by AIC."
        )
    information = _information(larger, beta)
    fixed = ~np.isin(larger.coefficient_names, estimate.diagnosis.flat)
    kept = np.flatnonzero(fixed)
    inner = information[np.ix_(kept, kept)]
    if np.linalg.eigvalsh(inner)[0] <= 0.0:
        note = "The information is not positive definite here; fit the larger model instead."
        return NestedTest("score", np.nan, len(added), np.nan, added, note)
    statistic = float(slope[kept] @ np.linalg.solve(inner, slope[kept]))
    return NestedTest(
        "score", statistic, len(added), float(special.chdtrc(len(added), statistic)), added
    )


def _information(model: Model, beta: FloatArray) -> FloatArray:
    """Observed information by central differences of the exact gradient."""
    likelihood = likelihood_of(model)
    rows = []
    for j, size in enumerate(predictor_scale(model.parameters, beta)):
        shift = np.zeros_like(beta)
        shift[j] = _STEP / size
        up = likelihood.value_and_gradient(beta + shift)[1]
        down = likelihood.value_and_gradient(beta - shift)[1]
        rows.append((down - up) / (2.0 * shift[j]))
    information = np.array(rows)
    return np.asarray(0.5 * (information + information.T))


def score_table(estimate: Estimate, candidates: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Score tests of several larger models, the most promising first.

    Parameters
    ----------
    estimate : Estimate
        The simpler model, fitted.
    candidates : mapping of name to mapping of str to str
        Formulas of each larger model that differ, such as
        ``{"rugged": {"D": "~ rugged"}, "topography": {"lambda0": "~ topography"}}``.

    Returns
    -------
    DataFrame
        Index: name. Columns: statistic, df, p_value, aic_change (expected change of AIC, 2 df -
        statistic), note.
    """
    rows = {}
    for name, formulas in candidates.items():
        test = score_test(estimate, **formulas)
        rows[name] = {
            "statistic": test.statistic,
            "df": test.df,
            "p_value": test.p_value,
            "aic_change": 2.0 * test.df - test.statistic,
            "note": test.note,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    return table.sort_values("p_value")
