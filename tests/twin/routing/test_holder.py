"""The network follows its layer, is made once at a time, and holds what a stranger sees."""

from __future__ import annotations

import asyncio

import pytest

from layers.actor import ANONYMOUS, OPERATOR
from layers.catalog_holder import CatalogHolder
from layers.database.connection import Role, connect, create_pool
from layers.schema.tables import table_of
from tests.databases import temporary_database
from twin.routing import holder
from twin.routing.holder import RoadNetworks


@pytest.fixture
def url(cluster, fixture_url):
    with temporary_database(cluster, fixture_url) as made:
        yield made


async def _change(url, statement):
    connection = await connect(url, Role.OWNER)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _until(roads, catalog, condition):
    """Wait until a condition holds of the network; new versions of layers wake it."""
    moved = asyncio.Event()
    catalog.on_version.append(moved.set)
    async with asyncio.timeout(60):
        while not condition(await roads.current(OPERATOR)):
            await roads.settled()
            if condition(await roads.current(OPERATOR)):
                return
            await moved.wait()
            moved.clear()


async def _followed(url):
    catalog = CatalogHolder(url)
    await catalog.start()
    pool = await create_pool(url, Role.READ, size=2)
    roads = RoadNetworks(pool, catalog)
    try:
        first, second = await asyncio.gather(roads.current(OPERATOR), roads.current(ANONYMOUS))
        assert first is second  # one graph for all readers, made once
        assert len(first) == 4
        await _change(url, f"UPDATE {table_of('roads')} SET data_grade = 2 WHERE id = 'RD2'")

        await _until(roads, catalog, lambda found: found is not first)
        hidden = await roads.current(OPERATOR)
        assert sorted(hidden.road_ids) == ["RD1", "RD3", "RD4"]  # also for who may see RD2
        assert int(hidden.version) > int(first.version)
        await _change(url, f"UPDATE {table_of('roads')} SET data_grade = 3")

        await _until(roads, catalog, lambda found: not found)
    finally:
        await roads.stop()
        await pool.close()
        await catalog.stop()


def test_it_follows_the_roads_that_everybody_may_see(url):
    asyncio.run(_followed(url))


async def _failing(url, monkeypatch):
    catalog = CatalogHolder(url)
    await catalog.start()
    pool = await create_pool(url, Role.READ, size=2)
    roads = RoadNetworks(pool, catalog)
    try:
        with monkeypatch.context() as broken:

            async def fail(*_):
                raise RuntimeError("no roads today")

            broken.setattr(holder, "read_roads", fail)
            with pytest.raises(RuntimeError):
                await roads.current(OPERATOR)
        assert len(await roads.current(OPERATOR)) == 4
    finally:
        await roads.stop()
        await pool.close()
        await catalog.stop()


def test_a_failure_is_told_and_the_next_request_tries_again(url, monkeypatch):
    asyncio.run(_failing(url, monkeypatch))
