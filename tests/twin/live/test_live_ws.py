"""`/live/ws`: the same stream over a WebSocket, whose subscription can be changed."""

from __future__ import annotations

import json
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_socket

from layers.coordinates.datum import DATUMS, from_datum
from layers.database.connection import connect
from server.identity.operator_token import TOKEN_FILE
from server.live.socket import MESSAGE_BYTES_MAX, MESSAGES_AT_ONCE
from tests.twin.change_log import DEADLINE_SECONDS, GRIDS, happened, moved, newest, prepare, write

pytestmark = pytest.mark.anyio
CHANGES_OF_MIND = MESSAGES_AT_ONCE - 5
TOKEN = "a-token-that-is-long-enough"


class Socket:
    """A client that passes over signs of life."""

    def __init__(self, socket) -> None:
        self.socket = socket

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def next(self, kind):
        while True:
            message = json.loads(self.socket.recv(timeout=DEADLINE_SECONDS))
            if message["type"] != "heartbeat" or kind == "heartbeat":
                assert message["type"] == kind, message
                return message

    def subscribe(self, **asked):
        self.say(type="subscribe", **asked)
        return self.next("ready")["seq"]

    def ids(self, count):
        """Return the ids of so many changes, as they come."""
        found = []
        while len(found) < count:
            found += [change["id"] for change in self.next("changes")["changes"]]
        return found


@contextmanager
def socket_to(address, **options):
    with connect_socket(address.replace("http", "ws") + "/live/ws", **options) as socket:
        yield Socket(socket)


@pytest.fixture
async def ready_url(database_url):
    await prepare(database_url)
    return database_url


