"""A real 12345 ticket through the shipped feed: within time and class, or flagged and in the queue until completed."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import orjson
import pytest
import yaml

from layers.database.connection import connect
from layers.definition import read_code_lists, read_definitions
from layers.errors import BadInput, NotFound
from server.identity.operator_token import TOKEN_FILE
from server.installation import PROJECT
from tests.running_app import running_app
from tests.twin.connectors.house import House
from tests.twin.named import put_features
from twin.connectors.protocols import read_registry
from twin.envelope.kinds import EVENT_FIELDS
from twin.feeds.decode import Delivery
from twin.store.events.completion import NAME, completed, incomplete

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-the-operator-of-forty-letters"
FEEDS = PROJECT / "config" / "feeds"
PLACE = {"x": 113.3316634, "y": 23.1395597, "coord": "wgs84"}


@pytest.fixture
async def house(fixture_copy_url, tmp_path, owner):
    """The worked fixture without its event, with the feed of the hotline as it is shipped."""
    await owner.execute("DELETE FROM layer.events")
    async with House(fixture_copy_url, tmp_path) as running:
        hotline = yaml.safe_load((FEEDS / "hotline.yaml").read_text(encoding="utf-8"))
        await running.feed({**hotline, "secret": None})
        yield running


@pytest.fixture
async def owner(fixture_copy_url):
    connection = await connect(fixture_copy_url)
    yield connection
    await connection.close()


def ticket(number, **said):
    return {
        "ticket_no": f"GZ{number:06}",
        "version": 1,
        "matter_code": "0406",
        "title": "道路积水",
        "accept_time": datetime.now(UTC).isoformat(),
        "address": "棠下街道××路12号旁",
        "urgency": "紧急",
        "state": "办理中",
        **PLACE,
        **said,
    }


def lacking(number, *names, **said):
    return {name: value for name, value in ticket(number, **said).items() if name not in names}


async def send(house, *tickets):
    body = orjson.dumps(list(tickets))
    return await house.parts.intake.take("hotline", Delivery(body, {"content-type": "application/json"}))


async def row(owner, number):
    return await owner.fetchrow("SELECT *, geom IS NOT NULL AS placed FROM layer.events WHERE id = $1", ident(number))


def ident(number):
    return f"hotline-GZ{number:06}"


async def test_a_ticket_is_within_time_and_class(house, owner):
    assert (await send(house, ticket(1))).accepted == 1
    event = await row(owner, 1)
    assert (datetime.now(UTC) - event["occurred_at"]).total_seconds() < 300
    assert (event["event_class"], event["severity"], event["grid_code"] is not None) == ("0406", "2", True)
    assert await incomplete(owner) == []


FLAWED = {  # what is wrong with the ticket, what it lacks, and its flag
    "no place": (("x", "y"), {}, ("place",), None),
    "at 0,0": ((), {"x": 0, "y": 0}, ("place",), "zero"),
    "35 km away": ((), {"x": 113.66}, ("place",), "outside_district"),
    "swapped": ((), {"x": 23.1395597, "y": 113.3316634}, ("place",), "swapped"),
    "no matter": (("matter_code",), {}, ("class",), None),
    "a matter nobody listed": ((), {"matter_code": "WT-778"}, ("class",), None),
    "neither": (("x", "y", "matter_code"), {}, ("place", "class"), None),
}


@pytest.mark.parametrize("flaw", FLAWED)
async def test_what_is_flawed_is_taken_with_a_flag_and_completed(house, owner, flaw):
    left_out, changed, needs, fault = FLAWED[flaw]
    assert (await send(house, lacking(1, *left_out, **changed))).accepted == 1
    (waiting,) = await incomplete(owner)
    assert (waiting.id, waiting.needs, waiting.place_fault) == (ident(1), needs, fault)
    assert (waiting.place_given is None) == (fault is None)
    catalog = house.parts.catalog()
    where = (PLACE["x"], PLACE["y"]) if "place" in needs else None
    kind = "0104" if "class" in needs else None
    message = await completed(owner, catalog, ident(1), lonlat=where, event_class=kind)
    assert (await house.parts.intake.offer(NAME, [message])).accepted == 1
    event = await row(owner, 1)
    assert (event["placed"], event["grid_code"]) == (True, "440106011001001")
    assert event["event_class"] == (kind or "0406")
    assert event["place_fault"] is None
    assert event["source"] == "hotline"
    assert await incomplete(owner) == []
    later = lacking(1, *left_out, **changed, version=2)
    assert (await send(house, {**later, "state": "已反馈"})).accepted == 1
    event = await row(owner, 1)
    assert (event["stage"], event["grid_code"]) == ("feedback", "440106011001001"), "what a person found out stays"


async def test_a_closed_ticket_waits_for_nobody(house, owner):
    await send(house, lacking(1, "x", "y", state="已办结", finish_time=datetime.now(UTC).isoformat()))
    assert await incomplete(owner) == []


async def test_a_completion_that_cannot_be_right_is_refused(house, owner):
    await send(house, lacking(1, "x", "y"))
    catalog = house.parts.catalog()
    for where in ((0.0, 0.0), (23.14, 113.33), (100.0, 23.0)):
        with pytest.raises(BadInput):
            await completed(owner, catalog, ident(1), lonlat=where)
    with pytest.raises(BadInput, match="0406"):
        await completed(owner, catalog, ident(1), event_class="9999")
    with pytest.raises(BadInput, match="say where"):
        await completed(owner, catalog, ident(1))
    with pytest.raises(NotFound):
        await completed(owner, catalog, "nobody", event_class="0406")


class Desk:
    """The operator's desk, at a server over the same database."""

    def __init__(self, address) -> None:
        self._address, self._as_operator = address, {"authorization": f"Bearer {TOKEN}"}

    def look(self, path, **params):
        answer = httpx.get(self._address + path, params=params, headers=self._as_operator, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, path, **said):
        return httpx.post(self._address + path, json=said, headers=self._as_operator, timeout=60)

    def stranger(self, path):
        return httpx.get(self._address + path).status_code, httpx.post(f"{self._address}{path}/E1", json={}).status_code


