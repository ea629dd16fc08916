"""Files with an oddity: it is read, or only its row is refused, or the file is refused in words."""

from __future__ import annotations

import json
import sqlite3
import struct

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from layers.coordinates.crs import srid_of, transform
from layers.errors import BadCrs, BadFile, BadInput
from layers.load import LoadOptions, load_file
from layers.load.quarantine import retry_quarantine
from layers.loaders import column_names
from layers.loaders.opening import open_source
from tests.databases import count_rows
from tests.layers.load.conftest import feature, point

pytestmark = pytest.mark.anyio
PLACES = "名称,经度,纬度\n甲,113.35,23.13\n乙,113.36,23.14\n"
POINTS = [feature(point(113.35, 23.13), name="天河公园", state="营业"), feature(point(113.36, 23.14), name="石牌村")]


async def test_a_table_without_coordinates_is_refused_unless_it_is_said_to_have_none(layers_url, db, write):
    plain = write("a.csv", "名称,数量\n甲,1\n乙,2\n")
    with pytest.raises(BadFile, match=r"没有可识别的坐标.*--map lon.*--no-geometry"):
        await load_file(layers_url, plain, "shops")
    assert not await db.fetchval("SELECT EXISTS (SELECT FROM onemap.layer WHERE id = 'shops')")
    assert (await load_file(layers_url, plain, "shops", LoadOptions(no_geometry=True))).loaded == 2
    with pytest.raises(BadFile, match=r"没有空间位置.*has no places"):
        await load_file(layers_url, write("b.csv", PLACES), "shops")
    fields = await load_file(layers_url, write("b.csv", PLACES), "shops", LoadOptions(no_geometry=True))
    assert (fields.loaded, fields.ignored) == (2, ("经度", "纬度"))
    assert (await load_file(layers_url, write("c.csv", "名称,数量\n丙,x\n"), "shops")).rejected == {"bad_value": 1}


async def test_coordinates_that_are_fields_stay_fields_when_they_are_taken_again(layers_url, db, write):
    text = "名称,经度,数量\n甲,113.35,1\n"
    await load_file(layers_url, write("a.csv", text), "shops", LoadOptions(no_geometry=True))
    bad = await load_file(
        layers_url, write("b.csv", text.replace(",1\n", ",x\n")), "shops", LoadOptions(no_geometry=True)
    )
    assert bad.rejected.total() == 1
    (again,) = await retry_quarantine(layers_url, "shops")
    assert again.rejected.total() == 1
    assert await count_rows(db, "layer.shops") == 1


async def test_columns_are_known_by_their_usual_names(layers_url, db, write):
    text = "国标编码,点位名称,所属单位,大地经度坐标,纬度\n44010600001320000001,路口,天河公安,113.35,23.13\n"
    with pytest.raises(BadFile, match="大地经度坐标"):
        await load_file(layers_url, write("a.csv", text), "video_points")
    usual = write("a.csv", text.replace("大地经度坐标", "经度坐标"))
    summary = await load_file(layers_url, usual, "video_points")
    assert (summary.loaded, summary.ignored) == (1, ())
    row = await db.fetchrow("SELECT name, owner_org, device_id FROM layer.video_points")
    assert tuple(row) == ("路口", "天河公安", "44010600001320000001")
    await load_file(layers_url, write("b.csv", "街道名称,社区名称,lon,lat\n石牌,华师,113.35,23.13\n"), "stands")
    assert tuple(await db.fetchrow("SELECT street_name, community_name FROM layer.stands")) == ("石牌", "华师")


async def test_a_district_adds_names_of_its_own(layers_url, db, write, tmp_path, monkeypatch):
    listed = tmp_path / "_columns.yaml"
    listed.write_text("coordinates: {lon: [大地经度]}\nlayers: {streets: {name: [办事处名]}}\n", encoding="utf-8")
    monkeypatch.setattr(column_names, "_district", None)  # put back at the end
    column_names.use_district_columns(tmp_path)
    assert "大地经度" in column_names.common_names("lon")
    assert column_names.common_names("name", "streets")[0] == "办事处名"
    assert "办事处名" not in column_names.common_names("name", "roads")
    summary = await load_file(layers_url, write("a.csv", "名称,大地经度,纬度\n甲,113.35,23.13\n"), "shops")
    assert summary.loaded == 1
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "_columns.yaml").write_text("columns: {}", encoding="utf-8")
    column_names.use_district_columns(tmp_path / "wrong")
    with pytest.raises(BadInput, match="allowed are"):
        column_names.common_names("lon")


