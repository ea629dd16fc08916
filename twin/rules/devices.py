"""The features of alarms: name, place, and the fields that rules compare with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

import asyncpg

from layers.catalog import Catalog, Layer
from layers.clause import quote_identifier
from layers.errors import NotFound
from layers.schema.tables import table_of
from twin.rules.messages import Device

_FRESH_S = 60.0
_KNOWN_MAX = 200_000


class DeviceReader:
    """Reads features of one layer on demand, and again when the layer has changed or after a minute.

    Parameters
    ----------
    layer_id, fields
        The layer, and the fields to read of it.
    """

    def __init__(self, layer_id: str, fields: Iterable[str]) -> None:
        self._layer_id, self._fields = layer_id, tuple(sorted(set(fields)))
        self._known: dict[str, Device] = {}
        self._version, self._read_at = -1, 0.0

    async def read(self, connection: asyncpg.Connection, catalog: Catalog, ids: Sequence[str]) -> dict[str, Device]:
        """Return features by id; ids without a feature are left out.

        Raises
        ------
        NotFound
            When the layer does not exist, or lacks one of the fields.
        """
        layer = self._layer(catalog)
        if layer.version != self._version or monotonic() - self._read_at > _FRESH_S or len(self._known) > _KNOWN_MAX:
            self._known, self._version, self._read_at = {}, layer.version, monotonic()
        missing = [feature_id for feature_id in dict.fromkeys(ids) if feature_id not in self._known]
        if missing:
            self._known |= {device.feature_id: device for device in await self._fetch(connection, layer, missing)}
        return {feature_id: self._known[feature_id] for feature_id in ids if feature_id in self._known}

    def _layer(self, catalog: Catalog) -> Layer:
        layer = catalog.get(self._layer_id)
        if layer is None:
            raise NotFound(f"there is no layer '{self._layer_id}'", parameter="layer")
        has = {field.name for field in layer.definition.fields if field.has_column}
        lacking = [name for name in self._fields if name not in has]
        if lacking:
            raise NotFound(f"the layer {layer.id} has no field {', '.join(lacking)}", parameter=lacking[0])
        return layer

    async def _fetch(self, connection: asyncpg.Connection, layer: Layer, ids: Sequence[str]) -> list[Device]:
        name = "name" if "name" in layer.definition.by_name else "id"
        columns = "".join(f", {quote_identifier(field)}" for field in self._fields)
        place = "NULL::geometry" if layer.definition.geometry_type == "None" else "ST_PointOnSurface(geom)"
        rows = await connection.fetch(
            f"""SELECT id AS feature_id, coalesce({name}, id) AS shown, ST_X(p.at) AS lon, ST_Y(p.at) AS lat {columns}
            FROM {table_of(layer.id)} CROSS JOIN LATERAL (SELECT {place} AS at OFFSET 0) AS p
            WHERE id = ANY ($1::text[])""",
            list(ids),
        )
        return [
            Device(row[0], row[1], row[2], row[3], dict(zip(self._fields, tuple(row)[4:], strict=True))) for row in rows
        ]


def plain(value: Any) -> float | str | None:
    """Return a field's value as a number or text; booleans are 1 and 0, and other types None."""
    if isinstance(value, bool):
        return float(value)
    return value if isinstance(value, int | float | str) else None
