"""The snapshot of the catalogue."""

from __future__ import annotations

import hashlib
import io
import zipfile

import orjson
import pyarrow.parquet as pq
import pytest

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
