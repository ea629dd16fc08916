"""Columns that may hold a person's values: read from the database's catalogue, so that a new table is among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import asyncpg

from layers.clause import quote_identifier

type ColumnKind = Literal["text", "text_array", "json", "bytes"]

_COLUMNS = """
SELECT n.nspname AS schema, c.relname AS relation, a.attname AS name, NOT a.attnotnull AS nullable,
    CASE t.typname WHEN 'bytea' THEN 'bytes' WHEN 'json' THEN 'json' WHEN 'jsonb' THEN 'json'
        WHEN '_text' THEN 'text_array' WHEN '_varchar' THEN 'text_array' ELSE 'text' END AS kind,
    t.typname AS type,
    a.attname = ANY ($1) OR EXISTS (
        SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique AND a.attnum = ANY (i.indkey)
    ) AS is_key
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = '' AND a.attidentity = ''
    AND t.typname IN ('text', 'varchar', 'bpchar', '_text', '_varchar', 'json', 'jsonb', 'bytea')
    AND (n.nspname IN ('layer', 'past', 'twin') OR n.nspname || '.' || c.relname = ANY ($2))
    AND n.nspname || '.' || c.relname <> ALL ($3)
ORDER BY c.relname, n.nspname, a.attnum
"""
_NAMES = ("id", "layer", "feature_id", "event_id", "mover", "area_id", "area_layer", "feed", "name")
"""Columns of twin tables that name a feature or a feed: a feature is erased as a whole instead."""
_ALSO = ("onemap.quarantine", "onemap.load")
_OWN_WAY = ("twin.change",)  # its frames are blanked change by change


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column that may hold texts.

    Attributes
    ----------
    is_key
        Whether it is part of a key: a value in it cannot be replaced, only counted.
    """

    name: str
    kind: ColumnKind
    type: str
    nullable: bool
    is_key: bool

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return quote_identifier(self.name)


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table with its columns that may hold texts."""

    schema: str
    name: str
    columns: tuple[TextColumn, ...]

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return f"{quote_identifier(self.schema)}.{quote_identifier(self.name)}"


async def read_text_tables(connection: asyncpg.Connection) -> list[list[TextTable]]:
    """Return all tables that may hold a person's values; a layer and its past stand together, the layer first."""
    rows = await connection.fetch(_COLUMNS, list(_NAMES), list(_ALSO), list(_OWN_WAY))
    tables = [
        TextTable(schema, relation, tuple(_column(row, schema) for row in of_one))
        for (relation, schema), of_one in groupby(rows, key=lambda row: (row["relation"], row["schema"]))
    ]
    return [list(together) for _, together in groupby(tables, key=_store)]


def _column(row: asyncpg.Record, schema: str) -> TextColumn:
    is_key = row["is_key"] and not (schema in {"layer", "past"} and row["name"] != "id")
    return TextColumn(row["name"], row["kind"], row["type"], row["nullable"], is_key)


def _store(table: TextTable) -> Sequence[str]:
    return ("layer" if table.schema in {"layer", "past"} else table.schema, table.name)
