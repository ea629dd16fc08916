from __future__ import annotations

import json
import re
from posixpath import normpath

import httpx
import pytest
from playwright.sync_api import expect

from server.http.headers import CONTENT_SECURITY_POLICY
from server.page.assets import THIRD_PARTY, find_assets
from tests.page.conftest import COARSE, TOKEN

CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def ui(client):
    return re.search(r'src="(ui/[0-9a-f]{12})/app/main.js"', client.get("/").text)[1]


def test_the_page_names_only_files_that_are_served_and_none_elsewhere(client):
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert "no-cache" in answer.headers["cache-control"]
        text = answer.text.replace(f'="{str(client.base_url).rstrip("/")}/', '="')
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        files = re.findall(r'(?:src|href)="(ui/[^"]+)"', text)
        assert len(files) > 4
        assert {client.get(f"/{file}").status_code for file in files} == {200}


def test_files_may_be_kept_for_ever_under_their_version_and_not_under_another(client, ui):
    kept = client.get(f"/{ui}/vendor/maplibre-gl.mjs")
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"].startswith("text/javascript")
    assert kept.headers["content-encoding"] == "gzip"
    assert client.get("/ui/another/vendor/maplibre-gl.mjs").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "package.json",
        "node_modules/maplibre-gl/package.json",
        "vendor/typescript.js",
        "app/../package.json",
        "..%2f..%2fapp.py",
        "app/%2e%2e/%2e%2e/app.py",
        "templates/_base.html",
        "",
    ],
)
def test_nothing_but_the_listed_files_is_served(client, ui, path):
    answer = client.get(f"/{ui}/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_listed_third_party_file_is_installed_and_from_one_package():
    served = find_assets().files
    assert {name for name in THIRD_PARTY if "*" not in name} <= served.keys()
    assert sum(name.endswith(".woff2") for name in served) == 101


def test_every_module_imports_files_that_are_served():
    assets = find_assets()
    for name in assets.files:
        if name.endswith((".js", ".mjs")) and "swagger" not in name:
            imported = re.findall(r"""\b(?:from|import)\s*["']([.@\w/-]+)["']""", assets.read(name).body.decode())
            assert {normpath(f"{name}/../{one}") for one in imported} <= assets.files.keys(), name


def test_both_languages_have_the_same_words(web):
    chinese, english = (json.loads((web / "text" / f"{n}.json").read_text("utf-8")) for n in ("zh-CN", "en"))
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", english[key]), key


def test_every_word_is_used_and_every_used_word_is_there(web):
    words = json.loads((web / "text" / "en.json").read_text("utf-8"))
    code = "\n".join(
        path.read_text("utf-8") for path in [*(web / "app").rglob("*.js"), *web.glob("*.js"), *web.glob("pages/*.js")]
    )
    by_name = (
        "map.",
        "unit.",
        "role.",
        "department.",
        "purpose.",
        "login.fault.",
        "account.",
        "error.",
        "geometry.",
        "level.",
        "related.",
        *(
            f"phone.{one}."
            for one in ("tab", "badge", "step", "event_stage", "event_severity", "level", "outbox", "datum")
        ),
        "phone.report.kept.",
        "events.column.",
        "events.filter.",
        "events.all.",
        "chain.",
        "time.window.",
        "board.online.",
        *(f"board.{card}" for card in ("classes", "devices", "newest", "notes", "sources", "vehicles", "warnings")),
    )  # the rest is of an answer
    used = {key for key in words if f'"{key}"' in code or key.startswith(by_name)}
    assert used == words.keys()
    used = set(re.findall(r't\((?:state\.)?language, "([a-z.]+)"', code))
    assert len(used) > 20
    assert used <= words.keys()


def test_no_chinese_is_written_in_code(web):
    code = {
        path: path.read_text("utf-8")
        for path in [*(web / "app").rglob("*.js"), *web.glob("*.js"), *web.glob("pages/*.js")]
    }
    assert not [path.name for path, text in code.items() if CJK.search(text)]


def test_the_map_is_described_to_each_reader_as_far_as_he_may_see(client):
    public, operator = (
        client.get("/map.json", headers=headers).json() for headers in ({}, {"Authorization": f"Bearer {TOKEN}"})
    )
    assert public["title_zh"] == "天河区"
    assert public["outline"]["type"] in {"Polygon", "MultiPolygon"}
    assert public["synthetic"] is True
    cameras = [{one["id"]: one for one in seen["layers"]}["video_points"] for seen in (public, operator)]
    assert 0 < cameras[0]["count"] < cameras[1]["count"]
    names = [{one["name"] for one in seen["fields"]} for seen in cameras]
    assert "play_ref" in names[1] - names[0]
    assert {one["codes"] for one in cameras[0]["fields"]} - {None} <= public["codes"].keys()


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}"}])
def test_counts_alone_are_those_of_the_map(client, headers):
    told, counts = client.get("/map.json", headers=headers), client.get("/map.json?only=counts", headers=headers)
    document, alone = told.json(), counts.json()
    shared = ("version", "count", "count_exact", "bbox")
    assert alone["layers"] == {one["id"]: {name: one[name] for name in shared} for one in document["layers"]}
    assert alone["structure"] == document["structure"]
    assert len(counts.content) < len(told.content) / 10
    assert counts.headers["etag"] != told.headers["etag"]
    again = client.get("/map.json?only=counts", headers={**headers, "If-None-Match": counts.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/map.json?only=layers", headers=headers).status_code == 400


def test_an_unchanged_map_costs_nothing(client):
    first = client.get("/map.json")
    again = client.get("/map.json", headers={"If-None-Match": first.headers["etag"]})
    other = client.get(
        "/map.json", headers={"Authorization": f"Bearer {TOKEN}", "If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content, other.status_code) == (304, b"", 200)


def test_tiles_over_http(client):
    described = client.get("/tiles/streets.json").json()
    assert described["tilejson"] == "3.0.0"
    assert described["vector_layers"][0]["id"] == "streets"
    assert described["minzoom"] == 9
    west, south, east, north = described["bounds"]
    assert 113.2 < west < east < 113.5
    assert 23.0 < south < north < 23.3
    url = described["tiles"][0].format(z=12, x=3337, y=1777)
    tile = client.get(url)
    assert tile.status_code == 200
    assert tile.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert client.get(url, headers={"If-None-Match": tile.headers["etag"]}).status_code == 304
    assert tile.headers["vary"] == "Authorization, Cookie, Accept-Encoding"


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("streets/12/0/0.mvt", 204, ""),
        ("streets/3/8/0.mvt", 404, "x goes from 0 to 7"),
        ("streets/99/0/0.mvt", 404, "zooms of WebMercatorQuad go from 0 to 24"),
        ("streets/1/0/99999999999999999999999.mvt", 404, "y goes from 0 to 1"),
        ("nosuch/1/0/0.mvt", 404, "there is no layer 'nosuch'"),
        ("nosuch.json", 404, "there is no layer 'nosuch'"),
        ("streets/a/0/0.mvt", 404, "no tile with z 'a'"),
    ],
)
def test_tiles_that_are_not_there(client, path, status, detail):
    answer = client.get(f"/tiles/{path}")
    assert answer.status_code == status
    assert detail in answer.text


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/docs", ".opblock"), ("/ogc?f=html", "main"), ("/ogc/collections/grids/items?f=html", "canvas")],
)
def test_nothing_is_refused_by_the_policy(browser, address, path, shown):
    """A real browser; the map is held to the policy by all of its tests, whose visitor collects the faults."""
    tab = browser.new_page(device_scale_factor=COARSE)
    faults: list[str] = []
    tab.on("console", lambda line: faults.append(line.text))
    tab.goto(f"{address}{path}")
    try:
        expect(tab.locator(shown).first).to_be_visible()
        assert [fault for fault in faults if "Content Security Policy" in fault] == []
        tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<i style=\"color: red\">x</i>')")
        assert any("Content Security Policy" in fault for fault in faults), "what is inline would be noticed"
    finally:
        tab.close()
