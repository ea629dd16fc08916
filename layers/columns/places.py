"""CoordinateRows and boxes of geometries in WKB, in bulk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

type CoordinateRows = npt.NDArray[np.float64]

_POINT_BYTES = 21  # byte order, type, x, y


def geometries_of(wkb: pa.Array) -> npt.NDArray[np.object_]:
    """Return the geometries of a column, None for nulls."""
    column = _points(wkb)
    if column is not None:
        points: npt.NDArray[np.object_] = shapely.points(column)
        return points
    read: npt.NDArray[np.object_] = shapely.from_wkb(np.array(wkb.to_pylist(), dtype=object))
    return read


def bounds_of(wkb: pa.Array) -> CoordinateRows:
    """Return the boxes of a column `[n, 4]`, x and y at least and at most; NaN for nulls and empty geometries."""
    points = _points(wkb)
    if points is not None:
        return np.hstack([points, points])
    boxes: CoordinateRows = shapely.bounds(geometries_of(wkb))
    return boxes.reshape(len(wkb), 4)


def coordinates_of(wkb: pa.Array) -> CoordinateRows:
    """Return the coordinates of a column of points `[n, 2]`; NaN for nulls and empty points."""
    points = _points(wkb)
    if points is not None:
        return points
    geometries = geometries_of(wkb)
    return np.column_stack([shapely.get_x(geometries), shapely.get_y(geometries)])


def _points(wkb: pa.Array) -> CoordinateRows | None:
    """Return the coordinates of a column that holds two-dimensional points alone, read where they lie; else None."""
    if not len(wkb) or wkb.null_count:
        return None
    offsets = np.frombuffer(wkb.buffers()[1], np.int32)[wkb.offset : wkb.offset + len(wkb) + 1]
    if offsets[-1] - offsets[0] != _POINT_BYTES * len(wkb):
        return None
    raw = np.frombuffer(wkb.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _POINT_BYTES)
    if not np.array_equal(offsets - offsets[0], np.arange(len(wkb) + 1) * _POINT_BYTES) or (raw[:, :2] != 1).any():
        return None
    return np.ascontiguousarray(raw[:, 5:]).view("<f8")
