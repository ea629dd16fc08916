from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest

from layers.database.connection import connect
from tests.databases import count_rows, run_async
from tests.twin.named import put_named
from twin.feeds.signature import sign

pytestmark = pytest.mark.anyio
SECRET = "a secret of sixteen bytes and more"
JSON = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", SECRET)


def cloudevent(number, subject="vehicles/v1", kind="position", **data):
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "/feeds/demo",
        "type": f"cn.gov.district.{kind}.created",
        "subject": subject,
        "time": "2026-06-08T09:58:00+08:00",
        "datacontenttype": "application/json",
        "data": data or {"lon": 113.35, "lat": 23.13, "speed_kmh": 30.0},
    }


class Sender:
    """A sender that signs, as the guide tells senders to."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._sent = 0

    def headers(self, body):
        self._sent += 1
        return sign(SECRET.encode(), "demo", body, now=datetime.now(UTC), nonce=f"nonce-{self._sent:020}")

    def send(self, content, content_type=BATCH, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        signed = {**self.headers(body), "content-type": content_type, **headers}
        return self._client.post("/feeds/demo", content=body, headers=signed)


@pytest.fixture
def sender(district_url, live_server):
    run_async(put_named(district_url))
    with httpx.Client(base_url=live_server(district_url), timeout=30) as client:
        yield Sender(client)


async def test_what_is_sent_twice_counts_once_and_is_joined(sender, district_url):
    batch = [cloudevent(1), cloudevent(2, "events/e1", "event", source="hotline", title="积水", lon=113.35, lat=23.13)]
    first, second = sender.send(batch).json(), sender.send(batch).json()
    assert (first["accepted"], first["duplicate"]) == (2, 0)
    assert (second["accepted"], second["duplicate"]) == (0, 2)
    connection = await connect(district_url)
    grid = await connection.fetchval("SELECT onemap.grid_at(ST_SetSRID(ST_MakePoint(113.35, 23.13), 4490))")
    assert grid
    assert await connection.fetchval("SELECT grid_code FROM twin.position_now WHERE id = 'v1'") == grid
    assert await connection.fetchval("SELECT grid_code FROM layer.events WHERE id = 'e1'") == grid
    await connection.close()
    event = sender._client.get("/ogc/collections/events/items/e1").json()
    assert event["properties"]["title"] == "积水"


async def test_one_bad_message_is_kept_with_its_reason_and_spoils_no_other(sender, district_url):
    answer = sender.send([cloudevent(1), cloudevent(2, lon=1000, lat=23)]).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert answer["refused"][0]["index"] == 1
    connection = await connect(district_url)
    kept = await connection.fetchrow("SELECT feed, reason, message FROM twin.refused")
    assert kept["feed"] == "demo"
    assert kept["reason"] == answer["refused"][0]["reason"]
    assert json.loads(kept["message"])["id"] == "2"
    counted = await connection.fetchrow("SELECT received, accepted, rejected FROM twin.feed WHERE name = 'demo'")
    await connection.close()
    health = {feed["name"]: feed for feed in sender._client.get("/twin/feeds").json()["feeds"]}
    assert tuple(counted) == (2, 1, 1)
    assert not health["demo"]["silent"]
    assert health["hotline"]["silent"]


async def test_a_change_of_a_feature_is_written_and_one_that_does_not_fit_is_kept(sender, district_url):
    connection = await connect(district_url)
    name = await connection.fetchval("SELECT min(id) FROM layer.video_points")
    good = cloudevent(1, f"video_points/{name}", "feature_change", change="patch", properties={"name": "改名"})
    bad = cloudevent(2, f"video_points/{name}", "feature_change", change="patch", properties={"colour": "red"})
    answer = sender.send([good, bad, cloudevent(3)]).json()
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert "colour" in answer["refused"][0]["detail"]
    assert await connection.fetchval("SELECT name FROM layer.video_points WHERE id = $1", name) == "改名"
    kept = json.loads(await connection.fetchval("SELECT message FROM twin.refused"))
    assert (kept["id"], kept["data"]["properties"]) == ("2", {"colour": "red"})
    await connection.close()


async def test_an_exercise_is_kept_apart_and_shown_nowhere(sender, district_url):
    drill = {**cloudevent(1, "events/drill", "event", source="hotline", title="演练"), "mode": "exercise"}
    assert sender.send([drill, cloudevent(2)]).json()["accepted"] == 2
    assert sender.send([drill]).json()["duplicate"] == 1
    assert sender._client.get("/ogc/collections/events/items/drill").status_code == 404
    connection = await connect(district_url)
    assert json.loads(await connection.fetchval("SELECT message FROM twin.exercise"))["data"]["title"] == "演练"
    frames = await connection.fetch("SELECT changes FROM twin.change")
    assert not any(b"drill" in row["changes"] for row in frames)
    await connection.close()


async def test_a_day_whose_rows_are_in_the_rest_already_stops_nothing(district_url):
    connection = await connect(district_url)
    await connection.execute(
        "INSERT INTO twin.position (layer, id, phenomenon_time, lon, lat) VALUES ('vehicles', 'v', '2031-05-05', 1, 1)"
    )
    await connection.execute("SELECT twin.make_day('2031-05-05'), twin.make_day('2031-05-06')")
    assert await connection.fetchval("SELECT to_regclass('twin.position_20310506') IS NOT NULL")
    assert await count_rows(connection, "twin.position_rest") == 1
    await connection.close()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (json.dumps(cloudevent(1, "vehicles/v1", "face_capture")).encode(), JSON, 400),
        (json.dumps({**cloudevent(1), "source": "/feeds/hotline"}).encode(), JSON, 400),
        (b"x" * 1_100_000, JSON, 413),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_server_lives(sender, body, content_type, status):
    answer = sender.send(body, content_type)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert sender.send([cloudevent(9)]).status_code == 200


def test_who_does_not_sign_is_not_heard(sender):
    body = json.dumps(cloudevent(1)).encode()
    client = sender._client
    assert client.post("/feeds/demo", content=body, headers={"content-type": JSON}).status_code == 401
    wrong = sign(b"another secret of some length", "demo", body, now=datetime.now(UTC), nonce="n" * 20)
    assert client.post("/feeds/demo", content=body, headers={"content-type": JSON, **wrong}).status_code == 401
    old = sign(SECRET.encode(), "demo", body, now=datetime(2026, 1, 1, tzinfo=UTC), nonce="n" * 20)
    assert client.post("/feeds/demo", content=body, headers={"content-type": JSON, **old}).status_code == 401
    good = {"content-type": JSON, **sender.headers(body)}
    assert client.post("/feeds/demo", content=body, headers=good).status_code == 200
    again = client.post("/feeds/demo", content=body, headers=good)
    assert again.status_code == 401
    assert "nonce" in again.json()["detail"]


def test_a_feed_without_its_secret_takes_nothing(sender):
    answer = sender._client.post("/feeds/hotline", content=b"{}", headers={"content-type": JSON})
    assert answer.status_code == 401
    assert "ONEMAP_SECRET_HOTLINE" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["nothing", "vehicles_jt808", "demo'--", "%2e%2e"])
def test_there_are_only_the_feeds_there_are(sender, name):
    assert sender._client.post(f"/feeds/{name}", content=b"{}").status_code == 404


def test_what_is_older_than_history_is_kept_is_refused_and_its_neighbours_are_taken(district_url, live_server):
    run_async(put_named(district_url))
    address = live_server(district_url, retention={"positions_days": 90})
    with httpx.Client(base_url=address, timeout=30) as client:
        fresh = {**cloudevent(1), "time": datetime.now(UTC).isoformat()}
        answer = Sender(client).send([{**fresh, "id": "2", "time": "2020-06-08T09:58:00+08:00"}, fresh]).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert answer["refused"][0]["reason"] == "too_old"
    assert "kept for 90 days" in answer["refused"][0]["detail"]


async def test_what_the_database_refuses_is_counted_once(sender, district_url):
    connection = await connect(district_url)
    await connection.execute(
        """CREATE FUNCTION twin.refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF new.event_id = 'bad' THEN RAISE EXCEPTION 'no such value' USING ERRCODE = '22003'; END IF;
            RETURN new; END $$;
        CREATE TRIGGER refuses BEFORE INSERT ON twin.event_version FOR EACH ROW EXECUTE FUNCTION twin.refuses()"""
    )
    sent = [cloudevent(n, f"events/{name}", "event", source="hotline") for n, name in enumerate(["e1", "bad", "e2"])]
    answer = sender.send([*sent, sent[0], cloudevent(9, lon=1000, lat=1)]).json()
    counted = {name: answer[name] for name in ("received", "accepted", "duplicate", "ignored", "rejected")}
    assert counted == {"received": 5, "accepted": 2, "duplicate": 1, "ignored": 0, "rejected": 2}
    assert sorted(one["reason"] for one in answer["refused"]) == ["not_written", "out_of_range"]
    await connection.close()


async def test_in_binary_mode_nobody_between_changes_an_attribute(sender, district_url):
    body = b'{"lon": 113.35, "lat": 23.13}'
    message = {
        f"ce-{name}": str(value) for name, value in cloudevent(1).items() if name not in {"data", "datacontenttype"}
    }
    message["content-type"] = "application/json"
    as_before = sender.headers(body)
    signed = sign(SECRET.encode(), "demo", body, now=datetime.now(UTC), nonce="n" * 20, headers=message)
    tampered = message | signed | {"ce-subject": "vehicles/another"}
    for headers in (tampered, message | as_before, message | signed | {"content-type": JSON}):
        assert sender._client.post("/feeds/demo", content=body, headers=headers).status_code == 401
    good = sender._client.post("/feeds/demo", content=body, headers=message | signed)
    assert good.json()["accepted"] == 1, good.text
    connection = await connect(district_url)
    assert await connection.fetchval("SELECT array_agg(id) FROM twin.position_now") == ["v1"]
    await connection.close()
