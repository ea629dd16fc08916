"""Entities, their links and properties, as the requirements of the standard have them."""

from __future__ import annotations

import pytest

from server.sensorthings.entity_documents import PROPERTY_URI
from tests.server.sensorthings.asking import ROOT
from tests.server.sensorthings.world import SECRET, observations, series, things
from twin.sensing.entity_types import SETS, leads_to_many, linked_type

pytestmark = pytest.mark.requirement("http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel")


def test_the_root_lists_the_sets_and_what_is_met(sensors):
    root = sensors.found("")
    assert [(one["name"], one["url"]) for one in root["value"]] == [(name, f"{ROOT}/{name}") for name in SETS]
    assert "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel" in root["serverSettings"]["conformance"]


def test_every_visible_thing_series_and_observation_is_an_entity(sensors):
    assert {one["@iot.id"] for one in sensors.every("Things")} == {f"{layer}:{name}" for layer, name, *_ in things()}
    found = {one["@iot.id"]: one["unitOfMeasurement"]["symbol"] for one in sensors.every("Datastreams")}
    assert found == {f"{layer}:{name}:{code}": unit for layer, name, code, unit, _ in series()}
    every = sensors.every("Observations", top="1000")
    assert len(every) == len(observations()) == len({one["@iot.id"] for one in every})
    values = {(one["@iot.id"].rpartition(":")[0], one["phenomenonTime"]): one["result"] for one in every}
    expected = {
        (f"{layer}:{name}:{code}", at.isoformat().replace("+00:00", "Z")): value
        for layer, name, code, at, value, _ in observations()
    }
    assert values == expected


@pytest.mark.parametrize("name", SETS)
def test_every_entity_has_its_members_and_every_link_leads_somewhere(sensors, name):
    entity = SETS[name]
    for one in sensors.found(name, top="3")["value"]:
        links = {f"{link}@iot.navigationLink" for link in entity.links}
        assert set(one) == {"@iot.id", "@iot.selfLink", *entity.members, *links}
        assert sensors.found(one["@iot.selfLink"]) == one
        for link in entity.links:
            led = sensors.found(one[f"{link}@iot.navigationLink"])
            if leads_to_many(link):
                assert isinstance(led["value"], list)
                back = led["value"][:1]
            else:
                back = [led]
            for other in back:
                kin = linked_type(entity, link)
                assert set(other) >= {"@iot.id", "@iot.selfLink", *kin.members}
                assert sensors.found(name, filter=f"id eq '{one['@iot.id'].replace(chr(39), chr(39) * 2)}'")[
                    "value"
                ] == [one]


def test_links_lead_back(sensors):
    for datastream in sensors.found("Datastreams")["value"]:
        thing = sensors.found(f"{datastream['@iot.selfLink']}/Thing")
        own = sensors.found(f"{thing['@iot.selfLink']}/Datastreams")["value"]
        assert datastream["@iot.id"] in {one["@iot.id"] for one in own}
        code = datastream["@iot.id"].rpartition(":")[2]
        assert sensors.found(f"{datastream['@iot.selfLink']}/ObservedProperty")["definition"] == PROPERTY_URI + code


def test_an_entity_among_those_of_another_is_found_only_there(sensors):
    path = "Things('water_level_stations:W1')/Datastreams('water_level_stations:{}:level_m')"
    assert sensors.found(path.format("W1"))["name"] == "站 W1 水位"
    assert sensors.get(path.format("W2")).status_code == 404


def test_properties_values_and_references_have_addresses(sensors):
    thing = f"{ROOT}/Things('rain_gauges:R1')"
    assert sensors.found(f"{thing}/name") == {"name": "站 R1"}
    assert sensors.get(f"{thing}/name/$value").text == "站 R1"
    assert sensors.found(f"{thing}/properties/layer") == {"layer": "rain_gauges"}
    stream = f"{ROOT}/Datastreams('rain_gauges:R1:rain_mm')"
    assert sensors.get(f"{stream}/unitOfMeasurement/symbol/$value").text == "mm"
    refs = sensors.found(f"{thing}/Datastreams/$ref")["value"]
    assert refs == [{"@iot.selfLink": stream}]
    first = sensors.found(f"{stream}/Observations", filter="resultQuality eq null", top="1")["value"][0]
    assert sensors.get(f"{first['@iot.selfLink']}/resultQuality").status_code == 204


def test_what_is_expanded_is_what_the_links_lead_to(sensors):
    last = {"top": "3", "orderby": "phenomenonTime desc", "count": "true", "filter": "result gt 1", "select": "result"}
    inner = f"Observations({';'.join(f'${name}={text}' for name, text in last.items())})"
    found = sensors.found("Things", expand=f"Locations,Datastreams($expand={inner},ObservedProperty,Sensor)")
    for thing in found["value"]:
        assert thing["Locations"] == sensors.found(thing["Locations@iot.navigationLink"])["value"]
        for stream in thing["Datastreams"]:
            own = sensors.found(stream["Observations@iot.navigationLink"], **last)
            assert stream["Observations"] == own["value"]
            assert stream["Observations@iot.count"] == own["@iot.count"]
            assert ("Observations@iot.nextLink" in stream) == ("@iot.nextLink" in own)
            if "@iot.nextLink" in own:
                assert (
                    sensors.found(stream["Observations@iot.nextLink"])["value"]
                    == sensors.found(own["@iot.nextLink"])["value"]
                )
            assert stream["Sensor"] == sensors.found(stream["Sensor@iot.navigationLink"])
            assert stream["ObservedProperty"] == sensors.found(stream["ObservedProperty@iot.navigationLink"])


def test_a_path_in_expand_is_what_it_is_in_parentheses(sensors):
    one = sensors.found("Datastreams", expand="Thing/Locations", top="2")
    assert one["value"] == sensors.found("Datastreams", expand="Thing($expand=Locations)", top="2")["value"]


def test_observations_as_arrays_are_the_same_observations(sensors):
    plain = sensors.found("Observations", top="40", filter="result gt 2")
    arrays = sensors.found("Observations", top="40", filter="result gt 2", resultFormat="dataArray")
    listed = [
        dict(zip(group["components"], values, strict=True))
        for group in arrays["value"]
        for values in group["dataArray"]
    ]
    members = ("phenomenonTime", "resultTime", "result", "resultQuality")
    assert listed == [{"id": one["@iot.id"], **{name: one[name] for name in members}} for one in plain["value"]]
    assert sensors.found(arrays["@iot.nextLink"])["value"][0]["dataArray"]


def test_the_hidden_station_is_nowhere(sensors):
    assert sensors.get(f"Things('water_level_stations:{SECRET}')").status_code == 404
    assert sensors.found("Observations", filter="result gt 9", count="true")["@iot.count"] == 0
    assert sensors.found("Things", filter=f"substringof('{SECRET}', name)")["value"] == []
    seen = sensors.get(f"Things('water_level_stations:{SECRET}')/Datastreams", actor="all").json()["value"]
    assert [one["@iot.id"] for one in seen] == [f"water_level_stations:{SECRET}:level_m"]
    assert sensors.get("Observations", actor="public", count="true").json()["@iot.count"] == 0
