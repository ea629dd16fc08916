"""Answers in GCJ-02 and BD-09: put back by the inverse, each is what the answer in CRS84 says."""

from __future__ import annotations

import io
import re

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from layers.coordinates.datum import DATUMS
from layers.database.connection import Role, connect
from layers.policy.read import read_policy
from server.formats.table import FORMATS
from tests.layers.schema.fixture import point, put
from tests.readers import SHIPPED_POLICY
from tests.rights.roles import readers
from tests.rights.service import Readers
from tests.twin.answer_datum import OF_HISTORY, OPERATIONS, assert_declared, assert_same, read_answer, read_json
from tests.twin.service import serving

_LAYERS = ("grids", "waterways", "video_points")
_SHIFTING = [media.f for media in FORMATS if media.shifts]
_ADDRESS = {"address": "龙口西路120号", "road_name": "龙口西路", "house_number": "120号"}
_JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def service(cluster, fixture_url):
    """The application over the worked fixture, with a row of each layer that the fixture has not."""
    with serving(cluster, fixture_url, _put) as running:
        yield running


async def _put(url):
    connection = await connect(url, Role.OWNER)
    try:
        await put(connection, "addresses", "A1", point(350, 350), **_ADDRESS)
        await put(connection, "service_sites", "S1", point(360, 350), name="S1")
        await put(connection, "grid_workers", "G1", point(370, 350), name="G1", on_duty=True)
        await put(connection, "broadcast_terminals", "T1", point(360, 350), range_m=300.0, online_status="online")
        await put(connection, "events", "W1", point(380, 350), title="W1", cap="{}")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def ruled(service):
    """The same for holders of the shipped policy's roles."""
    running = Readers(service.url, readers(read_policy(SHIPPED_POLICY)))
    yield running
    running.close()


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/ogc/collections/video_points/items?limit=20", "crs"),
        ("/ogc/collections/video_points/items?limit=20&f=csv", "crs"),
        ("/twin/nearby?lon=113.3316634&lat=23.1395597&radius_m=800&layers=video_points", "answer_crs"),
    ],
)
def test_a_masked_place_is_the_middle_of_its_cell_in_every_datum(service, ruled, path, parameter, datum):
    f = "csv" if "f=csv" in path else "json"
    exact = read_answer(service.ask(path).content, f)
    plain, shifted = ruled.ask(path, actor="analyst"), ruled.ask(path, actor="analyst", **{parameter: datum})
    masked = read_answer(plain.content, f)
    assert_same(masked, read_answer(shifted.content, f), datum)
    assert {*map(tuple, masked.lonlat.tolist())} != {*map(tuple, exact.lonlat.tolist())}


def test_every_operation_that_takes_a_datum_is_asked(service):
    taking = {
        path
        for path, said in service.app.openapi()["paths"].items()
        for one in said.get("get", {}).get("parameters", [])
        if one.get("name") == "answer_crs"
    }
    assert taking == {*OPERATIONS, *OF_HISTORY}


_PLACED = {"features", "geometry", "lon", "lat", "coordinates"}
_OF_PLACES = ("geo+json", "coverage+json", "ndjson", "parquet", "arrow")
_IN_DEGREES = {
    "/policy": "where the word geometry is a right",
    "/twin/features/{layer}/{feature_id}/observations": "values without a place",
    "/twin/themes": "a view of the page's map",
}
"""Answers that come in CRS84 alone, though they say places, and why."""


_FILLED = {"layers": "grids", "tileMatrixSetId": "WebMercatorQuad", "styleId": "light", "featureId": "V1"}
_FILLED |= {"z": "14", "x": "13345", "y": "7104", "tileMatrix": "14", "tileRow": "7104", "tileCol": "13345"}


def _operations(service):
    """Every GET of both documents: its address, the names of its parameters, and whether its answer says places."""
    own, ogc = service.app.openapi(), service.json("/ogc/openapi?f=json")
    for document, base in ((own, ""), (ogc, "/ogc")):
        for path, said in document["paths"].items():
            of_collection = re.match("/collections/(?!grids|vehicles|water_level_stations)", path)
            if "get" in said and not of_collection:  # the others are made as these are
                operation = said["get"]
                given = [*operation.get("parameters", []), *said.get("parameters", [])]
                names = {_looked_up(document, one)["name"] for one in given}
                content = _looked_up(document, operation["responses"]["200"]).get("content", {})
                is_placed = any(one in media for media in content for one in _OF_PLACES)
                yield base, path, names, is_placed or bool(_PLACED & {*_members(document, content)})


def _looked_up(document, node):
    for part in node.get("$ref", "#/").removeprefix("#/").split("/") if "$ref" in node else ():
        document = document[part]
    return document if "$ref" in node else node


