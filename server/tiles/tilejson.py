"""TileJSON 3.0 of layers: the address of their tiles, bounds, zooms and fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from layers.actor import Actor
from layers.catalog import Layer
from layers.definition import FieldType
from server.tiles.extent import MERCATOR_WORLD, extent_of
from tiles.vector import LABELS, deepest_zoom, label_of, tile_fields

_TILEJSON_TYPES: dict[FieldType, str] = {"integer": "Number", "number": "Number", "boolean": "Boolean"}


def tilejson_of(layers: Sequence[Layer], actor: Actor, *, base: str, version: str | None = None) -> dict[str, Any]:
    """Return the TileJSON of one or several layers for an actor.

    Parameters
    ----------
    base
        The service's address without a slash.
    version
        The version of the tiles; with it in their address, caches may keep them.
    """
    definitions = [layer.definition for layer in layers]
    versioned = f"?v={version}" if version else ""
    return {
        "tilejson": "3.0.0",
        "name": "、".join(definition.title_zh for definition in definitions),
        "description": ", ".join(definition.title_en for definition in definitions),
        "attribution": "；".join(dict.fromkeys(d.attribution for d in definitions if d.attribution)),
        "scheme": "xyz",
        "tiles": [f"{base}/tiles/{','.join(layer.id for layer in layers)}/{{z}}/{{x}}/{{y}}.mvt{versioned}"],
        "bounds": extent_of(layers) or MERCATOR_WORLD,
        "minzoom": min(definition.map.min_zoom for definition in definitions),
        "maxzoom": max(map(deepest_zoom, definitions)),
        "vector_layers": [part for layer in layers for part in _vector_layers(layer, actor, alone=len(layers) == 1)],
    }


def _vector_layers(layer: Layer, actor: Actor, *, alone: bool) -> Iterator[dict[str, Any]]:
    """Yield the parts of a tile for a layer: its features, and for areas the points of their names."""
    definition = layer.definition
    seen = tile_fields(layer, actor)
    fields = {f.definition.name: _TILEJSON_TYPES.get(f.definition.type, "String") for f in seen}
    zooms = {"minzoom": definition.map.min_zoom, "maxzoom": deepest_zoom(definition)}
    counted = {"count": "Number"} if definition.map.gather_below is not None else {}
    described = {"description": definition.title_zh, **zooms}
    yield {"id": layer.id, **described, "fields": {"id": "String", **counted, **fields}}
    if label_of(layer, seen) is not None:
        name = LABELS if alone else f"{layer.id}_{LABELS}"
        yield {"id": name, **described, "fields": {"id": "String", **fields}}
