"""The city and the storm against the real service: read over OGC API, signed, pushed, and nothing refused."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest

from server.demo.district_reader import read_district
from server.demo.storm import COLLECTIONS, Playing
from server.feeds.key import ensure_feed_key
from server.feeds.sender import FeedSender, connect
from server.processes.city import CityFeed
from twin.city.city import City, Liveliness
from twin.city.district import PROPERTIES
from twin.city.storm import Storm, StormPlan

pytestmark = pytest.mark.anyio
SEED = 440106
KEY = "a secret of sixteen bytes and more"


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    for feed in ("DEMO", "WARNINGS_CAP"):
        monkeypatch.setenv(f"ONEMAP_SECRET_{feed}", KEY)


@pytest.fixture
def address(district_url, live_server):
    return live_server(district_url)


def sender(client, feed="demo"):
    return FeedSender(client, feed, KEY.encode())


async def items(client, collection, **parameters):
    answer = await client.get(f"/ogc/collections/{collection}/items", params={"limit": 10_000, **parameters})
    return {f["id"]: f["properties"] for f in answer.raise_for_status().json()["features"]}


async def of_storm(client):
    """Return the events of the storm; the district has others."""
    found = await items(client, "events")
    return {name: e for name, e in found.items() if name.startswith("warning-") or "FR" in name or "ZZ" in name}


async def test_the_district_is_read_over_the_public_api(address):
    async with connect(address) as client:
        district = await read_district(client)
    assert {name for name, found in district.features.items() if found} == set(PROPERTIES)
    assert district.code == "440106"
    for name, found in district.features.items():
        assert found[0]["properties"].keys() <= set(PROPERTIES[name])


async def test_an_hour_of_the_city_is_taken_whole_and_shows_in_the_collections(address):
    now = int(time.time())
    async with connect(address) as client:
        city = City(await read_district(client), SEED, Liveliness(devices_per_s=2.0))
        sending = sender(client)
        said = [*city.changes(now - 3600, now), *city.reports(now - 300, now)]
        assert await sending.send(said)
        assert await sending.send(said[:200])
        sent = sending.sent
        assert (sent.accepted, sent.duplicate, sent.rejected) == (len(said), 200, 0)
        known = Counter(message["data"]["source"] for message in said if ".event." in message["type"])
        events = await items(client, "events")
    live = {name: event for name, event in events.items() if "-L" in name}
    assert Counter(event["source"] for event in live.values()).keys() == known.keys()
    for event in live.values():
        assert event["stage"]
        assert event["grid_code"]
        assert event["due_at"]
        assert event["title"].endswith("（示例）")


async def test_a_storm_is_taken_whole_and_leaves_nothing_open(address):
    async with connect(address) as client:
        plan = StormPlan(
            int(time.time()) - 600, minutes=10, return_period_a=100, speed=20
        )  # over, so there is no waiting
        storm = Storm(await read_district(client, COLLECTIONS), SEED, plan)
        told = []
        playing = Playing(storm, sender(client), sender(client, "warnings_cap"), told.append)
        await playing.play()
        assert (playing._sender.sent.rejected, playing._warner.sent.rejected) == (0, 0)
        assert [minute.number for minute in told] == list(range(storm.lasts_min))
        assert [minute.phase for minute in told][:: storm.lasts_min - 1] == ["warning", "receding"]
        assert max(minute.deepest_m for minute in told) > 0.1
        events = await of_storm(client)
        stages = {event["source"]: set() for event in events.values()}
        for event in events.values():
            stages[event["source"]].add(event["stage"])
        assert stages["weather_warning"] == {"closed"}
        assert stages["hotline"] <= {"closed", "merged"}
        points = await items(client, "flood_risk_points")
        assert all(points[point.id]["water_depth_m"] == 0 for point in storm.water.points)


async def test_a_storm_that_is_broken_off_closes_what_it_opened(address):
    async with connect(address) as client:
        plan = StormPlan(int(time.time()) - 120, minutes=30, return_period_a=100, speed=30)
        storm = Storm(await read_district(client, COLLECTIONS), SEED, plan)
        deep = asyncio.Event()

        def tell(minute):
            if minute.deepest_m > 0.05:
                deep.set()

        playing = Playing(storm, sender(client), sender(client, "warnings_cap"), tell)
        task = asyncio.create_task(playing.play())
        async with asyncio.timeout(240):
            await deep.wait()
        task.cancel()
        assert await asyncio.gather(task, return_exceptions=True)
        events = await of_storm(client)
        assert {e["stage"] for e in events.values()} <= {"closed", "merged"}
        assert (playing._sender.sent.rejected, playing._warner.sent.rejected) == (0, 0)


async def test_the_city_goes_on_where_it_was(address, tmp_path):
    async with connect(address) as client:
        district, counts = await read_district(client), []
        for _ in range(2):
            sending = sender(client)
            living = CityFeed(City(district, SEED, Liveliness(devices_per_s=2.0)), sending, tmp_path)
            async with _living(living):
                await _until(lambda: (tmp_path / "city.until").exists() and sending.sent.accepted)  # noqa: B023
            counts.append(sending.sent)
        until = int((tmp_path / "city.until").read_text(encoding="ascii"))
        assert abs(until - time.time()) < 300
        first, second = counts
        assert first.rejected == second.rejected == 0
        assert second.accepted + second.duplicate < first.accepted, "it has less to catch up with"


async def _until(happened):
    for _ in range(4800):
        if happened():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it has not happened in four minutes")


@asynccontextmanager
async def _living(living):
    task = asyncio.create_task(living.live())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_sender_slows_down_and_sends_again():
    answers = iter([httpx.Response(503), httpx.Response(429), None, {"accepted": 2, "duplicate": 0, "rejected": 0}])
    nonces = set()

    def answer(request):
        nonces.add(request.headers["x-onemap-nonce"])
        told = next(answers)
        if told is None:
            raise httpx.ConnectError("nobody")
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service") as client:
        sending = FeedSender(client, "demo", KEY.encode())
        assert not await sending.send([{}], patience_s=0.0)
        assert await sending.send([{}])
        assert (sending.sent.accepted, sending.sent.waited) == (2, 3)
    assert len(nonces) == 4, "a nonce is good once"


def test_a_key_is_made_once_and_is_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("ONEMAP_SECRET_DEMO")
    key = ensure_feed_key("demo", tmp_path)
    assert len(key) >= 32
    assert ensure_feed_key("demo", tmp_path) == key
    assert (tmp_path / "secrets" / "demo").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "secrets").iterdir()] == ["demo"]
    monkeypatch.setenv("ONEMAP_SECRET_DEMO", KEY)
    assert ensure_feed_key("demo", tmp_path) == KEY.encode()
