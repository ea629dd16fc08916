"""A connection to an MQTT broker: subscribes, returns messages in batches, and acknowledges them on request."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import cast

from layers.errors import Unavailable
from twin.connectors import mqtt_write
from twin.connectors.mqtt_packets import Acknowledgement, PacketKind, ProtocolFault, Published
from twin.connectors.mqtt_read import Reader

RECEIVE_MAXIMUM = 4_000  # messages that an MQTT 5 broker sends before it waits for acknowledgements
PAYLOAD_BYTES_MAX = 8 * 1024 * 1024
_WAITING_MAX = 8_000  # messages read and not yet taken, and their bytes; beyond these the socket is not read
_WAITING_BYTES_MAX = 32 * 1024 * 1024
_KEEP_ALIVE_SECONDS = 30
_ANSWER_SECONDS_MAX = 20
_REFUSED = 0x80
_REASONS = {
    1: "it does not speak this version of MQTT",
    2: "it does not like the client id",
    3: "it is not available",
    4: "wrong user or password",
    5: "not allowed, as this user or with this password",
    0x84: "it does not speak this version of MQTT",
    0x86: "wrong user or password",
    0x87: "not allowed, as this user or with this password",
    0x8E: "another connection has taken over the session",
    0x9E: "it does not share subscriptions",
}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """The address of a broker, with user and session.

    Attributes
    ----------
    client_id
        Name of the session, which the broker keeps between connections: always the same for one feed.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    version: str
    client_id: str
    user: str | None = None
    password: bytes | None = None


