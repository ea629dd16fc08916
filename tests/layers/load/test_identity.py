"""Ids and grades of loaded features, and the columns that belong to the user."""

from __future__ import annotations

import json

import geopandas
import pytest
import shapely

from layers.actor import OPERATOR
from layers.catalog import read_catalog
from layers.definition import SYSTEM_COLUMNS, read_definitions
from layers.load import LoadOptions, load_file
from layers.read.query import ItemsQuery, page
from layers.read.sort_keys import SortKey
from tests.databases import count_rows
from tests.layers.load.conftest import feature, point

pytestmark = pytest.mark.anyio

POLYGON = '"POLYGON((113.3 23.1,113.31 23.1,113.31 23.2,113.3 23.1))"'


async def ids_of(db, layer):
    return [r["id"] for r in await db.fetch(f'SELECT id FROM layer."{layer}" ORDER BY id')]


@pytest.mark.parametrize(
    ("own", "among", "expected"),
    [
        ([501, 502], [None, None], ["501", "502"]),
        ([501, "A-502"], [None, None], ["501", "A-502"]),
        ([-11, 7], [None, None], ["-11", "7"]),
        ([None, None], [501, -3], ["-3", "501"]),
        ([501, 502], ["x1", "x2"], ["501", "502"]),
        ([10**29, 2**53 + 1], [None, None], [str(10**29), str(2**53 + 1)]),
    ],
)
async def test_ids_of_geojson_are_kept(layers_url, db, tmp_path, own, among, expected):
    sequence = own[0] == 501
    features = []
    for number, (i, property_id) in enumerate(zip(own, among, strict=True)):
        made = feature(point(113.3 + number / 100, 23.1), label="甲") | ({} if i is None else {"id": i})
        if property_id is not None:
            made["properties"]["id"] = property_id
        features.append(made)
    path = tmp_path / ("a.geojsonl" if sequence else "a.geojson")
    path.write_text(
        "\n".join(map(json.dumps, features))
        if sequence
        else json.dumps({"type": "FeatureCollection", "features": features}, indent=2)
    )
    for mode in ("append", "upsert"):
        summary = await load_file(layers_url, path, "trial", mode=mode)
        assert (summary.loaded, summary.id_column) == (2, "id")
    assert sorted(await ids_of(db, "trial")) == sorted(expected)
    if None not in [*own, *among]:
        assert await db.fetchval("SELECT array_agg(properties_id ORDER BY properties_id) FROM layer.trial") == among


async def test_a_repeated_id_of_geojson_is_told(layers_url, db, write):
    twice = [feature(point(113.3, 23.1), a=n) | {"id": 7} for n in (1, 2)]
    summary = await load_file(layers_url, write("a.geojson", twice), "trial")
    assert (summary.loaded, dict(summary.rejected)) == (1, {"duplicate": 1})
    assert await db.fetchval("SELECT record ->> 'a' FROM onemap.quarantine") == "2"


async def test_ids_of_geojson_are_found_beyond_one_window_of_text(layers_url, db, tmp_path):
    pad = "甲" * 700_000
    features = [feature(point(113.3, 23.1 + n / 100), pad=pad) | {"id": n} for n in range(4)]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"name": "x", "features": features, "type": "FeatureCollection"}, ensure_ascii=False))
    await load_file(layers_url, path, "trial")
    assert await ids_of(db, "trial") == ["0", "1", "2", "3"]


async def test_a_geopackage_keeps_its_numbers_and_a_shapefile_has_none(layers_url, db, tmp_path):
    frame = geopandas.GeoDataFrame({"a": ["x", "y"]}, geometry=shapely.points([113.3, 113.4], [23.1, 23.1]), crs=4490)
    frame.to_file(tmp_path / "a.gpkg", driver="GPKG")
    await load_file(layers_url, tmp_path / "a.gpkg", "trial")
    assert await ids_of(db, "trial") == ["1", "2"]
    frame.to_file(tmp_path / "a.shp")
    summary = await load_file(layers_url, tmp_path / "a.shp", "other")
    assert summary.id_column is None
    assert all(i.startswith("other-") for i in await ids_of(db, "other"))


