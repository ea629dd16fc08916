"""Features with what was computed of them, as GeoJSON."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose, quote_literal
from layers.read.query import ItemsQuery, feature_json
from layers.read.relation import relation
from layers.read.rights import scoped, visible_fields
from layers.types import Json
from twin.surroundings.nearby import DISTANCE, LAYER

_PROPERTIES = b',"properties":{'


@dataclass(frozen=True, slots=True)
class ComputedFeatures:
    """Features in the order of an answer.

    Attributes
    ----------
    layers, ids
        `[k]` of each.
    properties
        `[k]` what is computed of each; it takes the place of the features' own properties of the same names.
    is_whole
        Whether nothing was left out that could be among them.
    """

    layers: tuple[str, ...]
    ids: tuple[str, ...]
    properties: tuple[Json, ...]
    is_whole: bool

    def counts(self, layers: Sequence[Layer]) -> dict[str, int]:
        """Return the number of features of each layer."""
        return {layer.id: self.layers.count(layer.id) for layer in layers}


@dataclass(frozen=True, slots=True)
class WrittenFeature:
    """A feature as this reader sees it, with what is computed of it, written as GeoJSON."""

    id: str
    computed: Json
    json: orjson.Fragment


async def with_computed(
    connection: asyncpg.Connection, layers: Sequence[Layer], actor: Actor, computed: ComputedFeatures
) -> list[Json]:
    """Return the features as this actor sees them, in their order; what has gone meanwhile is left out."""
    written = await written_with_computed(connection, layers, actor, computed)
    return [orjson.loads(orjson.dumps(one.json)) for one in written]


async def written_with_computed(
    connection: asyncpg.Connection, layers: Sequence[Layer], actor: Actor, computed: ComputedFeatures
) -> list[WrittenFeature]:
    """Return the same, as PostgreSQL has written it, with what is computed in front of the properties."""
    wanted: dict[str, list[str]] = {layer.id: [] for layer in layers}
    hidden = {DISTANCE.name, LAYER.name}
    for layer_id, feature_id, properties in zip(computed.layers, computed.ids, computed.properties, strict=True):
        wanted[layer_id].append(feature_id)
        hidden.update(properties)
    parts = [_rows(layer, actor, wanted[layer.id], hidden) for layer in layers if wanted[layer.id]]
    if not parts:
        return []
    text, values = compose(" UNION ALL ".join("({})" for _ in parts), *parts).render()
    rows = {(row["layer"], row["id"]): row["feature"] for row in await connection.fetch(text, *values)}
    found = zip(computed.layers, computed.ids, computed.properties, strict=True)
    return [
        WrittenFeature(feature_id, properties, _spliced(feature, {"layer": layer_id, **properties}))
        for layer_id, feature_id, properties in found
        if (feature := rows.get((layer_id, feature_id))) is not None
    ]


def _rows(layer: Layer, actor: Actor, ids: Sequence[str], hidden: Container[str]) -> Clause:
    """Build the statement for features by their ids: rows `layer, id, feature`, without properties of some names."""
    where = Clause("f.id = ANY (?0::text[])", (ids,))
    names = (field.definition.name for field in visible_fields(layer, actor))
    query = ItemsQuery(layer, actor, properties=tuple(name for name in names if name not in hidden))
    return compose(
        f"""SELECT {quote_literal(layer.id)} AS layer, f.id, convert_to({{}}, 'UTF8') AS feature
        FROM {{}} WHERE {{}}""",
        feature_json(query),
        relation(layer, actor, where),
        scoped(layer, actor, where),
    )


def _spliced(feature: bytes, computed: Json) -> orjson.Fragment:
    """Return a feature with more properties in front of its own; within a text of JSON no quote stands bare."""
    before, between, own = feature.partition(_PROPERTIES)
    comma = b"" if own.startswith(b"}") else b","
    return orjson.Fragment(b"".join((before, between, orjson.dumps(computed)[1:-1], comma, own)))
