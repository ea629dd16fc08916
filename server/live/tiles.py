"""Telling subscribers of `/live` which tiles to ask for again.

A hint, not a record: nothing of it is in the log. Each notice says after which version of the layer it tells
(`since`); who has heard another version last has missed something, and takes every tile of the layer for changed. So
notices may be dropped, and a subscriber that comes again finds out what it missed by the versions it is greeted with.
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
from layers.catalog import CatalogHolder, Layer
from layers.database.faults import DATABASE_ERRORS
from layers.errors import OneMapError
from layers.read.visible_changes import BOXES_MAX, read_changed_areas, visible_boxes
from layers.types import BBox
from tiles.changed_tiles import changed_tiles
from tiles.grids import GRIDS

PAUSE_SECONDS = 0.5  # changes within this time are told together
_WAITING_MAX = 16  # notices of one subscriber
_STATEMENTS_MAX = 2_000
_log = structlog.get_logger(__name__)
type Notice = dict[str, Any]


class TileSubscriber:
    """One subscriber that wants to hear of tiles.

    Attributes
    ----------
    told
        Version of each layer that it has heard of, or will when it reads on.
    """

    def __init__(self, actor: Actor, layers: Collection[str]) -> None:
        self.actor = actor
        self.told: dict[str, int] = {}
        self._layers = frozenset(layers)
        self._notices: deque[bytes] = deque(maxlen=_WAITING_MAX)
        self._wake = asyncio.Event()

    def wants(self, layer: Layer) -> bool:
        """Whether it asked for the layer; one that it may know of."""
        asked = not self._layers or layer.id in self._layers
        return asked and layer.definition.geometry_type != "None"

    def tell(self, notices: list[Notice]) -> None:
        """Let it hear; what it does not read in time is dropped, the oldest first."""
        self._notices.append(orjson.dumps(notices))
        self._wake.set()

    async def notices(self) -> AsyncIterator[bytes]:
        """Yield what it hears, each a JSON array, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._notices:
                yield self._notices.popleft()


class TileChanges:
    """Tells the subscribers of one worker, once for all who may see the same.

    Parameters
    ----------
    pool
        Connections of the reading role.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: CatalogHolder) -> None:
        self._pool, self._catalog = pool, catalog
        self._ears: set[TileSubscriber] = set()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._catalog.on_change.append(self._moved.set)
        self._catalog.on_version.append(self._moved.set)
        self._task = asyncio.create_task(self._follow(), name="tile-news")

    async def stop(self) -> None:
        """Stop telling."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def hearing(self, actor: Actor, layers: Collection[str]) -> Iterator[TileSubscriber]:
        """Tell somebody while the context lasts, first which versions there are.

        Parameters
        ----------
        layers
            Collection ids; empty means all that the actor may see.
        """
        ear = TileSubscriber(actor, layers)
        known = [layer for layer in self._catalog.current.visible_layers(actor) if ear.wants(layer)]
        ear.told = {layer.id: layer.version for layer in known}
        ear.tell([{"layer": layer.id, "since": layer.version, "version": layer.version, "sets": {}} for layer in known])
        self._ears.add(ear)
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    async def _follow(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._tell()
            except (OneMapError, *DATABASE_ERRORS) as error:
                _log.warning("changed tiles cannot be told now; trying again", error=str(error))
                self._moved.set()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self) -> None:
        notices: dict[TileSubscriber, list[Notice]] = {}
        made: dict[tuple[str, int, str], Notice] = {}
        catalog, ears = self._catalog.current, [*self._ears]
        seen = {audience: catalog.visible_layers(actor) for audience, actor in _audiences(ears).items()}
        for ear in ears:
            for layer in filter(ear.wants, seen[ear.actor.audience]):
                since = ear.told.get(layer.id, 0)
                if since >= layer.version:
                    continue
                key = layer.id, since, ear.actor.audience
                if key not in made:
                    made[key] = await self._notice(layer, since, ear.actor)
                ear.told[layer.id] = made[key]["version"]
                notices.setdefault(ear, []).append(made[key])
        for ear, said in notices.items():
            ear.tell(said)

    async def _notice(self, layer: Layer, since: int, actor: Actor) -> Notice:
        """Tell what changed after a version; `sets` is null when it may be anywhere."""
        async with self._pool.acquire() as connection:
            areas = await read_changed_areas(connection, layer, actor, since, _STATEMENTS_MAX)
            boxes: list[BBox] | None = []
            for area in areas:
                boxes = None if boxes is None or area.boxes is None else boxes + area.boxes
            if since == 0 or len(areas) == _STATEMENTS_MAX:
                boxes = None
            if boxes and not layer.is_open_to(actor):
                boxes = await _seen(connection, layer, actor, boxes, areas[0].changed_at)
        sets = None
        if boxes is not None:
            found = {grid.id: changed_tiles(boxes, grid) for grid in GRIDS.values()} if boxes else {}
            sets = {name: {"zoom": one.zoom, "ranges": one.ranges} for name, one in found.items()}
        return {"layer": layer.id, "since": since, "version": layer.version, "sets": sets}


def _audiences(ears: Collection[TileSubscriber]) -> dict[str, Actor]:
    return {ear.actor.audience: ear.actor for ear in ears}


async def _seen(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, boxes: list[BBox], since: datetime
) -> list[BBox] | None:
    if len(boxes) > BOXES_MAX:
        return None
    text, values = visible_boxes(layer, actor, boxes, since).render()
    return [boxes[row["number"] - 1] for row in await connection.fetch(text, *values)]
