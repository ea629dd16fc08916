"""The areas that hold a place (district to grid, urban villages), its waterway and its nearest building."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, bind, compose, join, quote_literal
from layers.errors import NotFound
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped, unbound, visible_fields
from layers.tiers import COMMUNITY, DISTRICT, GRID, STREET, TIER_OF_LAYER, URBAN_VILLAGES, Tier, in_force, padded
from twin.surroundings.places import plain_value
from twin.surroundings.spot import Spot

BUILDINGS, WATERWAYS = "buildings", "waterways"
WATERWAY_M, BUILDING_M = 100.0, 50.0
GRID_DUTIES = ("responsible_org", "grid_head_id", "worker_ids")
"""The fields of a grid that say who answers for it."""
type Match = Literal["inside", "nearest", "none"]
_ABSENT = Clause("NULL::json")


class Area(BaseModel):
    """An administrative area."""

    code: str = Field(examples=["440106011"])
    name: str | None


class Village(BaseModel):
    """An urban village; a place may lie in several, and a village in several grids."""

    id: str
    name: str | None


class Building(BaseModel):
    """The nearest building within 50 m."""

    id: str
    name: str | None
    distance_m: float


class WaterwaySpot(BaseModel):
    """The nearest waterway within 100 m."""

    id: str
    name: str | None
    chainage_m: float | None
    bank: Literal["left", "right", "mid"]
    distance_m: float


class Located(BaseModel):
    """Where a place lies, as far as this reader may know; null or empty where it does not."""

    lon: float = Field(description="CGCS2000, degrees")
    lat: float = Field(description="CGCS2000, degrees")
    district: Area | None
    street: Area | None
    community: Area | None
    grid: Area | None = Field(description="of several grids that meet here, the smallest code")
    match: Match = Field(description="how the grid was found: outside every grid the nearest within 30 m counts")
    distance_m: float | None = Field(description="to the grid: 0 inside")
    urban_villages: list[Village]
    nearest_building: Building | None
    waterway: WaterwaySpot | None
    responsible: dict[str, Any] | None = Field(description="who answers for the grid, and `chain` up to the district")


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """What is known of a place before the database is asked.

    Attributes
    ----------
    grid_code, area_code, match
        As `onemap.place_at` tells them.
    parts
        The parts of the answer that are known; the others are asked for.
    """

    grid_code: str | None
    area_code: str | None
    match: Match
    parts: Mapping[str, Any]

    @property
    def relation(self) -> Clause:
        """What `onemap.place_at` returns, as a FROM item without a name."""
        columns = ((self.grid_code, "grid_code"), (self.area_code, "area_code"), (self.match, "grid_match"))
        named = (compose(f"{{}} AS {name}", bind(value, "text")) for value, name in columns)
        return compose("(SELECT {})", join(", ", named))


async def locate(
    connection: asyncpg.Connection | asyncpg.Pool,
    catalog: Catalog,
    actor: Actor,
    spot: Spot,
    known: KnownPlace | None = None,
) -> Located:
    """Return the areas of a place, its waterway and its nearest building.

    Parameters
    ----------
    known
        What needs not be asked for (`twin.surroundings.place_index`), of this actor and place.

    Raises
    ------
    NotFound
        When a layer of areas, or that of waterways, does not exist.
    """
    absent = [name for name in (*TIER_OF_LAYER, WATERWAYS) if name not in catalog]
    if absent:
        raise NotFound(f"no place can be located here: there is no layer {', '.join(absent)}")
    found, match = await _parts(connection, catalog, actor, spot, known)
    grid = found.pop("grid") or {}
    shown: Match = match if grid else "none"
    return Located(
        lon=spot.lon,
        lat=spot.lat,
        grid=grid.get("area"),
        match=shown,
        distance_m=None if not grid else 0.0 if shown == "inside" else grid["distance_m"],
        responsible=grid.get("responsible"),
        urban_villages=found.pop("urban_villages") or [],
        **found,
    )


async def _parts(
    connection: asyncpg.Connection | asyncpg.Pool,
    catalog: Catalog,
    actor: Actor,
    spot: Spot,
    known: KnownPlace | None,
) -> tuple[dict[str, Any], Match]:
    """Return the parts of the answer, and how the grid was found: known ones, and one statement for all others."""
    told = known.parts if known is not None else {}
    asked = {name: clause(catalog, actor, spot) for name, clause in _CLAUSES.items() if name not in told}
    wanted = {name: part for name, part in asked.items() if part is not _ABSENT}
    found = {**dict.fromkeys(asked), **told}
    if known is not None and not wanted:
        return found, known.match
    place = known.relation if known else Clause("LATERAL onemap.place_at(spot.point)")
    text, values = compose(
        f"""SELECT {"".join(f"({{}}) AS {name}, " for name in wanted)}place.grid_match
        FROM (SELECT {{}} AS point OFFSET 0) AS spot CROSS JOIN {{}} AS place""",
        *wanted.values(),
        spot.geometry,
        place,
    ).render()
    row = await connection.fetchrow(text, *values)
    return {**found, **{name: json.loads(row[name]) if row[name] else None for name in wanted}}, row["grid_match"]


def _unless_padding(tier: Tier, above: Tier) -> str:
    """Return the code of the place's area as SQL; null where the area code only names the area above."""
    return f"nullif({tier.code_of_feature('place')}, rpad({above.code_of_feature('place')}, {tier.digits}, '0'))"


