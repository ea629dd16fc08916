"""Flushing channels: their pending changes go to the members once a frame, in turns of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from twin.live.channel import Channel

FRAME_SECONDS = 0.1  # changes of one thing within this time are sent as one
BUSY_FRAME_SECONDS = 0.25  # the same where many subscribers receive a batch each time
_BUSY = 100  # subscribers
_AT_A_TURN = 50  # subscribers that receive a batch before requests and acknowledgements have their turn


class Flusher:
    """Flushes the channels of a process.

    Parameters
    ----------
    seq
        Returns the number of the last change read.

    Attributes
    ----------
    flushed
        Number up to which every channel has been flushed.
    """

    def __init__(self, seq: Callable[[], int]) -> None:
        self._seq = seq
        self._unflushed: set[Channel] = set()
        self._leaving: list[Channel] = []  # the rest of the flush that is going on
        self._next: asyncio.Handle | None = None
        self._target = self._handed = 0
        self._began_at = 0.0
        self.flushed = 0

    def add(self, channel: Channel) -> None:
        """Flush a channel the next time."""
        self._unflushed.add(channel)

    def discard(self, channel: Channel) -> None:
        """Leave a channel out."""
        self._unflushed.discard(channel)

    def soon(self) -> None:
        """Flush when the frame is over."""
        if self._next is None:
            loop = asyncio.get_running_loop()
            frame_s = BUSY_FRAME_SECONDS if self._handed > _BUSY else FRAME_SECONDS
            pause_s = max(0.0, self._began_at + frame_s - loop.time())
            self._next = loop.call_later(pause_s, self._flush)

    def stop(self) -> None:
        """Flush no more."""
        if self._next:
            self._next.cancel()

    def _flush(self) -> None:
        self._began_at, self._handed, self._target = asyncio.get_running_loop().time(), 0, self._seq()
        self._leaving, self._unflushed = [*self._unflushed], set()
        self._flush_some()

    def _flush_some(self) -> None:
        """Flush some channels, and the others in a later turn of the loop."""
        enough = self._handed + _AT_A_TURN
        while self._leaving:
            self._handed += self._leaving.pop().flush(self._seq())
            if self._handed >= enough:
                self._next = asyncio.get_running_loop().call_soon(self._flush_some)
                return
        self._next, self.flushed = None, self._target
        if self._seq() > self.flushed:
            self.soon()
