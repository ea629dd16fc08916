"""Who patrols near a place, now or at a moment: grid workers on duty by the distance of their last position."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import GEOMETRY, Clause, all_of, bind, compose
from layers.definition import FieldDefinition
from layers.read.rights import plain_fields
from twin.surroundings.nearby import DISTANCE, selection
from twin.surroundings.spot import Spot

FRESH_S = 600
"""A position older than this is flagged, and listed after the fresh ones."""
STALE = FieldDefinition(
    name="position_stale", title_zh="定位已过时", title_en="Older than 10 minutes, or unknown", type="boolean"
)


async def patrols_near(
    connection: asyncpg.Connection,
    workers: Layer,
    actor: Actor,
    spot: Spot,
    radius_m: float,
    limit: int,
    at: datetime | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """Return GeoJSON features of workers on duty within a distance whose places the actor may see, and how many match.

    Fresh positions come first, then stale ones, each by `distance_m`, then by id.

    Parameters
    ----------
    workers
        As of the moment that is asked about (`layer_at`).
    at
        That moment, against which positions are stale; None is now.
    """
    distance = compose("round(ST_Distance(f.geom::geography, {}::geography)::numeric, 3)::float8", spot.geometry)
    box = compose("{} && onemap.box_around({}, {})", GEOMETRY, spot.geometry, bind(radius_m, "float8"))
    chosen = selection(
        workers,
        actor,
        where=all_of((box, _at_work(workers, actor))),
        computed={DISTANCE: distance, STALE: _stale(workers, actor, at)},
        kept=compose("f.distance_m <= {}", bind(radius_m, "float8")),
        order="f.position_stale, f.distance_m, f.id",
        limit=limit,
    )
    text, values = chosen.render()
    rows = await connection.fetch(text, *values)
    features = [orjson.loads(row["feature"]) for row in rows]
    features.sort(key=lambda one: (one["properties"][STALE.name], one["properties"][DISTANCE.name], one["id"]))
    return features, rows[0]["matched"] if rows else 0


def _at_work(workers: Layer, actor: Actor) -> Clause:
    return Clause("f.on_duty IS TRUE") if "on_duty" in plain_fields(workers, actor) else Clause("FALSE")


def _stale(workers: Layer, actor: Actor, at: datetime | None) -> Clause:
    if "position_at" not in plain_fields(workers, actor):
        return Clause("TRUE")
    then = Clause("now()") if at is None else bind(at, "timestamptz")
    return compose(f"coalesce(f.position_at < {{}} - interval '{FRESH_S} seconds', true)", then)
