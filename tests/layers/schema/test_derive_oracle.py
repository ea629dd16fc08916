"""Derived places against shapely, which is independent of PostGIS."""

from __future__ import annotations

import asyncio

import asyncpg
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from layers.database.connection import Role, connect
from layers.schema.derive import derive
from tests.databases import run_async, temporary_database
from tests.layers.schema.fixture import EAST_M, NORTH_M, put

WEST, SOUTH, STEP = 113.30, 23.10, 1 / 256  # a power of two: shared edges are exact in degrees
SIDE = 6


def _jagged_grids(seed: int) -> dict[str, shapely.Polygon]:
    """Return grids with displaced inner corners, so that no edge is vertical; they still tile."""
    corners = np.stack(np.meshgrid(np.arange(SIDE + 1), np.arange(SIDE + 1), indexing="ij"), axis=-1) * STEP
    shake = default_rng(seed).uniform(-0.3 * STEP, 0.3 * STEP, corners.shape)
    shake[[0, -1], :] = shake[:, [0, -1]] = 0
    x, y = np.moveaxis(corners + shake, -1, 0)
    rings = [
        [(WEST + x[i, j], SOUTH + y[i, j]) for i, j in ((c, r), (c + 1, r), (c + 1, r + 1), (c, r + 1))]
        for c in range(SIDE)
        for r in range(SIDE)
    ]
    return {f"440106{n // 12 + 1:03d}001{n % 12 + 1:03d}": shapely.Polygon(ring) for n, ring in enumerate(rings)}


GRIDS = _jagged_grids(440106)
CODES = sorted(GRIDS)
TREE = shapely.STRtree([GRIDS[code] for code in CODES])


def _expected(point: shapely.Point) -> str | None:
    covering = TREE.query(point, predicate="covered_by")
    return CODES[covering.min()] if len(covering) else None


@pytest.fixture(scope="module")
def grids_url(cluster, layers_template):
    """URL of a database with the displaced grids; the tests leave nothing in it."""

    async def fill(url):
        connection = await connect(url, Role.OWNER)
        rows = [(code, shapely.to_wkb(shapely.MultiPolygon([grid]))) for code, grid in GRIDS.items()]
        await connection.executemany(
            "INSERT INTO layer.grids (id, grid_code, geom) VALUES ($1, $1, ST_GeomFromWKB($2, 4490))", rows
        )
        await connection.close()

    with temporary_database(cluster, layers_template) as url:
        run_async(fill(url))
        yield url


async def _places(url: str, points: list[shapely.Point]) -> tuple[list[str | None], ...]:
    """Return grid codes in both ways: one by one, and in bulk."""
    connection = await connect(url, Role.INGEST)
    rows = [(f"{n:04d}", shapely.to_wkb(point)) for n, point in enumerate(points)]
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute('CREATE TEMP TABLE staged (id text COLLATE "C", geom geometry(Point, 4490))')
        await connection.executemany("INSERT INTO staged VALUES ($1, ST_GeomFromWKB($2, 4490))", rows)
        await connection.execute("INSERT INTO layer.iot_devices (id, geom) SELECT id, geom FROM staged")
        await derive(connection, "iot_devices")
        single = await connection.fetch("SELECT onemap.grid_at(geom) AS code FROM staged ORDER BY id")
        layer = await connection.fetch("SELECT grid_code AS code FROM layer.iot_devices ORDER BY id")
        wrong = await connection.fetchval(
            "SELECT count(*) FROM layer.iot_devices WHERE area_code IS DISTINCT FROM left(grid_code, 12)"
        )
        assert wrong == 0
        return tuple([row["code"] for row in rows] for rows in (single, layer))
    finally:
        await transaction.rollback()
        await connection.close()


_inside = st.floats(0, SIDE * STEP, allow_nan=False)
_anywhere = st.builds(lambda x, y: shapely.Point(WEST + x, SOUTH + y), _inside, _inside)
_corner = st.sampled_from([shapely.Point(xy) for grid in GRIDS.values() for xy in grid.exterior.coords])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.one_of(_anywhere, _corner), min_size=1, max_size=60))
def test_same_grids_as_shapely(grids_url, points):
    """Corners are covered by up to four grids: the smallest code counts."""
    expected = [_expected(point) for point in points]
    for codes in asyncio.run(_places(grids_url, points)):
        for code, wanted, point in zip(codes, expected, points, strict=True):
            assert code == wanted or (wanted is None and _touches(code, point)), point.wkt


