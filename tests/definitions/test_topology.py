"""Gaps and overlaps of areas that must tile the area above them."""

from __future__ import annotations

import pytest

from layers.topology import COMMUNITIES_IN_STREETS, GRIDS_IN_COMMUNITIES, TILINGS, tiling_faults
from tests.definitions.fixture import box, put, put_areas

pytestmark = pytest.mark.anyio


async def _move(connection, code, *corners: float):
    await connection.execute(
        "UPDATE layer.grids SET geom = ST_Transform($2::text::geometry, 4490) WHERE grid_code = $1", code, box(*corners)
    )


async def test_empty_layers_have_no_faults(connection):
    assert [await tiling_faults(connection, tiling) for tiling in TILINGS] == [[], [], []]


async def test_fixture_tiles(connection):
    await put_areas(connection)
    assert await tiling_faults(connection, GRIDS_IN_COMMUNITIES) == []
    assert await tiling_faults(connection, COMMUNITIES_IN_STREETS) == []


@pytest.mark.parametrize(("shift_m", "faulty"), [(0.3, False), (0.8, True)])
async def test_gap_wider_than_half_a_metre(connection, shift_m, faulty):
    await put_areas(connection)
    await _move(connection, "440106011001001", 0, 0, 400, 400 - shift_m)
    found = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    assert [(f.kind, f.whole_code) for f in found] == ([("gap", "440106011001")] if faulty else [])
    assert not faulty or found[0].area_m2 == pytest.approx(400 * shift_m, rel=0.01)


@pytest.mark.parametrize(("shift_m", "faulty"), [(0.3, False), (0.8, True)])
async def test_overlap_wider_than_half_a_metre(connection, shift_m, faulty):
    await put_areas(connection)
    await _move(connection, "440106011001001", 0, 0, 400, 400 + shift_m)
    found = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    assert [(f.kind, f.part_codes) for f in found] == (
        [("overlap", ("440106011001001", "440106011001002"))] if faulty else []
    )


async def test_grid_that_reaches_out_of_its_community(connection):
    await put_areas(connection)
    await _move(connection, "440106011001001", -5, 0, 400, 400)
    (fault,) = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    assert (fault.kind, fault.whole_code) == ("outside", "440106011001")
    assert fault.area_m2 == pytest.approx(2000, rel=0.01)


async def test_community_without_grids_is_one_gap(connection):
    await put(connection, "communities", "440106011003", box(0, 0, 100, 100), community_code="440106011003")
    (fault,) = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    assert (fault.kind, fault.whole_code) == ("gap", "440106011003")


async def test_grid_without_community(connection):
    await put_areas(connection)
    code = "440106011009001"
    await put(connection, "grids", code, box(900, 0, 1000, 100), grid_code=code)
    (fault,) = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    assert (fault.kind, fault.part_codes) == ("orphan", (code,))


async def test_replaced_grids_do_not_count(connection):
    await put_areas(connection)
    await connection.execute(
        """INSERT INTO layer.grids (id, grid_code, geom, superseded_at)
        SELECT 'old', grid_code, geom, now() FROM layer.grids WHERE id = '440106011001001'"""
    )
    assert await tiling_faults(connection, GRIDS_IN_COMMUNITIES) == []
