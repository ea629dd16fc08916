"""The load: modes, atomicity, duplicates, ids, mapping, inference."""

from __future__ import annotations

import asyncio

import pytest
import shapely

from layers.coordinates import datum
from layers.database.connection import Role, connect
from layers.demo.district.outline import read_outline
from layers.errors import BadCrs, BadFile, BadInput
from layers.load import LoadOptions, load_file
from tests.databases import count_rows
from tests.layers.load.conftest import feature, point

pytestmark = pytest.mark.anyio


async def rows_of(db, layer, columns="*"):
    return [tuple(r) for r in await db.fetch(f'SELECT {columns} FROM layer."{layer}" ORDER BY id')]


WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'layer.iot_devices'::regclass)"
CSV = "id,name,lon,lat\nA1,一号,113.33,23.13\nA2,二号,113.34,23.14\n"


async def test_append_refuses_what_is_there_and_keeps_the_first(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    again = await load_file(
        layers_url, write("b.csv", "id,name,lon,lat\nA2,新,113.3,23.1\nA3,三号,113.35,23.15\n"), "iot_devices"
    )
    assert (again.loaded, dict(again.rejected)) == (1, {"already_there": 1})
    assert await rows_of(db, "iot_devices", "id, name") == [("A1", "一号"), ("A2", "二号"), ("A3", "三号")]
    refused = await db.fetchrow("SELECT line, record ->> 'name' AS name FROM onemap.quarantine")
    assert tuple(refused) == (2, "新")


async def test_replace(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    await load_file(layers_url, write("b.csv", "id,lon,lat\nB1,113.33,23.13\n"), "iot_devices", mode="replace")
    assert await rows_of(db, "iot_devices", "id") == [("B1",)]


async def test_a_large_replace_rebuilds_the_table_with_all_its_indexes(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    before = await db.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'iot_devices' ORDER BY 1")
    many = "id,lon,lat\n" + "".join(f"B{i:05d},113.{300000 + i},23.13\n" for i in range(12_000))
    summary = await load_file(layers_url, write("b.csv", many), "iot_devices", mode="replace")
    assert summary.loaded == await count_rows(db, "layer.iot_devices") == 12_000
    assert before == await db.fetch("SELECT indexname FROM pg_indexes WHERE tablename = 'iot_devices' ORDER BY 1")
    version = await db.fetchval("SELECT version FROM onemap.layer WHERE id = 'iot_devices'")
    await db.execute("UPDATE layer.iot_devices SET name = 'x' WHERE id = 'B00001'")
    assert await db.fetchval("SELECT version FROM onemap.layer WHERE id = 'iot_devices'") == version + 1
    reader = await connect(layers_url, Role.READ)
    assert await count_rows(reader, "layer.iot_devices") == 12_000
    await reader.close()


async def test_a_load_into_an_empty_layer_keeps_what_was_written_meanwhile(layers_url, db, write):
    many = "id,lon,lat\n" + "".join(f"B{i:05d},113.{300000 + i},23.13\n" for i in range(12_000))
    file = write("b.csv", many)
    watcher = await connect(layers_url, Role.OWNER)
    try:
        async with db.transaction():
            await db.execute(
                "INSERT INTO layer.iot_devices (id, geom) VALUES ('A', ST_SetSRID(ST_MakePoint(113.33, 23.13), 4490))"
            )
            load = asyncio.create_task(load_file(layers_url, file, "iot_devices"))
            while not load.done() and not await watcher.fetchval(WAITS):
                pass  # each turn asks the database
        await load
    finally:
        await watcher.close()
    assert await count_rows(db, "layer.iot_devices") == 12_001


async def test_a_table_that_a_view_needs_is_filled_in_place(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    await db.execute("CREATE VIEW v AS SELECT id FROM layer.iot_devices")
    many = "id,lon,lat\n" + "".join(f"B{i:05d},113.{300000 + i},23.13\n" for i in range(12_000))
    await load_file(layers_url, write("b.csv", many), "iot_devices", mode="replace")
    assert await count_rows(db, "v") == 12_000


async def test_upsert_changes_what_the_file_has_and_nothing_else(layers_url, db, write):
    await load_file(layers_url, write("a.csv", "id,name,model_id,lon,lat\nA1,一,M,113.33,23.13\n"), "iot_devices")
    both = "id,name,lon,lat\nA1,壹,113.34,23.14\nA2,贰,113.35,23.15\n"
    summary = await load_file(layers_url, write("b.csv", both), "iot_devices", mode="upsert")
    assert summary.loaded == 2
    rows = await rows_of(db, "iot_devices", "id, name, model_id, version, ST_X(geom)")
    assert rows == [("A1", "壹", "M", 2, 113.34), ("A2", "贰", None, 1, 113.35)]


async def test_upsert_of_attributes_alone_changes_known_features_only(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    summary = await load_file(layers_url, write("b.csv", "id,name\nA1,壹\nZ9,无名\n"), "iot_devices", mode="upsert")
    assert (summary.loaded, dict(summary.rejected)) == (1, {"no_geometry": 1})
    assert await rows_of(db, "iot_devices", "id, name, ST_X(geom)") == [("A1", "壹", 113.33), ("A2", "二号", 113.34)]


async def test_a_failed_load_changes_nothing(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    before = await db.fetchrow("SELECT * FROM onemap.layer WHERE id = 'iot_devices'")
    broken = write("b.csv", b"id,lon,lat\nB1,113.3,23.1\n" + b"x" * 20_000_000 + b"\n")
    for mode in ("append", "replace", "upsert"):
        with pytest.raises(BadFile, match="line longer than"):
            await load_file(layers_url, broken, "iot_devices", mode=mode)
    assert await rows_of(db, "iot_devices", "id") == [("A1",), ("A2",)]
    assert await db.fetchrow("SELECT * FROM onemap.layer WHERE id = 'iot_devices'") == before
    assert await count_rows(db, "onemap.quarantine") == 0
    assert await count_rows(db, "onemap.load") == 1


async def test_a_load_that_fails_in_its_transaction_changes_nothing(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    await db.execute("ALTER TABLE layer.iot_devices ADD CONSTRAINT short CHECK (length(name) < 4)")
    longer = "id,name,lon,lat\nB1,很长的名称,113.33,23.13\n"
    with pytest.raises(Exception, match="short"):
        await load_file(layers_url, write("b.csv", longer), "iot_devices", mode="replace")
    assert await rows_of(db, "iot_devices", "id") == [("A1",), ("A2",)]
    assert await count_rows(db, "onemap.load") == 1


async def test_when_no_row_is_good_replace_leaves_the_layer_as_it_was(layers_url, db, write):
    await load_file(layers_url, write("a.csv", CSV), "iot_devices")
    summary = await load_file(layers_url, write("b.csv", "id,lon,lat\nB1,0,0\n"), "iot_devices", mode="replace")
    assert (summary.loaded, dict(summary.rejected)) == (0, {"zero": 1})
    assert len(await rows_of(db, "iot_devices")) == 2


async def test_repeated_ids_and_identical_rows(layers_url, db, write):
    text = "id,name,lon,lat\nA,first,113.33,23.13\nA,second,113.34,23.14\n"
    assert dict((await load_file(layers_url, write("a.csv", text), "iot_devices")).rejected) == {"duplicate": 1}
    assert await rows_of(db, "iot_devices", "name") == [("first",)]
    same = "name,lon,lat\nx,113.33,23.13\nx,113.33,23.13\ny,113.33,23.13\n"
    assert dict((await load_file(layers_url, write("b.csv", same), "trial")).rejected) == {"duplicate": 1}
    record = await db.fetchval("SELECT record FROM onemap.quarantine WHERE layer = 'trial'")
    assert '"lon": "113.33"' in record


async def test_made_ids_are_the_same_in_every_load(layers_url, db, write):
    text = "name,lon,lat\nx,113.33,23.13\n"
    await load_file(layers_url, write("a.csv", text), "trial")
    ((first,),) = await rows_of(db, "trial", "id")
    assert first.startswith("trial-")
    assert len(first) == len("trial-") + 26
    assert dict((await load_file(layers_url, write("b.csv", text), "trial")).rejected) == {"already_there": 1}


async def test_mapping_titles_codes_dates_and_truth(layers_url, db, write):
    text = "编号x,名称,设备类型,安装日期,状态,电量,是否权威源,经度,纬度\nD1,甲,,2026/6/8,在用,88.5,是,113.33,23.13\n"
    summary = await load_file(
        layers_url, write("a.csv", text, "gbk"), "iot_devices", LoadOptions(mapping={"id": "编号x"})
    )
    row = await db.fetchrow("SELECT * FROM layer.iot_devices")
    assert (row["id"], row["name"], row["status"], row["battery_pct"]) == ("D1", "甲", "in_use", 88.5)
    assert str(row["install_date"]) == "2026-06-08"
    assert row["is_authoritative"] is True
    assert row["data_grade"] == 2
    assert summary.repaired["label_to_code"] == 1


async def test_wrong_values_are_rejected_with_what_is_allowed(layers_url, db, write):
    text = (
        "id,status,battery_pct,lon,lat\n1,broken,5,113.33,23.13\n2,in_use,much,113.33,23.13\n3,in_use,5,113.33,23.13\n"
    )
    summary = await load_file(layers_url, write("a.csv", text), "iot_devices")
    assert dict(summary.rejected) == {"unknown_code": 1, "bad_value": 1}
    details = [r["detail"] for r in await db.fetch("SELECT detail FROM onemap.quarantine ORDER BY line")]
    assert "in_use" in details[0]
    assert "'much'" in details[1]


async def test_grid_is_located_in_memory_as_the_database_would(layers_url, db, write):
    grids = "id,grid_code,wkt\n" + "".join(
        f'{c},{c},"POLYGON(({x} 23.1,{x + 0.01} 23.1,{x + 0.01} 23.2,{x} 23.2,{x} 23.1))"\n'
        for c, x in (("440106001002001", 113.31), ("440106001001001", 113.30))
    )
    await load_file(layers_url, write("g.csv", grids), "grids")
    # inside the first, on the shared edge (the smaller code), 10 m outside, far outside
    text = "id,lon,lat\na,113.305,23.15\nb,113.31,23.15\nc,113.2999,23.15\nd,113.4,23.15\n"
    await load_file(layers_url, write("p.csv", text), "iot_devices")
    assert await rows_of(db, "iot_devices", "grid_code, area_code") == [
        ("440106001001001", "440106001001"),
        ("440106001001001", "440106001001"),
        ("440106001001001", "440106001001"),
        (None, None),
    ]
    differing = """SELECT count(*) FROM layer.iot_devices AS d, onemap.place_at(d.geom) AS p
    WHERE (d.grid_code, d.area_code) IS DISTINCT FROM (p.grid_code, p.area_code)"""
    assert await db.fetchval(differing) == 0


async def test_inferred_types_widen_when_a_later_row_does_not_fit(layers_url, db, write):
    filler = "".join(f"{i},2026-01-01,{'z' * 900},113.3,23.1\n" for i in range(10_000))
    path = write("a.csv", f"n,day,pad,lon,lat\n{filler}2.5,2026-01-01 08:00,z,113.3,23.1\nmany,soon,z,113.3,23.1\n")
    summary = await load_file(layers_url, path, "trial")
    assert summary.loaded == 10_002
    assert await db.fetchval("SELECT array_agg(n ORDER BY n) FROM layer.trial WHERE n IN ('2.5', 'many', '7')") == [
        "2.5",
        "7",
        "many",
    ]


async def test_inference_keeps_leading_zeros_and_codes_as_text(layers_url, db, write):
    text = "邮编,区划代码,数量,日期,有效,类别 名,lon,lat\n007,440106,12,2026/6/8,是,A,113.3,23.1\n"
    await load_file(layers_url, write("a.csv", text), "trial")
    definition = await db.fetchval("SELECT definition -> 'fields' FROM onemap.layer WHERE id = 'trial'")
    kinds = {f["title_zh"]: (f["name"], f["type"]) for f in __import__("json").loads(definition)}
    assert [kinds[c][1] for c in ("邮编", "区划代码", "数量", "日期", "有效")] == [
        "string",
        "string",
        "integer",
        "date",
        "boolean",
    ]
    assert all(name.isascii() for name, _ in kinds.values())


async def test_hostile_names_stay_names(layers_url, db, write):
    text = 'a";DROP TABLE onemap.layer;--,geom,lon,lat\nx,y,113.3,23.1\n'
    await load_file(
        layers_url,
        write("Robert'); DROP TABLE x;.csv", text),
        "trial",
        LoadOptions(mapping={"lon": "lon", "lat": "lat"}),
    )
    assert await count_rows(db, "layer.trial") == 1
    with pytest.raises(BadInput, match="layer is"):
        await load_file(layers_url, write("a.csv", CSV), 'x"; DROP TABLE onemap.layer')


async def test_an_unknown_mode_is_refused(layers_url, write):
    with pytest.raises(BadInput, match="append, replace, upsert"):
        await load_file(layers_url, write("a.csv", CSV), "iot_devices", mode="merge")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crs": "EPSG:999999"}, "gcj02"),
        ({"mapping": {"nmae": "name"}}, "no field 'nmae'"),
        ({"mapping": {"name": "nmae"}}, "no column 'nmae'"),
        ({"fixes": frozenset({"magic"})}, "swapped"),
        ({"grade": 9}, "1 to 4"),
        ({"encoding": "klingon"}, "no encoding"),
    ],
)
async def test_wrong_options_name_what_is_allowed(layers_url, write, options, message):
    with pytest.raises((BadInput, BadCrs), match=message):
        await load_file(layers_url, write("a.csv", CSV), "iot_devices", LoadOptions(**options))


async def test_a_layer_with_geometry_needs_one(layers_url, write):
    with pytest.raises(BadFile, match="--map lon"):
        await load_file(layers_url, write("a.csv", "id,name\n1,x\n"), "iot_devices")


async def test_progress_is_told(layers_url, write):
    reports = []
    await load_file(layers_url, write("a.csv", CSV), "iot_devices", progress=reports.append)
    assert [(p.read, p.stage) for p in reports] == [(2, "reading"), (2, "moving")]


async def test_none_in_words_is_nothing(layers_url, db, write):
    names = ("车陂涌", "None", None)
    lines = [{"type": "LineString", "coordinates": [[113.3, 23.1], [113.31, 23.11 + n / 100]]} for n in range(3)]
    made = [feature(line, name=name, tunnel="None", width="3") for line, name in zip(lines, names, strict=True)]
    summary = await load_file(layers_url, write("a.geojson", made), "made_waterways")
    assert (summary.read, summary.loaded) == (3, 3)
    assert await count_rows(db, "layer.made_waterways WHERE name IS NULL") == 2
    assert await count_rows(db, "layer.made_waterways WHERE name = '车陂涌'") == 1


async def test_a_gcj02_outline_lies_on_the_wgs84_one(layers_url, db, write):
    outline = read_outline("440106").polygon
    moved = shapely.transform(outline, datum.wgs84_to_gcj02)
    as_is = write("as_is.geojson", [feature(shapely.geometry.mapping(outline), adcode="440106", name="天河区")])
    gcj02 = write("gcj02.geojson", [feature(shapely.geometry.mapping(moved), adcode="440106", name="天河区")])
    await load_file(layers_url, as_is, "districts", LoadOptions(mapping={"id": "adcode", "district_code": "adcode"}))
    await load_file(layers_url, gcj02, "converted", LoadOptions(crs="gcj02"))
    await load_file(layers_url, gcj02, "raw")
    overlap = """SELECT ST_Area(ST_Intersection(a.geom, b.geom)) / ST_Area(ST_Union(a.geom, b.geom))
    FROM layer.districts AS a, layer.{} AS b WHERE a.id = '440106'"""
    assert await db.fetchval(overlap.format("converted")) > 0.999
    assert await db.fetchval(overlap.format("raw")) < 0.9


async def test_geometry_types_are_promoted_and_declared(layers_url, db, write):
    square = [[[113.3, 23.1], [113.3, 23.2], [113.4, 23.2], [113.4, 23.1], [113.3, 23.1]]]
    bowtie = [[[113.3, 23.1], [113.4, 23.2], [113.4, 23.1], [113.3, 23.2], [113.3, 23.1]]]
    path = write("a.geojson", [
        feature({"type": "Polygon", "coordinates": square}, id="a"),
        feature({"type": "Polygon", "coordinates": bowtie}, id="b"),
        feature(point(113.3, 23.1), id="c"),
        feature(None, id="d"),
    ])  # fmt: skip
    summary = await load_file(layers_url, path, "urban_villages")
    assert dict(summary.rejected) == {"wrong_type": 1, "no_geometry": 1}
    assert summary.repaired["made_valid"] == 1
    assert summary.repaired["ring_order"] >= 1
    for (wkb,) in await rows_of(db, "urban_villages", "ST_AsBinary(geom)"):
        stored = shapely.from_wkb(wkb)
        assert stored.geom_type == "MultiPolygon"
        assert stored.is_valid
        assert all(part.exterior.is_ccw for part in stored.geoms)