def _members(document, node, seen=()):
    """The names of the members of a schema, and of those within."""
    if isinstance(node, list):
        for one in node:
            yield from _members(document, one, seen)
    elif isinstance(node, dict) and node.get("$ref") not in seen:
        if "$ref" in node:
            yield from _members(document, _looked_up(document, node), (*seen, node["$ref"]))
        elif isinstance(node.get("properties"), dict):
            yield from node["properties"]
        for value in node.values():
            yield from _members(document, value, seen)


def test_every_answer_with_places_takes_a_datum_and_no_other_address_takes_one_for_nothing(service):
    left_over = dict(_IN_DEGREES)
    for base, path, names, is_placed in _operations(service):
        takes = {"crs", "answer_crs"} & names
        assert not is_placed or takes or left_over.pop(path, None), f"{path} says places, and takes no datum"
        for name in {"crs", "answer_crs"} - names:
            address = re.sub(r"\{(\w+)\}", lambda found: _FILLED.get(found[1], "1"), base + path)
            answer = service.ask(address, **{name: "gcj02"})
            assert answer.status_code in {400, 404}, (address, name, answer.status_code)
            assert answer.status_code == 404 or name in answer.text, (address, answer.text[:200])
    assert not left_over


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize("path", [path for paths in OPERATIONS.values() for path in paths])
def test_operations(service, path, datum):
    plain, shifted = service.ask(path), service.ask(path, answer_crs=datum)
    assert shifted.status_code == 200, shifted.text
    assert_same(read_json(plain.json()), read_json(shifted.json()), datum)
    assert_declared(shifted, datum)
    assert shifted.json()["datum"] == datum
    assert all(one["datum"] == datum for one in shifted.json().get("features", []))
    assert '"datum":' not in plain.text
    assert "content-crs" not in plain.headers


def test_a_question_and_its_answer_in_one_datum(service):
    plain = service.json("/twin/locate?lon=113.3316634&lat=23.1395597")
    asked = service.json("/twin/locate?lon=113.3316634&lat=23.1395597&answer_crs=gcj02")
    again = service.json(f"/twin/locate?lon={asked['lon']}&lat={asked['lat']}&crs=gcj02&answer_crs=gcj02")
    assert {name: again[name] for name in ("grid", "match", "urban_villages")} == {
        name: plain[name] for name in ("grid", "match", "urban_villages")
    }
    assert (again["lon"], again["lat"]) == pytest.approx((asked["lon"], asked["lat"]), abs=1e-7)


def test_the_crs_of_the_question_alone_leaves_the_answer_as_it_was(service):
    answer = service.ask("/twin/locate?lon=113.3370923&lat=23.1369737&crs=gcj02")
    assert answer.json()["lon"] == pytest.approx(113.33165, abs=1e-5)
    assert "datum" not in answer.json()


def test_a_question_by_a_body_names_the_datum_in_it(service):
    body = {"point": [113.3316634, 23.1395597]}
    asked = {"method": "POST", "headers": _JSON}
    plain = service.ask("/twin/nearest-resources", content=orjson.dumps(body), **asked)
    shifted = service.ask("/twin/nearest-resources", content=orjson.dumps({**body, "answer_crs": "bd09"}), **asked)
    assert_same(read_json(plain.json()), read_json(shifted.json()), "bd09")
    assert_declared(shifted, "bd09")


def test_a_process_answers_in_a_datum(service):
    inputs = {"lon": 113.3316634, "lat": 23.1395597, "answer_crs": "gcj02"}
    path = "/ogc/processes/locate/execution"
    answer = service.ask(path, method="POST", content=orjson.dumps({"inputs": inputs}), headers=_JSON)
    assert answer.status_code == 200, answer.text
    assert answer.json()["datum"] == "gcj02"


@pytest.mark.parametrize("name", ["gcj2", "EPSG:4547", "wgs84", ""])
def test_another_name_is_refused_with_what_is_allowed(service, name):
    for path in ("/twin/locate?lon=113.33&lat=23.14", "/twin/route?from=113.33,23.14&to=113.34,23.14"):
        answer = service.ask(f"{path}&answer_crs={name}")
        assert answer.status_code == 400
        assert "OGC:CRS84, gcj02, bd09" in answer.text


def test_crs84_may_be_named(service):
    path = "/twin/locate?lon=113.3316634&lat=23.1395597"
    plain, named = service.ask(path), service.ask(f"{path}&answer_crs=OGC:CRS84")
    assert plain.json() == named.json()
    assert named.headers["content-crs"].endswith("CRS84>")


