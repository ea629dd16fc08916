"""The mark of a restore: with it a database is another one for every cache that was filled before."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import uuid4

from layers.database.connection import connect

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
    finally:
        await connection.close()
