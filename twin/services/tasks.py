"""The tasks of a person: open events that he may handle, the most urgent first."""

from __future__ import annotations

from typing import Any

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose
from layers.read.query import ItemsQuery, find_features
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped, visible_fields
from layers.read.sort_keys import SortKey
from twin.store.events.steps import steps_in, versions_of
from twin.surroundings.spot import Spot

_OPEN = Clause("onemap.event_is_open(f.stage, f.closed_at) AND f.source IS DISTINCT FROM 'weather_warning'")
_DUE = "due_at"
_TOLD = (
    "source", "event_class", "title", "description", "description_redacted", "address", "severity", "stage",
    "level_current", _DUE, "overdue", "occurred_at", "handler_id", "reporter_id", "lead_org", "grid_code",
)  # fmt: skip


async def tasks_of(
    connection: asyncpg.Connection, events: Layer, actor: Actor, spot: Spot | None, limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """Return the tasks of an actor as GeoJSON features, and whether there are no more.

    Beside what the actor may read of each event there are `version` and `steps`, which a step names, `mine`, and
    `distance_m` where it is asked from a place.

    Parameters
    ----------
    spot
        Where the actor is; None leaves the distances out.
    """
    if not {"stage", "closed_at", "source"} <= plain_fields(events, actor).keys():
        return [], True
    mine = compose("f.id IN (SELECT f.id FROM {} WHERE {})", *_handled(events, actor.as_handler()))
    seen = {field.definition.name: field.definition for field in visible_fields(events, actor)}
    query = ItemsQuery(
        events,
        actor,
        compose("{} AND {}", _OPEN, mine),
        properties=tuple(name for name in _TOLD if name in seen),
        sort=(SortKey(seen[_DUE]),) if _DUE in plain_fields(events, actor) else (),
        limit=limit,
    )
    found = await find_features(connection, query)
    versions = await versions_of(connection, [one["id"] for one in found.features])
    return [_told(one, versions.get(one["id"], 0), actor, spot) for one in found.features], found.is_whole


async def may_handle(connection: asyncpg.Connection, events: Layer, actor: Actor, event_id: str) -> bool:
    """Whether an actor may take steps of an event; that it may read it is another question."""
    relation_, scope = _handled(events, actor.as_handler())
    this = compose("f.id = {}", Clause("?0::text", (event_id,)))
    text, values = compose("SELECT true FROM {} WHERE {} AND {} LIMIT 1", relation_, scope, this).render()
    return bool(await connection.fetchval(text, *values))


def _handled(events: Layer, handler: Actor) -> tuple[Clause, Clause]:
    return relation(events, handler), scoped(events, handler)


def _told(feature: dict[str, Any], version: int, actor: Actor, spot: Spot | None) -> dict[str, Any]:
    properties = feature["properties"]
    handler = properties.get("handler_id")
    told = {
        **properties,
        "version": version,
        "mine": handler is not None and handler == actor.attribute("worker_id"),
        "steps": steps_in(properties.get("stage")),
    }
    if spot is not None:
        told["distance_m"] = _distance_m(feature["geometry"], spot)
    return {**feature, "properties": told}


def _distance_m(geometry: dict[str, Any] | None, spot: Spot) -> float | None:
    if geometry is None or geometry["type"] != "Point":
        return None
    lon, lat = geometry["coordinates"][:2]
    return spot.distance_m(Spot(lon, lat))
