"""Answers of the database that may be a minute old, for what is asked again and again and costs much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any

MINUTE_S = 60.0
_KEPT_MAX = 1000


class MinuteCache:
    """A cache whose values are made anew after a minute.

    Keys hold nothing that a stranger chooses freely, and the audience where values depend on rights.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def get[T](self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Return the value of a key, made now if it is not there or too old; an error of `make` is not kept."""
        kept = self._kept.get(key)
        if kept is not None and monotonic() < kept[0]:
            value: T = kept[1]
            return value
        until, made = monotonic() + MINUTE_S, await make()
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()
        self._kept[key] = until, made
        return made
