"""Reading those who answer for a concern, who is on duty, and the workers of the grid, in one statement."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, all_of, bind, compose, join
from layers.read.query import FoundFeatures, ItemsQuery, page
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped
from layers.tiers import AREA_CODE, GRID_CODE
from twin.responsibility.chain import Chain, DutyShift, Properties, Ranked, chain_of, ranked, ranked_worker
from twin.responsibility.concern import Concern

RESPONSIBILITIES, ROSTERS, WORKERS = "responsibilities", "duty_rosters", "grid_workers"
_ROWS_MAX = 500  # of each layer; a place has a few dozen
_NONE = Clause("SELECT NULL::bytea AS features, NULL::bigint AS found")
_MATCHED_BY = frozenset(("matter_prefix", AREA_CODE, GRID_CODE, "feature_layer", "feature_id"))


def responsible_layers(catalog: Catalog, actor: Actor) -> list[Layer]:
    """Return the layers that tell this actor who answers."""
    found = (catalog.find(name, actor) for name in (RESPONSIBILITIES, ROSTERS, WORKERS))
    return [layer for layer in found if layer is not None]


async def responsible_for(
    connection: asyncpg.Connection | asyncpg.Pool, catalog: Catalog, actor: Actor, concern: Concern
) -> tuple[Chain, dict[str, int]]:
    """Return who answers for a concern, as far as the actor may know, and the number of rows read of each layer."""
    layers = {layer.id: layer for layer in responsible_layers(catalog, actor)}
    of = layers.get(RESPONSIBILITIES)
    matching = None if of is None else _matching(of, actor, concern)
    parts = {
        RESPONSIBILITIES: _page(of, actor, matching),
        ROSTERS: _page(layers.get(ROSTERS), actor, _on_duty(layers.get(ROSTERS), of, actor, matching, concern)),
        WORKERS: _page(layers.get(WORKERS), actor, _of_grid(layers.get(WORKERS), actor, concern)),
    }
    columns = ", ".join(f"{name}.features AS {name}, {name}.found AS {name}_found" for name in parts)
    tables = " CROSS JOIN ".join(f"({{}}) AS {name}" for name in parts)
    text, values = compose(f"SELECT {columns} FROM {tables}", *parts.values()).render()
    row = await connection.fetchrow(text, *values)
    read = {name: FoundFeatures.of_page(row[name], row[f"{name}_found"], _ROWS_MAX) for name in parts}
    found = {name: one.features for name, one in read.items()}
    shifts = _shifts_by_post(found[ROSTERS])
    named = (
        ranked(concern, one["id"], one["properties"], shifts.get(one["properties"].get("post"), ()))
        for one in found[RESPONSIBILITIES]
    )
    every: list[Ranked] = [one for one in named if one is not None]
    every += [ranked_worker(concern, one["id"], one["properties"]) for one in found[WORKERS]]
    is_whole = all(one.is_whole for one in read.values())
    return chain_of(concern, every, is_whole=is_whole), {name: len(found[name]) for name in layers}


def _page(layer: Layer | None, actor: Actor, where: Clause | None) -> Clause:
    if layer is None or where is None:
        return _NONE
    return page(ItemsQuery(layer, actor, where, limit=_ROWS_MAX))


def _shows(layer: Layer, actor: Actor, names: frozenset[str]) -> bool:
    """Whether an actor is told of fields, so that rows may be chosen by them."""
    return names <= plain_fields(layer, actor).keys()


def _matching(layer: Layer, actor: Actor, concern: Concern) -> Clause | None:
    """Return the condition of rows that answer for a concern; None when the actor may not choose by it."""
    if not _shows(layer, actor, _MATCHED_BY):
        return None
    places = [
        compose(
            "(f.feature_id IS NULL AND f.grid_code IS NULL AND f.area_code = ANY ({}))",
            bind(list(concern.area_codes), "text[]"),
        )
    ]
    if concern.grid_code is not None:
        places.append(compose("(f.feature_id IS NULL AND f.grid_code = {})", bind(concern.grid_code, "text")))
    if concern.feature is not None:
        layer_id, feature_id = concern.feature
        own = "(f.feature_id = {} AND f.feature_layer = {})"
        places.append(compose(own, bind(feature_id, "text"), bind(layer_id, "text")))
    any_matter = Clause("nullif(f.matter_prefix, '') IS NULL")
    matter = (
        any_matter
        if concern.matter is None
        else compose("({} OR {} ^@ f.matter_prefix)", any_matter, bind(concern.matter, "text"))
    )
    return all_of((compose("({})", join(" OR ", places)), matter, _valid(concern)))


def _valid(concern: Concern) -> Clause:
    at = bind(concern.at, "timestamptz")
    return compose("(f.valid_from IS NULL OR f.valid_from <= {}) AND (f.valid_to IS NULL OR f.valid_to > {})", at, at)


def _on_duty(
    roster: Layer | None, of: Layer | None, actor: Actor, matching: Clause | None, concern: Concern
) -> Clause | None:
    """Return the condition of shifts at the moment, for the posts of the rows that match."""
    if roster is None or of is None or matching is None:
        return None
    if not (
        _shows(roster, actor, frozenset(("post", "starts_at", "ends_at"))) and _shows(of, actor, frozenset(("post",)))
    ):
        return None
    posts = compose("SELECT f.post FROM {} WHERE {}", relation(of, actor, matching), scoped(of, actor, matching))
    at = bind(concern.at, "timestamptz")
    return compose("f.starts_at <= {} AND f.ends_at > {} AND f.post IN ({})", at, at, posts)


def _of_grid(workers: Layer | None, actor: Actor, concern: Concern) -> Clause | None:
    if workers is None or concern.grid_code is None or not _shows(workers, actor, frozenset(("grid_codes",))):
        return None
    return compose("f.grid_codes @> {}", bind([concern.grid_code], "text[]"))


def _shifts_by_post(found: Sequence[Properties]) -> dict[object, list[DutyShift]]:
    """Return the shifts of each post, the main one first."""
    by_post: dict[object, list[DutyShift]] = {}
    order = [(one["properties"].get("priority") or 1, one["id"], one["properties"]) for one in found]
    for _, feature_id, told in sorted(order, key=lambda one: one[:2]):
        names = ("person", "phone", "duty_phone", "starts_at", "ends_at")
        shift = DutyShift(layer=ROSTERS, id=feature_id, **{name: told.get(name) for name in names})
        by_post.setdefault(told.get("post"), []).append(shift)
    return by_post
