"""The features in an area: a grid, community, street, district or urban village, by the half-open rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import GEOMETRY, Clause, all_of, bind, compose
from layers.errors import Forbidden, NotFound
from layers.read.relation import relation
from layers.read.rights import is_kept_to_areas, reaches_area, scoped, unbound
from layers.schema.tables import table_of
from layers.tiers import (
    AREA_CODE,
    AREA_DIGITS,
    GRID,
    GRID_CODE,
    TIER_OF_LAYER,
    URBAN_VILLAGES,
    in_force,
    padded,
    parse_code,
)
from twin.surroundings.nearby import NearbyFeatures, gather, selection

CODE_CHARACTERS_MAX = 80
_NEAREST_DEGREES = 0.0006  # more than the 30 m within which a place still belongs to a grid


@dataclass(frozen=True, slots=True)
class KnownArea:
    """An area that exists.

    Attributes
    ----------
    layer, id
        Its feature.
    code
        Its code without the zeros that pad it; the id of a village.
    """

    layer: str
    id: str
    code: str

    @property
    def geometry(self) -> Clause:
        """Its surface as SQL with bound values."""
        return compose(
            f"(SELECT area.geom FROM {table_of(self.layer)} AS area WHERE area.id = {{}})", bind(self.id, "text")
        )


async def find_area(connection: asyncpg.Connection, catalog: Catalog, actor: Actor, code: str) -> KnownArea:
    """Return the area of a code; an urban village by its id or code.

    Raises
    ------
    Forbidden
        When the actor is bound to areas and this is another one; for a coded area also when it does not exist.
    NotFound
        When there is none that the actor may see.
    """
    layer_ids, short = _kinds(code)
    if short is not None and not reaches_area(actor, short):
        raise _FORBIDDEN
    for layer_id in layer_ids:
        layer = catalog.find(layer_id, actor)
        if layer is not None and len(code) <= CODE_CHARACTERS_MAX:
            reached = (
                Clause("TRUE") if short or not is_kept_to_areas(actor) else _shares_ground_with_own(catalog, actor)
            )
            row = await connection.fetchrow(*_flat(_search(layer, actor, short or code, reached)))
            if row is not None and not row["reached"]:
                raise _FORBIDDEN
            if row is not None:
                return KnownArea(layer_id, row["id"], row["code"])
    raise NotFound(
        f"there is no area '{code[:CODE_CHARACTERS_MAX]}'; a code has 6 (district), 9 (street), 12 (community) or 15 "
        "(grid) digits, or is the id of an urban village",
        parameter="code",
    )


_FORBIDDEN = Forbidden("this area is not one of yours", parameter="code")


def _kinds(code: str) -> tuple[tuple[str, ...], str | None]:
    """Return the layers that may have a code, and the code without padding; None for a code of no tier."""
    coded = parse_code(code)
    if coded is None:
        return (URBAN_VILLAGES, GRID.layer_id), None
    tier, short = coded
    return (tier.layer_id,), short


def _search(layer: Layer, actor: Actor, code: str, reached: Clause) -> Clause:
    """Build the search for an area in all areas, with whether the actor reaches it."""
    return compose(
        """SELECT area.id, area.code, ({}) AS reached
        FROM (SELECT f.id, f.geom, {} AS code FROM {} WHERE {} ORDER BY f.id LIMIT 1) AS area""",
        reached,
        bind(code, "text") if layer.id in TIER_OF_LAYER else Clause("f.id"),
        relation(layer, unbound(actor)),
        scoped(layer, unbound(actor), _has_code(layer.id, code), in_force()),
    )


def _shares_ground_with_own(catalog: Catalog, actor: Actor) -> Clause:
    """Return the condition that `area` shares ground with a grid of the actor's."""
    grids = catalog.get(GRID.layer_id)
    if grids is None:
        return Clause("FALSE")
    touching = Clause("ST_Intersects(f.geom, area.geom) AND NOT ST_Touches(f.geom, area.geom)")
    own = scoped(grids, actor, touching, in_force())
    return compose("EXISTS (SELECT FROM {} WHERE {})", relation(grids, actor), own)


def _flat(clause: Clause) -> tuple[object, ...]:
    text, values = clause.render()
    return text, *values


def _has_code(layer_id: str, code: str) -> Clause:
    if layer_id == URBAN_VILLAGES:
        return Clause("?0::text IN (f.id, f.village_code)", (code,))
    return Clause(f"{TIER_OF_LAYER[layer_id].own_code} IN (?0::text, {padded('?0::text')})", (code,))


async def area_features(
    connection: asyncpg.Connection, layers: Sequence[Layer], actor: Actor, area: KnownArea, limit: int
) -> NearbyFeatures:
    """Return the features in an area: `limit` of each layer, in the order of the layers, then by id."""
    parts = [selection(layer, actor, where=within(layer, area), limit=limit) for layer in layers]
    numbered = [compose(f"SELECT {n} AS layer_order, part.* FROM ({{}}) AS part", part) for n, part in enumerate(parts)]
    return await gather(connection, layers, numbered, "layer_order, id")


def within(layer: Layer, area: KnownArea) -> Clause:
    """Return the condition over alias `f` of features in an area.

    A point or a building belongs to one grid and one community, by its derived code: edges are half-open, and a place
    within 30 m of a grid and in none belongs to the nearest. Lines belong to all areas whose ground they share, and
    membership in urban villages is many-to-many too.
    """
    village = area.layer == URBAN_VILLAGES
    overlapping = layer.id == URBAN_VILLAGES or (village and layer.id in TIER_OF_LAYER)
    if overlapping or "Line" in layer.definition.geometry_type:
        return _shares_ground(area)
    if village:
        covered = compose("ST_Covers({}, onemap.point_of(f.geom))", area.geometry)
        return all_of((compose("{} && {}", GEOMETRY, area.geometry), covered))
    field = GRID_CODE if area.layer == GRID.layer_id else AREA_CODE
    if field in layer.definition.by_name:
        return _of_code(f"f.{field}", area.code)
    near = compose(f"{{}} && ST_Expand({{}}, {_NEAREST_DEGREES})", GEOMETRY, area.geometry)
    return all_of((near, _of_code(f"(onemap.place_at(f.geom)).{field}", area.code)))


def _of_code(column: str, code: str) -> Clause:
    whole = len(code) in {AREA_DIGITS, GRID.digits}
    return Clause(f"{column} = ?0::text" if whole else f"{column} ^@ ?0::text", (code,))


def _shares_ground(area: KnownArea) -> Clause:
    return compose(
        "{} && {} AND ST_Intersects(f.geom, {}) AND NOT ST_Touches(f.geom, {})",
        GEOMETRY,
        area.geometry,
        area.geometry,
        area.geometry,
    )
