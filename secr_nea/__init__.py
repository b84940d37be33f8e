"""Spatially explicit capture-recapture for snow leopards, Amur tigers and Amur leopards."""

from secr_nea import datasets, design, inference, plot, resampling, terrain
from secr_nea._numba import get_threads, set_threads
from secr_nea._version import __version__
from secr_nea.captures import CaptureHistory
from secr_nea.detection import (
    DETECTION_FUNCTIONS,
    DetectionFunction,
    detection_function,
    user_detection_function,
)
from secr_nea.distances import AnisotropicDistance, CommuteDistance, GivenDistance, LeastCost
from secr_nea.errors import (
    CRSError,
    DataError,
    FitError,
    FormulaError,
    ModelError,
    SecrError,
    SecrWarning,
)
from secr_nea.fit import FitResult, fit
from secr_nea.inference import MinimumCount, minimum_count
from secr_nea.inference.comparison import ModelSet, compare
from secr_nea.io.searches import read_searches
from secr_nea.io.tables import read_captures, read_mask, read_surveys, read_traps
from secr_nea.likelihood import log_likelihood, log_likelihood_gradient
from secr_nea.mask import HabitatMask
from secr_nea.model import Model
from secr_nea.model_sets import fit_models
from secr_nea.sharing import open_package, share, share_public
from secr_nea.survey import Survey, as_surveys
from secr_nea.transboundary import Concordance, Transboundary, concordance, transboundary
from secr_nea.traps import TrapArray

__all__ = [
    "DETECTION_FUNCTIONS",
    "AnisotropicDistance",
    "CRSError",
    "CaptureHistory",
    "CommuteDistance",
    "Concordance",
    "DataError",
    "DetectionFunction",
    "FitError",
    "FitResult",
    "FormulaError",
    "GivenDistance",
    "HabitatMask",
    "LeastCost",
    "MinimumCount",
    "Model",
    "ModelError",
    "ModelSet",
    "SecrError",
    "SecrWarning",
    "Survey",
    "Transboundary",
    "TrapArray",
    "__version__",
    "as_surveys",
    "compare",
    "concordance",
    "datasets",
    "design",
    "detection_function",
    "fit",
    "fit_models",
    "get_threads",
    "inference",
    "log_likelihood",
    "log_likelihood_gradient",
    "minimum_count",
    "open_package",
    "plot",
    "read_captures",
    "read_mask",
    "read_searches",
    "read_surveys",
    "read_traps",
    "resampling",
    "set_threads",
    "share",
    "share_public",
    "terrain",
    "transboundary",
    "user_detection_function",
]
