"""Notices to subscribers of `/live`: which tiles to ask for again.

They are hints, and not in the log. Each notice names the version of the layer before the changes (`since`); a client
that received another version last has missed a notice, and treats every tile of the layer as changed. So notices may
be dropped, and a client that comes again finds what it missed by the versions of the first notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import structlog

from layers.actor import Actor
from layers.catalog import Layer
from layers.catalog_holder import CatalogHolder
from layers.database.faults import DATABASE_ERRORS
from layers.errors import OneMapError
from layers.read.learned.changes import BOXES_MAX, read_changed_areas, visible_boxes
from layers.types import BBox
from tiles.changed_tiles import changed_tiles
from tiles.grids import GRIDS

PAUSE_SECONDS = 0.5  # changes within this time share a notice
_WAITING_MAX = 16  # notices of one subscriber
_STATEMENTS_MAX = 2_000
_log = structlog.get_logger(__name__)
type _Notice = dict[str, Any]


class TileSubscriber:
    """One subscriber to notices of tiles.

    Attributes
    ----------
    versions
        Version of each layer in the last notice that was added for it.
    """

    def __init__(self, actor: Actor, layers: Collection[str]) -> None:
        self.actor = actor
        self.versions: dict[str, int] = {}
        self._layers = frozenset(layers)
        self._notices: deque[bytes] = deque(maxlen=_WAITING_MAX)
        self._wake = asyncio.Event()

    def wants(self, layer: Layer) -> bool:
        """Return whether it asked for a layer that it may see, and that has tiles."""
        requested = not self._layers or layer.id in self._layers
        return requested and layer.definition.geometry_type != "None"

    def add(self, notices: list[_Notice]) -> None:
        """Add notices; the oldest unread ones are dropped."""
        self._notices.append(orjson.dumps(notices))
        self._wake.set()

    async def notices(self) -> AsyncIterator[bytes]:
        """Yield notices as they come, each a JSON array, without an end."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._notices:
                yield self._notices.popleft()


class TileChanges:
    """Sends notices to the subscribers of one worker, made once for all that may see the same.

    Parameters
    ----------
    pool
        Connections of the reading role.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: CatalogHolder) -> None:
        self._pool, self._catalog = pool, catalog
        self._subscribers: set[TileSubscriber] = set()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send notices."""
        self._catalog.on_change.append(self._moved.set)
        self._catalog.on_version.append(self._moved.set)
        self._task = asyncio.create_task(self._follow(), name="tile-news")

    async def stop(self) -> None:
        """Send no more notices."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def subscriber(self, actor: Actor, layers: Collection[str]) -> Iterator[TileSubscriber]:
        """Return a subscriber that receives notices while the context lasts, the versions of its layers first.

        Parameters
        ----------
        layers
            Collection ids; empty means all that the actor may see.
        """
        subscriber = TileSubscriber(actor, layers)
        visible = self._catalog.current.visible_layers(actor)
        subscriber.versions = versions = {layer.id: layer.version for layer in visible if subscriber.wants(layer)}
        subscriber.add([{"layer": name, "since": at, "version": at, "sets": {}} for name, at in versions.items()])
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def _follow(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._notify()
            except (OneMapError, *DATABASE_ERRORS) as error:
                _log.warning("changed tiles cannot be told now; trying again", error=str(error))
                self._moved.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _notify(self) -> None:
        notices: dict[TileSubscriber, list[_Notice]] = {}
        made: dict[tuple[str, int, str], _Notice] = {}
        catalog, subscribers = self._catalog.current, [*self._subscribers]
        visible = {audience: catalog.visible_layers(actor) for audience, actor in _audiences(subscribers).items()}
        for subscriber in subscribers:
            for layer in filter(subscriber.wants, visible[subscriber.actor.audience]):
                since = subscriber.versions.get(layer.id, 0)
                if since >= layer.version:
                    continue
                key = layer.id, since, subscriber.actor.audience
                if key not in made:
                    made[key] = await self._notice(layer, since, subscriber.actor)
                subscriber.versions[layer.id] = made[key]["version"]
                notices.setdefault(subscriber, []).append(made[key])
        for subscriber, own in notices.items():
            subscriber.add(own)

    async def _notice(self, layer: Layer, since: int, actor: Actor) -> _Notice:
        """Return which tiles changed after a version; `sets` is null when any may have."""
        async with self._pool.acquire() as connection:
            areas = await read_changed_areas(connection, layer, actor, since, _STATEMENTS_MAX)
            boxes: list[BBox] | None = []
            for area in areas:
                boxes = None if boxes is None or area.boxes is None else boxes + area.boxes
            if since == 0 or len(areas) == _STATEMENTS_MAX:
                boxes = None
            if boxes and not layer.is_open_to(actor):
                boxes = await _visible(connection, layer, actor, boxes, areas[0].changed_at)
        sets = None
        if boxes is not None:
            found = {grid.id: changed_tiles(boxes, grid) for grid in GRIDS.values()} if boxes else {}
            sets = {name: {"zoom": one.zoom, "ranges": one.ranges} for name, one in found.items()}
        return {"layer": layer.id, "since": since, "version": layer.version, "sets": sets}


def _audiences(subscribers: Collection[TileSubscriber]) -> dict[str, Actor]:
    return {subscriber.actor.audience: subscriber.actor for subscriber in subscribers}


async def _visible(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, boxes: list[BBox], since: datetime
) -> list[BBox] | None:
    if len(boxes) > BOXES_MAX:
        return None
    text, values = visible_boxes(layer, actor, boxes, since).render()
    return [boxes[row["number"] - 1] for row in await connection.fetch(text, *values)]
