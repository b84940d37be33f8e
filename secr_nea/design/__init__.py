"""What is done before data: simulate surveys, predict precision, place cameras."""

from secr_nea.design.animals import Animals
from secr_nea.design.change import detectable_change, power_of_study, power_to_detect
from secr_nea.design.cost import Prices, cost_against_precision, round_trip_km, survey_cost
from secr_nea.design.draws import Simulated
from secr_nea.design.expected import Expected, expected
from secr_nea.design.faults import (
    add_ghosts,
    fail_cameras,
    forget_sex,
    lose_cameras,
    single_flanks,
    swap_day_month,
)
from secr_nea.design.grid import ScenarioGrid, scenario_grid
from secr_nea.design.layouts import layout
from secr_nea.design.metric_distance import MetricDistance
from secr_nea.design.objectives import OBJECTIVES
from secr_nea.design.patterns import cox_density, simulate_clusters, simulate_cox
from secr_nea.design.place import Placement, place
from secr_nea.design.precision import Precision, precision
from secr_nea.design.presets import PRESETS, preset, preset_countries
from secr_nea.design.scenario import Scenario
from secr_nea.design.simulate import simulate_captures, simulate_population
from secr_nea.design.sites import candidate_sites, walking_hours, write_sites
from secr_nea.design.spacing import optimal_spacing, spacing_curve
from secr_nea.design.study import Study, study
from secr_nea.design.survey_simulation import simulate_survey
from secr_nea.design.turnover import simulate_years

__all__ = [
    "OBJECTIVES",
    "PRESETS",
    "Animals",
    "Expected",
    "MetricDistance",
    "Placement",
    "Precision",
    "Prices",
    "Scenario",
    "ScenarioGrid",
    "Simulated",
    "Study",
    "add_ghosts",
    "candidate_sites",
    "cost_against_precision",
    "cox_density",
    "detectable_change",
    "expected",
    "fail_cameras",
    "forget_sex",
    "layout",
    "lose_cameras",
    "optimal_spacing",
    "place",
    "power_of_study",
    "power_to_detect",
    "precision",
    "preset",
    "preset_countries",
    "round_trip_km",
    "scenario_grid",
    "simulate_captures",
    "simulate_clusters",
    "simulate_cox",
    "simulate_population",
    "simulate_survey",
    "simulate_years",
    "single_flanks",
    "spacing_curve",
    "study",
    "survey_cost",
    "swap_day_month",
    "walking_hours",
    "write_sites",
]
