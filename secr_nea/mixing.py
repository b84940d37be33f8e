"""Proportions of the classes of animals, by survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from secr_nea._typing import FloatArray
from secr_nea.parameters import Parameter, sum_by_row


@dataclass(frozen=True)
class Mixing:
    """The proportion of each class of animals in each survey.

    Parameters
    ----------
    parameters : tuple of Parameter
        Predictors of the classes after the first; none without classes.
    n_surveys : int

    Notes
    -----
    proportion of class c = exp(eta_c) / sum exp(eta), with eta of the first class 0.
    """

    parameters: tuple[Parameter, ...]
    n_surveys: int

    def proportions(self, coefficients: FloatArray) -> FloatArray:
        """Proportion of each class in each survey.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)

        Returns
        -------
        float64 array, shape (n_surveys, n_classes)
            Rows sum to 1; a single column of ones without classes.
        """
        eta = np.zeros((self.n_surveys, 1 + len(self.parameters)))
        for c, parameter in enumerate(self.parameters, start=1):
            eta[:, c] = parameter.predictor(coefficients)[parameter.row_of]
        return np.asarray(special.softmax(eta, axis=1))

    def pull_back(self, coefficients: FloatArray, d_log: FloatArray, gradient: FloatArray) -> None:
        """Add the derivative through the proportions to a gradient.

        Parameters
        ----------
        coefficients : float64 array, shape (n_coefficients,)
        d_log : float64 array, shape (n_surveys, n_classes)
            Derivative to the logarithm of each proportion.
        gradient : float64 array, shape (n_coefficients,)
            Changed in place.
        """
        proportions = self.proportions(coefficients)
        d_eta = d_log - proportions * d_log.sum(axis=1, keepdims=True)
        for c, parameter in enumerate(self.parameters, start=1):
            if parameter.fixed is None:
                distinct = sum_by_row(parameter.row_of, d_eta[:, c], len(parameter.rows))
                gradient[parameter.slice] += parameter.rows.T @ distinct
