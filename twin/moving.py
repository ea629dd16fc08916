"""Positions: all of them into history, the newest of each moving thing into its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import asyncpg

from twin.envelope_message import Message

_COLUMNS = (
    "layer", "id", "phenomenon_time", "lon", "lat", "speed_kmh", "heading_deg", "grid_code", "area_code",
)  # fmt: skip
_UPSERT = """
INSERT INTO twin.position_now AS kept
    (layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, grid_code, area_code)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::float8[], $5::float8[], $6::real[], $7::real[],
    $8::text[], $9::text[])
ON CONFLICT (layer, id) DO UPDATE SET phenomenon_time = excluded.phenomenon_time, lon = excluded.lon,
    lat = excluded.lat, speed_kmh = excluded.speed_kmh, heading_deg = excluded.heading_deg,
    grid_code = excluded.grid_code, area_code = excluded.area_code, ingested_at = now()
WHERE (excluded.phenomenon_time, excluded.lon, excluded.lat) > (kept.phenomenon_time, kept.lon, kept.lat)
RETURNING layer, id
"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A message with where it lies."""

    message: Message
    grid_code: str | None
    area_code: str | None
    urban_village_ids: tuple[str, ...]
    waterway_id: str | None

    @property
    def entity(self) -> tuple[str, str]:
        """The layer and the id in it."""
        return self.message.layer, self.message.feature_id


async def write(connection: asyncpg.Connection, placed: Sequence[Placed]) -> tuple[list[dict[str, Any]], int]:
    """Write positions in the open transaction.

    Returns
    -------
    changes, late
        What changed of the state, one change an entity; and how many messages were older than what is known, which
        are in history only.
    """
    if not placed:
        return [], 0
    records = [_record(p) for p in placed]
    await connection.copy_records_to_table("position", schema_name="twin", columns=_COLUMNS, records=records)
    newest: dict[tuple[str, str], tuple[Any, ...]] = {}
    for record in sorted(records, key=itemgetter(2, 3, 4)):  # at one time the same one wins in every order of arrival
        newest[record[0], record[1]] = record
    ordered = [newest[key] for key in sorted(newest)]  # two writers take rows in the same order
    rows = await connection.fetch(_UPSERT, *(list(column) for column in zip(*ordered, strict=True)))
    changes = [_change(newest[row["layer"], row["id"]]) for row in rows]
    return changes, len(newest) - len(rows)


def _record(placed: Placed) -> tuple[Any, ...]:
    m = placed.message
    where = (m.lon, m.lat, m.speed_kmh, m.heading_deg, placed.grid_code, placed.area_code)
    return m.layer, m.feature_id, m.phenomenon_time, *where


def _change(record: tuple[Any, ...]) -> dict[str, Any]:
    return {"kind": "position", **dict(zip(_COLUMNS, record, strict=True))}
