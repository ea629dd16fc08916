"""Places located for whoever asks: from memory where their index is current, else by PostgreSQL."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from time import monotonic

import asyncpg
import structlog

from layers.actor import Actor
from layers.catalog import Catalog
from layers.catalog_holder import CatalogHolder
from layers.database.admission import CALLER
from twin.surroundings.locate import Located, locate
from twin.surroundings.place_index import LAYERS, PlaceIndex
from twin.surroundings.spot import Spot

AUDIENCES_MAX = 32
"""Indexes that are kept, of about 2 MB; the one that was not asked for the longest goes first."""
_REST = 20  # an index is made again after so many times the time that it took: layers may change every second
_log = structlog.get_logger(__name__)


class PlaceIndexes:
    """Keeps an index for each audience that asks, made in the background; meanwhile PostgreSQL answers.

    Parameters
    ----------
    pool
        Connections of the reading role whose plans are kept.
    catalog
        Its layers; their versions are those of its database.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: CatalogHolder) -> None:
        self._pool, self._catalog = pool, catalog
        self._made: OrderedDict[tuple[str, str], PlaceIndex] = OrderedDict()  # by database and audience
        self._rests_until: dict[tuple[str, str], float] = {}
        self._making: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    async def stop(self) -> None:
        """Give up what is being made."""
        for task in tuple(self._making.values()):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def settled(self) -> None:
        """Wait until no index is being made."""
        while self._making:
            await asyncio.wait(self._making.values())

    async def locate(self, actor: Actor, spot: Spot) -> Located:
        """Return what an actor is told of a place.

        Raises
        ------
        NotFound
            When a layer of areas, or that of waterways, does not exist.
        """
        catalog = self._catalog.current
        index = self._current(catalog, actor)
        return await locate(self._pool, catalog, actor, spot, index.known(spot) if index is not None else None)

    def _current(self, catalog: Catalog, actor: Actor) -> PlaceIndex | None:
        """Return the index of an actor's audience if it is of the present layers, and have it made if not."""
        if not self._catalog.trusted or any(name not in catalog for name in LAYERS):
            return None
        key = self._catalog.identity, actor.audience
        made = self._made.get(key)
        if made is not None and made.is_current(catalog):
            self._made.move_to_end(key)
            return made
        if key not in self._making and self._rests_until.get(key, 0.0) <= monotonic():
            self._making[key] = task = asyncio.create_task(self._make(key, catalog, actor))
            task.add_done_callback(_log_failure)
        return None

    async def _make(self, key: tuple[str, str], catalog: Catalog, actor: Actor) -> None:
        # It is made for all of the audience, so it takes no share of the pool from whoever asked first.
        CALLER.set(None)
        try:
            async with self._turn, self._pool.acquire() as connection:
                begun = monotonic()
                self._rests_until[key] = begun + 1
                before = next((index for (of, _), index in reversed(self._made.items()) if of == key[0]), None)
                self._made[key] = await PlaceIndex.read(connection, catalog, actor, before)
                self._rests_until[key] = monotonic() + _REST * (monotonic() - begun)
            self._made.move_to_end(key)
            while len(self._made) > AUDIENCES_MAX:
                self._made.popitem(last=False)
            for gone in self._rests_until.keys() - self._made.keys():
                del self._rests_until[gone]
        finally:
            del self._making[key]


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("the index of places could not be made", error=str(error))
