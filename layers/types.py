"""The vocabulary: arrays and tuples that every package passes, each with its shape, unit and frame.

Only types live here. A value in another frame than the one written here says so in its name (`bbox_crs84`, `metres`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

type BBox = tuple[float, float, float, float]
"""West, south, east, north; degrees of CGCS2000 or CRS84, unless its name says another system."""
type Bounds = npt.NDArray[np.float64]
"""`[n, 4]` west, south, east, north of many geometries; NaN where there is no geometry."""
type Points = npt.NDArray[np.float64]
"""`[n, 2]` longitude and latitude in degrees, or metres east and north."""
type Geometries = npt.NDArray[np.object_]
"""`[n]` shapely geometries; None where there is none."""
type Texts = npt.NDArray[np.object_]
"""`[n]` str; None where there is none."""
type Positions = npt.NDArray[np.int64]
"""`[n]` places in another array, from 0; -1 for none."""
type Mask = npt.NDArray[np.bool_]
"""`[n]` True for the selected ones of many."""
type Json = dict[str, Any]
"""An object of JSON that becomes a document."""
