"""The locks of features: who writes rows of layers holds them to the end of his transaction, always in one order."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from layers.database.advisory_locks import AdvisoryLock
from layers.live_source import EVENTS


async def lock_features(connection: asyncpg.Connection, layer_ids: Iterable[str]) -> None:
    """Wait until no other transaction writes features of these layers.

    Feeds, loads and the derivation of dependent layers take these locks before they write a row, those of events
    first and the others sorted by layer, so that none waits for another that waits for it.

    Parameters
    ----------
    connection
        Inside a transaction.
    layer_ids
        Ids of layers, in any order; of none, nothing happens.
    """
    wanted = sorted(set(layer_ids))
    if EVENTS in wanted:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", AdvisoryLock.EVENTS)
    if wanted:
        await connection.execute(
            "SELECT pg_advisory_xact_lock($1, hashtext(id)) FROM unnest($2::text[]) AS id",
            AdvisoryLock.FEATURES,
            wanted,
        )
