"""The cells of counts: squares in metres and hexagons of H3 that touch the district."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import h3
import numpy as np
import numpy.typing as npt
import orjson
import shapely

from layers.coordinates.degrees import METRES_PER_DEGREE
from layers.coordinates.district_crs import to_degrees, to_metres
from layers.errors import TooMuch

CELLS_MAX = 50_000
_BINS_EACH_WAY = 4  # bins of a hexagon: most of them lie in one hexagon only
_DEGREE_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells, in the order of their keys.

    Attributes
    ----------
    keys, km2, shapes
        Key, size and outline (GeoJSON in CRS84) of each cell.
    wkb
        Outline of each hexagon; empty for squares.
    bins
        A coarse index of hexagons: rows of the column and the row of a bin, the position of a cell that touches it,
        and whether the cell covers all of it. Empty for squares.
    bin_deg
        Side of a bin in degrees.
    """

    keys: list[str]
    km2: list[float]
    shapes: list[str]
    wkb: list[bytes]
    bins: npt.NDArray[np.int64]
    bin_deg: float = 0.0


NO_CELLS = Cells([], [], [], [], np.empty((0, 4), dtype=np.int64))


@lru_cache(16)
def squares(outline: bytes, side_m: int) -> Cells:
    """Return the squares of the measuring plane that touch an outline (WKB, CGCS2000 degrees).

    Raises
    ------
    TooMuch
        When there are more than `CELLS_MAX`.
    """
    area = shapely.transform(shapely.from_wkb(outline), to_metres)
    _few(area.area / side_m**2)
    shapely.prepare(area)
    west, south, east, north = (np.floor(np.array(area.bounds) / side_m)).astype(np.int64)
    columns, rows = (n.ravel() for n in np.meshgrid(np.arange(west, east + 1), np.arange(south, north + 1)))
    boxes = shapely.box(columns * side_m, rows * side_m, (columns + 1) * side_m, (rows + 1) * side_m)
    kept = np.flatnonzero(shapely.intersects(area, boxes))
    keys = np.array([f"{columns[i]}_{rows[i]}" for i in kept], dtype=object)
    order = np.argsort(keys)
    drawn = shapely.transform(boxes[kept[order]], to_degrees)
    none = np.empty((0, 4), dtype=np.int64)
    return Cells(keys[order].tolist(), [side_m**2 / 1e6] * len(keys), _drawn(drawn), [], none)


@lru_cache(16)
def hexagons(outline: bytes, level: int) -> Cells:
    """Return the H3 cells of a level that touch an outline (WKB, CGCS2000 degrees).

    Raises
    ------
    TooMuch
        When there are more than `CELLS_MAX`.
    """
    area = shapely.from_wkb(outline)
    _few(area.area * 12_300 / h3.average_hexagon_area(level, "km^2"))  # a square degree has at most so many km²
    keys = sorted(h3.h3shape_to_cells_experimental(h3.geo_to_h3shape(area), level, contain="overlap"))
    edges = np.array([shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(key)]) for key in keys])
    bin_deg = h3.average_hexagon_edge_length(level, "m") / METRES_PER_DEGREE / _BINS_EACH_WAY * 2
    sizes = [h3.cell_area(key, "km^2") for key in keys]
    return Cells(keys, sizes, _drawn(edges), shapely.to_wkb(edges).tolist(), _bins(edges, bin_deg), bin_deg)


def _bins(edges: npt.NDArray[np.object_], side: float) -> npt.NDArray[np.int64]:
    west, south, east, north = shapely.total_bounds(edges)
    wide, high = np.arange(np.floor(west / side), east / side), np.arange(np.floor(south / side), north / side)
    columns, rows = (n.ravel() for n in np.meshgrid(wide, high))
    boxes = shapely.box(columns * side, rows * side, (columns + 1) * side, (rows + 1) * side)
    shapely.prepare(edges)
    cell, box = shapely.STRtree(boxes).query(edges, predicate="intersects")
    whole = shapely.contains_properly(edges[cell], boxes[box])
    return np.column_stack([columns[box], rows[box], cell, whole]).astype(np.int64)


def _drawn(shapes: npt.NDArray[np.object_]) -> list[str]:
    rounded = shapely.transform(shapes, lambda xy: np.round(xy, _DEGREE_DIGITS))
    return [
        orjson.dumps({"type": "Polygon", "coordinates": [shapely.get_coordinates(shape).tolist()]}).decode()
        for shape in rounded
    ]


def _few(number: float) -> None:
    if number > CELLS_MAX:
        raise TooMuch(f"the district has about {number:.0f} such cells, at most {CELLS_MAX}; ask for larger ones")
