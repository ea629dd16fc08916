"""Erasing features and a person's values everywhere in the database, one transaction a store.

Each step is repeatable: killed in the middle, the same call goes on, since what is erased is not found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import orjson

from layers.clause import quote_identifier
from layers.errors import NotFound
from layers.schema.tables import table_of
from twin.log.change import Change
from twin.store.erasure.columns import read_text_tables
from twin.store.erasure.terms import PersonTerms
from twin.store.erasure.values import count_values, erase_values
from twin.store.purge import BLANK, blank_changes, purge_past

type FeatureNames = Sequence[tuple[str, str]]
"""Layer and id of features."""

LOG = "twin.change"
_NAMED = """
SELECT c.relname, max(a.attname) FILTER (WHERE a.attname IN ('id', 'feature_id')) AS named
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'twin'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped
    AND a.attname IN ('id', 'feature_id', 'layer') AND a.atttypid = 'text'::regtype
GROUP BY c.relname HAVING count(*) FILTER (WHERE a.attname = 'layer') = 1 AND count(*) > 1
"""
_FRAMES = "SELECT changes FROM twin.change"
_TOLD_AS_A_WHOLE = "SELECT onemap.note_whole($1, 4::smallint)"  # a change of the feature would bring it into the log


@dataclass
class Found:
    """Where values and features are, or were.

    Attributes
    ----------
    rows
        Number of rows by ``schema.table.column``; of changes by ``twin.change``.
    keys
        Alike, of columns that name a feature or a row: a value in them is not erased. Erase the feature instead.
    features
        Number of features that are erased as a whole.
    """

    rows: dict[str, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    features: int = 0

    @property
    def total(self) -> int:
        """Rows, changes and features, keys excepted."""
        return sum(self.rows.values()) + self.features


async def find_person(connection: asyncpg.Connection, terms: PersonTerms, features: FeatureNames = ()) -> Found:
    """Return what an erasure would erase; nothing is changed.

    Raises
    ------
    NotFound
        When there is no such layer.
    """
    found = Found()
    for layer_id, feature_id in features:
        await _check_layer(connection, layer_id)
        found.features += await connection.fetchval(
            f"SELECT count(*) FROM {table_of(layer_id)} WHERE id = $1", feature_id
        )
    if not terms.all:
        return found
    for together in await read_text_tables(connection):
        for table in together:
            keys = {column.name for column in table.columns if column.is_key}
            for name, count in (await count_values(connection, table, terms)).items():
                (found.keys if name in keys else found.rows)[f"{table.schema}.{table.name}.{name}"] = count
    changes = 0
    async with connection.transaction(readonly=True):
        async for frame in connection.cursor(_FRAMES):
            told: list[Change] = orjson.loads(frame["changes"])
            changes += sum(change != BLANK and terms.stands_in(change) for change in told)
    return found if not changes else Found(found.rows | {LOG: changes}, found.keys, found.features)


async def erase_person(connection: asyncpg.Connection, terms: PersonTerms, features: FeatureNames = ()) -> int:
    """Erase features with their past, then values in every table, then the log; return how many rows and changes.

    Parameters
    ----------
    connection
        In the owner's role, outside a transaction.

    Raises
    ------
    NotFound
        When there is no such layer.
    """
    erased = 0
    for layer_id, feature_id in features:
        await _check_layer(connection, layer_id)
        async with connection.transaction():
            erased += await _erase_feature(connection, layer_id, feature_id)
    if not terms.all:
        return erased
    for together in await read_text_tables(connection):
        async with connection.transaction():  # the past gets the rows that the layer's statement replaced
            for table in together:
                erased += await erase_values(connection, table, terms)
    async with connection.transaction():
        return erased + await blank_changes(connection, terms.stands_in)


async def _erase_feature(connection: asyncpg.Connection, layer_id: str, feature_id: str) -> int:
    """Delete a feature, and every row of the twin that names it."""
    status: str = await connection.execute(f"DELETE FROM {table_of(layer_id)} WHERE id = $1", feature_id)
    await connection.execute(_TOLD_AS_A_WHOLE, layer_id)
    erased = int(status.rpartition(" ")[2]) + await purge_past(connection, layer_id, [feature_id])
    for relation, named in await connection.fetch(_NAMED):
        statement = f"DELETE FROM twin.{quote_identifier(relation)} WHERE layer = $1 AND {quote_identifier(named)} = $2"
        status = await connection.execute(statement, layer_id, feature_id)
        erased += int(status.rpartition(" ")[2])
    return erased


async def _check_layer(connection: asyncpg.Connection, layer_id: str) -> None:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM onemap.layer WHERE id = $1)", layer_id):
        raise NotFound(f"there is no layer '{layer_id[:80]}'", parameter="layer")
