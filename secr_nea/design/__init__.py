"""What can be done with models before data: simulation (and, later, survey design)."""

from secr_nea.design.draws import Simulated
from secr_nea.design.simulate import simulate_captures, simulate_population
from secr_nea.design.survey_simulation import simulate_survey

__all__ = ["Simulated", "simulate_captures", "simulate_population", "simulate_survey"]
