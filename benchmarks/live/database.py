"""Queries of the live benchmark to the database itself: the usual way to join, stored rows, places."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np

from layers.database.connection import connect


async def missing(url: str, acknowledged: int) -> int:
    """Return how many acknowledged messages are not in history; coalesced positions and the warm-up's count too."""
    connection = await connect(url)
    try:
        kept: int = await connection.fetchval(
            """SELECT (SELECT count(*) FROM twin.position) + (SELECT count(*) FROM twin.observation)
            + (SELECT count(*) FROM twin.event_version) + (SELECT coalesce(sum(coalesced), 0)::bigint FROM twin.feed)"""
        )
        accepted: int = await connection.fetchval("SELECT coalesce(sum(accepted), 0)::bigint FROM twin.feed")
    finally:
        await connection.close()
    return max(0, accepted - kept, acknowledged - kept)


async def one_by_one(url: str, seconds: float) -> float:
    """Write positions the usual way: one at a time, joined by SQL, each committed; return messages per second."""
    connection = await connect(url)
    try:
        await connection.execute("SELECT twin.make_day(current_date + n) FROM generate_series(-1, 2) AS n")
        box = await connection.fetchrow(
            """SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
            FROM (SELECT ST_Extent(geom) AS e FROM layer.grids) AS x"""
        )
        random, began, done = np.random.default_rng(440106), time.monotonic(), 0
        while time.monotonic() - began < seconds:
            lon, lat = random.uniform(box[:2], box[2:])
            await _one(connection, f"one-{done % 4000}", float(lon), float(lat))
            done += 1
        return done / (time.monotonic() - began)
    finally:
        await connection.close()


async def _one(connection: asyncpg.Connection, name: str, lon: float, lat: float) -> None:
    now = datetime.now(UTC)
    async with connection.transaction():
        place = await connection.fetchrow(
            """SELECT place.grid_code, place.area_code
            FROM (SELECT ST_SetSRID(ST_MakePoint($1, $2), 4490) AS point) AS s
            CROSS JOIN LATERAL onemap.place_at(s.point) AS place""",
            lon,
            lat,
        )
        row = ("vehicles", name, now, lon, lat, *(place or (None, None)))
        columns = "(layer, id, phenomenon_time, lon, lat, grid_code, area_code) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        await connection.execute(f"INSERT INTO twin.position {columns}", *row)
        await connection.execute(
            f"""INSERT INTO twin.position_now {columns} ON CONFLICT (layer, id) DO UPDATE SET lon = excluded.lon,
            lat = excluded.lat, phenomenon_time = excluded.phenomenon_time, grid_code = excluded.grid_code""",
            *row,
        )


async def community_streams(url: str, number: int) -> list[str]:
    """Return paths of area streams: communities in turn, each with several subscribers."""
    connection = await connect(url)
    try:
        rows = await connection.fetch("SELECT DISTINCT left(grid_code, 12) FROM layer.grids ORDER BY 1")
    finally:
        await connection.close()
    codes = [row[0] for row in rows]
    return [f"/live?areas={codes[n % len(codes)]}" for n in range(number)]


async def grid_places(url: str, number: int) -> list[tuple[str, tuple[float, float]]]:
    """Return grids, each with a point inside it."""
    connection = await connect(url)
    try:
        rows = await connection.fetch(
            """SELECT grid_code, ST_X(p), ST_Y(p)
            FROM (SELECT grid_code, ST_PointOnSurface(geom) AS p FROM layer.grids ORDER BY grid_code LIMIT $1) AS g""",
            number,
        )
    finally:
        await connection.close()
    return [(row[0], (row[1], row[2])) for row in rows]


async def many_things(url: str, number: int) -> None:
    """Insert a number of entities into the state."""
    connection = await connect(url)
    try:
        await connection.execute(
            """INSERT INTO twin.position_now (layer, id, lon, lat, phenomenon_time)
            SELECT 'vehicles', 'many-' || n, 113.35, 23.13, now() FROM generate_series(1, $1 / 2) AS n""",
            number,
        )
        await connection.execute(
            """INSERT INTO twin.observation_now (id, property, value, phenomenon_time)
            SELECT 'many-' || n, 'battery_pct', 1, now() - $2::interval FROM generate_series(1, $1 / 2) AS n""",
            number,
            timedelta(seconds=1),
        )
    finally:
        await connection.close()
