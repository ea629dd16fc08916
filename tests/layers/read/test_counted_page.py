"""A page with its count in one pass equals the page and the count."""

from __future__ import annotations

import orjson
import pytest

from layers.clause import Clause
from layers.read import counted_page as module
from layers.read.counted_page import counted_page
from layers.read.kept_statement import counted_statement, page_statement
from layers.read.query import ItemsQuery, count, page
from layers.read.sort_keys import sort_keys, sortable_fields
from tests.layers.cameras import EVERYTHING

pytestmark = pytest.mark.anyio

WIDE = Clause("f.height_m IS NOT NULL OR f.height_m IS NULL")


async def read(connection, clause):
    text, values = clause.render()
    return await connection.fetchrow(text, *values)


@pytest.mark.parametrize("sort", ["", "height_m", "-height_m,name", "-id"])
@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (17, 0), (17, 30), (1000, 0), (5, 5000)])
@pytest.mark.parametrize(
    "where", [WIDE, Clause("f.id >= ?0::text", ("c0050",)), Clause("FALSE")], ids=["all", "half", "none"]
)
async def test_it_equals_the_page_and_the_count(reader, cameras, sort, limit, offset, where):
    keys = sort_keys(sort, sortable_fields(cameras, EVERYTHING)) if sort else ()
    query = ItemsQuery(cameras, EVERYTHING, where=where, sort=keys, limit=limit, offset=offset)
    together, alone = await read(reader, counted_page(query)), await read(reader, page(query))
    assert {name: together[name] for name in ("features", "found", "last")} == dict(alone)
    text, values = count(query, 1_000_000).render()
    assert together["matched"] == await reader.fetchval(text, *values)
    text, values = counted_statement(query)
    assert await reader.fetchrow(text, *values) == together
    text, values = page_statement(query)
    assert await reader.fetchrow(text, *values) == alone


async def test_more_rows_than_are_noted_are_told_and_nothing_else(reader, cameras, monkeypatch):
    monkeypatch.setattr(module, "ROWS_MAX", 20)
    row = await read(reader, counted_page(ItemsQuery(cameras, EVERYTHING, where=WIDE, limit=5)))
    assert (row["matched"], row["found"], row["features"]) == (21, 0, None)
    few = await read(reader, counted_page(ItemsQuery(cameras, EVERYTHING, where=Clause("f.id < 'c0005'"), limit=2)))
    assert few["matched"] == 5
    assert [f["id"] for f in orjson.loads(b"[" + few["features"] + b"]")] == ["c0000", "c0001"]


async def test_requests_that_differ_in_their_values_have_one_statement(cameras):
    def asked(first: str, limit: int, **more: object) -> tuple[str, tuple[object, ...]]:
        where = Clause("f.id >= ?0::text AND f.id <> ?1::text", (first, "c0005"))
        return counted_statement(ItemsQuery(cameras, EVERYTHING, where, limit=limit, **more))

    one, other = asked("c0001", 5), asked("c0005", 7)
    assert one[0] is other[0]
    assert (one[1], other[1]) == (("c0001", "c0005", 5, 0), ("c0005", "c0005", 7, 0))
    assert asked("c0001", 5, properties=())[0] != one[0]
    assert asked("c0001", 5, skip_geometry=True)[0] != one[0]


async def test_first_pages_that_differ_in_their_values_have_one_statement(cameras):
    def asked(first: str, limit: int = 5, **more: object) -> tuple[str, tuple[object, ...]]:
        return page_statement(
            ItemsQuery(cameras, EVERYTHING, Clause("f.id >= ?0::text", (first,)), limit=limit, **more)
        )

    one, other = asked("c0001"), asked("c0007")
    assert one[0] is other[0]
    assert ("c0001" in one[1], "c0007" in one[1], "c0007" in other[1]) == (True, False, True)
    assert asked("c0001", 9)[1] != one[1]
    assert asked("c0001", skip_geometry=True)[0] != one[0]
    assert page_statement(ItemsQuery(cameras, EVERYTHING))[0] is page_statement(ItemsQuery(cameras, EVERYTHING))[0]
