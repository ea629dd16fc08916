"""Tiles over HTTP: conditions, several layers at once, compression, rights."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import mapbox_vector_tile
import pytest
from shapely.geometry import shape

from tests.running_app import OPERATOR
from tiles.cells import cell_of

ZOOM = 15


@pytest.fixture(scope="module")
def place(client):
    """Column and row of a tile with buildings."""
    feature = client.get("/ogc/collections/buildings/items?limit=1&filter=height_m>20").json()["features"][0]
    inside = shape(feature["geometry"]).representative_point()
    x, y = cell_of(inside.x, inside.y, ZOOM)
    return f"{ZOOM}/{x}/{y}.mvt"


def decoded(answer):
    assert answer.status_code == 200, answer.text
    return mapbox_vector_tile.decode(answer.content)


def test_a_condition_leaves_what_meets_it(client, place):
    everything = decoded(client.get(f"/tiles/buildings/{place}"))["buildings"]["features"]
    high = decoded(client.get(f"/tiles/buildings/{place}", params={"filter": "height_m > 20"}))["buildings"]["features"]
    assert 0 < len(high) < len(everything)
    identity = high[0]["properties"]["id"]
    one = decoded(client.get(f"/tiles/buildings/{place}", params={"filter": f"id = '{identity}'"}))["buildings"]
    assert [f["properties"]["id"] for f in one["features"]] == [identity]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("filter=height_m >", "filter"),
        ("filter=nosuch = 1", "nosuch"),
        ("nosuch=1", "there is no parameter 'nosuch'"),
        ("filter=a=1&filter=b=2", "given twice"),
    ],
)
def test_a_condition_that_cannot_be_read_is_told(client, place, query, detail):
    answer = client.get(f"/tiles/buildings/{place}?{query}")
    assert answer.status_code == 400
    assert detail in answer.text


def test_several_layers_in_one_tile_are_those_of_each(client, place):
    together = decoded(client.get(f"/tiles/buildings,streets/{place}"))
    for name in ("buildings", "streets"):
        alone = decoded(client.get(f"/tiles/{name}/{place}"))
        assert together[name] == alone[name]
        assert together.get(f"{name}_labels") == alone.get("labels")


def test_tilejson_tells_of_every_layer_of_a_tile(client, place):
    alone = [client.get(f"/tiles/{name}.json").json() for name in ("buildings", "streets")]
    together = client.get("/tiles/buildings,streets.json").json()
    assert [part["id"] for part in alone[0]["vector_layers"]] == ["buildings", "labels"]
    names = [part["id"] for part in together["vector_layers"]]
    assert names == ["buildings", "buildings_labels", "streets", "streets_labels"]
    assert (together["minzoom"], together["maxzoom"]) == (9, 15)
    for tiles in alone:
        assert all(one <= other for one, other in zip(together["bounds"][:2], tiles["bounds"][:2], strict=True))
    tile = decoded(client.get(together["tiles"][0].format(z=15, x=place.split("/")[1], y=place.split("/")[2][:-4])))
    fields = {part["id"]: set(part["fields"]) for part in together["vector_layers"]}
    for name, layer in tile.items():
        assert {key for feature in layer["features"] for key in feature["properties"]} <= fields[name]
    assert client.get("/tiles/buildings,nosuch.json").status_code == 404
    assert client.get("/tiles/buildings,buildings.json").status_code == 400


@pytest.mark.parametrize(
    ("names", "status"),
    [("buildings,nosuch", 404), ("buildings,buildings", 400), (",".join(f"l{n}" for n in range(17)), 400)],
)
def test_layers_that_cannot_be_together(client, place, names, status):
    assert client.get(f"/tiles/{names}/{place}").status_code == status


def test_a_known_tile_is_not_sent_again(client, place):
    first = client.get(f"/tiles/buildings/{place}")
    again = client.get(f"/tiles/buildings/{place}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"/tiles/buildings/{place}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_client_that_cannot_read_gzip_gets_it_plain(client, place):
    with client.stream("GET", f"/tiles/buildings/{place}", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    plain = client.get(f"/tiles/buildings/{place}", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    head = client.head(f"/tiles/buildings/{place}", headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(plain.content)


def test_nothing_there_is_204_and_beyond_the_world_is_404(client):
    assert client.get("/tiles/buildings/15/0/0.mvt").status_code == 204
    assert client.get("/tiles/buildings/3/8/0.mvt").status_code == 404
    assert client.post("/tiles/buildings/15/0/0.mvt").status_code in {404, 405}


def test_what_is_shown_follows_the_caller_also_from_the_cache(client, place):
    operator = OPERATOR
    for _ in range(2):
        public = client.get(f"/tiles/video_points/{place}")
        inside = client.get(f"/tiles/video_points/{place}", headers=operator)
        seen = [
            len(decoded(answer).get("video_points", {"features": []})["features"]) if answer.status_code == 200 else 0
            for answer in (public, inside)
        ]
        assert seen[0] < seen[1]
        assert inside.headers["cache-control"].startswith("private")
        assert client.get(f"/tiles/buildings/{place}", headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_moment_is_read_as_for_items(client, place):
    now = decoded(client.get(f"/tiles/buildings/{place}"))["buildings"]["features"]
    before = client.get(f"/tiles/buildings/{place}", params={"at": "2001-01-01T00:00:00+08:00"})
    assert before.status_code == 204
    for basis in ("known", "phenomenon"):
        same = client.get(f"/tiles/buildings/{place}", params={"at": datetime.now(UTC).isoformat(), "basis": basis})
        assert decoded(same)["buildings"]["features"] == now
    for query in ("at=yesterday", "at=2999-01-01T00:00:00Z", "basis=known", "at=2001-01-01T00:00:00Z&basis=x"):
        answer = client.get(f"/tiles/buildings/{place}?{query}")
        assert (answer.status_code, answer.json()["parameter"]) == (400, "basis" if "basis" in query else "at")
