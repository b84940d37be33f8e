"""Animals of a simulation: where they live, who they are, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import FloatArray, IntArray
from secr_nea.design.streams import CLASSES, Seed, stream
from secr_nea.errors import DataError


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Animals:
    """Animals of one year, with names and covariates such as sex; read-only.

    Parameters
    ----------
    xy : array-like, shape (N, 2), metres
        Activity centres.
    ids : sequence of str, optional
        Names, unique; "1", "2" ... when absent.
    covariates : DataFrame or mapping, N rows, optional
        What is true of each animal, such as sex.

    Attributes
    ----------
    xy : float64 array, shape (N, 2), metres
    ids : tuple of str
    covariates : DataFrame, N rows

    Raises
    ------
    DataError
        Missing coordinates, repeated names, covariates of another length.

    Examples
    --------
    >>> animals = Animals([[0, 0], [4000, 1000]], covariates={"sex": ["female", "male"]})
    >>> animals
    Animals(2 animals, sex)
    """

    xy: FloatArray
    ids: tuple[str, ...]
    covariates: pd.DataFrame

    def __init__(
        self,
        xy: ArrayLike,
        *,
        ids: Sequence[object] | None = None,
        covariates: pd.DataFrame | Mapping[str, Any] | None = None,
    ) -> None:
        points = places_of(xy)
        names = (
            tuple(str(i + 1) for i in range(len(points)))
            if ids is None
            else _checks.names(ids, "animal id")
        )
        if len(names) != len(points):
            raise DataError(
                f"There are {len(names)} animal ids for {_checks.plural(len(points), 'animal')}. "
                "One id each is needed."
            )
        put = object.__setattr__
        put(self, "xy", points)
        put(self, "ids", names)
        put(self, "covariates", _checks.covariate_frame(covariates, len(points), "animal"))

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        """Activity centres, so that animals may stand where coordinates are wanted."""
        return np.array(self.xy, dtype=dtype or np.float64)

    def subset(self, index: ArrayLike) -> Animals:
        """Some of the animals, by positions or by true/false.

        Parameters
        ----------
        index : array of bool (N,) or of int

        Returns
        -------
        Animals
        """
        keep = _checks.positions(index, len(self), "animal") if len(self) else np.zeros(0, int)
        names = [self.ids[i] for i in keep]
        return Animals(self.xy[keep], ids=names, covariates=self.covariates.iloc[keep])

    def with_classes(
        self, shares: Mapping[str, float], *, name: str = "sex", seed: Seed = None
    ) -> Animals:
        """The same animals, each a member of a class such as a sex, at random.

        Parameters
        ----------
        shares : mapping of class to share
            Such as ``{"female": 0.6, "male": 0.4}``; they must add up to 1.
        name : str
            Name of the covariate.
        seed : int, numpy SeedSequence, numpy Generator, or None

        Returns
        -------
        Animals

        Raises
        ------
        DataError
            If shares are negative or do not add up to 1.
        """
        levels, share = checked_shares(shares)
        which = stream(seed, CLASSES).choice(len(levels), size=len(self), p=share)
        labels = np.array(levels, dtype=object)[which]
        covariates = _checks.with_columns(self.covariates, {name: labels}, "animal")
        return Animals(self.xy, ids=self.ids, covariates=covariates)

    def to_dataframe(self) -> pd.DataFrame:
        """Table with animal_id, x, y (metres) and the covariates, one row per animal."""
        frame = self.covariates.copy()
        frame.insert(0, "animal_id", list(self.ids))
        frame.insert(1, "x", self.xy[:, 0])
        frame.insert(2, "y", self.xy[:, 1])
        return frame

    def __repr__(self) -> str:
        known = _checks.listed(self.covariates.columns)
        return f"Animals({_checks.plural(len(self), 'animal')}{', ' + known if known else ''})"


def places_of(animals: ArrayLike) -> FloatArray:
    """Activity centres of animals, shape (N, 2), read-only; there may be none.

    Parameters
    ----------
    animals : Animals, or array-like of shape (N, 2), metres

    Returns
    -------
    float64 array, shape (N, 2)

    Raises
    ------
    DataError
        Missing or infinite coordinates, or another shape.
    """
    if isinstance(animals, Animals):
        return animals.xy
    if np.shape(animals) == (0, 2):
        empty: FloatArray = _checks.read_only(animals, np.float64)
        return empty
    return _checks.coordinates(animals, "animal")


def checked_shares(shares: Mapping[str, float]) -> tuple[tuple[str, ...], FloatArray]:
    """Classes and their shares.

    Parameters
    ----------
    shares : mapping of class to share

    Returns
    -------
    tuple of str
    float64 array, shape (n_classes,)

    Raises
    ------
    DataError
        If shares are negative or do not add up to 1.
    """
    levels = tuple(str(level) for level in shares)
    values = _checks.numbers(list(shares.values()), "shares of classes")
    if not levels or not np.isfinite(values).all() or (values < 0.0).any():
        raise DataError(f"Shares of classes must be 0 or more; got {dict(shares)}.")
    if abs(float(values.sum()) - 1.0) > 1e-9:
        raise DataError(
            f"Shares of classes must add up to 1; {dict(shares)} adds up to {values.sum():g}."
        )
    return levels, values / values.sum()


def class_positions(animals: ArrayLike, name: str, levels: Sequence[str]) -> IntArray:
    """Class of each animal, as a position among levels.

    Parameters
    ----------
    animals : Animals
    name : str
        Name of the covariate.
    levels : sequence of str

    Returns
    -------
    int64 array, shape (N,)

    Raises
    ------
    DataError
        If animals lack the covariate, or have a level that is not known.
    """
    if not isinstance(animals, Animals) or name not in animals.covariates:
        raise DataError(
            f"Parameters are given for each {name} ({_checks.listed(levels)}), but the animals "
            f"have no covariate {name!r}. Give Animals with it, for example "
            f"animals.with_classes({{{levels[0]!r}: 0.5, ...}}, name={name!r})."
        )
    values = [str(value) for value in animals.covariates[name]]
    unknown = sorted(set(values) - set(levels))
    if unknown:
        raise DataError(
            f"Animals have the {name} {_checks.listed(unknown)}; parameters are given for "
            f"{_checks.listed(levels)} only."
        )
    where = {level: c for c, level in enumerate(levels)}
    return np.array([where[value] for value in values], dtype=np.int64)
