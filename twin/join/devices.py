"""The areas of devices, for observations without a place: read once, then looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import asyncpg

from layers.schema.tables import table_of

type DeviceArea = tuple[str | None, str | None]  # the grid's code and the area's

LAYERS = (
    "water_level_stations",
    "rain_gauges",
    "air_quality_stations",
    "iot_devices",
    "video_points",
    "flood_risk_points",
    "water_facilities",
    "emergency_resources",
)
NOWHERE: DeviceArea = (None, None)


@dataclass(frozen=True, slots=True)
class DeviceIndex:
    """The grid and the area of every device, from its layer.

    Attributes
    ----------
    by_layer
        Grid code and area code, by layer and id.
    """

    by_layer: Mapping[str, Mapping[str, DeviceArea]]

    def place(self, layer: str, device_id: str) -> DeviceArea:
        """Return a device's grid code and area code; None twice when it is unknown."""
        return self.by_layer.get(layer, {}).get(device_id, NOWHERE)


async def read_devices(
    connection: asyncpg.Connection, layer_ids: Sequence[str]
) -> Mapping[str, Mapping[str, DeviceArea]]:
    """Return the areas of devices by layer and id; equal codes share one object."""
    found: dict[str, Mapping[str, DeviceArea]] = {}
    for layer_id in layer_ids:
        areas: dict[DeviceArea, DeviceArea] = {}
        rows = await connection.fetch(f"SELECT id, grid_code, area_code FROM {table_of(layer_id)}")
        places = ((row[0], (row[1], row[2])) for row in rows)
        found[layer_id] = MappingProxyType({name: areas.setdefault(area, area) for name, area in places})
    return found
