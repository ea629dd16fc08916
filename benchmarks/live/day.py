"""A day of history over the demo: positions and readings of everything that moves and measures, versions of events."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from layers.schema.tables import table_of

_HISTORY = ("position", "observation", "position_now", "observation_now", "event_version")
_MOVING_SHARE, _MEASURED_SHARE = 0.7, 0.3
_VERSIONS = 4  # of an event

_INSERT_POSITIONS = """
INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, grid_code, area_code,
    ingested_at)
SELECT m.layer, m.id, tick.at, ST_X(m.geom) + random() * 0.02 - 0.01, ST_Y(m.geom) + random() * 0.02 - 0.01, 30, 90,
    m.grid_code, m.area_code, tick.at + interval '2 seconds'
FROM generate_series(1, $1::int) AS n
CROSS JOIN LATERAL (SELECT $2::timestamptz - n * interval '20 hours' / $1 AS at) AS tick
CROSS JOIN (
    SELECT 'vehicles' AS layer, id, geom, grid_code, area_code FROM layer.vehicles
    UNION ALL SELECT 'grid_workers', id, geom, grid_code, area_code FROM layer.grid_workers) AS m
"""
_INSERT_OBSERVATIONS = """
INSERT INTO twin.observation (id, property, phenomenon_time, value, value_text, unit, ingested_at)
SELECT d.id, d.property, tick.at, CASE WHEN d.property = 'level_m' THEN random() * 5 END,
    CASE WHEN d.property <> 'level_m' THEN 'online' END, NULL, tick.at + interval '2 seconds'
FROM generate_series(1, $1::int) AS n
CROSS JOIN LATERAL (SELECT $2::timestamptz - n * interval '20 hours' / $1 AS at) AS tick
CROSS JOIN (
    SELECT id, 'level_m' AS property FROM layer.water_level_stations
    UNION ALL SELECT id, 'online_status' FROM layer.iot_devices
    UNION ALL SELECT id, 'online_status' FROM layer.video_points) AS d
"""
_INSERT_STATE = (
    """INSERT INTO twin.position_now SELECT DISTINCT ON (layer, id) layer, id, lon, lat, phenomenon_time, speed_kmh,
    heading_deg, grid_code, area_code, ingested_at FROM twin.position ORDER BY layer, id, phenomenon_time DESC""",
    """INSERT INTO twin.observation_now (id, property, value, value_text, phenomenon_time, ingested_at)
    SELECT DISTINCT ON (id, property) id, property, value, value_text, phenomenon_time, ingested_at
    FROM twin.observation ORDER BY id, property, phenomenon_time DESC""",
)
_INSERT_EVENT_VERSIONS = f"""
INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record, ingested_at, message)
SELECT e.id, at.time, n, stage.name,
    jsonb_strip_nulls(to_jsonb(e) - 'geom' - '_known_since') || jsonb_build_object('stage', stage.name,
        'lon', ST_X(e.geom), 'lat', ST_Y(e.geom), 'phenomenon_time', at.time),
    at.time, 'bench'
FROM layer.events AS e CROSS JOIN generate_series(1, {_VERSIONS}) AS n
CROSS JOIN LATERAL (SELECT e.occurred_at + n * interval '1 hour' AS time) AS at
CROSS JOIN LATERAL (SELECT (ARRAY['collect', 'file', 'handle', 'closed'])[n] AS name) AS stage
"""


async def fill_day(connection: asyncpg.Connection, rows: int) -> datetime:
    """Fill the history of the last day, instead of any that is there, and the state that follows from it.

    Parameters
    ----------
    connection
        In the owner's role; the demo is loaded.
    rows
        Positions and observations.

    Returns
    -------
    datetime
        The end of the day, a minute ago.
    """
    now: datetime = await connection.fetchval("SELECT now() - interval '1 minute'")
    await connection.execute(f"TRUNCATE {', '.join(f'twin.{table}' for table in _HISTORY)}")
    for day in (now.date() - timedelta(days=1), now.date()):
        await connection.execute("SELECT twin.make_day($1)", day)
    count = "SELECT (SELECT count(*) FROM layer.{}) + (SELECT count(*) FROM layer.{})"
    moving = await connection.fetchval(count.format("vehicles", "grid_workers"))
    measuring = await connection.fetchval(count.format("iot_devices", "video_points"))
    await connection.execute(_INSERT_POSITIONS, max(1, round(rows * _MOVING_SHARE / moving)), now)
    await connection.execute(_INSERT_OBSERVATIONS, max(1, round(rows * _MEASURED_SHARE / measuring)), now)
    for statement in (*_INSERT_STATE, _INSERT_EVENT_VERSIONS):
        await connection.execute(statement)
    for row in await connection.fetch("SELECT id FROM onemap.layer"):  # as if the layers had been loaded days ago
        table = table_of(row["id"])
        since = f"UPDATE {table} SET _known_since = now() - interval '3 days'"
        await connection.execute(
            f"ALTER TABLE {table} DISABLE TRIGGER USER; {since}; ALTER TABLE {table} ENABLE TRIGGER USER"
        )
        await connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
    for table in _HISTORY:
        await connection.execute(f"VACUUM ANALYZE twin.{table}")
    return now
