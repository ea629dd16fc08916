"""GDAL reads the service as anybody would: everything, a box, a condition; and finds what was stored.

It runs in a process of its own, for it keeps the interpreter's lock while it waits for an answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

from layers.database.connection import connect
from tests.ogc.test_maps import maps  # noqa: F401  # the service over rasters

BOX = (113.299, 23.099, 113.336, 23.118)
READ = """
import json, sys
import pyogrio, shapely
asked = json.loads(sys.argv[1])
pyogrio.set_gdal_config_options(asked.pop("config"))
source = asked.pop("source")
if "bbox" in asked:
    asked["bbox"] = tuple(asked["bbox"])
if asked.pop("list"):
    print(json.dumps(pyogrio.list_layers(source)[:, 0].tolist()))
else:
    frame = pyogrio.read_dataframe(source, **asked)
    print(json.dumps({
        "columns": frame.columns.tolist(),
        "id": frame["id"].tolist() if "id" in frame else [],
        "floors": [None if n != n else n for n in frame["floors"].tolist()],
        "xy": shapely.get_coordinates(frame.geometry).tolist(),
        "types": sorted(set(frame.geom_type)),
    }))
"""


@pytest.fixture(scope="module")
def stored(things_url):
    """Return the public rows of `points` by id."""
    found = {}

    async def work():
        connection = await connect(things_url)
        statement = "SELECT id, ST_X(geom) AS x, ST_Y(geom) AS y, floors FROM layer.points WHERE data_grade <= 2"
        found.update({row["id"]: row for row in await connection.fetch(statement)})
        await connection.close()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join()
    return found


@pytest.fixture
def gdal(things_url, live_server):
    """Return the function that reads from the service with GDAL and returns its result and its log."""
    source = f"OAPIF:{live_server(things_url)}/ogc"

    def read(*, list=False, layer="points", debug=False, **how):  # noqa: A002
        asked = {"source": source, "list": list, "config": {"CPL_DEBUG": "ON" if debug else None}}
        asked |= {} if list else {"layer": layer, **how}
        command = [sys.executable, "-c", READ, json.dumps(asked)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr

    return read


READ_FILE = """
import json, sys
import geopandas
frame = geopandas.read_file(sys.argv[1])
rows = [[i, None if n != n else n] for i, n in zip(frame["id"], frame["floors"].tolist())]
print(json.dumps([frame.columns.tolist(), rows]))
"""


def same(found, rows):
    assert len(found["id"]) == len(rows)
    assert set(found["id"]) == set(rows)
    assert np.abs(np.array(found["xy"]) - [(rows[i]["x"], rows[i]["y"]) for i in found["id"]]).max() < 1e-7
    assert found["floors"] == [rows[i]["floors"] for i in found["id"]]


def test_all_features_are_those_stored(gdal, stored):
    found, _ = gdal()
    same(found, stored)


@pytest.mark.parametrize("crs", ["OGC:CRS84", "EPSG:4490", None])
def test_a_box(gdal, stored, crs):
    found, said = gdal(bbox=BOX, PAGE_SIZE="7", debug=True, **({"CRS": crs} if crs else {}))
    west, south, east, north = BOX
    rows = {i: row for i, row in stored.items() if west <= row["x"] <= east and south <= row["y"] <= north}
    same(found, rows)
    assert 0 < len(rows) < len(stored)
    assert "bbox=" in said


@pytest.mark.parametrize(
    ("where", "rule"), [("floors = 3", lambda n: n == 3), ("floors > 9", lambda n: n is not None and n > 9)]
)
def test_a_condition_is_pushed_to_the_server(gdal, stored, where, rule):
    found, said = gdal(where=where, debug=True)
    same(found, {i: row for i, row in stored.items() if rule(row["floors"])})
    assert "filter-lang=cql-text" in said or "floors=3" in said


def test_columns_are_chosen_in_the_address_of_a_file(gdal, stored):
    """The driver OAPIF of GDAL 3.12 reads every column of what it is asked for; `properties=` leaves them out here."""
    told, said = gdal(columns=["floors"], debug=True)
    assert told["columns"] == ["floors", "geometry"]
    assert told["floors"] == gdal()[0]["floors"]
    service = re.search(r"Fetch\((.*/ogc)/collections", said)[1]
    address = f"{service}/collections/points/items?f=flatgeobuf&properties=id,floors&limit=10000"
    columns, rows = asked(READ_FILE, address)
    assert columns == ["id", "floors", "geometry"]
    assert sorted(rows) == sorted([i, row["floors"]] for i, row in stored.items())


def test_every_layer_opens_with_its_type(gdal):
    listed, _ = gdal(list=True)
    assert {"points", "areas", "lines", "plain_list"} <= set(listed)
    assert "hidden" not in listed
    areas, _ = gdal(layer="areas")
    assert areas["types"] == ["MultiPolygon"]
    assert len(areas["id"]) == 100


TILES = """
import json, sys
import pyogrio
address, grid, deepest = sys.argv[1:]
frame = pyogrio.raw.read(f"OGCAPI:{address}", layer=f"Zoom level {deepest}", API="TILES", TILEMATRIXSET=grid)
names = list(frame[0]["fields"])
print(json.dumps(sorted(set(frame[3][names.index("id")].tolist()))))
"""


def asked(program, *arguments):
    """Run a program with GDAL in a process of its own and return its output."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("grid", "deepest"), [("WorldCRS84Quad", 14), ("CGCS2000Quad", 14)])
def test_tiles_of_sets_in_degrees_hold_every_feature(things_url, live_server, stored, grid, deepest):
    """In WebMercatorQuad GDAL 3.12 takes the degrees of a collection's extent for metres, and finds no tile."""
    address = live_server(things_url)
    assert asked(TILES, f"{address}/ogc/collections/points", grid, str(deepest)) == sorted(stored)


def test_the_whole_service_is_copied_where_there_are_rasters(maps):  # noqa: F811  # the service over rasters
    """GDAL takes a collection without a type for features, and stops at the first that has none."""
    described = maps.json("collections")["collections"]
    assert [one["itemType"] for one in described] == ["coverage"] * len(described)
