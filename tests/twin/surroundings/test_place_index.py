"""What an index tells of places is what the statement of PostgreSQL tells, for every role, and as long as it is so."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
import shapely

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.catalog_holder import CatalogHolder
from layers.database.connection import Role, connect, create_pool
from layers.policy.read import read_policy
from layers.schema.tables import table_of
from tests.layers.read.policies import actor_of
from tests.readers import INSIDER, OPENED, SHIPPED_POLICY
from tests.twin.fixture import lonlat
from twin.surroundings import place_indexes
from twin.surroundings.locate import locate
from twin.surroundings.place_index import LAYERS, PlaceIndex
from twin.surroundings.place_indexes import PlaceIndexes
from twin.surroundings.spot import Spot

POLICY = read_policy(SHIPPED_POLICY)
CENTIMETRES_M = 0.1  # a straight line of the plane and a geodesic part so far on an edge of several kilometres
INSIDE = Spot(*lonlat(350, 350))


def readers():
    yield OPERATOR
    yield INSIDER
    yield OPENED
    areas = ("440106011", "440106012001001")
    for role in POLICY.roles:
        yield actor_of(POLICY, role, areas=areas, departments=("water",), attributes=(("worker_id", "W0012"),))


@pytest.fixture(scope="module")
def district(district_template):
    with asyncio.Runner() as runner:
        connection = runner.run(connect(district_template, Role.READ))
        yield runner.run, connection, runner.run(read_catalog(connection))
        runner.run(connection.close())


async def _places(connection):
    """Corners of grids and places in them, outlines of villages, banks and places beside them, and far away."""
    rows = [
        await connection.fetch(f"SELECT ST_AsBinary(geom) AS wkb FROM {table_of(name)} ORDER BY id")
        for name in ("grids", "urban_villages", "waterways")
    ]
    numbers = np.random.default_rng(440106)
    shapes = [shapely.from_wkb([row["wkb"] for row in some]) for some in rows]
    corners = [numbers.choice(shapely.get_coordinates(some), 12) for some in shapes]
    beside = [some + numbers.normal(0, 3e-4, some.shape) for some in corners]
    within = shapely.get_coordinates(shapely.point_on_surface(numbers.choice(shapes[0], 12)))
    return [Spot(*map(float, one)) for one in np.vstack([*corners, *beside, within, [[113.0, 22.0]]])]


def test_every_role_is_told_from_memory_what_postgresql_tells(district):
    run, connection, catalog = district
    spots = run(_places(connection))
    known, before = 0, None
    for actor in readers():
        before = index = run(PlaceIndex.read(connection, catalog, actor, before))
        for spot in random.Random(actor.audience).sample(spots, 20):
            place = index.known(spot)
            known += place is not None
            told = run(locate(connection, catalog, actor, spot, place)).model_dump()
            wanted = run(locate(connection, catalog, actor, spot)).model_dump()
            _check_distance(told["waterway"], wanted["waterway"])
            assert told == wanted, (actor.roles, spot)
    assert known > 15 * 20  # the rest lie between grids, where PostgreSQL measures


def _check_distance(told, wanted):
    if told and wanted:
        assert told.pop("distance_m") == pytest.approx(wanted.pop("distance_m"), abs=CENTIMETRES_M)
        if told["chainage_m"] is not None:
            assert told.pop("chainage_m") == pytest.approx(wanted.pop("chainage_m"), abs=0.011)


def test_a_stranger_of_the_shipped_policy_needs_no_statement(district):
    run, connection, catalog = district
    stranger = actor_of(POLICY, "anonymous")
    place = run(PlaceIndex.read(connection, catalog, stranger)).known(Spot(113.36, 23.13))
    assert run(locate(None, catalog, stranger, Spot(113.36, 23.13), place)).street is not None


def test_what_depends_on_other_rows_is_asked_for(district):
    """A grid's workers are told to who sees the workers, who change while grids do not."""
    run, connection, catalog = district
    actor = next(one for one in readers() if "street_dispatcher" in one.roles)
    index = run(PlaceIndex.read(connection, catalog, actor))
    assert index.grids is None
    assert "grid" not in index.absent
    assert index.villages is not None


async def _followed(url):
    catalog = CatalogHolder(url)
    await catalog.start()
    pool = await create_pool(url, Role.READ, size=2, plans="generic")
    places, owner = PlaceIndexes(pool, catalog), await connect(url, Role.OWNER)
    moved = asyncio.Event()
    catalog.on_version.append(moved.set)

    async def told_after(statement):
        moved.clear()
        await owner.execute(statement)
        await asyncio.wait_for(moved.wait(), 60)
        at_once = await places.locate(OPERATOR, INSIDE)
        await places.settled()
        assert await places.locate(OPERATOR, INSIDE) == at_once
        return at_once

    try:
        first = await places.locate(OPERATOR, INSIDE)  # PostgreSQL answers while the index is made
        await places.settled()
        assert first.grid.code == "440106011001001"
        assert await places.locate(OPERATOR, INSIDE) == first
        assert [one.id for one in first.urban_villages] == ["UV1"]
        named = await told_after(f"UPDATE {table_of('grids')} SET name = 'G' WHERE id = '440106011001001'")
        assert named.grid.name == "G"
        over = await told_after(f"UPDATE {table_of('urban_villages')} SET valid_to = now() WHERE id = 'UV1'")
        assert over.urban_villages == []
    finally:
        await places.stop()
        await owner.close()
        await pool.close()
        await catalog.stop()


def test_it_follows_its_layers(fixture_copy_url, monkeypatch):
    monkeypatch.setattr(place_indexes, "_REST", 0)
    asyncio.run(_followed(fixture_copy_url))


def test_an_area_that_ends_ends_the_index(district):
    run, connection, catalog = district
    index = run(PlaceIndex.read(connection, catalog, OPERATOR))
    assert set(index.versions) == set(LAYERS)
    assert index.is_current(catalog)
    assert not index.is_current(catalog.with_version("grids", index.versions["grids"] + 1, catalog["grids"].changed_at))
    assert index.is_current(catalog.with_version("grids", 0, catalog["grids"].changed_at, 10**9))  # numbers of events
