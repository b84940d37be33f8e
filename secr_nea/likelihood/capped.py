"""Capped detectors: each keeps one animal an occasion at most, so that animals compete for it.

A capped detector with effort T has the hazard T h(x) for an animal at x, and the hazard
H = integral of D(x) T h(x) for the whole population. The probability that this animal is the one
that is caught is taken to be p(x) = T h(x) (1 - exp(-H)) / H: the expected share of a catch, as in
R's secr. An animal is then caught as at a binary detector, with the hazard h'(x) = -log(1 - p(x)).

The likelihood of other detectors needs no change for this. A column of hazards has one effort, its
*share* T (1 - exp(-H)) / H joins its detection parameters, and the detection function turns
h into h'. The derivative to the share goes on to density and to the parameters of h, through H.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from secr_nea._kernels.hazard import log_hazard_of_probability, log_hazard_slope
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.detection import DetectionFunction
from secr_nea.likelihood.blocks import BlockAdjoint, BlockInput, tile_distances
from secr_nea.likelihood.center_effects import CenterAdjoint

_TILE = 1024


@dataclass(frozen=True)
class CappedFunction(DetectionFunction):
    """A detection function for blocks that have capped detectors.

    It has one parameter more, the share of each column: nan at detectors that are not capped.
    """

    @classmethod
    def of(cls, function: DetectionFunction) -> CappedFunction:
        """The same function with the share as its last parameter."""
        return cls(function.name, function.code, function.shape, function.is_hazard)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters, the amplitude first and the share last."""
        return (*super().parameters, "share")

    @property
    def is_fused(self) -> bool:
        """Never: the kernels do not know of shares."""
        return False

    @property
    def plain(self) -> DetectionFunction:
        """The function of a single animal, without others that compete."""
        return DetectionFunction(self.name, self.code, self.shape, self.is_hazard)

    def log_hazard(self, d2: FloatArray, *parameters: FloatArray) -> FloatArray:
        """Logarithm of the hazard h', with the other animals of the population competing.

        Parameters
        ----------
        d2 : float64 array, shape (n_columns, n_points), m^2
        *parameters : float64 arrays, shape (n_columns, 1)

        Returns
        -------
        float64 array, shape (n_columns, n_points)
            Where p would pass 1, because one animal's hazard is far above everybody's, it is 1.
        """
        log_hazard = super().log_hazard(d2, *parameters[:-1])
        share, capped = _capped_rows(parameters[-1])
        log_p = np.minimum(log_hazard[capped] + np.log(share), 0.0)
        log_hazard_of_probability(log_p, log_p)
        log_hazard[capped] = log_p
        return log_hazard

    def slopes(self, d2: FloatArray, *parameters: FloatArray) -> tuple[FloatArray, ...]:
        """Derivatives of log h' to each parameter and the share, then to the squared distance.

        Parameters
        ----------
        d2 : float64 array, shape (n_columns, n_points), m^2
        *parameters : float64 arrays, shape (n_columns, 1)

        Returns
        -------
        tuple of float64 arrays, each (n_columns, n_points)
        """
        log_hazard = super().log_hazard(d2, *parameters[:-1])
        share, capped = _capped_rows(parameters[-1])
        log_p = log_hazard[capped] + np.log(share)
        possible = log_p < 0.0
        log_hazard_slope(np.minimum(log_p, -1e-16), log_p)
        factor = np.ones_like(log_hazard)
        factor[capped] = np.where(possible, log_p, 0.0)
        to_share = np.zeros_like(log_hazard)
        to_share[capped] = factor[capped] / share
        *own, to_distance = super().slopes(d2, *parameters[:-1])
        return (*(slope * factor for slope in own), to_share, to_distance * factor)


