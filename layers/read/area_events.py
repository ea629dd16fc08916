"""How many events of a kind there are in an area, counted when it is asked: right after any write."""

from __future__ import annotations

from layers.actor import Actor
from layers.clause import EMPTY, Clause, all_of, compose, join
from layers.live_source import AREA_CODE_FIELDS
from layers.read.present import Present
from layers.read.rights import areas_of

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
_CODES = {  # the code of an event's area of each kind, and the area's own
    "districts": ("left(f.area_code, 6)", "t.district_code"),
    "streets": ("left(f.area_code, 9)", "t.street_code"),
    "communities": ("f.area_code", "t.community_code"),
    "grids": ("f.grid_code", "t.grid_code"),
    "urban_villages": ("unnest(f.urban_village_ids)", "t.id"),
}
KINDS = ("open", "overdue", "today")
"""What is counted: open; open and past its limit; occurred on this day, Beijing time."""
LAYERS = tuple(sorted(AREA_CODE_FIELDS))
"""The layers whose features have numbers of events."""


def count_events(layer_id: str, kind: str, actor: Actor, source: Present) -> Clause:
    """Return the number of events in the area `t` that the actor may see.

    Parameters
    ----------
    layer_id
        One of `LAYERS`.
    kind
        One of `KINDS`.
    """
    seen = all_of((Clause(_BELONGS[layer_id]), _wanted(source)[kind], _visible(actor)))
    return compose("(SELECT count(*) FROM {} WHERE {})", source.events(), seen)


def events_by_area(layer_id: str, actor: Actor, source: Present) -> Clause:
    """Join `happened.by_area`, a JSON object: by the code of an area its numbers of events, in the order of `KINDS`.

    For moments in the past, where what an event was then has to be worked out once and not for every area. Once means:
    in a table that is kept while rows come and go. One aggregate of it is one row, so that PostgreSQL leaves the join
    out where nobody asks for a number.
    """
    wanted = _wanted(source)
    numbers = join(", ", (compose("count(*) FILTER (WHERE {})", wanted[kind]) for kind in KINDS))
    return compose(
        f"""LEFT JOIN (
        WITH counted AS MATERIALIZED (
            SELECT jsonb_object_agg(by_code.code, by_code.numbers) AS by_area FROM (
                SELECT area.code, jsonb_build_array({{}}) AS numbers
                FROM {{}} CROSS JOIN LATERAL (SELECT {_CODES[layer_id][0]} AS code) AS area
                WHERE area.code IS NOT NULL AND {{}} GROUP BY area.code
            ) AS by_code
        ) SELECT (array_agg(by_area))[1] AS by_area FROM counted
        ) AS happened ON true""",
        numbers,
        source.events(),
        _visible(actor) or Clause("TRUE"),
    )


def area_key(layer_id: str) -> str:
    """Return the code of the area `t`, as `events_by_area` has it."""
    return _CODES[layer_id][1]


def _wanted(source: Present) -> dict[str, Clause]:
    return {
        "open": Clause(_OPEN),
        "overdue": compose(f"{_OPEN} AND f.due_at < {{}}", source.now),
        "today": compose("f.occurred_at >= onemap.day_of({}) AND f.occurred_at <= {}", source.now, source.now),
    }


def _visible(actor: Actor) -> Clause:
    grade = Clause("f.data_grade <= ?0::smallint", (actor.clearance,)) if actor.clearance < 4 else EMPTY
    parts = [part for part in (grade, areas_of(actor, {"area_code", "grid_code"}, public=False)) if part]
    return all_of(parts) if parts else EMPTY
