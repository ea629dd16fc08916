"""Every address of both OpenAPI documents has an example of what it needs, and the example is a good question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.ogc.service import Service

DOCUMENTS = {"/openapi.json": "", "/ogc/openapi?f=json": "/ogc"}
ENDLESS = {"/live", "/twin/replay"}
OF_DATA = {"featureId", "locationId", "propertyName"}
"""Names of things that only the data know, in collections of which the document cannot say one."""
PLACE = {"lon", "lat", "area"}  # one of several ways to say where
ABSENT = {404}
"""What an example of a thing that is not in this district is answered with: never that the question was wrong."""


@pytest.fixture(scope="module")
def service(served_layers_url: str) -> Iterator[Service]:
    running = Service(served_layers_url)
    yield running
    running.close()


def operations(service: Service, document: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    described = service.json(document, actor="operator")
    for path, methods in described["paths"].items():
        if "get" in methods:
            given = methods["get"].get("parameters", [])
            yield path, [_meant(described, parameter) for parameter in given]


def _meant(document, parameter):
    while "$ref" in parameter:
        found = document
        for step in parameter["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        parameter = found
    return parameter


def example_of(parameter) -> Any:
    schema = parameter.get("schema", {})
    examples = schema.get("examples") or [schema.get("example")]
    if isinstance(own := parameter.get("examples"), dict) and own:
        examples = [next(iter(own.values()))["value"]]
    found = parameter.get("example", examples[0])
    return found if found is not None else next(iter(schema.get("enum", ())), None)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_parameter_that_is_needed_has_an_example(service, document):
    lacking = {
        (path, one["name"])
        for path, parameters in operations(service, document)
        for one in parameters
        if one.get("required") and example_of(one) is None and one["name"] not in OF_DATA
    }
    assert lacking == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_example_is_a_wrong_question(service, document):
    wrong = []
    for path, parameters in operations(service, document):
        needed = [one for one in parameters if one.get("required") or one["name"] in PLACE]
        if path in ENDLESS or any(example_of(one) is None for one in needed):
            continue
        values = {one["name"]: example_of(one) for one in needed}
        address = re.sub(r"\{(\w+)\}", lambda at, known=values: quote(str(known.pop(at[1])), safe="/:"), path)
        answer = service.ask(DOCUMENTS[document] + address, actor="operator", **values)
        if answer.status_code >= 400 and answer.status_code not in {403, *ABSENT}:
            wrong.append((address, answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))
