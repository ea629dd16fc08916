"""Areas in SQL are those in memory, whatever the database sorts texts by."""

from __future__ import annotations

import asyncpg
import pytest

from layers.clause import bind, compose
from layers.read.scope import in_areas, lies_in_areas

pytestmark = pytest.mark.anyio
GRID = "440106011001001"
CODES = ["", GRID, f"{GRID}9", "440106011001002", "４40106011001001", f"{GRID[:-1]}１", f"{GRID[:-1]}1x", GRID[:-1]]
PREFIXES = [
    (GRID,),
    (GRID, "440106011001002"),
    ("440106011",),
    ("440106011001", GRID),
    tuple(GRID[: 9 + n] for n in range(6)),
]


@pytest.mark.parametrize("collation", ["C", "und-x-icu"])
@pytest.mark.parametrize("prefixes", PREFIXES)
async def test_a_code_lies_in_areas_in_sql_as_in_memory(database_url, collation, prefixes):
    text, values = compose(
        f'SELECT f.area_code, f.grid_code FROM (SELECT a.x COLLATE "{collation}" AS area_code,'
        f' g.x COLLATE "{collation}" AS grid_code FROM unnest({{}}::text[]) AS a (x), unnest({{}}::text[]) AS g (x))'
        " AS f WHERE {}",
        *(bind(CODES, "text[]"), bind(CODES, "text[]"), in_areas(prefixes, {"area_code", "grid_code"})),
    ).render()
    connection = await asyncpg.connect(database_url)
    try:
        found = {(row["area_code"], row["grid_code"]) for row in await connection.fetch(text, *values)}
    finally:
        await connection.close()
    assert found == {(a, g) for a in CODES for g in CODES if lies_in_areas(prefixes, a, g)}
