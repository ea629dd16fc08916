"""The description of the map for the page: the district, and each layer with its titles, drawing hints and fields."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.database.connection import in_our_words
from layers.definition import CodeList, FieldDefinition
from layers.moment import Moment
from layers.read.counts import CountCache
from layers.read.query import ItemsQuery
from layers.read.rights import VisibleField, visible_at, visible_fields
from server.audit.touched import grade_shown
from server.exports.exports import Exports
from server.page.outline import DISTRICTS, Connection, Outlines
from tiles.styles.theme import read_themes
from tiles.vector import DEEPEST_ZOOM, tile_fields


def fingerprint(catalog: Catalog, actor: Actor) -> str:
    """Return a digest of everything that `map_document` depends on; equal digests mean equal documents."""
    rows = [(layer.version, layer.row_count) for layer in catalog.visible_layers(actor)]
    return _digest([structure(catalog, actor), rows])


def structure(catalog: Catalog, actor: Actor) -> str:
    """Return a digest of what `map_document` depends on beside the rows: definitions, who asks, and the outline."""
    layers = catalog.visible_layers(actor)
    outlined = [layer.version for layer in layers if layer.id == DISTRICTS]
    return _digest([actor.audience, outlined, *(layer.definition.model_dump_json() for layer in layers)])


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


async def map_document(  # the parts of a worker that know something of it
    connection: Connection, catalog: Catalog, actor: Actor, counts: CountCache, outlines: Outlines, exports: Exports
) -> dict[str, Any]:
    """Return the description of the map for an actor.

    Returns
    -------
    dict
        `title_zh`, `title_en`, `bbox` (CRS84, None when there is no feature), `outline` (GeoJSON of the districts, or
        None), `synthetic`, `layers` in drawing order, `styles`, `codes` by code list, `structure`.
    """
    layers = catalog.visible_layers(actor)
    layers.sort(key=lambda layer: (layer.definition.map.order, layer.id))
    described = [await _layer(connection, layer, actor, counts, exports) for layer in layers]
    used = {field["codes"] for layer in described for field in layer["fields"]} & set(catalog.code_lists)
    return {
        **await _district(connection, catalog, actor, outlines),
        "structure": structure(catalog, actor),
        "synthetic": any(layer.definition.synthetic for layer in layers),
        "layers": described,
        "styles": [theme.model_dump(include={"id", "title_zh", "title_en"}) for theme in read_themes().values()],
        "codes": {name: _codes(catalog.code_lists[name]) for name in sorted(used)},
    }


async def count_document(connection: Connection, catalog: Catalog, actor: Actor, counts: CountCache) -> dict[str, Any]:
    """Return what changes with the rows: a hundredth of `map_document`, for whoever asks again and again.

    Returns
    -------
    dict
        `structure`, equal to that of the map document as long as nothing else has changed, and `layers` by id:
        `version`, `count`, `count_exact`, `bbox`.
    """
    layers = {layer.id: await _rows(connection, layer, actor, counts) for layer in catalog.visible_layers(actor)}
    return {"structure": structure(catalog, actor), "layers": layers}


async def _rows(connection: Connection, layer: Layer, actor: Actor, counts: CountCache) -> dict[str, Any]:
    query = ItemsQuery(layer, actor)
    with in_our_words():
        matched = counts.known(query) or await counts.counted(connection, query)
    return {
        "version": layer.version,
        "count": matched.rows,
        "count_exact": matched.exact,
        "bbox": layer.extent_crs84,
    }


async def _district(connection: Connection, catalog: Catalog, actor: Actor, outlines: Outlines) -> dict[str, Any]:
    extents = [layer.extent_crs84 for layer in catalog.visible_layers(actor) if layer.extent_crs84]
    bbox = [
        *map(min, zip(*(e[:2] for e in extents), strict=True)),
        *map(max, zip(*(e[2:] for e in extents), strict=True)),
    ]
    district = await outlines.of(connection, catalog, actor)
    return {
        "title_zh": district.names,
        "title_en": None,
        "bbox": district.extent_crs84 or bbox or None,
        "outline": district.outline,
    }


async def _layer(
    connection: Connection, layer: Layer, actor: Actor, counts: CountCache, exports: Exports
) -> dict[str, Any]:
    definition = layer.definition
    carried = [field.definition.name for field in tile_fields(layer, actor)]
    return {
        "id": layer.id,
        "title_zh": definition.title_zh,
        "title_en": definition.title_en,
        "geometry_type": definition.geometry_type,
        "synthetic": definition.synthetic,
        "attribution": definition.attribution,
        **await _rows(connection, layer, actor, counts),
        "tiles": f"tiles/{layer.id}/{{z}}/{{x}}/{{y}}.mvt",
        "max_zoom": max(DEEPEST_ZOOM, definition.map.min_zoom),
        "tile_fields": carried,
        "most_at_once": exports.most_at_once(actor, grade_shown(layer, actor, carried)),
        "live": definition.is_live,
        "past": visible_at(layer, actor, Moment(datetime.now(UTC), "known")) is not None,
        **_hints(layer, carried),
        "fields": [_field(field) for field in visible_fields(layer, actor)],
    }


def _hints(layer: Layer, carried: list[str]) -> dict[str, Any]:
    hints = layer.definition.map.model_dump(include={"group_zh", "group_en", "color", "order", "min_zoom", "visible"})
    return hints | {"label": layer.definition.map.label if layer.definition.map.label in carried else None}


def _field(field: VisibleField) -> dict[str, Any]:
    included = {"name", "title_zh", "title_en", "type", "unit", "codes", "common"}
    definition = field.definition
    limits = [step.least for step in definition.live.steps if isinstance(step.least, str)] if definition.live else []
    measured = {"masked": field.masked, "live": _live(definition), "limits": limits}
    return definition.model_dump(include=included) | measured


def _live(definition: FieldDefinition) -> dict[str, Any] | None:
    """Return where a field's live value comes from: `source`, the `property`, and what of it is taken."""
    live = definition.live
    if live is None:
        return None
    if live.observation is not None:
        return {"source": "observation", "property": live.observation, "take": "derived" if live.derives else live.take}
    named = ("position", "status", "air", "events", "any_observation")
    source = next((name for name in named if getattr(live, name) is not None), "event")
    return {"source": source, "property": live.observed, "take": getattr(live, source, None)}


def _codes(code_list: CodeList) -> list[dict[str, Any]]:
    included = {"code", "label_zh", "label_en", "color"}
    return [code.model_dump(include=included, exclude_none=True) for code in code_list.codes]
