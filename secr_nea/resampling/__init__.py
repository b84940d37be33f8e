"""What a fit says of surveys that it simulates: goodness of fit and the parametric bootstrap."""

from secr_nea.design.streams import Seed
from secr_nea.resampling.bootstrap import Bootstrap, Derived, bootstrap
from secr_nea.resampling.goodness_of_fit import GoodnessOfFit, goodness_of_fit

__all__ = ["Bootstrap", "Derived", "GoodnessOfFit", "Seed", "bootstrap", "goodness_of_fit"]
