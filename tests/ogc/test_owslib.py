"""OWSLib reads features, processes, jobs and EDR, as the docs say."""

from __future__ import annotations

import pytest
from owslib.ogcapi.edr import EnvironmentalDataRetrieval
from owslib.ogcapi.features import Features
from owslib.ogcapi.processes import Processes

from tests.databases import run_async, temporary_database
from tests.server.sensorthings.world import STATIONS, fill

LAYER = "water_level_stations"
PLACE = {"lon": 113.30, "lat": 23.10}  # of the first station


@pytest.fixture
def address(cluster, layers_template, live_server):
    """Return the address of the API, as a client is given it."""
    with temporary_database(cluster, layers_template) as url:
        run_async(fill(url))
        yield f"{live_server(url)}/ogc"


def test_owslib_reads_features_processes_and_edr(address):
    features = Features(address)
    assert {LAYER, "rain_gauges"} <= set(features.feature_collections())
    page = features.collection_items(LAYER, limit=2, sortby=("name", "desc"))
    names = [one["properties"]["name"] for one in page["features"]]
    assert names == sorted(names, reverse=True)
    boxed = features.collection_items(LAYER, bbox=(113.29, 23.09, 113.305, 23.102), filter="name LIKE '站%'")
    assert [one["id"] for one in boxed["features"]] == [STATIONS[0]]
    one = features.collection_item(LAYER, STATIONS[0])
    assert one["properties"] == boxed["features"][0]["properties"]
    assert "name" in features.collection_queryables(LAYER)["properties"]

    processes = Processes(address)
    assert {"locate", "join"} <= {one["id"] for one in processes.processes()}
    assert "radius_m" in processes.process("nearby")["inputs"]
    inputs = {**PLACE, "radius_m": 500, "layers": LAYER}
    found = processes.execute("nearby", inputs)
    assert [one["id"] for one in found["result"]["features"]] == [STATIONS[0]]
    assert processes.execute("nearby", inputs, async_=True)["status"] in {"accepted", "running", "successful"}

    edr = EnvironmentalDataRetrieval(address)
    assert "position" in edr.collection(LAYER)["data_queries"]
    told = edr.query_data(LAYER, "position", coords=f"POINT({PLACE['lon']} {PLACE['lat']})")
    assert told["type"] in {"Coverage", "CoverageCollection"}
