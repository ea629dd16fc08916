"""Observations: all of them into history, the newest of each property of each device into its state."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import asyncpg

from twin.moving import Placed

_COLUMNS = ("id", "property", "phenomenon_time", "value", "value_text", "unit", "quality_flag")
_UPSERT = """
INSERT INTO twin.observation_now AS kept (id, property, phenomenon_time, value, value_text, unit, quality_flag)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (id, property) DO UPDATE SET phenomenon_time = excluded.phenomenon_time, value = excluded.value,
    value_text = excluded.value_text, unit = excluded.unit, quality_flag = excluded.quality_flag, ingested_at = now()
WHERE (excluded.phenomenon_time, coalesce(excluded.value, '-inf'), coalesce(excluded.value_text, '') COLLATE "C")
    > (kept.phenomenon_time, coalesce(kept.value, '-inf'), coalesce(kept.value_text, '') COLLATE "C")
RETURNING id, property
"""


async def write(connection: asyncpg.Connection, placed: Sequence[Placed]) -> tuple[list[dict[str, Any]], int]:
    """Write observations in the open transaction; returns what changed of the state, and how many came late."""
    if not placed:
        return [], 0
    records = [(*_record(p), p.grid_code) for p in placed]
    await connection.copy_records_to_table(
        "observation", schema_name="twin", columns=(*_COLUMNS, "grid_code"), records=records
    )
    newest: dict[tuple[str, str], Placed] = {}
    for one in sorted(placed, key=_rank):
        newest[one.message.feature_id, str(one.message.property_code)] = one
    ordered = sorted((_record(one) for one in newest.values()), key=itemgetter(0, 1))
    rows = await connection.fetch(_UPSERT, *(list(column) for column in zip(*ordered, strict=True)))
    changes = [_change(newest[row["id"], row["property"]]) for row in rows]
    return changes, len(newest) - len(rows)


def _rank(placed: Placed) -> tuple[Any, ...]:
    """Order by time; at one time the same one wins in every order of arrival, as in the statement."""
    m = placed.message
    return m.phenomenon_time, float("-inf") if m.value is None else m.value, (m.value_text or "").encode()


def _record(placed: Placed) -> tuple[Any, ...]:
    m = placed.message
    return m.feature_id, m.property_code, m.phenomenon_time, m.value, m.value_text, m.unit, m.quality


def _change(placed: Placed) -> dict[str, Any]:
    named = dict(zip(_COLUMNS, _record(placed), strict=True))
    where = {"grid_code": placed.grid_code, "area_code": placed.area_code}
    return {"kind": "observation", "layer": placed.message.layer, **named, **where}
