"""The likelihood of a model, built once, and its value and gradient at given coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from secr_nea._typing import FloatArray
from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.likelihood.on_cluster import ClusterLikelihood
from secr_nea.model import Model


def likelihood_of(model: Model) -> Likelihood:
    """The likelihood of a model; its tables are built once and kept as long as the model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Likelihood
    """
    # Kept on the model: a likelihood refers to its model, so a weak dictionary would keep both.
    kept: Likelihood | None = vars(model).get("_likelihood")
    if kept is None:
        kept = vars(model)["_likelihood"] = Likelihood(model)
    return kept


def likelihood_on(model: Model, client: Any) -> ClusterLikelihood:
    """The likelihood of a model on a cluster, kept as long as the model.

    Parameters
    ----------
    model : Model
    client : distributed.Client

    Returns
    -------
    ClusterLikelihood

    Raises
    ------
    ModelError
        If density is relative.
    DataError
        If ``client`` is no Client.
    """
    kept: ClusterLikelihood | None = vars(model).get("_likelihood_on_cluster")
    if kept is None or kept.client is not client:
        kept = vars(model)["_likelihood_on_cluster"] = ClusterLikelihood(model, client)
    return kept


def log_likelihood(
    model: Model,
    coefficients: Mapping[str, float] | Iterable[float],
    *,
    client: Any = None,
) -> float:
    """Log-likelihood of a model at given coefficients.

    It includes every constant of the data (1/y! of counts, identical histories), so that models
    of the same data can be compared by AIC; the value equals that of R's secr with
    ``details = list(fastproximity = FALSE)``.

    Parameters
    ----------
    model : Model
    coefficients : mapping of name to float, or sequence of float
        Link-scale coefficients, as in ``model.coefficient_names``.
    client : distributed.Client, optional
        Cluster whose workers evaluate the surveys side by side, to the same value.

    Returns
    -------
    float
        ``-inf`` where the data are impossible.

    Raises
    ------
    ModelError
        If the coefficients do not fit the model, or its surveys cannot be evaluated one by one.

    Notes
    -----
    log L = sum_i log(sum_m D_m a Pr(w_i | x_m)) - sum_m D_m a p.(x_m) - sum_h log(f_h!), for a
    Poisson number of animals.

    References
    ----------
    Borchers, D. L. and Efford, M. G. (2008) Spatially explicit maximum likelihood methods for
    capture-recapture studies. Biometrics 64, 377-385.
    """
    likelihood = likelihood_of(model) if client is None else likelihood_on(model, client)
    return likelihood.value(model.coefficients(coefficients))


def log_likelihood_gradient(
    model: Model,
    coefficients: Mapping[str, float] | Iterable[float],
    *,
    client: Any = None,
) -> tuple[float, FloatArray]:
    """Log-likelihood and its exact gradient at given coefficients.

    Parameters
    ----------
    model : Model
    coefficients : mapping of name to float, or sequence of float
        Link-scale coefficients, as in ``model.coefficient_names``.
    client : distributed.Client, optional
        As for `log_likelihood`.

    Returns
    -------
    float
        Log-likelihood.
    float64 array, shape (n_coefficients,)
        Derivative to each coefficient; nan where the log-likelihood is ``-inf``.

    Raises
    ------
    ModelError
        If the coefficients do not fit the model, or its surveys cannot be evaluated one by one.
    """
    likelihood = likelihood_of(model) if client is None else likelihood_on(model, client)
    return likelihood.value_and_gradient(model.coefficients(coefficients))
