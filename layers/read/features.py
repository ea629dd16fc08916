"""The features of one page as objects, for answers that are computed of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from layers.read.query import ItemsQuery, page
from layers.types import Json


@dataclass(frozen=True, slots=True)
class FoundFeatures:
    """Features of a layer.

    Attributes
    ----------
    features
        GeoJSON, as the reader sees them.
    is_whole
        Whether no more features match.
    """

    features: Sequence[Json]
    is_whole: bool

    @classmethod
    def of_page(cls, features: bytes | None, found: int | None, limit: int) -> FoundFeatures:
        """Return the features of a row of `page`; both None where no page was read."""
        return cls(orjson.loads(b"[" + (features or b"") + b"]"), (found or 0) <= limit)


async def find_features(connection: asyncpg.Connection | asyncpg.Pool, query: ItemsQuery) -> FoundFeatures:
    """Read the page of a query."""
    text, values = page(query).render()
    row = await connection.fetchrow(text, *values)
    return FoundFeatures.of_page(row["features"], row["found"], query.limit)
