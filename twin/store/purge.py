"""Erasing the past of features: their replaced rows, their history, and their changes in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncpg
import orjson

from layers.clause import quote_identifier
from layers.errors import NotFound
from layers.schema.tables import PAST, past_of
from twin.log.change import Change, ErasedChange

BLANK: ErasedChange = {"kind": "erased", "layer": "-", "id": "-", "grade": 9}
"""The change in the place of an erased one, which nobody sees; so the other changes keep their numbers."""
_FRAMES = "SELECT last_seq, changes FROM twin.change ORDER BY last_seq"
_BLANKED = "UPDATE twin.change SET changes = $2 WHERE last_seq = $1"


async def purge_past(connection: asyncpg.Connection, layer_id: str, ids: Sequence[str] | None = None) -> int:
    """Erase the past of features of a layer in one transaction; their present rows stay as they are.

    Parameters
    ----------
    connection
        In the owner's role.
    ids
        Features, also removed ones; None is every feature that has a past.

    Returns
    -------
    int
        How many rows and changes were erased.

    Raises
    ------
    NotFound
        When there is no such layer.
    """
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM onemap.layer WHERE id = $1)", layer_id):
        raise NotFound(f"there is no layer '{layer_id[:80]}'", parameter="layer")
    async with connection.transaction():
        if ids is None:
            ids = await _with_past(connection, layer_id)
        rows: int = await connection.fetchval("SELECT twin.purge_past($1, $2)", layer_id, list(ids))
        return rows + await blank_features(connection, layer_id, ids)


async def _with_past(connection: asyncpg.Connection, layer_id: str) -> list[str]:
    """Return the ids of all features of the layer that have a past."""
    parts = ["SELECT id FROM twin.position WHERE layer = $1", "SELECT id FROM twin.feature_change WHERE layer = $1"]
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{PAST}.{quote_identifier(layer_id)}"):
        parts.append(f"SELECT id FROM {past_of(layer_id)}")
    return [row[0] for row in await connection.fetch(" UNION ".join(parts), layer_id)]


async def blank_changes(connection: asyncpg.Connection, goes: Callable[[Change], bool]) -> int:
    """Erase changes in the log, frame by frame, and return how many; the others keep their numbers."""
    blanked = 0
    async for frame in connection.cursor(_FRAMES):
        changes: list[Change] = orjson.loads(frame["changes"])
        kept: list[Change] = [BLANK if change != BLANK and goes(change) else change for change in changes]
        number = sum(after is BLANK for after in kept)
        if number:
            blanked += number
            await connection.execute(_BLANKED, frame["last_seq"], orjson.dumps(kept))
    return blanked


async def blank_features(connection: asyncpg.Connection, layer_id: str, ids: Sequence[str]) -> int:
    """Erase the changes of features in the log, and return how many."""
    features = frozenset(ids)
    return await blank_changes(connection, lambda change: _is_of(change, layer_id, features))


def _is_of(change: Change, layer_id: str, ids: frozenset[str]) -> bool:
    """Return whether a change tells of one of the features, or of something that happened in one."""
    features = (change.get("layer"), change.get("id")), (change.get("area_layer"), change.get("area_id"))
    return any(layer == layer_id and one in ids for layer, one in features)
