"""From parameters to the log-likelihood and its gradient."""

from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.likelihood.of_model import likelihood_of, log_likelihood, log_likelihood_gradient

__all__ = ["Likelihood", "likelihood_of", "log_likelihood", "log_likelihood_gradient"]
