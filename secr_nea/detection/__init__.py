"""Detection functions: how detection falls with the distance from the activity centre."""

from secr_nea.detection.functions import (
    DETECTION_FUNCTIONS,
    DetectionFunction,
    detection_function,
    user_detection_function,
)
from secr_nea.detection.whole_range import has_whole_range, whole_range

__all__ = [
    "DETECTION_FUNCTIONS",
    "DetectionFunction",
    "detection_function",
    "has_whole_range",
    "user_detection_function",
    "whole_range",
]
