"""Real tables and outlines against what is known of them (``--real FOLDER``)."""

from __future__ import annotations

import json

import pytest
import shapely

from layers.coordinates import datum
from layers.database.connection import connect
from layers.demo.district.outline import read_outline
from layers.load import LoadOptions, load_file
from layers.schema.tables import sync_definitions
from tests.databases import count_rows

pytestmark = pytest.mark.anyio


@pytest.fixture
async def db(database_url):
    await sync_definitions(database_url)
    connection = await connect(database_url)
    yield connection
    await connection.close()


async def test_waterways_with_none_in_words(database_url, db, real):
    summary = await load_file(database_url, real / "odbl" / "waterways.geojson", "osm_waterways")
    assert (summary.read, summary.loaded) == (180, 180)
    assert await count_rows(db, "layer.osm_waterways WHERE 'None' IN (name, tunnel, width)") == 0
    assert await count_rows(db, "layer.osm_waterways WHERE name IS NULL") > 0


async def test_roads(database_url, db, real):
    roads = await load_file(database_url, real / "odbl" / "wushan_road_edges.geojson", "edges")
    assert (roads.loaded, roads.rejected.total()) == (3078, 0)
    assert await db.fetchval("SELECT max(car_m) >= 1000000 FROM layer.edges")


async def test_tables_without_places(database_url, db, real):
    table = real / "admin" / "tianhe_communities.csv"
    communities = await load_file(database_url, table, "community_names", LoadOptions(no_geometry=True))
    assert communities.loaded == 230
    assert (
        await db.fetchval("SELECT definition ->> 'geometry_type' FROM onemap.layer WHERE id = 'community_names'")
        == "None"
    )
    assert await db.fetchval("SELECT name FROM layer.community_names WHERE code = '440106001001'") == "岳洲社区居委会"
    storm = await load_file(
        database_url, real / "ccby" / "storm_2010-05_hourly.csv", "storm", LoadOptions(no_geometry=True)
    )
    assert storm.loaded == 241
    peak = await db.fetchval("SELECT time_cst FROM layer.storm ORDER BY precip_mm_h DESC LIMIT 1")
    assert peak.isoformat() == "2010-05-06T18:00:00+00:00"  # 02:00 of the 7th in China


def test_every_outline_of_the_city_is_the_published_one(real):
    published = json.loads((real / "admin" / "guangzhou_districts_wgs84.geojson").read_text(encoding="utf-8"))
    for feature in published["features"]:
        largest = max(shapely.get_parts(shapely.geometry.shape(feature["geometry"])), key=lambda part: part.area)
        assert read_outline(feature["properties"]["adcode"]).polygon.equals(largest), feature["properties"]["name"]


def test_the_gcj02_outline_lies_on_the_wgs84_one(real):
    published = json.loads((real / "admin" / "tianhe_district_gcj02.geojson").read_text(encoding="utf-8"))
    raw = shapely.geometry.shape(published["features"][0]["geometry"])
    reference = read_outline("440106").polygon  # 229 vertices, the other 1,010: only that difference is left
    assert _overlap(shapely.transform(raw, datum.gcj02_to_wgs84), reference) > 0.99
    assert _overlap(raw, reference) < 0.86


def _overlap(a, b):
    return a.intersection(b).area / a.union(b).area
