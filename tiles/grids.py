"""Tile matrix sets: the place of the tile of a zoom, column and row, in a reference system.

Every set here halves its cells from one level to the next, so that three numbers and a system describe it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from layers.clause import Clause, bind, compose
from layers.errors import NotFound
from layers.schema.tables import SRID

PIXEL_M = 0.28e-3  # OGC's standard pixel, by which scale denominators are defined
METRES_PER_DEGREE = 111_319.49079327358  # of the equator of WGS 84, as OGC 17-083r4 has it
TILE_PIXELS = 256
_HALF_EQUATOR_M = 20_037_508.342789244
_RADIUS_M = _HALF_EQUATOR_M / math.pi
_LATITUDE_MAX = 85.0511287  # degrees, where the square of Web Mercator ends


@dataclass(frozen=True, slots=True, eq=False)  # each set has one instance
class TileMatrixSet:
    """A quadtree of square tiles (OGC 17-083r4).

    Attributes
    ----------
    srid
        The reference system of the tiles; `crs` is its URI.
    axes
        Names of the axes in the order of the system, which is also that of the origin in `document`.
    west, north
        The upper left corner, in units of the system.
    side
        Width of a tile of level 0, in units of the system.
    columns, rows
        Tiles of level 0.
    deepest
        The last level.
    """

    id: str
    title_zh: str
    title_en: str
    crs: str
    srid: int
    axes: tuple[str, str]
    west: float
    north: float
    side: float
    columns: int
    rows: int
    deepest: int
    uri: str | None = None
    scale_set: str | None = None

    @property
    def in_degrees(self) -> bool:
        """Whether the unit is the degree, so that tiles are cut from stored geometries without projection."""
        return self.srid != 3857

    @property
    def metres_per_unit(self) -> float:
        """Metres of a unit at the equator."""
        return METRES_PER_DEGREE if self.in_degrees else 1.0

    def tile_deg(self, z: int) -> float:
        """Width of a tile of a level in degrees of longitude."""
        return (self.side if self.in_degrees else 360.0) / (1 << z)

    def check(self, z: int, x: int, y: int) -> None:
        """Check that a tile exists.

        Raises
        ------
        NotFound
            When it does not; the message gives the valid numbers.
        """
        if not 0 <= z <= self.deepest:
            raise NotFound(f"zoom {z} does not exist; zooms of {self.id} go from 0 to {self.deepest}", parameter="z")
        for name, number, first in (("x", x, self.columns), ("y", y, self.rows)):
            last = (first << z) - 1
            if not 0 <= number <= last:
                raise NotFound(
                    f"there is no tile with {name}={number} at zoom {z}; {name} goes from 0 to {last}", parameter=name
                )

    def bounds(self, z: int, x: int, y: int) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) of a tile in units of the system, west first whatever the axes."""
        side = self.side / (1 << z)
        west, north = self.west + x * side, self.north - y * side
        return west, north - side, west + side, north

    def envelope(self, z: int, x: int, y: int, margin: float = 0.0) -> Clause:
        """Write a tile's square in the set's system, widened on each side by `margin` of its width."""
        if not self.in_degrees:
            numbers = (bind(z, "int"), bind(x, "int"), bind(y, "int"), bind(margin, "float8"))
            return compose("ST_TileEnvelope({}, {}, {}, margin => {})", *numbers)
        west, south, east, north = self.bounds(z, x, y)
        wider = margin * (east - west)
        sides = (west - wider, south - wider, east + wider, north + wider)
        return compose(
            f"ST_MakeEnvelope({{}}, {{}}, {{}}, {{}}, {SRID})", *(bind(float(side), "float8") for side in sides)
        )

    def stored_envelope(self, z: int, x: int, y: int, margin: float = 0.0) -> Clause:
        """Write the same square in stored coordinates, for the index."""
        envelope = self.envelope(z, x, y, margin)
        return envelope if self.in_degrees else compose(f"ST_Transform({{}}, {SRID})", envelope)

    def stored_box(self, z: int, x: int, y: int, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Return (west, south, east, north) of a tile in stored degrees, widened by `margin` of its width."""
        west, south, east, north = self.bounds(z, x, y)
        wider = margin * (east - west)
        corners = (west - wider, south - wider), (east + wider, north + wider)
        (west, south), (east, north) = corners if self.in_degrees else map(_degrees, corners)
        return west, south, east, north

    def limits(self, z: int, box_deg: tuple[float, float, float, float]) -> tuple[range, range]:
        """Return the columns and rows of a level that meet a box (west, south, east, north in degrees)."""
        west, south, east, north = self.in_units(box_deg)
        side = self.side / (1 << z)

        def span(first: float, last: float, count: int) -> range:
            low, high = (max(0, min(count - 1, math.floor(place / side))) for place in (first, last))
            return range(low, high + 1)

        columns = span(west - self.west, east - self.west, self.columns << z)
        return columns, span(self.north - north, self.north - south, self.rows << z)

    def in_units(self, box_deg: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Return a box (west, south, east, north in degrees) in units of the system, west first whatever the axes."""
        if self.in_degrees:
            return box_deg
        west, south, east, north = box_deg
        return (*_metres((west, south)), *_metres((east, north)))

    def level(self, mercator_zoom: int) -> int:
        """Return the level whose tiles are about as wide as those of Web Mercator at a zoom."""
        return max(0, min(self.deepest, mercator_zoom - 1 if self.in_degrees else mercator_zoom))

    def projected(self, geometry: str) -> str:
        """Write an expression of stored geometries in the set's system; WGS 84 counts as CGCS2000."""
        return geometry if self.in_degrees else f"ST_Transform({geometry}, {self.srid})"

    def document(self) -> dict[str, Any]:
        """Return the set in the JSON of OGC 17-083r4."""
        origin = [self.north, self.west] if self.axes[0] == "Lat" else [self.west, self.north]
        described = {
            "id": self.id,
            "title": f"{self.title_zh} {self.title_en}",
            "uri": self.uri,
            "crs": self.crs,
            "orderedAxes": list(self.axes),
            "wellKnownScaleSet": self.scale_set,
            "tileMatrices": [self._matrix(z, origin) for z in range(self.deepest + 1)],
        }
        return {name: value for name, value in described.items() if value is not None}

    def _matrix(self, z: int, origin: list[float]) -> dict[str, Any]:
        cell = self.side / (1 << z) / TILE_PIXELS
        return {
            "id": str(z),
            "scaleDenominator": cell * self.metres_per_unit / PIXEL_M,
            "cellSize": cell,
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": origin,
            "tileWidth": TILE_PIXELS,
            "tileHeight": TILE_PIXELS,
            "matrixWidth": self.columns << z,
            "matrixHeight": self.rows << z,
        }


def _degrees(place: tuple[float, float]) -> tuple[float, float]:
    """Return longitude and latitude of a place in Web Mercator."""
    x, y = place
    return math.degrees(x / _RADIUS_M), math.degrees(math.atan(math.sinh(y / _RADIUS_M)))


def _metres(place: tuple[float, float]) -> tuple[float, float]:
    """Return a longitude and a latitude in Web Mercator; places beyond its edge are moved onto it."""
    lon, lat = place
    latitude = math.radians(max(-_LATITUDE_MAX, min(_LATITUDE_MAX, lat)))
    return math.radians(lon) * _RADIUS_M, math.asinh(math.tan(latitude)) * _RADIUS_M


WEB_MERCATOR = TileMatrixSet(
    id="WebMercatorQuad",
    title_zh="Web 墨卡托",
    title_en="Google Maps Compatible for the World",
    uri="http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
    crs="http://www.opengis.net/def/crs/EPSG/0/3857",
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
    srid=3857,
    axes=("X", "Y"),
    west=-_HALF_EQUATOR_M,
    north=_HALF_EQUATOR_M,
    side=2 * _HALF_EQUATOR_M,
    columns=1,
    rows=1,
    deepest=24,
)
WORLD_CRS84 = TileMatrixSet(
    id="WorldCRS84Quad",
    title_zh="WGS 84 经纬度",
    title_en="CRS84 for the World",
    uri="http://www.opengis.net/def/tilematrixset/OGC/1.0/WorldCRS84Quad",
    crs="http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleCRS84Quad",
    srid=4326,
    axes=("Lon", "Lat"),
    west=-180.0,
    north=90.0,
    side=180.0,
    columns=2,
    rows=1,
    deepest=23,
)
CGCS2000 = TileMatrixSet(
    id="CGCS2000Quad",
    title_zh="CGCS2000 经纬度（本服务自定义，未在 OGC 登记；此处 0 级即天地图 c 的 1 级）",
    title_en="CGCS2000 longitude and latitude (ours, not in OGC's registry; level 0 is Tianditu's c level 1)",
    crs="http://www.opengis.net/def/crs/EPSG/0/4490",
    srid=SRID,
    axes=("Lat", "Lon"),
    west=-180.0,
    north=90.0,
    side=180.0,
    columns=2,
    rows=1,
    deepest=23,
)
GRIDS: Mapping[str, TileMatrixSet] = MappingProxyType({g.id: g for g in (WEB_MERCATOR, WORLD_CRS84, CGCS2000)})


def grid_of(name: str) -> TileMatrixSet:
    """Return a tile matrix set by id.

    Raises
    ------
    NotFound
        When there is none; the message lists the known ones.
    """
    found = GRIDS.get(name)
    if found is None:
        known = ", ".join(GRIDS)
        raise NotFound(f"there is no tile matrix set '{name[:80]}'; there are {known}", parameter="tileMatrixSetId")
    return found
