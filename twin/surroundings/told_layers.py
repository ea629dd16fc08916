"""What an audience is told of areas, villages and waterways, in memory: the parts of `locate` that can be kept.

Rows, names and shapes are read through the rights of the audience, with the conditions of the statement of `locate`,
which computes the same for one place and is the oracle of the tests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np
import shapely

from layers.actor import Actor
from layers.areas import Areas
from layers.catalog import Layer
from layers.clause import Clause, compose
from layers.coordinates.district_crs import to_metres
from layers.read.caller import properties_of
from layers.read.relation import relation
from layers.read.rights import filtered_references, plain_fields, rights_at, scoped
from layers.tiers import GRID, Tier, in_force, pad_area_code
from layers.types import Points, Texts
from twin.join.metres import MetrePoints
from twin.join.waterways import Waterways
from twin.surroundings.locate import GRID_DUTIES, WATERWAY_M, grid_duties, name_shown
from twin.surroundings.places import plain_value

_DRAWN = Clause("f.geom IS NOT NULL AND NOT ST_IsEmpty(f.geom)")
type Told = Mapping[str, Any]


def is_settled(layer: Layer, actor: Actor) -> bool:
    """Whether what an actor is told of a layer's rows here changes with its table alone.

    It does not where rows are chosen by live values, or where a reference is shown only to who sees what it names.
    """
    told = {"name", *(GRID_DUTIES if layer.id == GRID.layer_id else ())}
    rights = rights_at(layer, actor)
    live = {field.name for field in layer.definition.fields if field.live is not None}
    by_table = all(case.rows is None or live.isdisjoint(properties_of(case.rows)) for case in rights.cases)
    return by_table and all(field.name not in told for field in filtered_references(layer, rights))


@dataclass(frozen=True, slots=True)
class ToldNames:
    """The names of the areas of a tier, by code."""

    by_code: Mapping[str, str | None]

    @classmethod
    async def read(cls, connection: asyncpg.Connection, layer: Layer, reader: Actor, tier: Tier) -> ToldNames:
        """Read the names of the areas in force; of two rows with one code the first by id counts."""
        columns = f"{tier.own_code} AS code, {name_shown(layer, reader)} AS name"
        rows = await _rows(connection, layer, reader, columns, (in_force(),), "f.id DESC")
        return cls({row["code"]: row["name"] for row in rows})

    def area(self, code: str | None) -> Told | None:
        """Return what is told of an area, which may be known by its padded code."""
        if code is None:
            return None
        known = code if code in self.by_code else pad_area_code(code)
        return {"code": code, "name": self.by_code.get(known)}


@dataclass(frozen=True, slots=True)
class ToldGrids:
    """What is told of each grid, by its code."""

    by_code: Mapping[str, Told]

    @classmethod
    async def read(cls, connection: asyncpg.Connection, layer: Layer, actor: Actor) -> ToldGrids:
        """Read the grids in force."""
        columns = (
            f"f.grid_code AS code, {name_shown(layer, actor)} AS name, {grid_duties(layer, actor)}::text AS duties"
        )
        rows = await _rows(connection, layer, actor, columns, (in_force(),), "f.id DESC")
        return cls(
            {
                row["code"]: {
                    "area": {"code": row["code"], "name": row["name"]},
                    "responsible": json.loads(row["duties"]),
                }
                for row in rows
            }
        )


@dataclass(frozen=True, slots=True)
class ToldVillages:
    """The urban villages, with their names in the order of their ids."""

    areas: Areas
    names: tuple[str | None, ...]

    @classmethod
    async def read(cls, connection: asyncpg.Connection, layer: Layer, actor: Actor) -> ToldVillages:
        """Read the villages in force."""
        columns = f"f.id, {name_shown(layer, actor)} AS name, ST_AsBinary(f.geom) AS wkb"
        rows = await _rows(connection, layer, actor, columns, (in_force(), _DRAWN), "f.id")
        return cls(Areas.of(_ids(rows), _shapes(rows)), tuple(row["name"] for row in rows))

    def around(self, lonlat: Points) -> list[Told]:
        """Return those that cover a place `[1, 2]` in degrees."""
        _, covering = self.areas.covering(lonlat)
        return [{"id": self.areas.codes[n], "name": self.names[n]} for n in sorted(covering.tolist())]


@dataclass(frozen=True, slots=True)
class ToldWaterways:
    """The waterways, with their names in the order of their ids; `shows_chainage` says whether chainages are told."""

    lines: Waterways
    names: tuple[str | None, ...]
    shows_chainage: bool

    @classmethod
    async def read(cls, connection: asyncpg.Connection, layer: Layer, actor: Actor) -> ToldWaterways | None:
        """Read them; None where not each is shown as one line, so that PostGIS must judge."""
        start, width = (plain_value(layer, actor, name, "float8") for name in ("chainage_start_m", "width_m"))
        columns = f"""f.id, {name_shown(layer, actor)} AS name, ST_AsBinary(f.geom) AS wkb,
            coalesce({start}, 0) AS start_m, greatest(coalesce({width}, 0) / 2, 0.5) AS half_width_m"""
        rows = await _rows(connection, layer, actor, columns, (_DRAWN,), 'f.id COLLATE "C"')
        shapes = _shapes(rows)
        if not (shapely.get_type_id(shapes) == shapely.GeometryType.LINESTRING).all():
            return None
        starts_m, half_m = (
            np.array([row[name] for row in rows], dtype=np.float64) for name in ("start_m", "half_width_m")
        )
        lines = Waterways.of(_ids(rows), shapely.transform(shapes, to_metres), starts_m, half_m)
        return cls(lines, tuple(row["name"] for row in rows), "chainage_start_m" in plain_fields(layer, actor))

    def beside(self, metres: MetrePoints) -> Told | None:
        """Return the nearest one of one place; None when none is near."""
        along = self.lines.along(metres, WATERWAY_M)
        found = int(along.waterway[0])
        if found < 0:
            return None
        return {
            "id": self.lines.ids[found],
            "name": self.names[found],
            "chainage_m": float(along.chainage_m[0]) if self.shows_chainage else None,
            "bank": along.bank[0],
            "distance_m": float(along.distance_m[0]),
        }


async def _rows(
    connection: asyncpg.Connection, layer: Layer, actor: Actor, columns: str, where: Sequence[Clause], order: str
) -> list[asyncpg.Record]:
    statement = compose(
        f"SELECT {columns} FROM {{}} WHERE {{}} ORDER BY {order}",
        relation(layer, actor),
        scoped(layer, actor, *where),
    )
    text, values = statement.render()
    rows: list[asyncpg.Record] = await connection.fetch(text, *values)
    return rows


def _ids(rows: Sequence[asyncpg.Record]) -> Texts:
    return np.array([row["id"] for row in rows], dtype=object)


def _shapes(rows: Sequence[asyncpg.Record]) -> Any:
    return shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
