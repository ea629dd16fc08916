"""How many features each subject took of each layer within an hour, at whatever web worker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from time import monotonic

import asyncpg

from layers.database.connection import in_our_words
from layers.identity.export_hours import take_allowance

REQUESTS_MAX = 10_000
_REQUEST_BYTES = 16


class Allowance:
    """Counts in the database, where all workers count; what was counted here lately is counted without it.

    Parameters
    ----------
    pool
        Connections in the identity role.
    clock
        Returns seconds that only grow.
    """

    def __init__(self, pool: asyncpg.Pool, clock: Callable[[], float] = monotonic) -> None:
        self._pool, self._clock = pool, clock
        self._counted: OrderedDict[tuple[str, str, bytes], tuple[int, float]] = OrderedDict()

    async def take(self, subject: str, layer: str, asked: str | None, features: int, most: int) -> bool:
        """Count features, and return whether they are within the hour's allowance; what is beyond it is not counted.

        Who asks the same again, as a page that shows a list does, takes nothing more.

        Parameters
        ----------
        asked
            The request, by which the same one is known again; None for one that cannot be told from others.
        most
            The allowance of an hour.

        Raises
        ------
        Unavailable
            When the database cannot count now.
        """
        if asked is None:
            return await self._count(subject, layer, None, features, most) is not None
        request = blake2b(asked.encode(), digest_size=_REQUEST_BYTES).digest()  # texts of addresses would be long
        key = subject, layer, request
        known, until = self._counted.get(key, (-1, 0.0))
        if features <= known <= most and self._clock() < until:
            return True
        begun = self._clock()
        left_s = await self._count(subject, layer, request, features, most)
        if left_s is None:
            return False
        self._counted[key] = features, begun + left_s
        self._counted.move_to_end(key)
        if len(self._counted) > REQUESTS_MAX:
            self._counted.popitem(last=False)
        return True

    async def _count(self, subject: str, layer: str, request: bytes | None, features: int, most: int) -> float | None:
        with in_our_words():
            return await take_allowance(self._pool, subject, layer, request, features, most)
