"""Lists and trends of an overview: the first features by some order, and how many of each hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, bind, columns_in, compose, quote_identifier
from layers.read.query import ItemsQuery, find_features
from layers.read.relation import relation
from layers.read.rights import plain_fields, rights_at, scoped
from layers.read.sort_keys import sort_keys, sortable_fields
from twin.overview.definition import FeatureList, Trend, at_moment
from twin.overview.place import OverviewPlace
from twin.overview.statement import compiled

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ListedFeature:
    """A feature of a list: its layer and id, a place in degrees, and the properties that the reader sees."""

    layer: str
    id: str
    lon: float | None
    lat: float | None
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HourCount:
    """How many features an hour has; `at` is its beginning."""

    at: datetime
    value: int


async def read_list(
    connection: asyncpg.Connection, one: FeatureList, layer: Layer, actor: Actor, place: OverviewPlace, at: datetime
) -> list[ListedFeature] | None:
    """Return the features of a list; None when the reader may not see what it is chosen or ordered by."""
    if not rights_at(layer, actor).reads(one.grade or layer.definition.grade):
        return None
    inside = place.lies_inside(layer, actor, from_above=one.from_above)
    where = compiled(at_moment(one.where, at), layer, actor)
    sortable = sortable_fields(layer, actor)
    if inside is None or where is None or one.sort.lstrip("-") not in sortable:
        return None
    condition = compose("{} AND ({})", where, inside) if inside else where
    query = ItemsQuery(layer, actor, condition, one.properties, sort=sort_keys(one.sort, sortable), limit=one.limit)
    found = await find_features(connection, query)
    return [_listed(layer.id, feature) for feature in found.features]


def _listed(layer_id: str, feature: dict[str, Any]) -> ListedFeature:
    geometry = feature["geometry"]
    lon, lat = geometry["coordinates"][:2] if geometry and geometry["type"] == "Point" else (None, None)
    return ListedFeature(layer_id, feature["id"], lon, lat, feature["properties"])


async def read_trend(
    connection: asyncpg.Connection, one: Trend, layer: Layer, actor: Actor, place: OverviewPlace, at: datetime
) -> list[HourCount] | None:
    """Return the numbers of the last hours, the oldest first; None when the reader may not see the time."""
    if not rights_at(layer, actor).reads(layer.definition.grade) or one.time not in plain_fields(layer, actor):
        return None
    inside = place.lies_inside(layer, actor)
    if inside is None:
        return None
    start = at - one.hours * _HOUR
    text, values = _hours(one, layer, actor, inside, start, at).render()
    counts = {row["hour"]: row["n"] for row in await connection.fetch(text, *values)}
    return [HourCount(start + n * _HOUR, counts.get(n, 0)) for n in range(one.hours)]


def _hours(one: Trend, layer: Layer, actor: Actor, inside: Clause, start: datetime, end: datetime) -> Clause:
    column = f"f.{quote_identifier(one.time)}"
    first, last = bind(start, "timestamptz"), bind(end, "timestamptz")
    span = compose(f"{column} > {{}} AND {column} <= {{}}", first, last)
    condition = scoped(layer, actor, *(part for part in (span, inside) if part))
    source = relation(layer, actor, condition, columns_in(condition.text, column))
    # An event at the very end belongs to the last hour.
    hour = f"ceil(extract(epoch FROM {column} - {{}}) / 3600)::int - 1"
    return compose(f"SELECT {hour} AS hour, count(*) AS n FROM {{}} WHERE {{}} GROUP BY 1", first, source, condition)


async def is_as_old(connection: asyncpg.Connection, layer: Layer, actor: Actor, at: datetime) -> bool:
    """Whether a layer with times has any feature of a moment or before it that the actor may see."""
    name = layer.definition.time
    if name is None or name not in plain_fields(layer, actor):
        return False
    condition = scoped(layer, actor, compose(f"f.{quote_identifier(name)} <= {{}}", bind(at, "timestamptz")))
    source = relation(layer, actor, condition, columns_in(condition.text))
    text, values = compose("SELECT EXISTS (SELECT FROM {} WHERE {})", source, condition).render()
    return bool(await connection.fetchval(text, *values))
