"""One WebSocket of `/live/ws`: the messages of the client, and the parts of its subscription.

The subscription can be changed while the connection is open: the next one begins where the one before ended, so
that nothing between them is lost or sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import aclosing
from functools import partial
from time import monotonic
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.catalog import Catalog
from layers.coordinates.crs import CRS84, read_answer_crs
from layers.coordinates.datum import Datum
from layers.cql2 import FilterLimits
from layers.database.connection import in_our_words
from layers.database.faults import DATABASE_ERRORS
from layers.errors import BadInput, OneMapError, TooMuch, Unauthenticated
from server.audit.audit import Audit
from server.audit.streams import AuditedStream, begin_stream
from server.audit.touched import begin_note, current_note
from server.errors import status_of
from server.exports.exports import Exports
from server.identity.identity import Identity
from server.live.frames import as_message, notes_message, tiles_message
from server.live.judge import judge_of
from server.live.notes import Asker, NoteNews
from server.live.shifted import shifted
from server.live.snapshot_judge import StreamSnapshots
from server.live.tiles import TileChanges
from twin.live.budget import caller_here
from twin.live.resume_point import RIGHTS, SEQ_MAX, ResumePoint
from twin.live.subscriber import LiveSource, Subscription
from twin.live.subscription import AREAS_MAX, LAYERS_MAX, SubscriptionParams, read_interest

PROTOCOL = "onemap.live.v1"  # the sub-protocol of the socket
MESSAGE_BYTES_MAX = 128 * 1024
MESSAGES_PER_SECOND = 5
MESSAGES_AT_ONCE = 20
FIRST_MESSAGE_SECONDS = 30.0
_BAD, _TOO_BIG, _AGAIN = 1008, 1009, 1013  # closing codes of RFC 6455: policy, size, try again later


class Subscribe(BaseModel):
    """What a client sends: the first one says who it is, if it is anybody; any later one takes the place of the last.

    Without `since` the first begins now, and a later one where the one before is.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"]
    token: str | None = Field(default=None, max_length=4096, description="only in the first message")
    layers: list[str] = Field(default=[], max_length=LAYERS_MAX)
    areas: list[str] = Field(default=[], max_length=AREAS_MAX, description="prefixes of area or grid codes")
    bbox: list[float] | None = Field(default=None, description="west, south, east, north in bbox-crs")
    bbox_crs: str = Field(default="", alias="bbox-crs", max_length=200, description="of bbox: OGC:CRS84, gcj02, bd09 …")
    filter: str | dict[str, Any] | None = Field(default=None, description="CQL2 text or JSON; needs layers")
    filter_crs: str = Field(default="", alias="filter-crs", max_length=200, description="of places in filter")
    since: int | None = Field(default=None, ge=0, le=SEQ_MAX)
    rights: str = Field(default="", pattern=rf"^({RIGHTS})?$", description="of the last ready or resync, with since")
    snapshot: bool = Field(default=False, description="the state of the layers first, then its changes")
    tiles: bool = Field(default=False, description="also which tiles of the layers changed")
    notes: bool = Field(default=False, description="also what leaders wrote about, to who may read notes")
    crs: str = Field(default=CRS84.short, max_length=200, description="of what is sent: OGC:CRS84, gcj02, bd09")

    @property
    def params(self) -> SubscriptionParams:
        """The parameters of the subscription."""
        return SubscriptionParams(
            self.layers,
            self.areas,
            self.bbox or (),
            "" if self.filter is None else self.filter,
            bbox_crs=self.bbox_crs,
            filter_crs=self.filter_crs,
        )

    @property
    def datum(self) -> Datum | None:
        """The shifted datum of what is sent; None for CRS84.

        Raises
        ------
        BadCrs
            When it is neither.
        """
        return read_answer_crs(self.crs, "crs").datum


