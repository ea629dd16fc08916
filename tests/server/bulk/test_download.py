"""The snapshot of the catalogue."""

from __future__ import annotations

import hashlib
import io
import zipfile

import orjson
import pyarrow.parquet as pq
import pytest
import shapely

from tests.ogc.conftest import things_url  # noqa: F401
from tests.ogc.service import Service


@pytest.fixture(scope="module")
def service(things_url):  # noqa: F811
    running = Service(things_url)
    yield running
    running.close()


@pytest.mark.parametrize("actor", ["anonymous", "operator", "street"])
def test_it_holds_what_items_show_with_the_hash_of_each_file(service, actor):
    answer = service.ask("/twin/download", actor=actor)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    manifest = orjson.loads(archive.read("manifest.json"))
    shown = {one["id"] for one in service.json("collections", actor=actor)["collections"]}
    assert {one["id"] for one in manifest["layers"]} == shown
    for layer in manifest["layers"]:
        content = archive.read(layer["file"])
        assert hashlib.sha256(content).hexdigest() == layer["sha256"]
        items = service.json(f"collections/{layer['id']}/items", limit=1000, actor=actor)["features"]
        table = pq.read_table(io.BytesIO(content))
        assert table["id"].to_pylist() == [one["id"] for one in items]
        assert layer["rows"] == table.num_rows
        assert layer["title_zh"]
        assert layer["openness"]
        assert [one["name"] for one in layer["fields"]] == [name for name in table.column_names if name != "bbox"]
        if items:
            assert {one["name"] for one in layer["fields"]} - {"id", "geometry"} == set(items[0]["properties"])


def test_some_layers_alone(service):
    answer = service.ask("/twin/download", layers="areas,points")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert names == ["README.txt", "areas.parquet", "points.parquet", "manifest.json"]
    assert service.ask("/twin/download", layers="areas,nowhere").status_code == 404
    assert service.ask("/twin/download", layers="hidden").status_code == 404


def test_places_in_a_shifted_datum_are_those_of_items_and_the_manifest_says_so(service):
    answer = service.ask("/twin/download", layers="points", answer_crs="gcj02")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    manifest = orjson.loads(archive.read("manifest.json"))
    assert (manifest["crs"], manifest["layers"][0]["datum"]) == ("gcj02", "gcj02")
    table = pq.read_table(io.BytesIO(archive.read("points.parquet")))
    found = [place and shapely.from_wkb(place) for place in table["geometry"].to_pylist()]
    shown = service.json("collections/points/items", limit=1000, crs="gcj02")["features"]
    expected = [one["geometry"] and shapely.geometry.shape(one["geometry"]) for one in shown]
    assert len(found) == len(expected) > 0
    for place, other in zip(found, expected, strict=True):
        assert (place is None) == (other is None)
        assert place is None or shapely.equals_exact(place, other, tolerance=1.5e-7)
    assert service.ask("/twin/download", answer_crs="EPSG:4547").status_code == 400
