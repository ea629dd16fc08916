"""The schema of a feature is valid for every feature, and GDAL reads the types of fields from it."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

RELS = {"describedby", "describedBy"}
LAYERS = ("points", "areas", "lines", "plain_list", "hidden")
READ_TYPES = """
import json, sys, warnings
import pyogrio
warnings.simplefilter("error")
source, layer = sys.argv[1:]
told = pyogrio.read_info(source, layer=layer)
frame = pyogrio.read_dataframe(source, layer=layer, read_geometry=False)
pairs = zip(told["ogr_types"], told["ogr_subtypes"])
kinds = [kind if sub == "OFSTNone" else f"{kind}/{sub}" for kind, sub in pairs]
print(json.dumps({
    "types": dict(zip(told["fields"].tolist(), kinds)),
    "heights": [None if n != n else n for n in frame["height_m"].tolist()],
}))
"""


def links_of(document):
    return [link for link in document["links"] if link["rel"] in RELS]


def valid(service, schema, path, actor):
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    features = service.json(path, actor=actor)["features"]
    for feature in features:
        checker.validate(feature)
    return features


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("actor", ["anonymous", "operator", "masked"])
def test_every_feature_is_valid_by_the_schema_that_its_page_names(service, layer, actor):
    if layer == "hidden" and actor != "operator":
        assert service.ask(f"collections/{layer}/schema/feature", actor=actor).status_code == 404
        return
    for parameters in ("", "&skipGeometry=true", "&properties=name,status"):
        path = f"collections/{layer}/items?limit=200{parameters}"
        links = links_of(service.json(path, actor=actor))
        assert {link["rel"] for link in links} == RELS
        assert {link["type"] for link in links} == {"application/schema+json"}
        (address,) = {link["href"] for link in links}
        answer = service.ask(address.removeprefix("http://map.test"), actor=actor)
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == address
        assert valid(service, answer.json(), path, actor)
    one = service.json(f"collections/{layer}/items/r0001", actor=actor)
    assert {link["href"] for link in links_of(one)} == {address}
    jsonschema.validate(one, answer.json())


def test_a_wrong_feature_is_not_valid(service):
    schema = service.json("collections/points/schema/feature?nulls=true")
    feature = service.json("collections/points/items/r0001")
    for wrong in (
        {"properties": {**feature["properties"], "height_m": "high"}},
        {"properties": {**feature["properties"], "status": "9"}},
        {"geometry": {"type": "Polygon", "coordinates": []}},
        {"id": 7},
        {"type": "Thing"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(feature | wrong, schema)


@pytest.mark.parametrize("layer", ["points", "plain_list"])
def test_a_collection_names_the_schema_of_single_types(service, layer):
    links = links_of(service.json(f"collections/{layer}"))
    assert {link["rel"] for link in links} == RELS
    members = service.json(links[0]["href"].removeprefix("http://map.test"))["properties"]["properties"]["properties"]
    assert all(isinstance(member["type"], str) for member in members.values())
    logical = service.json(f"collections/{layer}/schema")["properties"]
    assert members.keys() == logical.keys() - {"id", "geometry"}
    assert not {"secret", "inner", "contact"} & members.keys()


def test_events_have_versions_beyond_32_bits():
    from layers.definition import read_definitions  # noqa: PLC0415  # no other test here needs them

    (events,) = [one for one in read_definitions().values() if one.id == "events"]
    assert events.by_name["source_version"].large


def test_a_bad_parameter_is_refused(service):
    answer = service.ask("collections/points/schema/feature?nulls=maybe")
    assert answer.status_code == 400
    assert "true, false" in answer.json()["description"]


def test_gdal_reads_the_types_that_the_fields_have(things_url, live_server):
    """Without a schema it would guess from the first page: a height of 0 as an integer, a date as text."""
    source = f"OAPIF:{live_server(things_url)}/ogc"
    command = [sys.executable, "-c", READ_TYPES, source, "points"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    expected = {
        "height_m": "OFTReal",
        "floors": "OFTInteger",
        "active": "OFTInteger/OFSTBoolean",
        "built": "OFTDate",
        "seen_at": "OFTDateTime",
        "name": "OFTString",
        "tags": "OFTStringList",
    }
    assert found["types"] == found["types"] | expected
    assert 1.5 in found["heights"]
