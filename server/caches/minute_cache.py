"""Answers of the database that may be a little old, for what is asked again and again and costs much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any

MINUTE_S = 60.0
_KEPT_MAX = 1000


class MinuteCache:
    """A cache whose values are made anew after a minute, or after the time that is named for them.

    Keys hold nothing that a stranger chooses freely, and the audience where values depend on rights.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._making: dict[Hashable, asyncio.Future[Any]] = {}

    async def get[T](self, key: Hashable, make: Callable[[], Awaitable[T]], kept_s: float = MINUTE_S) -> T:
        """Return the value of a key, made now if it is not there or too old; an error of `make` is not kept."""
        kept = self._kept.get(key)
        if kept is not None and monotonic() < kept[0]:
            value: T = kept[1]
            return value
        until, made = monotonic() + kept_s, await make()
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[key] = until, made
        return made

    async def get_once[T](self, key: Hashable, make: Callable[[], Awaitable[T]], kept_s: float) -> T:
        """Return the same where many ask at once: while a value is made, the others wait for it."""
        while (making := self._making.get(key)) is not None:
            await asyncio.wait((making,))  # whether it was made or not: who made it has kept it
        turn = self._making[key] = asyncio.get_running_loop().create_future()
        try:
            return await self.get(key, make, kept_s)
        finally:
            del self._making[key]
            turn.set_result(None)
