"""Playbacks of one process: how many may run, and the response that streams one and ends when it is not read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from layers.errors import Unavailable
from twin.live.playback import PlaybackFrame

PLAYBACKS_MAX = 4  # at a time in one process
A_CALLER_MAX = PLAYBACKS_MAX // 2
STALL_SECONDS_MAX = 30.0  # in which a client reads at least one piece
_PIECE_BYTES = 64 * 1024


class Playbacks:
    """The places for playbacks, by the addresses that hold them."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place for a client of this address.

        Raises
        ------
        Unavailable
            When all places are taken, or half of them by this address.
        """
        if self._held.total() >= PLAYBACKS_MAX:
            raise Unavailable(f"{PLAYBACKS_MAX} replays are running, which is the most at a time; try again soon")
        if self._held[address] >= A_CALLER_MAX:
            raise Unavailable(f"{A_CALLER_MAX} replays are running for your address, which is the most; let one end")
        self._held[address] += 1
        try:
            yield
        finally:
            self._held[address] -= 1
            self._held += Counter()  # drops addresses that hold none


class PlaybackAnswer(StreamingResponse):
    """Sends the frames of a playback; the response ends when the client reads nothing for a while.

    Parameters
    ----------
    place
        Entered by the response, and left when it ends, however it does.
    """

    media_type = "application/x-ndjson"

    def __init__(
        self,
        first: PlaybackFrame,
        frames: AsyncIterator[PlaybackFrame],
        place: AbstractContextManager[object],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(_pieces(first, frames), headers={**headers, "X-Accel-Buffering": "no"})
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send frame by frame.

        Raises
        ------
        ClientDisconnect
            When the client reads nothing; its connection is closed before the end of the response.
        """

        async def sending(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS_MAX):
                await send(message)

        with self._place:
            try:
                await super().__call__(scope, receive, sending)
            except TimeoutError as error:
                raise ClientDisconnect from error


async def _pieces(first: PlaybackFrame, frames: AsyncIterator[PlaybackFrame]) -> AsyncIterator[bytes]:
    """Cut large frames, so that a slow client still reads a piece in time."""
    frame: PlaybackFrame | None = first
    while frame is not None:
        for start in range(0, len(frame.line), _PIECE_BYTES):
            yield frame.line[start : start + _PIECE_BYTES]
        frame = await anext(frames, None)
