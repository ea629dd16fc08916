"""HTTP connections with a timeout for every wait: for a header, for a body, and for a client that does not read.

uvicorn waits for all of these without end. Each open connection costs a file descriptor, and a client that opened a
thousand silent ones would keep all others out.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from layers.seldom import Seldom

HEADER_SECONDS_MAX = 15.0  # from the start of a connection to the end of a request's header
BODY_SECONDS_MAX = 60.0  # between two pieces of a body, and of a body beside its bytes
BODY_BYTES_A_SECOND = 512  # the slowest body; a feed's stream may last for days and is slow by nature
READ_SECONDS_MAX = 60.0  # for a client that reads nothing; a stream resumes from its last number
_FEEDS = b"/feeds/"
HEADER_BYTES_MAX = 128 * 1024  # the longest address that is read, and as much again


class ClientConnection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_header = True
        self._body_ends = 0.0  # the time at which a body that is as slow as may be has ended

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the header."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every timeout."""
        self._wait(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; a header that does not end is refused."""
        if self._in_header:
            self._header_bytes += len(data)
        elif self._patience is not None:
            self._wait_for_body(len(data))
        super().data_received(data)
        if self._in_header and self._header_bytes > HEADER_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The header is longer than is read.")
        if self._patience is None and not self._in_header and self._is_idle():
            self._wait(HEADER_SECONDS_MAX)  # an empty line between two requests starts no header

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; a WebSocket has timeouts of its own."""
        self._wait(None)
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """Start a request's header; on a connection that was kept alive its timeout starts here."""
        super().on_message_begin()
        self._in_header = True
        if self._patience is None:
            self._wait(HEADER_SECONDS_MAX)

    def on_headers_complete(self) -> None:
        """Start the timeout of the body."""
        self._in_header, self._header_bytes = False, 0
        self._body_ends = self.loop.time() + BODY_SECONDS_MAX
        self._wait(BODY_SECONDS_MAX)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the timeout; the answer is ours to send."""
        self._wait(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the timeout of a client that does not read."""
        self._stalled = self.loop.call_later(READ_SECONDS_MAX, self._give_up)
        super().pause_writing()

    def resume_writing(self) -> None:
        """Stop the timeout; the client reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _wait(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _wait_for_body(self, size: int) -> None:
        """Wait for the next piece: a body that arrives byte by byte ends in time, however often it shows life."""
        self._body_ends += size / BODY_BYTES_A_SECOND
        left = BODY_SECONDS_MAX if self.url.startswith(_FEEDS) else self._body_ends - self.loop.time()
        self._wait(max(0.0, min(left, BODY_SECONDS_MAX)))

    def _is_idle(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _give_up(self) -> None:
        if self.flow.read_paused and self._stalled is None:
            self._wait(BODY_SECONDS_MAX)  # reading is paused on our side
        else:
            self.transport.abort()


def open_many() -> int:
    """Raise the limit of open files to the hard limit and return it; each client costs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # the system has a lower limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class SaySeldom(logging.Filter):
    """Passes each warning of uvicorn about requests at most once a minute, with the number it stands for."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, Seldom] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is logged; a fault of ours always is."""
        if record.levelno != logging.WARNING or record.args:
            return True
        others = self._seen.setdefault(str(record.msg), Seldom()).due()
        if others:
            record.msg = f"{record.msg} ({others} more since the last line)"
        return others is not None
