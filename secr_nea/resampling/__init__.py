"""What a fit says of data that it simulates: goodness of fit and the parametric bootstrap."""

from secr_nea.resampling.goodness_of_fit import GoodnessOfFit, goodness_of_fit

__all__ = ["GoodnessOfFit", "goodness_of_fit"]
