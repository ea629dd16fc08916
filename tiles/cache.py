"""Tiles that were drawn before: in memory, then on disk, and never older than the last change within them.

An entry remembers the versions its layers had when it was drawn. It is served as long as no later change touches its
box (`layers.changed`), so a change of one camera costs the tiles of that camera and no other. Requests that want the
same tile while it is being drawn wait for the one drawing.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b

from layers.catalog import Layer
from layers.changed import ChangedAreas
from layers.types import BBox
from tiles.disk import DiskEntry, DiskTiles

_LEVEL = 5  # a tile is compressed once and sent often
_OVERHEAD_BYTES = 400  # of an entry beside its key and content, about
_THREADS = 32  # most of them wait: for the disk, or for a tile that another process draws
_SMALL_BYTES = 16_000  # compressed at once; above that in a thread


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile as it is sent.

    Attributes
    ----------
    content
        Compressed with gzip when `packed`, which is worth it for what is sent more than once; empty when nothing lies
        in the tile.
    etag
        Of the content: a tile that is drawn anew and looks the same is the same.
    size
        Bytes before compression.
    versions
        Of its layers, when it was drawn.
    """

    content: bytes
    etag: str
    size: int
    versions: tuple[int, ...]
    packed: bool = True

    def plain(self) -> bytes:
        """Return the tile for a client that cannot read gzip."""
        return gzip.decompress(self.content) if self.packed and self.content else self.content

    def gzipped(self) -> bytes:
        """Return the tile compressed; nothing stays nothing."""
        return self.content if self.packed or not self.content else _compressed(self.content)


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A tile that is asked for.

    Attributes
    ----------
    key
        All that its content depends on, except the rows.
    layers
        Whose rows it shows.
    box
        What it shows, in stored degrees, with its margin.
    durable
        Whether it is worth keeping on disk; what changes every second is not.
    packed
        Whether it is worth compressing; pictures are compressed already.
    """

    key: str
    layers: tuple[Layer, ...]
    box: BBox
    durable: bool = True
    packed: bool = True


@dataclass(slots=True)
class Served:
    """How tiles were come by, for the metrics."""

    memory: int = 0
    disk: int = 0
    shared: int = 0
    drawn: int = 0
    drawn_bytes: int = 0
    queries: int = 0
    thinned: int = 0


@dataclass(slots=True)
class _Flight:
    versions: tuple[int, ...]
    task: asyncio.Task[Tile]


@dataclass(slots=True)
class TileCache:
    """The tiles of a process.

    Attributes
    ----------
    areas
        Tells where layers changed.
    shelf
        Tiles on disk, shared with other processes; None keeps them in memory alone.
    memory_bytes
        Bound of the tiles in memory.
    """

    areas: ChangedAreas
    shelf: DiskTiles | None
    memory_bytes: int
    served: Served = field(default_factory=Served)
    _tiles: OrderedDict[str, Tile] = field(default_factory=OrderedDict)
    _held_bytes: int = 0
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "tiles"))

    @property
    def held_bytes(self) -> int:
        """How much memory the tiles take, about."""
        return self._held_bytes

    async def get(self, wanted: TileRequest, draw: Callable[[], Awaitable[bytes]]) -> Tile:
        """Return a tile as it is now: nothing that the catalogue announced before the call is missing in it.

        Parameters
        ----------
        draw
            Makes the tile, uncompressed; its error is that of every request that waits for it, and is not kept.
        """
        versions = tuple([await self.areas.follow(layer) for layer in wanted.layers])
        tile = self._tiles.get(wanted.key)
        if tile is not None and self._is_current(wanted, tile.versions):
            if tile.versions != versions:  # right until now, so that only later changes are looked at next time
                tile = self._tiles[wanted.key] = replace(tile, versions=versions)
            self._tiles.move_to_end(wanted.key)
            self.served.memory += 1
            return tile
        flight = self._flights.get(wanted.key)
        if flight is not None and self._is_current(wanted, flight.versions):
            self.served.shared += 1
        else:
            task = asyncio.create_task(self._made(wanted, versions, draw))
            flight = self._flights[wanted.key] = _Flight(versions, task)
            task.add_done_callback(lambda _: self._landed(wanted.key, flight))
        return await asyncio.shield(flight.task)  # whoever began it may go; the others wait on

    async def anew(self, draw: Callable[[], Awaitable[bytes]]) -> Tile:
        """Return a tile drawn for this call alone, and keep nothing."""
        return await self._drawn(await draw(), (), packed=False)

    async def close(self) -> None:
        """Stop drawing."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _landed(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.cancelled():
            flight.task.exception()  # was told to those who wait; if none does any more, to nobody

    def _is_current(self, wanted: TileRequest, versions: Sequence[int]) -> bool:
        drawn = zip(wanted.layers, versions, strict=True)
        return all(self.areas.is_current(layer.id, version, wanted.box) for layer, version in drawn)

    async def _made(self, wanted: TileRequest, versions: tuple[int, ...], draw: Callable[[], Awaitable[bytes]]) -> Tile:
        shelf = self.shelf if wanted.durable else None
        if shelf is None:
            tile = await self._drawn(await draw(), versions, packed=wanted.packed and self.memory_bytes > 0)
        else:
            tile = await self._from(shelf, wanted) or await self._drawn_for_all(shelf, wanted, versions, draw)
        self._hold(wanted.key, tile)
        return tile

    async def _from(self, shelf: DiskTiles, wanted: TileRequest) -> Tile | None:
        kept = await self._aside(shelf.read, wanted.key)
        if kept is None or len(kept.versions) != len(wanted.layers) or not self._is_current(wanted, kept.versions):
            return None
        self.served.disk += 1
        return Tile(kept.content, _etag(kept.content), kept.size, kept.versions, wanted.packed)

    async def _drawn_for_all(
        self, shelf: DiskTiles, wanted: TileRequest, versions: tuple[int, ...], draw: Callable[[], Awaitable[bytes]]
    ) -> Tile:
        """Draw a tile, unless another process is drawing it: then wait for that one."""
        lock = shelf.drawing(wanted.key)
        await self._aside(lock.__enter__)
        try:
            tile = await self._from(shelf, wanted)
            if tile is None:
                tile = await self._drawn(await draw(), versions, packed=wanted.packed)
                if tile.content:  # to find nothing again costs less than a file
                    await self._aside(shelf.write, wanted.key, DiskEntry(tile.content, versions, tile.size))
            return tile
        finally:
            lock.__exit__(None, None, None)

    async def _aside[**P, T](self, work: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
        """Do in a thread what waits for the disk."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *values, **named))

    async def _drawn(self, content: bytes, versions: tuple[int, ...], *, packed: bool) -> Tile:
        self.served.drawn += 1
        self.served.drawn_bytes += len(content)
        if not content or not packed:
            return Tile(content, _etag(content), len(content), versions, packed)
        if len(content) < _SMALL_BYTES:
            gzipped = _compressed(content)
        else:
            gzipped = await self._aside(_compressed, content)
        return Tile(gzipped, _etag(gzipped), len(content), versions)

    def _hold(self, key: str, tile: Tile) -> None:
        before = self._tiles.pop(key, None)
        if before is not None:
            self._held_bytes -= _weight(key, before)
        self._tiles[key] = tile
        self._held_bytes += _weight(key, tile)
        while self._held_bytes > self.memory_bytes:
            oldest = self._tiles.popitem(last=False)
            self._held_bytes -= _weight(*oldest)


def _weight(key: str, tile: Tile) -> int:
    """Return the bytes of an entry: a key holds a filter, which may be longer than any tile."""
    return len(key) + len(tile.content) + _OVERHEAD_BYTES


def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


def _etag(gzipped: bytes) -> str:
    return f'W/"{blake2b(gzipped, digest_size=12).hexdigest()}"'
