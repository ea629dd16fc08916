"""The relations of one feature, each as far as the reader may know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import asyncpg
import orjson
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, bind, compose
from layers.errors import Forbidden, NotFound
from layers.live_source import EVENTS
from layers.moment import Moment
from layers.read.query import ItemsQuery, find_features
from layers.read.relation import relation
from layers.read.rights import layer_at, plain_fields, scoped
from layers.tiers import TIER_OF_LAYER, URBAN_VILLAGES
from twin.responsibility.chain import Rung
from twin.responsibility.concern import concern_of_feature
from twin.responsibility.responsible import responsible_for
from twin.surroundings.area import area_features, find_area
from twin.surroundings.cameras_seeing import CAMERAS, Sight, cameras_seeing
from twin.surroundings.locate import Area, Village, WaterwaySpot, locate
from twin.surroundings.nearby import NearbyFeatures, nearby
from twin.surroundings.spot import Spot

EVENTS_M, CAMERAS_M = 200.0, 300.0
_EVENTS_MAX, _CAMERAS_MAX = 50, 20
type HowRelated = Literal["names", "near", "within", "sees", "can_turn_to"]


class RelatedFeature(BaseModel):
    """A feature that has to do with the one that was asked about."""

    layer: str
    id: str
    relation: HowRelated = Field(description="names it, is near it, lies within it, sees it, can turn to it")
    name: str | None = None
    distance_m: float | None = None


class Related(BaseModel):
    """The relations of a feature; null or empty where there is none that this reader may know of."""

    layer: str
    id: str
    lon: float | None = Field(description="CGCS2000, degrees; of a point on it, where its place is shown")
    lat: float | None
    district: Area | None = None
    street: Area | None = None
    community: Area | None = None
    grid: Area | None = None
    urban_villages: list[Village] = Field(default_factory=list)
    waterway: WaterwaySpot | None = Field(None, description="the stretch it lies on: chainage and bank")
    events: list[RelatedFeature] = Field(description="that name it, and within 200 m; of an area, those in it")
    cameras: list[RelatedFeature] = Field(description="within 300 m that see it or can turn to it")
    responsible: list[Rung] = Field(description="the chain of those who answer for it now")
    complete: bool = Field(description="没有遗漏 false: there are more events, cameras or people than are told")


@dataclass(slots=True)
class _Reading:
    """What is read for one answer, with the number of features by layer, and whether nothing was left out."""

    connection: asyncpg.Connection
    catalog: Catalog
    actor: Actor
    rows: dict[str, int]
    moment: Moment | None = None
    is_whole: bool = True

    def visible(self, layer_id: str) -> Layer | None:
        """Return a layer as of the moment if the actor may read it; what he may read now alone is left out."""
        layer = self.catalog.find(layer_id, self.actor)
        try:
            return layer and layer_at(layer, self.actor, self.moment)
        except Forbidden:
            self.is_whole = False
            return None

    def told[T](self, found: Sequence[T], most: int, *, is_whole: bool = True) -> list[T]:
        """Return as many as are told, and note whether these are all."""
        self.is_whole = self.is_whole and is_whole and len(found) <= most
        return list(found[:most])


async def related(
    connection: asyncpg.Connection,
    catalog: Catalog,
    actor: Actor,
    feature: tuple[str, str],
    moment: Moment | None = None,
) -> tuple[Related, dict[str, int]]:
    """Return the relations of a feature, and the number of features read by layer.

    Parameters
    ----------
    moment
        As of which the feature's place, events, cameras and people on duty are; None is now. Areas are those of today.

    Raises
    ------
    NotFound
        When the actor sees no such feature, or there was none.
    Forbidden
        When he may read the layer and not its past.
    """
    layer, feature_id = layer_at(catalog.visible(feature[0], actor), actor, moment), feature[1]
    reading = _Reading(connection, catalog, actor, {layer.id: 1}, moment)
    at = moment.at if moment else datetime.now(UTC)
    spot = await _spot(reading, layer, feature_id)
    places = await _places(reading, spot)
    concern = await concern_of_feature(connection, catalog, actor, (layer.id, feature_id), None, at)
    chain, rows = await responsible_for(connection, catalog, actor, concern)
    _count(reading, rows)
    answer = Related(
        layer=layer.id,
        id=feature_id,
        lon=spot.lon if spot else None,
        lat=spot.lat if spot else None,
        events=await _events(reading, layer, feature_id, spot),
        cameras=await _cameras(reading, feature_id, spot),
        responsible=chain.chain,
        complete=reading.is_whole and chain.complete,
        **places,
    )
    return answer, reading.rows


def _count(reading: _Reading, rows: dict[str, int]) -> None:
    for name, number in rows.items():
        reading.rows[name] = reading.rows.get(name, 0) + number


async def _spot(reading: _Reading, layer: Layer, feature_id: str) -> Spot | None:
    """Return a point on a feature, as it is shown and unrounded: a rounded one may lie beyond an edge.

    Raises
    ------
    NotFound
        When the actor sees no such feature.
    """
    point = "NULL::geometry" if layer.definition.geometry_type == "None" else "onemap.point_of(f.geom)"
    own = Clause("f.id = ?0::text", (feature_id,))
    text, values = compose(
        f"SELECT ST_X(p.at) AS lon, ST_Y(p.at) AS lat FROM (SELECT {point} AS at FROM {{}} WHERE {{}} LIMIT 1) AS p",
        relation(layer, reading.actor),
        scoped(layer, reading.actor, own),
    ).render()
    row = None if "\0" in feature_id else await reading.connection.fetchrow(text, *values)
    if row is None:
        raise NotFound(f"there is no feature '{feature_id[:80]}' in '{layer.id}'", parameter="id")
    return None if row["lon"] is None else Spot(row["lon"], row["lat"])


async def _places(reading: _Reading, spot: Spot | None) -> dict[str, Any]:
    """Return the areas and the waterway of a place; nothing without one."""
    if spot is None:
        return {}
    found = await locate(reading.connection, reading.catalog, reading.actor, spot)
    _count(reading, {name: 0 for name in (*TIER_OF_LAYER, URBAN_VILLAGES, "waterways") if reading.visible(name)})
    names = ("district", "street", "community", "grid", "urban_villages", "waterway")
    return {name: getattr(found, name) for name in names}


async def _events(reading: _Reading, layer: Layer, feature_id: str, spot: Spot | None) -> list[RelatedFeature]:
    """Return the events that name a feature, then those near it, or in it where it is an area; each once."""
    events = reading.visible(EVENTS)
    if events is None:
        return []
    naming = await _naming(reading, events, feature_id)
    if layer.id in TIER_OF_LAYER or layer.id == URBAN_VILLAGES:
        around = await _inside(reading, events, feature_id)
    elif spot is not None:
        close = await nearby(reading.connection, [events], reading.actor, spot, EVENTS_M, _EVENTS_MAX)
        around = reading.told(_all_related(close, "near"), _EVENTS_MAX, is_whole=close.is_whole)
    else:
        around = []
    found = {one.id: one for one in (*around, *naming) if (layer.id, feature_id) != (EVENTS, one.id)}
    ordered = sorted(found.values(), key=lambda one: (one.relation != "names", one.distance_m or 0.0, one.id))
    _count(reading, {EVENTS: len(found)})
    return reading.told(ordered, _EVENTS_MAX)


async def _inside(reading: _Reading, events: Layer, code: str) -> list[RelatedFeature]:
    """Return the events in an area; none where the actor may not ask for it."""
    try:
        area = await find_area(reading.connection, reading.catalog, reading.actor, code)
    except (Forbidden, NotFound):
        return []
    inside = await area_features(reading.connection, [events], reading.actor, area, _EVENTS_MAX)
    return reading.told(_all_related(inside, "within"), _EVENTS_MAX, is_whole=inside.is_whole)


async def _naming(reading: _Reading, events: Layer, feature_id: str) -> list[RelatedFeature]:
    """Return the events whose devices or related events have an id, where the reader is told of them."""
    fields = [name for name in ("device_ids", "related_ids") if name in plain_fields(events, reading.actor)]
    if not fields:
        return []
    own = bind([feature_id], "text[]")
    where = compose(" OR ".join(f"f.{name} @> {{}}" for name in fields), *(own for _ in fields))
    found = await find_features(reading.connection, ItemsQuery(events, reading.actor, where, limit=_EVENTS_MAX))
    return reading.told([_related(one, "names") for one in found.features], _EVENTS_MAX, is_whole=found.is_whole)


async def _cameras(reading: _Reading, feature_id: str, spot: Spot | None) -> list[RelatedFeature]:
    """Return the cameras that see a place, then those that can turn to it, the nearest first."""
    cameras = reading.visible(CAMERAS)
    if cameras is None or spot is None:
        return []
    seen, buildings = await cameras_seeing(
        reading.connection, reading.catalog, reading.actor, cameras, spot, Sight(CAMERAS_M)
    )
    _count(reading, {CAMERAS: 0} | ({} if buildings is None else {buildings.id: 0}))
    every = [
        RelatedFeature(layer=cameras.id, id=one, relation=how, distance_m=facts["distance_m"])
        for one, facts in zip(seen.ids, seen.properties, strict=True)
        if one != feature_id and (how := _how_seen(facts)) is not None
    ]
    found = reading.told(every, _CAMERAS_MAX, is_whole=seen.is_whole)
    _count(reading, {CAMERAS: len(found)})
    return found


def _how_seen(facts: dict[str, Any]) -> HowRelated | None:
    if facts["visible"] is True:
        return "sees"
    return "can_turn_to" if facts["can_turn_to"] else None


def _all_related(found: NearbyFeatures, relation: HowRelated) -> list[RelatedFeature]:
    return [_related(one, relation) for one in map(orjson.loads, found.features)]


def _related(feature: dict[str, Any], relation: HowRelated) -> RelatedFeature:
    told = feature["properties"]
    name = next((told[key] for key in ("title", "name") if told.get(key)), None)
    return RelatedFeature(
        layer=EVENTS, id=feature["id"], relation=relation, name=name, distance_m=told.get("distance_m")
    )


def layers_of(rows: dict[str, int], catalog: Catalog, actor: Actor) -> Sequence[tuple[Layer, int]]:
    """Return the layers that were read, with the number of features of each."""
    return [(catalog.visible(name, actor), number) for name, number in rows.items()]
