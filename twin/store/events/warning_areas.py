"""The extent of an event without a place: its polygon, or the areas whose codes it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from layers.schema.tables import table_of
from layers.tiers import COARSE_TIERS, in_force, pad_area_code, padded
from twin.envelope.message import Message

_CURRENT = in_force().text


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of an event.

    Attributes
    ----------
    area
        GeoJSON in CRS84.
    lon, lat
        A point of the area.
    area_code
        The smallest community, street or district that contains the area; None when none does.
    """

    area: dict[str, Any]
    lon: float
    lat: float
    area_code: str | None


async def extents(connection: asyncpg.Connection, messages: Sequence[Message]) -> list[Extent | None]:
    """Return the extent of each message that has an area and no place; None for the others."""
    rows = [n for n, m in enumerate(messages) if m.lon is None and (m.data.get("area") or m.data.get("area_codes"))]
    found: list[Extent | None] = [None] * len(messages)
    if not rows:
        return found
    polygons = [orjson.dumps(area).decode() if (area := messages[n].data.get("area")) else None for n in rows]
    codes = [",".join(pad_area_code(code) for code in messages[n].data.get("area_codes") or ()) for n in rows]
    for row in await connection.fetch(_EXTENTS, rows, polygons, codes):
        if row["lon"] is None:
            continue
        message = messages[row["n"]]
        code = row["area_code"] if message.data.get("area") else _common(message.data["area_codes"])
        found[row["n"]] = Extent(orjson.loads(row["area"]), row["lon"], row["lat"], code)
    return found


def _common(codes: Sequence[str]) -> str | None:
    """Return the code of the smallest area that contains all areas of these codes."""
    first, *others = (pad_area_code(code) for code in codes)
    for tier in COARSE_TIERS:
        shared = first[: tier.digits]
        if all(other.startswith(shared) for other in others):
            return pad_area_code(shared)
    return None


def _named() -> str:
    """Return the query of the current areas of every tier with their codes."""
    tiers = (
        f"SELECT f.geom, {padded(tier.own_code)} AS code FROM {table_of(tier.layer_id)} AS f WHERE {_CURRENT}"
        for tier in COARSE_TIERS
    )
    return " UNION ALL ".join(tiers)


def _holding() -> str:
    """Return the expression of the code of the smallest area that contains the shape."""
    tiers = (
        f"""(SELECT min({padded(tier.own_code)}) FROM {table_of(tier.layer_id)} AS f
            WHERE ST_Covers(f.geom, shaped.geom) AND {_CURRENT})"""
        for tier in COARSE_TIERS
    )
    return f"coalesce({', '.join(tiers)})"


_EXTENTS = f"""
WITH extent AS (
    SELECT n, ST_MakeValid(ST_SetSRID(ST_GeomFromGeoJSON(polygon), 4490)) AS drawn, string_to_array(codes, ',') AS codes
    FROM unnest($1::int[], $2::text[], $3::text[]) AS given (n, polygon, codes)
), shaped AS (
    SELECT n, drawn IS NOT NULL AS is_drawn, coalesce(drawn, (
        SELECT ST_Union(area.geom) FROM ({_named()}) AS area WHERE area.code = ANY (extent.codes)
    )) AS geom FROM extent
)
SELECT n, ST_AsGeoJSON(geom, 7, 0) AS area, ST_X(point) AS lon, ST_Y(point) AS lat,
    CASE WHEN is_drawn THEN {_holding()} END AS area_code
FROM shaped CROSS JOIN LATERAL ST_PointOnSurface(geom) AS point WHERE NOT ST_IsEmpty(geom)
"""
