"""A cache of what is worked out of a request's text: checked queries and their statements."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from layers.bounded import Bounded

_PLAN_BYTES, _BYTES_A_CHARACTER = 12_000, 60  # measured: of a plan with its statements, by the text it was made of


class RequestPlans:
    """A cache of request plans, bounded in bytes; the least recently used are dropped first.

    A plan holds for the next request with the same text. Keys carry the catalogue's fingerprint and the audience.
    Plans of long requests are not kept, so that a stranger cannot fill the memory with them.
    """

    longest = 2_000

    def __init__(self, bytes_max: int = 32 * 1024 * 1024) -> None:
        self._plans: Bounded[Hashable, Any] = Bounded(bytes_max)

    def get[T](self, key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
        """Return the plan of a key, made now if it is not there; an error of `make` is not kept."""
        characters = sum(len(part) for part in key if isinstance(part, str))
        if characters > self.longest:
            return make()
        kept: T | None = self._plans.get(key)
        if kept is None:
            kept = make()
            self._plans.put(key, kept, _PLAN_BYTES + _BYTES_A_CHARACTER * characters)
        return kept
