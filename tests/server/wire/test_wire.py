"""Every wait for a connection ends: real sockets against the protocol that serves them."""

from __future__ import annotations

import asyncio
import logging
import resource
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

import server.wire.connection
from server.processes.accept import HESITATION_SECONDS_MAX, Acceptor, hesitation_s
from server.wire.connection import HEADER_BYTES_MAX, ClientConnection, SaySeldom

HALF_OPEN = {
    "silent": b"",
    "half a line": b"GET /hea",
    "half a header": b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "half a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
    "an empty line after an answer": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
}
_LARGE = b"x" * (8 * 1024 * 1024)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer; ``/large`` answers more than any buffer holds."""
    if scope["type"] != "http":
        return
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    body = _LARGE if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The address of a server with the shortest sensible timeouts."""
    for name in ("HEADER_SECONDS_MAX", "BODY_SECONDS_MAX", "READ_SECONDS_MAX"):
        monkeypatch.setattr(server.wire.connection, name, 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(
            uvicorn.Config(_app, http=ClientConnection, lifespan="off", log_level="error", access_log=False)
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()
        running.should_exit = True
        thread.join()


@pytest.mark.parametrize("said", HALF_OPEN.values(), ids=HALF_OPEN.keys())
def test_what_is_half_said_is_closed(address: tuple[str, int], said: bytes) -> None:
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(said)
        while _received(client):
            pass


def test_a_client_that_does_not_read_is_let_go(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        select.select([client], [], [], 60)  # the answer has begun, and its time with it
        with socket.create_connection(address, timeout=60) as other:  # its end shows that the time has passed
            while _received(other):
                pass
        got = 0
        while piece := _received(client):
            got += len(piece)
    assert got < len(_LARGE), "the rest was never sent"


def test_a_header_without_end_is_refused(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
        sent = 0
        try:
            while sent < 64 * HEADER_BYTES_MAX:
                sent += client.send(b"X-Long: " + b"y" * 8192 + b"\r\n")
        except OSError:
            pass
        assert sent < 64 * HEADER_BYTES_MAX


def test_whoever_speaks_is_heard(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=60) as client:
        for _ in range(3):
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            client.sendall(b"body")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_body_that_arrives_byte_by_byte_ends(address: tuple[str, int]) -> None:
    """Each byte comes in time for the next one, and all of them do not."""
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        client.settimeout(0.05)
        sent = 0
        try:
            while sent < 1000:
                client.sendall(b"x")
                sent += 1
                with suppress(TimeoutError):
                    if not client.recv(1):
                        break
        except ConnectionError:
            pass
    assert sent < 100, "0.3 s and 512 bytes a second are over soon"


def test_the_stream_of_a_feed_may_be_slow(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(b"POST /feeds/a HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
        client.settimeout(0.05)
        for _ in range(12):
            client.sendall(b"x")
            with suppress(TimeoutError):
                assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_what_strangers_do_wrong_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test.uvicorn")
    logger.addFilter(SaySeldom())
    for _ in range(1000):
        logger.warning("Invalid HTTP request received.")
    assert len(caplog.records) == 1
    for _ in range(3):
        logger.error("a fault of ours")
    assert len(caplog.records) == 4


def test_as_many_files_are_open_as_may_be() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowered = min(256, most)
    told = subprocess.run(
        [sys.executable, "-c", "from server.wire.connection import open_many; print(open_many())"],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (lowered, most)),
    )
    assert int(told.stdout) == most


def test_whoever_holds_fewer_is_sooner_at_the_door() -> None:
    waits = [hesitation_s(held) for held in range(5000)]
    assert waits[0] == 0
    assert all(a < b for a, b in pairwise(waits))
    assert waits[-1] < HESITATION_SECONDS_MAX


def test_two_workers_share_a_crowd() -> None:
    """No worker gets most of the connections that arrive one after the other."""

    async def share() -> tuple[int, int]:
        held: tuple[set[object], set[object]] = (set(), set())
        taken: asyncio.Queue[None] = asyncio.Queue()
        with ExitStack() as open_sockets:
            listening = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
            both = [listening, open_sockets.enter_context(listening.dup())]
            doors = [
                Acceptor(one, mine, lambda mine=mine: _Held(mine, taken)) for one, mine in zip(both, held, strict=True)
            ]
            clients = []
            for _ in range(64):
                clients.append(await asyncio.open_connection(*listening.getsockname()))
                await taken.get()
            for door in doors:
                door.close()
            for _, writer in clients:
                writer.close()
                await writer.wait_closed()
        return len(held[0]), len(held[1])

    counts = asyncio.run(share())
    assert sum(counts) == 64
    assert min(counts) >= 16, counts


class _Held(asyncio.Protocol):
    def __init__(self, held: set[object], taken: asyncio.Queue[None]) -> None:
        held.add(self)
        taken.put_nowait(None)


def _received(client: socket.socket) -> bytes:
    try:
        return client.recv(65536)
    except ConnectionError:
        return b""
