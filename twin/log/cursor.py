"""Cursors in PostGIS: how far each reader has got, so that it goes on from there after any death.

A cursor has a number, the state of its reader as a JSON object, and the time of its last move. This module owns the
table `twin.cursor`; no other module names it.

=====================  ==================================================  ========================================
cursor                 number                                              state
=====================  ==================================================  ========================================
``rules``, ``fences``  last change of the log the job has finished with    faults, open alarms, rules in force
``outlet NAME``        last change the receiver has, or was not sent       deliveries, attempts, faults
``ingest``             heartbeats since the first                          host and process of the leader
``pull:FEED``          0                                                   time of the newest record
``replay:FEED``        0                                                   recordings played, place in the current one
``mqtt FEED``          0                                                   topics that are subscribed to
=====================  ==================================================  ========================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from twin.log.changes import last_seq

OUTLET = "outlet "
PULL = "pull:"
REPLAY = "replay:"
MQTT = "mqtt "
"""Prefixes of names; the outlet's or the feed's own name follows."""

_READ = """
SELECT name, seq, state, moved_at, extract(epoch FROM clock_timestamp() - moved_at)::float8 AS age_s FROM twin.cursor
"""
_READ_ONE = f"{_READ} WHERE name = $1"
_READ_NAMES = f"{_READ} WHERE name = ANY ($1::text[])"
_READ_PREFIX = f"{_READ} WHERE name ^@ $1"
_BEGIN = "INSERT INTO twin.cursor (name, seq) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
_MOVE = """
UPDATE twin.cursor SET seq = $3, state = $4::jsonb, moved_at = clock_timestamp() WHERE name = $1 AND seq = $2
RETURNING seq
"""
_WRITE_STATE = """
INSERT INTO twin.cursor (name, state) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, moved_at = clock_timestamp()
"""
_REMOVE_KEYS = """
UPDATE twin.cursor SET state = state - $2::text[], moved_at = clock_timestamp() WHERE name = $1 RETURNING seq
"""
_BEAT = """
INSERT INTO twin.cursor AS c (name, seq, state, moved_at) VALUES ($1, 1, $2, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET seq = c.seq + 1, state = excluded.state, moved_at = excluded.moved_at
"""

type Database = asyncpg.Connection | asyncpg.Pool


@dataclass(frozen=True, slots=True)
class CursorRow:
    """A cursor as it stands in PostGIS.

    Attributes
    ----------
    age_s
        Seconds since it moved, by PostgreSQL's clock.
    """

    name: str
    seq: int
    state: dict[str, Any]
    moved_at: datetime
    age_s: float


@dataclass(frozen=True, slots=True)
class Cursor:
    """The cursor of one reader, by name; methods work in the open transaction where there is one."""

    name: str

    async def read(self, database: Database) -> CursorRow | None:
        """Return the cursor; None when it does not exist."""
        row = await database.fetchrow(_READ_ONE, self.name)
        return None if row is None else _row(row)

    async def begin(self, connection: asyncpg.Connection) -> CursorRow:
        """Return the cursor; a new one begins at the end of the log."""
        row = await self.read(connection)
        if row is None:
            await connection.execute(_BEGIN, self.name, await last_seq(connection))
            row = _row(await connection.fetchrow(_READ_ONE, self.name))
        return row

    async def move(self, connection: asyncpg.Connection, before: int, seq: int, state: Mapping[str, Any]) -> bool:
        """Move the cursor from `before` to `seq`; False when it is not at `before`: another process has moved it."""
        return await connection.fetchval(_MOVE, self.name, before, seq, _json(state)) is not None

    async def write_state(self, database: Database, state: Mapping[str, Any]) -> None:
        """Write the state; the number stays as it is."""
        await database.execute(_WRITE_STATE, self.name, _json(state))

    async def remove_keys(self, connection: asyncpg.Connection, keys: Sequence[str]) -> int | None:
        """Remove keys of the state; return the number of the cursor, None when there is no such cursor."""
        seq: int | None = await connection.fetchval(_REMOVE_KEYS, self.name, list(keys))
        return seq

    async def beat(self, connection: asyncpg.Connection, state: Mapping[str, Any], *, timeout_s: float) -> None:
        """Count one heartbeat and write the state."""
        await connection.execute(_BEAT, self.name, _json(state), timeout=timeout_s)


async def read_cursors(database: Database, names: Sequence[str]) -> list[CursorRow]:
    """Return the cursors of some names; names without a cursor are left out."""
    return [_row(row) for row in await database.fetch(_READ_NAMES, list(names))]


async def read_cursors_of(database: Database, prefix: str) -> dict[str, CursorRow]:
    """Return every cursor whose name begins with a prefix, by the rest of its name."""
    return {row["name"].removeprefix(prefix): _row(row) for row in await database.fetch(_READ_PREFIX, prefix)}


def _row(row: asyncpg.Record) -> CursorRow:
    return CursorRow(row["name"], row["seq"], orjson.loads(row["state"]), row["moved_at"], row["age_s"])


def _json(state: Mapping[str, Any]) -> str:
    return orjson.dumps(state).decode()
