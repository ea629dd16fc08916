"""Tests of outages: a hanging or absent database is reported in time, and the service recovers afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from layers.cluster.place import find_place
from tests.setup.test_up import DEADLINE_S, Up, prepared_database, running, wait_for_end, wait_until

__all__ = ["prepared_database", "running"]  # fixtures
ANSWER_SECONDS_MAX = 60  # far above every limit of the service
READS = (
    "/ogc/collections/grids/items?limit=1",
    "/ogc/collections/grids/items?filter=name%3D%27x%27",
    "/ogc/collections/grids/items/1",
    "/tiles/grids/14/13345/7107.mvt",
    "/twin/locate?lon=113.3&lat=23.1",
    "/twin/feeds",
    "/twin/rules",
)


def test_a_stopped_worker_and_a_stopped_ingest_process_are_replaced(running: Any):
    up = running(ONEMAP_SERVER_HUNG_S="3")
    wait_until(lambda: up.health()["ingest"])
    worker, (ingest,) = up.workers()[0], up.ingest()
    for process in (worker, ingest):
        os.kill(process, signal.SIGSTOP)
    for process in (worker, ingest):
        wait_for_end(process)
    wait_until(lambda: len(up.workers()) == 2 and len(up.ingest()) == 1)
    wait_until(lambda: up.health()["ingest"])
    assert up.health()["status"] == "ok"
    up.end(signal.SIGTERM)


def test_workers_share_connections_and_a_hung_database_is_told_within_the_limits(running: Any):
    up = running(ONEMAP_DATABASE_STATEMENT_TIMEOUT_MS="2000")
    wait_until(lambda: min(spread(up, 16)) > 0)  # a worker that is not up takes no connection
    held = spread(up, 16)
    assert sum(held) == 16
    assert min(held) >= 4, held
    paths = ("/health", *READS)
    with stopped(postmaster_of(up.home)), ThreadPoolExecutor(len(paths)) as readers:
        answers = readers.map(ask, [up.address + path for path in paths])  # all at once: each waits for its limit
        for path, (status, headers, detail) in zip(paths, answers, strict=True):
            assert status == 503, (path, detail)
            assert headers["Retry-After"], path
        status, _, detail = ask(f"{up.address}/health")
        assert status == 503
        assert "database" in detail["detail"]
    for path in READS[:2]:
        wait_until(lambda path=path: ask(up.address + path)[0] == 200)
    assert up.health()["status"] == "ok"
    up.end(signal.SIGTERM)
    assert "Traceback" not in up.output


def test_an_outage_is_503_and_a_line_and_no_traceback(running: Any, database_url: str, cluster: str):
    up = running(ONEMAP_DATABASE_URL=database_url)
    name = urlsplit(database_url).path[1:]
    with away(cluster, name):
        for _ in range(20):
            for path in READS:
                status, headers, detail = ask(up.address + path)
                assert status == 503, (path, detail)
                assert headers["Retry-After"], path
            status, headers, _ = ask(f"{up.address}/feeds/events", b"{}")
            assert status in {401, 404, 503}, "what needs no database needs none"
    wait_until(lambda: ask(f"{up.address}/health")[0] == 200)
    up.end(signal.SIGTERM)
    assert "Traceback" not in up.output
    assert len(re.findall("answered 503", up.output)) <= 2, "one line a worker"


def spread(up: Up, connections: int) -> list[int]:
    """Open keep-alive connections one after the other; return their number for each worker."""
    where = urlsplit(up.address)
    with ExitStack() as clients:
        mine = set()
        for _ in range(connections):
            client = clients.enter_context(socket.create_connection((where.hostname, where.port), timeout=DEADLINE_S))
            client.sendall(b"GET /tiles/grids.json HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            mine.add(client.getsockname()[1])
        return [connections_of(worker, mine) for worker in up.workers()]


def ask(address: str, body: bytes | None = None) -> tuple[int, HTTPMessage, dict[str, Any]]:
    """Send a request; one that does not end fails here."""
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:
            answer.read()
            return answer.status, answer.headers, {}
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def postmaster_of(home: Path) -> int:
    """Return the first process of the private PostgreSQL."""
    place = find_place(home)
    assert place is not None
    return int((place.data / "postmaster.pid").read_text(encoding="ascii").split()[0])


@contextmanager
def stopped(postmaster: int) -> Iterator[None]:
    """Stop a PostgreSQL while the context lasts: the postmaster first, so that it starts none and misses no end."""
    os.kill(postmaster, signal.SIGSTOP)
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii")
    processes = [*map(int, children.split()), postmaster]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@contextmanager
def away(cluster: str, name: str) -> Iterator[None]:
    """Close a database to new connections, and end the existing ones."""

    async def allow(*, yes: bool) -> None:
        connection = await asyncpg.connect(cluster)
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {yes}')
        if not yes:
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await connection.close()

    asyncio.run(allow(yes=False))
    try:
        yield
    finally:
        asyncio.run(allow(yes=True))


def connections_of(process: int, clients: set[int]) -> int:
    """Return the number of connections of a process with clients at these ports."""
    held = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        parts = line.split()
        if int(parts[2].rpartition(":")[2], 16) in clients:
            held.add(f"socket:[{parts[9]}]")
    return sum(opened(link) in held for link in Path(f"/proc/{process}/fd").iterdir())


def opened(descriptor: Path) -> str:
    """Return what a process opened as this descriptor; nothing once it is closed: a running process closes some."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""
