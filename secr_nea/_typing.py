"""Names of the array and argument types that signatures use throughout the library."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Int32Array: TypeAlias = NDArray[np.int32]
BoolArray: TypeAlias = NDArray[np.bool_]
PathLike: TypeAlias = str | os.PathLike[str]
# Anything that pyproj.CRS.from_user_input accepts: "EPSG:32647", 32647, a pyproj.CRS ...
CRSLike: TypeAlias = Any
