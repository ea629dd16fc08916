"""The join in memory equals SQL, at random places, corners, banks and near them in the demo."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.coordinates.crs import transform
from layers.database.connection import Role, connect
from tests.databases import run_async
from twin.join.index import FLOOD_M, VIDEO_M, WATERWAY_M, AreaIndex
from twin.join.metres import MetrePoints
from twin.join.points import NearPoints

MILLIMETRES_M = 0.002
LONG_EDGE_M = 0.1  # a straight line of the plane and a geodesic part by centimetres on an edge of several kilometres
_ORACLE = f"""
SELECT place.grid_code, place.area_code, place.grid_match,
    (
        SELECT min(ST_Distance(f.geom::geography, spot.point::geography)) FROM layer.grids AS f
        WHERE f.grid_code = place.grid_code
    ) AS grid_distance_m,
    ARRAY(SELECT f.id FROM layer.urban_villages AS f WHERE ST_Covers(f.geom, spot.point) ORDER BY f.id) AS villages,
    water.*,
    ARRAY(
        SELECT json_build_array(f.id, ST_Distance(f.geom::geography, spot.point::geography))::text
        FROM layer.video_points AS f
        WHERE f.geom && onemap.box_around(spot.point, {VIDEO_M})
            AND ST_Distance(f.geom::geography, spot.point::geography) <= {VIDEO_M}
        ORDER BY round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3), f.id
        LIMIT 3
    ) AS video,
    (
        SELECT json_build_array(f.id, ST_Distance(f.geom::geography, spot.point::geography))::text
        FROM layer.flood_risk_points AS f
        WHERE ST_Distance(f.geom::geography, spot.point::geography) <= {FLOOD_M}
        ORDER BY round(ST_Distance(f.geom::geography, spot.point::geography)::numeric, 3), f.id
        LIMIT 1
    ) AS flood
