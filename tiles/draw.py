"""Drawing a tile of one layer, with fewer features until it is small enough."""

from __future__ import annotations

from dataclasses import dataclass, replace

import asyncpg

from tiles.vector import Drawing, tile_clause

TILE_BYTES_MAX = 500_000  # uncompressed, as much as a phone on a slow network can load
_AIM = 0.85  # of the bound, for the next attempt: features differ in size


@dataclass(frozen=True, slots=True)
class DrawnTile:
    """A tile.

    Attributes
    ----------
    content
        MVT, uncompressed; empty when nothing lies in it.
    thinned
        Whether features were left out because the tile had too many bytes.
    queries
        The number of statements it took.
    """

    content: bytes
    thinned: bool = False
    queries: int = 1


async def draw(pool: asyncpg.Pool, drawing: Drawing, bytes_max: int = TILE_BYTES_MAX) -> DrawnTile:
    """Draw a tile; while it has too many bytes, draw it again without the least important features.

    A single feature that is too large by itself is still drawn.
    """
    limit, queries = drawing.feature_limit, 0
    while True:
        queries += 1
        text, values = tile_clause(drawing).render()
        row = await pool.fetchrow(text, *values)
        if row is None:  # no cell holds a feature
            return DrawnTile(b"", queries=queries)
        content, shown = bytes(row["tile"] or b""), int(row["features"])
        if len(content) <= bytes_max or shown <= 1:
            return DrawnTile(content, drawing.feature_limit < limit, queries)
        fewer = max(1, int(shown * _AIM * bytes_max / len(content)))
        drawing = replace(drawing, feature_limit=min(fewer, shown - 1))
