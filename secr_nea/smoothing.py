"""How smooth a penalised fit is: smoothing parameters, effective degrees of freedom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.smooths import Smooth

NEAR_NULL = 0.05
"""A smooth with fewer effective degrees of freedom above its null space counts as straight."""

# Smoothing parameters are kept within this factor of the number of animals: beyond it a smooth is
# straight, or free, for every purpose.
_WIDEST = 1e5
_LARGEST_FALL = 4.0  # of a log smoothing parameter between two fits


@dataclass(frozen=True, eq=False)
class Smoothing:
    """Smoothing parameters of a fit and what they left free; read-only.

    Parameters
    ----------
    labels : tuple of str
        Names of the smooths, such as ``"D:s(rugged, k=10)"``.
    parameters : tuple of tuples of float
        Smoothing parameters of each smooth: one, or one for each covariate of a tensor product.
    edf : tuple of float
        Effective degrees of freedom of each smooth, without the constant.
    n_columns, null_dimensions : tuples of int
        Most and least effective degrees of freedom that each could have.
    log_marginal : float
        Laplace approximation of the log marginal likelihood, up to a constant of the model.
    n_fits : int
        Penalised fits that were needed.
    settled : bool
        Whether the smoothing parameters stopped changing.
    """

    labels: tuple[str, ...]
    parameters: tuple[tuple[float, ...], ...]
    edf: tuple[float, ...]
    n_columns: tuple[int, ...]
    null_dimensions: tuple[int, ...]
    log_marginal: float
    n_fits: int
    settled: bool

    @property
    def shrinkage(self) -> float:
        """Coefficients less effective degrees of freedom, over all smooths."""
        return float(sum(self.n_columns) - sum(self.edf))

    def to_dataframe(self) -> pd.DataFrame:
        """One row per smooth.

        Returns
        -------
        DataFrame
            Index: smooth. Columns: edf, largest_edf, smoothing (text with one or two numbers),
            shape (``"straight"`` at the null space, ``"free"`` where hardly shrunk, ``"curved"``).
        """
        rows = []
        for edf, most, least, values in zip(
            self.edf, self.n_columns, self.null_dimensions, self.parameters, strict=True
        ):
            shape = "straight" if edf - least < NEAR_NULL else "curved"
            shape = "free" if most - edf < NEAR_NULL else shape
            rows.append(
                {
                    "edf": edf,
                    "largest_edf": most,
                    "smoothing": ", ".join(f"{value:.4g}" for value in values),
                    "shape": shape,
                }
            )
        return pd.DataFrame(rows, index=pd.Index(self.labels, name="smooth"))


@dataclass(frozen=True, eq=False)
class Penalties:
    """All penalties of a model over all of its coefficients.

    Parameters
    ----------
    smooths : tuple of Smooth
    diagonals : float64 array, shape (n_penalties, n_coefficients)
        Diagonals of the penalty matrices S_j, in the coordinates of the search.
    smooth_of : int64 array, shape (n_penalties,)
    held : bool array, shape (n_penalties,)
        Whether its smoothing parameter is given.
    start : float64 array, shape (n_penalties,)
        Smoothing parameters to start from.
    bounds : float64 array, shape (2,)
        Least and largest smoothing parameter.

    Notes
    -----
    The penalty is 1/2 sum_j lambda_j beta' S_j beta. Columns of a smooth have unit mean square over
    the data and its least rough penalised column has S = 1, so that a lambda as large as the
    information in the data about that column (about the number of animals, for density) halves it.
    """

    smooths: tuple[Smooth, ...]
    diagonals: FloatArray
    smooth_of: IntArray
    held: BoolArray
    start: FloatArray
    bounds: FloatArray

    @classmethod
    def of(cls, smooths: Sequence[Smooth], scale: FloatArray, n_animals: int) -> Penalties:
        """Penalties of a model.

        Parameters
        ----------
        smooths : sequence of Smooth
            Placed among all coefficients.
        scale : float64 array, shape (n_coefficients,)
            Coordinates of the search in units of the coefficients.
        n_animals : int
        """
        rows, owner, start, held = [], [], [], []
        for i, smooth in enumerate(smooths):
            for penalty in smooth.penalties:
                row = np.zeros(len(scale))
                row[smooth.columns] = penalty
                rows.append(row / scale**2)
                owner.append(i)
                held.append(smooth.sp is not None)
                start.append(float(n_animals) if smooth.sp is None else smooth.sp)
        return cls(
            tuple(smooths),
            np.array(rows),
            np.array(owner, dtype=np.int64),
            np.array(held),
            np.array(start),
            n_animals * np.array([1.0 / _WIDEST, _WIDEST]),
        )

    def stiffness(self, parameters: FloatArray) -> FloatArray:
        """Diagonal of S_lambda = sum_j lambda_j S_j, shape (n_coefficients,)."""
        return np.asarray(parameters @ self.diagonals)

    def edf(self, covariance: FloatArray, parameters: FloatArray) -> FloatArray:
        """Effective degrees of freedom of each smooth.

        Parameters
        ----------
        covariance : float64 array, shape (n_coefficients, n_coefficients)
            V = (H + S_lambda)^-1.
        parameters : float64 array, shape (n_penalties,)

        Returns
        -------
        float64 array, shape (n_smooths,)

        Notes
        -----
        The trace of V H over its columns, n_columns - tr(V S_lambda).
        """
        lost = np.diag(covariance) * self.stiffness(parameters)
        return np.array([len(s.columns) - lost[s.columns].sum() for s in self.smooths])

    def log_marginal(self, value: float, hessian: FloatArray, parameters: FloatArray) -> float:
        """Laplace approximation of the log marginal likelihood.

        Parameters
        ----------
        value : float
            Penalised log-likelihood at its maximum.
        hessian : float64 array, shape (n_coefficients, n_coefficients)
            H + S_lambda there.
        parameters : float64 array, shape (n_penalties,)

        Returns
        -------
        float
            l_p + 1/2 log|S_lambda|+ - 1/2 log|H + S_lambda|, nan where that is not positive
            definite.
        """
        stiffness = self.stiffness(parameters)
        sign, log_det = np.linalg.slogdet(hessian)
        if sign <= 0.0:
            return np.nan
        return float(value + 0.5 * np.log(stiffness[stiffness > 0.0]).sum() - 0.5 * log_det)

    def update(
        self, parameters: FloatArray, u: FloatArray, slope: FloatArray, information: FloatArray
    ) -> FloatArray:
        """Smoothing parameters that maximise the marginal likelihood near a penalised fit.

        Parameters
        ----------
        parameters : float64 array, shape (n_penalties,)
            Those of the fit.
        u : float64 array, shape (n_coefficients,)
            Its coefficients.
        slope : float64 array, shape (n_coefficients,)
            Derivative of the log-likelihood there, without the penalty.
        information : float64 array, shape (n_coefficients, n_coefficients)
            H, minus its second derivatives.

        Returns
        -------
        float64 array, shape (n_penalties,)

        Notes
        -----
        The log-likelihood is taken to be quadratic about the fit, and the generalised
        Fellner-Schall step lambda_j (tr(S_lambda^- S_j) - tr(V S_j)) / (beta' S_j beta) is
        repeated until nothing changes. Fits and updates in turn end where the step from a fit
        changes nothing.

        References
        ----------
        Wood, S. N. and Fasiolo, M. (2017) A generalized Fellner-Schall method for smoothing
        parameter optimization. Biometrics 73, 1071-1081.
        """
        eigenvalues, vectors = np.linalg.eigh(information)
        curved = (vectors * np.maximum(eigenvalues, 1e-6)) @ vectors.T
        pull = curved @ u + slope
        now = parameters.copy()
        for _ in range(500):
            stiffness = self.stiffness(now)
            covariance = np.linalg.inv(curved + np.diag(stiffness))
            new = self._step(now, covariance, covariance @ pull)
            change = np.abs(np.log(new[~self.held] / now[~self.held])).max(initial=0.0)
            now = new
            if change < 1e-4:
                break
        fall = parameters * np.exp(-_LARGEST_FALL)
        return np.where(self.held, parameters, np.maximum(now, fall))

    def _step(self, now: FloatArray, covariance: FloatArray, u: FloatArray) -> FloatArray:
        """One generalised Fellner-Schall step."""
        stiffness = self.stiffness(now)
        inverse = np.divide(1.0, stiffness, out=np.zeros_like(stiffness), where=stiffness > 0.0)
        above = self.diagonals @ (inverse - np.diag(covariance))
        below = self.diagonals @ u**2
        ratio = np.clip(np.maximum(above, 1e-300) / np.maximum(below, 1e-300), 1e-3, 1e3)
        return np.where(self.held, now, np.clip(now * ratio, *self.bounds))

    def record(
        self,
        parameters: FloatArray,
        covariance: FloatArray,
        log_marginal: float,
        n_fits: int,
        settled: bool,
    ) -> Smoothing:
        """What a fit keeps of its smoothing.

        Parameters
        ----------
        parameters : float64 array, shape (n_penalties,)
        covariance : float64 array, shape (n_coefficients, n_coefficients)
        log_marginal : float
        n_fits : int
        settled : bool
        """
        return Smoothing(
            tuple(smooth.label for smooth in self.smooths),
            tuple(
                tuple(float(v) for v in parameters[self.smooth_of == i])
                for i in range(len(self.smooths))
            ),
            tuple(float(v) for v in self.edf(covariance, parameters)),
            tuple(len(smooth.columns) for smooth in self.smooths),
            tuple(smooth.null_dimension for smooth in self.smooths),
            log_marginal,
            n_fits,
            settled,
        )
