"""The assertions of OGC's own test suites for Tiles and Maps, with their requests, where the suites cannot run."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.ogc.test_maps import maps  # noqa: F401  # the service over rasters

OGC = "http://www.opengis.net/spec"
REL = "http://www.opengis.net/def/rel/ogc/1.0"
SMALL = "&width=64&height=32"


def same(one, other):
    """Whether two addresses of relations or classes are equal whatever their scheme."""
    return one.replace("https:", "http:") == other.replace("https:", "http:")


def map_of(service):
    """Return the address of the dataset's map: that of the first link, as the suite takes it."""
    links = service.json("/ogc?f=json")["links"]
    return next(link["href"] for link in links if same(link["rel"], f"{REL}/map"))


def status(service, address):
    return service.ask(address, headers={"accept": "*/*"}).status_code


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/dataset-tilesets")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/collections-selection")
def test_the_landing_page_leads_to_tiles_of_the_dataset(service):
    links = service.json("/ogc")["links"]
    listed = service.json(next(link["href"] for link in links if link["rel"] == f"{REL}/tilesets-vector"))
    for tileset in listed["tilesets"]:
        own = service.json(next(link["href"] for link in tileset["links"] if link["rel"] == "self"))
        assert own == tileset
        template = next(link["href"] for link in tileset["links"] if link["rel"] == "item")
        for limits in tileset["tileMatrixSetLimits"][:3]:
            place = {
                "tileMatrix": limits["tileMatrix"],
                "tileRow": limits["minTileRow"],
                "tileCol": limits["minTileCol"],
            }
            assert status(service, template.format(**place)) in {200, 204}
    chosen = service.json("tiles/WebMercatorQuad?collections=points,areas")
    assert [part["id"] for part in chosen["layers"]] == ["points", "areas"]
    assert all(
        link["href"].endswith("?collections=points,areas")
        for link in chosen["links"]
        if link["rel"] in {"item", "self"}
    )
    for names, expected in (("points,nosuch", 404), ("hidden", 404), ("points,points", 400)):
        assert status(service, f"tiles/WebMercatorQuad?collections={names}") == expected
        assert status(service, f"tiles/WebMercatorQuad/10/444/834?collections={names}") == expected


@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/oas30")
@pytest.mark.requirement(f"{OGC}/ogcapi-maps-1/1.0/conf/api-operations")
@pytest.mark.parametrize("held", ["service", "maps"])
def test_operations_are_called_as_the_standards_call_them(request, held):
    service = request.getfixturevalue(held)
    endings = {
        r"/tiles": "{}.vector.getTileSetsList",
        r"/tiles/\{\w+\}": "{}.vector.getTileSet",
        r"/tiles/\{\w+\}/.*": "{}.vector.getTile",
        r"/map": "{}.getMap",
        r"/map/tiles": "{}.map.getTileSetsList",
        r"/map/tiles/\{\w+\}": "{}.map.getTileSet",
        r"/map/tiles/\{\w+\}/.*": "{}.map.getTile",
    }
    paths = service.json("openapi", actor="operator")["paths"]
    found = set()
    for path, methods in paths.items():
        parts = re.fullmatch(r"(/collections/\w+)?(/styles/\{\w+\})?(/.*)", path)
        for pattern, ending in endings.items():
            if re.fullmatch(pattern, parts[3]):
                origin = "collection" if parts[1] else "dataset"
                name = f".{origin}.style" if parts[2] else f".{origin}"
                operation = methods["get"]["operationId"]
                assert f".{operation}".endswith(ending.format(name)), path
                found.add(ending)
    assert found == set(endings.values())


