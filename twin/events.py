"""Events: every version is kept, and the collection `events` holds what follows from all of them.

An event's state is its versions laid over each other in the order of their phenomenon times, a later one giving way to
nothing but what it does not say. So the state is the same in whatever order they arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from layers.catalog import Catalog
from layers.clause import quote_identifier
from layers.tables import table_of
from twin.moving import Placed

LAYER = "events"
_KEEP = """
INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::text[], $5::jsonb[])
ON CONFLICT (event_id, source_version) DO NOTHING
"""
_VERSIONS = """
SELECT event_id, record FROM twin.event_version WHERE event_id = ANY ($1::text[])
ORDER BY event_id, phenomenon_time, source_version
"""


async def write(connection: asyncpg.Connection, catalog: Catalog, placed: Sequence[Placed]) -> list[dict[str, Any]]:
    """Write events in the open transaction; returns one change for each event whose state is written anew."""
    if not placed:
        return []
    rows = sorted((_version(one) for one in placed), key=lambda row: (row[0], row[2]))
    await connection.execute(_KEEP, *(list(column) for column in zip(*rows, strict=True)))
    states = await _states(connection, sorted({row[0] for row in rows}))
    known = [field.name for field in catalog[LAYER].definition.fields]
    await _upsert(connection, known, states)
    return [{"kind": "event", "layer": LAYER, **state} for state in states]


def _version(placed: Placed) -> tuple[str, datetime, int, str | None, str]:
    m = placed.message
    said = {name: value for name, value in m.data.items() if value is not None and name != "area"}
    place = _place(placed) if m.lon is not None else {}
    times = {"phenomenon_time": m.phenomenon_time, "sent_time": m.sent_time}
    identity = {"source_event_id": m.id, "source_version": m.version}
    record = {**identity, **times, **said, **place}
    return m.feature_id, m.phenomenon_time, m.version, m.stage, orjson.dumps(record).decode()


def _place(placed: Placed) -> dict[str, Any]:
    return {
        "lon": placed.message.lon,
        "lat": placed.message.lat,
        "grid_code": placed.grid_code,
        "area_code": placed.area_code,
        "urban_village_ids": list(placed.urban_village_ids),
        "waterway_code": placed.waterway_id,
    }


async def _states(connection: asyncpg.Connection, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await connection.fetch(_VERSIONS, event_ids):
        versions[row["event_id"]].append(orjson.loads(row["record"]))
    return [{"id": event_id, **fold(records)} for event_id, records in versions.items()]


def fold(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Lay versions over each other, oldest first: what a later one says counts, what it leaves out stays.

    The grid and area of the first place stay with the event (`domain.md` 2.6: computed once and kept), unless a
    later version moves it.
    """
    state: dict[str, Any] = {}
    for record in records:
        state |= {name: value for name, value in record.items() if value is not None}
    return state


async def _upsert(connection: asyncpg.Connection, known: Sequence[str], states: Sequence[dict[str, Any]]) -> None:
    """Write states into the collection's table; PostgreSQL reads each value by its column's type."""
    table = table_of(LAYER)
    columns = [quote_identifier(name) for name in known if name != "data_grade"]
    listed = ", ".join(["id", "geom", *columns])
    renewed = ", ".join(f"{c} = excluded.{c}" for c in ["geom", *columns])
    rows = [{**state, "updated_at": state["phenomenon_time"]} for state in states]
    await connection.execute(
        f"""INSERT INTO {table} ({listed})
        SELECT r.id, ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4490), {", ".join(f"r.{c}" for c in columns)}
        FROM jsonb_array_elements($1::jsonb) AS given (state)
        CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, given.state) AS r
        CROSS JOIN LATERAL (SELECT (given.state ->> 'lon')::float8 AS lon, (given.state ->> 'lat')::float8 AS lat) AS p
        ORDER BY r.id
        ON CONFLICT (id) DO UPDATE SET {renewed}""",
        orjson.dumps(rows).decode(),
    )
