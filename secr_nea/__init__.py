"""Spatially explicit capture-recapture for snow leopards, Amur tigers and Amur leopards."""

from secr_nea import datasets, design, inference, plot, quality, resampling, terrain
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
from secr_nea.inference.minimum_count import MinimumCount, minimum_count
from secr_nea.io import (
    ColumnMapping,
    FieldTables,
    dated_tables,
    local_projection,
    read_boundary,
    read_camtrap_dp,
    read_camtrapr,
    read_captures,
    read_field_tables,
    read_mask,
    read_nextgis,
    read_searches,
    read_secr_rdata,
    read_secr_text,
    read_spacecap,
    read_surveys,
    read_traps,
    read_wildlife_insights,
    secr_rdata_contents,
    suggest_columns,
    write_camtrap_dp,
    write_geopackage,
    write_geotiff,
    write_netcdf,
    write_secr,
    write_tables,
)
from secr_nea.io.raw_files import check, read_raw_tables
from secr_nea.io.searches import read_searches
from secr_nea.io.tables import read_captures, read_mask, read_surveys, read_traps
from secr_nea.likelihood import log_likelihood, log_likelihood_gradient
from secr_nea.mask import HabitatMask
from secr_nea.model import Model
from secr_nea.model_sets import fit_models
from secr_nea.quality import (
    Effort,
    Finding,
    Findings,
    Ledger,
    Operation,
    RawTables,
    capture_history,
    choose_window,
    independent_detections,
    raw_tables,
    trap_array,
    window_curve,
)
from secr_nea.sharing import open_package, share, share_public
from secr_nea.survey import Survey, as_surveys
from secr_nea.transboundary import Concordance, Transboundary, concordance, transboundary
from secr_nea.traps import TrapArray

__all__ = [
    "DETECTION_FUNCTIONS",
    "AnisotropicDistance",
    "CRSError",
    "CaptureHistory",
    "ColumnMapping",
    "CommuteDistance",
    "Concordance",
    "DataError",
    "DetectionFunction",
    "Effort",
    "FieldTables",
    "Finding",
    "Findings",
    "FitError",
    "FitResult",
    "FormulaError",
    "GivenDistance",
    "HabitatMask",
    "LeastCost",
    "Ledger",
    "MinimumCount",
    "Model",
    "ModelError",
    "ModelSet",
    "Operation",
    "RawTables",
    "SecrError",
    "SecrWarning",
    "Survey",
    "Transboundary",
    "TrapArray",
    "__version__",
    "as_surveys",
    "capture_history",
    "check",
    "choose_window",
    "compare",
    "concordance",
    "datasets",
    "dated_tables",
    "design",
    "detection_function",
    "fit",
    "fit_models",
    "get_threads",
    "independent_detections",
    "inference",
    "local_projection",
    "log_likelihood",
    "log_likelihood_gradient",
    "minimum_count",
    "open_package",
    "plot",
    "quality",
    "raw_tables",
    "read_boundary",
    "read_camtrap_dp",
    "read_camtrapr",
    "read_captures",
    "read_field_tables",
    "read_mask",
    "read_nextgis",
    "read_raw_tables",
    "read_searches",
    "read_secr_rdata",
    "read_secr_text",
    "read_spacecap",
    "read_surveys",
    "read_traps",
    "read_wildlife_insights",
    "resampling",
    "secr_rdata_contents",
    "set_threads",
    "share",
    "share_public",
    "suggest_columns",
    "terrain",
    "transboundary",
    "trap_array",
    "user_detection_function",
    "window_curve",
    "write_camtrap_dp",
    "write_geopackage",
    "write_geotiff",
    "write_netcdf",
    "write_secr",
    "write_tables",
]
