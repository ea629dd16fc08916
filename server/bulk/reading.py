"""A connection that sends columns, as the loop of a worker uses it: every wait is in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import anyio
from anyio import to_thread

from layers.columns.session import ColumnSession


class BulkReading:
    """One bulk read.

    Attributes
    ----------
    session
        What iterators that run in a thread read from.
    time_max_s
        The seconds that it takes at most, with its sending.
    """

    def __init__(self, session: ColumnSession, time_max_s: int) -> None:
        self.session, self.time_max_s = session, time_max_s
        self._parts: Iterator[bytes] | None = None

    async def row(self, statement: str) -> tuple[Any, ...]:
        """Return the only row of a statement; empty when there is none."""
        return await to_thread.run_sync(self.session.row, statement) or ()

    async def allow(self, seconds: int) -> None:
        """Let the statements that follow take another time."""
        await to_thread.run_sync(self.session.allow, seconds * 1000)

    def begin(self, parts: Iterator[bytes]) -> None:
        """Take the iterator whose parts are sent; each is made when it is asked for."""
        self._parts = parts

    async def part(self) -> bytes | None:
        """Return the next part; None after the last one."""
        return await to_thread.run_sync(self._next)

    async def rest(self) -> bytes:
        """Return all parts that are left, together."""
        return await to_thread.run_sync(lambda: b"".join(iter(self._next, None)))

    async def cancel(self) -> None:
        """End the running statement; the thread that waits for it goes on at once."""
        await to_thread.run_sync(self.session.cancel)

    async def run[T](self, work: Callable[[], T]) -> T:
        """Return what a function returns that reads from the session; it runs in a thread."""
        return await to_thread.run_sync(work)

    async def end_session(self) -> None:
        """Close the connection; what was read is sent without it."""
        await to_thread.run_sync(self.session.close)

    async def close(self) -> None:
        """End the iterator, so that its files are removed, and the connection."""
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._close)

    def _next(self) -> bytes | None:
        for part in self._parts or ():
            if part:
                return part
        return None

    def _close(self) -> None:
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self.session.close()
