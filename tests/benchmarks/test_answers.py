"""The benchmark of answers runs, on a small district with few requests; its figures mean nothing here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.answers.__main__ import PARTS
from benchmarks.answers.asking import ASKER
from benchmarks.rights.callers import UNAPPROVED, InProcess
from benchmarks.servers import UNLIMITED
from layers.actor import OPERATOR
from layers.database.connection import connect
from server.settings import load_settings

FILLS = ("columns", "history", "travel", "counting")


@pytest.mark.anyio
@pytest.mark.parametrize("part", PARTS)
async def test_a_part_is_measured(part: str, district_url: str, tmp_path: Path):
    settings = load_settings(home=tmp_path, database={"url": district_url}, export=UNAPPROVED, limits=UNLIMITED)
    async with InProcess(settings, {ASKER: OPERATOR}) as app:
        rows = await PARTS[part](app, district_url, 0.01)
        filled = await _tables(district_url)
        if part in FILLS:
            await PARTS[part](app, district_url, 0.01)
    assert all(row.ours > 0 for row in rows)
    assert any(row.goal for row in rows)
    assert await _tables(district_url) == filled, "a second run takes what the first has filled"


async def _tables(url: str) -> dict[str, tuple[int, int]]:
    """Return the tables of layers and of history as they lie: the file, and the rows."""
    connection = await connect(url)
    try:
        return {
            name: await connection.fetchrow(f"SELECT pg_relation_filenode('{name}')::bigint, count(*) FROM {name}")
            for name in await connection.fetchval(
                """SELECT array_agg(schemaname || '.' || relname ORDER BY relname) FROM pg_stat_user_tables
                WHERE schemaname = 'layer' OR relname IN ('observation', 'position')"""
            )
        }
    finally:
        await connection.close()
