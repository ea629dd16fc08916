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
CREDIT_PART = 50
"""A fiftieth of an hour is taken in advance for small answers: they cost no round trip each."""
SMALL_PART = 500
"""A small answer has a five-hundredth of an hour's features, or less."""
_REQUEST_BYTES = 16


class Allowance:
    """Counts in the database, where all workers count, never more than an hour allows.

    What was counted here lately is counted without it. Small answers are paid from a credit that was counted in
    advance; what is left of it at the end of the hour nobody else has got.

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
        self._credits: OrderedDict[tuple[str, str, int], tuple[int, float]] = OrderedDict()

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
            return await self._pay(subject, layer, None, features, most) is not None
        request = blake2b(asked.encode(), digest_size=_REQUEST_BYTES).digest()  # texts of addresses would be long
        key = subject, layer, request
        known, until = self._counted.get(key, (-1, 0.0))
        if features <= known <= most and self._clock() < until:
            return True
        paid = await self._pay(subject, layer, request, features, most)
        if paid is None:
            return False
        _keep(self._counted, key, (features, paid))
        return True

    async def _pay(self, subject: str, layer: str, request: bytes | None, features: int, most: int) -> float | None:
        """Count features, small ones from the credit; return until when they are counted, None when they are not."""
        if features <= most // SMALL_PART:
            until = await self._take_credit(subject, layer, features, most)
            if until is not None:
                return until
        return await self._count(subject, layer, request, features, most)

    async def _take_credit(self, subject: str, layer: str, features: int, most: int) -> float | None:
        key = subject, layer, most
        left, until = self._credit(key)
        if left < features:
            renewed = await self._count(subject, layer, None, most // CREDIT_PART, most)
            if renewed is None:
                return None
            left, until = self._credit(key)[0] + most // CREDIT_PART, renewed  # another may have renewed it meanwhile
        _keep(self._credits, key, (left - features, until))
        return until

    def _credit(self, key: tuple[str, str, int]) -> tuple[int, float]:
        left, until = self._credits.get(key, (0, 0.0))
        return (left, until) if self._clock() < until else (0, 0.0)

    async def _count(self, subject: str, layer: str, request: bytes | None, features: int, most: int) -> float | None:
        begun = self._clock()
        with in_our_words():
            left_s = await take_allowance(self._pool, subject, layer, request, features, most)
        return None if left_s is None else begun + left_s


def _keep[Key, Value](kept: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    """Keep a value as the last one; the oldest are forgotten."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > REQUESTS_MAX:
        kept.popitem(last=False)
