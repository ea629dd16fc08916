"""The rows of the layer of roads as arrays, as a stranger sees them."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
import numpy as np
import numpy.typing as npt
import shapely

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose, quote_identifier
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped
from layers.types import Geometries, Mask, Texts
from twin.join.metres import Lengths

ROADS = "roads"
_YES = np.array([True])
_TYPES = {
    "road_class": "text",
    "speed_limit_kmh": "float8",
    "one_way": "boolean",
    "bridge": "boolean",
    "tunnel": "boolean",
    "level_index": "integer",
    "from_node": "text",
    "to_node": "text",
}


@dataclass(frozen=True, slots=True)
class RoadRows:
    """Roads, in the order of their ids; a road of several lines is several rows with one id.

    Attributes
    ----------
    ids, road_class, from_node, to_node
        `[m]`; None where nothing is known. Nodes are named for roads of one line.
    lines
        `[m]` LineStrings in CGCS2000 degrees.
    limit_kmh
        `[m]`; NaN where there is no limit.
    one_way
        `[m]` along the line alone.
    level
        `[m]` 0 on the ground, above it on bridges, below it in tunnels.
    """

    ids: Texts
    lines: Geometries
    road_class: Texts
    limit_kmh: Lengths
    one_way: Mask
    level: npt.NDArray[np.int64]
    from_node: Texts
    to_node: Texts

    def __len__(self) -> int:
        return len(self.ids)


async def read_roads(connection: asyncpg.Connection, layer: Layer, actor: Actor) -> RoadRows:
    """Read the roads that an actor sees, column by column in one row."""
    text, values = _statement(layer, actor).render()
    row = await connection.fetchrow(text, *values)
    columns = {name: np.array(row[name] or [], dtype=object) for name in ("id", "wkb", *_TYPES)}
    lines, part_of = shapely.get_parts(shapely.from_wkb(columns.pop("wkb")), return_index=True)
    usable = (shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING) & (shapely.length(lines) > 0)
    lines, part_of = lines[usable], part_of[usable]
    single = np.bincount(part_of, minlength=len(columns["id"]))[part_of] == 1
    of = {name: values[part_of] for name, values in columns.items()}
    return RoadRows(
        of["id"],
        lines,
        of["road_class"],
        of["speed_limit_kmh"].astype(np.float64),
        of["one_way"] == _YES,
        _levels(of["level_index"], of["bridge"], of["tunnel"]),
        _unless(of["from_node"], ~single),
        _unless(of["to_node"], ~single),
    )


def _statement(layer: Layer, actor: Actor) -> Clause:
    seen = plain_fields(layer, actor)
    columns = ", ".join(
        f"({seen[name].expression if name in seen else 'NULL'})::{kind} AS {quote_identifier(name)}"
        for name, kind in _TYPES.items()
    )
    gathered = ", ".join(f"array_agg(r.{quote_identifier(name)}) AS {quote_identifier(name)}" for name in _TYPES)
    return compose(
        f"""SELECT array_agg(r.id) AS id, array_agg(r.wkb) AS wkb, {gathered}
        FROM (SELECT f.id, ST_AsBinary(f.geom) AS wkb, {columns} FROM {{}} WHERE {{}} ORDER BY f.id) AS r""",
        relation(layer, actor),
        scoped(layer, actor, Clause("f.geom IS NOT NULL AND NOT ST_IsEmpty(f.geom)")),
    )


def _levels(index: Texts, bridge: Texts, tunnel: Texts) -> npt.NDArray[np.int64]:
    """Return the level of each road; bridges and tunnels without one are above and below the ground."""
    known = np.array([0 if one is None else one for one in index], dtype=np.int64)
    above, below = bridge == _YES, tunnel == _YES
    return np.where(known == 0, above.astype(np.int64) - below.astype(np.int64), known)


def _unless(texts: Texts, hidden: Mask) -> Texts:
    shown = texts.copy()
    shown[hidden] = None
    return shown
