"""Turns for work that holds a connection and a thread for long: few at a time; others are told to come again."""

from __future__ import annotations

import asyncio

from layers.errors import TooOften


class Lane:
    """An async context that few hold at a time.

    Parameters
    ----------
    at_once
        How many hold it.
    patience_s
        Seconds that another one waits for its turn; 0 sends it away at once.
    retry_after_s
        Seconds after which who was sent away comes again.

    Raises
    ------
    TooOften
        On entering, when no turn came in time.
    """

    def __init__(self, at_once: int, patience_s: float, retry_after_s: int) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._patience_s, self._retry_after_s = patience_s, retry_after_s

    async def __aenter__(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._turns.acquire()
        except TimeoutError:
            raise TooOften(
                "此进程正在导出 this process is busy with another export; come again in a moment, or ask for less by "
                f"limit (Retry-After: {self._retry_after_s})",
                retry_after_s=self._retry_after_s,
            ) from None

    async def __aexit__(self, *_: object) -> None:
        self._turns.release()
