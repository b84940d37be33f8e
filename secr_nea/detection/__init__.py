"""Detection functions: how detection falls with the distance from the activity centre."""

from secr_nea.detection.functions import (
    DETECTION_FUNCTIONS,
    DetectionFunction,
    detection_function,
    user_detection_function,
)

__all__ = [
    "DETECTION_FUNCTIONS",
    "DetectionFunction",
    "detection_function",
    "user_detection_function",
]
