"""The areas that messages are joined with: read when they are first needed, and again when their layers change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg

from layers.catalog import Catalog
from layers.errors import Unavailable
from twin.join.index import LAYERS, AreaIndex


class CurrentAreas:
    """Holds the index of the areas.

    Parameters
    ----------
    pool
        Connections in the ingesting role.
    catalog
        Returns the current catalogue.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog]) -> None:
        self._pool, self._catalog = pool, catalog
        self._index: AreaIndex | None = None
        self._reading = asyncio.Lock()

    def current(self) -> AreaIndex:
        """Return the index.

        Raises
        ------
        Unavailable
            When it is not read yet.
        """
        if self._index is None:
            raise Unavailable("the areas are not read yet; send again")
        return self._index

    async def ensure(self) -> None:
        """Read the areas unless they were read before.

        Raises
        ------
        Unavailable
            When the layers of areas are not there.
        """
        if self._index is None:
            await self._read()

    async def refresh(self) -> None:
        """Read the areas again when they are in use and a layer of them has changed.

        Raises
        ------
        Unavailable
            As `ensure`.
        """
        if self._index is not None and not self._index.is_current(self._catalog()):
            await self._read()

    async def _read(self) -> None:
        missing = [name for name in LAYERS if name not in self._catalog()]
        if missing:
            raise Unavailable(f"there are no layers {', '.join(missing)} to join with yet; './onemap up' makes them")
        async with self._reading, self._pool.acquire() as connection:
            if self._index is None or not self._index.is_current(self._catalog()):
                self._index = await AreaIndex.read(connection, self._index)
