"""Example data that come with the library; all animals and detections in it are simulated."""

from secr_nea.datasets.sailugem import (
    data_path,
    sailugem,
    sailugem_countries,
    sailugem_elevation,
    sailugem_truth,
)

__all__ = [
    "data_path",
    "sailugem",
    "sailugem_countries",
    "sailugem_elevation",
    "sailugem_truth",
]