def _capped_rows(share: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Shares of the capped columns, (n_capped, 1), and which columns they are."""
    capped = ~np.isnan(share[:, 0])
    return share[capped], capped


def with_shares(item: BlockInput, function: DetectionFunction) -> BlockInput:
    """A block's input with the share of each column as a further detection parameter.

    Parameters
    ----------
    item : BlockInput
        With the detection parameters of ``function``.
    function : DetectionFunction
        The plain one.

    Returns
    -------
    BlockInput
    """
    effort = item.block.capped_effort
    total = effort * _integrals(item, function)
    share = np.where(effort > 0.0, effort * np.exp(_log_caught(total)), np.nan)
    return replace(item, values=(*item.values, share[:, None]))


def without_shares(
    item: BlockInput, function: CappedFunction, adjoint: BlockAdjoint
) -> BlockAdjoint:
    """Derivatives to the inputs of a block that go through its shares are added to the others.

    Parameters
    ----------
    item : BlockInput
        As from `with_shares`, at the mask points over which the population lives.
    function : CappedFunction
    adjoint : BlockAdjoint
        Derivatives to values (the share the last) and weights.

    Returns
    -------
    BlockAdjoint
        Without the share.

    Notes
    -----
    With S = integral of D h, H = T S: d log share / d S = T (1 / (exp(H) - 1) - 1 / H).
    """
    plain = replace(item, values=item.values[:-1])
    effort = item.block.capped_effort
    total = effort * _integrals(plain, function.plain)
    share = item.values[-1][:, 0]
    d_integral = np.where(
        effort > 0.0, adjoint.values[-1] * share * _log_caught_slope(total) * effort, 0.0
    )
    d_values = [value.copy() for value in adjoint.values[:-1]]
    d_weight = adjoint.log_weight.copy()
    columns = np.flatnonzero(d_integral != 0.0)
    d_effects = CenterAdjoint.zeros(item.effects)
    with np.errstate(all="ignore"):
        for span, d2, hazard in _tiles(plain, function.plain):
            expected = d_integral[:, None] * hazard * np.exp(plain.log_weight[span])
            d_weight[span] += expected.sum(axis=0)
            *slopes, to_distance = function.plain.slopes(d2, *plain.values)
            for d_value, slope in zip(d_values, slopes, strict=True):
                d_value[columns] += (expected * slope)[columns].sum(axis=1)
            d_effects.add_tile(
                item.effects,
                span.start,
                span.stop,
                expected,
                d2,
                to_distance,
                item.block.column_site,
            )
    return BlockAdjoint(tuple(d_values), d_weight, adjoint.effects.plus(d_effects))


def largest_probability(item: BlockInput, function: CappedFunction) -> float:
    """Largest p of a catch on one occasion, of an animal at the detector itself.

    Parameters
    ----------
    item : BlockInput
        As from `with_shares`.
    function : CappedFunction

    Returns
    -------
    float
        0 without capped detectors; 1 where the formula has reached its limit.
    """
    here = np.zeros((item.block.n_columns, 1))
    with np.errstate(all="ignore"):
        hazard = np.exp(function.plain.log_hazard(here, *item.values[:-1]))
        probability = (hazard * item.values[-1])[item.block.capped_effort > 0.0]
    return float(np.minimum(probability, 1.0).max(initial=0.0))


def _tiles(
    item: BlockInput, function: DetectionFunction
) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
    """Points, squared distances and hazards h of all tiles of a block."""
    for start in range(0, item.block.n_points, _TILE):
        stop = min(start + _TILE, item.block.n_points)
        d2 = tile_distances(item, start, stop)
        yield slice(start, stop), d2, np.exp(function.log_hazard(d2, *item.values))


def _integrals(item: BlockInput, function: DetectionFunction) -> FloatArray:
    """S_j = sum_m W_m h_j(x_m): the population's hazard in each column per unit effort."""
    total = np.zeros(item.block.n_columns)
    with np.errstate(all="ignore"):
        for span, _, hazard in _tiles(item, function):
            total += hazard @ np.exp(item.log_weight[span])
    return total


_SMALL = 1e-3


def _log_caught(total: FloatArray) -> FloatArray:
    """log((1 - exp(-H)) / H) for H >= 0."""
    series = total * (-0.5 + total * (1.0 / 24.0 - total**2 / 2880.0))
    safe = np.maximum(total, _SMALL)
    return np.where(total < _SMALL, series, np.log(-np.expm1(-safe) / safe))


def _log_caught_slope(total: FloatArray) -> FloatArray:
    """Derivative of `_log_caught`: 1 / (exp(H) - 1) - 1 / H."""
    series = -0.5 + total * (1.0 / 12.0 - total**2 / 720.0)
    safe = np.maximum(total, _SMALL)
    return np.where(total < _SMALL, series, np.exp(-safe) / -np.expm1(-safe) - 1.0 / safe)