@pytest.mark.parametrize(
    "mapping", [{}, {"id": "网格编码"}, {"id": "网格编码", "grid_code": "网格编码", "name": "网格编码"}]
)
async def test_a_defined_layer_takes_its_id_from_its_code(layers_url, db, write, mapping):
    text = f"序号,网格编码,wkt\n1,440106001001001,{POLYGON}\n"
    await load_file(layers_url, write("g.csv", text), "grids", LoadOptions(mapping=mapping))
    assert tuple(await db.fetchrow("SELECT id, grid_code FROM layer.grids")) == ("440106001001001",) * 2
    assert await db.fetchval("SELECT name FROM layer.grids") == ("440106001001001" if "name" in mapping else None)


async def test_the_key_is_filled_from_a_column_of_another_name_that_names_the_feature(layers_url, db, write):
    await load_file(
        layers_url, write("g.csv", f"BM,wkt\n440106001001001,{POLYGON}\n"), "grids", LoadOptions(mapping={"id": "BM"})
    )
    assert tuple(await db.fetchrow("SELECT id, grid_code FROM layer.grids")) == ("440106001001001",) * 2


async def test_an_upsert_without_a_required_field_changes_what_is_there_only(layers_url, db, write):
    await load_file(layers_url, write("a.csv", "id,source,lon,lat\ne1,hotline,113.33,23.13\n"), "events")
    later = write("b.csv", "id,title,lon,lat\ne1,积水,113.34,23.13\ne2,新,113.34,23.13\n")
    summary = await load_file(layers_url, later, "events", mode="upsert")
    assert (summary.loaded, dict(summary.rejected)) == (1, {"missing_value": 1})
    assert [tuple(r) for r in await db.fetch("SELECT id, source, title FROM layer.events")] == [
        ("e1", "hotline", "积水")
    ]


async def test_every_key_is_a_code_that_strangers_may_know():
    for definition in read_definitions().values():
        if definition.key:
            field = definition.by_name[definition.key]
            assert (field.type, field.grade, field.derived) == ("string", 1, None), definition.id


async def test_a_column_called_code_names_nothing(layers_url, db, write):
    await load_file(layers_url, write("mo.csv", "name,code,lon,lat\n甲,A1,113.35,23.13\n"), "shops")
    summary = await load_file(
        layers_url, write("tu.csv", "name,code,lon,lat\n丙,A1,113.37,23.13\n"), "shops", mode="upsert"
    )
    assert (summary.loaded, summary.rejected.total(), summary.id_column) == (1, 0, None)
    assert await count_rows(db, "layer.shops") == 2


@pytest.mark.parametrize("header", ["Name,NAME,name", "a b,a_b,a-b", "😀,😁,a"])
async def test_names_that_differ_by_little_load_alike_twice(layers_url, db, write, header):
    path = write("a.csv", f"id,{header},lon,lat\n1,A,B,C,113.35,23.13\n")
    seen = []
    for _ in range(2):
        summary = await load_file(layers_url, path, "trial", mode="replace")
        assert summary.ignored == ()
        row = dict(await db.fetchrow("SELECT * FROM layer.trial"))
        seen.append({k: v for k, v in row.items() if v in {"A", "B", "C"}})
    assert seen[0] == seen[1]
    assert sorted(seen[0].values()) == ["A", "B", "C"]


async def test_names_of_the_database_and_of_our_own_queries_are_columns_like_any(layers_url, db, write):
    names = [*sorted(SYSTEM_COLUMNS), "row_on_page", "_row_on_page", "place", "line", "features", "found"]
    text = f"id,{','.join(names)},lon,lat\n1,{','.join('x' for _ in names)},113.35,23.13\n"
    await load_file(layers_url, write("a.csv", text), "trial", LoadOptions(grade=1))
    layer = (await read_catalog(db)).get("trial")
    for sort in ((), (SortKey(layer.definition.by_name["row_on_page"]),)):
        statement = page(ItemsQuery(layer, OPERATOR, sort=sort))
        sql, values = statement.render()
        answer = await db.fetchrow(sql, *values)
        assert sorted(json.loads(answer["features"])["properties"].values(), key=str).count("x") == len(names)


