"""Shared caches never receive an answer for one reader, nor one that repeats a client's Host header."""

from __future__ import annotations

import pytest

from tests.ogc.service import Service

HOST = "poisoned.example"
PUBLIC = "https://map.example.gov.cn"
ADDRESSES = (
    *("/ogc", "/ogc/conformance", "/ogc/openapi", "/ogc/collections", "/ogc/collections/points", "/ogc/TileMatrixSets"),
    *(f"/ogc/collections/points/{name}" for name in ("schema", "schema/feature", "queryables", "sortables", "tiles")),
    *(f"/ogc/collections/points/items?f={f}" for f in ("json", "jsonfg", "csv", "geojsonl", "html", "jsonld")),
    *("/ogc/collections/points/items?crs=gcj02&f=csv", "/crs/gcj02"),
    *("/ogc/collections/points/items/r0001", "/ogc/collections/points/tiles/WebMercatorQuad"),
    *("/ogc/collections/points/tiles/WebMercatorQuad/10/444/834", "/tiles/points/10/834/444.mvt", "/tiles/points.json"),
    *(
        "/styles",
        "/styles/light.json",
        "/styles/light/legend",
        "/styles/light/legend?f=svg",
        "/styles/sprites/onemap.json",
    ),
    *("/ogc/tiles", "/ogc/tiles/WebMercatorQuad", "/ogc/map?width=50", "/ogc/collections/areas/map?width=50"),
    *("/asyncapi.json", "/openapi.json", "/schemas/event.json", "/map.json", "/basemaps", "/raster", "/health", "/"),
    *("/docs", "/twin/feeds", "/twin/rules", "/twin/warnings", "/twin/locate?lon=113.3&lat=23.1"),
    *("/tiles/points.json/", "/styles/", "/twin/feeds/", "/nowhere", "/ogc/collections/nowhere"),
)
SECRETS = (
    "collections/hidden",
    '"secret"',
    '"inner"',
    '"contact":"',
)  # layers and fields of `things` that an anonymous reader may not see


@pytest.fixture(scope="module")
def published(things_url):
    running = Service(things_url, server={"public_url": PUBLIC})
    yield running
    running.close()


def cached(answer):
    return {part.strip() for part in answer.headers["cache-control"].split(",")}


@pytest.mark.parametrize("path", ADDRESSES)
def test_no_public_answer_repeats_the_host(service, published, path):
    for running in (service, published):
        answer = running.ask(path, headers={"host": HOST})
        said = answer.text + str(answer.headers)
        assert HOST not in answer.headers.get("location", "")
        if "public" in cached(answer):
            assert HOST not in said, path


@pytest.mark.parametrize("path", ADDRESSES)
def test_what_a_token_was_given_for_is_never_public(published, path):
    stranger, operator = (published.ask(path, actor=actor) for actor in ("anonymous", "operator"))
    assert "public" not in cached(operator)
    if "public" in cached(stranger):
        assert "authorization" in stranger.headers["vary"].lower(), "one reader's answer would be another's"
        assert not any(secret in stranger.text for secret in SECRETS)


def test_every_answer_says_what_caches_may_do_and_is_not_guessed_at(service):
    for path in ADDRESSES:
        answer = service.ask(path)
        assert answer.headers.get_list("cache-control")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/ogc/collections/areas/items", "/styles/light.json", "/tiles/areas.json", "/ogc"])
def test_what_is_public_may_be_kept_a_while(published, path):
    kept = cached(published.ask(path))
    assert {"public", "max-age=60", "stale-while-revalidate=60"} <= kept


def test_what_changes_by_itself_is_asked_for_again(published):
    answer = published.ask("/ogc/collections/points/items")  # shown as of a time
    assert cached(answer) == {"public", "no-cache"}
    again = published.ask("/ogc/collections/points/items", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert cached(again) == {"public", "no-cache"}


def tile_of(address):
    return address.replace(PUBLIC, "").replace("{z}", "12").replace("{x}", "3337").replace("{y}", "1776")


def test_a_tile_may_be_kept_where_its_address_names_its_version(own_service):
    (address,) = own_service.json("/tiles/areas.json")["tiles"]
    path = tile_of(address).partition("map.test")[2]
    assert "?v=" in path
    first = own_service.ask(path)
    assert cached(first) == {"public", "max-age=86400", "immutable"}
    for other in (path.partition("?")[0], f"{path}0", path.replace("?v=", "?v=%20")):
        answer = own_service.ask(other)
        assert cached(answer) == {"public", "no-cache"}, other
        assert answer.content == first.content
    assert cached(own_service.ask(path, actor="operator")) == {"private", "no-cache"}
    past = own_service.ask(f"{path}&at=2026-01-01T00:00:00Z")
    assert "immutable" not in past.headers["cache-control"]
    own_service.execute("UPDATE layer.areas SET geom = ST_Translate(geom, 0.01, 0)")
    own_service.wait(lambda: own_service.json("/tiles/areas.json")["tiles"] != [address])
    assert cached(own_service.ask(path)) == {"public", "no-cache"}, "the address of yesterday's tile"
    (moved,) = own_service.json("/tiles/areas.json")["tiles"]
    newest = own_service.ask(tile_of(moved).partition("map.test")[2])
    assert "immutable" in cached(newest)


def test_a_style_names_versions_only_for_who_asks(service):
    for versioned in (False, True):
        style = service.json("/styles/light.json", versioned=str(versioned).lower())
        tiles = [source["tiles"][0] for name, source in style["sources"].items() if name in {"areas", "lines"}]
        assert tiles
        assert all(("?v=" in address) is versioned for address in tiles)
    assert service.json("/tiles/areas.json")["tiles"][0].partition("?")[2] in str(style["sources"]["areas"])
