"""Precision that a survey can reach: the expected Fisher information of its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._printing import facts_html
from secr_nea._typing import FloatArray
from secr_nea.design.expected import expected, scenario_of
from secr_nea.design.scenario import Scenario
from secr_nea.design.streams import PRECISION, streams_of
from secr_nea.design.truth import expected_number, true_coefficients
from secr_nea.errors import DataError, ModelError
from secr_nea.likelihood import Likelihood
from secr_nea.mask import HabitatMask
from secr_nea.model import Model
from secr_nea.parameters import predictor_scale
from secr_nea.traps import TrapArray

_BATCHES = 4
_STEP = 1e-3  # of the differences of the gradient, in units of the predictors


@dataclass(frozen=True, eq=False, repr=False)
class Precision:
    """Standard errors that a model will have on average, from the expected information.

    Parameters
    ----------
    names : tuple of str
        Coefficients of the model.
    coefficients : float64 array, shape (n_coefficients,)
        Their true values, link scale.
    covariance : float64 array, shape (n_coefficients, n_coefficients)
    rse : float
        Relative standard error of density over the mask (and of the number of animals).
    rse_error : float
        Monte Carlo standard error of ``rse``.
    n_simulated : int
        Animals that the information was averaged over.
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    rse: float
    rse_error: float
    n_simulated: int

    def to_dataframe(self) -> pd.DataFrame:
        """True value and expected standard error of each coefficient, link scale."""
        columns = {"true": self.coefficients, "se": np.sqrt(np.diag(self.covariance))}
        return pd.DataFrame(columns, index=pd.Index(self.names, name="coefficient"))

    def __repr__(self) -> str:
        return f"Precision(RSE of density {100.0 * self.rse:.1f} %)"

    def _repr_html_(self) -> str:
        shown = {
            str(name): f"{row.true:.3f}, se {row.se:.3f}"
            for name, row in self.to_dataframe().iterrows()
        }
        rse = f"{100.0 * self.rse:.1f} % (± {100.0 * self.rse_error:.1f} by Monte Carlo)"
        return facts_html("Expected precision", {"RSE of density": rse, **shown})


def precision(
    plan: Scenario | TrapArray,
    mask: HabitatMask | None = None,
    density: float | str | ArrayLike | None = None,
    *,
    formulas: Mapping[str, str] | None = None,
    classes: str | None = None,
    groups: str | None = None,
    n_simulated: int = 4000,
    seed: int = 1,
    **options: Any,
) -> Precision:
    """Relative standard error of density from the expected Fisher information.

    Exact in the sense of large samples, for any detector, effort, density surface and formula; a
    better guide than 1 / sqrt(min(n, r)), above all where the two numbers are far apart, where
    animals are at one camera each, or where density follows covariates. It takes a second or so.

    Parameters
    ----------
    plan : Scenario or TrapArray
    mask, density, **options
        With a TrapArray, the rest of a `Scenario`.
    formulas : mapping of parameter to formula, optional
        The model that will be fitted, such as ``{"D": "~ rugged"}``; ``"~ 1"`` otherwise.
    classes, groups : str, optional
        As for `Model`: the classes of the scenario as a mixture, or as groups.
    n_simulated : int
        Detected animals to average over; the Monte Carlo error of the result falls with its root.
    seed : int

    Returns
    -------
    Precision

    Raises
    ------
    DataError, ModelError
        As `Scenario` and `Model`; also when the information cannot be inverted, as the survey
        cannot tell the parameters apart.

    Notes
    -----
    Histories w of detected animals are a Poisson process with intensity
    mu(w) = sum_m D_m a Pr(w | x_m), so that the information is
    sum_w (d mu)(d mu)' / mu. Histories are far too many to list. But the information is also the
    mean of minus the second derivative of the log-likelihood over data, and it is proportional to
    density: one survey with F times as many animals, taken as one likelihood at F times the
    density, gives F times the information with little noise. That derivative is the difference of
    the exact gradient, so that every model of the library is covered. With a fixed number N of
    animals rse^2 is smaller by 1 / N.

    References
    ----------
    Kingman, J. F. C. (1993) Poisson Processes, Oxford (densities of Poisson processes); Borchers,
    D. L. and Efford, M. G. (2008) Biometrics 64, 377-385 (the likelihood).
    """
    scenario = scenario_of(plan, mask, density, options)
    if formulas is not None and not isinstance(formulas, Mapping):
        raise DataError(
            f'formulas must be a mapping such as {{"D": "~ rugged"}}; got {formulas!r}.'
        )
    n_simulated = _checks.whole(n_simulated, "n_simulated")
    words: dict[str, Any] = {**scenario.model_options, **(formulas or {})}
    crowded = scenario.changed(fixed_n=None, population=None, faults=None)
    n = expected(scenario).animals
    if not n > 0.0:
        raise DataError("Nothing can be detected by this survey, so there is no information.")
    # at capped detectors animals compete: many ordinary surveys instead of few crowded ones
    capped = "capped" in scenario.traps.detector
    batches = max(_BATCHES, round(n_simulated / n)) if capped else _BATCHES
    factor = 1.0 if capped else max(1.0, n_simulated / _BATCHES / n)
    crowded = crowded.changed(density=scenario.density_at_points * factor * _fixed(scenario))
    total, per_batch, seen = None, [], 0
    for rng in streams_of(seed, PRECISION, batches):
        survey = crowded.simulate(seed=rng)
        seen += survey.n_animals
        model = Model(survey, classes=classes, groups=groups, **words)
        information = _information(model, true_coefficients(model, crowded), factor)
        total = information if total is None else total + information
        truth = true_coefficients(model, scenario)
        if np.isnan(truth).any():
            unknown = np.array(model.coefficient_names)[np.isnan(truth)]
            raise ModelError(f"A scenario does not say what is true of {', '.join(unknown)}.")
        if not capped:
            per_batch.append(_rse(model, truth, _inverse(information, model), scenario))
    assert total is not None
    covariance = _inverse(total / batches, model)
    return Precision(
        names=model.coefficient_names,
        coefficients=truth,
        covariance=covariance,
        rse=_rse(model, truth, covariance, scenario),
        rse_error=_spread(per_batch),
        n_simulated=seen,
    )


