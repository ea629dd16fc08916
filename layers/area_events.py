"""How many events of a kind there are in an area, counted when it is asked: right after any write."""

from __future__ import annotations

from layers.actor import Actor
from layers.clause import EMPTY, Clause, all_of, compose
from layers.present import Present
from layers.rights import areas_of

_OPEN = "onemap.event_is_open(f.stage, f.closed_at)"
_AREA = 'f.area_code COLLATE "C"'
# Codes are digits: whatever begins with a code lies between it and the code followed by what comes after 9.
_BELONGS = {
    "districts": f"{_AREA} >= t.district_code AND {_AREA} < t.district_code || ':'",
    "streets": f"{_AREA} >= t.street_code AND {_AREA} < t.street_code || ':'",
    "communities": f"{_AREA} = t.community_code",
    "grids": "f.grid_code = t.grid_code",
    "urban_villages": 'f.urban_village_ids @> ARRAY[t.id COLLATE "default"]',
}
LAYERS = tuple(sorted(_BELONGS))
"""The layers whose features have numbers of events."""


def count_events(layer_id: str, kind: str, actor: Actor, source: Present) -> Clause:
    """Return the number of events in the area `t` that the actor may see.

    Parameters
    ----------
    layer_id
        One of `LAYERS`.
    kind
        ``open``; ``overdue``: open and past its limit; ``today``: occurred on this day, Beijing time.
    """
    wanted = {
        "open": Clause(_OPEN),
        "overdue": compose(f"{_OPEN} AND f.due_at < {{}}", source.now),
        "today": compose("f.occurred_at >= onemap.day_of({}) AND f.occurred_at <= {}", source.now, source.now),
    }
    seen = all_of((Clause(_BELONGS[layer_id]), wanted[kind], _visible(actor)))
    return compose("(SELECT count(*) FROM {} WHERE {})", source.events(), seen)


def _visible(actor: Actor) -> Clause:
    grade = Clause("f.data_grade <= ?0::smallint", (actor.clearance,)) if actor.clearance < 4 else EMPTY
    parts = [part for part in (grade, areas_of(actor, {"area_code", "grid_code"}, public=False)) if part]
    return all_of(parts) if parts else EMPTY
