"""Pictures of surveys and fits for reports and papers, one function each."""

from secr_nea.plot.activity_map import activity_center
from secr_nea.plot.background import hillshade, regions
from secr_nea.plot.buffer_curve import buffer
from secr_nea.plot.capture_map import captures
from secr_nea.plot.density_map import density
from secr_nea.plot.detection_curve import detection
from secr_nea.plot.mask_map import mask
from secr_nea.plot.spacing_curve import spacing
from secr_nea.plot.trap_map import traps

__all__ = [
    "activity_center",
    "buffer",
    "captures",
    "density",
    "detection",
    "hillshade",
    "mask",
    "regions",
    "spacing",
    "traps",
]
