"""Malicious or broken files: one clear error, no crashed process, and no other file is read."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import zipfile

import geopandas
import pytest
import shapely

from layers.errors import BadFile
from layers.loaders import archive, gdal
from layers.loaders.opening import open_source

VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    "</OGRVRTDataSource>"
)


def read_all(path, **options):
    return list(open_source(path, **options).batches())


def read_some(path, **options):
    """Read the first batch, and refuse a file without rows as load_file does."""
    if not read_all(path, **options):
        raise BadFile("no rows")


@pytest.fixture
def frame():
    points = shapely.points([[113.3 + i / 1e4, 23.1] for i in range(3000)])
    return geopandas.GeoDataFrame({"name": ["名" * 20] * 3000}, geometry=points, crs="EPSG:4326")


@pytest.mark.parametrize(
    "name", ["a.csv", "a.geojson", "a.gpkg", "a.shp", "a.parquet", "a.xlsx", "a.zip", "a.tif", "a"]
)
def test_zero_bytes(write, name):
    with pytest.raises(BadFile, match="0 bytes"):
        open_source(write(name, b""))


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp", "fgb", "parquet", "zip"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.95])
def test_a_truncated_file_is_an_error_or_gives_whole_rows_only(tmp_path, frame, suffix, part):
    path = tmp_path / f"a.{suffix}"
    if suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "zip":
        frame.to_file(tmp_path / "in.shp", encoding="UTF-8")
        with zipfile.ZipFile(path, "w") as packed:
            for ending in ("shp", "shx", "dbf", "prj"):
                packed.write(tmp_path / f"in.{ending}")
    else:
        frame.to_file(path)
    os.truncate(path, int(path.stat().st_size * part))
    with pytest.raises(BadFile) as caught:
        read_all(path)
    assert path.name in caught.value.message
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.vrt", VRT),
        ("a.csv", VRT),
        ("a.pdf", b"%PDF-1.7\n1 0 obj"),
        ("a.exe", b"MZ\x90\x00\x03\x00\x00\x00" + b"\0" * 200),
        ("a.gpkg", b"SQLite format 3\0" + b"\0" * 500),
        ("a.csv", b"a,b\0,c\n1,2,3\n"),
        ("a.geojson", b'{"type":"FeatureCollection","features":[' + b'{"a":' * 50_000),
        ("a.geojson", b"[[[[[["),
        ("a.shp", b"\x00\x00\x27\x0a" + b"\0" * 96),
        ("a.fgb", b"fgb\x03fgb\x00" + b"\xff" * 300),
        ("a.parquet", b"PAR1" + b"\xff" * 100 + struct.pack("<I", 0x7FFFFFFF) + b"PAR1"),
        ("a.osm.pbf", b"\0\0\0\x0e\x0a\x09OSMHeader\x18\xff\xff\xff\xff\x0f"),
        ("a.zip", b"PK\x03\x04garbage"),
        ("a.xlsx", b"PK\x05\x06" + b"\0" * 18),
        ("a.txt", b"\xff\xfe\x00\xd8\x00\xd8"),
        ("a.csv", b"\x81\x20\xff\xff,b\n\x80\x80\x80\n"),
    ],
)  # fmt: skip
def test_garbage_and_disguises(write, name, content):
    with pytest.raises(BadFile) as caught:
        read_some(write(name, content), layer="lines" if name.endswith("pbf") else None)
    assert len(caught.value.message) < 700


def test_json_that_would_make_gdal_run_something_is_not_opened(write, tmp_path):
    target = tmp_path / "stolen.geojson"
    pipeline = {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read /etc/hosts ! write {target}"}
    for name in ("a.gdalg.json", "a.geojson", "a.json"):
        with pytest.raises(BadFile):
            read_all(write(name, json.dumps(pipeline)))
    wfs = {"type": "FeatureCollection", "links": [{"rel": "items", "href": "http://127.0.0.1:9/x"}], "features": []}
    assert sum(map(len, read_all(write("b.geojson", json.dumps(wfs))))) == 0
    assert not target.exists()


def test_a_geopackage_with_a_virtual_table_reads_no_other_file(tmp_path, frame):
    path = tmp_path / "a.gpkg"
    frame.to_file(path, layer="good", driver="GPKG")
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE VIEW evil AS SELECT load_extension('{secret}') AS password")
        db.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('evil', 'attributes', 'evil')"
        )
    with pytest.raises(BadFile):
        read_all(path, layer="evil")
    assert sum(map(len, read_all(path, layer="good"))) == 3000


@pytest.mark.parametrize("member", ["../../evil.shp", "/etc/evil.shp", "..\\evil.shp", "C:\\evil.shp"])
def test_zip_members_outside_their_folder(tmp_path, member):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(member, b"x")
    with pytest.raises(BadFile, match="outside its folder"):
        open_source(path)


def test_zip_bombs(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.shp", b"\0" * 80_000_000)
    with pytest.raises(BadFile, match="would unpack to 80000000"):
        open_source(path)
    book = tmp_path / "a.xlsx"
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"\0" * 80_000_000)
    with pytest.raises(BadFile, match="would unpack"):
        open_source(book)
    monkeypatch.setattr(archive, "MEMBERS_MAX", 2)
    with zipfile.ZipFile(path, "w") as packed:
        for i in range(3):
            packed.writestr(f"{i}.shp", b"x")
    with pytest.raises(BadFile, match="3 members"):
        open_source(path)


def test_an_entity_bomb_in_a_spreadsheet(tmp_path):
    path = tmp_path / "a.xlsx"
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE w [<!ENTITY e0 "lol">{entities}]><workbook>&e11;</workbook>'
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("xl/workbook.xml", bomb)
        packed.writestr("[Content_Types].xml", bomb)
    with pytest.raises(BadFile):
        read_all(path)


@pytest.mark.timeout(240)
def test_a_line_of_one_gigabyte(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(b"name,lon,lat\n")
        file.seek(1024**3)
        file.write(b"\n")
    with pytest.raises(BadFile):  # sparse: zeros
        read_all(path)
    with path.open("wb") as file:
        file.write(b"name,lon,lat\n")
        for _ in range(1024):
            file.write(b"x" * 1024**2)
    with pytest.raises(BadFile, match="line longer than"):
        read_all(path)
    path = path.rename(tmp_path / "a.geojson")
    with path.open("r+b") as file:
        file.write(b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":"')
    with pytest.raises(BadFile):
        read_all(path)


def test_a_reader_that_dies_is_an_error_and_not_the_end(tmp_path, frame, monkeypatch):
    frame.to_file(tmp_path / "a.fgb")
    source = open_source(tmp_path / "a.fgb")
    monkeypatch.setattr(gdal, "_command", lambda _: ["/bin/sh", "-c", "kill -SEGV $$"])
    with pytest.raises(BadFile, match="SIGSEGV"):
        list(source.batches())


def test_leaving_early_leaves_no_process_behind(tmp_path, frame):
    frame.to_file(tmp_path / "a.fgb")
    batches = open_source(tmp_path / "a.fgb").batches()
    next(batches)
    batches.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
