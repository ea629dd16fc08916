"""The interface's description is OpenAPI, describes every address, and no described request breaks the service."""

from __future__ import annotations

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from pygeoapi.config import validate_config
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from layers.actor import OPERATOR
from layers.catalog import Catalog
from server.identity.operator_token import TOKEN_FILE
from server.ogc.config import pygeoapi_config
from server.ogc.config import service as configured
from server.settings import Settings
from tests.ogc.service import fill
from tiles.grids import GRIDS

TOKEN = "a-token-of-the-tests"  # opens nothing but the tests' own server
OGC = "http://www.opengis.net/spec"
ITEMS = "/collections/points/items"
OURS = re.compile(r"^/(collections/(points|plain_list)|[^c]|conformance|collections$)")


@pytest.fixture(scope="module")
def document(service):
    return service.json("openapi", actor="operator")


def parameters(document, path, method="get"):
    """Return the parameters of an operation by name, references followed."""
    listed = document["paths"][path][method]["parameters"]
    shared = document["components"]["parameters"]
    followed = [shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in listed]
    return {p["name"]: p for p in followed}


def test_the_configuration_is_valid_for_pygeoapi(service):
    assert validate_config(json.loads(json.dumps(configured())))
    catalog: Catalog = service.app.state.shared.catalog.current
    assert validate_config(pygeoapi_config(Settings(), catalog, OPERATOR))


@pytest.mark.requirement(f"{OGC}/ogcapi-common-1/1.0/conf/oas30")
@pytest.mark.requirement(f"{OGC}/ogcapi-features-1/1.0/conf/oas30")
@pytest.mark.requirement(f"{OGC}/ogcapi-tiles-1/1.0/conf/oas30")
def test_the_document_is_openapi_with_nothing_elsewhere(service, document):
    answer = service.ask("openapi", headers={"accept": "application/vnd.oai.openapi+json;version=3.0, */*;q=0.1"})
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    schemathesis.openapi.from_dict(document).validate()
    assert document["servers"] == [{"url": "http://map.test/ogc"}]
    references = re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document))
    assert all(reference.startswith("#/components/") for reference in references)
    operations = [how["operationId"] for path in document["paths"].values() for how in path.values()]
    assert len(operations) == len(set(operations))


def test_clients_find_what_they_look_for(document):
    """QGIS reads the page size here, and GDAL the filters that it may push; both read them nowhere else."""
    limit = document["components"]["parameters"]["limit"]
    assert limit["schema"]["maximum"] == 10_000
    found = parameters(document, ITEMS)
    assert set(found["filter-lang"]["schema"]["enum"]) == {"cql2-text", "cql2-json", "cql-text"}
    assert found["floors"] == found["floors"] | {"in": "query", "style": "form", "explode": False}
    assert found["floors"]["schema"]["type"] == "integer"
    honoured = {"bbox", "bbox-crs", "crs", "datetime", "filter", "filter-crs", "sortby", "properties", "skipGeometry"}
    assert honoured | {"resulttype", "offset", "cursor", "f", "lang", "limit"} <= found.keys()


def test_every_described_address_answers(service, document):
    for path, methods in document["paths"].items():
        address = path.format(
            featureId="r0001", tileMatrix=0, tileRow=0, tileCol=0, tileMatrixSetId="CGCS2000Quad", styleId="print"
        )
        if "hidden" in path and "items" in path and "featureId" in path:
            continue
        for method in methods:
            content = b'{"op": "isNull", "args": [{"property": "id"}]}' if method == "post" else None
            answer = service.ask(f"/ogc{address}", method=method.upper(), content=content, actor="operator")
            assert answer.status_code in {200, 204}, (path, answer.text)
            if answer.status_code == 200:
                described = methods[method]["responses"]["200"]["content"]
                assert answer.headers["content-type"] in described, path


def test_f_takes_the_forms_of_the_address_and_no_other(service, document):
    for path in (
        "/",
        "/conformance",
        "/collections/points",
        "/collections/points/schema",
        ITEMS,
        f"{ITEMS}/{{featureId}}",
    ):
        address = f"/ogc{path.format(featureId='r0001')}"
        listed = parameters(document, path)["f"]["schema"]["enum"]
        for form in ("json", "html", "jsonld", "jsonfg", "csv", "geojsonl"):
            answer = service.ask(address, f=form, actor="operator")
            assert (answer.status_code == 200) is (form in listed), (path, form)


