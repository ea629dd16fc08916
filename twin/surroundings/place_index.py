"""The answer of `locate` from memory, for one audience, as far as it can be kept.

Buildings, which are many, are asked for each time; so are parts that depend on what moves, or on rows of other layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import numpy as np

from layers.actor import Actor
from layers.areas import read_areas
from layers.catalog import Catalog
from layers.definition import LayerDefinition
from layers.live_source import AREA_CODE_FIELDS
from layers.read.rights import unbound
from layers.tiers import COMMUNITY, DISTRICT, GRID, STREET, URBAN_VILLAGES, split_area_code
from twin.join.areas import AreaTiers
from twin.join.metres import MetrePoints
from twin.surroundings.locate import BUILDINGS, WATERWAYS, KnownPlace
from twin.surroundings.spot import Spot
from twin.surroundings.told_layers import ToldGrids, ToldNames, ToldVillages, ToldWaterways, is_settled

LAYERS = (*AREA_CODE_FIELDS, WATERWAYS)
_NAMED = (DISTRICT, STREET, COMMUNITY)
_PART_OF_LAYER = {
    GRID.layer_id: "grid",
    URBAN_VILLAGES: "urban_villages",
    WATERWAYS: "waterway",
    BUILDINGS: "nearest_building",
}


@dataclass(frozen=True, slots=True)
class PlaceAreas:
    """The areas of all tiers at one moment, whoever asks, until the next one or a village ends."""

    tiers: AreaTiers
    ends_at: datetime | None

    @classmethod
    async def read(cls, connection: asyncpg.Connection) -> PlaceAreas:
        """Read them, in any role."""
        areas = {name: await read_areas(connection, name, code) for name, code in AREA_CODE_FIELDS.items()}
        ends = [part.ends_at for part in areas.values() if part.ends_at is not None]
        return cls(AreaTiers.of(areas), min(ends, default=None))

    @property
    def is_over(self) -> bool:
        """Whether an area has ended since."""
        return self.ends_at is not None and self.ends_at <= datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class PlaceIndex:
    """What one audience is told of places, at one moment.

    Attributes
    ----------
    versions, definitions
        Of the layers that it is made of.
    areas
        Shared by all audiences.
    names
        Of districts, streets and communities, by the name of the tier.
    grids, villages, waterways
        None where they are hidden, or not kept.
    absent
        The parts of an answer that this audience is never told.
    """

    versions: Mapping[str, int]
    definitions: Mapping[str, LayerDefinition]
    areas: PlaceAreas
    names: Mapping[str, ToldNames]
    grids: ToldGrids | None
    villages: ToldVillages | None
    waterways: ToldWaterways | None
    absent: frozenset[str]

    @classmethod
    async def read(
        cls, connection: asyncpg.Connection, catalog: Catalog, actor: Actor, before: PlaceIndex | None = None
    ) -> PlaceIndex:
        """Return what the audience of an actor is told now, all of one moment.

        Parameters
        ----------
        connection
            In the reading role, outside of a transaction.
        catalog
            Has all of `LAYERS`.
        before
            An index of any audience, whose areas are used again where they are the same.
        """
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, catalog, actor, before)

    def is_current(self, catalog: Catalog) -> bool:
        """Whether the layers are as they were read."""
        if self.areas.is_over:
            return False
        layers = ((name, catalog.get(name)) for name in LAYERS)
        return all(
            layer is not None and layer.version == self.versions[name] and layer.definition is self.definitions[name]
            for name, layer in layers
        )

    def known(self, spot: Spot) -> KnownPlace | None:
        """Return what is known of a place.

        None where the nearest grid counts, outside of all: its distance on the ground is told, and PostGIS measures it.
        """
        lonlat = np.array([[spot.lon, spot.lat]])
        metres = MetrePoints.of(lonlat)
        placed = self.areas.tiers.place(lonlat, metres)
        match, area_code = placed.match[0], placed.area_code[0]
        if match == "nearest":
            return None
        grid_code = self.areas.tiers.grids.codes[placed.grid[0]] if match == "inside" else None
        parts: dict[str, Any] = dict.fromkeys(self.absent)
        for tier, code in zip(_NAMED, split_area_code(area_code), strict=True):
            if (names := self.names.get(tier.name)) is not None:
                parts[tier.name] = names.area(code)
        if self.grids is not None:
            parts["grid"] = self.grids.by_code.get(grid_code or "")
        if self.villages is not None:
            parts["urban_villages"] = self.villages.around(lonlat)
        if self.waterways is not None:
            parts["waterway"] = self.waterways.beside(metres)
        return KnownPlace(grid_code, area_code, match, parts)


async def _read(
    connection: asyncpg.Connection, catalog: Catalog, actor: Actor, before: PlaceIndex | None
) -> PlaceIndex:
    rows = await connection.fetch("SELECT id, version FROM onemap.layer WHERE id = ANY ($1)", list(LAYERS))
    versions = {row["id"]: row["version"] for row in rows}
    is_same = before is not None and all(before.versions[name] == versions[name] for name in AREA_CODE_FIELDS)
    areas = before.areas if before and is_same and not before.areas.is_over else await PlaceAreas.read(connection)
    seen = {name: catalog.find(name, actor) for name in (*LAYERS, BUILDINGS)}
    kept = {name: layer for name, layer in seen.items() if layer is not None and is_settled(layer, actor)}
    part_of = _PART_OF_LAYER | {tier.layer_id: tier.name for tier in _NAMED}
    reader = unbound(actor)  # names of areas are public in all areas
    grids, villages, waterways = (kept.get(name) for name in (GRID.layer_id, URBAN_VILLAGES, WATERWAYS))
    return PlaceIndex(
        versions,
        {name: catalog[name].definition for name in LAYERS},
        areas,
        {
            tier.name: await ToldNames.read(connection, layer, reader, tier)
            for tier in _NAMED
            if (layer := seen[tier.layer_id]) is not None and is_settled(layer, reader)
        },
        await ToldGrids.read(connection, grids, actor) if grids else None,
        await ToldVillages.read(connection, villages, actor) if villages else None,
        await ToldWaterways.read(connection, waterways, actor) if waterways else None,
        frozenset(part_of[name] for name, layer in seen.items() if layer is None),
    )
