"""The job that follows changes of features: it derives dependent layers and refreshes statistics.

A load does both at once. For a feed that changes features all day, the job does both later, once for many changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from layers.catalog import Catalog
from layers.database.connection import Role, connected
from layers.schema.derive import derive_dependents, lock_with_dependents
from layers.schema.tables import refresh_statistics

_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 30.0  # between two rounds for one layer
_DUE = "SELECT layer FROM twin.upkeep ORDER BY asked_at"
_TAKE = "DELETE FROM twin.upkeep WHERE layer = $1 RETURNING shapes_changed"


class Upkeep:
    """Derives and refreshes what depends on changed features.

    Parameters
    ----------
    url
        The database; the work is done in the owner's role.
    catalog
        Returns the current catalogue.
    """

    name = "upkeep of changed layers"

    def __init__(self, url: str, catalog: Callable[[], Catalog]) -> None:
        self._url, self._catalog = url, catalog
        self._done_at: dict[str, float] = {}

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await self.catch_up(_PAUSE_SECONDS)
            await asyncio.sleep(_LOOK_SECONDS)

    async def catch_up(self, pause_s: float = 0.0) -> list[str]:
        """Work on the layers that are due, each in a transaction; return their ids.

        Parameters
        ----------
        pause_s
            A layer whose last round is more recent waits; 0 means that no layer does.
        """
        done = []
        async with connected(self._url, Role.OWNER) as connection:
            due = [row["layer"] for row in await connection.fetch(_DUE)]
            for layer_id in due:
                layer = self._catalog().get(layer_id)
                if monotonic() - self._done_at.get(layer_id, -pause_s) < pause_s:
                    continue
                async with connection.transaction():
                    await lock_with_dependents(connection, layer_id)
                    shapes_changed = await connection.fetchval(_TAKE, layer_id)
                    if layer is not None and shapes_changed:
                        await derive_dependents(connection, layer_id)
                    if layer is not None:
                        await refresh_statistics(connection, layer.definition)
                self._done_at[layer_id] = monotonic()
                done.append(layer_id)
        return done
