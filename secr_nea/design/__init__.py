"""What can be done with models before data: simulation (and, later, survey design)."""

from secr_nea.design.simulate import (
    Simulated,
    simulate_captures,
    simulate_population,
    simulate_survey,
)

__all__ = ["Simulated", "simulate_captures", "simulate_population", "simulate_survey"]
