"""The number of queries of a hundred equal requests, and the delay from a commit to the fresh tile."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import asyncpg
import mapbox_vector_tile  # type: ignore[import-untyped]

from benchmarks.results import Figure, at_most
from benchmarks.servers import running_ours
from benchmarks.tables import EAST, NORTH, SOUTH, WEST

_CROWD = 100
_CROWD_GOAL = 1.2  # times the time of one
_WHOLE = "/tiles/bench_buildings/11/1668/888.mvt"  # most of the buildings, a slow tile
_FRESH_GOAL_S = 1.0
_CHANGES_PER_S = 100
_ZOOM = 15
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address: str, path: str) -> tuple[bytes, str]:
    """Fetch a tile and its entity tag."""
    with _OPENER.open(address + path, timeout=60) as answer:
        return answer.read(), answer.headers["ETag"]


def crowd(url: str, home: Path) -> list[Figure]:
    """Let a hundred clients request an undrawn tile at once, several times; the slowest of them counts."""
    with running_ours(url, home) as address, ThreadPoolExecutor(_CROWD) as clients:
        ask(address, f"{_WHOLE}?height_m=5")
        list(clients.map(lambda _: ask(address, "/health"), range(_CROWD)))  # so that their threads exist
        alone, together, scans = [], [], []
        for number in range(5):
            before = asyncio.run(_scans(url))
            alone.append(_request_s(address, f"{_WHOLE}?filter=height_m>{number + 0.1}"))
            between = asyncio.run(_scans(url))
            path = f"{_WHOLE}?filter=height_m>{number + 0.2}"
            together.append(max(clients.map(lambda _, path=path: _request_s(address, path), range(_CROWD))))
            scans.append((asyncio.run(_scans(url)) - between) / max(1, between - before))
    one_s = sorted(alone)[2]
    whose = f"{_CROWD} clients, one cold tile of {one_s * 1000:.0f} ms"
    return [
        at_most(f"{whose}: the slowest, × the time of one", "×", sorted(together)[2] / one_s, _CROWD_GOAL),
        at_most(f"{whose}: scans of the table, × those of one", "×", max(scans), 1),
    ]


def _request_s(address: str, path: str) -> float:
    began = time.monotonic()
    ask(address, path)
    return time.monotonic() - began


async def _scans(url: str) -> int:
    """Return the number of scans of the layer's table, by an index or not; PostgreSQL reports it a second late."""
    connection = await asyncpg.connect(url)
    try:
        await asyncio.sleep(1.2)
        count: int = await connection.fetchval(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
            " WHERE relname = 'bench_buildings' AND schemaname = 'layer'"
        )
        return count
    finally:
        await connection.close()


def fresh(url: str, home: Path, seconds: float) -> list[Figure]:
    """Change features a hundred times a second, and request the tiles of some until they show the change."""
    with running_ours(url, home) as address, _changing(url) as changes:
        waits = asyncio.run(_waits(url, address, seconds))
        done = changes.per_second()
    p95 = quantiles(waits, n=20)[-1]
    note = f"commit to fresh tile, p95 of {len(waits)} at {done:.0f} changes/s"
    return [at_most(note, "s", p95, _FRESH_GOAL_S)]


async def _waits(url: str, address: str, seconds: float) -> list[float]:
    """Move one feature into random tiles; return the seconds until each tile showed it.

    Raises
    ------
    RuntimeError
        When a tile does not show the feature within 30 s.
    """
    connection = await asyncpg.connect(url)
    chance, waits = random.Random(7), []
    try:
        until = time.monotonic() + max(3, seconds)
        while time.monotonic() < until:
            lon, lat = chance.uniform(WEST, EAST), chance.uniform(SOUTH, NORTH)
            marked = f"s{chance.randrange(10**9)}"
            await connection.execute(
                "UPDATE layer.bench_points SET geom = ST_SetSRID(ST_MakePoint($1, $2), 4490), status = $3"
                " WHERE id = '0000001'",
                lon,
                lat,
                marked,
            )
            committed = time.monotonic()
            path = "/tiles/bench_points/{}/{}/{}.mvt".format(*_tile_of(lon, lat))
            while marked not in await asyncio.to_thread(_statuses, address, path):
                if time.monotonic() - committed > 30:
                    raise RuntimeError(f"{path} never showed {marked}")
            waits.append(time.monotonic() - committed)
    finally:
        await connection.close()
    return waits


def _statuses(address: str, path: str) -> set[str]:
    body, _ = ask(address, path)
    tile = mapbox_vector_tile.decode(body) if body else {}
    return {f["properties"]["status"] for layer in tile.values() for f in layer["features"]}


def _tile_of(lon: float, lat: float) -> tuple[int, int, int]:
    from tiles.cells import cell_of  # noqa: PLC0415  # `ask` alone does not need it

    return _ZOOM, *cell_of(lon, lat, _ZOOM)


class _Changes(threading.Thread):
    """Changes of other features, in the background."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._over = threading.Event()
        self._done, self._began = 0, time.monotonic()

    def run(self) -> None:
        asyncio.run(self._change())

    async def _change(self) -> None:
        connection = await asyncpg.connect(self._url)
        chance = random.Random(8)
        self._began = time.monotonic()
        while not self._over.is_set():
            await connection.execute(
                "UPDATE layer.bench_points SET azimuth_deg = $1 WHERE id = $2",
                chance.uniform(0, 360),
                f"{chance.randint(2, 1000):07}",
            )
            self._done += 1
            ahead = self._began + self._done / _CHANGES_PER_S - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))
        await connection.close()

    def per_second(self) -> float:
        return self._done / (time.monotonic() - self._began)

    def stop(self) -> None:
        self._over.set()
        self.join(10)


@contextmanager
def _changing(url: str) -> Iterator[_Changes]:
    changes = _Changes(url)
    changes.start()
    try:
        yield changes
    finally:
        changes.stop()
