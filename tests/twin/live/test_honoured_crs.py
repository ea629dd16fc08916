"""A coordinate system is honoured or refused: nothing is accepted that changes nothing."""

from __future__ import annotations

import httpx
import numpy as np
import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from layers.actor import OPERATOR
from layers.catalog import Catalog
from layers.coordinates.datum import DATUMS, to_datum
from layers.cql2 import FilterLimits
from server.live.shifted import shifted
from tests.databases import execute, run_async
from twin.live.change_batch import ChangeBatch
from twin.live.subscriber import StreamNotice
from twin.live.subscription import SubscriptionParams, read_interest

LON, LAT = st.floats(113, 114), st.floats(22.9, 23.6)
REFUSED = [
    "/twin/feeds?crs=gcj02",
    "/twin/nearby?lon=113.33&lat=23.13&radius_m=100&layers=grids&limit=1&answer_crs=nonsense",
    "/twin/features/waterways/none/observations?property=a&crs=gcj02",
    "/sta/v1.1/Things?crs=gcj02",
    "/ogc/processes?crs=gcj02",
    "/tiles/grids/14/13345/7104.mvt?crs=gcj02",
    "/live?crs=EPSG:4547",
    "/live?answer_crs=gcj02",
]


@pytest.fixture
def client(served_layers_url, live_server):
    place = "ST_SetSRID(ST_MakePoint(113.33, 23.13), 4490)"
    run_async(execute(served_layers_url, f"INSERT INTO layer.rain_gauges (id, geom) VALUES ('G1', {place})"))
    with httpx.Client(base_url=live_server(served_layers_url), timeout=60) as http:
        yield http


def test_a_system_is_honoured_or_refused_in_words(client):
    for address in REFUSED:
        answer = client.get(address)
        assert answer.status_code == 400, (address, answer.text)
        assert "crs" in answer.text, address
    assert "items and EDR" in client.get("/sta/v1.1/Things?crs=gcj02").text
    assert client.get("/twin/feeds").status_code == 200
    (there,) = client.get("/ogc/collections/rain_gauges/items", params={"crs": "gcj02"}).json()["features"]
    asked = {"layers": "rain_gauges", "snapshot": "true", "crs": "gcj02"}
    with client.stream("GET", "/live", params=asked) as stream:
        line = next(one for one in stream.iter_lines() if one.startswith("data: ") and "features" in one)
    (shown,) = orjson.loads(line.removeprefix("data: "))["features"]
    assert (shown["geometry"], shown["datum"]) == (there["geometry"], "gcj02")
    x, y = there["geometry"]["coordinates"]
    near = {"bbox": f"{x - 1e-6},{y - 1e-6},{x + 1e-6},{y + 1e-6}"}
    by_filter = {"filter": f"S_DWITHIN(geom,POINT({x} {y}),0.2)"}
    for narrowed, system in ((near, "bbox-crs"), (by_filter, "filter-crs")):
        for named, number in (({system: "gcj02"}, 1), ({}, 0)):
            found = client.get("/twin/snapshot", params={"layers": "rain_gauges", **narrowed, **named})
            assert len(found.json()["layers"]["rain_gauges"]["features"]) == number, (narrowed, named)
    assert client.get("/live", params={"bbox-crs": "gcj02"}).status_code == 400


@given(st.lists(LON, min_size=2, max_size=2), st.lists(LAT, min_size=2, max_size=2), LON, LAT, st.sampled_from(DATUMS))
def test_a_box_in_a_datum_holds_what_lies_in_it_there(xs, ys, lon, lat, datum):
    (west, east), (south, north) = sorted(xs), sorted(ys)
    ((x, y),) = to_datum(np.array([[lon, lat]]), datum)
    assume(min(abs(x - west), abs(x - east), abs(y - south), abs(y - north), east - west, north - south) > 1e-4)
    asked = SubscriptionParams(bbox=[west, south, east, north], bbox_crs=datum)
    interest = read_interest(Catalog({}), OPERATOR, asked, FilterLimits())
    assert interest.wants({"layer": "a"}, lambda _: {"lon": lon, "lat": lat}) == (west < x < east and south < y < north)


@given(st.lists(st.tuples(LON, LAT), min_size=1, max_size=5), st.sampled_from(["gcj02", "bd09"]))
def test_changes_are_shifted_once_for_all_and_nothing_else_is(places, datum):
    changes = [
        {
            "kind": "feature", "layer": "a", "id": str(n), "lon": lon, "lat": lat, "old": None,
            "new": [lon, lat, lon + 0.01, lat + 0.01], "area": {"type": "Point", "coordinates": [lon, lat]},
        }
        for n, (lon, lat) in enumerate(places)
    ]  # fmt: skip
    changes.append({"kind": "observation", "layer": "a", "id": "z", "value": 1.5, "lon": None, "lat": None})
    batch = ChangeBatch(7, [orjson.dumps(one) for one in changes], "r")
    told = shifted(batch, datum)
    assert told is shifted(batch, datum)
    assert (told.seq, told.rights, shifted(batch, None)) == (7, "r", batch)
    for before, after in zip(changes, orjson.loads(told.body), strict=True):
        assert after.pop("datum") == datum
        if before["lon"] is not None:
            corners = [[before["lon"], before["lat"]], before["new"][:2], before["new"][2:]]
            x, y, *box = (round(float(one), 7) for one in to_datum(np.array(corners), datum).ravel())
            assert (after["lon"], after["lat"], after["new"]) == (x, y, box)
            before.update(lon=x, lat=y, new=box)
        assert after == before
    assert shifted(StreamNotice("heartbeat", 3), datum) == StreamNotice("heartbeat", 3)