def test_the_name_of_a_datum_is_an_address(service):
    answer = service.ask("/ogc/collections/grids/items?crs=bd09&limit=1")
    found = service.json(answer.headers["content-crs"].strip("<>"), actor="anonymous")
    assert (found["id"], found["registered"], found["axes"]) == ("bd09", False, ["longitude", "latitude"])
    assert service.ask("/crs/wgs84").status_code == 404


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize("f", [f for f in _SHIFTING if f != "xlsx"])
def test_items(service, f, datum):
    for layer in _LAYERS:
        path = f"/ogc/collections/{layer}/items?limit=20&f={f}"
        plain, shifted = service.ask(path), service.ask(f"{path}&crs={datum}")
        assert shifted.status_code == 200, shifted.text
        assert_same(read_answer(plain.content, f), read_answer(shifted.content, f), datum)
        assert_declared(shifted, datum)
        assert plain.headers.get("etag") is None or plain.headers["etag"] != shifted.headers["etag"]
        if f == "json":
            page = shifted.json()
            assert [page["datum"], *(one["datum"] for one in page["features"])] == [datum] * (1 + len(page["features"]))
            assert "datum" not in plain.json()


@pytest.mark.parametrize("datum", DATUMS)
def test_a_question_for_features_comes_in_the_datum_of_its_answer(service, datum):
    page = service.json(f"/ogc/collections/video_points/items?limit=100&crs={datum}")
    for one in page["features"]:
        x, y = one["geometry"]["coordinates"]
        near = f"{x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}"
        found = service.json(f"/ogc/collections/video_points/items?bbox={near}&bbox-crs={datum}&crs={datum}")
        by_filter = f"filter=S_DWITHIN(geom,POINT({x} {y}),0.2)&filter-crs={datum}".replace(" ", "%20")
        filtered = service.json(f"/ogc/collections/video_points/items?{by_filter}&crs={datum}")
        assert one in found["features"]
        assert found["features"] == filtered["features"]
        unshifted = service.json(f"/ogc/collections/video_points/items?bbox={near}")
        assert one["id"] not in [other["id"] for other in unshifted["features"]]


@pytest.mark.parametrize("datum", DATUMS)
def test_a_single_feature(service, datum):
    plain, shifted = (
        service.ask(f"/ogc/collections/grids/items/{_grid(service)}{crs}") for crs in ("", f"?crs={datum}")
    )
    assert_same(read_json(plain.json()), read_json(shifted.json()), datum)
    assert_declared(shifted, datum)
    assert shifted.json()["datum"] == datum


def _grid(service) -> str:
    return service.json("/ogc/collections/grids/items?limit=1")["features"][0]["id"]


def test_all_features_as_text(service):
    path = "/ogc/collections/video_points/items?limit=all"
    assert_same(read_json(service.json(path)), read_json(service.json(f"{path}&crs=gcj02")), "gcj02")


def test_the_next_page_has_the_same_datum(service):
    page = service.json("/ogc/collections/grids/items?limit=1&crs=bd09")
    (following,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
    assert "crs=bd09" in following
    assert service.json(following)["datum"] == "bd09"


def test_columns_claim_no_system(service):
    path = "/ogc/collections/grids/items?crs=gcj02"
    stored = pq.read_metadata(io.BytesIO(service.ask(f"{path}&f=parquet").content)).metadata
    geo = orjson.loads(stored[b"geo"])
    assert geo["columns"]["geometry"]["crs"] is None
    assert orjson.loads(stored[b"onemap"])["datum"] == "gcj02"
    schema = pa.ipc.open_stream(service.ask(f"{path}&f=arrow").content).schema
    assert "crs" not in orjson.loads(schema.field("geometry").metadata[b"ARROW:extension:metadata"])


def test_the_boxes_of_columns_are_those_of_the_shifted_geometries(service):
    content = service.ask("/ogc/collections/grids/items?crs=gcj02&f=parquet").content
    table = pq.read_table(io.BytesIO(content))
    bounds = shapely.bounds(shapely.from_wkb(np.array(table.column("geometry").to_pylist(), dtype=object)))
    found = [[box[side] for side in ("xmin", "ymin", "xmax", "ymax")] for box in table.column("bbox").to_pylist()]
    assert np.array_equal(bounds, np.array(found))


@pytest.mark.parametrize("f", [media.f for media in FORMATS if not media.shifts])
def test_a_format_that_cannot_say_it_is_refused(service, f):
    addresses = [f"/ogc/collections/grids/items?f={f}&crs=gcj02"]
    addresses += [f"/ogc/collections/grids/items/{_grid(service)}?f={f}&crs=gcj02"] if f in {"jsonfg", "html"} else []
    for address in addresses:
        answer = service.ask(address)
        assert answer.status_code == 400, address
        assert "f=json" in answer.text


@pytest.mark.parametrize("path", ["/ogc/collections/grids/items", "/ogc/collections/grids/items/any"])
def test_another_name_is_refused(service, path):
    answer = service.ask(f"{path}?crs=gcj2")
    assert answer.status_code == 400
    assert "gcj02, bd09" in answer.text
