"""One WebSocket of `/live/ws`: what the client may say, and telling it what it asked for.

The subscription can be changed while the connection is open: the next one begins where the one before ended, so
that nothing between them is lost or told twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from time import monotonic
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from layers.actor import Actor
from layers.catalog import Catalog
from layers.cql2 import FilterLimits
from layers.database.connection import in_our_words
from layers.database.faults import DATABASE_ERRORS
from layers.errors import BadInput, OneMapError, TooMuch, Unauthenticated
from server.errors import status_of
from server.identity.auth import Authenticator
from server.live.frames import as_message, tiles_message
from server.live.tiles import TileChanges
from twin.live.budget import caller_here
from twin.live.subscriber import LiveSource, Subscription
from twin.live.subscription import AREAS_MAX, LAYERS_MAX, SubscriptionParams, read_interest

PROTOCOL = "onemap.live.v1"  # the sub-protocol of the socket
MESSAGE_BYTES_MAX = 128 * 1024
MESSAGES_PER_SECOND = 5
MESSAGES_AT_ONCE = 20
FIRST_WORD_SECONDS = 30.0
_BAD, _TOO_BIG, _AGAIN = 1008, 1009, 1013  # closing codes of RFC 6455: policy, size, try again later
_LATER = DATABASE_ERRORS


class Subscribe(BaseModel):
    """What a client sends: the first one says who it is, if it is anybody; any later one takes the place of the last.

    Without `since` the first begins now, and a later one where the one before is.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"]
    token: str | None = Field(default=None, max_length=4096, description="only in the first message")
    layers: list[str] = Field(default=[], max_length=LAYERS_MAX)
    areas: list[str] = Field(default=[], max_length=AREAS_MAX, description="prefixes of area or grid codes")
    bbox: list[float] | None = Field(default=None, description="west, south, east, north in CRS84")
    filter: str | dict[str, Any] | None = Field(default=None, description="CQL2 text or JSON; needs layers")
    since: int | None = Field(default=None, ge=0, le=2**62)
    snapshot: bool = Field(default=False, description="the state of the layers first, then its changes")
    tiles: bool = Field(default=False, description="also which tiles of the layers changed")

    @property
    def asked(self) -> SubscriptionParams:
        """What it asks for."""
        return SubscriptionParams(self.layers, self.areas, self.bbox or (), "" if self.filter is None else self.filter)


