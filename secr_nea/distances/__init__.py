"""How far traps and activity centres are apart: straight lines are not the only answer."""

from secr_nea.distances.anisotropic import AnisotropicDistance
from secr_nea.distances.commute import CommuteDistance
from secr_nea.distances.given import GivenDistance
from secr_nea.distances.least_cost import LeastCost
from secr_nea.distances.metric import Ground, Measured, Metric

__all__ = [
    "AnisotropicDistance",
    "CommuteDistance",
    "GivenDistance",
    "Ground",
    "LeastCost",
    "Measured",
    "Metric",
]
