"""What a reader sees of one stored feature: each value as the database gives it, and the rule that gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from layers.actor import OPERATOR, Actor
from layers.catalog import Layer
from layers.clause import Clause, compose, join
from layers.coordinates.crs import CRS84
from layers.errors import NotFound
from layers.layer_rights import GEOMETRIES, SHOWINGS, Case, LayerRights, rights_of
from layers.policy.definition import GeometryShowing, Showing
from layers.read.query import single
from layers.read.relation import relation
from layers.read.scope import holds


@dataclass(frozen=True, slots=True)
class FieldReview:
    """A field of a feature as a reader sees it.

    Attributes
    ----------
    value
        As it is served; None where it is absent, or where the feature has none.
    rules
        Ids of the rules that show it so.
    """

    name: str
    showing: Showing
    value: Any
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureReview:
    """A feature as a reader sees it.

    Attributes
    ----------
    rules
        Ids of the rules that hold for it; empty when the reader does not see it, and is told that it does not exist.
    place
        GeoJSON as it is served; None where it is absent.
    """

    rules: tuple[str, ...]
    geometry: GeometryShowing
    place: Mapping[str, Any] | None
    fields: tuple[FieldReview, ...]


async def explain_feature(connection: asyncpg.Connection, layer: Layer, actor: Actor, feature_id: str) -> FeatureReview:
    """Return what a reader sees of a feature, read as its requests are.

    Raises
    ------
    NotFound
        When there is no such feature for anybody.
    """
    rights = rights_of(layer.definition, actor)
    holding = await _holding(connection, layer, rights, feature_id)
    seen = await _fetch(connection, single(layer, actor, feature_id, CRS84))
    feature = orjson.loads(seen["feature"]) if seen is not None else {}
    values = feature.get("properties", {})
    fields = tuple(
        FieldReview(field.name, how, values.get(field.name), rules)
        for field in layer.definition.fields
        if not field.internal
        for how, rules in [_most_generous(holding, field.name)]
    )
    places: list[GeometryShowing] = ["absent", *(case.geometry for case in holding)]
    geometry = max(places, key=GEOMETRIES.index)
    return FeatureReview(_rules(holding), geometry, feature.get("geometry"), fields)


async def _holding(
    connection: asyncpg.Connection, layer: Layer, rights: LayerRights, feature_id: str
) -> tuple[Case, ...]:
    """Return the cases of a reader that hold for a feature."""
    cases = rights.cases
    tests = [holds(case, rights, layer.definition.by_name) or Clause("TRUE") for case in cases]
    listed = join(", ", (compose("coalesce({}, FALSE)", test) for test in tests)) if tests else Clause("")
    row = await _fetch(
        connection,
        compose(
            "SELECT ARRAY[{}]::boolean[] AS holds FROM {} WHERE f.id = {}",
            listed,
            relation(layer, OPERATOR),
            Clause("?0::text", (feature_id,)),
        ),
    )
    if row is None:
        raise NotFound(f"{layer.id} has no feature '{feature_id[:80]}'", parameter="id")
    return tuple(case for case, held in zip(cases, row["holds"], strict=True) if held)


async def _fetch(connection: asyncpg.Connection, statement: Clause) -> asyncpg.Record | None:
    sql, values = statement.render()
    return await connection.fetchrow(sql, *values)


def _most_generous(holding: tuple[Case, ...], name: str) -> tuple[Showing, tuple[str, ...]]:
    """Return how a field is shown of a row for which some cases hold, and the rules that show it so."""
    ways: list[Showing] = ["absent", *(case.showing(name) for case in holding)]
    how = max(ways, key=SHOWINGS.index)
    return how, _rules(case for case in holding if how != "absent" and case.showing(name) == how)


def _rules(cases: Iterable[Case]) -> tuple[str, ...]:
    return tuple(case.rule or "labels" for case in cases)
