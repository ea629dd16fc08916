"""The road network of a process: made anew in a thread when roads change, while the one before serves."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import structlog

from layers.actor import Actor, anonymous_under
from layers.catalog_holder import CatalogHolder
from layers.database.admission import CALLER
from layers.errors import NotFound
from twin.routing.network import RoadNetwork
from twin.routing.roads import ROADS, read_roads

type _Key = tuple[str, int, str]
_log = structlog.get_logger(__name__)


class RoadNetworks:
    """Keeps the network of the roads that everybody may see.

    It is made of what a stranger sees, whoever asks: no route, distance or silence of it can tell of a hidden road, and
    all readers share one graph. Who may not read roads at all gets no network.

    Parameters
    ----------
    catalog
        Its roads; their versions are those of its database.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: CatalogHolder) -> None:
        self._pool = pool
        self._catalog = catalog
        self._made: tuple[_Key, RoadNetwork] | None = None
        self._making: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Give up the network that is being made."""
        if self._making is not None:
            self._making.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._making

    async def settled(self) -> None:
        """Wait until no network is being made."""
        if self._making is not None:
            await asyncio.wait([self._making])

    async def current(self, actor: Actor) -> RoadNetwork | None:
        """Return the newest network that is made; None when there is no road that everybody may see.

        The first one is waited for, also after the rights or the database have changed. Later ones are made in the
        background, one at a time.

        Parameters
        ----------
        actor
            Who asks; the stranger is who has no credentials under the same policy.

        Raises
        ------
        Exception
            What the first reading raises; a later one is logged and tried again at the next request.
        """
        stranger = anonymous_under(actor.policy)
        while (key := self._wanted(stranger)) is not None:
            made = self._made
            if made is not None and made[0] == key:
                return made[1]
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make(key, stranger))
                self._making.add_done_callback(_log_failure)
            if made is not None and (made[0][0], made[0][2]) == (key[0], key[2]):  # only the roads are others
                return made[1]
            await asyncio.shield(self._making)
        return None

    def _wanted(self, stranger: Actor) -> _Key | None:
        """Return database, version and audience of the present roads."""
        try:
            layer = self._catalog.current.visible(ROADS, stranger)
        except NotFound:
            return None
        return self._catalog.identity, layer.version, stranger.audience

    async def _make(self, key: _Key, stranger: Actor) -> None:
        CALLER.set(None)  # it is made for all; whoever asked first does not wait for a share of the pool
        layer = self._catalog.current.visible(ROADS, stranger)
        async with self._pool.acquire() as connection:
            rows = await read_roads(connection, layer, stranger)
        network = await asyncio.to_thread(RoadNetwork.of, rows, str(key[1]))
        self._made = key, network
        _log.info("road network made", roads=len(rows), edges=len(network), version=network.version)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("the road network could not be made", error=str(error))
