"""Gaps and overlaps of areas that must tile the area above them."""

from __future__ import annotations

import pytest

from layers.schema.topology import COMMUNITIES_IN_STREETS, GRIDS_IN_COMMUNITIES, TILINGS, tiling_faults, topology_notes
from tests.layers.schema.fixture import box, put, put_areas

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


async def test_a_fault_says_where_it_is(connection):
    await put_areas(connection)
    await _move(connection, "440106011001001", 0, 0, 400, 380)
    (fault,) = await tiling_faults(connection, GRIDS_IN_COMMUNITIES)
    lon, lat = fault.lonlat
    inside = """SELECT ST_Intersects(geom, ST_SetSRID(ST_Point($1, $2), 4490)) FROM layer.communities
    WHERE community_code = '440106011001'"""
    assert await connection.fetchval(inside, lon, lat)
    (note,) = await topology_notes(connection, "grids")
    assert note.startswith("grids/communities: 空隙 gap × 1: 440106011001 8,000 m² (113.")


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ABC", "malformed"), ("44010601100", "malformed"), ("440111011001001", "foreign"), ("440106099001001", "orphan")],
)
async def test_codes_that_are_of_no_area_here(connection, code, kind):
    await put_areas(connection)
    await put(connection, "grids", code, box(900, 900, 1000, 1000), grid_code=code)
    found = [f for f in await tiling_faults(connection, GRIDS_IN_COMMUNITIES) if f.part_codes == (code,)]
    assert [f.kind for f in found] == [kind]


async def test_a_layer_that_is_not_loaded_yet_is_no_fault(connection):
    await put(connection, "communities", "440106011003", box(0, 0, 100, 100), community_code="440106011003")
    assert await topology_notes(connection, "communities") == []
    assert await topology_notes(connection, "buildings") == []
