"""The job that takes held messages once their features exist, made by a load or by a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import asyncpg
import structlog

from layers.catalog import Catalog
from layers.clause import quote_literal
from layers.database.faults import DATABASE_ERRORS
from layers.errors import BadInput, Conflict, OneMapError
from twin.intake.retaking import RefusedReplay

_LOOK_SECONDS = 2.0
_AT_ONCE = 100
_OPEN = "held AND replayed_at IS NULL AND discarded_at IS NULL"
_WAITING = f"SELECT layer, max(id) AS newest FROM twin.refused WHERE {_OPEN} GROUP BY layer ORDER BY layer"
_log = structlog.get_logger(__name__)

type Look = tuple[int, int]  # version of a layer's table, newest message that is held for it


class HeldMessages:
    """Takes held messages.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    catalog
        Returns the current catalogue.
    retaking
        Takes a stored message again.
    """

    name = "held messages"

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog], retaking: RefusedReplay) -> None:
        self._pool, self._catalog, self._retaking = pool, catalog, retaking
        self._looked: dict[str, Look] = {}

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await self.catch_up()
            await asyncio.sleep(_LOOK_SECONDS)

    async def catch_up(self) -> int:
        """Take the messages that can be taken now; return their number. Layers that did not change cost nothing."""
        taken, catalog = 0, self._catalog()
        for layer_id, newest in await self._pool.fetch(_WAITING):
            look = (catalog[layer_id].version, newest) if layer_id in catalog else None
            if look is None or self._looked.get(layer_id) == look:
                continue
            settled, count = await self._layer(layer_id, catalog[layer_id].table)
            taken += count
            if settled:
                self._looked[layer_id] = look
        return taken

    async def _layer(self, layer_id: str, table: str) -> tuple[bool, int]:
        """Take a layer's messages whose features exist; return whether all were tried, and how many were taken."""
        last, count = 0, 0
        ready = f"""SELECT r.id FROM twin.refused AS r WHERE {_OPEN} AND r.layer = {quote_literal(layer_id)}
            AND r.id > $1 AND EXISTS (SELECT FROM {table} AS t WHERE t.id = r.feature_id) ORDER BY r.id LIMIT $2"""
        while ids := [row[0] for row in await self._pool.fetch(ready, last, _AT_ONCE)]:
            last = ids[-1]
            taken = await self._take(ids)
            if taken is None:
                return False, count
            count += taken
        return True, count

    async def _take(self, ids: Sequence[int]) -> int | None:
        """Take messages and return their number; None when the pipeline or the database is busy: try later."""
        results = await asyncio.gather(*map(self._retaking.replay, ids), return_exceptions=True)
        is_busy = False
        for refused_id, result in zip(ids, results, strict=True):
            if isinstance(result, BadInput | Conflict):  # it can no longer be taken, or another process took it
                _log.info("a held message was not taken", id=refused_id, error=result.message)
            elif isinstance(result, (OneMapError, *DATABASE_ERRORS)):
                is_busy = True
            elif isinstance(result, BaseException):
                raise result
        return None if is_busy else sum(not isinstance(result, BaseException) for result in results)
