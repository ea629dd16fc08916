"""History as rows, straight from the partitions of days: positions, observations and versions of events.

Rows come by feature and time, which the indexes of history have, so that a page costs what it holds. Each is shown as
its feature was shown then (`layers/read/past_facts.py`).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import asyncpg
import orjson

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, compose, join, quote_identifier
from layers.errors import BadInput
from layers.moment import Facts
from layers.read.facts import PROPERTY
from layers.read.relation import relations
from layers.read.rights import rights_at, scoped
from twin.history.columns import HistoryColumn, columns_of, time_field

_BATCH = 1_000
_NO_TIME = "timestamptz '1970-01-01T00:00:00Z'"
_EQUAL_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class RowKey:
    """The place of a row among all rows: its feature, property and time as they are shown, and its number among equals.

    Attributes
    ----------
    code
        The observed property; empty for other facts.
    """

    layer_id: str
    feature_id: str
    code: str
    time: datetime
    number: int


@dataclass(frozen=True)
class HistoryQuery:
    """A query of the facts of one layer.

    Attributes
    ----------
    layer
        Throughout a span (`layers.read.facts.throughout`).
    where
        The condition on facts and their features, over alias `f`; empty means all.
    after
        The last row of the page before.
    """

    layer: Layer
    actor: Actor
    facts: Facts
    where: Clause = EMPTY
    after: RowKey | None = None

    @cached_property
    def columns(self) -> tuple[HistoryColumn, ...]:
        """The columns of the rows."""
        return columns_of(self.layer, self.actor, self.facts)

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The expressions that order rows: of what is shown, so that no order and no cursor tells more; never null."""
        observed = (self._shown("property", PROPERTY, "''"),) if self.facts == "observation" else ()
        return ("f.id", *observed, self._shown("time", time_field(self.layer, self.facts), _NO_TIME))

    def _shown(self, name: str, field: str, otherwise: str) -> str:
        """Return a column's expression with a value for null; a field that is never hidden as it is, for its index."""
        expression = next(column.expression for column in self.columns if column.name == name)
        is_full = rights_at(self.layer, self.actor).is_full_everywhere(field)
        return expression if is_full else f"coalesce({expression}, {otherwise})"


def rows_statement(query: HistoryQuery, limit: int | None) -> Clause:
    """Build the statement of rows in their order; None is no limit."""
    where = join(" AND ", (query.where, _beyond(query)))
    condition = scoped(query.layer, query.actor, where)
    listed = ", ".join(f"{column.expression} AS {quote_identifier(column.name)}" for column in query.columns)
    keys = ", ".join(f"{value} AS _key_{number}" for number, value in enumerate(query.key))
    first = len(query.columns) + 1  # by places: an event has a field named version, too
    places = (*range(first, first + len(query.key)), *range(1, first))  # the key, and among equals whatever is shown
    order = ", ".join(map(str, places))
    end = "" if limit is None else f" LIMIT {limit + (query.after.number if query.after else 0)}"
    parts = [
        compose(f"(SELECT {listed}, {keys} FROM {{}} WHERE {{}} ORDER BY {order}{end})", part, condition)
        for part in relations(query.layer, query.actor, where)
    ]
    skipped = f" OFFSET {query.after.number}" if query.after else ""
    return compose(f"SELECT * FROM ({{}}) AS r ORDER BY {order}{end}{skipped}", join(" UNION ALL ", parts))


def count_statement(query: HistoryQuery, most: int) -> Clause:
    """Build the statement of the number of rows, up to one more than `most`."""
    where = join(" AND ", (query.where, _beyond(query)))
    condition = scoped(query.layer, query.actor, where)
    parts = [compose("SELECT FROM {} WHERE {}", part, condition) for part in relations(query.layer, query.actor, where)]
    return compose(f"SELECT count(*) FROM ({{}} LIMIT {most + 1}) AS r", join(" UNION ALL ", parts))


def _beyond(query: HistoryQuery) -> Clause:
    """Return the condition of rows from the last one of the page before on; it and its equals are skipped."""
    last = query.after
    if last is None:
        return EMPTY
    values = [bind(last.feature_id, "text")]
    values += [bind(last.code, "text")] if query.facts == "observation" else []
    values.append(bind(last.time, "timestamptz"))
    asked = ", ".join("{}" for _ in values)
    return compose(f"f.id >= {{}} AND ({', '.join(query.key)}) >= ({asked})", values[0], *values)


def write_cursor(key: RowKey) -> str:
    """Return the token of a row's place, with which the next page begins."""
    parts = [key.layer_id, key.feature_id, key.code, key.time.isoformat(), key.number]
    return urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def read_cursor(token: str) -> RowKey:
    """Return the place in a token of `write_cursor`.

    Raises
    ------
    BadInput
        When it is none; clients follow cursors and never make them.
    """
    try:
        read = orjson.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        layer_id, feature_id, code, time, number = read
        texts = all(isinstance(one, str) and "\0" not in one for one in (layer_id, feature_id, code))
        key = RowKey(layer_id, feature_id, code, datetime.fromisoformat(time), number)
    except (ValueError, TypeError):
        key, texts = None, False
    if (
        key is None
        or not texts
        or key.time.tzinfo is None
        or type(key.number) is not int
        or not 0 < key.number < _EQUAL_MAX
    ):
        raise BadInput("cursor is not one of ours; follow the next link as it was given", parameter="cursor")
    return key


async def read_rows(
    connection: asyncpg.Connection, query: HistoryQuery, limit: int | None
) -> AsyncIterator[tuple[dict[str, Any], RowKey]]:
    """Yield rows in their order, each with its key; read in batches, in the transaction of the connection."""
    text, values = rows_statement(query, limit).render()
    names = [column.name for column in query.columns]
    last = query.after
    async for record in connection.cursor(text, *values, prefetch=_BATCH):
        shown = tuple(record)
        code = shown[len(names) + 1] or "" if query.facts == "observation" else ""
        same = (query.layer.id, shown[len(names)], code, shown[-1])
        is_same = last is not None and (last.layer_id, last.feature_id, last.code, last.time) == same
        last = RowKey(*same, last.number + 1 if last is not None and is_same else 1)
        yield dict(zip(names, shown, strict=False)), last
