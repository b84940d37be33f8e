"""What a maximisation found: coefficients, their covariance, the log-likelihood, a diagnosis."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import ndtri

from secr_nea._typing import FloatArray
from secr_nea.diagnosis import Diagnosis
from secr_nea.errors import DataError
from secr_nea.individuals import LATENT
from secr_nea.model import Model
from secr_nea.smoothing import Smoothing


@dataclass(frozen=True)
class Fingerprint:
    """Which data a fit is of, so that fits of different data are never compared.

    Parameters
    ----------
    n_surveys, n_animals, n_detections, n_traps, n_points : int
    effort : float
        Total effort.
    code : str
        Hash of captures, traps, effort, masks and covariates, and of what the likelihood explains
        (classes or groups, conditional or not): fits with the same code can be compared by AIC.
    """

    n_surveys: int
    n_animals: int
    n_detections: int
    n_traps: int
    n_points: int
    effort: float
    code: str

    def __str__(self) -> str:
        surveys = f"{self.n_surveys} surveys, " if self.n_surveys > 1 else ""
        return (
            f"{surveys}{self.n_animals} animals, {self.n_detections} detections, "
            f"{self.n_traps} traps, effort {self.effort:,.6g}, {self.n_points:,} mask points, "
            f"data {self.code}"
        )


def fingerprint_of(model: Model) -> Fingerprint:
    """Fingerprint of the data of a model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Fingerprint
    """
    surveys = model.surveys
    # What else the likelihood explains: classes and groups their covariate, the conditional
    # likelihood not how many animals there were.
    individuals = model.individuals
    # Latent classes explain nothing but the histories.
    explained = "" if individuals.variable == LATENT else individuals.variable
    kind = [explained, str(individuals.grouped), str(model.population == "conditional")]
    if model.is_relative and (len(surveys) > 1 or individuals.grouped):
        # Relative density also explains in which survey or group each animal was detected.
        kind.append("relative")
    text = "|".join([*(survey.fingerprint for survey in surveys), *kind])
    return Fingerprint(
        len(surveys),
        sum(s.n_animals for s in surveys),
        sum(s.n_detections for s in surveys),
        sum(s.traps.n_traps for s in surveys),
        sum(s.mask.n_points for s in surveys),
        float(sum(s.traps.effort.sum() for s in surveys)),
        hashlib.sha256(text.encode()).hexdigest()[:12],
    )


def z_value(level: float) -> float:
    """Normal quantile of a two-sided interval.

    Parameters
    ----------
    level : float
        Confidence level, such as 0.95.

    Returns
    -------
    float

    Raises
    ------
    DataError
        If the level is not between 0 and 1.
    """
    if not isinstance(level, int | float | np.number) or not 0.0 < level < 1.0:
        raise DataError(f"level must lie between 0 and 1, such as 0.95; got {level!r}.")
    return float(ndtri(0.5 + level / 2.0))


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """Maximum likelihood estimate of a model; read-only.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)
        Link scale, in the order of ``model.coefficient_names``.
    covariance : float64 array, shape (n_coefficients, n_coefficients)
        Inverse of the observed information, so with huge variances where coefficients are flat;
        nan where the information is not positive definite. With penalised smooths the information
        includes the penalty (Bayesian covariance).
    log_likelihood : float
        Never with a penalty.
    diagnosis : Diagnosis
    smoothing : Smoothing or None
        How smooth the penalised smooths came out; None without any.
    """

    model: Model
    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood: float
    diagnosis: Diagnosis
    smoothing: Smoothing | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.model.coefficient_names

    @property
    def n_parameters(self) -> int:
        """Number of estimated coefficients."""
        return len(self.coefficients)

    @property
    def effective_parameters(self) -> float:
        """Number of coefficients, with the effective degrees of freedom of penalised smooths."""
        return self.n_parameters - (self.smoothing.shrinkage if self.smoothing else 0.0)

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Which data this is a fit of."""
        return fingerprint_of(self.model)

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of each coefficient, shape (n_coefficients,); nan where flat."""
        flat = np.isin(self.names, self.diagnosis.flat)
        with np.errstate(invalid="ignore"):
            return np.where(flat, np.nan, np.sqrt(np.diag(self.covariance)))

    @property
    def aic(self) -> float:
        """Akaike's criterion, -2 logL + 2 K; penalised smooths count by their effective freedom."""
        return -2.0 * self.log_likelihood + 2.0 * self.effective_parameters

    @property
    def aicc(self) -> float:
        """AIC for small samples, with n = number of animals; inf when n <= K + 1."""
        n, k = self.fingerprint.n_animals, self.effective_parameters
        return self.aic + 2.0 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf

    def coefficient_table(self, level: float = 0.95) -> pd.DataFrame:
        """Coefficients on the link scale.

        Parameters
        ----------
        level : float
            Confidence level of the Wald intervals.

        Returns
        -------
        DataFrame
            Index: coefficient names. Columns: estimate, se, lower, upper.
        """
        z = z_value(level)
        estimate, se = self.coefficients, self.standard_errors
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "lower": estimate - z * se,
                "upper": estimate + z * se,
            },
            index=pd.Index(self.names, name="coefficient"),
        )
