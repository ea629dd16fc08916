"""Every geometry that is given out is plain GeoJSON in CRS84 (RFC 7946), and what is given out is taken in again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from server.identity.operator_token import TOKEN_FILE
from server.settings import load_settings
from tests.databases import run_async, temporary_database
from tests.running_app import running_app
from tests.twin.feeds.test_cap import sample
from tests.twin.feeds.test_feeds import SECRET, Sender, cloudevent
from tests.twin.named import put_named
from twin.envelope.area import area, geometry
from twin.feeds.signature import sign

TOKEN = "a-token-of-the-operator-of-forty-letters"
KINDS = {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
HERE = "lon=113.35&lat=23.13"
OUTPUTS = [
    "/twin/warnings",
    "/twin/aggregate?layer=events&by=street&f=geojson",
    "/twin/aggregate?layer=events&by=grid&f=geojson",
    "/twin/aggregate?layer=events&by=square:500&f=geojson",
    "/twin/aggregate?layer=events&by=h3:8&f=geojson",
    f"/twin/nearby?{HERE}&radius_m=2000&layers=video_points,events",
    "/twin/areas/440106/features?layers=events,waterways,urban_villages&limit=20",
    "/twin/snapshot?layers=events,vehicles,video_points",
    "/ogc/collections/events/items?limit=50",
    "/ogc/collections/events/items?limit=50&f=geojsonl",
    "/ogc/collections/waterways/items?limit=5",
    "/ogc/collections/districts/items",
    "/ogc/collections/events/items/warning-44010641600000_20260608093000_0",
    "/map.json",
]


@pytest.fixture(scope="module")
def client(cluster, district_template, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch, temporary_database(cluster, district_template) as url:
        run_async(put_named(url))
        patch.setenv("ONEMAP_SECRET_DEMO", SECRET)
        patch.setenv("ONEMAP_SECRET_WARNINGS_CAP", SECRET)
        settings = load_settings(home=home, database={"url": url})
        with running_app(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
            client.headers["authorization"] = f"Bearer {TOKEN}"
            _happen(client)
            yield client


def _happen(client):
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    ring = "<polygon>23.12,113.34 23.12,113.36 23.14,113.36</polygon>"
    body = sample(polygon=ring).replace(b"2026-06-08T15:30:00+08:00", later.encode())
    signed = sign(SECRET.encode(), "warnings_cap", body, now=datetime.now(UTC), nonce="w" * 20)
    assert client.post("/feeds/warnings_cap", content=body, headers=signed).json()["accepted"] == 1
    shape = {"type": "Polygon", "coordinates": [[[113.34, 23.12], [113.36, 23.12], [113.36, 23.14], [113.34, 23.12]]]}
    sent = [
        cloudevent(1),
        cloudevent(2, "events/e2", "event", source="hotline", lon=113.35, lat=23.13),
        cloudevent(3, "events/e3", "event", source="emergency_report", area=shape),
        cloudevent(4, "events/e4", "event", source="emergency_report", area_codes=["440106"]),
    ]
    assert Sender(client).send(sent).json()["accepted"] == 4


def shapes(value):
    """Find every geometry in a document, however deep."""
    if isinstance(value, dict):
        if value.get("type") in KINDS and ("coordinates" in value or "geometries" in value):
            yield value
        for inner in value.values():
            yield from shapes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from shapes(inner)


def positions(value):
    if value and isinstance(value[0], int | float):
        yield value
    else:
        for inner in value:
            yield from positions(inner)


@pytest.mark.parametrize("path", OUTPUTS)
def test_what_is_given_out_is_plain_geojson_and_is_taken_in_again(client, path):
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    documents = [json.loads(line) for line in answer.text.splitlines()] if "geojsonl" in path else [answer.json()]
    found = [shape for document in documents for shape in shapes(document)]
    assert found or path == "/map.json"
    for shape in found:
        assert shape.keys() == {"type", "coordinates"}, "a crs member says north first, and RFC 7946 has none"
        for lon, lat, *_ in positions(shape["coordinates"]):
            assert 113 < lon < 114
            assert 22.5 < lat < 24
        again = area(shape, "area") if shape["type"].endswith("Polygon") else geometry(shape, "geometry")
        assert again == json.loads(json.dumps(shape), parse_int=float)


def test_the_area_of_an_event_is_sent_back_as_it_is(client):
    found = client.get("/ogc/collections/events/items/e4").json()["properties"]
    sent = cloudevent(5, "events/e5", "event", source="emergency_report", area=found["area"])
    sender = Sender(client)
    sender._sent = 1000
    assert sender.send([sent]).json()["accepted"] == 1
    assert client.get("/ogc/collections/events/items/e5").json()["properties"]["area"] == found["area"]
