"""The log-likelihood of many surveys, evaluated side by side by the workers of a cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.engine import asked, connected
from secr_nea.errors import ModelError
from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.likelihood.separable import TOLERANCE
from secr_nea.model import Model


class ClusterLikelihood:
    """As `Likelihood`, of a model of several surveys; each worker keeps some of them.

    The model is sent once; an evaluation sends coefficients and gets numbers back.

    Parameters
    ----------
    model : Model
    client : distributed.Client

    Attributes
    ----------
    model : Model
    client : distributed.Client
    n_evaluations : int
        How often value or gradient were asked for.

    Raises
    ------
    ModelError
        If density is relative: its likelihood is not a sum over surveys.
    DataError
        If ``client`` is no Client.
    """

    def __init__(self, model: Model, client: Any) -> None:
        if model.is_relative:
            raise ModelError(
                "Relative density compares the surveys with each other, so they cannot be "
                "evaluated one by one on a cluster; leave client= out."
            )
        self.model = model
        self.client = connected(client)
        self.n_evaluations = 0
        places = list(client.ncores())
        if not places:
            raise ModelError(f"The cluster has no workers: {client!r}. Start some, or wait.")
        shares = _shares(model, len(places))
        everything = client.submit(_itself, model, pure=False)
        self._parts = [
            (place, client.submit(_part, everything, share, len(shares), pure=False))
            for place, share in zip(places, shares, strict=False)
        ]

    def thinned(self, every: int) -> ClusterLikelihood:
        """A rough, cheap likelihood over every so many-th mask point, for a first search.

        Parameters
        ----------
        every : int
            1 for all points.

        Returns
        -------
        ClusterLikelihood
        """
        thin = object.__new__(ClusterLikelihood)
        thin.model, thin.client, thin.n_evaluations = self.model, self.client, 0
        thin._parts = [
            (place, self.client.submit(_thinned, part, every, pure=False))
            for place, part in self._parts
        ]
        return thin

    def value(self, coefficients: FloatArray) -> float:
        """Log-likelihood; see `Likelihood.value`."""
        return float(sum(self._of_parts(_value, coefficients)))

    def value_and_gradient(self, coefficients: FloatArray) -> tuple[float, FloatArray]:
        """Log-likelihood and its gradient; see `Likelihood.value_and_gradient`."""
        found = self._of_parts(_value_and_gradient, coefficients)
        return float(sum(value for value, _ in found)), np.sum([slope for _, slope in found], 0)

    def _of_parts(self, work: Any, coefficients: FloatArray) -> list[Any]:
        self.n_evaluations += 1
        futures = [
            self.client.submit(
                work, part, coefficients, pure=False, workers=[place], allow_other_workers=True
            )
            for place, part in self._parts
        ]
        return asked(self.client, futures)


def _shares(model: Model, number: int) -> list[list[int]]:
    """Surveys in at most so many runs of neighbours of about equal work."""
    work = np.cumsum([survey.mask.n_points * survey.traps.n_traps for survey in model.surveys])
    share = np.minimum((work - 0.5 * np.diff(work, prepend=0)) / work[-1] * number, number - 1)
    every = [np.flatnonzero(share.astype(int) == s).tolist() for s in range(number)]
    return [surveys for surveys in every if surveys]


def _itself(model: Model) -> Model:
    return model


def _part(model: Model, surveys: list[int], n_parts: int) -> Likelihood:
    # What each part may leave out is less, so that the sum is as exact as on one machine.
    return Likelihood(model, surveys=surveys, tolerance=TOLERANCE / n_parts)


def _thinned(part: Likelihood, every: int) -> Likelihood:
    return part.thinned(every)


def _value(part: Likelihood, coefficients: FloatArray) -> float:
    return part.value(coefficients)


def _value_and_gradient(part: Likelihood, coefficients: FloatArray) -> tuple[float, FloatArray]:
    return part.value_and_gradient(coefficients)
