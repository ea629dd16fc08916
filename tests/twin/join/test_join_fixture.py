"""The bulk join against the answers of the worked fixture."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from tests.layers.schema.fixture import EDGE, INCIDENT, point, put
from tests.twin.fixture import lonlat
from twin.join.index import AreaIndex

pytestmark = pytest.mark.anyio


@pytest.fixture
async def index(fixture_url):
    connection = await connect(fixture_url, Role.READ)
    yield await AreaIndex.read(connection)
    await connection.close()


def join(index, *places):
    return index.locate(np.array([lonlat(*place) for place in places]))


async def test_incident(index):
    row = join(index, INCIDENT).row(0)
    assert (row["district"], row["street"], row["community"]) == ("440106", "440106011", "440106011001")
    assert row["area_code"] == "440106011001"
    assert (row["grid_code"], row["grid_match"], row["grid_distance_m"]) == ("440106011001001", "inside", 0)
    assert row["urban_village_ids"] == ("UV1",)
    assert row["video_point_ids"] == ("C1", "C2", "C6")
    assert row["flood_risk_point_id"] == "F1"
    assert row["waterway_id"] is None  # 150 m away


async def test_corner_of_four_grids_is_in_the_smallest_code(index):
    row = join(index, EDGE).row(0)
    assert (row["grid_code"], row["community"]) == ("440106011001001", "440106011001")
    assert row["urban_village_ids"] == ("UV1",)


async def test_edge_between_two_grids_is_in_the_smaller_code(index):
    joined = join(index, (400, 200), (400, 600), (200, 400), (600, 400))
    assert [code[9:] for code in joined.grid_code] == ["001001", "001002", "001001", "002001"]


@pytest.mark.parametrize(
    ("place", "grid", "match", "distance_m", "area"),
    [
        ((-25, 100), "440106011001001", "nearest", 25, "440106000000"),
        ((-35, 100), None, "none", None, "440106000000"),
        ((400, 825), "440106011001002", "nearest", 25, "440106000000"),
        ((-2000, 100), None, "none", None, None),
    ],
)
async def test_outside_every_grid(index, place, grid, match, distance_m, area):
    row = join(index, place).row(0)
    assert (row["grid_code"], row["grid_match"], row["area_code"]) == (grid, match, area)
    assert row["grid_distance_m"] == (None if distance_m is None else pytest.approx(distance_m, abs=0.01))


@pytest.mark.parametrize(
    ("place", "chainage_m", "bank"),
    [((250, 250), 250, "left"), ((550, 120), 550, "right"), ((700, 200), 700, "mid"), ((400, 301), None, None)],
)
async def test_waterway_chainage_and_bank(index, place, chainage_m, bank):
    row = join(index, place).row(0)
    assert row["waterway_id"] == ("W1" if bank else None)
    assert row["bank"] == bank
    assert row["chainage_m"] == (None if bank is None else pytest.approx(chainage_m, abs=0.05))


async def test_three_hundred_metres_are_those_of_the_ground(index):
    """300 m of the plane are 299.983 m of the ground; so are 300.01."""
    from_c4 = [(350, 700 + y) for y in (300, 300.01, 300.03)]
    assert list(join(index, *from_c4).video_point_ids) == [("C4",), ("C4",), ()]


async def test_nowhere_and_nothing(index):
    nowhere = index.locate(np.array([[np.nan, 23.1], [113.3, np.inf], [0, 0], [-67, 2], [1000, 1000]]))
    for n in range(len(nowhere)):
        row = nowhere.row(n)
        assert {value for name, value in row.items() if name != "grid_match"} == {None, ()}
        assert row["grid_match"] == "none"
    assert len(index.locate(np.empty((0, 2)))) == 0


async def test_index_is_current_until_a_layer_changes_and_takes_over_the_rest(fixture_copy_url):
    owner = await connect(fixture_copy_url, Role.OWNER)
    index = await AreaIndex.read(owner)
    assert index.is_current(await read_catalog(owner))
    await put(owner, "video_points", "C7", point(340, 350))
    assert not index.is_current(catalog := await read_catalog(owner))
    newer = await AreaIndex.read(owner, index)
    assert newer.is_current(catalog)
    assert newer.tiers is index.tiers
    assert newer.waterways is index.waterways
    assert join(newer, INCIDENT).video_point_ids[0] == ("C7", "C1", "C2")
    assert join(index, INCIDENT).video_point_ids[0] == ("C1", "C2", "C6")
    await owner.close()


async def test_areas_that_have_ended_do_not_count_and_ending_ends_the_index(fixture_copy_url):
    owner = await connect(fixture_copy_url, Role.OWNER)
    await owner.execute("UPDATE layer.grids SET valid_to = now() - interval '1 day' WHERE id = '440106011001001'")
    await owner.execute("UPDATE layer.grids SET superseded_at = now() WHERE id = '440106011001002'")
    await owner.execute("UPDATE layer.urban_villages SET valid_to = now() + interval '1 day'")
    index = await AreaIndex.read(owner)
    row = join(index, (100, 100)).row(0)
    assert (row["grid_code"], row["area_code"], row["grid_match"]) == (None, "440106011001", "none")
    assert join(index, EDGE).grid_code[0] == "440106011002001"
    catalog = await read_catalog(owner)
    assert index.is_current(catalog)
    assert index.ends_at > datetime.now(UTC)
    tomorrow = replace(index, ends_at=datetime.now(UTC))  # as it will be when the village has ended
    assert not tomorrow.is_current(catalog)
    newer = await AreaIndex.read(owner, tomorrow)
    assert newer.is_current(catalog)
    assert newer.tiers is not index.tiers
    await owner.close()


async def test_an_empty_house_places_nothing(layers_url):
    connection = await connect(layers_url, Role.READ)
    row = (await AreaIndex.read(connection)).locate(np.array([[113.3, 23.1]])).row(0)
    assert {value for name, value in row.items() if name != "grid_match"} == {None, ()}
    await connection.close()
