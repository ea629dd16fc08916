"""Tests of styles over HTTP: addresses, conditional requests, rights; everything that a style names is served."""

from __future__ import annotations

import json

import httpx
import mapbox_vector_tile
import pytest
from shapely.geometry import shape

from tests.page.conftest import TOKEN
from tiles.cells import cell_of


@pytest.fixture(scope="module")
def client(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def test_styles_are_listed_with_what_belongs_to_them(client):
    styles = client.get("/styles").json()["styles"]
    assert [style["id"] for style in styles] == ["dark", "light", "print"]
    for style in styles:
        assert client.get(style["style"]).json()["metadata"]["onemap:theme"] == style["id"]
        assert len(client.get(style["legend"]).json()["legend"]) > 10


def test_everything_a_style_names_is_served_from_here(client, address):
    style = client.get("/styles/light.json").json()
    for ending in (".json", ".png", "@2x.json", "@2x.png"):
        assert client.get(style["sprite"] + ending).status_code == 200
    faces = style["font-faces"]["Noto Sans SC"]
    assert len(faces) == 101
    assert client.get(faces[0]["url"]).headers["content-type"] == "font/woff2"
    assert all(part.startswith("U+") for face in faces for part in face["unicode-range"])
    tiles = [source["tiles"][0] for source in style["sources"].values() if source["type"] == "vector"]
    assert all(url.startswith(f"{address}/tiles/") for url in tiles)
    assert "合成数据" in style["sources"]["streets"]["attribution"]
    assert style["sources"]["district"]["data"]["type"] in {"Polygon", "MultiPolygon"}


def test_tiles_have_the_layers_and_fields_that_a_style_draws(client):
    style, checked = client.get("/styles/dark.json").json(), 0
    for name, source in style["sources"].items():
        if source["type"] != "vector":
            continue
        drawn = {one["source-layer"] for one in style["layers"] if one.get("source") == name}
        features = client.get(f"/ogc/collections/{name}/items?f=json&limit=100").json()["features"]
        first = next((feature for feature in features if feature["geometry"]), None)
        if first is None:  # live layers are drawn before anything is there
            continue
        checked += 1
        inside = shape(first["geometry"]).representative_point()
        found = set()
        for zoom in range(source["minzoom"], source["maxzoom"] + 1):
            x, y = cell_of(inside.x, inside.y, zoom)
            answer = client.get(source["tiles"][0].format(z=zoom, x=x, y=y))
            found |= set(mapbox_vector_tile.decode(answer.content)) if answer.status_code == 200 else set()
        assert drawn - found <= {"labels"}, name
        assert name in found, name
    assert checked > 10


def test_an_unchanged_style_is_not_sent_again_and_another_reader_gets_another(client):
    first = client.get("/styles/dark.json")
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Authorization, Cookie, Accept-Encoding"
    again = client.get("/styles/dark.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/styles/light.json", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    operator = client.get("/styles/dark.json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert operator.status_code == 200


def test_a_legend_is_data_or_a_drawing(client):
    legend = {entry["layer"]: entry for entry in client.get("/styles/print/legend").json()["legend"]}
    assert {code["label_zh"] for code in legend["urban_villages"]["codes"]} >= {"低风险", "重大风险"}
    drawn = client.get("/styles/print/legend?f=svg")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "城中村" in drawn.text


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/styles/pink.json", 404, "there is no style 'pink'; styles: dark, light, print"),
        ("/styles/pink/legend", 404, "styles: dark, light, print"),
        ("/styles/..%2fdark.json", 404, ""),
        ("/styles/dark/legend?f=pdf", 400, "svg"),
        ("/styles/dark.json?relief=maybe", 400, "relief"),
        ("/styles/dark.json?basemap=ter", 400, "vec"),
        ("/styles/dark.json?basemap=vec", 404, "ONEMAP_BASEMAP_TIANDITU_KEY"),
        ("/styles/sprites/pink.png", 404, "onemap@2x.png"),
        ("/styles/sprites/onemap.gif", 404, "onemap.json"),
    ],
)
def test_what_is_not_there_says_what_is(client, path, status, detail):
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert detail in json.dumps(answer.json(), ensure_ascii=False)