class Ping(BaseModel):
    """Ask for a sign of life."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ping"]


class LiveSocket:
    """Serves one accepted WebSocket until it closes.

    Parameters
    ----------
    actor
        The client by its headers; the token of the first message may name another.
    ask
        Returns who that is now; None for who has no credentials.
    """

    def __init__(
        self,
        socket: WebSocket,
        source: LiveSource,
        actor: Actor,
        identity_of_token: Callable[[str], Awaitable[Identity]],
        limits: FilterLimits,
        *,
        tile_changes: TileChanges,
        note_news: NoteNews,
        audit: Audit,
        exports: Exports,
        ask: Asker | None = None,
    ) -> None:
        self._ask, self._note_news = ask, note_news
        self._socket, self._source, self._limits = socket, source, limits
        self._tile_changes, self._audit, self._exports = tile_changes, audit, exports
        self._approval = current_note().approval
        self._audited = AuditedStream(audit, None)
        self._hints: list[asyncio.Task[None]] = []
        self._actor, self._identity_of_token = actor, identity_of_token
        self._subscription: Subscription | None = None
        self._next: asyncio.Queue[tuple[Subscription, Datum | None]] = asyncio.Queue(1)
        self._tokens, self._counted_at = float(MESSAGES_AT_ONCE), monotonic()

    async def serve(self) -> None:
        """Read and send messages until one side ends."""
        reading = asyncio.create_task(self._read_messages(), name="live-read")
        sending = asyncio.create_task(self._send_parts(), name="live-send")
        try:
            await asyncio.wait({reading, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks = [reading, sending, *self._hints]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._audited.end()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (WebSocketDisconnect, RuntimeError)):
                raise result

    async def _read_messages(self) -> None:
        while True:
            patience_s = None if self._subscription else FIRST_MESSAGE_SECONDS
            try:
                async with asyncio.timeout(patience_s):
                    text = await self._receive()
            except TimeoutError:
                return await self._close(_BAD, "nothing was asked for")
            if len(text) > MESSAGE_BYTES_MAX:
                return await self._close(_TOO_BIG, f"a message has at most {MESSAGE_BYTES_MAX} bytes")
            if not self._is_in_time():
                return await self._close(_BAD, f"at most {MESSAGES_PER_SECOND} messages a second are read")
            try:
                await self._apply(text)
            except Unauthenticated as error:
                await self._send_error(error)
                return await self._close(_BAD, "unknown token")
            except OneMapError as error:
                await self._send_error(error)

    async def _receive(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        return text.encode() if text is not None else bytes(message.get("bytes") or b"")

    def _is_in_time(self) -> bool:
        now = monotonic()
        self._tokens = min(float(MESSAGES_AT_ONCE), self._tokens + (now - self._counted_at) * MESSAGES_PER_SECOND) - 1
        self._counted_at = now
        return self._tokens >= 0

    async def _apply(self, text: bytes) -> None:
        message = read_message(text)
        if isinstance(message, Ping):
            seq = self._subscription.seq if self._subscription else None
            return await self._socket.send_text(f'{{"type":"heartbeat","seq":{orjson.dumps(seq).decode()}}}')
        if message.token is not None:
            if self._subscription:
                raise BadInput("a token is said in the first message", parameter="token")
            self._actor = (await self._identity_of_token(message.token)).actor
            self._ask = partial(self._identity_of_token, message.token)
        self._source.tail.budget.check_text(caller_here(), len(text))
        catalog: Catalog = self._source.catalog()
        interest, datum = read_interest(catalog, self._actor, message.params, self._limits), message.datum
        before = self._subscription
        since = None if message.since is None else ResumePoint(message.since, message.rights)
        begin_note(approval=self._approval)
        judge = StreamSnapshots(self._exports, self._audit, self._source.catalog, self._socket.scope, self._actor)
        subscription = Subscription(
            self._source,
            self._actor,
            interest,
            since,
            snapshot=message.snapshot,
            after=before,
            rejudge=None if self._ask is None else judge_of(self._actor_now),
            judge=judge,
        )
        if not self._next.empty():
            raise TooMuch("a subscription waits to begin already; send the next one when it is ready")
        with in_our_words():
            await subscription.prepare()
        await self._record(catalog, interest.layers)
        self._subscription = subscription
        self._next.put_nowait((subscription, datum))
        if before:
            before.end()
        self._begin_hints(message, interest.layers)
        return None

    def _begin_hints(self, message: Subscribe, layers: Collection[str]) -> None:
        """Begin to send what stands in no log, in the place of what the subscription before asked for."""
        for task in self._hints:
            task.cancel()
        self._hints = []
        if message.tiles:
            self._hints.append(asyncio.create_task(self._send_tiles(layers), name="live-tiles"))
        if message.notes and self._ask is not None:  # without credentials nobody has the duty
            self._hints.append(asyncio.create_task(self._send_notes(self._ask), name="live-notes"))

    async def _actor_now(self) -> Actor:
        return self._actor if self._ask is None else (await self._ask()).actor

    async def _record(self, catalog: Catalog, layers: Collection[str]) -> None:
        """Record that this subscription begins, and that the one before ends."""
        scope = self._socket.scope
        began = await begin_stream(self._audit, scope, catalog, self._actor, layers, AuditAction.STREAM)
        self._audited.end()
        self._audited = began

    async def _send_tiles(self, layers: Collection[str]) -> None:
        with self._tile_changes.subscriber(self._actor, layers) as subscriber:
            async for notices in subscriber.notices():
                await self._socket.send_text(tiles_message(notices))

    async def _send_notes(self, ask: Asker) -> None:
        with self._note_news.subscriber(ask) as subscriber:
            async for notices in subscriber.notices():
                await self._socket.send_text(notes_message(notices))

    async def _send_parts(self) -> None:
        while True:
            subscription, datum = await self._next.get()
            parts: AsyncIterator = subscription.parts()  # type: ignore[type-arg]
            try:
                async with aclosing(parts) as open_parts:  # type: ignore[type-var]  # a generator
                    async for part in open_parts:
                        self._audited.sent(part)
                        await self._socket.send_text(as_message(shifted(part, datum)))
            except OneMapError as error:
                await self._send_error(error)
            except DATABASE_ERRORS:
                return await self._close(_AGAIN, "the log cannot be read now; come again")
            if self._next.empty() and self._subscription is subscription:
                return await self._close(_AGAIN, "the server is stopping; come again")

    async def _send_error(self, error: OneMapError) -> None:
        notice = {"type": "error", "status": status_of(error), "detail": error.message}
        if error.parameter:
            notice["parameter"] = error.parameter
        await self._socket.send_text(orjson.dumps(notice).decode())

    async def _close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)


def read_message(text: bytes) -> Subscribe | Ping:
    """Return a message of a client.

    Raises
    ------
    BadInput
        When it is neither of the two; the text says what is wrong.
    """
    try:
        given = orjson.loads(text)
        kind = given.get("type") if isinstance(given, dict) else None
        if kind == "ping":
            return Ping.model_validate(given)
        return Subscribe.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        faults = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'message'}: {p['msg']}" for p in problems[:5])
        raise BadInput(f"a message is 'subscribe' or 'ping': {faults}") from error
    except ValueError as error:
        raise BadInput(f"a message is a JSON object: {error}") from error
