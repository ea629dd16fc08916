"""The changes of a layer that an actor may learn of: the boxes that hold, or just held, a row it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, bind, compose
from layers.layer_rights import rights_of
from layers.read.rights import table_scoped
from layers.schema.tables import SRID, keeps_past, past_of
from layers.types import BBox

BOXES_MAX = 500  # looked up one by one
_LONG = timedelta(minutes=10)  # the longest time between a change and its entry in the log

_AREAS = """
SELECT version, boxes, changed_at FROM onemap.changed_area WHERE layer = $1 AND version > $2 AND grade <= $4
ORDER BY version LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class ChangedArea:
    """Where one statement changed a layer.

    Attributes
    ----------
    boxes
        None when it may be anywhere.
    """

    version: int
    boxes: list[BBox] | None
    changed_at: datetime


async def read_changed_areas(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, since: int, limit: int
) -> list[ChangedArea]:
    """Return where a layer changed after a version, oldest first, up to the highest grade that the actor sees."""
    rows = await connection.fetch(_AREAS, layer.id, since, limit, rights_of(layer.definition, actor).top_grade)
    return [
        ChangedArea(row["version"], None if row["boxes"] is None else _boxes(row["boxes"]), row["changed_at"])
        for row in rows
    ]


def _boxes(sides: list[float]) -> list[BBox]:
    return [(sides[n], sides[n + 1], sides[n + 2], sides[n + 3]) for n in range(0, len(sides), 4)]


def visible_boxes(layer: Layer, actor: Actor, boxes: Sequence[BBox], since: datetime) -> Clause:
    """Build a statement of the numbers (`number`, from 1) of the boxes that hold a row the actor sees.

    Parameters
    ----------
    since
        Rows that were deleted or replaced after this time count too.
    """
    around = f"f.geom && ST_MakeEnvelope(b.west, b.south, b.east, b.north, {SRID})"
    now = compose(f"EXISTS (SELECT FROM {layer.table} AS f WHERE {{}})", table_scoped(layer, actor, Clause(around)))
    gone = Clause("FALSE")
    if keeps_past(layer.id):
        lately = compose("f._known_to >= {}", bind(since - _LONG, "timestamptz"))
        rows = table_scoped(layer, actor, lately, Clause(around))
        gone = compose(f"EXISTS (SELECT FROM {past_of(layer.id)} AS f WHERE {{}})", rows)
    sides = [bind(list(side), "float8[]") for side in zip(*boxes, strict=True)]
    return compose(
        """SELECT b.number FROM unnest({}, {}, {}, {}) WITH ORDINALITY AS b (west, south, east, north, number)
        WHERE {} OR {}""",
        *sides,
        now,
        gone,
    )