def _spread(per_batch: list[float]) -> float:
    """Monte Carlo error of the mean of batches; unknown where single surveys were too small."""
    if len(per_batch) < 2:
        return float("nan")
    return float(np.std(per_batch, ddof=1) / np.sqrt(len(per_batch)))


def _fixed(scenario: Scenario) -> float:
    """What density must be multiplied with so that a fixed number of animals is expected."""
    plain = scenario.changed(fixed_n=None).n_animals
    return scenario.n_animals / plain


def _information(model: Model, coefficients: FloatArray, factor: float) -> FloatArray:
    """Minus the second derivatives, per survey of ordinary density."""
    likelihood = Likelihood(model)
    scale = predictor_scale(model.parameters, coefficients)
    density = np.ones(len(coefficients))
    parameter = model.parameters.get("D")
    if parameter is not None and parameter.link.name == "identity":
        density[parameter.slice] = factor
    rows_found = []
    for j, size in enumerate(scale):
        shift = np.zeros(len(coefficients))
        shift[j] = _STEP / size
        up = likelihood.value_and_gradient(coefficients + shift)[1]
        down = likelihood.value_and_gradient(coefficients - shift)[1]
        rows_found.append((down - up) / (2.0 * shift[j]))
    found = np.array(rows_found)
    return np.asarray(0.5 * (found + found.T) * np.outer(density, density) / factor)


def _inverse(information: FloatArray, model: Model) -> FloatArray:
    """Covariance, by way of a correlation-like matrix so that units do not matter."""
    root = np.sqrt(np.maximum(np.diag(information), 1e-300))
    scaled = information / np.outer(root, root)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < 1e-9:
        raise ModelError(
            "This survey cannot tell the parameters "
            f"{', '.join(model.coefficient_names)} apart: its expected information is singular. "
            "Are there detectors within reach of each other?"
        )
    return np.asarray(np.linalg.inv(scaled) / np.outer(root, root))


def _rse(model: Model, truth: FloatArray, covariance: FloatArray, scenario: Scenario) -> float:
    number, slope = expected_number(model, truth)
    variance = float(slope @ covariance @ slope) / number**2
    if scenario.fixed_n is not None:
        variance -= 1.0 / scenario.fixed_n
    return float(np.sqrt(max(variance, 0.0)))
