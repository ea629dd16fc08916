"""The history of transitions, for actors that may see both the mover and the fence."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from layers.actor import Actor
from layers.catalog import Catalog
from layers.clause import Clause, all_of, bind, compose
from layers.layer_rights import rights_of
from layers.read.scope import any_of, in_areas

_PLACE = frozenset({"area_code", "grid_code"})
_COLUMNS = "id, fence, action, at, since, layer, mover, area_layer, area_id, area_name, lon, lat, grid_code, area_code"


@dataclass(frozen=True, slots=True)
class TransitionQuery:
    """Conditions on transitions; None means any.

    Attributes
    ----------
    start, end
        Interval of the time of the transition; the start is included, the end is not.
    before
        Upper bound of the number, exclusive: the next page.
    """

    fence: str | None = None
    action: str | None = None
    mover: str | None = None
    area_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    before: int | None = None


def _movers(catalog: Catalog, actor: Actor) -> Clause:
    """Return the condition that the actor may see where the mover is: by the cases that need no other column."""
    layers: dict[tuple[int, tuple[str, ...] | None], list[str]] = defaultdict(list)
    for layer in catalog.values():
        for case in rights_of(layer.definition, actor).cases:
            if case.rows is None and case.geometry == "full" and case.shows_motion:
                layers[case.grade, case.prefixes].append(layer.id)
    return any_of(
        all_of((compose("layer = ANY ({})", bind(ids, "text[]")), _graded(grade), in_areas(prefixes or (), _PLACE)))
        for (grade, prefixes), ids in layers.items()
    )


def _graded(grade: int) -> Clause:
    """Return the condition of the grade, then and now; that of now is read only where that of then allows the row."""
    now = "coalesce(greatest(grade, onemap.grade_now(layer, mover), onemap.grade_now(area_layer, area_id)), grade)"
    highest = bind(grade, "smallint")
    return compose(f"CASE WHEN grade <= {{}} THEN {now} <= {{}} ELSE FALSE END", highest, highest)


def transitions(catalog: Catalog, actor: Actor, query: TransitionQuery, limit: int) -> Clause:
    """Build the statement that returns the newest transitions first, by number."""
    tests = (
        ("fence = {}", query.fence, "text"),
        ("action = {}", query.action, "text"),
        ("mover = {}", query.mover, "text"),
        ("area_id = {}", query.area_id, "text"),
        ("at >= {}", query.start, "timestamptz"),
        ("at < {}", query.end, "timestamptz"),
        ("id < {}", query.before, "bigint"),
    )
    conditions = [compose(text, bind(value, cast)) for text, value, cast in tests if value is not None]
    areas = bind([layer.id for layer in catalog.values() if layer.visible_to(actor)], "text[]")
    condition = all_of((*conditions, compose("area_layer = ANY ({})", areas), _movers(catalog, actor)))
    return compose(
        f"SELECT {_COLUMNS} FROM twin.fence_transition AS f WHERE {{}} ORDER BY id DESC LIMIT {{}}",
        condition,
        bind(limit, "bigint"),
    )
