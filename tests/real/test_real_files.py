"""Real files of a district: loaded, served, read back by GDAL, and equal to what was in them (``--real FOLDER``)."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pyogrio
import pytest
import shapely

from layers.load import LoadOptions, load_file
from layers.schema.tables import sync_definitions

FILES = {
    "real_waterways": ("odbl/waterways.geojson", {}),
    "real_roads": ("odbl/wushan_road_edges.geojson", {}),
    "real_places": ("odbl/wushan_building_points.geojson", {}),
    "real_districts": ("admin/guangzhou_districts_wgs84.geojson", {"anywhere": True}),
    "real_outline": ("admin/tianhe_district_gcj02.geojson", {"crs": "gcj02"}),
}
BOXES = {
    "real_waterways": (113.31, 23.12, 113.36, 23.16),
    "real_roads": (113.335, 23.15, 113.342, 23.16),
    "real_places": (113.335, 23.15, 113.342, 23.16),
}
READ = """
import json, sys
import pyogrio, shapely
layer, source, asked = json.loads(sys.argv[1])
asked = {k: tuple(v) if isinstance(v, list) else v for k, v in asked.items()}
frame = pyogrio.read_dataframe(source, layer=layer, **asked)
print(json.dumps({"wkb": [g.hex() for g in shapely.to_wkb(frame.geometry.array)], "columns": list(frame.columns),
                  "names": [None if n != n else n for n in frame.get("name", [])]}))
"""


@pytest.fixture(scope="module")
def real_url(cluster, template, real):
    from tests.databases import run_async, temporary_database  # noqa: PLC0415  # fixtures of a module need what those of a test have

    with temporary_database(cluster, template) as url:
        run_async(_load_all(url, real))
        yield url


async def _load_all(url, real):
    await sync_definitions(url)
    for layer, (name, options) in FILES.items():
        summary = await load_file(url, real / name, layer, LoadOptions(grade=1, **options))
        assert summary.read == summary.loaded, summary.rejected


@pytest.fixture
def gdal(cluster, real_url, live_server):
    from tests.databases import temporary_database  # noqa: PLC0415

    with temporary_database(cluster, real_url) as url:
        address = live_server(url)

        def read(layer, **asked):
            question = json.dumps([layer, f"OAPIF:{address}/ogc", asked])
            command = [sys.executable, "-c", READ, question]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout)
            return found, shapely.from_wkb([bytes.fromhex(text) for text in found["wkb"]])

        yield read


def of_file(real, layer, **asked):
    frame = pyogrio.read_dataframe(real / FILES[layer][0], **asked)
    return frame, np.asarray(frame.geometry.array)


def same_shapes(ours, theirs, tolerance_deg=1e-7):
    """Whether every shape of one is one of the other, in whatever order, whatever its parts are called."""
    tree = shapely.STRtree(theirs)
    left = list(range(len(theirs)))
    for shape in ours:
        near = [i for i in tree.query(shape.buffer(1e-6)) if i in left]
        match = next((i for i in near if shapely.hausdorff_distance(shape, theirs[i]) <= tolerance_deg), None)
        if match is None:
            return False
        left.remove(match)
    return not left


@pytest.mark.parametrize("layer", ["real_waterways", "real_roads", "real_places", "real_districts"])
def test_all_features_come_back_as_they_were(real, gdal, layer):
    _, ours = gdal(layer)
    _, theirs = of_file(real, layer)
    assert len(ours) == len(theirs)
    assert same_shapes(ours, theirs)


def test_names_come_back_and_nothing_stays_nothing(real, gdal):
    found, _ = gdal("real_waterways")
    frame, _ = of_file(real, "real_waterways")
    assert sorted(n for n in found["names"] if n) == sorted(frame["name"].dropna())
    assert found["names"].count(None) == frame["name"].isna().sum() > 0


@pytest.mark.parametrize("layer", ["real_waterways", "real_roads", "real_places"])
def test_a_box_selects_what_it_selects_in_the_file(real, gdal, layer):
    box = BOXES[layer]
    _, ours = gdal(layer, bbox=box)
    _, theirs = of_file(real, layer)
    inside = theirs[shapely.intersects(theirs, shapely.box(*box))]
    assert len(inside) > 0
    assert same_shapes(ours, inside)


def test_a_condition_selects_what_it_selects_in_the_file(real, gdal):
    frame, shapes = of_file(real, "real_waterways")
    name = frame["name"].dropna().iloc[0]
    found, ours = gdal("real_waterways", where=f"name = '{name}'")
    assert set(found["names"]) == {name}
    assert same_shapes(ours, shapes[(frame["name"] == name).to_numpy()])


def test_the_gcj02_outline_lies_on_the_wgs84_one(real, gdal):
    _, outline = gdal("real_outline")
    frame, districts = of_file(real, "real_districts")
    code = next(column for column in frame.columns if frame[column].astype(str).eq("440106").any())
    tianhe = districts[frame[code].astype(str).eq("440106").to_numpy()][0]
    converted = shapely.union_all(outline)
    raw = shapely.union_all(pyogrio.read_dataframe(real / FILES["real_outline"][0]).geometry.array)
    assert _overlap(converted, tianhe) > 0.99
    assert _overlap(raw, tianhe) < 0.86


def _overlap(a, b):
    return shapely.area(shapely.intersection(a, b)) / shapely.area(shapely.union(a, b))
