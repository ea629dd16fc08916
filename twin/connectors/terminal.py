"""Feeds of vehicle terminals: a JT/T 808 server over TCP. A location is answered when it is durable.

A connection holds little: an incomplete frame and the bytes of one read. A fast terminal is slowed down by not being
read, which TCP passes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import ClassVar, Literal, override

import structlog
from pydantic import Field

from layers.errors import Conflict
from twin.connectors.connector import FetchedFeed, Status
from twin.connectors.terminal_protocol import Platform, Result
from twin.connectors.terminal_roster import Roster
from twin.envelope.message import Reading
from twin.envelope.refused import Refusal, Refused
from twin.feeds import jt808
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedConnection, FeedFormat
from twin.feeds.exposure import is_local
from twin.feeds.jt808 import TerminalFrame
from twin.feeds.secret import read_secret
from twin.intake.settling import Settle, settled
from twin.jobs.jobs import Parts

_READ_BYTES = 16 * 1024
_FAULTS_MAX = 20  # damaged or unauthorised frames in a row, after which the connection is closed
_SAVED_SECONDS = 20.0  # seconds' worth of locations that a silent terminal may send at once: late positions in batches
_REPORT_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class TerminalConnection(FeedConnection):
    """The address that terminals connect to, and their limits.

    Attributes
    ----------
    connections_max
        Terminals at once.
    idle_s
        A silent terminal is disconnected after this time.
    rate_per_s
        Locations a second that a terminal may send continuously.
    """

    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    connections_max: int = Field(default=5000, ge=1, le=50_000)
    idle_s: float = Field(default=300, gt=0)
    rate_per_s: float = Field(default=20, gt=0)


class TerminalFeed(FetchedFeed):
    """A feed of vehicle terminals that connect to us: JT/T 808."""

    usual_format: ClassVar[FeedFormat] = "jt808"

    protocol: Literal["jt808"]
    connection: TerminalConnection

    @property
    @override
    def own_host(self) -> str:
        return self.connection.host

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"终端连接 terminals connect to: {self.connection.host}:{self.connection.port}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Listen for terminals until cancelled.

        Raises
        ------
        Conflict
            When the network reaches the port and the feed has no secret.
        """
        host = self.connection.host
        if self.secret is None and not is_local(host):
            raise Conflict(f"{host} opens the port to the network and the feed has no secret; name one in its file")
        secret = read_secret(self.secret, parts.home, os.environ) if self.secret else None
        roster = Roster(parts.pool, parts.catalog, self.supplies[0])
        settle = partial(parts.intake.take_read, self.name)
        server = TerminalServer(self, settle, roster, secret)
        await server.start(host, self.connection.port)
        try:
            while True:
                await status.working(f"listens on {server.address}, {server.connections} terminals connected")
                await asyncio.sleep(_REPORT_SECONDS)
        finally:
            await server.stop()


class TerminalServer:
    """A server of one feed's terminals.

    Parameters
    ----------
    settle
        Writes messages; returns when they are durable.
    roster
        The known terminals.
    secret
        Key of the terminals' codes; None requires no codes.
    """

    def __init__(self, definition: TerminalFeed, settle: Settle, roster: Roster, secret: bytes | None = None) -> None:
        self.definition, self.settle, self.roster = definition, settle, roster
        self._secret = secret
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """Number of connected terminals."""
        return len(self._tasks)

    async def start(self, host: str, port: int) -> None:
        """Begin to listen; port 0 is any free one.

        Raises
        ------
        Conflict
            When it cannot listen on the address.
        """
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_READ_BYTES, backlog=1024)
        except OSError as error:
            raise Conflict(f"cannot listen on {host}:{port}: {error.strerror or error}", parameter="port") from error
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.address = f"{host}:{self.port}"

    async def stop(self) -> None:
        """Disconnect every terminal; they send unanswered messages again."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self.connections >= self.definition.connection.connections_max:
            writer.close()
            return
        self._tasks.add(task)
        try:
            await _Connection(self, Platform(self.roster, self._secret), reader, writer).run()
        except (OSError, TimeoutError) as error:
            _log.info("a terminal went away", feed=self.definition.name, error=str(error))
        except Exception as error:  # noqa: BLE001  # a fault of one terminal does not stop the others
            _log.exception("a terminal was let go", feed=self.definition.name, error=str(error))
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class _Connection:
    """A connection of a terminal."""

    def __init__(
        self, server: TerminalServer, platform: Platform, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._platform, self._reader, self._writer = server, platform, reader, writer
        connection = server.definition.connection
        self._idle_s, self._rate = connection.idle_s, connection.rate_per_s
        self._tokens, self._paced_at = self._rate * _SAVED_SECONDS, monotonic()
        self._faults = 0

    async def run(self) -> None:
        """Take frames until the terminal disconnects, is silent for too long, or sends too many faulty ones."""
        rest = b""
        while self._faults < _FAULTS_MAX:
            async with asyncio.timeout(self._idle_s):
                data = await self._reader.read(_READ_BYTES)
            if not data:
                return
            try:
                escaped, rest = jt808.split_frames(rest + data)
            except Refused as error:  # not JT/T 808
                refusal = Refusal.of(0, error, (rest + data)[: jt808.FRAME_BYTES_MAX])
                await settled(self._server.settle, Reading([], [refusal]))
                return
            if escaped:
                await self._take(escaped)

    async def _take(self, escaped: list[bytes]) -> None:
        frames = [_frame(one) for one in escaped]
        await self._server.roster.keep_current({frame.phone for frame in frames if frame is not None})
        whole, answers = Reading(), list[bytes]()
        for raw, frame in zip(escaped, frames, strict=True):
            answers += self._read(raw, frame, whole)
        if whole.received:
            await settled(self._server.settle, whole)
        async with asyncio.timeout(self._idle_s):
            self._writer.write(b"".join(answers))
            await self._writer.drain()
        await self._slow_down(len(whole.messages))

    def _read(self, raw: bytes, frame: TerminalFrame | None, whole: Reading) -> list[bytes]:
        """Read one frame, add its messages to `whole`, and return the answers."""
        platform = self._platform
        if frame is None:
            self._faults += 1
            _add(whole, self._decode(raw))
            return []
        reply = platform.reply(frame)
        if reply is not None:
            self._faults = 0
            return [reply]
        if frame.message_id == jt808.TERMINAL_ANSWER:
            return []
        if not platform.may_send(frame):
            self._faults += 1
            return [platform.answer(frame, Result.FAILED)]
        self._faults = 0
        reading = self._decode(raw)
        _add(whole, reading)
        taken = reading.messages or not reading.refused
        return [platform.answer(frame, Result.TAKEN if taken else Result.WRONG)]

    def _decode(self, raw: bytes) -> Reading:
        delivery = Delivery(jt808.marked(raw), terminals=self._server.roster.features)
        return decode(self._server.definition, delivery, now=datetime.now(UTC))

    async def _slow_down(self, locations: int) -> None:
        """Pause reading for as long as the terminal is over its rate."""
        now = monotonic()
        saved = self._tokens + (now - self._paced_at) * self._rate
        self._tokens, self._paced_at = min(saved, self._rate * _SAVED_SECONDS) - locations, now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)


def _frame(escaped: bytes) -> TerminalFrame | None:
    try:
        return jt808.read_frame(escaped)
    except Refused:
        return None


def _add(whole: Reading, part: Reading) -> None:
    whole.messages += part.messages
    whole.refused += part.refused
    whole.ignored += part.ignored
