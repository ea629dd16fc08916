"""Positions: all of them into history, the newest of each moving thing into its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add, itemgetter
from typing import Any

import asyncpg
import orjson

from twin.envelope.message import FeatureKey, Message
from twin.join.devices import DeviceArea
from twin.log.change import PositionChange
from twin.store import binary
from twin.store.staged import in_one_order, part_late, stage

_COLUMNS = (
    "layer", "id", "phenomenon_time", "lon", "lat", "speed_kmh", "heading_deg", "grid_code", "area_code",
)  # fmt: skip
_COLUMNS_OF = itemgetter(
    *map(Message._fields.index, ("layer", "feature_id", "phenomenon_time", "lon", "lat", "speed_kmh", "heading_deg"))
)
_UPSERT = """
WITH written AS (
    INSERT INTO twin.position_now AS kept
        (layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, grid_code, area_code)
    SELECT layer, id, phenomenon_time, lon, lat, speed_kmh, heading_deg, grid_code, area_code
    FROM pg_temp.incoming_position
    ON CONFLICT (layer, id) DO UPDATE SET phenomenon_time = excluded.phenomenon_time, lon = excluded.lon,
        lat = excluded.lat, speed_kmh = excluded.speed_kmh, heading_deg = excluded.heading_deg,
        grid_code = excluded.grid_code, area_code = excluded.area_code, ingested_at = now(),
        moved_from = CASE
            WHEN (kept.grid_code, kept.area_code) IS DISTINCT FROM (excluded.grid_code, excluded.area_code)
            THEN jsonb_build_object('lon', kept.lon, 'lat', kept.lat, 'speed_kmh', kept.speed_kmh,
                'heading_deg', kept.heading_deg, 'grid_code', kept.grid_code, 'area_code', kept.area_code)
        END
    WHERE (excluded.phenomenon_time, excluded.lon, excluded.lat) > (kept.phenomenon_time, kept.lon, kept.lat)
    RETURNING layer, id, moved_from
)
SELECT count(*) AS number,
    jsonb_agg(jsonb_build_array(layer, id, moved_from)) FILTER (WHERE moved_from IS NOT NULL) AS crossed
FROM written
"""
_RENEWED = """
SELECT layer, id FROM pg_temp.incoming_position JOIN twin.position_now AS kept USING (layer, id)
WHERE kept.xmin = pg_current_xact_id()::xid
"""

type _Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PositionRows:
    """Positions as rows.

    Attributes
    ----------
    rows
        Rows of history.
    newest
        The newest of each thing, in the order of the things: its place in `rows`.
    """

    rows: list[_Row]
    newest: dict[FeatureKey, int]

    @classmethod
    def of(cls, messages: Sequence[Message], areas: Sequence[DeviceArea]) -> PositionRows:
        """Return rows of positions and their areas; of several at one time the same wins in every order of arrival."""
        rows = list(map(add, map(_COLUMNS_OF, messages), areas))
        newest: dict[FeatureKey, int] = {}
        for place, row in enumerate(rows):
            known = newest.setdefault(row[:2], place)
            if known != place and row[2:5] > rows[known][2:5]:
                newest[row[:2]] = place
        return cls(rows, {entity: newest[entity] for entity in in_one_order(newest)})


async def write(
    connection: asyncpg.Connection, moved: PositionRows, claimed: Sequence[Any] | None = None
) -> tuple[list[PositionChange], set[FeatureKey]]:
    """Write positions in the open transaction.

    Parameters
    ----------
    claimed
        For each row the time its sender claimed, where that lies in the future; None when no sender did.

    Returns
    -------
    changes, late
        One change for each state that was renewed; and the things of which something newer was known, whose rows are
        in history only.
    """
    if not moved.rows:
        return [], set()
    rows, newest = moved.rows, moved.newest
    written = binary.positions(rows)
    if claimed is None:
        await binary.copy(connection, "position", _COLUMNS, written)
    else:
        marked = binary.with_moments(written, claimed)
        await binary.copy(connection, "position", (*_COLUMNS, "claimed_time"), marked)
    states = (written[place] for place in newest.values())
    await stage(connection, "incoming_position", "twin.position_now", _COLUMNS, states)
    row = await connection.fetchrow(_UPSERT)
    renewed, late = await part_late(connection, row["number"], _RENEWED, newest)
    before = {(layer, name): prior for layer, name, prior in orjson.loads(row["crossed"] or "[]")}
    return [_change(rows[place], before.get(key)) for key, place in renewed.items()], late


def _change(row: _Row, before: dict[str, Any] | None) -> PositionChange:
    layer, name, time, lon, lat, speed_kmh, heading_deg, grid_code, area_code = row
    change: PositionChange = {
        "kind": "position",
        "layer": layer,
        "id": name,
        "phenomenon_time": time,
        "lon": lon,
        "lat": lat,
        "speed_kmh": speed_kmh,
        "heading_deg": heading_deg,
        "grid_code": grid_code,
        "area_code": area_code,
    }
    if before is not None:  # it came from another area; a first position replaces the stored place, which is not known
        change["before"] = before
    return change
