"""A question about history as rows: layers, a span, and which facts and features."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import EMPTY, Clause, bind, compose, join
from layers.coordinates.crs import CRS84, Crs
from layers.cql2 import DegreeBox, Expression, compile_bbox, compile_filter
from layers.errors import BadInput, Forbidden
from layers.live_source import EVENTS
from layers.moment import Facts
from layers.read.facts import observed_fields, throughout
from twin.history.columns import fact_queryables
from twin.history.rows import HistoryQuery, RowKey, count_statement, read_rows
from twin.history.span import HistorySpan

SPANS_MAX = {"position": timedelta(days=31), "observation": timedelta(days=366), "version": timedelta(days=3660)}
IDS_MAX = 1_000
_ANY = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class RowsQuestion:
    """A question about facts.

    Attributes
    ----------
    layers
        In the order of their rows.
    ids
        Features; empty means all.
    codes
        Observed properties; empty means all.
    box, condition, filter_crs
        What their features are within, a filter as `layers.cql2.parse` returns it, and the system of its places.
    """

    facts: Facts
    layers: Sequence[Layer]
    actor: Actor
    span: HistorySpan
    ids: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    box: DegreeBox | None = None
    condition: Expression | None = None
    filter_crs: Crs = CRS84

    def queries(self, after: RowKey | None) -> list[HistoryQuery]:
        """Return the query of each layer, from a row on.

        Raises
        ------
        BadInput
            When a filter names what a layer does not have, or a layer has no place for a box.
        Forbidden
            When the actor may not look back on a layer.
        """
        span = self.span
        queries = []
        for layer in self.layers:
            past = throughout(layer, self.actor, self.facts, span.start, span.end, span.known_at)
            queries.append(HistoryQuery(past, self.actor, self.facts, self._where(past)))
        if after is None:
            return queries
        names = [layer.id for layer in self.layers]
        if after.layer_id not in names:
            raise BadInput("cursor is of another question; follow the next link as it was given", parameter="cursor")
        first, *rest = queries[names.index(after.layer_id) :]
        return [HistoryQuery(first.layer, first.actor, first.facts, first.where, after), *rest]

    def _where(self, past: Layer) -> Clause:
        known = fact_queryables(past, self.actor, self.facts)
        parts = [compose("f.id = ANY ({})", bind(list(self.ids), "text[]")) if self.ids else EMPTY]
        if self.codes:
            parts.append(compose("f.fact_property = ANY ({})", bind(list(self.codes), "text[]")))
        if self.box is not None:
            if "geom" not in known:
                raise BadInput(f"layer '{past.id}' has no geometries: bbox cannot select from it", parameter="bbox")
            parts.append(compile_bbox(self.box, known["geom"]))
        if self.condition is not None:
            parts.append(compile_filter(self.condition, known, filter_crs=self.filter_crs))
        return join(" AND ", parts)


def layers_of(catalog: Catalog, actor: Actor, facts: Facts, named: Sequence[str]) -> list[Layer]:
    """Return the layers of a question in the order of their ids; without names all that have such facts.

    Raises
    ------
    NotFound
        When a named layer does not exist or is hidden.
    BadInput
        When features of a named layer have no such facts.
    """
    if facts == "version":
        return [catalog.visible(EVENTS, actor)]
    if not named:
        seen = (catalog.visible(name, actor) for name in sorted(catalog.visible_ids(actor)))
        return [layer for layer in seen if _has(layer, facts) and _looks_back(layer, actor, facts)]
    layers = [catalog.visible(name, actor) for name in sorted(dict.fromkeys(named))]
    for layer in layers:
        if not _has(layer, facts):
            what = "do not move" if facts == "position" else "measure nothing"
            raise BadInput(f"layers names '{layer.id}', whose features {what}", parameter="layers")
    return layers


def _has(layer: Layer, facts: Facts) -> bool:
    if facts == "position":
        return layer.definition.motion is not None
    return bool(observed_fields(layer.definition))


def _looks_back(layer: Layer, actor: Actor, facts: Facts) -> bool:
    try:
        throughout(layer, actor, facts, *_ANY)
    except Forbidden:
        return False
    return True


async def count_rows(connection: asyncpg.Connection, queries: Sequence[HistoryQuery], most: int) -> dict[str, int]:
    """Return the number of rows by layer, each up to one more than `most`."""
    found = {}
    for query in queries:
        text, values = count_statement(query, most).render()
        found[query.layer.id] = await connection.fetchval(text, *values)
    return found


async def rows_of(
    connection: asyncpg.Connection, queries: Sequence[HistoryQuery], limit: int | None
) -> AsyncIterator[tuple[dict[str, Any], RowKey]]:
    """Yield the rows of several queries one after the other, up to a limit; in the transaction of the connection."""
    left = limit
    for query in queries:
        async for row, key in read_rows(connection, query, left):
            yield row, key
            left = None if left is None else left - 1
        if left == 0:
            return
