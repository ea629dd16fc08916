"""The mark of a restore: with it a database is another one for every cache and every stream of before.

The life that is left has given numbers of the change log to clients and receivers. The restored log leaps over them,
so that no number ever means two changes: an empty frame covers the leap, jobs pass over it, and a client that resumes
from inside of it is told to begin anew (`twin.log.changes.frames_since`).
"""

from __future__ import annotations

import json
from datetime import datetime
from uuid import uuid4

from layers.database.connection import connect

LEAP = 10**9  # numbers; far more than a life can have written since the backup
EMPTY_FRAME = b"[]"
_SETTING = "restored"  # part of `layers.database.identity`


async def mark_restored(url: str, backup_id: str, moment: datetime | None) -> None:
    """Write into a restored database which backup it comes from, and as of which moment; None is the newest state."""
    connection = await connect(url, role=None)
    try:
        value = {"id": uuid4().hex, "backup": backup_id, "moment": moment.isoformat() if moment else None}
        await connection.execute(
            """INSERT INTO onemap.setting (name, value) VALUES ($1, $2::jsonb)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()""",
            _SETTING,
            json.dumps(value),
        )
        if await connection.fetchval("SELECT to_regprocedure('twin.append_changes(bigint, bytea)') IS NOT NULL"):
            await connection.execute("SELECT twin.append_changes($1, $2)", LEAP, EMPTY_FRAME)
    finally:
        await connection.close()
