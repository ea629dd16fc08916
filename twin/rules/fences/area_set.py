"""The areas of a set of fences in memory, in metres: which of them many positions are in and ways lead through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
import numpy as np
import numpy.typing as npt
import shapely

from layers.actor import OPERATOR
from layers.catalog import Catalog, Layer
from layers.clause import EMPTY, Clause, all_of, compose
from layers.coordinates.crs import CRS84
from layers.coordinates.district_crs import to_metres
from layers.cql2 import FilterLimits, compile_filter, parse, queryables_of
from layers.errors import NotFound, TooMuch
from layers.read.relation import relation
from layers.tiers import in_force
from layers.types import Geometries, Points, Positions
from twin.rules.fences.definition import Fence

AREAS_MAX = 100_000
_LIMITS = FilterLimits()
_QUARTER_SEGMENTS = 8  # of a rounded corner; its error is within two per cent of the margin


class AreaFacts(NamedTuple):
    """Id, name and data grade of a fence."""

    area_id: str
    name: str | None
    grade: int


@dataclass(frozen=True, slots=True)
class AreaSet:
    """Fences at one moment.

    Attributes
    ----------
    facts
        `[m]` facts of each fence.
    shapes, grown
        `[m]` polygons in metres of the measuring plane, and the same with the margin; both prepared.
    """

    facts: Sequence[AreaFacts]
    shapes: Geometries
    grown: Geometries
    tree: shapely.STRtree

    @classmethod
    def of(cls, facts: Sequence[AreaFacts], shapes: Geometries, margin_m: float) -> AreaSet:
        """Index polygons in metres."""
        grown = shapely.buffer(shapes, margin_m, quad_segs=_QUARTER_SEGMENTS) if margin_m > 0 else shapes
        shapely.prepare(shapes)
        shapely.prepare(grown)
        return cls(facts, shapes, grown, shapely.STRtree(grown))

    def around(self, xy_m: Points) -> tuple[Positions, Positions, npt.NDArray[np.bool_]]:
        """Find the fences that each of many positions is in or near.

        Parameters
        ----------
        xy_m
            `[n, 2]` metres; NaN is in no fence.

        Returns
        -------
        tuple
            `[k]` numbers of positions, `[k]` numbers of fences, `[k]` whether the position is inside, not only near.
        """
        point, area = self.tree.query(shapely.points(xy_m))
        near = shapely.intersects_xy(self.grown[area], xy_m[point, 0], xy_m[point, 1])
        point, area = point[near], area[near]
        inside = shapely.intersects_xy(self.shapes[area], xy_m[point, 0], xy_m[point, 1])
        return point, area, inside

    def through(self, from_m: Points, to_m: Points) -> tuple[Positions, Positions]:
        """Find the fences that straight ways lead through; return numbers of ways and of fences, `[k]` each."""
        ways = shapely.linestrings(np.stack([from_m, to_m], axis=1))
        way, area = self.tree.query(ways)
        crossed = shapely.intersects(self.shapes[area], ways[way])
        return way[crossed], area[crossed]


async def read_area_set(connection: asyncpg.Connection, catalog: Catalog, fence: Fence) -> AreaSet:
    """Read the fences of a set as they are now.

    Raises
    ------
    NotFound
        When the layer does not exist.
    BadFilter
        When the filter does not fit the layer.
    TooMuch
        When there are more than `AREAS_MAX` fences.
    """
    layer = _layer(catalog, fence.areas.layer)
    condition = all_of((filter_of(layer, fence.areas.filter), in_force(layer.definition.by_name)))
    name = "f.name" if "name" in layer.definition.by_name else "NULL::text"
    grade = "f.data_grade" if "data_grade" in layer.definition.by_name else "NULL::smallint"
    text, values = compose(
        f"""SELECT f.id, {name} AS name, coalesce({grade}, {int(layer.definition.grade)}) AS grade,
            ST_AsBinary(f.geom) AS wkb FROM {{}} WHERE {{}} AND NOT ST_IsEmpty(f.geom) ORDER BY f.id
            LIMIT {AREAS_MAX + 1}""",
        relation(layer, OPERATOR, condition),
        condition,
    ).render()
    rows = await connection.fetch(text, *values)
    if len(rows) > AREAS_MAX:
        raise TooMuch(f"{layer.id} has more than {AREAS_MAX} areas; choose some with a filter", parameter="areas")
    shapes = shapely.from_wkb(np.array([row["wkb"] for row in rows], dtype=object))
    plane = shapely.transform(shapes, to_metres)
    if fence.areas.radius_m > 0:
        plane = shapely.buffer(plane, fence.areas.radius_m)
    facts = [AreaFacts(row["id"], row["name"], row["grade"]) for row in rows]
    return AreaSet.of(facts, plane, fence.margin_m)


async def read_movers(connection: asyncpg.Connection, catalog: Catalog, fence: Fence) -> frozenset[str] | None:
    """Return the ids of the movers of a set of fences; None when every feature of the layer moves.

    Raises
    ------
    NotFound
        When the layer does not exist.
    BadFilter
        When the filter does not fit the layer.
    """
    layer = _layer(catalog, fence.movers.layer)
    if fence.movers.filter is None:
        return None
    condition = filter_of(layer, fence.movers.filter)
    text, values = compose("SELECT f.id FROM {} WHERE {}", relation(layer, OPERATOR, condition), condition).render()
    return frozenset(row["id"] for row in await connection.fetch(text, *values))


def filter_of(layer: Layer, text: str | None) -> Clause:
    """Compile the filter of a rule, which may use every field; empty for None.

    Raises
    ------
    BadFilter
        When the filter does not fit the layer.
    """
    if text is None:
        return EMPTY
    expression = parse(text, "cql2-text", limits=_LIMITS)
    return compile_filter(expression, queryables_of(layer.definition, OPERATOR), filter_crs=CRS84)


def _layer(catalog: Catalog, layer_id: str) -> Layer:
    layer = catalog.get(layer_id)
    if layer is None:
        raise NotFound(f"there is no layer '{layer_id}' yet", parameter="layer")
    return layer
