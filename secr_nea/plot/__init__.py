"""Pictures of surveys and fits for reports and papers, one function each."""

from secr_nea.plot.activity_map import activity_center, activity_centers
from secr_nea.plot.background import hillshade, regions
from secr_nea.plot.border_charts import border, border_shares, double_count
from secr_nea.plot.buffer_curve import buffer
from secr_nea.plot.capture_charts import capture_frequency, cumulative_animals
from secr_nea.plot.capture_map import captures
from secr_nea.plot.connectivity_map import connectivity
from secr_nea.plot.coverage_map import detectability, expected_use, extrapolation
from secr_nea.plot.density_map import density
from secr_nea.plot.detection_curve import detection
from secr_nea.plot.effect_curve import effect
from secr_nea.plot.effort_timeline import effort
from secr_nea.plot.forest_chart import forest
from secr_nea.plot.interactive_map import explore
from secr_nea.plot.mask_map import mask
from secr_nea.plot.movement_map import movements
from secr_nea.plot.spacing_curve import spacing
from secr_nea.plot.trap_map import traps

__all__ = [
    "activity_center",
    "activity_centers",
    "border",
    "border_shares",
    "buffer",
    "capture_frequency",
    "captures",
    "connectivity",
    "cumulative_animals",
    "density",
    "detectability",
    "detection",
    "double_count",
    "effect",
    "effort",
    "expected_use",
    "explore",
    "extrapolation",
    "forest",
    "hillshade",
    "mask",
    "movements",
    "regions",
    "spacing",
    "traps",
]
