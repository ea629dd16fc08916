"""The AsyncAPI document is one, and says what really goes over the wires."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import jsonschema
import jsonschema_rs
import pytest

from server.installation import PROJECT
from tests.twin.change_log import DEADLINE_SECONDS, happened, moved, prepare, write
from tests.twin.envelopes import ALL
from tests.twin.live.test_live import watching
from tests.twin.live.test_live_ws import socket_to
from twin.outlets.selection import NumberedChange, OutletBatch
from twin.outlets.webhook import events_of

pytestmark = pytest.mark.anyio
SPECIFICATION = PROJECT / "server/web/node_modules/@asyncapi/specs/schemas/3.0.0.json"


@pytest.fixture
def database_url(layers_url):
    return layers_url


@pytest.fixture
async def address(database_url, live_server):
    await prepare(database_url)
    return live_server(database_url)


def document_of(address):
    answer = httpx.get(f"{address}/asyncapi.json", timeout=DEADLINE_SECONDS)
    assert answer.headers["content-type"].startswith("application/asyncapi+json")
    return answer.json()


def payload_of(document, message, registry=()):
    """Return a validator of a message's payload."""
    payload = document["components"]["messages"][message]["payload"]
    return jsonschema_rs.validator_for({**payload, "components": document["components"]}, registry=registry or None)


async def test_it_is_valid_asyncapi_3(address):
    document = document_of(address)
    jsonschema.Draft7Validator(json.loads(SPECIFICATION.read_text(encoding="utf-8"))).validate(document)
    assert document["servers"]["http"]["host"] == address.removeprefix("http://")
    assert {channel["address"] for channel in document["channels"].values()} == {
        "/live",
        "/live/ws",
        "/feeds/{name}",
        "onemap/{layer}/{id}",
        None,
    }


def references(node):
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


async def test_every_reference_leads_somewhere(address):
    document = document_of(address)
    for reference in set(references(document)):
        if reference.startswith("#"):
            found = document
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
        else:
            assert httpx.get(reference, timeout=DEADLINE_SECONDS).json()["$id"] == reference


async def test_schemas_are_published_under_their_own_addresses(address):
    names = [path.stem for path in (PROJECT / "twin" / "schemas").glob("*.json")]
    found = {}
    for name in names:
        answer = httpx.get(f"{address}/schemas/{name}.json", timeout=DEADLINE_SECONDS)
        assert answer.headers["content-type"].startswith("application/schema+json")
        found[f"{address}/schemas/{name}.json"] = answer.json()
    for url, published in found.items():
        assert published["$id"] == url
        for reference in references(published):
            assert reference.startswith("#") or reference.partition("#")[0] in found, reference
    registry = jsonschema_rs.Registry(list(found.items()))
    validator = jsonschema_rs.Draft202012Validator(found[f"{address}/schemas/envelope.json"], registry=registry)
    for message in ALL:
        validator.validate(message)
    assert httpx.get(f"{address}/schemas/none.json", timeout=DEADLINE_SECONDS).status_code == 404


async def test_what_streams_say_is_as_described(address, database_url):
    document = document_of(address)
    with socket_to(address) as client, watching(address, "layers=events,vehicles&snapshot=true") as stream:
        asked = {"type": "subscribe", "layers": ["events", "vehicles"], "snapshot": True}
        payload_of(document, "subscribe").validate(asked)
        client.say(**asked)
        for kind in ("snapshot", "snapshot", "ready"):
            payload_of(document, f"{kind}Message").validate(client.next(kind))
            payload_of(document, kind).validate(stream.next(kind)[1])
        await write(database_url, moved("v1", 1), happened("e1", stage="collect"))
        payload_of(document, "changesMessage").validate(client.next("changes"))
        payload_of(document, "changes").validate(stream.next("changes")[1])
        client.say(type="ping")
        payload_of(document, "heartbeatMessage").validate(client.next("heartbeat"))
        client.say(type="subscribe", layers=["nothing"])
        payload_of(document, "errorMessage").validate(client.next("error"))
        client.say(type="subscribe", since=10**9)
        payload_of(document, "resyncMessage").validate(client.next("resync"))


async def test_what_webhooks_are_sent_is_as_described(address):
    change = happened("e1")
    batch = OutletBatch(9, [NumberedChange(9, datetime.now(UTC), change)], is_last=True, lost=(1, 8))
    sent = json.loads(json.dumps(events_of(batch), default=lambda moment: moment.isoformat()))
    payload_of(document_of(address), "cloudEvents").validate(sent)


async def test_the_documentation_leads_to_it(address):
    assert "asyncapi.json" in httpx.get(f"{address}/docs", timeout=DEADLINE_SECONDS).text


async def test_the_ogc_documents_lead_to_the_streams(address):
    landing = httpx.get(f"{address}/ogc?f=json", timeout=DEADLINE_SECONDS).json()
    links = {(link["rel"], link["type"]): link["href"] for link in landing["links"]}
    assert links["hub", "text/event-stream"] == f"{address}/live?f=cloudevents"  # as conformance says
    assert httpx.get(links["service-desc", "application/asyncapi+json"], timeout=DEADLINE_SECONDS).json()["asyncapi"]
    described = httpx.get(f"{address}/ogc/collections/events?f=json", timeout=DEADLINE_SECONDS).json()
    hub = next(link["href"] for link in described["links"] if link["rel"] == "hub")
    with httpx.stream("GET", hub, timeout=DEADLINE_SECONDS) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
