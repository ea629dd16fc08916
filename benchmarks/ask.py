"""Requests for features, their paths in the form of each server, and the expected responses."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import asyncpg

from benchmarks.tables import EAST, NORTH, SOUTH, WEST
from layers.schema.tables import table_of
from layers.types import BBox


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for features of a table.

    Attributes
    ----------
    polygon
        Corners (lon, lat) of a ring to intersect with, together with `height_m` at least `height_m_min`.
    feature_id
        The id of a single feature to request.
    """

    table: str
    limit: int = 10
    offset: int = 0
    bbox: BBox | None = None
    polygon: tuple[tuple[float, float], ...] = ()
    height_m_min: float = 0
    feature_id: str | None = None
    web_mercator: bool = False

    def condition(self) -> str:
        """Return the SQL condition of the matched rows; it holds only numbers of this benchmark."""
        if self.bbox:
            return f"ST_Intersects(geom, ST_MakeEnvelope({', '.join(map(str, self.bbox))}, 4490))"
        if self.polygon:
            area = f"ST_GeomFromText('{_wkt(self.polygon)}', 4490)"
            return f"ST_Intersects(geom, {area}) AND height_m >= {self.height_m_min}"
        return "TRUE"


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected response: features on the page, and matches in all (`None` for a single feature)."""

    returned: int
    matched: int | None


async def expected_of(ask: Ask, connection: asyncpg.Connection) -> Expected:
    """Return the expected response, counted by the database itself."""
    if ask.feature_id is not None:
        return Expected(1, None)
    matched = await connection.fetchval(f"SELECT count(*) FROM {table_of(ask.table)} WHERE {ask.condition()}")
    return Expected(max(0, min(ask.limit, matched - ask.offset)), matched)


type Dialect = Callable[[Ask], str]


def ours(ask: Ask) -> str:
    """Return the path of our own server."""
    return _path(ask, "/ogc", f="json", crs="http://www.opengis.net/def/crs/EPSG/0/3857")


def pygeoapi(ask: Ask) -> str:
    """Return the path of stock pygeoapi."""
    return _path(ask, "", f="json", crs="http://www.opengis.net/def/crs/EPSG/0/3857")


def tipg(ask: Ask) -> str:
    """Return the path of TiPg, which names collections with their schema and serves one coordinate system.

    Raises
    ------
    ValueError
        For a request in another coordinate system.
    """
    if ask.web_mercator:
        raise ValueError("TiPg serves features in CRS84 alone")
    return _path(ask, "", schema="peers.", f="geojson", crs="")


def _path(ask: Ask, prefix: str, *, f: str, crs: str, schema: str = "") -> str:
    items = f"{prefix}/collections/{schema}{ask.table}/items"
    if ask.feature_id is not None:
        return f"{items}/{ask.feature_id}?f={f}"
    parameters: dict[str, object] = {"f": f, "limit": ask.limit}
    if ask.offset:
        parameters["offset"] = ask.offset
    if ask.bbox:
        parameters["bbox"] = ",".join(map(str, ask.bbox))
    if ask.polygon:
        parameters["filter"] = f"S_INTERSECTS(geom,{_wkt(ask.polygon)}) AND height_m >= {ask.height_m_min:g}"
        parameters["filter-lang"] = "cql2-text"
    if ask.web_mercator:
        parameters["crs"] = crs
    return f"{items}?{urlencode(parameters)}"


def _wkt(corners: Sequence[tuple[float, float]]) -> str:
    return f"POLYGON(({', '.join(f'{x} {y}' for x, y in (*corners, corners[0]))}))"


def windows(width_deg: float, height_deg: float, number: int, seed: int) -> list[BBox]:
    """Return seeded boxes of one size, each wholly inside the extent."""
    chance = random.Random(seed)
    found = []
    for _ in range(number):
        west = round(chance.uniform(WEST, EAST - width_deg), 6)
        south = round(chance.uniform(SOUTH, NORTH - height_deg), 6)
        found.append((west, south, round(west + width_deg, 6), round(south + height_deg, 6)))
    return found


def hexagons(radius_deg: float, number: int, seed: int) -> list[tuple[tuple[float, float], ...]]:
    """Return seeded hexagons of one size, each wholly inside the extent."""
    angles = [math.radians(60 * k + 7) for k in range(6)]
    boxes = windows(2 * radius_deg, 2 * radius_deg, number, seed)
    centres = [(west + radius_deg, south + radius_deg) for west, south, _, _ in boxes]
    return [
        tuple((round(x + radius_deg * math.cos(a), 6), round(y + radius_deg * math.sin(a), 6)) for a in angles)
        for x, y in centres
    ]
