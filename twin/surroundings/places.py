"""The places of features as one reader sees them, with a few of their values, for what is computed in memory.

Everything is read through the reader's rights, so that nothing computed of it can tell of what is hidden: a place that
is shown by its cell is the middle of that cell, a hidden value is null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import numpy as np

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import GEOMETRY, Clause, all_of, bind, columns_in, compose, quote_identifier
from layers.read.relation import relation
from layers.read.rights import plain_fields, scoped
from layers.types import Points
from twin.surroundings.spot import Spot


@dataclass(frozen=True, slots=True)
class FeaturePlaces:
    """Features of a layer, the nearest to a place first and then by id.

    Attributes
    ----------
    ids
        `n` ids.
    lonlat
        `[n, 2]` their places in CGCS2000 degrees; of a line or area a point on it.
    distance_m
        `n` geodesic metres from the place, to the millimetre.
    values
        `n` rows of the values that were asked for; None where one is hidden or absent.
    is_whole
        Whether no more features match.
    """

    layer: Layer
    ids: tuple[str, ...]
    lonlat: Points
    distance_m: tuple[float, ...]
    values: tuple[tuple[object, ...], ...] = ()
    is_whole: bool = True

    def __len__(self) -> int:
        return len(self.ids)


def plain_value(layer: Layer, actor: Actor, name: str, kind: str) -> str:
    """Return a field as SQL over alias `f`; null where the actor does not get its plain value.

    Parameters
    ----------
    kind
        The type of PostgreSQL.
    """
    field = plain_fields(layer, actor).get(name)
    return f"NULL::{kind}" if field is None else f"({field.expression})::{kind}"


async def read_places(
    connection: asyncpg.Connection,
    layer: Layer,
    actor: Actor,
    spot: Spot,
    *,
    limit: int,
    where: Clause | None = None,
    within_m: float | None = None,
    values: Sequence[tuple[str, str]] = (),
) -> FeaturePlaces:
    """Read the features that are nearest to a place.

    Parameters
    ----------
    where
        A condition over alias `f`; None is all.
    within_m
        Geodesic metres; None is everywhere.
    values
        Names of fields with their types of PostgreSQL, to be read beside.
    """
    text, values_bound = places_clause(layer, actor, spot, limit, where or Clause("TRUE"), within_m, values).render()
    rows = await connection.fetch(text, *values_bound)
    kept = rows[:limit]
    return FeaturePlaces(
        layer,
        tuple(row[0] for row in kept),
        np.array([(row[1], row[2]) for row in kept], dtype=np.float64).reshape(-1, 2),
        tuple(row[3] for row in kept),
        tuple(tuple(row[4:]) for row in kept),
        is_whole=len(rows) <= limit,
    )


def places_clause(
    layer: Layer,
    actor: Actor,
    spot: Spot,
    limit: int,
    where: Clause,
    within_m: float | None = None,
    values: Sequence[tuple[str, str]] = (),
) -> Clause:
    """Build the statement: rows `id, lon, lat, distance_m` and the values, one more than the limit."""
    conditions, kept = [where, Clause("f.geom IS NOT NULL AND NOT ST_IsEmpty(f.geom)")], Clause("TRUE")
    if within_m is not None:
        conditions.append(compose("{} && onemap.box_around({}, {})", GEOMETRY, spot.geometry, bind(within_m, "float8")))
        kept = compose("r.distance_m <= {}", bind(within_m, "float8"))
    matching = scoped(layer, actor, *conditions)
    columns = [f"{plain_value(layer, actor, name, kind)} AS {quote_identifier(name)}" for name, kind in values]
    names = "".join(f", r.{quote_identifier(name)}" for name, _ in values)
    reads = columns_in(matching.text, *columns) if layer.definition.is_live else None
    return compose(
        f"""SELECT r.id, ST_X(r.place), ST_Y(r.place), r.distance_m{names}
        FROM (SELECT f.id, onemap.point_of(f.geom) AS place,
                round(ST_Distance(f.geom::geography, {{}}::geography)::numeric, 3)::float8 AS distance_m
                {"".join(f", {column}" for column in columns)}
            FROM {{}} WHERE {{}}) AS r
        WHERE {{}} ORDER BY r.distance_m, r.id LIMIT {int(limit) + 1}""",
        spot.geometry,
        relation(layer, actor, all_of(conditions), reads),
        matching,
        kept,
    )
