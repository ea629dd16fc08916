"""What the catalogue's pages say of a collection, to one reader: counts, fields as they are shown, and links."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.database.connection import in_our_words
from layers.definition import CodeList, FieldDefinition
from layers.read.counts import CountCache, Matched
from layers.read.facts import observed_fields
from layers.read.query import ItemsQuery
from layers.read.rights import visible_fields
from server.formats.media import Media
from server.formats.table import offered
from server.page.titled import TitledGroup


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field as its reader gets it.

    Attributes
    ----------
    masked
        Whether values are shown in part only.
    codes
        The list of its values; None for free values, and where they are masked.
    """

    definition: FieldDefinition
    masked: bool
    codes: CodeList | None


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """A collection and the number of its features that the reader may see."""

    layer: Layer
    matched: Matched


@dataclass(frozen=True, slots=True)
class CollectionLink:
    """An address below that of the server, and what it answers with."""

    title_zh: str
    title_en: str
    path: str
    format: str


def shown_fields(layer: Layer, actor: Actor, catalog: Catalog) -> tuple[ShownField, ...]:
    """Return the fields that an actor gets, in the definition's order."""
    return tuple(
        ShownField(
            field.definition,
            field.masked,
            None if field.masked else catalog.code_lists.get(field.definition.codes or ""),
        )
        for field in visible_fields(layer, actor)
    )


def downloads(layer: Layer) -> tuple[Media, ...]:
    """Return the formats in which people take the whole collection home."""
    return tuple(media for media in offered(layer.definition) if media.f not in {"html", "jsonld"})


async def grouped_collections(
    connection: asyncpg.Pool, catalog: Catalog, actor: Actor, counts: CountCache
) -> tuple[TitledGroup[CollectionEntry], ...]:
    """Return every collection that an actor may see, by the map's groups; those in the order in which they are drawn.

    Groups stand in the order of their first layer on the map, from above.
    """
    groups: dict[tuple[str, str], list[CollectionEntry]] = {}
    layers = sorted(catalog.visible_layers(actor), key=lambda layer: (-layer.definition.map.order, layer.id))
    for layer in layers:
        hints = layer.definition.map
        entry = CollectionEntry(layer, await matched_of(connection, layer, actor, counts))
        groups.setdefault((hints.group_zh, hints.group_en), []).append(entry)
    return tuple(TitledGroup(zh, en, tuple(entries)) for (zh, en), entries in groups.items())


async def matched_of(connection: asyncpg.Pool, layer: Layer, actor: Actor, counts: CountCache) -> Matched:
    """Return the number of features of a layer that an actor may see."""
    query = ItemsQuery(layer, actor)
    with in_our_words():
        return counts.known(query) or await counts.counted(connection, query)


def links_of(layer: Layer, language: str) -> tuple[CollectionLink, ...]:
    """Return the addresses that answer about a collection, as far as they apply to it."""
    definition, of = layer.definition, f"/ogc/collections/{layer.id}"
    page = f"?f=html&lang={language}"
    found = [
        CollectionLink("要素", "Features", f"{of}/items{page}", "OGC API - Features"),
        CollectionLink("数据模式", "Schema", f"{of}/schema?f=json", "JSON Schema"),
        CollectionLink("可查询项", "Queryables", f"{of}/queryables{page}", "OGC API - Features, Part 3"),
        CollectionLink("变更推送", "Changes as they happen", f"/live?layers={layer.id}", "Server-sent events"),
    ]
    if definition.geometry_type != "None":
        found += [
            CollectionLink("瓦片描述", "Tiles", f"/tiles/{layer.id}.json", "TileJSON"),
            CollectionLink("瓦片集", "Tilesets", f"{of}/tiles{page}", "OGC API - Tiles"),
            CollectionLink("按网格统计", "Counts by grid", f"/twin/aggregate?layer={layer.id}&by=grid&f=json", "JSON"),
        ]
    return tuple(found + _of_history(layer))


def _of_history(layer: Layer) -> list[CollectionLink]:
    """Return the addresses of what features measured and where they went."""
    found = []
    if observed_fields(layer.definition) and layer.id != "events":
        found += [
            CollectionLink(
                "传感器与观测", "Sensors and what they measure", "/sta/v1.1/Things?$top=20", "SensorThings 1.1"
            ),
            CollectionLink(
                "站点数据", "Values of stations", f"/ogc/collections/{layer.id}/locations?f=GeoJSON", "OGC API - EDR"
            ),
        ]
    if layer.definition.motion is not None:
        found.append(
            CollectionLink(
                "历史轨迹（每个要素的 tgsequence）",
                "Tracks (tgsequence of each feature)",
                f"/ogc/collections/{layer.id}/items?f=json&limit=10",
                "OGC API - Moving Features",
            )
        )
    return found
