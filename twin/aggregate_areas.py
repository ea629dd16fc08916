"""What counts are made by: areas of a layer, H3 cells or squares, each with a key that features have or lie in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import asyncpg
import h3
import numpy as np
import shapely

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, bind, compose, quote_identifier
from layers.crs import MEASURING_SRID, STORED_SRID
from layers.errors import BadInput, TooMuch
from layers.rights import scoped
from layers.tables import table_of

CELLS_MAX = 50_000
SQUARES_M = (100, 500)
H3_LEVELS = (8, 9)
_FORM = re.compile(r"(h3|square):([0-9]{1,3})")
_CURRENT = Clause("f.superseded_at IS NULL AND (f.valid_to IS NULL OR f.valid_to > now())")

type Kind = Literal["code", "member", "inside", "h3", "square"]


@dataclass(frozen=True, slots=True)
class By:
    """What counts are made by.

    Attributes
    ----------
    text
        As it was asked for: ``grid``, ``h3:8``, ``square:250``.
    kind
        How a feature comes to its area: by a `code` it has, as a `member` by a list of ids, because it lies
        `inside`, by the `h3` cell that holds it, or by its `square`.
    layer_id
        The layer of the areas; None of cells and squares.
    size
        Level of H3, or metres of a square.
    """

    text: str
    kind: Kind
    layer_id: str | None = None
    code_field: str = "id"
    population_field: str | None = None
    key: str = ""
    needs: str = ""
    size: int = 0


AREAS: Mapping[str, By] = {
    "grid": By("grid", "code", "grids", "grid_code", "population", "f.grid_code", "grid_code"),
    "community": By(
        "community", "code", "communities", "community_code", "population_resident", "f.area_code", "area_code"
    ),
    "street": By(
        "street", "code", "streets", "street_code", "population_resident", "left(f.area_code, 9)", "area_code"
    ),
    "district": By(
        "district", "code", "districts", "district_code", "population_resident", "left(f.area_code, 6)", "area_code"
    ),
    "urban_village": By("urban_village", "member", "urban_villages", "id", "population_total", "", "urban_village_ids"),
}


def parse_by(text: str) -> By:
    """Read `by`.

    Raises
    ------
    BadInput
        When it is nothing that can be counted by; the message says what can.
    """
    if text in AREAS:
        return AREAS[text]
    found = _FORM.fullmatch(text)
    if found and found[1] == "h3" and int(found[2]) in H3_LEVELS:
        return By(text, "h3", size=int(found[2]))
    if found and found[1] == "square" and SQUARES_M[0] <= int(found[2]) <= SQUARES_M[1]:
        return By(text, "square", size=int(found[2]))
    low, high = SQUARES_M
    allowed = f"{', '.join(AREAS)}, h3:8, h3:9 and square:{low} to square:{high}"
    raise BadInput(f"by is '{text[:40]}'; allowed are {allowed}", parameter="by")


def areas_clause(by: By, catalog: Catalog, actor: Actor) -> Clause:
    """Build the query of the areas of a layer: `key, id, name, km2, people, geom`, those in force and visible."""
    layer = catalog.visible(str(by.layer_id), actor)
    known = layer.definition.by_name
    people = by.population_field
    is_seen = people in known and actor.may_see(known[people])
    columns = (
        f"f.{quote_identifier(by.code_field)} AS key, f.id, f.name,"
        " coalesce(nullif(f.area_m2, 0), ST_Area(f.geom::geography)) / 1e6 AS km2,"
        f" {f'f.{quote_identifier(people)}' if people and is_seen else 'NULL'}::float8 AS people, f.geom"
    )
    return compose(f"SELECT {columns} FROM {layer.table} AS f WHERE {{}}", scoped(layer, actor, _CURRENT))


async def cells_clause(connection: asyncpg.Connection, by: By) -> Clause:
    """Build the query of the cells or squares that cover the district, in the form of `areas_clause`.

    Raises
    ------
    TooMuch
        When the district has more than `CELLS_MAX` of them.
    """
    districts = f"SELECT ST_Union(geom) AS geom FROM {table_of('districts')} AS f WHERE {_CURRENT.text}"
    if by.kind == "square":
        km2 = await connection.fetchval(f"SELECT ST_Area(geom::geography) / 1e6 FROM ({districts}) AS d") or 0.0
        _few(km2 / (by.size / 1000) ** 2)
        side = bind(by.size, "float8")
        return compose(
            f"""SELECT s.i || '_' || s.j AS key, 'square:{by.size}:' || s.i || '_' || s.j AS id, NULL::text AS name,
                {by.size**2 / 1e6}::float8 AS km2, NULL::float8 AS people,
                ST_Transform(s.geom, {STORED_SRID}) AS geom
            FROM (SELECT ST_Transform(geom, {MEASURING_SRID}) AS geom FROM ({districts}) AS d) AS district
            CROSS JOIN LATERAL ST_SquareGrid({{}}, district.geom) AS s WHERE ST_Intersects(s.geom, district.geom)""",
            side,
        )
    outline = await connection.fetchval(f"SELECT ST_AsBinary(geom) FROM ({districts}) AS d")
    cells = [] if outline is None else cells_over(shapely.from_wkb(outline), by.size)
    edges = [shapely.polygons(np.array(h3.cell_to_boundary(cell))[:, ::-1]) for cell in cells]
    columns = (cells, [shapely.to_wkb(edge) for edge in edges], [h3.cell_area(cell, "km^2") for cell in cells])
    return Clause(
        f"""SELECT key, key AS id, NULL::text AS name, km2, NULL::float8 AS people,
            ST_GeomFromWKB(wkb, {STORED_SRID}) AS geom
        FROM unnest(?0::text[], ?1::bytea[], ?2::float8[]) AS cell (key, wkb, km2)""",
        columns,
    )


def cells_over(area: shapely.Geometry, level: int) -> list[str]:
    """Return the H3 cells of a level that touch an area, sorted."""
    _few(area.area * 12_300 / h3.average_hexagon_area(level, "km^2"))  # a square degree has at most so many km²
    shape = h3.geo_to_h3shape(shapely.geometry.mapping(area))
    return sorted(h3.h3shape_to_cells_experimental(shape, level, contain="overlap"))


def _few(number: float) -> None:
    if number > CELLS_MAX:
        raise TooMuch(f"the district has about {number:.0f} such cells, at most {CELLS_MAX}; ask for larger ones")


def membership(by: By, layer: Layer) -> By:
    """Return how features of a layer come to their areas: by what they know, else because they lie there.

    Raises
    ------
    BadInput
        When they have neither a field for it nor a place.
    """
    if not by.needs or by.needs in layer.definition.by_name:
        has_place = layer.definition.geometry_type != "None"
        if by.needs or has_place:
            return by
    elif layer.definition.geometry_type != "None":
        return By(by.text, "inside", by.layer_id, by.code_field, by.population_field)
    raise BadInput(f"features of {layer.id} have no place and no {by.needs or 'geometry'}", parameter="by")
