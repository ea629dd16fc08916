"""Changes of features by feeds: kept as they came, and written into the layer's table with all derived fields.

The value of a field is the last one by the time of the phenomenon, whatever the order of arrival. An `upsert` makes the
feature or changes the fields it names; a `patch` changes the fields it names and makes no feature; a `delete` removes
the feature and drops its earlier values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson

from layers.catalog import Catalog
from layers.definition import LayerDefinition
from layers.schema.derive import derive
from layers.schema.feature_locks import lock_features
from twin.envelope.message import Message
from twin.log.change import FeatureChange
from twin.log.changes import tells_itself
from twin.store.features.claims import GEOMETRY, FieldClaims, stamp_of
from twin.store.features.rows import RowChanges, read_moving, read_rows
from twin.store.features.told import feature_change
from twin.store.placed import PlacedMessage

_KEEP = """
INSERT INTO twin.feature_change (layer, id, phenomenon_time, rank, change, record, geom, feed_source)
SELECT $1, id, phenomenon_time, rank, change, record, geom::geometry, feed_source
FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[])
    AS given (id, phenomenon_time, rank, change, record, geom, feed_source)
ON CONFLICT DO NOTHING RETURNING id, rank
"""
_READ_CLAIMS = "SELECT id, made, gone, said FROM twin.feature_now WHERE layer = $1 AND id = ANY ($2::text[])"
_WRITE_CLAIMS = """
INSERT INTO twin.feature_now (layer, id, made, gone, said)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[])
ON CONFLICT (layer, id) DO UPDATE SET made = excluded.made, gone = excluded.gone, said = excluded.said
"""
_UPKEEP = """
INSERT INTO twin.upkeep AS u (layer, shapes_changed) VALUES ($1, $2)
ON CONFLICT (layer) DO UPDATE SET shapes_changed = u.shapes_changed OR excluded.shapes_changed,
    asked_at = clock_timestamp()
"""


async def write(
    connection: asyncpg.Connection, catalog: Catalog, placed: Sequence[PlacedMessage]
) -> list[FeatureChange]:
    """Write changes of features in the open transaction.

    Returns
    -------
    list
        One change of kind `feature` for each row that was written: `operation` (create, update, delete), and `old` and
        `new`, its boxes (west, south, east, north in CRS84 degrees), None where there was or is no geometry.
    """
    if not placed:
        return []
    await tells_itself(connection)
    by_layer: dict[str, list[Message]] = defaultdict(list)
    for one in placed:
        by_layer[one.message.layer].append(one.message)
    changes: list[FeatureChange] = []
    for layer_id in sorted(by_layer):
        changes += await _write_layer(connection, catalog[layer_id].definition, by_layer[layer_id])
    return changes


async def _write_layer(
    connection: asyncpg.Connection, definition: LayerDefinition, messages: Sequence[Message]
) -> list[FeatureChange]:
    await lock_features(connection, [definition.id])
    claims = await _add_claims(connection, definition.id, messages)
    if not claims:
        return []
    before = await read_rows(connection, definition, claims, lock=True)
    work = RowChanges.of(definition, claims, before)
    await work.write(connection)
    if work.reshaped:
        await _derive(connection, definition.id, work.reshaped)
    after = await read_rows(connection, definition, claims)
    moving = await read_moving(connection, definition, claims)
    written = [
        feature_change(definition, name, before.get(name), after.get(name), moving.get(name))
        for name in sorted(work.ids)
        if name in before or name in after
    ]
    if written:
        await connection.execute(_UPKEEP, definition.id, bool(work.reshaped or work.gone))
    return written


async def _derive(connection: asyncpg.Connection, layer_id: str, ids: Sequence[str]) -> None:
    """Compute the derived fields of rows whose geometry is new, as a load does."""
    await connection.execute('CREATE TEMP TABLE feature_touched (id text COLLATE "C") ON COMMIT DROP')
    await connection.execute("INSERT INTO feature_touched SELECT unnest($1::text[])", ids)
    await derive(connection, layer_id, only_new="feature_touched")
    await connection.execute("DROP TABLE feature_touched")


async def _add_claims(
    connection: asyncpg.Connection, layer_id: str, messages: Sequence[Message]
) -> dict[str, FieldClaims]:
    """Store the changes, and return the claims of their features with the changes that are new."""
    records = [_record(message) for message in messages]
    rows = await connection.fetch(_KEEP, layer_id, *(list(column) for column in zip(*records, strict=True)))
    fresh = {(row["id"], row["rank"]) for row in rows}
    counted = [m for m, record in zip(messages, records, strict=True) if (record[0], record[2]) in fresh]
    ids = sorted({message.feature_id for message in counted})
    claims = {name: FieldClaims() for name in ids}
    for row in await connection.fetch(_READ_CLAIMS, layer_id, ids):
        claims[row["id"]] = FieldClaims(row["made"], row["gone"], orjson.loads(row["said"]))
    for message in counted:
        claims[message.feature_id].add(message)
    if ids:
        stored = [(n, w.made, w.gone, orjson.dumps(w.stamped).decode()) for n, w in claims.items()]
        await connection.execute(_WRITE_CLAIMS, layer_id, *(list(column) for column in zip(*stored, strict=True)))
    return claims


def _record(message: Message) -> tuple[Any, ...]:
    claims = FieldClaims()
    claims.add(message)
    values = claims.values()
    geometry = values.pop(GEOMETRY, None)
    record = orjson.dumps(values).decode()
    stamp = stamp_of(message)
    return message.feature_id, message.phenomenon_time, stamp, message.data["change"], record, geometry, message.source
