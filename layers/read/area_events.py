"""Numbers of events in an area, counted at the time of the read: they are right after any write."""

from __future__ import annotations

from functools import cache

from layers.actor import Actor
from layers.clause import Clause, all_of, compose, join
from layers.definition import LayerDefinition, read_definitions
from layers.layer_rights import rights_of
from layers.live_source import AREA_CODE_FIELDS, EVENTS
from layers.read.present import Present
from layers.read.rights import scope_of
from layers.tiers import COMMUNITY, GRID, TIER_OF_LAYER

_OPEN = "onemap.event_is_open(f.stage, f.closed_at)"
_EVENT_COLUMNS = frozenset({"data_grade", "area_code", "grid_code"})
KINDS = ("open", "overdue", "today")
"""What is counted: open events, open events past their limit, and events of this day, Beijing time."""
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
    counted = all_of((Clause(_lies_in(layer_id)), _kinds(source)[kind], _visible(actor)))
    return compose("(SELECT count(*) FROM {} WHERE {})", source.events(), counted)


def events_by_area(layer_id: str, actor: Actor, source: Present) -> Clause:
    """Join `happened.by_area`, a JSON object from area codes to numbers of events in the order of `KINDS`.

    For moments in the past, where the state of an event at that moment must be worked out once and not for every area.
    `MATERIALIZED` makes it once. An aggregate of one row lets PostgreSQL leave the join out of statements that select
    no number.
    """
    kinds = _kinds(source)
    numbers = join(", ", (compose("count(*) FILTER (WHERE {})", kinds[kind]) for kind in KINDS))
    return compose(
        f"""LEFT JOIN (
        WITH counted AS MATERIALIZED (
            SELECT jsonb_object_agg(by_code.code, by_code.numbers) AS by_area FROM (
                SELECT area.code, jsonb_build_array({{}}) AS numbers
                FROM {{}} CROSS JOIN LATERAL (SELECT {_event_code(layer_id)} AS code) AS area
                WHERE area.code IS NOT NULL AND {{}} GROUP BY area.code
            ) AS by_code
        ) SELECT (array_agg(by_area))[1] AS by_area FROM counted
        ) AS happened ON true""",
        numbers,
        source.events(),
        _visible(actor) or Clause("TRUE"),
    )


def area_key(layer_id: str) -> str:
    """Return the SQL of the code of the area `t`, as the keys of `events_by_area` have it."""
    tier = TIER_OF_LAYER.get(layer_id)
    return f"t.{tier.code_field}" if tier else "t.id"


def _event_code(layer_id: str) -> str:
    """Return the SQL of the code of the area that the event `f` lies in; of villages a set."""
    tier = TIER_OF_LAYER.get(layer_id)
    return tier.code_of_feature() if tier else "unnest(f.urban_village_ids)"


def _lies_in(layer_id: str) -> str:
    """Return the condition that the event `f` lies in the area `t`.

    Codes are digits, so all codes that begin with the code X lie between X and X followed by ``:``, which sorts
    after 9; unlike a prefix test, an index answers that range.
    """
    tier, own = TIER_OF_LAYER.get(layer_id), area_key(layer_id)
    if tier is None:
        return f'f.urban_village_ids @> ARRAY[{own} COLLATE "default"]'
    if tier is GRID:
        return f"f.grid_code = {own}"
    area = 'f.area_code COLLATE "C"'
    return f"{area} = {own}" if tier is COMMUNITY else f"{area} >= {own} AND {area} < {own} || ':'"


def _kinds(source: Present) -> dict[str, Clause]:
    return {
        "open": Clause(_OPEN),
        "overdue": compose(f"{_OPEN} AND f.due_at < {{}}", source.now),
        "today": compose("f.occurred_at >= onemap.day_of({}) AND f.occurred_at <= {}", source.now, source.now),
    }


def _visible(actor: Actor) -> Clause:
    return scope_of(rights_of(_events(), actor), _EVENT_COLUMNS)


@cache
def _events() -> LayerDefinition:
    return read_definitions()[EVENTS]
