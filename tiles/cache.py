"""A cache of drawn tiles: in memory, then on disk, and never older than the last change within a tile.

An entry holds the versions of its layers when it was drawn. It is served as long as no later change touches its box
(`layers.changed`), so a change of one camera costs the tiles of that camera and no other. Requests for the same tile
while it is being drawn share one drawing.
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
_OVERHEAD_BYTES = 400  # of an entry beside its key and content, approximately
_THREADS = 32  # most of them wait for the disk, or for a tile that another process draws
_SMALL_BYTES = 16_000  # up to this size compressed in the event loop; above in a thread


type Draw = Callable[[], Awaitable[bytes]]  # returns a tile, uncompressed


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile, ready to be sent.

    Attributes
    ----------
    content
        Compressed with gzip when `packed`, which pays for a tile that is sent more than once; empty when nothing lies
        in the tile.
    etag
        A digest of the content: a tile drawn again with the same content has the same tag.
    size
        Bytes before compression.
    versions
        The versions of its layers when it was drawn.
    """

    content: bytes
    etag: str
    size: int
    versions: tuple[int, ...]
    packed: bool = True

    def plain(self) -> bytes:
        """Return the uncompressed content, for a client that cannot read gzip."""
        return gzip.decompress(self.content) if self.packed and self.content else self.content

    def gzipped(self) -> bytes:
        """Return the compressed content; empty stays empty."""
        return self.content if self.packed or not self.content else _compress(self.content)


@dataclass(frozen=True, slots=True)
class TileRequest:
    """A request for a tile.

    Attributes
    ----------
    key
        Everything its content depends on, except the rows.
    layers
        The layers whose rows it shows.
    box
        The area it shows, in stored degrees, with its margin.
    durable
        Whether it is worth keeping on disk; a tile that changes every second is not.
    packed
        Whether it is worth compressing; images are compressed already.
    """

    key: str
    layers: tuple[Layer, ...]
    box: BBox
    durable: bool = True
    packed: bool = True


@dataclass(slots=True)
class Served:
    """Counts of tiles by source, for the metrics: memory, disk, a shared drawing, a new drawing."""

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
        The areas in which layers changed.
    disk
        Tiles on disk, shared with other processes; None keeps tiles in memory alone.
    memory_bytes
        Bound of the tiles in memory.
    """

    areas: ChangedAreas
    disk: DiskTiles | None
    memory_bytes: int
    served: Served = field(default_factory=Served)
    _tiles: OrderedDict[str, Tile] = field(default_factory=OrderedDict)
    _held_bytes: int = 0
    _flights: dict[str, _Flight] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "tiles"))

    @property
    def held_bytes(self) -> int:
        """Approximate memory of the tiles."""
        return self._held_bytes

    async def get(self, request: TileRequest, draw: Draw) -> Tile:
        """Return a current tile: it shows every change that the catalogue announced before the call.

        Parameters
        ----------
        draw
            Draws the tile, uncompressed; its error is raised in every request that waits for it, and is not cached.
        """
        versions = tuple([await self.areas.follow(layer) for layer in request.layers])
        tile = self._tiles.get(request.key)
        if tile is not None and self._is_current(request, tile.versions):
            if tile.versions != versions:  # current until now, so that the next request checks only later changes
                tile = self._tiles[request.key] = replace(tile, versions=versions)
            self._tiles.move_to_end(request.key)
            self.served.memory += 1
            return tile
        flight = self._flights.get(request.key)
        if flight is not None and self._is_current(request, flight.versions):
            self.served.shared += 1
        else:
            task = asyncio.create_task(self._make(request, versions, draw))
            flight = self._flights[request.key] = _Flight(versions, task)
            task.add_done_callback(lambda _: self._forget_flight(request.key, flight))
        return await asyncio.shield(flight.task)  # the first request may be cancelled; the others still wait

    async def draw_uncached(self, draw: Draw) -> Tile:
        """Return a tile drawn for this call alone, and cache nothing."""
        return await self._pack(await draw(), (), packed=False)

    async def close(self) -> None:
        """Stop drawing."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget_flight(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.task.cancelled():
            flight.task.exception()  # retrieved, or asyncio would log it when no request waits any more

    def _is_current(self, request: TileRequest, versions: Sequence[int]) -> bool:
        drawn = zip(request.layers, versions, strict=True)
        return all(self.areas.is_current(layer.id, version, request.box) for layer, version in drawn)

    async def _make(self, request: TileRequest, versions: tuple[int, ...], draw: Draw) -> Tile:
        disk = self.disk if request.durable else None
        if disk is None:
            tile = await self._pack(await draw(), versions, packed=request.packed and self.memory_bytes > 0)
        else:
            tile = await self._read_disk(disk, request) or await self._draw_once(disk, request, versions, draw)
        self._hold(request.key, tile)
        return tile

    async def _read_disk(self, disk: DiskTiles, request: TileRequest) -> Tile | None:
        entry = await self._in_thread(disk.read, request.key)
        if entry is None or len(entry.versions) != len(request.layers) or not self._is_current(request, entry.versions):
            return None
        self.served.disk += 1
        return Tile(entry.content, _etag(entry.content), entry.size, entry.versions, request.packed)

    async def _draw_once(self, disk: DiskTiles, request: TileRequest, versions: tuple[int, ...], draw: Draw) -> Tile:
        """Draw a tile and write it to disk; if another process is drawing it, wait for that drawing instead."""
        lock = disk.drawing(request.key)
        await self._in_thread(lock.__enter__)
        try:
            tile = await self._read_disk(disk, request)
            if tile is None:
                tile = await self._pack(await draw(), versions, packed=request.packed)
                if tile.content:  # an empty tile costs less to draw again than a file
                    await self._in_thread(disk.write, request.key, DiskEntry(tile.content, versions, tile.size))
            return tile
        finally:
            lock.__exit__(None, None, None)

    async def _in_thread[**P, T](self, work: Callable[P, T], *values: P.args, **named: P.kwargs) -> T:
        """Call a function that waits for the disk in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *values, **named))

    async def _pack(self, content: bytes, versions: tuple[int, ...], *, packed: bool) -> Tile:
        """Count a drawn tile and compress it."""
        self.served.drawn += 1
        self.served.drawn_bytes += len(content)
        if not content or not packed:
            return Tile(content, _etag(content), len(content), versions, packed)
        if len(content) < _SMALL_BYTES:
            gzipped = _compress(content)
        else:
            gzipped = await self._in_thread(_compress, content)
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
    """Return the bytes of an entry, with its key: a key holds a filter, which may be longer than any tile."""
    return len(key) + len(tile.content) + _OVERHEAD_BYTES


def _compress(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


def _etag(gzipped: bytes) -> str:
    return f'W/"{blake2b(gzipped, digest_size=12).hexdigest()}"'
