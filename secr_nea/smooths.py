"""Smooth functions of covariates: thin-plate and tensor-product bases and their penalties."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import FormulaError

MOST_KNOTS = 500
"""A basis is built on at most so many distinct points."""
DEFAULT_K = {"s1": 10, "s2": 20, "te": 4}
"""Size of a basis, the constant counted, where the formula gives none."""

_ROWS_AT_ONCE = 5_000
_REMEMBERED = 16  # splines kept for the next model of the same data
# Columns of a basis that are a smaller part of their length after those before are no use.
_INDEPENDENT = 1e-8


@dataclass(frozen=True, eq=False)
class Basis:
    """A centred basis of a smooth function, and its penalties; remembered for new data.

    Parameters
    ----------
    kind : {"s", "te"}
    margins : tuple of ThinPlate
        One thin-plate basis, or one for each covariate of a tensor product.
    centre : float64 array, shape (n_columns,)
        Means of the columns over the data, which are taken away.
    penalties : tuple of float64 arrays, each (n_columns,)
        Diagonals of the penalty matrices: one for a thin-plate basis, one for each covariate of a
        tensor product.
    penalised : bool
        Whether the fit shrinks the function towards the null space of the penalties.
    sp : float or None
        Smoothing parameter held at this value; estimated when None.
    """

    kind: str
    margins: tuple[ThinPlate, ...]
    centre: FloatArray
    penalties: tuple[FloatArray, ...]
    penalised: bool
    sp: float | None

    @property
    def n_columns(self) -> int:
        """Number of columns, k - 1 for a thin-plate basis."""
        return len(self.centre)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Columns of the basis at points, shape (n, n_columns).

        Parameters
        ----------
        points : float64 array, shape (n, n_covariates)
        """
        return _columns(self.kind, self.margins, points) - self.centre


