from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause
from layers.columns.shape import shape_of
from layers.columns.statement import Portion, column_rows
from layers.coordinates.crs import CRS84, SERVED, parse_crs, transform
from layers.definition import LayerDefinition
from layers.errors import BadInput
from layers.read.query import (
    ItemsQuery,
    count,
    feature_json,
    page,
    single,
)
from layers.read.sort_keys import SortKey, sort_keys, sortable_fields
from layers.schema.tables import COLUMN_TYPES
from tests.layers.cameras import EVERYTHING, field
from tests.readers import INSIDER

pytestmark = pytest.mark.anyio


async def features(connection, query, form="geojson"):
    text, values = page(query, form).render()
    row = await connection.fetchrow(text, *values)
    last = None if row["last"] is None else tuple(orjson.loads(row["last"]))
    return orjson.loads(b"[" + (row["features"] or b"") + b"]"), row["found"], last


async def test_a_page_is_geojson_with_every_property_and_no_secret(reader, cameras):
    found, n, last = await features(reader, ItemsQuery(cameras, EVERYTHING, limit=3))
    assert [f["id"] for f in found] == ["c0000", "c0001", "c0002"]
    assert (n, last) == (4, ("c0002",))
    assert found[0]["geometry"] == {"type": "Point", "coordinates": [113.3, 23.1]}
    assert found[0]["properties"]["height_m"] is None
    assert found[1]["properties"]["name"] == "摄像机 a<b 1"
    assert "secret" not in found[0]["properties"]


async def test_rows_and_fields_above_the_clearance_are_not_there(reader, cameras):
    found, _, _ = await features(reader, ItemsQuery(cameras, INSIDER, limit=1000))
    assert len(found) == 100
    assert {f["properties"]["data_grade"] for f in found} == {1, 2}
    assert not {"contact_name", "contact_phone", "play_ref", "secret"} & found[0]["properties"].keys()


async def test_masks_show_a_part(reader, cameras):
    officer = Actor("officer", clearance=2, sees_masked=True)
    found, _, _ = await features(reader, ItemsQuery(cameras, officer, limit=1))
    assert found[0]["properties"]["contact_name"] == "张**"
    assert found[0]["properties"]["contact_phone"] == "138****5678"
    assert "play_ref" not in found[0]["properties"]
    assert "contact_name" not in sortable_fields(cameras, officer)


async def test_an_actor_bound_to_areas_sees_those_areas_only_in_every_output(reader, cameras):
    worker = Actor("worker", clearance=4, area_prefixes=("440106012",))
    query = ItemsQuery(cameras, worker, limit=1000)
    found, _, _ = await features(reader, query)
    assert {f["properties"]["area_code"] for f in found} == {"440106012000"}
    text, values = count(query, 10_000).render()
    assert await reader.fetchval(text, *values) == len(found)
    text, values = column_rows(Portion(query), shape_of(query)).render()
    assert len(await reader.fetch(text, *values)) == len(found)
    text, values = single(cameras, worker, "c0000", CRS84).render()
    assert await reader.fetchval(text, *values) is None


@pytest.mark.parametrize("sort", ["", "height_m", "-height_m", "-height_m,name", "installed_at", "data_grade,-id"])
async def test_pages_by_cursor_cover_every_row_once_also_while_rows_are_written(owner, reader, cameras, sort):
    keys = sort_keys(sort, sortable_fields(cameras, EVERYTHING)) if sort else ()
    before = {r["id"] for r in await reader.fetch("SELECT id FROM layer.cameras")}
    query = ItemsQuery(cameras, EVERYTHING, sort=keys, limit=17)
    seen, after, numbers = [], None, random.Random(7)
    while True:
        found, n, after = await features(reader, ItemsQuery(cameras, EVERYTHING, sort=keys, limit=17, after=after))
        seen += [f["id"] for f in found]
        if n <= query.limit:
            break
        await owner.execute(
            "INSERT INTO layer.cameras (id, height_m, installed_at) VALUES ($1, $2, now())",
            f"new{len(seen)}-{numbers.random()}",
            numbers.choice([None, 1.5, 99.0, -1.0]),
        )
    old = [i for i in seen if i in before]
    assert len(old) == len(set(old)) == len(before)
    assert len(seen) == len(set(seen))


async def test_nulls_come_last_in_both_directions(reader, cameras):
    for sort in ("height_m", "-height_m"):
        keys = sort_keys(sort, sortable_fields(cameras, EVERYTHING))
        found, _, _ = await features(reader, ItemsQuery(cameras, EVERYTHING, sort=keys, limit=200))
        heights = [f["properties"]["height_m"] for f in found]
        filled = [h for h in heights if h is not None]
        assert heights == filled + [None] * (len(heights) - len(filled))
        assert filled == sorted(filled, reverse=sort[0] == "-")


@pytest.mark.parametrize("crs", SERVED, ids=lambda c: c.short)
async def test_every_served_system_answers_in_its_official_axis_order(reader, cameras, crs):
    found, _, _ = await features(reader, ItemsQuery(cameras, EVERYTHING, crs=crs, limit=1))
    x, y = transform(np.array([[113.3, 23.1]]), 4490, crs.srid)[0]
    expected = (y, x) if crs.flips else (x, y)
    tolerance = 1e-7 if crs.unit == "degree" else 1e-3
    assert found[0]["geometry"]["coordinates"] == pytest.approx(expected, abs=tolerance)


