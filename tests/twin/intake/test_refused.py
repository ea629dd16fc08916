from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from layers.database.connection import connect
from server.identity.operator_token import TOKEN_FILE
from server.settings import load_settings
from tests.databases import run_async
from tests.running_app import running_app
from tests.twin.feeds.test_cap import sample
from tests.twin.feeds.test_feeds import SECRET, Sender, cloudevent
from tests.twin.named import put_named
from twin.feeds.signature import sign

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-the-operator-of-forty-letters"


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", SECRET)
    monkeypatch.setenv("ONEMAP_SECRET_WARNINGS_CAP", SECRET)


@pytest.fixture
def client(district_url, tmp_path):
    run_async(put_named(district_url))
    (tmp_path / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    settings = load_settings(home=tmp_path, database={"url": district_url})
    with running_app(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client


class Desk:
    """The operator's desk."""

    def __init__(self, client) -> None:
        self._client = client
        self._as_operator = {"authorization": f"Bearer {TOKEN}"}

    def look(self, path, **params):
        answer = self._client.get(path, params=params, headers=self._as_operator)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, path, content=b""):
        return self._client.post(path, content=content, headers=self._as_operator)


async def test_a_refused_message_is_put_right_and_taken_once(client, district_url):
    desk, sender = Desk(client), Sender(client)
    sender.send([cloudevent(1), *(cloudevent(n, f"vehicles/v{n}", lon=1000, lat=23.13) for n in (2, 3))])
    listed = desk.look("/twin/refused", feed="demo")
    assert [one["reason"] for one in listed["messages"]] == ["out_of_range", "out_of_range"]
    assert listed["waiting"][0]["messages"] == 2
    third, second = (one["id"] for one in listed["messages"])
    again = desk.do(f"/twin/refused/{second}/replay")
    assert again.status_code == 400
    assert "refused again" in again.json()["detail"]
    whole = json.loads(desk.look(f"/twin/refused/{second}")["message"])
    whole["data"]["lon"] = 113.35
    taken = desk.do(f"/twin/refused/{second}/replay", json.dumps(whole).encode())
    assert taken.json() == {"id": second, "accepted": 1, "duplicate": 0, "late": 0}
    assert desk.do(f"/twin/refused/{second}/replay", json.dumps(whole).encode()).status_code == 409
    assert desk.do(f"/twin/refused/{third}/discard").status_code == 204
    assert desk.do(f"/twin/refused/{third}/replay").status_code == 409
    assert desk.look("/twin/refused")["messages"] == []
    assert len(desk.look("/twin/refused", done=True)["messages"]) == 2
    connection = await connect(district_url)
    await connection.execute("UPDATE twin.refused SET replayed_at = NULL")  # as if it was killed before the note
    again = desk.do(f"/twin/refused/{second}/replay", json.dumps(whole).encode())
    assert (again.json()["accepted"], again.json()["duplicate"]) == (0, 1)
    await connection.close()


async def test_what_was_read_before_it_was_refused_is_taken_again_in_place(client, district_url):
    desk, sender = Desk(client), Sender(client)
    bad = cloudevent(
        1, "video_points/N1", "feature_change", change="upsert", properties={"colour": 1}, lon=113.35, lat=23.13
    )
    sender.send([bad, cloudevent(2)])
    (kept,) = desk.look("/twin/refused")["messages"]
    assert kept["canonical"]
    good = json.loads(desk.look(f"/twin/refused/{kept['id']}")["message"])
    good["data"]["properties"] = {"name": "新点位"}
    assert desk.do(f"/twin/refused/{kept['id']}/replay", json.dumps(good).encode()).json()["accepted"] == 1
    connection = await connect(district_url)
    assert await connection.fetchval("SELECT ST_X(geom) FROM layer.video_points WHERE id = 'N1'") == 113.35
    await connection.close()


async def test_only_operators_see_what_feeds_sent(client):
    for path in ("/twin/refused", "/twin/refused/1", "/twin/exercises"):
        assert client.get(path).status_code == 403
    for path in ("/twin/refused/1/replay", "/twin/refused/1/discard"):
        assert client.post(path).status_code == 403
    assert Desk(client).do("/twin/refused/1/replay").status_code == 404


async def test_a_drill_is_shown_to_operators_and_a_warning_to_everybody(client, monkeypatch):
    def post(body, number):
        signed = sign(SECRET.encode(), "warnings_cap", body, now=datetime.now(UTC), nonce=f"nonce-{number:020}")
        answer = client.post("/feeds/warnings_cap", content=body, headers=signed)
        assert answer.json()["accepted"] == 1, answer.text

    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds").encode()
    real = sample().replace(b"2026-06-08T15:30:00+08:00", expires)
    post(real, 1)
    post(sample(identifier="44010641600000_20260608093000_1", status="Exercise"), 2)
    desk = Desk(client)
    (drill,) = desk.look("/twin/exercises", feed="warnings_cap")["messages"]
    assert (drill["mode"], drill["chain"]) == ("exercise", "44010641600000_20260608093000_1")
    assert desk.look("/twin/exercises")["counts"] == [{"feed": "warnings_cap", "mode": "exercise", "messages": 1}]
    found = client.get("/twin/warnings").json()
    (warning,), is_whole = found["features"], found["complete"]
    assert is_whole is True
    monkeypatch.setattr("server.routes.warnings.WARNINGS_MAX", 0)
    assert client.get("/twin/warnings").json() == {"type": "FeatureCollection", "complete": False, "features": []}
    assert warning["id"] == "warning-44010641600000_20260608093000_0"
    assert warning["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    item = client.get(f"/ogc/collections/events/items/{warning['id']}").json()
    assert item["geometry"]["type"] == "Point"
    assert item["properties"]["area"] == warning["geometry"]
    assert item["properties"]["area_code"] == "440106000000"
