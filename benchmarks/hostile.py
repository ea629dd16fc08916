"""One hostile client: a good reader's p95 while somebody tries to stop the service, against its p95 when nobody does.

Run it with `./onemap bench hostile`. The reader asks for three features at a time from a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx
import orjson

from benchmarks.features import HOME
from benchmarks.machine import describe_machine
from benchmarks.results import Figure, show, write_json
from benchmarks.servers import running_ours
from benchmarks.tables import make_tables
from layers.cluster import PrivateCluster
from layers.database.connection import Role, connect
from layers.schema.tables import sync_definitions
from twin.log.change import Change
from twin.log.changes import append

_READS_PER_SECOND = 20
_ITEMS = "/ogc/collections/bench_points/items"


@dataclass(frozen=True, slots=True)
class Target:
    """The service under attack."""

    address: str
    url: str


async def _nothing(_: Target) -> None:
    """Idle: the reader is alone."""
    await asyncio.Event().wait()


async def _filters(target: Target) -> None:
    """Open a hundred streams with the most expensive filters allowed, while fifty events arrive five times a second."""
    words = " OR ".join(f"CASEI(title) LIKE CASEI('%{number}%')" for number in range(70))

    async def listen(client: httpx.AsyncClient, number: int) -> None:
        params = {"layers": "events", "filter": f"{words} OR title = 'x{number}'"}
        async with client.stream("GET", f"{target.address}/live", params=params) as stream:
            async for _ in stream.aiter_raw():
                pass

    async def write() -> None:
        connection = await connect(target.url, Role.INGEST)
        for batch in range(10**6):
            changes = [
                {"kind": "event", "layer": "events", "id": f"{batch}-{n}", "title": "no such word" * 4, "grade": 2}
                for n in range(50)
            ]
            async with connection.transaction():
                await append(connection, cast("list[Change]", changes))
            await asyncio.sleep(0.2)

    async with _client() as client:
        await _all(write(), *(_again(listen, client, number) for number in range(100)))


async def _slow_queries(target: Target) -> None:
    """Send twenty queries at a time that take as long as a statement may."""
    words = " OR ".join(f"ACCENTI(CASEI(name)) LIKE ACCENTI(CASEI('%q{number}%'))" for number in range(40))

    async def ask(client: httpx.AsyncClient, number: int) -> None:
        await client.get(
            f"{target.address}{_ITEMS}", params={"filter": f"{words} OR name = '{number}{random.random()}'"}
        )

    async with _client() as client:
        await _all(*(_again(ask, client, number) for number in range(20)))


async def _bodies(target: Target) -> None:
    """Send bodies of 96 MB to the route that reads a polygon."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1500):
            yield b"[0,0]," * 10_923

    async def send(client: httpx.AsyncClient, _: int) -> None:
        await client.post(f"{target.address}/raster/none/statistics", content=endless())

    async with _client() as client:
        await _all(*(_again(send, client, number) for number in range(4)))


async def _half_open(target: Target) -> None:
    """Hold 1,200 connections that send part of a header and nothing more."""
    where = urlsplit(target.address)
    with ExitStack() as held:
        for _ in range(1200):
            client = held.enter_context(socket.create_connection((where.hostname, where.port or 80)))
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-")
        await asyncio.Event().wait()


async def _distinct_filters(target: Target) -> None:
    """Post filters of a megabyte and filters of 600 conditions, each different."""

    async def post(client: httpx.AsyncClient, number: int) -> None:
        if number % 2:
            values = [f"{random.random()}{'x' * 80}" for _ in range(9_000)]
            content = orjson.dumps({"op": "in", "args": [{"property": "name"}, values]})
        else:
            order = random.sample(range(600), 600)
            args = [{"op": "=", "args": [{"property": "name"}, str(n)]} for n in order]
            content = orjson.dumps({"op": "or", "args": args})
        await client.post(f"{target.address}{_ITEMS}", content=content, headers={"Content-Type": "application/json"})

    async with _client() as client:
        await _all(*(_again(post, client, number) for number in range(8)))


async def _filtered_tiles(target: Target) -> None:
    """Request an empty tile with a new filter each time."""

    async def ask(client: httpx.AsyncClient, _: int) -> None:
        await client.get(f"{target.address}/tiles/bench_points/14/0/0.mvt?filter={quote(f'name={random.random()!r}')}")

    async with _client() as client:
        await _all(*(_again(ask, client, number) for number in range(16)))


CASES: dict[str, Callable[[Target], Coroutine[Any, Any, None]]] = {
    "idle": _nothing,
    "100 dear filters on /live": _filters,
    "20 slow queries at once": _slow_queries,
    "bodies of 96 MB": _bodies,
    "1,200 half-open requests": _half_open,
    "distinct filters, 1 MB and 600 conditions": _distinct_filters,
    "filtered empty tiles": _filtered_tiles,
}


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))


async def _again(work: Callable[[httpx.AsyncClient, int], Coroutine[Any, Any, None]], *arguments: Any) -> None:
    while True:
        with suppress(httpx.HTTPError):
            await work(*arguments)
        await asyncio.sleep(0)


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)


def read(address: str, seconds: float) -> list[float]:
    """Read three features at a time; return the milliseconds of each response, failed ones included."""
    took: list[float] = []
    ends = time.monotonic() + seconds
    with httpx.Client(timeout=60) as client:
        while time.monotonic() < ends:
            began = time.monotonic()
            with suppress(httpx.HTTPError):
                client.get(f"{address}{_ITEMS}?limit=3&offset={random.randrange(1000)}")
            took.append((time.monotonic() - began) * 1000)
            time.sleep(max(0.0, 1 / _READS_PER_SECOND - (time.monotonic() - began)))
    return took


async def _measure(attack: Callable[[Target], Coroutine[Any, Any, None]], target: Target, seconds: float) -> float:
    """Return the reader's p95 during an attack."""
    loop = asyncio.get_running_loop()
    attacking = asyncio.create_task(attack(target))
    await asyncio.sleep(2)  # until the attack has its full strength
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as reader:
        took = await loop.run_in_executor(reader, read, target.address, seconds)
    attacking.cancel()
    with suppress(asyncio.CancelledError):
        await attacking
    return quantiles(took, n=20)[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit code."""
    parser = argparse.ArgumentParser(prog="onemap bench hostile", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument("--seconds", type=float, default=15, help="of reading for each attack (15)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows, for trials (1)")
    parser.add_argument("--home", type=Path, default=HOME, help="folder of the database (.onemap/bench)")
    options = parser.parse_args(arguments)
    options.home.mkdir(parents=True, exist_ok=True)
    rows: list[Figure] = []
    with PrivateCluster(options.home.absolute() / f"hostile-{options.scale:g}") as url:
        asyncio.run(make_tables(url, options.scale))
        asyncio.run(sync_definitions(url))
        for title, attack in CASES.items():
            with running_ours(url, options.home.absolute() / "hostile-home") as address:
                p95 = asyncio.run(_measure(attack, Target(address, url), options.seconds))
            idle = rows[0].ours if rows else p95
            rows.append(Figure(title, "ms, p95", round(p95, 1), round(idle, 1), round(p95 / idle, 1), None, None))
    show(rows, [describe_machine(), "ratio: the reader's p95 against its p95 when nobody attacks ('peer')"])
    if options.json:
        write_json(rows, options.json)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to stop, which stops the servers too
    sys.exit(main())