class Link(asyncio.Protocol):
    """One connection; see `open_link`."""

    def __init__(self, place: BrokerAddress) -> None:
        self._place = place
        self._reader = Reader(place.version, PAYLOAD_BYTES_MAX)
        self._waiting: deque[Published] = deque()
        self._bytes = 0
        self._come = asyncio.Event()
        self._answers: dict[tuple[PacketKind, int], asyncio.Future[Acknowledgement]] = {}
        self._fault: Exception | None = None
        self._paused = False
        self._heard_at = monotonic()
        self._last_id = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read packets; stop reading when too much waits."""
        self._heard_at = monotonic()
        try:
            for packet in self._reader.read(data):
                if isinstance(packet, Published):
                    self._waiting.append(packet)
                    self._bytes += len(packet.payload)
                else:
                    self._receive_answer(packet)
        except ProtocolFault as error:
            self._fail(Unavailable(f"the broker does not speak MQTT {self._place.version} with us: {error}"))
        if self._waiting:
            self._come.set()
        crowded = len(self._waiting) > _WAITING_MAX or self._bytes > _WAITING_BYTES_MAX
        if crowded and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake all waiting tasks with the reason."""
        self._fail(Unavailable(f"the broker has closed the connection{f': {exc}' if exc else ''}"))

    async def open(self) -> None:
        """Open the session.

        Raises
        ------
        Unavailable
            When the broker refuses the connection, with its reason.
        """
        place = self._place
        hello = mqtt_write.connect(
            place.version,
            place.client_id,
            keep_alive_s=_KEEP_ALIVE_SECONDS,
            receive_maximum=RECEIVE_MAXIMUM,
            user=place.user,
            password=place.password,
        )
        answer = await self._ask(hello, PacketKind.CONNACK, 0)
        if answer.codes[1]:
            raise Unavailable(f"the broker refuses us: {_reason(answer.codes[1], answer.reason)}")
        self._keep_alive_s = min(answer.keep_alive_s or _KEEP_ALIVE_SECONDS, _KEEP_ALIVE_SECONDS)

    async def subscribe(self, topics: Sequence[str]) -> list[str | None]:
        """Subscribe at QoS 1; return for each topic None, or the reason of its refusal.

        Raises
        ------
        Unavailable
            When the connection is lost, or the broker's answer is incomplete.
        """
        number = self._next_id()
        answer = await self._ask(mqtt_write.subscribe(self._place.version, number, topics), PacketKind.SUBACK, number)
        if len(answer.codes) != len(topics):
            raise Unavailable(f"the broker answers {len(answer.codes)} of {len(topics)} subscriptions")
        return [_reason(code, "") if code >= _REFUSED else None for code in answer.codes]

    async def unsubscribe(self, topics: Sequence[str]) -> None:
        """Remove earlier subscriptions, which the session keeps."""
        number = self._next_id()
        await self._ask(mqtt_write.unsubscribe(self._place.version, number, topics), PacketKind.UNSUBACK, number)

    async def batch(self, size: int) -> list[Published]:
        """Return the messages that have arrived, at least one and at most `size`.

        Raises
        ------
        Unavailable
            When the connection is lost. Messages that were returned before can no longer be acknowledged.
        """
        while not self._waiting:
            self._come.clear()
            self._raise()
            await self._come.wait()
        self._raise()  # waiting messages come again: they can no longer be acknowledged
        taken = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        self._bytes -= sum(len(one.payload) for one in taken)
        if self._paused and len(self._waiting) < _WAITING_MAX // 2 and self._bytes < _WAITING_BYTES_MAX // 2:
            self._paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return taken

    def acknowledge(self, messages: Sequence[Published]) -> None:
        """Acknowledge messages, in the order of their arrival; the broker then forgets them."""
        self._raise()
        assert self._transport is not None  # noqa: S101  # for the type checker
        ids = [one.packet_id for one in messages if one.packet_id is not None]
        self._transport.write(b"".join(map(mqtt_write.acknowledge, ids)))

    async def keep_alive(self) -> None:
        """Ping until the connection is lost; close it when the broker does not answer."""
        while self._fault is None and self._transport is not None:
            silent_s = monotonic() - self._heard_at
            if silent_s > 2 * self._keep_alive_s and not self._paused:
                self._fail(Unavailable(f"the broker has said nothing for {silent_s:.0f} s"))
                return
            self._transport.write(mqtt_write.ping())
            await asyncio.sleep(self._keep_alive_s / 2)

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(mqtt_write.disconnect())
            self._transport.close()

    async def _ask(self, packet: bytes, kind: PacketKind, number: int) -> Acknowledgement:
        self._raise()
        assert self._transport is not None  # noqa: S101  # for the type checker
        answer = self._answers[kind, number] = asyncio.get_running_loop().create_future()
        self._transport.write(packet)
        try:
            return await asyncio.wait_for(answer, _ANSWER_SECONDS_MAX)
        except TimeoutError:
            raise Unavailable(f"the broker gives no {kind.name} in {_ANSWER_SECONDS_MAX} s") from None
        finally:
            self._answers.pop((kind, number), None)

    def _receive_answer(self, answer: Acknowledgement) -> None:
        if answer.kind is PacketKind.DISCONNECT:
            code = answer.codes[0] if answer.codes else 0
            self._fail(Unavailable(f"the broker has sent us away: {_reason(code, answer.reason)}"))
        waiting = self._answers.get((answer.kind, answer.packet_id))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _fail(self, fault: Exception) -> None:
        if self._fault is None:
            self._fault = fault
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(self._fault)
        self._come.set()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    def _raise(self) -> None:
        if self._fault is not None:
            raise self._fault


@asynccontextmanager
async def open_link(place: BrokerAddress) -> AsyncIterator[Link]:
    """Connect to a broker, and disconnect at the end of the block.

    Raises
    ------
    Unavailable
        When there is no broker, its certificate is not trusted, or it refuses the connection.
    """
    loop = asyncio.get_running_loop()
    where = f"{place.host}:{place.port}"
    try:
        made = loop.create_connection(lambda: Link(place), place.host, place.port, ssl=place.tls)
        _, link = await asyncio.wait_for(made, _ANSWER_SECONDS_MAX)
    except TimeoutError:
        raise Unavailable(f"no broker answers at {where}") from None
    except ssl.SSLError as error:
        raise Unavailable(f"the certificate of {where} is not trusted: {error}") from error
    except OSError as error:
        raise Unavailable(f"no broker at {where}: {error}") from error
    pinging: asyncio.Task[None] | None = None
    try:
        await link.open()
        pinging = asyncio.create_task(link.keep_alive(), name="mqtt ping")
        yield link
    finally:
        link.close()
        if pinging is not None:
            pinging.cancel()
            with suppress(asyncio.CancelledError):
                await pinging


def _reason(code: int, text: str) -> str:
    return text or _REASONS.get(code, f"code {code:#x}")
