"""Real parameters of a model: formula, link and coefficients of each, and their values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import ModelError
from secr_nea.formula import Design
from secr_nea.links import Link
from secr_nea.smooths import Smooth

DEFAULT_LINKS = {
    "D": "log",
    "lambda0": "log",
    "g0": "logit",
    "a0": "log",
    "esa": "log",
    "sigma": "log",
    "z": "log",
    "w": "log",
    "pmix": "logit",
    "sigmak": "log",
    "noneuc": "log",
    "stretch_east": "identity",
    "stretch_northeast": "identity",
}
"""Link of each parameter unless the user says otherwise."""

UNITS = {
    "D": "animals per 100 km2",
    "lambda0": "per unit effort",
    "g0": "per unit effort",
    "a0": "km2 per unit effort",
    "esa": "km2",
    "sigma": "m",
    "z": "",
    "w": "m",
    "pmix": "proportion",
    "sigmak": "sigma sqrt(D)",
    "lambda0_location": "times lambda0",
    "a0_location": "times a0",
    "sigma_location": "times sigma",
    "noneuc": "friction",
    "stretch_east": "log ratio",
    "stretch_northeast": "log ratio",
}
"""Unit of each parameter on its natural scale."""


def sum_by_row(row: IntArray, values: FloatArray, n_rows: int) -> FloatArray:
    """Sums of the values that belong to each row: the transpose of looking rows up.

    Parameters
    ----------
    row : int64 array, shape (n,)
    values : float64 array, shape (n,)
    n_rows : int

    Returns
    -------
    float64 array, shape (n_rows,)
    """
    return np.bincount(row, weights=values, minlength=n_rows).astype(np.float64, copy=False)


@dataclass(frozen=True)
class Parameter:
    """One real parameter: ``link(value) = X beta``, or a fixed value.

    Parameters
    ----------
    name : str
        ``"D"``, ``"lambda0"``, ``"sigma"`` ...
    link : Link
    design : Design or None
        Remembered formula; None when the parameter is fixed.
    rows : float64 array, shape (n_distinct, n_coefficients)
        Distinct rows of the design matrix.
    row_of : int64 array, shape (n_rows,)
        Which distinct row each row of the data uses.
    start : int
        Position of its first coefficient among all coefficients of the model.
    fixed : float or None
        Natural-scale value of a fixed parameter.
    """

    name: str
    link: Link
    design: Design | None
    rows: FloatArray
    row_of: IntArray
    start: int
    fixed: float | None = None

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients, 0 for a fixed parameter."""
        return int(self.rows.shape[1])

    @property
    def slice(self) -> slice:
        """Where its coefficients stand among those of the model."""
        return slice(self.start, self.start + self.n_coefficients)

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names such as ``"D:Intercept"`` or ``"a0:topo[T.ridge]"``."""
        columns = self.design.columns if self.design is not None else ()
        return tuple(f"{self.name}:{column}" for column in columns)

    @property
    def smooths(self) -> tuple[Smooth, ...]:
        """Penalised smooths of its formula, placed among all coefficients of the model."""
        own = self.design.smooths if self.design is not None else ()
        return tuple(smooth.among(self.name, self.start) for smooth in own)

    @property
    def text(self) -> str:
        """The formula, or the fixed value, as text."""
        return self.design.text if self.design is not None else f"fixed at {self.fixed:g}"

    def predictor(self, coefficients: FloatArray) -> FloatArray:
        """Link-scale value of each distinct row, shape (n_distinct,)."""
        if self.fixed is not None:
            return np.asarray(self.link.forward(np.array([self.fixed])))
        return np.asarray(self.rows @ coefficients[self.slice])

    def values(self, coefficients: FloatArray) -> FloatArray:
        """Natural-scale value of each distinct row, shape (n_distinct,)."""
        if self.fixed is not None:
            return np.array([self.fixed])
        return self.link.inverse(self.predictor(coefficients))

    def unit(self, coefficients: FloatArray) -> float:
        """What one unit of the predictor is: 1, or with an identity link the mean value.

        Parameters that may be negative, such as stretches, have the unit 1 as well.
        """
        proportional = DEFAULT_LINKS.get(self.name.split("[")[0], "log") != "identity"
        if self.fixed is not None or self.link.name != "identity" or not proportional:
            return 1.0
        mean = float(np.abs(self.predictor(coefficients)).mean())
        return mean if np.isfinite(mean) and mean > 0.0 else 1.0

    def pull_back(self, coefficients: FloatArray, d_values: FloatArray) -> FloatArray:
        """Derivative to the coefficients from the derivative to each distinct natural value.

        Parameters
        ----------
        coefficients : float64 array, shape (n_all_coefficients,)
        d_values : float64 array, shape (n_distinct,)

        Returns
        -------
        float64 array, shape (n_coefficients,)
        """
        if self.fixed is not None:
            return np.empty(0)
        return np.asarray(self.rows.T @ (d_values * self.link.slope(self.predictor(coefficients))))


def predictor_scale(parameters: Mapping[str, Parameter], coefficients: FloatArray) -> FloatArray:
    """One over the size of each coefficient that moves its predictor by one unit, in the mean.

    Steps, errors and what counts as not determined are measured in these units. They are units of
    a log or logit scale, so with the identity link one unit is the mean value of the parameter.

    Parameters
    ----------
    parameters : mapping of name to Parameter
    coefficients : float64 array, shape (n_coefficients,)
        Where identity links are measured; the others do not depend on them.

    Returns
    -------
    float64 array, shape (n_coefficients,)
        Root mean square of each column of the designs, 1 where that is 0, over the unit.
    """
    scale = np.ones(len(coefficients))
    for parameter in parameters.values():
        rows = parameter.rows
        size = np.sqrt(np.einsum("ij,ij->j", rows, rows) / len(rows))
        unit = parameter.unit(coefficients)
        scale[parameter.slice] = np.where(size > 0.0, size, 1.0) / unit
    return scale


def fixed_parameter(name: str, link: Link, value: float, n_rows: int, start: int) -> Parameter:
    """A parameter that is not estimated.

    Parameters
    ----------
    name : str
    link : Link
    value : float
        Natural scale.
    n_rows : int
        Number of rows of the data.
    start : int
        Number of coefficients before it.

    Returns
    -------
    Parameter

    Raises
    ------
    ModelError
        If the value is not possible for the parameter.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    possible = np.isfinite(number) and (
        link.name == "identity" or (number > 0.0 and (link.name != "logit" or number < 1.0))
    )
    if not possible:
        limit = "between 0 and 1" if link.name == "logit" else "a positive number"
        raise ModelError(f"fixed {name} = {value!r} is not possible; it must be {limit}.")
    return Parameter(
        name, link, None, np.empty((1, 0)), np.zeros(n_rows, dtype=np.int64), start, number
    )


def estimated_parameter(name: str, link: Link, design: Design, start: int) -> Parameter:
    """A parameter that follows a formula; rows of the design that repeat are kept once.

    Parameters
    ----------
    name : str
    link : Link
    design : Design
    start : int
        Number of coefficients before it.

    Returns
    -------
    Parameter
    """
    matrix = design.matrix
    if name in ("D", "noneuc") or name.endswith("_location"):
        # Mask points mostly differ: looking for repeated rows costs more than it saves.
        if matrix.shape[1] == 1 and np.ptp(matrix) == 0.0:
            return Parameter(
                name, link, design, matrix[:1], np.zeros(len(matrix), dtype=np.int64), start
            )
        return Parameter(name, link, design, matrix, np.arange(len(matrix)), start)
    rows, row_of = np.unique(matrix, axis=0, return_inverse=True)
    return Parameter(
        name, link, design, np.ascontiguousarray(rows), row_of.reshape(-1).astype(np.int64), start
    )