async def test_columns_called_as_ours_are_the_users_own(layers_url, db, write):
    first = "id,name,version,created_at,updated_at,crs_source,lon,lat\n1,甲,{},113.35,23.13\n"
    second = write("b.csv", "id,name,lon,lat\n1,甲改,113.351,23.13\n2,乙,113.36,23.14\n")
    for layer, own in (("words", "v1.2,昨天,上周,自测"), ("dates", "2,2019-05-01,2019-06-01,x")):
        await load_file(layers_url, write("a.csv", first.format(own)), layer)
        await load_file(layers_url, second, layer, mode="upsert")
        columns = "name, version::text, created_at::text, updated_at::text, crs_source"
        rows = [tuple(r) for r in await db.fetch(f"SELECT {columns} FROM layer.{layer} ORDER BY id")]
        assert rows == [("甲改", *own.split(",")), ("乙", None, None, None, None)]


@pytest.mark.parametrize(
    ("column", "mapping"), [("data_grade", {}), ("数据分级", {}), ("密级", {"data_grade": "密级"})]
)
async def test_the_grades_of_a_new_layer_are_honoured(layers_url, db, write, column, mapping):
    path = write("a.csv", f"id,{column},lon,lat\na,4,113.33,23.13\nb,,113.33,23.13\nc,9,113.33,23.13\n")
    for mode in ("append", "upsert"):
        summary = await load_file(layers_url, path, "trial", LoadOptions(mapping=mapping), mode=mode)
        assert (summary.loaded, dict(summary.rejected), summary.ungraded) == (2, {"unknown_code": 1}, False)
        rows = [tuple(r) for r in await db.fetch("SELECT id, data_grade FROM layer.trial ORDER BY id")]
        assert rows == [("a", 4), ("b", 3)]


async def test_what_nobody_graded_is_not_public(layers_url, db, write):
    summary = await load_file(layers_url, write("a.csv", "id,lon,lat\na,113.33,23.13\n"), "trial")
    assert summary.ungraded
    assert await db.fetchval("SELECT data_grade FROM layer.trial") == 3


@pytest.mark.parametrize(
    ("mode", "had", "said", "lower", "then"),
    [
        ("upsert", 1, 4, False, 4),
        ("upsert", 4, 1, False, 4),
        ("upsert", 4, None, False, 4),
        ("upsert", 1, None, False, 1),
        ("upsert", 4, 1, True, 1),
        ("upsert", 4, None, True, 4),
        ("replace", 4, None, False, 4),
        ("replace", 2, 3, False, 3),
        ("replace", 3, 1, False, 3),
        ("replace", 3, 1, True, 1),
    ],
)
async def test_a_grade_is_raised_at_once_and_lowered_on_purpose_only(
    layers_url, db, write, mode, had, said, lower, then
):
    by_column = had == 4 and not lower  # else by the option
    await load_file(layers_url, write("a.csv", "id,name,lon,lat\na,甲,113.33,23.13\n"), "trial", LoadOptions(grade=had))
    header, cell = (",data_grade", f",{said or ''}") if by_column else ("", "")
    path = write("b.csv", f"id,name,lon,lat{header}\na,乙,113.33,23.13{cell}\n")
    summary = await load_file(
        layers_url, path, "trial", LoadOptions(grade=None if by_column else said, lower_grades=lower), mode=mode
    )
    assert tuple(await db.fetchrow("SELECT name, data_grade FROM layer.trial")) == ("乙", then)
    assert any("grade" in note for note in summary.notes) == (said is not None and said < had and not lower)
