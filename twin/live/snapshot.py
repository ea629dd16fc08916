"""The state of layers at one number of the log, from which a subscriber starts without a gap and without a repeat.

The log is written in the transaction of its changes, under a lock held to the commit. So one snapshot of PostgreSQL
that shows number N as the newest shows every change up to N, and none after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, join
from layers.cql2 import compile_bbox, compile_filter, queryables_of
from layers.cql2.bbox import DegreeBox
from layers.errors import BadInput, TooMuch
from layers.moment import Moment
from layers.read.query import ItemsQuery, page
from layers.read.rights import in_areas, layer_at
from twin.live.interest import Interest
from twin.log.changes import last_seq

FEATURES_MAX = 20_000  # of one layer
SEPARATOR = ",\n"  # no line ends within a feature


@dataclass(frozen=True, slots=True)
class LayerSnapshot:
    """Features by layer.

    Attributes
    ----------
    seq
        Number of the last change that is part of the state.
    layers
        By id: GeoJSON features, joined by `SEPARATOR`.
    found
        By id: the number of features.
    """

    seq: int
    layers: dict[str, bytes]
    found: dict[str, int]


async def take_snapshot(
    pool: asyncpg.Pool, catalog: Catalog, actor: Actor, interest: Interest, moment: Moment | None = None
) -> LayerSnapshot:
    """Return the features of an interest that the actor may see; now, or as of a moment.

    Raises
    ------
    BadInput
        When no layer is named, or the filter names a property that only changes have.
    TooMuch
        When more features of a layer match than may be sent at once.
    """
    if not interest.layers:
        raise BadInput("a snapshot is of layers; name them", parameter="layers")
    layers = [layer_at(catalog.visible(layer_id, actor), actor, moment) for layer_id in sorted(interest.layers)]
    queries = [ItemsQuery(layer, actor, _where(layer, actor, interest), limit=FEATURES_MAX) for layer in layers]
    features: dict[str, bytes] = {}
    found: dict[str, int] = {}
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        seq = await last_seq(connection)
        for query in queries:
            text, values = page(query, separator=SEPARATOR).render()
            row = await connection.fetchrow(text, *values)
            if row["found"] > FEATURES_MAX:
                raise TooMuch(f"'{query.layer.id}' has more than {FEATURES_MAX} such features; ask for less of it")
            features[query.layer.id], found[query.layer.id] = row["features"] or b"", row["found"]
    return LayerSnapshot(seq, features, found)


def _where(layer: Layer, actor: Actor, interest: Interest) -> Clause:
    queryables = queryables_of(layer.definition, actor)
    parts = [in_areas(interest.areas, layer.definition.by_name)]
    if interest.bbox_crs84 is not None:
        known = "geom" in queryables
        box = DegreeBox((interest.bbox_crs84,), interest.outline)
        parts.append(compile_bbox(box, queryables["geom"]) if known else Clause("FALSE"))
    if interest.condition is not None:
        parts.append(compile_filter(interest.condition.node, queryables, filter_crs=interest.condition.crs))
    return join(" AND ", parts)
