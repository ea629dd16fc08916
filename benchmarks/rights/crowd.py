"""A crowd of strangers: what an operator and a stranger wait, and what a feed waits, while hundreds of strangers read.

The crowd comes from addresses of its own through a gateway, on connections that it keeps, and reads as fast as it can.
All programs share one machine, so that the crowd also takes the processor from those who are measured: how much longer
they wait than alone is told without a goal. The goals are that an operator does not stand in the queue of strangers,
which holds only where there is one (a stranger waits much longer than an operator alone), and that nobody is refused.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx

from benchmarks.results import Figure, at_most
from benchmarks.servers import running_ours
from server.feeds.key import ensure_feed_key
from server.feeds.sender import FeedSender
from server.identity.operator_token import TOKEN_FILE, ensure_operator_token

CONNECTIONS = 300
_PATHS = tuple(f"/ogc/collections/streets/items?limit={number}" for number in range(1, 9))  # the same for everybody
_SHARE_MAX = 0.5  # of a stranger's wait: an operator does not stand in the queue of strangers
_SECONDS, _WARM_SECONDS = 12.0, 2.0


@dataclass(frozen=True, slots=True)
class Waits:
    """What one client waits that asks again as soon as it is answered: for answers, and how often it is refused."""

    median_ms: float
    refused_percent: float


async def measure(url: str, home: Path, share: float = 1.0) -> list[Figure]:
    """Return what an operator, a feed and a stranger wait within a crowd, and the first two alone."""
    ensure_operator_token_in(home)
    feed_key = ensure_feed_key("demo", home)
    server = {"proxies": ["127.0.0.1"]}
    with running_ours(url, home, server=server) as address:
        token = (home / TOKEN_FILE).read_text(encoding="ascii").strip()
        seconds = _SECONDS * share
        known = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            sender = FeedSender(client, "demo", feed_key)
            operator_alone = await _waits(lambda: _read(client, known), seconds)
            feed_alone = await _waits(lambda: _deliver(sender), seconds)
            crowd = multiprocessing.get_context("spawn").Process(target=_crowd, args=(address,), daemon=True)
            crowd.start()
            try:
                await asyncio.sleep(_WARM_SECONDS)  # until the crowd has its full strength
                operator, stranger, feed = await asyncio.gather(
                    _waits(lambda: _read(client, known), seconds),
                    _waits(lambda: _read(client, {"X-Forwarded-For": "198.51.100.7"}), seconds),
                    _waits(lambda: _deliver(sender), seconds),
                )
            finally:
                crowd.terminate()
                crowd.join()
    among = f"among {CONNECTIONS} strangers"
    return [
        at_most("operator, nobody else reads", "ms, median", operator_alone.median_ms, None),
        at_most("feed, nobody reads", "ms, median", feed_alone.median_ms, None),
        at_most(f"stranger, {among}", "ms, median", stranger.median_ms, None),
        at_most(f"operator, {among}", "ms, median", operator.median_ms, None),
        at_most(f"feed, {among}", "ms, median", feed.median_ms, None),
        at_most("operator's wait, × alone", "×", operator.median_ms / operator_alone.median_ms, None),
        at_most("feed's wait, × alone", "×", feed.median_ms / feed_alone.median_ms, None),
        at_most("operator's wait as a share of a stranger's", "×", operator.median_ms / stranger.median_ms, _SHARE_MAX),
        at_most(f"operator, refused {among}", "%", operator.refused_percent, 0),
        at_most(f"feed, refused {among}", "%", feed.refused_percent, 0),
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


async def _waits(work: Callable[[], Awaitable[None]], seconds: float) -> Waits:
    """Do some work again and again."""
    took: list[float] = []
    refused = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or not took:
        began = time.monotonic()
        try:
            await work()
        except httpx.HTTPError:
            refused += 1
        else:
            took.append((time.monotonic() - began) * 1000)
    return Waits(median(took), 100 * refused / (refused + len(took)))


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
