"""Replays have a few places: no client holds more than half of them, and none holds one without reading."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from layers.errors import Unavailable
from server.live import playbacks
from server.live.playbacks import A_CALLER_MAX, PLAYBACKS_MAX, PlaybackAnswer, Playbacks
from server.wire.connection import ClientConnection
from twin.live.playback import PlaybackFrame

FRAME = PlaybackFrame(b"x" * 1_000_000, {}, {})
DEADLINE_S = 60


def test_one_address_holds_at_most_half_of_the_places() -> None:
    places = Playbacks()
    with ExitStack() as held:
        for _ in range(A_CALLER_MAX):
            held.enter_context(places.place("a"))
        with pytest.raises(Unavailable, match="for your address"), places.place("a"):
            pass
        for number in range(PLAYBACKS_MAX - A_CALLER_MAX):
            held.enter_context(places.place(f"b{number}"))
        with pytest.raises(Unavailable, match=f"{PLAYBACKS_MAX} replays are running"), places.place("c"):
            pass
    with places.place("a"):
        pass


class Replays:
    """An application that answers each request with an endless replay, and reports when one has ended."""

    def __init__(self) -> None:
        self.left = threading.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as place:
            place.callback(self.left.release)
            await PlaybackAnswer(FRAME, self._frames(), place.pop_all(), {})(scope, receive, send)

    async def _frames(self) -> AsyncIterator[PlaybackFrame]:
        while True:
            await asyncio.sleep(0)  # as a frame waits for the database
            yield FRAME


@pytest.fixture
def replays() -> Replays:
    return Replays()


@pytest.fixture
def address(replays: Replays) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = uvicorn.Server(
            uvicorn.Config(replays, http=ClientConnection, lifespan="off", log_level="critical", access_log=False)
        )
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()
        running.should_exit = running.force_exit = True
        thread.join()


def test_whoever_does_not_read_gives_the_place_back(
    replays: Replays, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playbacks, "STALL_SECONDS_MAX", 0.3)
    with socket.create_connection(address, timeout=DEADLINE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert replays.left.acquire(timeout=DEADLINE_S), "although the connection is still there"


def test_whoever_reads_slowly_keeps_the_place_until_the_end(replays: Replays, address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=DEADLINE_S) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        got = 0
        while got < 20 * len(FRAME.line):
            read = len(client.recv(65536))
            assert read, "the connection was closed"
            got += read
        assert not replays.left.acquire(blocking=False)
    assert replays.left.acquire(timeout=DEADLINE_S), "the client has gone"