@dataclass(frozen=True, eq=False)
class ThinPlate:
    """Thin-plate regression spline of one or two covariates, without its constant.

    Parameters
    ----------
    knots : float64 array, shape (n_knots, n_covariates)
    shift : float64 array, shape (n_covariates,)
    linear : float64 array, shape (n_covariates, n_columns)
        What each column takes of the covariates themselves.
    radial : float64 array, shape (n_knots, n_columns)
        What each column takes of the radial functions about the knots.
    roughness : float64 array, shape (n_columns,)
        Penalty of each column, 0 for those of the null space; the smallest other one is 1.

    Notes
    -----
    f(x) = (x - shift) L + eta(|x - knots|) R, with eta(r) = r^3 / 12 for one covariate and
    r^2 log(r) / (8 pi) for two.
    """

    knots: FloatArray
    shift: FloatArray
    linear: FloatArray
    radial: FloatArray
    roughness: FloatArray

    def __call__(self, points: FloatArray) -> FloatArray:
        """Columns at points, shape (n, n_columns)."""
        out = (points - self.shift) @ self.linear
        for start in range(0, len(points), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            out[part] += radial_functions(points[part], self.knots) @ self.radial
        return np.asarray(out)


def radial_functions(points: FloatArray, knots: FloatArray) -> FloatArray:
    """Thin-plate radial functions about knots, for a penalty on second derivatives.

    Parameters
    ----------
    points : float64 array, shape (n, n_covariates)
    knots : float64 array, shape (n_knots, n_covariates)

    Returns
    -------
    float64 array, shape (n, n_knots)

    Notes
    -----
    One covariate: r^3 / 12. Two: r^2 log(r) / (8 pi).
    """
    if knots.shape[1] == 1:
        return np.asarray(np.abs(points - knots[:, 0]) ** 3 / 12.0)
    d2 = np.square(points[:, :1] - knots[:, 0]) + np.square(points[:, 1:] - knots[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = d2 * np.log(d2) / (16.0 * np.pi)
    return np.where(d2 > 0.0, eta, 0.0)


def thin_plate(points: FloatArray, k: int) -> ThinPlate:
    """Thin-plate regression spline of rank k for the data.

    Parameters
    ----------
    points : float64 array, shape (n, n_covariates), one or two covariates
    k : int
        Size of the basis, the constant counted.

    Returns
    -------
    ThinPlate
        With k - 1 columns whose mean cross-products over the data, once centred, are the unit
        matrix and whose penalty is diagonal; those of the null space stand first.

    Raises
    ------
    FormulaError
        If k is too small or too large, or two covariates lie on a line.

    Notes
    -----
    With E the radial functions between the knots and E = U D U', the k eigenvectors U_k of largest
    |D| are kept; delta = U_k Z with T' delta = 0 for the polynomials T, and the penalty is
    delta' E delta (Wood 2003).

    References
    ----------
    Wood, S. N. (2003) Thin plate regression splines. Journal of the Royal Statistical Society B 65,
    95-114.
    """
    values = np.ascontiguousarray(points, dtype=np.float64)
    return _thin_plate(values.tobytes(), values.shape[1], k)


@lru_cache(maxsize=_REMEMBERED)
def _thin_plate(values: bytes, n_covariates: int, k: int) -> ThinPlate:
    """The spline of data given as bytes; refits to new animals on one mask ask for it again."""
    points = np.frombuffer(values, dtype=np.float64).reshape(-1, n_covariates)
    distinct = np.unique(points, axis=0)
    _check_k(k, n_covariates, len(distinct))
    knots = spread_knots(distinct, MOST_KNOTS if k <= MOST_KNOTS else len(distinct))
    shift = points.mean(axis=0)
    polynomials = np.column_stack([np.ones(len(knots)), knots - shift])
    if np.linalg.matrix_rank(polynomials / np.abs(polynomials).max(axis=0)) <= n_covariates:
        raise FormulaError("the covariates of s(..., ...) lie on a line; smooth only one of them.")
    eigenvalues, vectors = linalg.eigh(radial_functions(knots, knots))
    kept = np.sort(np.argsort(-np.abs(eigenvalues), kind="stable")[:k])
    own, vectors = eigenvalues[kept], vectors[:, kept]
    free = linalg.null_space((polynomials.T @ vectors) / np.abs(polynomials).max(axis=0)[:, None])
    weights = vectors @ free
    penalty = free.T @ (own[:, None] * free)
    n_columns = n_covariates + weights.shape[1]
    raw = ThinPlate(
        knots,
        shift,
        np.eye(n_covariates, n_columns),
        np.hstack([np.zeros((len(knots), n_covariates)), weights]),
        np.zeros(n_columns),
    )
    whole = linalg.block_diag(np.zeros((n_covariates, n_covariates)), penalty)
    change, roughness = _natural(raw(points), whole, n_covariates)
    return ThinPlate(knots, shift, raw.linear @ change, raw.radial @ change, roughness)


def _check_k(k: int, n_covariates: int, n_distinct: int) -> None:
    least = n_covariates + 2
    what = "values" if n_covariates == 1 else "pairs of values"
    if k < least:
        raise FormulaError(
            f"k = {k} is too small for a smooth of {n_covariates} covariate(s); it must be at "
            f"least {least} (the constant is counted)."
        )
    if k > n_distinct:
        raise FormulaError(
            f"k = {k} is more than the {n_distinct} distinct {what} in the data; use k = "
            f"{n_distinct} or less."
            if n_distinct >= least
            else f"there are only {n_distinct} distinct {what} in the data, too few for a smooth; "
            "use a linear term or a factor."
        )


def spread_knots(distinct: FloatArray, most: int) -> FloatArray:
    """At most so many of the distinct points, spread evenly; always the same ones.

    Parameters
    ----------
    distinct : float64 array, shape (n, n_covariates)
        Sorted.
    most : int

    Returns
    -------
    float64 array, shape (min(n, most), n_covariates)
        One covariate: evenly by rank, with both ends. Two: each the farthest from those before,
        the first the nearest to the mean.
    """
    if len(distinct) <= most:
        return distinct
    if distinct.shape[1] == 1:
        return np.asarray(distinct[np.rint(np.linspace(0, len(distinct) - 1, most)).astype(int)])
    chosen = [int(((distinct - distinct.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    away = np.full(len(distinct), np.inf)
    while len(chosen) < most:
        away = np.minimum(away, ((distinct - distinct[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(away.argmax()))
    return np.asarray(distinct[np.sort(chosen)])


def _natural(
    columns: FloatArray, penalty: FloatArray, n_null: int
) -> tuple[FloatArray, FloatArray]:
    """Change of columns to orthonormal ones with a diagonal penalty, and that diagonal."""
    centred = columns - columns.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    upper = np.atleast_2d(np.linalg.qr(centred / scale / np.sqrt(len(columns)), mode="r"))
    if np.abs(np.diag(upper)).min() < _INDEPENDENT:
        raise FormulaError("k is too large for the distinct values in the data; make it smaller.")
    change = linalg.solve_triangular(upper, np.eye(len(upper))) / scale[:, None]
    roughness, vectors = linalg.eigh(change.T @ penalty @ change)
    change = change @ vectors
    largest = np.abs(change).argmax(axis=0)
    change = change * np.sign(change[largest, np.arange(len(largest))])
    roughness[:n_null] = 0.0
    return change, np.maximum(roughness, 0.0) / roughness[n_null]


def smooth_basis(
    kind: str,
    covariates: list[ArrayLike],
    k: int | None,
    *,
    fx: bool = False,
    sp: float | None = None,
) -> Basis:
    """Basis of a smooth term for the data.

    Parameters
    ----------
    kind : {"s", "te"}
        Thin-plate regression spline of one or two covariates, or tensor product of two.
    covariates : list of array-like, each (n,)
    k : int or None
        Size of the basis, the constant counted; of each margin for a tensor product.
    fx : bool
        Whether all columns are free (no penalty).
    sp : float, optional
        Smoothing parameter held at this value.

    Returns
    -------
    Basis

    Raises
    ------
    FormulaError
        If the covariates are not numbers, or k, fx or sp cannot be used with them.
    """
    points = points_of(kind, covariates)
    if k is None:
        k = DEFAULT_K["te" if kind == "te" else f"s{points.shape[1]}"]
    if isinstance(k, bool) or not isinstance(k, int):
        raise FormulaError(f"k must be a whole number; got {k!r}.")
    if sp is not None and (fx or not np.isfinite(sp) or sp < 0.0):
        raise FormulaError(
            f"sp = {sp!r} cannot be used; it must be a number of 0 or more, and not beside fx=True."
        )
    if kind == "te":
        margins = tuple(thin_plate(points[:, [j]], k) for j in range(2))
        penalties = _tensor_penalties(margins)
    else:
        margins = (thin_plate(points, k),)
        penalties = (margins[0].roughness,)
    centre = _columns(kind, margins, points).mean(axis=0)
    return Basis(kind, margins, centre, penalties, not fx, sp)


def points_of(kind: str, covariates: list[ArrayLike]) -> FloatArray:
    """Covariates of a smooth side by side, checked.

    Parameters
    ----------
    kind : {"s", "te"}
    covariates : list of array-like, each (n,)

    Returns
    -------
    float64 array, shape (n, n_covariates)

    Raises
    ------
    FormulaError
        If there are too many or too few, or one is not of finite numbers.
    """
    allowed = (2,) if kind == "te" else (1, 2)
    if len(covariates) not in allowed:
        raise FormulaError(
            f"{kind}() takes {' or '.join(map(str, allowed))} covariates; got {len(covariates)}."
        )
    columns = []
    for covariate in covariates:
        if np.ndim(covariate) != 1:
            raise FormulaError(
                f"{kind}() takes covariates by name and the rest by keyword, such as "
                f"{kind}(x, {'y, ' if kind == 'te' else ''}k=5); got {covariate!r}."
            )
        try:
            values = np.asarray(covariate, dtype=np.float64)
        except (TypeError, ValueError):
            raise FormulaError(
                f"{kind}() needs numbers; a covariate with levels cannot be smoothed."
            ) from None
        if not np.isfinite(values).all():
            raise FormulaError(
                f"a covariate of {kind}() is missing or infinite in row "
                f"{int(np.flatnonzero(~np.isfinite(values))[0]) + 1}."
            )
        columns.append(values)
    return np.column_stack(columns)


def _columns(kind: str, margins: tuple[ThinPlate, ...], points: FloatArray) -> FloatArray:
    """Columns before centring: of the only margin, or products of those of two."""
    if kind == "s":
        return margins[0](points)
    first, second = (
        np.column_stack([np.ones(len(points)), margin(points[:, [j]])])
        for j, margin in enumerate(margins)
    )
    products = first[:, :, None] * second[:, None, :]
    # The first product is the constant.
    return np.asarray(products.reshape(len(points), -1)[:, 1:])


def _tensor_penalties(margins: tuple[ThinPlate, ...]) -> tuple[FloatArray, ...]:
    """S_x (x) I and I (x) S_y, without the constant (which neither penalises)."""
    first, second = (np.concatenate([[0.0], margin.roughness]) for margin in margins)
    ones = np.ones(len(first)), np.ones(len(second))
    return (
        np.kron(first, ones[1])[1:],
        np.kron(ones[0], second)[1:],
    )


@dataclass(frozen=True, eq=False)
class Smooth:
    """A penalised smooth function among the coefficients of a parameter or a model.

    Parameters
    ----------
    label : str
        Such as ``"s(rugged, k=5)"`` or ``"D:s(rugged, k=5)"``.
    columns : int64 array, shape (n_columns,)
        Positions of its coefficients.
    penalties : tuple of float64 arrays, each (n_columns,)
        Diagonals of the penalty matrices.
    sp : float or None
        Smoothing parameter held at this value; estimated when None.
    """

    label: str
    columns: IntArray
    penalties: tuple[FloatArray, ...]
    sp: float | None

    @property
    def null_dimension(self) -> int:
        """Number of columns without any penalty: what is left when the function is smoothest."""
        return int((np.sum(self.penalties, axis=0) == 0.0).sum())

    def among(self, prefix: str, start: int) -> Smooth:
        """The same smooth among all coefficients of a model.

        Parameters
        ----------
        prefix : str
            Name of the parameter.
        start : int
            Number of coefficients before those of the parameter.
        """
        return Smooth(f"{prefix}:{self.label}", self.columns + start, self.penalties, self.sp)
