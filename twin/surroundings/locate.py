"""The areas that hold a place (district to grid, urban villages), its waterway and its nearest building."""

from __future__ import annotations

import json
from typing import Any, Literal

import asyncpg
from pydantic import BaseModel, Field

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, bind, compose, quote_literal
from layers.errors import NotFound
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped, unbound, visible_fields
from layers.tiers import COMMUNITY, DISTRICT, GRID, STREET, TIER_OF_LAYER, URBAN_VILLAGES, Tier, in_force, padded
from twin.surroundings.places import plain_value
from twin.surroundings.spot import Spot

WATERWAY_M, BUILDING_M = 100.0, 50.0
_RESPONSIBLE = ("responsible_org", "grid_head_id", "worker_ids")
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


async def locate(connection: asyncpg.Connection, catalog: Catalog, actor: Actor, spot: Spot) -> Located:
    """Return the areas of a place, its waterway and its nearest building.

    Raises
    ------
    NotFound
        When a layer of areas, or that of waterways, does not exist.
    """
    absent = [name for name in (*TIER_OF_LAYER, "waterways") if name not in catalog]
    if absent:
        raise NotFound(f"no place can be located here: there is no layer {', '.join(absent)}")
    text, values = _statement(catalog, actor, spot).render()
    row = dict(await connection.fetchrow(text, *values))
    found = {name: json.loads(row[name]) if row[name] else None for name in _PARTS}
    grid = found.pop("grid") or {}
    shown: Match = row["grid_match"] if grid else "none"
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


_PARTS = ("district", "street", "community", "grid", "urban_villages", "nearest_building", "waterway")


def _statement(catalog: Catalog, actor: Actor, spot: Spot) -> Clause:
    """Compose one statement; parts that the actor may not see are null."""
    parts = (
        _area(catalog, actor, DISTRICT, DISTRICT.code_of_feature("place")),
        _area(catalog, actor, STREET, _unless_padding(STREET, DISTRICT)),
        _area(catalog, actor, COMMUNITY, _unless_padding(COMMUNITY, STREET)),
        _grid(catalog, actor),
        _villages(catalog, actor),
        _building(catalog, actor, spot),
        _waterway(catalog, actor, spot),
    )
    return compose(
        f"""SELECT place.grid_match, {", ".join(f"({{}}) AS {name}" for name in _PARTS)}
        FROM (SELECT {{}} AS point OFFSET 0) AS spot CROSS JOIN LATERAL onemap.place_at(spot.point) AS place""",
        *parts,
        spot.geometry,
    )


def _unless_padding(tier: Tier, above: Tier) -> str:
    """Return the code of the place's area as SQL; null where the area code only names the area above."""
    return f"nullif({tier.code_of_feature('place')}, rpad({above.code_of_feature('place')}, {tier.digits}, '0'))"


def _name(layer: Layer, actor: Actor) -> str:
    return next((f.expression for f in visible_fields(layer, actor) if f.definition.name == "name"), "NULL::text")


def _area(catalog: Catalog, actor: Actor, tier: Tier, code: str) -> Clause:
    """Return code and name of an area; names of streets and communities are public in all areas."""
    layer = catalog.find(tier.layer_id, actor)
    if layer is None:
        return _ABSENT
    reader = unbound(actor)
    return compose(
        f"""SELECT json_build_object('code', wanted.code, 'name', (
            SELECT {_name(layer, reader)} FROM {{}}
            WHERE {tier.own_code} IN (wanted.code, {padded("wanted.code")}) AND {{}} ORDER BY f.id LIMIT 1))
        FROM (SELECT {code} AS code) AS wanted WHERE wanted.code IS NOT NULL""",
        relation(layer, reader),
        scoped(layer, reader, in_force()),
    )


def _grid(catalog: Catalog, actor: Actor) -> Clause:
    layer = catalog.find(GRID.layer_id, actor)
    if layer is None:
        return _ABSENT
    fields = {f.definition.name: f.expression for f in visible_fields(layer, actor)}
    pairs = [f"{quote_literal(name)}, {fields[name]}" for name in _RESPONSIBLE if name in fields]
    return compose(
        f"""SELECT json_build_object('area', json_build_object('code', f.grid_code, 'name', {_name(layer, actor)}),
            'distance_m', round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3),
            'responsible', json_build_object({", ".join(pairs)}))
        FROM {{}} WHERE {{}} ORDER BY f.id LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, Clause("f.grid_code = place.grid_code"), in_force()),
    )


def _villages(catalog: Catalog, actor: Actor) -> Clause:
    layer = catalog.find(URBAN_VILLAGES, actor)
    if layer is None:
        return _ABSENT
    return compose(
        f"""SELECT json_agg(json_build_object('id', f.id, 'name', {_name(layer, actor)}) ORDER BY f.id)
        FROM {{}} WHERE {{}}""",
        relation(layer, actor),
        scoped(layer, actor, Clause("ST_Covers(f.geom, spot.point)"), in_force()),
    )


def _building(catalog: Catalog, actor: Actor, spot: Spot) -> Clause:
    layer = catalog.find("buildings", actor)
    if layer is None:
        return _ABSENT
    box = compose("f.geom && onemap.box_around({}, {})", spot.geometry, bind(BUILDING_M, "float8"))
    return compose(
        f"""SELECT json_build_object('id', f.id, 'name', {_name(layer, actor)}, 'distance_m', near.distance_m)
        FROM {{}} CROSS JOIN LATERAL (
            SELECT round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3) AS distance_m) AS near
        WHERE {{}} AND near.distance_m <= {BUILDING_M} ORDER BY near.distance_m, f.id LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, box),
    )


def _waterway(catalog: Catalog, actor: Actor, spot: Spot) -> Clause:
    """Return the nearest of the waterways that this actor sees: a hidden one does not tell of itself by its absence."""
    layer = catalog.find("waterways", actor)
    if layer is None:
        return _ABSENT
    start, width = (plain_value(layer, actor, name, "float8") for name in ("chainage_start_m", "width_m"))
    chainage = (
        "near.chainage_m" if "chainage_start_m" in plain_fields(layer, actor) else "NULL"
    )  # it counts from a value that is hidden
    box = compose("f.geom && onemap.box_around({}, {})", spot.geometry, bind(WATERWAY_M, "float8"))
    return compose(
        f"""SELECT json_build_object('id', f.id, 'name', {_name(layer, actor)}, 'chainage_m', {chainage},
            'bank', near.bank, 'distance_m', near.distance_m)
        FROM {{}} CROSS JOIN LATERAL onemap.beside_waterway(f.geom, {start}, {width}, spot.point) AS near
        WHERE {{}} AND near.distance_m <= {WATERWAY_M} ORDER BY near.distance_m, f.id COLLATE "C" LIMIT 1""",
        relation(layer, actor),
        scoped(layer, actor, box),
    )