async def test_json_fg_puts_other_systems_into_place(reader, cameras):
    found, _, _ = await features(reader, ItemsQuery(cameras, EVERYTHING, crs=parse_crs("EPSG:4547"), limit=1), "jsonfg")
    assert found[0]["geometry"] is None
    assert found[0]["place"]["type"] == "Point"
    assert found[0]["time"] == {"timestamp": "2025-12-31T16:00:00.000000Z"}
    found, _, _ = await features(reader, ItemsQuery(cameras, EVERYTHING, limit=1), "jsonfg")
    assert found[0]["place"] is None
    assert found[0]["geometry"]["type"] == "Point"


async def test_properties_and_geometry_can_be_left_out(reader, cameras):
    query = ItemsQuery(cameras, EVERYTHING, properties=("name",), skip_geometry=True, limit=1)
    found, _, _ = await features(reader, query)
    assert found == [{"type": "Feature", "id": "c0000", "geometry": None, "properties": {"name": "摄像机 a<b 0"}}]
    found, _, _ = await features(reader, ItemsQuery(cameras, EVERYTHING, properties=(), limit=1))
    assert found[0]["properties"] == {}


async def test_counting_stops_at_the_cap(reader, cameras):
    text, values = count(ItemsQuery(cameras, EVERYTHING), 50).render()
    assert await reader.fetchval(text, *values) == 51


async def test_a_box_uses_the_spatial_index_with_rights_in_the_query(owner, cameras):
    await owner.execute(
        """INSERT INTO layer.cameras (id, geom)
        SELECT 'x' || i, ST_SetSRID(ST_MakePoint(113 + random(), 23 + random()), 4490)
        FROM generate_series(1, 20000) i"""
    )
    await owner.execute("ANALYZE layer.cameras")
    box = Clause(
        "f.geom && ST_MakeEnvelope(?0::float8, ?1::float8, ?2::float8, ?3::float8, 4490)", (113.3, 23.1, 113.31, 23.11)
    )
    worker = Actor("worker", clearance=2, area_prefixes=("44",))
    text, values = page(ItemsQuery(cameras, worker, where=box, limit=100)).render()
    plan = "\n".join(r[0] for r in await owner.fetch("EXPLAIN " + text, *values))
    assert "cameras_geom_idx" in plan


async def test_a_page_by_cursor_walks_the_key(owner, cameras):
    await owner.execute("INSERT INTO layer.cameras (id) SELECT 'x' || i FROM generate_series(1, 20000) i")
    await owner.execute("ANALYZE layer.cameras")
    text, values = page(ItemsQuery(cameras, EVERYTHING, limit=100, after=("x15000",))).render()
    plan = json.loads((await owner.fetch("EXPLAIN (ANALYZE, FORMAT JSON) " + text, *values))[0][0])
    scan = plan[0]["Plan"]
    while "Plans" in scan:
        scan = scan["Plans"][0]
    assert scan.get("Index Name") == "cameras_pkey"
    assert scan["Actual Rows"] <= 101


def test_a_cursor_of_another_query_is_refused(cameras_definition):
    keys = (SortKey(field("height_m", "number")),)
    with pytest.raises(BadInput, match="cursor"):
        page(ItemsQuery(cameras_definition, EVERYTHING, sort=keys, after=("c1",)))


@pytest.mark.parametrize("names", ["nothing", "play_ref", "name,name", "tags", "", "name;DROP TABLE x"])
def test_sorting_by_what_is_not_sortable_names_what_is(cameras_definition, names):
    with pytest.raises(BadInput, match=r"allowed are|twice"):
        sort_keys(names, sortable_fields(cameras_definition, INSIDER))


ODD = {
    "string": ["'a\"\\/b'", "E'\\n\\x01 建筑'", "''", "NULL"],
    "integer": ["0", "'-9223372036854775808'", "NULL"],
    "number": ["1.5", "1e300", "'NaN'", "'-Infinity'", "-0.0", "NULL"],
    "boolean": ["true", "false", "NULL"],
    "date": ["'2024-02-29'", "'infinity'", "NULL"],
    "datetime": ["'2024-02-29T01:02:03.004+08:00'", "NULL"],
    "string_array": ["ARRAY['a\"', NULL, '']", "'{}'", "NULL"],
    "json": ["""'{"a": [1, null, "ü"]}'""", "'null'", "NULL"],
}


async def test_the_text_of_properties_is_that_of_row_to_json_however_many_there_are(reader):
    """Fields of every type, also NaN and infinity; 120 of them, as a function of PostgreSQL takes 100 arguments."""
    values = [(kind, value) for kind, odd in ODD.items() for value in odd]
    columns = {f"p{n:03}": values[n % len(values)] for n in range(120)}
    layer = Layer(
        LayerDefinition(
            id="odd",
            title_zh="怪",
            title_en="Odd",
            geometry_type="None",
            grade=1,
            fields=tuple(field(name, kind) for name, (kind, _) in columns.items()),
        ),
        version=1,
        changed_at=datetime.now(UTC),
    )
    row = ", ".join(f"{value}::{COLUMN_TYPES[kind]} AS {name}" for name, (kind, value) in columns.items())
    text = feature_json(ItemsQuery(layer, EVERYTHING)).text
    found = await reader.fetchrow(
        f"""SELECT {text} AS ours, row_to_json(p)::text AS theirs
        FROM (SELECT '7' AS id, p.* FROM (SELECT {row}) AS p) AS f, (SELECT {row}) AS p"""
    )
    feature = orjson.loads(found["ours"])
    assert feature["properties"] == orjson.loads(found["theirs"])
    assert list(feature["properties"]) == list(columns)
    assert (feature["id"], feature["geometry"]) == ("7", None)
