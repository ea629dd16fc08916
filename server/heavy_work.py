"""A limit on heavy work that runs at the same time."""

from __future__ import annotations

import asyncio

from layers.errors import Unavailable


class HeavyWork:
    """An async context that few hold at a time; the others wait, and too many waiting are refused.

    Raises
    ------
    Unavailable
        On entering, when too many wait.
    """

    def __init__(self, at_once: int = 2, waiting_max: int = 64) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= self._waiting_max:
            raise Unavailable(f"{self._waiting} maps wait to be drawn already; ask again in a moment")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()