class Ping(BaseModel):
    """Ask for a sign of life."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ping"]


class LiveSocket:
    """Serves one accepted WebSocket until it closes.

    Parameters
    ----------
    actor
        Who the headers say it is; the first message may say it with a token instead.
    """

    def __init__(
        self,
        socket: WebSocket,
        source: LiveSource,
        actor: Actor,
        authenticator: Authenticator,
        limits: FilterLimits,
        news: TileChanges,
    ) -> None:
        self._socket, self._source, self._limits = socket, source, limits
        self._news, self._hearing = news, asyncio.create_task(asyncio.sleep(0), name="live-tiles")
        self._actor, self._authenticator = actor, authenticator
        self._following: Subscription | None = None
        self._next: asyncio.Queue[Subscription] = asyncio.Queue(1)
        self._tokens, self._heard_at = float(MESSAGES_AT_ONCE), monotonic()

    async def serve(self) -> None:
        """Listen and tell, until one side ends."""
        listening = asyncio.create_task(self._listen(), name="live-listen")
        telling = asyncio.create_task(self._tell(), name="live-tell")
        try:
            await asyncio.wait({listening, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, telling, self._hearing):
                task.cancel()
            results = await asyncio.gather(listening, telling, self._hearing, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, (WebSocketDisconnect, RuntimeError)):
                raise result

    async def _listen(self) -> None:
        while True:
            patience_s = None if self._following else FIRST_WORD_SECONDS
            try:
                async with asyncio.timeout(patience_s):
                    text = await self._receive()
            except TimeoutError:
                return await self._close(_BAD, "nothing was asked for")
            if len(text) > MESSAGE_BYTES_MAX:
                return await self._close(_TOO_BIG, f"a message has at most {MESSAGE_BYTES_MAX} bytes")
            if not self._has_time():
                return await self._close(_BAD, f"at most {MESSAGES_PER_SECOND} messages a second are read")
            try:
                await self._obey(text)
            except Unauthenticated as error:
                await self._say_error(error)
                return await self._close(_BAD, "unknown token")
            except OneMapError as error:
                await self._say_error(error)

    async def _receive(self) -> bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        return text.encode() if text is not None else bytes(message.get("bytes") or b"")

    def _has_time(self) -> bool:
        now = monotonic()
        self._tokens = min(float(MESSAGES_AT_ONCE), self._tokens + (now - self._heard_at) * MESSAGES_PER_SECOND) - 1
        self._heard_at = now
        return self._tokens >= 0

    async def _obey(self, text: bytes) -> None:
        asked = read_message(text)
        if isinstance(asked, Ping):
            seq = self._following.seq if self._following else None
            return await self._socket.send_text(f'{{"type":"heartbeat","seq":{orjson.dumps(seq).decode()}}}')
        if asked.token is not None:
            if self._following:
                raise BadInput("a token is said in the first message", parameter="token")
            self._actor = self._authenticator.actor([(b"authorization", b"Bearer " + asked.token.encode())])
        self._source.tail.budget.check_text(caller_here(), len(text))
        catalog: Catalog = self._source.catalog()
        interest = read_interest(catalog, self._actor, asked.asked, self._limits)
        before, since = self._following, asked.since
        following = Subscription(self._source, self._actor, interest, since, snapshot=asked.snapshot, after=before)
        with in_our_words():
            await following.prepare()
        if not self._next.empty():
            raise TooMuch("a subscription waits to begin already; send the next one when it is ready")
        self._following = following
        self._next.put_nowait(following)
        if before:
            before.end()
        self._hearing.cancel()
        if asked.tiles:
            self._hearing = asyncio.create_task(self._tell_of_tiles(interest.layers), name="live-tiles")
        return None

    async def _tell_of_tiles(self, layers: Collection[str]) -> None:
        with self._news.hearing(self._actor, layers) as ear:
            async for notices in ear.notices():
                await self._socket.send_text(tiles_message(notices))

    async def _tell(self) -> None:
        while True:
            following = await self._next.get()
            parts: AsyncIterator = following.parts()  # type: ignore[type-arg]
            try:
                async with aclosing(parts) as telling:  # type: ignore[type-var]  # a generator
                    async for part in telling:
                        await self._socket.send_text(as_message(part))
            except TooMuch as error:
                await self._say_error(error)
            except _LATER:
                return await self._close(_AGAIN, "the log cannot be read now; come again")
            if self._next.empty() and self._following is following:
                return await self._close(_AGAIN, "the server is stopping; come again")

    async def _say_error(self, error: OneMapError) -> None:
        said = {"type": "error", "status": status_of(error), "detail": error.message}
        if error.parameter:
            said["parameter"] = error.parameter
        await self._socket.send_text(orjson.dumps(said).decode())

    async def _close(self, code: int, reason: str) -> None:
        await self._socket.close(code, reason)


def read_message(text: bytes) -> Subscribe | Ping:
    """Read what a client sent.

    Raises
    ------
    BadInput
        When it is not one of the messages there are; the message says what is wrong.
    """
    try:
        given = orjson.loads(text)
        kind = given.get("type") if isinstance(given, dict) else None
        if kind == "ping":
            return Ping.model_validate(given)
        return Subscribe.model_validate(given)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        said = "; ".join(f"{'.'.join(map(str, p['loc'])) or 'message'}: {p['msg']}" for p in problems[:5])
        raise BadInput(f"a message is 'subscribe' or 'ping': {said}") from error
    except ValueError as error:
        raise BadInput(f"a message is a JSON object: {error}") from error
