"""The number of rows a query matches: exact where that is cheap, else a lower bound that says so."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

import asyncpg

from layers.read.query import ItemsQuery, count


@dataclass(frozen=True, slots=True)
class Matched:
    """A number of rows; when not `exact`, there are more than `rows`."""

    rows: int
    exact: bool


class CountCache:
    """Counts by freshness of the layer, audience and condition; a write to the layer makes its counts unreachable.

    Parameters
    ----------
    cap
        Counting stops here; above it the count is a lower bound.
    size
        Number of counts kept; the least recently used are dropped first. Keys are digests, so all have one size.
    """

    def __init__(self, cap: int, size: int = 10_000) -> None:
        self._cap = cap
        self._size = size
        self._counts: OrderedDict[bytes, Matched] = OrderedDict()

    def clear(self) -> None:
        """Drop every count, when the database was replaced: the versions in their keys are of another database."""
        self._counts.clear()

    def known(self, query: ItemsQuery) -> Matched | None:
        """Return the count if it is known for this version of the layer."""
        key = _key(query)
        if key not in self._counts:
            return None
        self._counts.move_to_end(key)
        return self._counts[key]

    def remember(self, query: ItemsQuery, matched: Matched) -> None:
        """Keep a count that was made after the query's version of the layer was read."""
        self._counts[_key(query)] = matched
        if len(self._counts) > self._size:
            self._counts.popitem(last=False)

    async def counted(self, connection: asyncpg.Connection, query: ItemsQuery) -> Matched:
        """Count in the database, up to the cap, and keep the count."""
        text, values = count(query, self._cap).render()
        rows = await connection.fetchval(text, *values)
        matched = Matched(min(rows, self._cap), exact=rows <= self._cap)
        self.remember(query, matched)
        return matched


def _key(query: ItemsQuery) -> bytes:
    """Return a digest of all that the count depends on; a filter and its values may have a megabyte."""
    layer = query.layer
    parts = (layer.id, layer.freshness, layer.moment, query.actor.audience, query.where.text, query.where.values)
    return blake2b(repr(parts).encode(), digest_size=16).digest()
