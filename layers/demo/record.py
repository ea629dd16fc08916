"""What is recorded of the demo in the database: with what it was made, and how many rows."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

_NAME = "demo_generator"
_READ = "SELECT value FROM onemap.setting WHERE name = $1"
_WRITE = """
INSERT INTO onemap.setting (name, value) VALUES ($1, $2::jsonb)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()
"""


async def read_demo_record(database: asyncpg.Connection | asyncpg.Pool) -> dict[str, Any] | None:
    """Return what is recorded of the demo; None where it was never loaded."""
    recorded = await database.fetchval(_READ, _NAME)
    return None if recorded is None else dict(json.loads(recorded))


async def write_demo_record(connection: asyncpg.Connection, record: dict[str, Any]) -> None:
    """Record what the demo was made with, in the open transaction."""
    await connection.execute(_WRITE, _NAME, json.dumps(record))