def name_shown(layer: Layer, actor: Actor) -> str:
    """Return the name of a feature as SQL over alias `f`; null where the actor does not get it."""
    return next((f.expression for f in visible_fields(layer, actor) if f.definition.name == "name"), "NULL::text")


def _area(catalog: Catalog, actor: Actor, tier: Tier, code: str) -> Clause:
    """Return code and name of an area; names of streets and communities are public in all areas."""
    layer = catalog.find(tier.layer_id, actor)
    if layer is None:
        return _ABSENT
    reader = unbound(actor)
    return compose(
        f"""SELECT json_build_object('code', wanted.code, 'name', (
            SELECT {name_shown(layer, reader)} FROM {{}}
            WHERE {tier.own_code} IN (wanted.code, {padded("wanted.code")}) AND {{}} ORDER BY f.id LIMIT 1))
        FROM (SELECT {code} AS code) AS wanted WHERE wanted.code IS NOT NULL""",
        relation(layer, reader),
        scoped(layer, reader, in_force()),
    )


def grid_duties(layer: Layer, actor: Actor) -> str:
    """Return who answers for a grid, as SQL over alias `f`: an object of the fields that the actor gets."""
    fields = {f.definition.name: f.expression for f in visible_fields(layer, actor)}
    pairs = [f"{quote_literal(name)}, {fields[name]}" for name in GRID_DUTIES if name in fields]
    return f"json_build_object({', '.join(pairs)})"


def _grid(catalog: Catalog, actor: Actor) -> Clause:
    layer = catalog.find(GRID.layer_id, actor)
    if layer is None:
        return _ABSENT
    return compose(
        f"""SELECT json_build_object('area', json_build_object('code', f.grid_code, 'name', {name_shown(layer, actor)}),
            'distance_m', round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3),
            'responsible', {grid_duties(layer, actor)})
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, Clause("f.grid_code = place.grid_code"), in_force()),
    )


def _villages(catalog: Catalog, actor: Actor) -> Clause:
    layer = catalog.find(URBAN_VILLAGES, actor)
    if layer is None:
        return _ABSENT
    return compose(
        f"""SELECT json_agg(json_build_object('id', f.id, 'name', {name_shown(layer, actor)}) ORDER BY f.id)
        FROM {{}} WHERE {{}}""",
        relation(layer, actor),
        scoped(layer, actor, Clause("ST_Covers(f.geom, spot.point)"), in_force()),
    )


def _building(catalog: Catalog, actor: Actor, spot: Spot) -> Clause:
    layer = catalog.find(BUILDINGS, actor)
    if layer is None:
        return _ABSENT
    box = compose("f.geom && onemap.box_around({}, {})", spot.geometry, bind(BUILDING_M, "float8"))
    return compose(
        f"""SELECT json_build_object('id', f.id, 'name', {name_shown(layer, actor)}, 'distance_m', near.distance_m)
        FROM {{}} CROSS JOIN LATERAL (
            SELECT round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3) AS distance_m) AS near
        WHERE {{}} AND near.distance_m <= {BUILDING_M} ORDER BY near.distance_m, f.id LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, box),
    )


def _waterway(catalog: Catalog, actor: Actor, spot: Spot) -> Clause:
    """Return the nearest of the waterways that this actor sees: a hidden one does not tell of itself by its absence."""
    layer = catalog.find(WATERWAYS, actor)
    if layer is None:
        return _ABSENT
    start, width = (plain_value(layer, actor, name, "float8") for name in ("chainage_start_m", "width_m"))
    chainage = (
        "near.chainage_m" if "chainage_start_m" in plain_fields(layer, actor) else "NULL"
    )  # it counts from a value that is hidden
    box = compose("f.geom && onemap.box_around({}, {})", spot.geometry, bind(WATERWAY_M, "float8"))
    return compose(
        f"""SELECT json_build_object('id', f.id, 'name', {name_shown(layer, actor)}, 'chainage_m', {chainage},
            'bank', near.bank, 'distance_m', near.distance_m)
        FROM {{}} CROSS JOIN LATERAL onemap.beside_waterway(f.geom, {start}, {width}, spot.point) AS near
        WHERE {{}} AND near.distance_m <= {WATERWAY_M} ORDER BY near.distance_m, f.id COLLATE "C" LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, box),
    )


_CLAUSES: Mapping[str, Callable[[Catalog, Actor, Spot], Clause]] = {
    "district": lambda catalog, actor, _: _area(catalog, actor, DISTRICT, DISTRICT.code_of_feature("place")),
    "street": lambda catalog, actor, _: _area(catalog, actor, STREET, _unless_padding(STREET, DISTRICT)),
    "community": lambda catalog, actor, _: _area(catalog, actor, COMMUNITY, _unless_padding(COMMUNITY, STREET)),
    "grid": lambda catalog, actor, _: _grid(catalog, actor),
    "urban_villages": lambda catalog, actor, _: _villages(catalog, actor),
    "nearest_building": _building,
    "waterway": _waterway,
}
"""The parts of the answer as SQL; a part that the actor may not see is absent."""
