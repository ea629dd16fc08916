"""The rasters that are in the store: what `layers.loaders.raster` wrote of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Literal

import asyncpg

from layers.types import BBox

_RASTERS = """
SELECT id, title, grade, vertical_datum, synthetic, overlap, (
    SELECT jsonb_array_length(m.bands) FROM onemap.raster_member AS m WHERE m.raster = r.id LIMIT 1
) AS bands
FROM onemap.raster AS r ORDER BY id
"""
_MEMBERS = """
SELECT raster, number, file, phenomenon_time, srid, resolution[1] AS resolution,
    ST_XMin(extent) AS west, ST_YMin(extent) AS south, ST_XMax(extent) AS east, ST_YMax(extent) AS north
FROM onemap.raster_member ORDER BY raster, number
"""
_RANGES = """
SELECT m.raster, b.place, min((b.band ->> 'min')::float8) AS low, max((b.band ->> 'max')::float8) AS high
FROM onemap.raster_member AS m, jsonb_array_elements(m.bands) WITH ORDINALITY AS b (band, place)
GROUP BY m.raster, b.place ORDER BY m.raster, b.place
"""


@dataclass(frozen=True, slots=True)
class StoredMember:
    """One file of a raster.

    Attributes
    ----------
    file
        Path in the folder of rasters.
    resolution
        Width of a pixel in units of the file's system.
    extent_crs84
        West, south, east, north in degrees.
    """

    number: int
    file: PurePath
    phenomenon_time: datetime | None
    srid: int
    resolution: float
    extent_crs84: BBox


@dataclass(frozen=True, slots=True)
class StoredRaster:
    """A raster with its members in the order they were loaded.

    Attributes
    ----------
    bands
        Number of bands.
    ranges
        Lowest and highest value of each band over all members; None where no member has a value.
    """

    id: str
    title: str
    grade: int
    vertical_datum: str | None
    synthetic: bool
    overlap: Literal["newest", "first"]
    bands: int
    members: tuple[StoredMember, ...]
    ranges: tuple[tuple[float, float] | None, ...]


async def read_raster_ids(connection: asyncpg.Connection) -> set[str]:
    """Return the ids of all rasters."""
    return {row["id"] for row in await connection.fetch("SELECT id FROM onemap.raster")}


async def read_rasters(connection: asyncpg.Connection) -> list[StoredRaster]:
    """Return the rasters that have members, in the order of their ids, as of one moment.

    No transaction may be open on the connection.
    """
    members: dict[str, list[StoredMember]] = defaultdict(list)
    ranges: dict[str, list[tuple[float, float] | None]] = defaultdict(list)
    async with connection.transaction(isolation="repeatable_read"):
        rasters = await connection.fetch(_RASTERS)
        if rasters:
            for row in await connection.fetch(_MEMBERS):
                members[row["raster"]].append(_member(row))
            for row in await connection.fetch(_RANGES):
                ranges[row["raster"]].append(None if row["low"] is None else (row["low"], row["high"]))
    return [
        StoredRaster(**row, members=tuple(members[row["id"]]), ranges=tuple(ranges[row["id"]]))
        for row in rasters
        if members[row["id"]]
    ]


def _member(row: asyncpg.Record) -> StoredMember:
    return StoredMember(
        number=row["number"],
        file=PurePath(row["file"]),
        phenomenon_time=row["phenomenon_time"],
        srid=row["srid"],
        resolution=row["resolution"],
        extent_crs84=(row["west"], row["south"], row["east"], row["north"]),
    )
