"""From parameters to the log-likelihood and its gradient."""

from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.likelihood.of_model import (
    likelihood_of,
    likelihood_on,
    log_likelihood,
    log_likelihood_gradient,
)
from secr_nea.likelihood.on_cluster import ClusterLikelihood

__all__ = [
    "ClusterLikelihood",
    "Likelihood",
    "likelihood_of",
    "likelihood_on",
    "log_likelihood",
    "log_likelihood_gradient",
]