@pytest.mark.parametrize("held", ["service", "maps"])
def test_what_is_described_is_what_is_linked(request, held):
    """Every map that a link leads to is described, and so are its tiles, with all parameters of declared classes."""
    service = request.getfixturevalue(held)
    document = service.json("openapi", actor="operator")
    shared = document["components"]["parameters"]
    places = [service.json("/ogc", actor="operator"), *service.json("collections", actor="operator")["collections"]]
    linked = {
        urlsplit(link["href"]).path.removeprefix("/ogc")
        for place in places
        for link in place["links"]
        if any(same(link["rel"], f"{REL}/{rel}") for rel in ("map", "tilesets-map"))
    }
    described = {path for path in document["paths"] if "/map" in path}
    assert linked == {path for path in described if "{" not in path}
    needed = {"bbox", "width", "crs", "datetime"}
    for path in described:
        if "/tiles" not in path:
            listed = document["paths"][path]["get"]["parameters"]
            names = {shared[p["$ref"].rsplit("/", 1)[1]]["name"] if "$ref" in p else p["name"] for p in listed}
            assert (needed | (set() if "/collections/" in path else {"collections"})) <= names, path


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?f=png", {200}),
        ("?bbox=-180,-90,180,90&f=png" + SMALL, {200}),
        ("?bbox=-180,-90,180,90&bbox-crs=%5BOGC%3ACRS84%5D&f=png" + SMALL, {200}),
        ("?bbox=-180,-90,180,90&center=0,0&f=png", {400}),
        ("?bbox=-180,-90,180,90&subset=Lat%28-90%3A90%29&f=png", {400}),
        ("?bbox=-180,-90,180,90&subset=Lon%28-180%3A180%29&f=png", {400}),
        ("?subset=Lat%28-90%3A90%29&subset=Lon%28-180%3A180%29&f=png" + SMALL, {200}),
        ("?subset=Lat%28-90%3A90%29%2CLon%28-180%3A180%29&f=png" + SMALL, {200}),
        ("?subset=Lat%28-90%3A90%29&subset=Lon%28-180%3A180%29&f=png&subset-crs="
         "https%3A%2F%2Fwww.opengis.net%2Fdef%2Fcrs%2FOGC%2F1.3%2FCRS84" + SMALL, {200}),
        ("?subset=InvalidAxis%280%3A1%29&f=png", {400}),
        ("?subset=Lat%28200%3A300%29&f=png", {204, 404}),
        ("?subset=Lon%28170%3A-170%29&f=png" + SMALL, {200}),
        ("?subset=Lat%28-90%3A90%29&center=0,0&f=png", {400}),
        ("?center=0,0&f=png" + SMALL, {200}),
        ("?center=0,0&center-crs=%5BOGC%3ACRS84%5D&f=png" + SMALL, {200}),
        ("?center=0,0&subset=Lat%28-10%3A10%29%2CLon%28-10%3A10%29&f=png", {400}),
        ("?scale-denominator=40000000&width=1024&height=512&f=png", {200}),
        ("?scale-denominator=40000000&width=800&height=400&bbox=-180,-90,180,90&f=png", {400}),
        ("?collections=points&f=png&width=800&height=400", {200}),
        ("?collections=areas,points&f=png&width=800&height=400", {200}),
        ("?collections=http://map.test/ogc/collections/points&f=png&width=800&height=400", {200}),
        ("?datetime=2000-01-01T00:00:00Z/2030-12-31T23:59:59Z&f=png", {200}),
    ],
)  # fmt: skip
def test_the_map_of_the_dataset_takes_what_the_suite_asks(service, query, expected):
    assert status(service, map_of(service) + query) in expected


def test_time_is_applied_and_what_has_no_time_is_always_there(service):
    path = "collections/points/map?f=png&width=200"
    whole = service.ask(path).content
    first, _ = service.json("collections/points")["extent"]["temporal"]["interval"][0]
    for query in (
        "&datetime=2020-01-01T00:00:00Z",
        "&subset=time(%222026-01-30T00:00:00Z%22)",
        f"&subset=time(%22{first}%22:%222026-01-30T00:00:00Z%22)",
    ):
        answer = service.ask(path + query)
        assert answer.status_code in {200, 204}
        assert answer.content != whole
    timeless = service.ask("collections/areas/map?f=png&width=200&datetime=2020-01-01T00:00:00Z")
    assert timeless.content == service.ask("collections/areas/map?f=png&width=200").content
