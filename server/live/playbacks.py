"""Replays that run in one process: how many there may be, and the answer that is one and is not left unread."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from layers.errors import Unavailable

PLAYBACKS_MAX = 4  # at a time in one process
A_CALLER_MAX = PLAYBACKS_MAX // 2
STALL_SECONDS_MAX = 30.0  # in which a reader takes at least one piece
_PIECE_BYTES = 64 * 1024


class Playbacks:
    """The places there are for replays, by who holds them."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """Hold a place for whoever asks from this address.

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
            self._held += Counter()  # forgets who holds none


class PlaybackAnswer(StreamingResponse):
    """Sends the frames of a replay; a reader that takes nothing for a while is left.

    Parameters
    ----------
    place
        Entered already; left when the answer ends, however it does.
    """

    media_type = "application/x-ndjson"

    def __init__(
        self,
        first: bytes,
        frames: AsyncIterator[bytes],
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
            When the reader takes nothing; its connection ends without an end of the answer.
        """

        async def sending(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS_MAX):
                await send(message)

        with self._place:
            try:
                await super().__call__(scope, receive, sending)
            except TimeoutError as error:
                raise ClientDisconnect from error


async def _pieces(first: bytes, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Cut large frames, so that a slow reader of one is seen to go on."""
    frame: bytes | None = first
    while frame is not None:
        for start in range(0, len(frame), _PIECE_BYTES):
            yield frame[start : start + _PIECE_BYTES]
        frame = await anext(frames, None)
