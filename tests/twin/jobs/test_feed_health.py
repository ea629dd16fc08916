"""The health of feeds and of the ingest process in `/twin/feeds`, `/health` and the doctor."""

from __future__ import annotations

import os

import httpx
import pytest
import yaml

from layers.database.connection import connect
from server.doctor.database import examine_database
from server.doctor.machine import FindingState
from server.settings import load_settings
from tests.twin.ingest_process import working
from tests.twin.waiting import until
from twin.connectors.protocols import parse_feed
from twin.jobs.feed_health import life_of

pytestmark = pytest.mark.anyio

BASE = {
    "title_zh": "雨量",
    "title_en": "Rain",
    "crs_source": "CGCS2000",
    "kinds": ["observation"],
    "supplies": ["rain_gauges"],
    "expected_interval_s": 60,
}
FEEDS = {
    "pushed": {"protocol": "http"},
    "unheard": {"protocol": "http", "supplies": ["iot_devices"]},
    "resting": {"protocol": "http", "enabled": False},
    "fetched": {
        "protocol": "mqtt",
        "connection": {"url": "mqtt://broker.internal", "topics": ["rain/#"]},
        "supplies": ["rain_gauges", "water_level_stations"],
    },
}


@pytest.mark.parametrize(
    ("enabled", "expected_s", "age_s", "life"),
    [
        (True, 60, None, "never"),
        (True, 60, 0, "live"),
        (True, 60, 180, "live"),
        (True, 60, 181, "silent"),
        (True, None, 1e9, "live"),
        (False, 60, 1e9, "off"),
        (False, 60, None, "off"),
    ],
)
def test_a_feed_is_silent_after_three_intervals(enabled, expected_s, age_s, life):
    said = {**BASE, "name": "x", "protocol": "http", "enabled": enabled, "expected_interval_s": expected_s}
    assert life_of(parse_feed(said), age_s) == life


@pytest.fixture
def folder(tmp_path):
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    for name, feed in FEEDS.items():
        (feeds / f"{name}.yaml").write_text(yaml.safe_dump({**BASE, "name": name, **feed}), encoding="utf-8")
    return feeds


@pytest.fixture
async def owner(fixture_copy_url):
    connection = await connect(fixture_copy_url)
    yield connection
    await connection.close()


def told(address, **headers):
    answer = httpx.get(f"{address}/twin/feeds", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json(), {feed["name"]: feed for feed in answer.json()["feeds"]}


async def test_every_feed_tells_how_it_does(owner, fixture_copy_url, folder, live_server, tmp_path):
    await owner.execute(
        "INSERT INTO twin.feed (name, received, accepted, rejected, last_received_at) VALUES "
        "('pushed', 700, 690, 10, now() - interval '2 minutes'), ('fetched', 5, 5, 0, now() - interval '1 hour')"
    )
    await owner.execute(
        "INSERT INTO twin.feed_sample (feed, at, received, accepted, rejected) VALUES "
        "('pushed', now() - interval '2 minutes', 100, 95, 5), ('pushed', now() - interval '1 hour', 0, 0, 0)"
    )
    await owner.execute(
        "INSERT INTO twin.refused (feed, reason, detail, message, replayed_at) VALUES "
        "('pushed', 'not_json', '', '', NULL), ('pushed', 'not_json', '', '', NULL), "
        "('pushed', 'missing', '', '', now())"
    )
    await owner.execute(
        "INSERT INTO twin.connector (feed, state, detail, fault) "
        "VALUES ('fetched', 'working', 'mqtt://broker.internal', 'x')"
    )
    home = tmp_path / "home"
    home.mkdir()
    (home / "operator-token").write_text("the operator's own", encoding="ascii")
    address = live_server(fixture_copy_url, feeds={"folder": folder}, home=home)
    everything, feeds = told(address, authorization="Bearer the operator's own")
    assert {name: feed["state"] for name, feed in feeds.items()} == {
        "pushed": "live",
        "unheard": "never",
        "resting": "off",
        "fetched": "silent",
    }
    assert feeds["pushed"]["refused"] == {"not_json": 2}
    assert 120 < feeds["pushed"]["per_minute_5"] <= 300, "600 messages in two minutes or a little more"
    assert feeds["pushed"]["per_minute_1"] is None, "nothing was noted in the last minute"
    assert feeds["unheard"]["per_minute_1"] is None
    assert everything["stale"] == [
        {"layer": "rain_gauges", "feeds": ["fetched"]},
        {"layer": "water_level_stations", "feeds": ["fetched"]},
    ]
    assert everything["ingest"]["working"] is False
    assert feeds["pushed"]["connector"] is None
    assert feeds["fetched"]["connector"]["state"] == "away"
    assert feeds["fetched"]["connector"]["detail"] == "mqtt://broker.internal"
    public, for_public = told(address)
    assert "broker.internal" not in str(public), "where a broker is, is nothing for the public"
    assert {name: feed["state"] for name, feed in for_public.items()} == {n: feed["state"] for n, feed in feeds.items()}
    numbers = {name for feed in for_public.values() for name, value in feed.items() if type(value) in {int, float}}
    assert numbers <= {"expected_interval_s"}, "how much comes tells how much happens"
    assert for_public["pushed"]["refused"] is for_public["pushed"]["last_received_at"] is None
    page = httpx.get(f"{address}/status", headers={"Accept": "text/html"}, timeout=30).text
    assert 'id="pushed"' in page
    assert not {"690", "<time", "not_json"} & {word for word in ("690", "<time", "not_json") if word in page}


async def test_health_and_doctor_tell_whether_the_ingest_process_works(
    owner, fixture_copy_url, folder, live_server, tmp_path
):
    address = live_server(fixture_copy_url, feeds={"folder": folder})
    settings = load_settings(home=tmp_path, database={"url": fixture_copy_url}, feeds={"folder": folder})

    async def doctor():
        findings = [finding async for finding in examine_database(fixture_copy_url)]
        (finding,) = [finding for finding in findings if "ingest" in finding.subject]
        return finding

    assert httpx.get(f"{address}/health", timeout=30).json()["ingest"] is False
    assert (await doctor()).state is FindingState.WARNING
    async with working(settings):
        await until(lambda: httpx.get(f"{address}/health", timeout=30).json()["ingest"])
        finding = await doctor()
        assert finding.state is FindingState.WELL
        assert f"process {os.getpid()}" in finding.detail
        await until(lambda: owner.fetchval("SELECT fault IS NOT NULL FROM twin.connector WHERE feed = 'fetched'"))
    _, feeds = told(address)
    assert feeds["fetched"]["state"] == "never"