@pytest.fixture
def desk(house):
    (house.home / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    with running_app(house.settings) as address:
        yield Desk(address)


async def test_operators_see_the_queue_and_complete_it_over_http(house, desk):
    await send(house, lacking(1, "x", "y"), lacking(2, "matter_code"), ticket(3))
    assert desk.stranger("/twin/incomplete") == (403, 403)
    told = desk.look("/twin/incomplete")
    assert [(one["id"], one["needs"]) for one in told["events"]] == [(ident(1), ["place"]), (ident(2), ["class"])]
    assert told["waiting"] == {"place": 1, "class": 1, "refused": 0}
    page = desk.look("/twin/incomplete", limit=1, need="place")
    assert ([one["id"] for one in page["events"]], page["next"]) == ([ident(1)], ident(1))
    shown = desk.look("/ogc/collections/events/items", filter="A_CONTAINS(needs, ('place'))")
    assert [one["id"] for one in shown["features"]] == [ident(1)]
    assert desk.do(f"/twin/incomplete/{ident(1)}", lon=113.33).status_code == 400
    done = desk.do(f"/twin/incomplete/{ident(1)}", lon=PLACE["x"], lat=PLACE["y"])
    assert done.json() == {"id": ident(1), "accepted": 1}
    item = desk.look(f"/ogc/collections/events/items/{ident(1)}")
    assert item["geometry"]["coordinates"] == pytest.approx([PLACE["x"], PLACE["y"]])
    assert item["properties"]["location_method"] == "manual"
    assert item["properties"]["needs"] is None
    assert desk.look("/twin/incomplete")["waiting"] == {"place": 0, "class": 1, "refused": 0}


SHIPPED = read_registry(FEEDS).by_name
DEFINED = read_definitions()
MAPPED = [(name, mapping) for name, feed in SHIPPED.items() for mapping in feed.mapping]


@pytest.mark.parametrize(("name", "mapping"), [one for one in MAPPED if one[1].kind == "event"])
def test_every_shipped_feed_of_events_says_when_and_of_which_class(name, mapping):
    assert "occurred_at" in mapping.data, name
    assert {"event_class", "event_class_code"} & mapping.data.keys(), name
    lists = read_code_lists()
    for field, codes in (("event_class", "event_class"), ("severity", "event_severity"), ("stage", "event_stage")):
        rule = mapping.data.get(field)
        known = {code.code for code in lists[codes].codes}
        assert rule is None or set((rule.codes or {}).values()) <= known


@pytest.mark.parametrize(("name", "mapping"), MAPPED)
def test_what_a_shipped_feed_says_has_a_field_on_the_map(name, mapping):
    """Accepted means shown: each mapping is about layers that show what it says."""
    for layer_id in SHIPPED[name].supplies:
        template = mapping.subject.template if mapping.subject else ""
        if not template.startswith(f"{layer_id}/"):
            continue
        layer = DEFINED[layer_id]
        if mapping.kind == "observation":
            code = mapping.data["property"].constant
            assert code in layer.observed_grades, f"{name}: no field of {layer_id} shows {code}"
        elif mapping.kind == "position":
            assert layer.motion is not None
        else:
            said = set(mapping.data) - {"change", "lon", "lat"}
            fields = {field.name for field in layer.fields if field.has_column}
            assert said <= fields | ({"confidence"} & EVENT_FIELDS.keys())


SHOWN = [
    (layer_id, field.live.observation, field)
    for layer_id, layer in DEFINED.items()
    for field in layer.fields
    if field.live
    and field.live.observation
    and field.live.take == "value"
    and not (field.live.steps or field.live.sum_s)
]


def said_of(field):
    return {"value": 3.0} if field.type in {"number", "integer"} else {"value_text": "w"}


async def test_every_observation_a_layer_shows_is_shown_once_it_is_accepted(house, owner, desk):
    """Generated over the definitions: each observed field of each layer, through a feed, to the item."""
    layers = sorted({layer_id for layer_id, _, _ in SHOWN})
    await house.feed(
        {
            "name": "all", "title_zh": "全部", "title_en": "All", "protocol": "http", "crs_source": "WGS84",
            "kinds": ["observation"], "supplies": layers,
        }
    )  # fmt: skip
    await put_features(owner, **dict.fromkeys(layers, ("X1",)))
    now = datetime.now(UTC).isoformat()
    sent = [
        {
            "specversion": "1.0", "id": f"{layer_id}-{code}", "source": "/feeds/all", "subject": f"{layer_id}/X1",
            "type": "cn.gov.district.observation.created", "time": now, "data": {"property": code, **said_of(field)},
        }
        for layer_id, code, field in SHOWN
    ]  # fmt: skip
    headers = {"content-type": "application/cloudevents-batch+json"}
    receipt = await house.parts.intake.take("all", Delivery(orjson.dumps(sent), headers))
    assert (receipt.accepted + receipt.duplicate, receipt.refused) == (len(sent), [])
    for layer_id, code, field in SHOWN:
        said = desk.look(f"/ogc/collections/{layer_id}/items/X1")["properties"]
        assert said[field.name] == (3 if field.type in {"number", "integer"} else "w"), f"{layer_id}: {code}"
