"""What an estimate means: abundance, surfaces, activity centres, detectability, predictions."""

from secr_nea.inference.abundance import abundance
from secr_nea.inference.activity import activity_center, activity_centers, activity_shares
from secr_nea.inference.classes import class_densities, class_membership, class_ratio
from secr_nea.inference.density import density_surface, density_table, extrapolation
from secr_nea.inference.derived import derived_density
from secr_nea.inference.detectability import effective_sampling_area, pdot
from secr_nea.inference.doubts import doubts, unearned
from secr_nea.inference.expected_use import expected_use
from secr_nea.inference.mask_check import (
    check_mask,
    effective_area_by_buffer,
    effective_area_by_spacing,
)
from secr_nea.inference.minimum_count import minimum_count
from secr_nea.inference.mixtures import profile_pmix
from secr_nea.inference.prediction import predict, real_parameters
from secr_nea.inference.range_area import range_area
from secr_nea.inference.region_covariance import abundance_covariance
from secr_nea.inference.relative import absolute_coefficients, absolute_density
from secr_nea.inference.trend import rate_of_increase

__all__ = [
    "absolute_coefficients",
    "absolute_density",
    "abundance",
    "abundance_covariance",
    "activity_center",
    "activity_centers",
    "activity_shares",
    "check_mask",
    "class_densities",
    "class_membership",
    "class_ratio",
    "density_surface",
    "density_table",
    "derived_density",
    "doubts",
    "effective_area_by_buffer",
    "effective_area_by_spacing",
    "effective_sampling_area",
    "expected_use",
    "extrapolation",
    "minimum_count",
    "pdot",
    "predict",
    "profile_pmix",
    "range_area",
    "rate_of_increase",
    "real_parameters",
    "unearned",
]
