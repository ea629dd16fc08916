"""What of a layer's changes an actor may be told: the boxes in which there is, or just was, something it sees."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, bind, compose
from layers.read.rights import scoped
from layers.schema.tables import SRID, keeps_past, past_of
from layers.types import BBox

BOXES_MAX = 500  # looked up one by one
_LONG = timedelta(minutes=10)  # a change may have been written that long before it was noted


def visible_boxes(layer: Layer, actor: Actor, boxes: Sequence[BBox], since: datetime) -> Clause:
    """Build a statement of the numbers (`number`, from 1) of those boxes that hold a row the actor sees.

    Parameters
    ----------
    since
        Rows that are no more count when they went after this time.
    """
    around = f"f.geom && ST_MakeEnvelope(b.west, b.south, b.east, b.north, {SRID})"
    now = compose(f"EXISTS (SELECT FROM {layer.table} AS f WHERE {{}})", scoped(layer, actor, Clause(around)))
    gone = Clause("FALSE")
    if keeps_past(layer.id):
        lately = compose("f._known_to >= {}", bind(since - _LONG, "timestamptz"))
        rows = scoped(layer, actor, lately, Clause(around))
        gone = compose(f"EXISTS (SELECT FROM {past_of(layer.id)} AS f WHERE {{}})", rows)
    sides = [bind(list(side), "float8[]") for side in zip(*boxes, strict=True)]
    return compose(
        """SELECT b.number FROM unnest({}, {}, {}, {}) WITH ORDINALITY AS b (west, south, east, north, number)
        WHERE {} OR {}""",
        *sides,
        now,
        gone,
    )
