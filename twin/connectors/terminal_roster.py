"""The terminals of vehicles: numbers in a layer, read again when the layer has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import asyncpg

from layers.catalog import Catalog
from layers.errors import BadInput
from layers.schema.tables import table_of
from twin.connectors.terminal_protocol import Terminal

_CHANGED_SECONDS = 5.0  # a layer with live state changes continuously
_UNKNOWN_SECONDS = 1.0


class Roster:
    """The terminals of one layer: its features with a `sim_no`.

    Attributes
    ----------
    terminals, features
        Terminals and their features, by phone number without leading zeros.
    """

    def __init__(self, pool: asyncpg.Pool, catalog: Callable[[], Catalog], layer_id: str) -> None:
        self._pool, self._catalog, self._layer_id = pool, catalog, layer_id
        self.terminals: dict[str, Terminal] = {}
        self.features: dict[str, str] = {}
        self._version, self._read_at = -1, -_CHANGED_SECONDS
        self._reading = asyncio.Lock()

    async def keep_current(self, phones: set[str]) -> None:
        """Read the layer again when it has changed, sooner when one of the phones is unknown.

        Raises
        ------
        BadInput
            When the layer does not exist or has no field `sim_no`.
        """
        async with self._reading:
            layer = self._catalog().get(self._layer_id)
            if layer is None or "sim_no" not in layer.definition.by_name:
                raise BadInput(f"the layer '{self._layer_id}' has no sim_no to know terminals by")
            age_s = monotonic() - self._read_at
            unknown = age_s > _UNKNOWN_SECONDS and not phones <= self.terminals.keys()
            if unknown or (layer.version != self._version and age_s > _CHANGED_SECONDS):
                has_own = "terminal_id" in layer.definition.by_name
                self.terminals = await self._read(has_own=has_own)
                self.features = {phone: one.feature_id for phone, one in self.terminals.items()}
                self._version, self._read_at = layer.version, monotonic()

    async def _read(self, *, has_own: bool) -> dict[str, Terminal]:
        own = "terminal_id" if has_own else "NULL"
        rows = await self._pool.fetch(
            f"SELECT id, ltrim(sim_no, '0'), {own} FROM {table_of(self._layer_id)} WHERE sim_no IS NOT NULL ORDER BY id"
        )
        return {phone or "0": Terminal(feature_id, number or None) for feature_id, phone, number in rows}