def _touches(code: str | None, point: shapely.Point) -> bool:
    """A point on an edge that rounding put outside of every grid belongs to a grid it touches."""
    return code is not None and GRIDS[code].distance(point) < 1e-9


def test_ten_thousand_points_in_their_grids(grids_url):
    """There are enough points for a plan that is quadratic to fail: the statistics say that the layer is empty."""
    xy = default_rng(1).uniform(0, SIDE * STEP, (10_000, 2)) + np.array([WEST, SOUTH])
    points = list(shapely.points(xy))
    expected = [_expected(point) for point in points]
    assert len(set(expected)) == len(GRIDS)
    asyncio.run(_analyse_rows_that_are_gone(grids_url))
    for codes in asyncio.run(_places(grids_url, points)):
        assert codes == expected


async def _analyse_rows_that_are_gone(url: str) -> None:
    """Leave the statistics that autovacuum leaves after a load that was rolled back: pages, and no row in them."""
    connection = await connect(url, Role.OWNER)
    insert = "INSERT INTO layer.iot_devices (id) SELECT n::text FROM generate_series(1, 1000) AS n"
    with pytest.raises(asyncpg.DivisionByZeroError):
        await connection.execute(f"{insert}; SELECT 1 / 0")
    await connection.execute("ANALYZE layer.iot_devices")
    said = "SELECT relpages > 0 AND reltuples = 0 FROM pg_class WHERE oid = 'layer.iot_devices'::regclass"
    assert await connection.fetchval(said)
    await connection.close()


_path = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=6, unique=True
)  # corners in steps of 50 m
_offset = st.integers(-300, 2300)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=_path, places=st.lists(st.tuples(_offset, _offset), min_size=1, max_size=30))
def test_same_chainage_as_shapely(layers_template, path, places):
    line = shapely.LineString([(EAST_M + 50 * x, NORTH_M + 50 * y) for x, y in path])
    points = [shapely.Point(EAST_M + x, NORTH_M + y) for x, y in places]
    for row, spot in zip(asyncio.run(_chainages(layers_template, line, points)), points, strict=True):
        offset_m = line.distance(spot)
        if offset_m > 500.01:
            assert (row["waterway_code"], row["chainage_m"], row["bank"]) == (None, None, None)
        elif offset_m < 499.99:
            assert row["waterway_code"] == "W"
            on_line = line.interpolate(row["chainage_m"])  # where the line passes twice, either passage is correct
            assert on_line.distance(spot) == pytest.approx(offset_m, abs=0.02)
            assert (row["bank"] == "mid") == (offset_m <= 0.5) or abs(offset_m - 0.5) < 0.01


async def _chainages(url: str, line: shapely.LineString, points: list[shapely.Point]) -> list[asyncpg.Record]:
    connection = await connect(url, Role.INGEST)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await put(connection, "waterways", "W", f"SRID=4547;{shapely.to_wkt(line, rounding_precision=-1)}")
        for n, spot in enumerate(points):
            await put(connection, "flood_risk_points", f"{n:03d}", f"SRID=4547;{shapely.to_wkt(spot)}")
        await derive(connection, "flood_risk_points")
        return await connection.fetch("SELECT * FROM layer.flood_risk_points ORDER BY id")
    finally:
        await transaction.rollback()
        await connection.close()


@pytest.mark.parametrize("flow", [1, -1])
def test_bank_turns_with_the_flow(layers_template, flow):
    """The left bank of a river that flows east is in the north, that of one that flows west in the south."""
    line = shapely.LineString([(EAST_M, NORTH_M), (EAST_M + 1000, NORTH_M)][::flow])
    points = [shapely.Point(EAST_M + 300, NORTH_M + y) for y in (50, -50)]
    banks = [row["bank"] for row in asyncio.run(_chainages(layers_template, line, points))]
    assert banks == ["left", "right"][::flow]


def test_place_at_is_inlined_over_the_spatial_index(grids_url):
    async def plan() -> str:
        connection = await connect(grids_url, Role.READ)
        await connection.execute("SET enable_seqscan = off")  # thirty-six grids would not need an index
        rows = await connection.fetch(
            """EXPLAIN SELECT place.grid_code FROM layer.iot_devices AS device
            CROSS JOIN LATERAL onemap.place_at(device.geom) AS place"""
        )
        await connection.close()
        return "\n".join(row[0] for row in rows)

    found = asyncio.run(plan())
    assert "Function Scan" not in found
    assert "Index Scan using grids_geom_idx" in found
