"""Every declared conformance class has a test that bears its name, and the other way round."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from twin.outlets.selection import NumberedChange, OutletBatch
from twin.outlets.webhook import events_of

OGC = "http://www.opengis.net/spec"
CQL2 = f"{OGC}/cql2/1.0/conf"
HERE = "POINT(113.305 23.1)"
SQUARE = "POLYGON((113.299 23.099, 113.311 23.099, 113.311 23.101, 113.299 23.101, 113.299 23.099))"

FILTERS = {
    "cql2-text": [("name = '天河 2'", "id = 'r0002'")],
    "basic-cql2": [
        ("name IS NULL", "i % 5 = 0"),
        ("NOT floors = 1 AND floors < 3", "i % 13 = 2"),
        ("floors >= 12 OR floors <> floors", "i % 13 = 12"),
        ("built = DATE('2025-01-04')", "i = 3"),
        ("seen_at < TIMESTAMP('2026-01-01T00:00:00Z')", "i in (0, 1, 2)"),
        ("active = FALSE", "i % 3 == 2"),
    ],
    "advanced-comparison-operators": [
        ("name LIKE '天河%'", "i % 5 > 1"),
        ("floors BETWEEN 2 AND 3", "i % 13 in (2, 3)"),
        ("floors IN (5, 7)", "i % 13 in (5, 7)"),
    ],
    "case-insensitive-comparison": [("CASEI(name) LIKE CASEI('A<B%')", "i % 5 == 1")],
    "accent-insensitive-comparison": [("ACCENTI(name) = ACCENTI('天河 2')", "i == 2")],
    "basic-spatial-functions": [(f"S_INTERSECTS(geom, {HERE})", "i == 1")],
    "basic-spatial-functions-plus": [("S_INTERSECTS(geom, BBOX(113.299,23.099,113.311,23.101))", "i < 3")],
    "spatial-functions": [
        (f"S_WITHIN(geom, {SQUARE})", "i < 3"),
        (f"S_DISJOINT(geom, {SQUARE})", "i >= 3"),
        (f"S_EQUALS(geom, {HERE})", "i == 1"),
    ],
    "temporal-functions": [
        ("T_AFTER(seen_at, TIMESTAMP('2026-02-28T00:00:00Z'))", "i >= 199"),
        ("T_DURING(seen_at, INTERVAL('..', '2025-12-31T23:00:00Z'))", "i < 1"),
        ("T_EQUALS(built, DATE('2025-01-02'))", "i == 1"),
    ],
    "array-functions": [
        ("A_CONTAINS(tags, ('x', '1'))", "i % 3 == 1"),
        ("A_OVERLAPS(tags, ('0', '2'))", "i % 3 != 1"),
    ],
    "property-property": [("floors = height_m", "i % 13 > 0 and i % 11 > 0 and i % 13 == (i % 11) * 1.5")],
    "arithmetic": [("height_m * 2 + 1 = 4", "i % 11 == 1"), ("floors % 2 = 1 AND floors - 1 = 2", "i % 13 == 3")],
}


def expected(condition):
    """Evaluate the condition over the rows that anonymous sees (grades 1 and 2)."""
    rule = condition.replace("id = 'r0002'", "i == 2").replace(" = ", " == ")
    return [f"r{i:04}" for i in range(200) if i % 4 < 2 and eval(rule, {"i": i})]  # noqa: S307  # our own text above


CASES = [
    pytest.param(text, condition, marks=pytest.mark.requirement(f"{CQL2}/{name}"), id=f"{name}: {text}")
    for name, cases in FILTERS.items()
    for text, condition in cases
]


@pytest.mark.parametrize(("text", "condition"), CASES)
@pytest.mark.requirement(f"{OGC}/ogcapi-features-3/1.0/conf/filter")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-3/1.0/conf/features-filter")
def test_a_filter_finds_what_it_says(service, text, condition):
    found = service.json("collections/points/items", filter=text, limit="1000", sortby="id")
    assert [feature["id"] for feature in found["features"]] == expected(condition)
    assert found["numberMatched"] == len(found["features"])


@pytest.mark.requirement(f"{CQL2}/cql2-json")
@pytest.mark.parametrize("posted", [False, True])
def test_a_filter_in_json(service, posted):
    box = {"op": "s_intersects", "args": [{"property": "geom"}, {"bbox": [113.2, 23.0, 113.4, 23.11]}]}
    text = json.dumps({"op": "and", "args": [{"op": "=", "args": [{"property": "floors"}, 3]}, box]})
    if posted:
        headers = {"content-type": "application/query-cql-json; charset=utf-8"}
        answer = service.ask(
            "collections/points/items", method="POST", content=text.encode(), headers=headers, limit="99"
        )
    else:
        answer = service.ask("collections/points/items", filter=text, filter__lang="cql2-json", limit="99")
    assert [f["id"] for f in answer.json()["features"]] == [f"r{i:04}" for i in range(60) if i % 13 == 3 and i % 4 < 2]


@pytest.mark.requirement(f"{OGC}/ogcapi-features-3/1.0/conf/queryables")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-3/1.0/conf/queryables-query-parameters")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-5/1.0/conf/queryables")
def test_queryables_are_all_that_a_filter_may_name(service):
    answer = service.ask("collections/points/queryables")
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    assert document["$id"] == "http://map.test/ogc/collections/points/queryables"
    assert document["additionalProperties"] is False
    names = document["properties"].keys()
    assert {"name", "height_m", "id", "geometry"} <= names
    assert not {"secret", "inner", "contact"} & names
    assert "secret" in service.json("collections/points/queryables", actor="operator")["properties"]
    assert "contact" not in service.json("collections/points/queryables", actor="masked")["properties"]
    for name in names - {"geometry"}:
        assert service.ask("collections/points/items", filter=f"{name} IS NULL").status_code == 200, name
    assert service.json("collections/points/items", floors="3")["numberMatched"] == 8
    assert service.ask("collections/points/items", secret="secret").status_code == 400


@pytest.mark.requirement(f"{OGC}/ogcapi-features-5/1.0/conf/schemas")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-5/1.0/conf/core-roles-features")
def test_the_schema_describes_every_member_of_a_feature(service):
    document = service.json("collections/points/schema")
    feature = service.json("collections/points/items/r0001")
    members = document["properties"]
    assert list(feature["properties"]) == [name for name in members if name not in {"id", "geometry"}]
    assert members["id"]["x-ogc-role"] == "id"
    assert members["geometry"] == members["geometry"] | {"format": "geometry-point", "x-ogc-role": "primary-geometry"}
    assert members["seen_at"]["x-ogc-role"] == "primary-instant"
    assert members["height_m"]["x-ogc-unit"] == "m"
    assert members["height_m"]["x-ogc-unitLang"] == "UCUM"
    assert members["height_m"]["x-onemap-titles"] == {"zh-CN": "高度", "en": "Height"}
    assert members["status"]["enum"]
    assert {"const", "title"} == members["status"]["oneOf"][0].keys()
    assert [m["x-ogc-propertySeq"] for m in members.values()] == list(range(1, len(members) + 1))
    english = service.json("collections/points/schema", lang="en")["properties"]
    assert english["height_m"]["title"] == "Height"
    assert members["height_m"]["title"] == "高度"
    assert not {"secret", "inner", "contact"} & members.keys()
    assert "contact" in service.json("collections/points/schema", actor="masked")["properties"]
    assert "geometry" not in service.json("collections/plain_list/schema")["properties"]


@pytest.mark.requirement(f"{OGC}/ogcapi-features-5/1.0/conf/sortables")
def test_sortables_are_all_that_sortby_may_name(service):
    names = service.json("collections/points/sortables")["properties"].keys()
    assert "floors" in names
    assert not {"tags", "extra", "secret", "geometry"} & names
    for name in names:
        assert service.ask("collections/points/items", sortby=f"-{name}").status_code == 200, name
    assert service.ask("collections/points/items", sortby="tags").status_code == 400


@pytest.mark.requirement(f"{OGC}/ogcapi-common-1/1.0/conf/core")
@pytest.mark.requirement(f"{OGC}/ogcapi-common-1/1.0/conf/landing-page")
@pytest.mark.requirement(f"{OGC}/ogcapi-common-1/1.0/conf/json")
@pytest.mark.requirement(f"{OGC}/ogcapi-common-1/1.0/conf/html")
def test_the_landing_page_speaks_both_forms(service):
    assert service.ask("/ogc").headers["content-type"] == "application/json"
    assert service.ask("/ogc", f="html").headers["content-type"] == "text/html; charset=utf-8"
    refused = service.ask("/ogc", f="xml")
    assert refused.status_code == 400
    assert "json" in refused.json()["description"]


@pytest.mark.requirement(f"{OGC}/ogcapi-features-1/1.0/conf/geojson")
@pytest.mark.requirement(f"{OGC}/json-fg-1/1.0/conf/core")
def test_features_come_as_geojson_and_json_fg(service):
    page = service.ask("collections/points/items", limit="3")
    assert page.headers["content-type"] == "application/geo+json"
    assert page.json()["features"][0]["geometry"] == {"type": "Point", "coordinates": [113.3, 23.1]}
    fg = service.ask("collections/points/items/r0001", f="jsonfg", crs="EPSG:4547").json()
    assert fg["conformsTo"]
    assert fg["geometry"] is None
    assert fg["place"]["type"] == "Point"
    assert fg["coordRefSys"].endswith("/4547")
    assert fg["time"] == {"timestamp": "2025-12-31T23:00:00.000000Z"}


@pytest.mark.requirement(f"{OGC}/json-fg-1/1.0/conf/types-schemas")
@pytest.mark.parametrize("path", ["items/r0001", "items?limit=5", "items?limit=5&properties=name", "items?properties="])
def test_json_fg_says_its_type_its_schema_and_its_time_whatever_is_asked_for(service, path):
    found = service.json(f"collections/points/{path}", f="jsonfg") if "?" not in path else None
    found = found or service.json(f"collections/points/{path}&f=jsonfg")
    assert f"{OGC}/json-fg-1/1.0/conf/types-schemas" in found["conformsTo"]
    assert any(link["rel"] == "describedby" for link in found["links"])
    for feature in found.get("features", [found]):
        assert feature["featureType"] == "points"
        assert feature["time"]["timestamp"].endswith("Z")


@pytest.mark.requirement(f"{OGC}/tms/2.0/conf/tilematrixset")
@pytest.mark.requirement(f"{OGC}/tms/2.0/conf/json-tilematrixset")
def test_tile_matrix_sets_say_how_their_tiles_lie(service):
    for listed in service.json("TileMatrixSets")["tileMatrixSets"]:
        document = service.json(f"TileMatrixSets/{listed['id']}")
        assert document["crs"]
        for matrix in document["tileMatrices"]:
            needed = {"id", "scaleDenominator", "cellSize", "pointOfOrigin", "tileWidth", "tileHeight"}
            assert needed | {"matrixWidth", "matrixHeight"} <= matrix.keys()


@pytest.mark.requirement(f"{OGC}/ogcapi-features-8/0.0/conf/sorting")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-8/0.0/conf/features-sorting")
def test_features_come_in_the_order_that_is_asked_for(service):
    found = service.json("collections/points/items", sortby="-floors,id", limit="200")["features"]
    order = [(-(f["properties"]["floors"] or -1), f["id"]) for f in found]
    assert order == sorted(order)


@pytest.mark.requirement(f"{OGC}/ogcapi-features-6/0.0/conf/properties")
def test_features_have_the_properties_that_are_asked_for(service):
    for feature in service.json("collections/points/items", properties="floors,name")["features"]:
        assert set(feature["properties"]) == {"floors", "name"}


@pytest.mark.requirement("https://www.opengis.net/spec/ogcapi-pubsub-1/1.0/conf/discovery")
@pytest.mark.parametrize("place", ["/ogc", "collections/points"])
def test_streams_are_found_from_the_landing_page_and_every_collection(service, place):
    hubs = [link for link in service.json(place)["links"] if link["rel"] == "hub"]
    described = [link for link in service.json("/ogc")["links"] if link["type"] == "application/asyncapi+json"]
    assert [hub["type"] for hub in hubs] == ["text/event-stream"]
    assert [link["rel"] for link in described] == ["service-desc"]
    document = service.json(described[0]["href"])
    assert document["asyncapi"].startswith("3.")
    assert "/live" in {str(channel["address"]).partition("{")[0] for channel in document["channels"].values()}
    assert hubs[0]["href"].partition("?")[0].endswith("/live")


@pytest.mark.requirement("https://www.opengis.net/spec/ogcapi-pubsub-1/1.0/conf/message-payload-cloudevents-json")
def test_what_a_webhook_receives_is_cloudevents():
    change = {"kind": "event", "layer": "events", "id": "e1", "operation": "update"}
    event = json.loads(
        orjson.dumps(events_of(OutletBatch(8, [NumberedChange(7, datetime.now(UTC), change)], is_last=True)))
    )[0]
    assert (event["specversion"], event["id"], event["subject"]) == ("1.0", "7", "events/e1")
    assert {"source", "type", "time", "datacontenttype"} <= event.keys()
    assert event["data"] == change


def test_every_declared_class_is_tested_and_every_tested_class_declared(service):
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    marked = set(re.findall(r'requirement\(f?"([^"]+)"\)', sources))
    tested = {uri.replace("{OGC}", OGC) for uri in marked if "{CQL2}/{name}" not in uri}
    tested = {uri.replace("{CQL2}", CQL2) for uri in tested} | {f"{CQL2}/{name}" for name in FILTERS}
    tested = {uri.replace("{CONF}", f"{OGC}/ogcapi-processes-1/1.0/conf") for uri in tested}
    tested |= {
        uri.replace("http:", "https:") for uri in tested if "/ogcapi-maps-1/" in uri
    }  # as that standard writes them
    declared = service.json("conformance")["conformsTo"]
    assert len(declared) == len(set(declared))
    assert set(declared) == tested