async def test_what_is_said_of_a_shift_that_is_guessed(layers_url, write):
    east, north = transform(np.array([[113.35, 23.13]]), 4490, 2435)[0]
    text = f"名称,x,y\n甲,{east},{north}\n"
    summary = await load_file(layers_url, write("a.csv", text), "old", LoadOptions(crs="EPSG:2435", anywhere=True))
    assert summary.loaded == 1
    assert any("ballpark" in note for note in summary.notes)


@pytest.mark.parametrize("hexadecimal", [True, False])
async def test_a_geometry_that_names_another_system_is_refused_until_it_is_declared(layers_url, write, hexadecimal):
    east, north = transform(np.array([[113.35, 23.13]]), 4490, 4547)[0]
    rows = [(4547, shapely.Point(east, north)), (4490, shapely.Point(113.35, 23.13))]
    cells = [
        shapely.to_wkb(shapely.set_srid(shape, srid), hex=True, include_srid=True)
        if hexadecimal
        else f"SRID={srid};{shape.wkt}"
        for srid, shape in rows
    ]
    path = write("a.csv", "name,geom\n" + "".join(f"n{n},{cell}\n" for n, cell in enumerate(cells)))
    first = await load_file(layers_url, path, "shops")
    assert (first.loaded, dict(first.rejected)) == (1, {"other_crs": 1})
    declared = await load_file(layers_url, path, "shops", LoadOptions(crs="EPSG:4547"))
    assert (declared.loaded, dict(declared.rejected)) == (1, {"other_crs": 1})


async def test_a_crs_member_that_nobody_can_read_is_refused_until_it_is_declared(layers_url, write):
    member = {"type": "name", "properties": {"name": "GCJ-02"}}
    text = json.dumps({"type": "FeatureCollection", "crs": member, "features": POINTS}, ensure_ascii=False)
    path = write("a.geojson", text)
    with pytest.raises(BadCrs, match=r"GCJ-02.*--crs"):
        await load_file(layers_url, path, "shops")
    assert (await load_file(layers_url, path, "shops", LoadOptions(crs="gcj02"))).loaded == 2


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4490", "urn:ogc:def:crs:EPSG::4326", None])
def test_a_crs_member_that_is_known_is_read(write, name):
    member = {"type": "name", "properties": {"name": name}} if name else None
    text = json.dumps({"type": "FeatureCollection", "crs": member, "features": POINTS})
    source = open_source(write("a.geojson", text))
    assert source.crs_unread is None


def texts_of(path, encoding=None):
    source = open_source(path, encoding=encoding)
    return [[row[c] for c in ("name", "state")] for batch in source.batches() for row in batch.columns.to_pylist()]


@pytest.mark.parametrize(
    ("encoding", "declared"), [("gbk", None), ("gbk", "GBK"), ("utf-16", None), ("utf-8-sig", None), ("big5", "big5")]
)
def test_geojson_in_any_encoding(write, encoding, declared):
    text = json.dumps({"type": "FeatureCollection", "features": POINTS}, ensure_ascii=False)
    if encoding == "big5":
        text = text.replace("营", "營").replace("业", "業").replace("天河公园", "天河公園")
    expected = (
        [["天河公园", "营业"], ["石牌村", None]] if encoding != "big5" else [["天河公園", "營業"], ["石牌村", None]]
    )
    assert texts_of(write("a.geojson", text, encoding), declared) == expected


def test_bytes_that_are_no_text_cost_their_own_feature(write):
    lines = [json.dumps(one, ensure_ascii=False).encode() for one in POINTS * 3]
    lines[2] = lines[2].replace("园".encode(), "园".encode()[:2])
    (batch,) = open_source(write("a.geojsonl", b"\n".join(lines))).batches()
    assert batch.ok.tolist() == [True, True, False, True, True, True]
    assert batch.columns.column("name").to_pylist()[3] == "石牌村"


def curve() -> bytes:
    """A CIRCULARSTRING as WKB, which GEOS does not read."""
    return struct.pack("<BII6d", 1, 8, 3, 113.35, 23.13, 113.351, 23.131, 113.352, 23.13)


def geopackage(path, blobs):
    """Write a GeoPackage of any geometry types, with the tables that QGIS adds."""
    frame = gpd.GeoDataFrame(
        {"name": [f"n{i}" for i in range(len(blobs))]}, geometry=[shapely.Point(1, 1)] * len(blobs)
    )
    pyogrio.write_dataframe(
        frame.set_crs(4490), path, layer="shapes", geometry_type="Unknown", layer_options={"SPATIAL_INDEX": "NO"}
    )
    with sqlite3.connect(path) as database:
        for number, blob in enumerate(blobs, 1):
            given = None if blob is None else b"GP\0\1" + struct.pack("<i", 4490) + blob
            database.execute("UPDATE shapes SET geom = ? WHERE fid = ?", (given, number))
        database.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleName TEXT)")
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('layer_styles','attributes','s')"
        )
    return path


