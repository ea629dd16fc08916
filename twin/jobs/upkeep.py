"""The job that follows changes of features: what other layers derive from theirs, and their statistics.

A load does both at once. For a feed that changes features all day they are done a little later, once for many changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from layers.catalog import Catalog
from layers.database.connection import Role, connect
from layers.schema.derive import derive_dependents
from layers.schema.tables import refresh_statistics

_LOOK_SECONDS = 2.0
_PAUSE_SECONDS = 30.0  # between two rounds for one layer
_ASKED = "SELECT layer FROM twin.upkeep ORDER BY asked_at"
_TAKE = "DELETE FROM twin.upkeep WHERE layer = $1 RETURNING shapes_changed"


class Upkeep:
    """Brings what follows from changed features up to date.

    Parameters
    ----------
    url
        The database; the work is done in the owner's role.
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
        """Do what was asked for, layer by layer, each in a transaction; returns the layers that were done.

        Parameters
        ----------
        pause_s
            A layer that was done more recently waits.
        """
        done = []
        connection = await connect(self._url, Role.OWNER)
        try:
            asked = [row["layer"] for row in await connection.fetch(_ASKED)]
            for layer_id in asked:
                layer = self._catalog().get(layer_id)
                if monotonic() - self._done_at.get(layer_id, -pause_s) < pause_s:
                    continue
                async with connection.transaction():
                    shapes_changed = await connection.fetchval(_TAKE, layer_id)
                    if layer is not None and shapes_changed:
                        await derive_dependents(connection, layer_id)
                    if layer is not None:
                        await refresh_statistics(connection, layer.definition)
                self._done_at[layer_id] = monotonic()
                done.append(layer_id)
        finally:
            await connection.close()
        return done
