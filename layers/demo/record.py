"""The record of the demo in the database: its parameters and numbers of rows."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

GENERATOR_VERSION = 2  # raise it when the same seed gives another district
_NAME = "demo_generator"
_READ = "SELECT value FROM onemap.setting WHERE name = $1"
_WRITE = """
INSERT INTO onemap.setting (name, value) VALUES ($1, $2::jsonb)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()
"""


async def read_demo_record(database: asyncpg.Connection | asyncpg.Pool) -> dict[str, Any] | None:
    """Return the record of the demo; None if it was never loaded."""
    recorded = await database.fetchval(_READ, _NAME)
    return None if recorded is None else dict(json.loads(recorded))


async def write_demo_record(connection: asyncpg.Connection, record: dict[str, Any]) -> None:
    """Write the record of the demo in the open transaction."""
    await connection.execute(_WRITE, _NAME, json.dumps(record))
