"""A real PostGIS with one table of every type, queried without an event loop in the tests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import shapely

from layers.clause import Clause, compose

TABLE = """CREATE TABLE item (id text COLLATE "C" PRIMARY KEY, name text, alias text COLLATE "und-x-icu", floors bigint,
    units bigint, height_m double precision, width_m double precision, open boolean, built date, seen timestamptz,
    gone timestamptz, tags text[], extra jsonb, geom geometry(Geometry, 4490))"""
COLUMNS = [
    "id",
    "name",
    "alias",
    "floors",
    "units",
    "height_m",
    "width_m",
    "open",
    "built",
    "seen",
    "gone",
    "tags",
    "extra",
    "geom",
]


class Database:
    """One connection to a database of its own, used synchronously."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection: asyncpg.Connection = self.run(asyncpg.connect(url))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.connection.close())
        self.loop.close()

    def execute(self, sql: str, *values: Any) -> None:
        self.run(self.connection.execute(sql, *values))

    def fetch(self, clause: Clause) -> list[Any]:
        text, values = clause.render()
        return list(self.run(self.connection.fetch(text, *values)))

    def ids(self, condition: Clause, table: str = "item") -> set[str]:
        return {row["id"] for row in self.fetch(compose(f"SELECT f.id FROM {table} AS f WHERE {{}}", condition))}

    def fetch_all(self) -> list[tuple[str, bytes | None]]:
        return [tuple(row) for row in self.fetch(Clause("SELECT id, ST_AsBinary(geom) FROM item"))]

    def fill(self, rows: list[dict[str, Any]]) -> None:
        values = ", ".join(f"${i}" if c != "geom" else f"ST_GeomFromWKB(${i}, 4490)" for i, c in enumerate(COLUMNS, 1))
        self.execute("TRUNCATE item")
        records = [[_stored(row.get(column)) for column in COLUMNS] for row in rows]
        self.run(self.connection.executemany(f"INSERT INTO item ({', '.join(COLUMNS)}) VALUES ({values})", records))

    def plan(self, condition: Clause, table: str) -> str:
        explained = self.fetch(compose(f"EXPLAIN SELECT f.id FROM {table} AS f WHERE {{}}", condition))
        return "\n".join(row[0] for row in explained)


def _stored(value: Any) -> Any:
    return shapely.to_wkb(value) if isinstance(value, shapely.Geometry) else value


@pytest.fixture(scope="module")
def database(cluster: str) -> Iterator[Database]:
    name = f"cql2_{uuid.uuid4().hex}"
    administrator = Database(cluster)
    try:
        administrator.execute(f"CREATE DATABASE {name}")
        opened = Database(urlunsplit(urlsplit(cluster)._replace(path=f"/{name}")))
        try:
            opened.execute("CREATE EXTENSION postgis")
            opened.execute("SET timezone TO 'Asia/Shanghai'")  # a day is a UTC day all the same
            opened.execute(TABLE)
            yield opened
        finally:
            opened.close()
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        administrator.close()