def test_a_geopackage_that_declares_what_nobody_can_read_says_so(tmp_path):
    path = geopackage(tmp_path / "a.gpkg", [shapely.to_wkb(shapely.Point(113.35, 23.13))])
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE gpkg_spatial_ref_sys SET organization = 'GZ', organization_coordsys_id = 77, "
            "definition = 'GCJ-02 火星坐标' WHERE srs_id = 4490"
        )
    source = open_source(path)
    assert (source.crs, source.crs_unread) == (None, "GCJ-02 火星坐标")


@pytest.mark.parametrize("name", ["GCJ-02", "GCS_GCJ02", "BD-09", "火星坐标系"])
def test_a_system_that_calls_itself_shifted_is_not_taken_for_the_one_it_looks_like(name):
    datum = 'DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]]'
    wkt = f'GEOGCS["{name}",{datum},PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    with pytest.raises(BadCrs, match="gcj02"):
        srid_of(wkt)


async def test_one_curve_costs_its_own_row(layers_url, tmp_path):
    straight = shapely.to_wkb(shapely.LineString([(113.35, 23.13), (113.36, 23.13)]))
    path = geopackage(tmp_path / "a.gpkg", [straight, curve(), straight, b"\1\2"])
    summary = await load_file(layers_url, path, "lines")
    assert (summary.read, summary.loaded, dict(summary.rejected)) == (4, 2, {"bad_geometry": 2})


class _GeoArrow(pa.ExtensionType):
    """The extension type that writers of Parquet's own GEOMETRY type use."""

    def __init__(self) -> None:
        super().__init__(pa.binary(), "geoarrow.wkb")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"{}"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> _GeoArrow:
        return cls()


BOXES = [shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6), shapely.box(2, 2, 3, 3)]
SHAPES = [
    [shapely.Point(113.35, 23.13), shapely.Point(113.36, 23.14)],
    [shapely.LineString([(1, 2), (3, 4), (5, 7)]), shapely.LineString([(1, 1), (2, 2)])],
    [shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2), shapely.box(5, 5, 6, 6)],
    [shapely.MultiPoint([(1, 1), (2, 2)]), shapely.MultiPoint([(3, 3)])],
    [shapely.MultiLineString([[(1, 1), (2, 2)], [(3, 3), (4, 4)]]), shapely.MultiLineString([[(1, 1), (2, 2)]])],
    [
        shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)]),
        shapely.MultiPolygon([shapely.box(2, 2, 3, 3)]),
    ],
]


@pytest.mark.parametrize("shapes", SHAPES, ids=lambda s: s[0].geom_type)
@pytest.mark.parametrize("form", ["own", "plain", "hex", "large", "wkt", "WKB", "geoarrow"])
def test_every_way_to_put_a_geometry_into_parquet(tmp_path, shapes, form):
    path, wkb = tmp_path / "a.parquet", list(shapely.to_wkb(shapes))
    if form in {"WKB", "geoarrow"}:
        frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes, crs=4490)
        frame.to_parquet(path, geometry_encoding=form, schema_version="1.1.0")
    else:
        made = {
            "own": lambda: pa.ExtensionArray.from_storage(_GeoArrow(), pa.array(wkb)),
            "plain": lambda: pa.array(wkb),
            "hex": lambda: pa.array([one.hex().upper() for one in wkb]),
            "large": lambda: pa.array(wkb, pa.large_binary()),
            "wkt": lambda: pa.array(shapely.to_wkt(shapes).tolist()),
        }[form]()
        pq.write_table(pa.table({"name": ["a", "b"], "geometry": made}), path)
    (batch,) = open_source(path).batches()
    assert shapely.equals(batch.geometry, np.array(shapes)).all()
    assert batch.columns.column("name").to_pylist() == ["a", "b"]


def test_geoparquet_before_its_first_version_says_its_system_in_wkt(tmp_path):
    path = tmp_path / "a.parquet"
    geo = {"primary_column": "g", "columns": {"g": {"encoding": "WKB", "crs": 'GEOGCS["WGS 84",DATUM["WGS_1984"]]'}}}
    table = pa.table({"g": list(shapely.to_wkb(SHAPES[0]))}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
    assert open_source(path).crs == 'GEOGCS["WGS 84",DATUM["WGS_1984"]]'


async def test_bytes_in_a_column_are_written_as_hexadecimal(layers_url, db, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"lon": [113.35], "lat": [23.13], "pic": [b"\x00\xff"]}), path)
    await load_file(layers_url, path, "pictures")
    assert await db.fetchval("SELECT pic FROM layer.pictures") == "00ff"
