"""What an estimate means: abundance, surfaces, activity centres, intervals, models, doubts."""

from secr_nea.inference.abundance import abundance
from secr_nea.inference.activity import activity_center, activity_centers, activity_shares
from secr_nea.inference.anisotropy import anisotropy
from secr_nea.inference.averaging import model_average
from secr_nea.inference.classes import class_densities, class_membership, class_ratio
from secr_nea.inference.closure import closure_tests
from secr_nea.inference.comparison import ModelSet, compare
from secr_nea.inference.connectivity import connectivity, least_cost_path
from secr_nea.inference.density import density_surface, density_table, extrapolation
from secr_nea.inference.derived import derived_density
from secr_nea.inference.detectability import effective_sampling_area, pdot
from secr_nea.inference.distances import fitted_distances
from secr_nea.inference.doubts import doubts, unearned
from secr_nea.inference.expected_use import expected_use
from secr_nea.inference.mask_check import (
    check_mask,
    effective_area_by_buffer,
    effective_area_by_spacing,
)
from secr_nea.inference.minimum_count import minimum_count
from secr_nea.inference.mixtures import profile_pmix
from secr_nea.inference.nested_tests import (
    NestedTest,
    likelihood_ratio_test,
    score_table,
    score_test,
)
from secr_nea.inference.overdispersion import (
    Overdispersion,
    inflated_interval,
    overdispersion,
    replicate_density,
)
from secr_nea.inference.prediction import predict, real_parameters
from secr_nea.inference.profile import profile_curve, profile_interval
from secr_nea.inference.range_area import range_area
from secr_nea.inference.region_covariance import abundance_covariance
from secr_nea.inference.relative import absolute_coefficients, absolute_density
from secr_nea.inference.residuals import detector_residuals
from secr_nea.inference.sensitivity import sensitivity
from secr_nea.inference.total_abundance import total_abundance
from secr_nea.inference.trend import rate_of_increase

__all__ = [
    "ModelSet",
    "NestedTest",
    "Overdispersion",
    "absolute_coefficients",
    "absolute_density",
    "abundance",
    "abundance_covariance",
    "activity_center",
    "activity_centers",
    "activity_shares",
    "anisotropy",
    "check_mask",
    "class_densities",
    "class_membership",
    "class_ratio",
    "closure_tests",
    "compare",
    "connectivity",
    "density_surface",
    "density_table",
    "derived_density",
    "detector_residuals",
    "doubts",
    "effective_area_by_buffer",
    "effective_area_by_spacing",
    "effective_sampling_area",
    "expected_use",
    "extrapolation",
    "fitted_distances",
    "inflated_interval",
    "least_cost_path",
    "likelihood_ratio_test",
    "minimum_count",
    "model_average",
    "overdispersion",
    "pdot",
    "predict",
    "profile_curve",
    "profile_interval",
    "profile_pmix",
    "range_area",
    "rate_of_increase",
    "real_parameters",
    "replicate_density",
    "score_table",
    "score_test",
    "sensitivity",
    "total_abundance",
    "unearned",
]
