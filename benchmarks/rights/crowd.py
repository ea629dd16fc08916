"""A crowd of strangers: what an operator and a stranger wait, and what a feed waits, while hundreds of strangers read.

The crowd comes from addresses of its own through a gateway, on connections that it keeps, and reads as fast as it can.
All programs share one machine, so that the crowd also takes the processor from those who are measured.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import httpx

from benchmarks.results import Figure, at_most
from benchmarks.servers import running_ours
from server.feeds.key import ensure_feed_key
from server.feeds.sender import FeedSender
from server.identity.operator_token import TOKEN_FILE, ensure_operator_token

CONNECTIONS = 300
_PATHS = tuple(f"/ogc/collections/streets/items?limit={number}" for number in range(1, 9))  # the same for everybody
_PER_SECOND, _SECONDS, _WARM_SECONDS = 10, 12.0, 2.0
_SHARE_MAX = 0.5  # of a stranger's wait: an operator does not stand in the queue of strangers


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Return the p95 of an operator, a feed and a stranger within a crowd, and of the operator alone."""
    ensure_operator_token_in(home)
    feed_key = ensure_feed_key("demo", home)
    server = {"proxies": ["127.0.0.1"]}
    with running_ours(url, home, server=server) as address:
        token = (home / TOKEN_FILE).read_text(encoding="ascii").strip()
        seconds = _SECONDS * share
        known = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            sender = FeedSender(client, "demo", feed_key)
            alone = await _p95(lambda: _read(client, known), seconds)
            crowd = multiprocessing.get_context("spawn").Process(target=_crowd, args=(address,), daemon=True)
            crowd.start()
            try:
                await asyncio.sleep(_WARM_SECONDS)  # until the crowd has its full strength
                operator, stranger, feed = await asyncio.gather(
                    _p95(lambda: _read(client, known), seconds),
                    _p95(lambda: _read(client, {"X-Forwarded-For": "198.51.100.7"}), seconds),
                    _p95(lambda: _deliver(sender), seconds),
                )
            finally:
                crowd.terminate()
                crowd.join()
    return [
        at_most("operator, nobody else reads", "ms, p95", alone, None),
        at_most(f"stranger, {CONNECTIONS} strangers read", "ms, p95", stranger, None),
        at_most(f"operator, {CONNECTIONS} strangers read", "ms, p95", operator, None),
        at_most(f"feed, {CONNECTIONS} strangers read", "ms, p95", feed, None),
        at_most("operator's wait as a share of a stranger's", "×", operator / stranger, _SHARE_MAX),
    ]


def ensure_operator_token_in(home: Path) -> None:
    """Make the home and its token before the server starts, which reads it at its start."""
    home.mkdir(parents=True, exist_ok=True)
    ensure_operator_token(home)


async def _read(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    (await client.get(random.choice(_PATHS), headers=headers)).raise_for_status()


async def _deliver(sender: FeedSender) -> None:
    """Deliver one event, a new one each time."""
    now, name = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), f"crowd-{os.getpid()}-{time.monotonic_ns()}"
    data = {"source": "hotline", "lon": 113.33, "lat": 23.13, "title": "道路积水", "occurred_at": now, "stage": "file"}
    event = {
        "specversion": "1.0",
        "id": name,
        "source": "/feeds/demo",
        "type": "cn.gov.district.event.hotline.created",
        "subject": f"events/{name}",
        "time": now,
        "datacontenttype": "application/json",
        "data": {**data, "event_class": "0406"},
    }
    await sender.send([event])


async def _p95(work: Callable[[], Awaitable[None]], seconds: float) -> float:
    """Return the p95, in milliseconds, of work that is done some times a second; refused work counts with its time."""
    took: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(took) < 2:
        began = time.monotonic()
        with suppress(httpx.HTTPError):
            await work()
        took.append((time.monotonic() - began) * 1000)
        await asyncio.sleep(max(0.0, 1 / _PER_SECOND - (time.monotonic() - began)))
    return quantiles(took, n=20)[-1]


def _crowd(address: str) -> None:
    """Read for ever, on many connections; a program of its own."""
    asyncio.run(_strangers(urlsplit(address).hostname or "", urlsplit(address).port or 80))


async def _strangers(host: str, port: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            group.create_task(_stranger(host, port, f"203.0.{number // 250}.{number % 250}"))


async def _stranger(host: str, port: int, address: str) -> None:
    """Ask again as soon as there is an answer; a connection that is closed is opened anew."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, port)
            while True:
                head = f"GET {random.choice(_PATHS)} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {address}\r\n\r\n"
                writer.write(head.encode("ascii"))
                answered = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = answered.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
                await reader.readexactly(int(length or 0))