FROM (
    SELECT n, ST_SetSRID(ST_MakePoint(lon, lat), 4490) AS point
    FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS given (lon, lat, n) OFFSET 0
) AS spot
CROSS JOIN LATERAL onemap.place_at(spot.point) AS place
LEFT JOIN LATERAL onemap.waterway_at(spot.point, {WATERWAY_M}) AS water ON true
ORDER BY spot.n
"""


@dataclass(frozen=True)
class District:
    url: str
    index: AreaIndex
    box: tuple[float, float, float, float]
    corners: np.ndarray
    banks: np.ndarray


@pytest.fixture(scope="module")
def district(district_template) -> District:
    async def read():
        connection = await connect(district_template, Role.READ)
        index = await AreaIndex.read(connection)
        await connection.close()
        return index

    index = run_async(read())
    lines = shapely.transform(index.waterways.lines, lambda xy: transform(xy, 4547, 4490))
    return District(
        district_template,
        index,
        shapely.total_bounds(index.areas["districts"].polygons),
        shapely.get_coordinates(index.areas["grids"].polygons),
        shapely.get_coordinates(lines),
    )


async def ask_sql(url, lonlat):
    connection = await connect(url, Role.READ)
    rows = await connection.fetch(_ORACLE, lonlat[:, 0].tolist(), lonlat[:, 1].tolist())
    await connection.close()
    return rows


def check(district, lonlat):
    joined = district.index.locate(lonlat)
    assert len(joined) == len(lonlat)
    for n, wanted in enumerate(asyncio.run(ask_sql(district.url, lonlat))):
        found, where = joined.row(n), tuple(map(repr, lonlat[n].tolist()))
        check_area(found, wanted, where)
        assert found["urban_village_ids"] == tuple(wanted["villages"]), where
        check_waterway(found, wanted, where)
        check_near(district.index.video_points, found["video_point_ids"], wanted["video"], lonlat[n], VIDEO_M)
        flood, given = found["flood_risk_point_id"], wanted["flood"]
        check_near(
            district.index.flood_risk_points, (flood,) if flood else (), [given] if given else [], lonlat[n], FLOOD_M
        )


def check_area(found, wanted, where):
    if found["grid_match"] != wanted["grid_match"]:  # only where the distance is the limit itself
        distance_m = found["grid_distance_m"] or wanted["grid_distance_m"]
        assert abs(distance_m - 30) < MILLIMETRES_M, where
        return
    assert found["area_code"] == wanted["area_code"], where
    if found["grid_match"] == "nearest":
        assert abs(found["grid_distance_m"] - wanted["grid_distance_m"]) < MILLIMETRES_M, where
    assert found["grid_code"] == wanted["grid_code"], where


def check_waterway(found, wanted, where):
    distances_m = [d for d in (found["waterway_distance_m"], wanted["distance_m"]) if d is not None]
    if (found["waterway_id"] is None) != (wanted["waterway_id"] is None):
        assert abs(distances_m[0] - WATERWAY_M) < LONG_EDGE_M, where
        return
    assert found["waterway_id"] == wanted["waterway_id"], where
    if distances_m:
        assert found["chainage_m"] == pytest.approx(wanted["chainage_m"], abs=0.011), where
        assert found["bank"] == wanted["bank"], where
        assert abs(distances_m[0] - distances_m[1]) < LONG_EDGE_M, where


def check_near(layer, ids, wanted, lonlat, within_m):
    """The same ids, or others just as near."""
    expected = [tuple(json.loads(text)) for text in wanted]
    if list(ids) == [name for name, _ in expected]:
        return
    place = transform(lonlat[None, :], 4490, 4547)[0]
    position = {name: n for n, name in enumerate(layer.ids.tolist())}
    plane_m = [float(np.hypot(*(layer.xy_m[position[name]] - place))) / 1.00006 for name in ids]
    for near_m, (_, wanted_m) in zip(plane_m, expected, strict=False):
        assert abs(near_m - wanted_m) < 0.02
    for left_m in [*plane_m[len(expected) :], *(m for _, m in expected[len(ids) :])]:
        assert abs(left_m - within_m) < 0.02


_unit = st.floats(0, 1, allow_nan=False)
_offset_degrees = st.sampled_from([0.0, 1e-12, 1e-9, 1e-7, 1e-5, 1e-4, 2.9e-4, 6e-4])
_direction = st.floats(0, 6.2832, allow_nan=False)
_anywhere = st.tuples(st.just("box"), _unit, _unit, st.just(0.0), st.just(0.0))
_corner = st.tuples(st.just("corners"), _unit, st.just(0.0), _offset_degrees, _direction)
_bank = st.tuples(st.just("banks"), _unit, st.just(0.0), _offset_degrees, _direction)


def place_of(district, drawn):
    kind, a, b, offset, direction = drawn
    if kind == "box":
        west, south, east, north = district.box
        return [west + a * (east - west), south + b * (north - south)]
    points = getattr(district, kind)
    lon, lat = points[int(a * (len(points) - 1))]
    return [lon + offset * np.cos(direction), lat + offset * np.sin(direction)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(st.one_of(_anywhere, _corner, _bank), min_size=1, max_size=60))
def test_same_as_sql(district, drawn):
    check(district, np.array([place_of(district, one) for one in drawn]))


def test_three_thousand_places(district):
    random = np.random.default_rng(440106)
    west, south, east, north = district.box
    anywhere = np.column_stack([random.uniform(west, east, 1500), random.uniform(south, north, 1500)])
    corners = random.choice(district.corners, 750)
    banks = random.choice(district.banks, 750) + random.normal(0, 4e-4, (750, 2))
    lonlat = np.vstack([anywhere, corners, banks])
    check(district, lonlat)
    joined = district.index.locate(lonlat)  # and the places are such that everything there is was asked
    assert set(joined.grid_match) == {"inside", "nearest", "none"}
    assert set(joined.bank) == {"left", "right", "mid", None}
    assert {len(ids) for ids in joined.video_point_ids} == {0, 1, 2, 3}
    assert {len(ids) for ids in joined.urban_village_ids} >= {0, 1}
    assert len(set(joined.flood_risk_point_id)) > 1


def test_villages_and_waterways_as_shapely_says_one_by_one(district):
    random = np.random.default_rng(7)
    villages, water = district.index.areas["urban_villages"], district.index.waterways
    outlines = shapely.get_coordinates(villages.polygons)
    inside = outlines + random.normal(0, 3e-4, outlines.shape)
    lonlat = np.vstack([inside, random.choice(district.banks, 300) + random.normal(0, 5e-4, (300, 2))])
    joined, plane = district.index.locate(lonlat), transform(lonlat, 4490, 4547)
    for n, point in enumerate(shapely.points(lonlat)):
        covering = [name for name, area in zip(villages.codes, villages.polygons, strict=True) if area.covers(point)]
        assert list(joined.urban_village_ids[n]) == covering
        apart_m = shapely.distance(water.lines, shapely.Point(plane[n]))
        nearest = int(np.argmin(apart_m))
        if apart_m[nearest] < 99.9:
            assert apart_m[list(water.ids).index(joined.waterway_id[n])] == pytest.approx(apart_m[nearest], abs=0.001)
            on_line = water.lines[nearest].interpolate(joined.chainage_m[n] - water.start_m[nearest])
            assert on_line.distance(shapely.Point(plane[n])) == pytest.approx(apart_m[nearest], abs=0.02)
        elif apart_m[nearest] > 100.1:
            assert joined.waterway_id[n] is None


@pytest.mark.parametrize("number", [1, 3, 5])
def test_nearest_points_as_sorting_all_of_them_says(number):
    """Many on one pole, at equal distances, in cells of every size, and places far from all of them."""
    random = np.random.default_rng(number)
    poles = random.integers(0, 60, (150, 2)) * 20.0 + [430_000, 2_560_000]
    xy_m = random.choice(poles, 600)
    ids = np.array([f"c{n:04d}" for n in range(600)], dtype=object)
    layer = NearPoints.of(ids, xy_m, 300, (25, 75))
    around = random.uniform(-400, 1600, (400, 2)) + np.array([430_000, 2_560_000])
    asked = np.vstack([around, poles[:100], [[0, 0], [1e8, 1e8]]])
    points = MetrePoints(asked, np.full(len(asked), 1.00005))
    found, distance_m = layer.nearest(points, number)
    for n, place in enumerate(asked):
        apart_m = np.hypot(*(xy_m - place).T) / 1.00005
        order = [k for k in np.lexsort([np.arange(600), np.rint(apart_m * 1000)]) if apart_m[k] <= 300][:number]
        assert found[n][found[n] >= 0].tolist() == order
        assert distance_m[n][: len(order)] == pytest.approx(apart_m[order], abs=0.0006)
        assert np.isnan(distance_m[n][len(order) :]).all()