@pytest.fixture
def home(tmp_path):
    (tmp_path / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    return tmp_path


async def test_what_is_asked_for_comes_and_can_be_changed_without_loss(ready_url, live_server):
    with socket_to(live_server(ready_url)) as client:
        begun = client.subscribe(layers=["events"], areas=[GRIDS[0]])
        assert begun == await newest(ready_url)
        await write(ready_url, happened("e1"), happened("e2", grid=GRIDS[1]), moved("v1", 1))
        assert client.ids(1) == ["e1"]
        client.subscribe(layers=["events", "vehicles"], bbox=[113.29, 23.0, 113.31, 23.2])
        await write(ready_url, moved("v1", 1), moved("v2", 99), happened("e3"))
        assert set(client.ids(2)) == {"v1", "e3"}
        filtered = {"op": "=", "args": [{"property": "stage"}, "accept"]}
        seq = client.subscribe(layers=["events"], filter=filtered)
        await write(ready_url, happened("e4", stage="collect"), happened("e5", stage="accept"))
        assert client.ids(1) == ["e5"]
        client.subscribe(since=seq)
        assert client.ids(2) == ["e4", "e5"]


async def test_changes_between_two_subscriptions_are_told_once(ready_url, live_server):
    with socket_to(live_server(ready_url)) as client:
        client.subscribe(layers=["events"])
        told: list[str] = []
        for number in range(CHANGES_OF_MIND):
            await write(ready_url, happened(f"e{number}"))
            client.say(type="subscribe", layers=["events"] if number % 2 else ["events", "vehicles"])
            while (message := json.loads(client.socket.recv(timeout=DEADLINE_SECONDS)))["type"] != "ready":
                told += [change["id"] for change in message.get("changes", [])]
                assert message["type"] != "error", message
        while len(told) < CHANGES_OF_MIND:
            told += [change["id"] for change in client.next("changes")["changes"]]
    assert told == [f"e{number}" for number in range(CHANGES_OF_MIND)]


async def test_what_leaders_write_about_is_told_to_who_may_read_notes(ready_url, live_server, home):
    owner = await connect(ready_url)
    await owner.execute("INSERT INTO layer.events (id, data_grade) VALUES ('e1', 1)")
    await owner.close()
    address = live_server(ready_url, home=home)
    with socket_to(address) as client, socket_to(address) as stranger:
        client.subscribe(token=TOKEN, layers=["events"], notes=True)
        stranger.subscribe(layers=["events"], notes=True)
        note = {"layer": "events", "id": "e1", "words": "速报来"}
        sent = httpx.post(f"{address}/twin/notes", json=note, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
        assert sent.is_success, sent.text
        assert client.next("notes") == {"type": "notes", "about": [{"layer": "events", "id": "e1"}]}
        await write(ready_url, happened("e2"))
        assert stranger.ids(1) == ["e2"]  # and no notice before it


async def test_the_state_comes_first(ready_url, live_server):
    owner = await connect(ready_url)
    await owner.execute("INSERT INTO layer.vehicles (id, data_grade) VALUES ('v1', 2), ('police', 3)")
    await owner.close()
    with socket_to(live_server(ready_url)) as client:
        client.say(type="subscribe", layers=["vehicles", "events"], snapshot=True)
        assert client.next("snapshot") == {"type": "snapshot", "layer": "events", "features": []}
        assert [feature["id"] for feature in client.next("snapshot")["features"]] == ["v1"]
        client.next("ready")
        await write(ready_url, moved("v1", 1))
        assert client.ids(1) == ["v1"]


async def test_state_and_changes_come_in_the_datum_of_the_subscription(ready_url, live_server):
    owner = await connect(ready_url)
    place = "ST_SetSRID(ST_MakePoint(113.33, 23.13), 4490)"
    await owner.execute(f"INSERT INTO layer.vehicles (id, data_grade, geom) VALUES ('v1', 2, {place})")
    await owner.close()
    with socket_to(live_server(ready_url)) as client:
        seen = {}
        for number, crs in enumerate(("OGC:CRS84", *DATUMS)):
            client.say(type="subscribe", layers=["vehicles"], snapshot=True, crs=crs)
            (shown,) = client.next("snapshot")["features"]
            client.next("ready")
            await write(ready_url, moved("v2", number))
            (change,) = client.next("changes")["changes"]
            assert (shown.get("datum"), change.get("datum")) == ((None, None) if number == 0 else (crs, crs))
            plain = np.array([113.33, 23.13])
            seen[crs] = shown["geometry"]["coordinates"], [change["lon"], change["lat"]]
            if number:
                assert np.abs(from_datum(np.array([seen[crs][0]]), crs) - plain).max() < 1e-6
                assert np.abs(np.array(seen[crs][1]) - seen["OGC:CRS84"][1]).max() > 1e-3
        client.say(type="subscribe", layers=["vehicles"], crs="EPSG:4547")
        refused = client.next("error")
        assert (refused["status"], refused["parameter"]) == (400, "crs")
        assert "gcj02, bd09" in refused["detail"]


async def test_who_is_too_late_is_told_to_start_again_and_goes_on(ready_url, live_server):
    with socket_to(live_server(ready_url)) as client:
        client.say(type="subscribe", since=10**6)
        assert "knows no" in client.next("resync")["detail"]
        client.next("ready")
        await write(ready_url, happened("e1"))
        assert client.ids(1) == ["e1"]


@pytest.mark.parametrize("how", ["header", "protocol", "first message"])
async def test_a_token_is_said_in_three_ways_and_never_in_the_address(ready_url, live_server, home, how):
    address = live_server(ready_url, home=home)
    options = {
        "header": {"additional_headers": {"Authorization": f"Bearer {TOKEN}"}},
        "protocol": {"subprotocols": ["onemap.live.v1", f"bearer.{TOKEN}"]},
        "first message": {},
    }[how]
    with socket_to(address, **options) as client, socket_to(address) as public:
        client.subscribe(**({"token": TOKEN} if how == "first message" else {}))
        public.subscribe()
        await write(ready_url, happened("secret", grade=4), happened("open"))
        assert client.ids(2) == ["secret", "open"]
        assert public.ids(1) == ["open"]
        client.say(type="subscribe", token=TOKEN)
        assert "first message" in client.next("error")["detail"]


async def test_a_wrong_token_or_another_site_is_sent_away(ready_url, live_server, home):
    address = live_server(ready_url, home=home)
    for options in (
        {"additional_headers": {"Authorization": "Bearer wrong"}},
        {"subprotocols": ["onemap.live.v1", "bearer.wrong"]},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ):
        with pytest.raises(InvalidStatus), socket_to(address, **options):
            pass
    with socket_to(address, origin=address) as client:
        client.say(type="subscribe", token="wrong")
        assert client.next("error")["status"] == 401
        with pytest.raises(ConnectionClosed):
            client.socket.recv(timeout=DEADLINE_SECONDS)


async def test_what_is_wrong_is_said_and_the_connection_goes_on(ready_url, live_server):
    with socket_to(live_server(ready_url)) as client:
        for message in (
            "{",
            "[]",
            '{"type":"shout"}',
            '{"type":"subscribe","made_up":1}',
            '{"type":"subscribe","layers":["nothing"]}',
            '{"type":"subscribe","layers":["events"],"filter":"made_up = 1"}',
            '{"type":"subscribe","layers":["events"],"filter":"handler_id = \'x\'"}',
            '{"type":"subscribe","bbox":[1,2,3]}',
            '{"type":"subscribe","snapshot":true}',
            b"\xff\xfe",
        ):
            client.socket.send(message)
            error = client.next("error")
            assert error["status"] in {400, 404}, message
            assert error["detail"]
        client.subscribe()


def hear_to_the_end(client, *messages):
    for message in messages:
        client.socket.send(message)
    while True:
        client.socket.recv(timeout=DEADLINE_SECONDS)


async def test_who_says_too_much_is_cut_off(ready_url, live_server):
    address = live_server(ready_url)
    for messages in ([" " * (MESSAGE_BYTES_MAX + 1)], ['{"type":"ping"}'] * (MESSAGES_AT_ONCE * 50)):
        with socket_to(address) as client, pytest.raises(ConnectionClosed):
            hear_to_the_end(client, *messages)
