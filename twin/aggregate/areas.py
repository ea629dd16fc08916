"""The groupings of counts: areas of a layer, H3 cells or squares, each with a key that features have or lie in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import Clause, bind, compose, quote_identifier
from layers.coordinates.crs import STORED_SRID
from layers.errors import BadInput
from layers.moment import Moment
from layers.read.relation import relation
from layers.read.rights import layer_at, plain_fields, scoped
from layers.schema.tables import table_of
from layers.tiers import AREA_CODE, COARSE_TIERS, DISTRICT, GRID, GRID_CODE, URBAN_VILLAGES, Tier, in_force
from twin.aggregate.cells import NO_CELLS, Cells, hexagons, squares
from twin.aggregate.steps import STEPS_S

SQUARES_M = (100, 500)
H3_LEVELS = (8, 9)
_FORM = re.compile(r"(h3|square):([0-9]{1,3})")

type Kind = Literal["code", "member", "inside", "h3", "square", "field", "time"]


@dataclass(frozen=True, slots=True)
class Grouping:
    """A grouping of counts.

    Attributes
    ----------
    text
        The text of the request: ``grid``, ``h3:8``, ``square:250``.
    kind
        The way from a feature to its area: a `code` it has, its list of ids as a `member`, its place `inside`, the
        `h3` cell that holds it, its `square`, the code in a `field` of it, or the step of `time` it is in.
    layer_id
        The layer of the areas; None for cells and squares.
    code_field, population_field
        The fields of the areas that hold their code and their number of people.
    key
        The code of a feature's area as SQL over alias `f`, for the kind `code`; for `field`, its name; else empty.
    needs
        The field that a feature must have for this kind; empty for none.
    size
        Level of H3, side of a square in metres, or seconds of a step of time.
    """

    text: str
    kind: Kind
    layer_id: str | None = None
    code_field: str = "id"
    population_field: str | None = None
    key: str = ""
    needs: str = ""
    size: int = 0


def _by_tier(tier: Tier) -> Grouping:
    return Grouping(
        text=tier.name,
        kind="code",
        layer_id=tier.layer_id,
        code_field=tier.code_field,
        population_field="population" if tier is GRID else "population_resident",
        key=tier.code_of_feature(),
        needs=GRID_CODE if tier is GRID else AREA_CODE,
    )


AREAS: Mapping[str, Grouping] = {
    **{tier.name: _by_tier(tier) for tier in (GRID, *COARSE_TIERS)},
    "urban_village": Grouping(
        text="urban_village",
        kind="member",
        layer_id=URBAN_VILLAGES,
        population_field="population_total",
        needs="urban_village_ids",
    ),
}


def parse_by(text: str, codes: Collection[str] = ()) -> Grouping:
    """Parse the parameter `by`.

    Parameters
    ----------
    codes
        Fields of the layer with codes, by which its features can be counted too.

    Raises
    ------
    BadInput
        When it is no grouping; the message lists the groupings.
    """
    if text in AREAS:
        return AREAS[text]
    found = _FORM.fullmatch(text)
    if found and found[1] == "h3" and int(found[2]) in H3_LEVELS:
        return Grouping(text, "h3", size=int(found[2]))
    if found and found[1] == "square" and SQUARES_M[0] <= int(found[2]) <= SQUARES_M[1]:
        return Grouping(text, "square", size=int(found[2]))
    if text.removeprefix("time:") in STEPS_S and text.startswith("time:"):
        return Grouping(text, "time", size=STEPS_S[text.removeprefix("time:")])
    if text in codes:
        return Grouping(text, "field", key=text)
    low, high = SQUARES_M
    fields = f", and of this layer {', '.join(sorted(codes))}" if codes else ""
    steps = ", ".join(f"time:{step}" for step in STEPS_S)
    allowed = f"{', '.join(AREAS)}, {steps}, h3:8, h3:9 and square:{low} to square:{high}{fields}"
    raise BadInput(f"by is '{text[:40]}'; allowed are {allowed}", parameter="by")


def code_fields(layer: Layer, actor: Actor) -> frozenset[str]:
    """Return the fields with codes that an actor sees in full of a layer."""
    shown = (field.definition for field in plain_fields(layer, actor).values())
    return frozenset(field.name for field in shown if field.codes and field.type == "string")


def codes_clause(by: Grouping, catalog: Catalog, layer: Layer) -> Clause:
    """Build the query of the codes of a field, those of its list and others that are counted, as `areas_clause`."""
    known = catalog.code_lists.get(layer.definition.by_name[by.key].codes or "")
    listed = known.codes if known is not None else ()
    return compose(
        """SELECT coalesce(l.key, c.key) AS key, coalesce(l.key, c.key) AS id, l.name, NULL::float8 AS km2,
            NULL::float8 AS people, NULL::geometry AS geom, NULL::text AS shape
        FROM unnest({}, {}) AS l (key, name)
        FULL JOIN (SELECT key FROM counted WHERE key IS NOT NULL) AS c ON c.key = l.key""",
        bind([one.code for one in listed], "text[]"),
        bind([one.label_zh for one in listed], "text[]"),
    )


def areas_clause(
    by: Grouping, catalog: Catalog, actor: Actor, moment: Moment | None = None, *, with_geometry: bool
) -> Clause:
    """Build the query of the areas in force that the actor sees: `key, id, name, km2, people, geom, shape`."""
    layer = layer_at(catalog.visible(str(by.layer_id), actor), actor, moment)
    people = by.population_field
    is_seen = people in plain_fields(layer, actor)
    columns = (
        f"f.{quote_identifier(by.code_field)} AS key, f.id, f.name,"
        " coalesce(nullif(f.area_m2, 0), ST_Area(f.geom::geography)) / 1e6 AS km2,"
        f" {f'f.{quote_identifier(people)}' if people and is_seen else 'NULL'}::float8 AS people, f.geom,"
        f" {'ST_AsGeoJSON(f.geom, 7, 0)' if with_geometry else 'NULL::text'} AS shape"
    )
    return compose(f"SELECT {columns} FROM {{}} WHERE {{}}", relation(layer, actor), scoped(layer, actor, in_force()))


async def read_cells(connection: asyncpg.Connection, by: Grouping) -> Cells:
    """Return the cells or squares that touch the districts; they are cached until the border changes.

    Raises
    ------
    TooMuch
        When there are too many of them.
    """
    outline = await connection.fetchval(
        f"SELECT ST_AsBinary(ST_Union(geom)) FROM {table_of(DISTRICT.layer_id)} AS f WHERE {in_force().text}"
    )
    if outline is None:
        return NO_CELLS
    return await asyncio.to_thread(squares if by.kind == "square" else hexagons, bytes(outline), by.size)


def cells_clause(by: Grouping, cells: Cells, *, with_geometry: bool) -> Clause:
    """Build the query of cells with the columns of `areas_clause`; `shape` is their outline, written already."""
    shapes = cells.shapes if with_geometry else [None] * len(cells.keys)
    wkb: list[bytes | None] = [*cells.wkb] or [None] * len(cells.keys)
    ids = cells.keys if by.kind == "h3" else [f"{by.text}:{key}" for key in cells.keys]
    return Clause(
        f"""SELECT key, id, NULL::text AS name, km2, NULL::float8 AS people,
            ST_GeomFromWKB(wkb, {STORED_SRID}) AS geom, shape, place
        FROM unnest(?0::text[], ?1::text[], ?2::float8[], ?3::bytea[], ?4::text[])
            WITH ORDINALITY AS cell (key, id, km2, wkb, shape, place)""",
        (cells.keys, ids, cells.km2, wkb, shapes),
    )


def bins_clause(cells: Cells) -> Clause:
    """Build the query of the bins over `area`: `x, y, whole, keys, geoms`, with the cells of each in key order."""
    columns = tuple(cells.bins[:, n].tolist() for n in range(3))
    return Clause(
        """SELECT b.x, b.y, bool_or(b.whole) AS whole, array_agg(area.key ORDER BY area.key) AS keys,
            array_agg(area.geom ORDER BY area.key) AS geoms
        FROM unnest(?0::bigint[], ?1::bigint[], ?2::bigint[], ?3::boolean[]) AS b (x, y, place, whole)
        JOIN area ON area.place = b.place + 1 GROUP BY b.x, b.y""",
        (*columns, cells.bins[:, 3].astype(bool).tolist()),
    )


def membership(by: Grouping, layer: Layer) -> Grouping:
    """Return the grouping for features of a layer: by their field for it, else by their place.

    Raises
    ------
    BadInput
        When they have neither the field nor a place.
    """
    if by.kind in {"field", "time"}:
        return by
    if not by.needs or by.needs in layer.definition.by_name:
        has_place = layer.definition.geometry_type != "None"
        if by.needs or has_place:
            return by
    elif layer.definition.geometry_type != "None":
        return replace(by, kind="inside", key="", needs="")
    raise BadInput(f"features of {layer.id} have no place and no {by.needs or 'geometry'}", parameter="by")
