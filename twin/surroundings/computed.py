"""Features with what was computed of them, as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause
from layers.types import Json
from twin.surroundings.nearby import DISTANCE, gather, selection


@dataclass(frozen=True, slots=True)
class ComputedFeatures:
    """Features in the order of an answer.

    Attributes
    ----------
    layers, ids
        `[k]` of each.
    properties
        `[k]` what is computed of each; it takes the place of the feature's own properties of the same names.
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


async def with_computed(
    connection: asyncpg.Connection, layers: Sequence[Layer], actor: Actor, computed: ComputedFeatures
) -> list[Json]:
    """Return the features as this actor sees them, in their order; what has gone meanwhile is left out."""
    wanted: dict[str, list[str]] = {layer.id: [] for layer in layers}
    for layer_id, feature_id in zip(computed.layers, computed.ids, strict=True):
        wanted[layer_id].append(feature_id)
    asked = [layer for layer in layers if wanted[layer.id]]
    if not asked:
        return []
    parts = [
        selection(
            layer,
            actor,
            where=Clause("f.id = ANY (?0::text[])", (wanted[layer.id],)),
            limit=len(wanted[layer.id]),
            computed={DISTANCE: Clause("NULL::float8")},
        )
        for layer in asked
    ]
    rows = (await gather(connection, asked, parts, "layer, id")).features
    features = {(one["properties"]["layer"], one["id"]): one for one in map(orjson.loads, rows)}
    answer = []
    for layer_id, feature_id, properties in zip(computed.layers, computed.ids, computed.properties, strict=True):
        feature = features.get((layer_id, feature_id))
        if feature is not None:
            own = {n: v for n, v in feature["properties"].items() if n not in properties and n != DISTANCE.name}
            answer.append({**feature, "properties": {"layer": layer_id, **properties, **own}})
    return answer