def test_every_described_parameter_is_read(service, document):
    for name, described in parameters(document, ITEMS).items():
        answer = service.ask(f"/ogc{ITEMS}?{name}=%21%21", actor="operator")
        assert answer.status_code in {200, 400}
        assert "there is no parameter" not in answer.text, described


BOUNDED = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


DATA_QUERIES = {"position", "area", "cube", "trajectory", "locations"}
DOCUMENTS = ("/ogc/openapi?f=json", "/openapi.json")
ENDLESS = {"/live", "/twin/replay"}  # their answers have no end; tests/twin reads them
CHECKS = (
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)


@pytest.fixture
def house_url(layers_url):
    """URL of a database with the shipped layers, empty, beside those of `things`."""
    fill(layers_url, 50)
    return layers_url


@pytest.mark.parametrize(
    ("address", "token"),
    [(DOCUMENTS[0], TOKEN), (DOCUMENTS[1], TOKEN), (DOCUMENTS[1], None)],
    ids=["ogc as operator", "all as operator", "all as anonymous"],
)
def test_whatever_is_asked_is_answered_as_described(live_server, house_url, tmp_path, address, token):
    (tmp_path / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    schema = schemathesis.openapi.from_url(f"{live_server(house_url, home=tmp_path)}{address}", headers=headers)
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS or (address.startswith("/ogc") and not OURS.match(operation.path)):
            continue

        @BOUNDED
        @given(case=operation.as_strategy())
        def as_described(case):
            case.headers = {**(case.headers or {}), **headers}
            case.call_and_validate(checks=list(CHECKS))

        as_described()


def test_no_document_says_what_is_never_sent(service):
    document = service.json("/openapi.json", actor="operator")
    schemathesis.openapi.from_dict(document).validate()
    assert document["components"]["securitySchemes"].keys() == {"operator", "signature"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            assert "422" not in responses, path
            assert {"400", "401", "403", "404", "429", "503"} <= responses.keys(), path
            good = [response for status, response in responses.items() if status.startswith("2")]
            assert all(response.get("content") or "204" in responses for response in good), path
    assert {"content": {"application/problem+json": document["components"]["responses"]["400"]["content"]}}
    operations = [how["operationId"] for path in document["paths"].values() for how in path.values()]
    assert len(operations) == len(set(operations))


def test_every_served_address_is_in_a_document(service, document):
    """Except for the files of the page, and the WebSocket, which AsyncAPI describes."""
    shape = re.compile(r"\{[^}]*\}")
    ours = {shape.sub("{}", path) for path in service.json("/openapi.json")["paths"]}
    ogcs = {shape.sub("{}", f"/ogc{path}".rstrip("/")) for path in document["paths"]}
    layers = list(service.app.state.shared.catalog.current)
    ogcs |= {re.sub(f"/({'|'.join(layers)}|{'|'.join(GRIDS)})(?=/|$)", "/{}", path) for path in ogcs}
    served = {route.path for route in routes_of(service.app.router.routes)}
    for path in served - {"/ui/{version}/{path:path}", "/offline.js", "/live/ws"}:
        plain = shape.sub("{}", path).rstrip("/") or "/"
        if plain.rpartition("/")[2] in DATA_QUERIES or "/locations/" in plain:
            continue  # of stations and rasters, which are not here: tests/ogc/edr
        if plain.endswith("/tgsequence") or "/tproperties" in plain:
            continue  # of what moves, which is not here: tests/twin/history/test_moving
        if "map" not in plain and not path.startswith("/login/"):  # of rasters, which are not here; of the page
            assert plain in ours | ogcs, path
    fast = {
        "/tiles/{}/{}/{}/{}.mvt",
        "/raster/{}/{}/{}/{}.png",
        "/raster/{}/{}/{}/{}.webp",
        "/raster/{}/contours/{}/{}/{}.mvt",
    }
    assert fast <= ours
    assert "/ogc/collections/{}/tiles/{}/{}/{}/{}" in ogcs


def routes_of(routes):
    """Yield every route, those of included routers too."""
    for route in routes:
        if hasattr(route, "path"):
            yield route
        else:
            yield from routes_of(getattr(route, "routes", ()) or getattr(route, "original_router", route).routes)
