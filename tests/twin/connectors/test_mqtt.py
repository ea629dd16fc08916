"""Messages of a real MQTT broker: none lost, none twice, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack

import pytest
import yaml
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.broker import Broker
from layers.database.connection import connect
from server.settings import load_settings
from tests.twin.ingest_process import Ingest, working
from tests.twin.named import put_named
from tests.twin.waiting import DEADLINE_S, until
from twin.connectors.mqtt_client import RECEIVE_MAXIMUM

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]  # so that a wait that is too long says what it waited for

RAIN = {
    "name": "rain",
    "title_zh": "雨量",
    "title_en": "Rain",
    "protocol": "mqtt",
    "crs_source": "CGCS2000",
    "kinds": ["observation"],
    "supplies": ["rain_gauges"],
    "rate_limit_per_s": 50_000,
    "connection": {"topics": ["rain/+/up"], "group": "onemap"},
    "mapping": [
        {
            "kind": "observation",
            "verb": "created",
            "id": {"template": "{$topic.1}-{n}"},
            "subject": {"template": "rain_gauges/{$topic.1}"},
            "time": {"path": "ts", "as": "epoch_ms"},
            "data": {"property": {"constant": "rain_mm"}, "value": "mm", "unit": {"constant": "mm"}},
        }
    ],
}
START_MS = 1_780_884_000_000


def rain(number, gauge="G1", mm=1.5):
    return f"rain/{gauge}/up", json.dumps({"n": number, "ts": START_MS + number, "mm": mm})


class House:
    """A home with feeds, their database, and what is known of them."""

    def __init__(self, folder, url, connection) -> None:
        self.connection = connection
        self.feeds = folder / "feeds"
        self.feeds.mkdir()
        self.settings = load_settings(
            home=folder / "home", database={"url": url}, feeds={"folder": self.feeds}, server={"workers": 1}
        )

    def feed(self, broker_url, definition=RAIN, **changes):
        """Write the file of a feed; `connection` is added to, everything else replaced."""
        connection = {"url": broker_url, **definition["connection"], **changes.pop("connection", {})}
        written = {**definition, **changes, "connection": connection}
        path = self.feeds / f"{written['name']}.yaml"
        beside = path.with_suffix(".new")
        beside.write_text(yaml.safe_dump(written, allow_unicode=True), encoding="utf-8")
        beside.rename(path)

    def secret(self, name, content):
        path = self.settings.home / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)

    async def counters(self, feed="rain"):
        row = await self.connection.fetchrow("SELECT * FROM twin.feed WHERE name = $1", feed)
        return dict(row) if row else {"received": 0, "accepted": 0, "duplicate": 0, "rejected": 0}

    async def observations(self):
        return [tuple(row) for row in await self.connection.fetch("SELECT id, value FROM twin.observation ORDER BY 1")]

    async def connected(self, feed="rain", since=None):
        """Wait until a feed's connector works, later than `since`; return when it began to."""

        async def works():
            row = await self.connection.fetchrow("SELECT state, since FROM twin.connector WHERE feed = $1", feed)
            return row["since"] if row and row["state"] == "working" and row["since"] != since else None

        return await until(works)

    async def accepted(self, count, feed="rain"):
        """Wait until so many messages were taken."""

        async def enough():
            return (await self.counters(feed))["accepted"] >= count

        await until(enough)
        assert (await self.counters(feed))["accepted"] == count


@pytest.fixture
async def house(fixture_copy_url, tmp_path):
    connection = await connect(fixture_copy_url)
    await put_named(fixture_copy_url, rain_gauges=("G1", "OLD", "S7", "E"))
    yield House(tmp_path, fixture_copy_url, connection)
    await connection.close()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_what_a_sender_repeats_counts_once_and_what_is_retained_is_no_news(house, broker, version):
    broker.publish([rain(1, "OLD", 99.0)], retain=True)
    house.feed(broker.url, connection={"mqtt_version": version})
    async with working(house.settings):
        await house.connected()
        broker.publish([rain(2), rain(2), rain(3, mm=2.5), rain(2)])
        await house.accepted(2)

        async def all_four():
            return (await house.counters())["received"] == 4

        await until(all_four)
    assert await house.observations() == [("G1", 1.5), ("G1", 2.5)]


async def test_a_retained_message_is_no_news_without_a_group_either(house, broker):
    broker.publish([rain(1, "OLD", 99.0)], retain=True)
    house.feed(broker.url, connection={"mqtt_version": "3.1.1", "group": None})
    async with working(house.settings):
        await house.connected()
        broker.publish([rain(2)])
        await house.accepted(1)
    assert await house.observations() == [("G1", 1.5)]


async def test_what_comes_while_nobody_is_connected_is_delivered_afterwards(house, broker):
    house.feed(broker.url)
    async with working(house.settings):
        began = await house.connected()
    broker.publish([rain(n) for n in range(500)])
    async with working(house.settings):
        await house.connected(since=began)
        await house.accepted(500)


async def test_a_killed_broker_that_comes_back_is_found_again(house, broker):
    house.feed(broker.url)
    async with working(house.settings):
        began = await house.connected()
        broker.publish([rain(1)])
        await house.accepted(1)
        broker.kill()

        async def told():
            return await house.connection.fetchval("SELECT fault FROM twin.connector WHERE state = 'waiting'")

        assert "broker" in await until(told)
        broker.start()
        await house.connected(since=began)
        broker.publish([rain(2)])
        await house.accepted(2)


async def test_a_killed_ingest_process_loses_nothing_and_doubles_nothing(house, broker):
    house.feed(broker.url)
    count, gauges = 6_000, [f"G{n}" for n in range(7)]
    sent = [rain(n, gauges[n % 7], n / 10) for n in range(count)]
    with ExitStack() as running:
        first = running.enter_context(Ingest(house.settings))
        began = await house.connected()
        with broker.publisher() as publisher:
            for topic, payload in sent[: count // 2]:
                publisher.publish(topic, payload, qos=1)

            async def some():
                return (await house.counters())["accepted"] > 500

            await until(some)
            os.kill(first.process.pid, signal.SIGKILL)
            last = [publisher.publish(topic, payload, qos=1) for topic, payload in sent[count // 2 :]][-1]
            last.wait_for_publish(DEADLINE_S)
        second = running.enter_context(Ingest(house.settings))
        await house.connected(since=began)
        await house.accepted(count)
        assert second.process.poll() is None
    assert sorted(value for _, value in await house.observations()) == [n / 10 for n in range(count)]


async def test_a_payload_of_ten_megabytes_is_refused_and_the_connection_lives(house, broker):
    house.feed(broker.url)
    async with working(house.settings):
        began = await house.connected()
        broker.publish([rain(1), ("rain/G1/up", b"{" + b" " * 10_000_000), rain(2), ("rain/G1/up", b"\xff{"), rain(3)])
        await house.accepted(3)

        async def both_refused():
            return (await house.counters())["rejected"] == 2

        await until(both_refused)
        assert await house.connected() == began
    kept = await house.connection.fetch("SELECT reason, detail, octet_length(message) FROM twin.refused ORDER BY 1")
    assert [row["reason"] for row in kept] == ["not_json", "too_large"]
    assert "10000001 bytes" in kept[1]["detail"]
    assert kept[1]["octet_length"] == 65_536


async def test_a_feed_that_floods_does_not_starve_another(house, broker):
    house.feed(broker.url, name="flood", rate_limit_per_s=1, connection={"topics": ["flood/+/up"]})
    house.feed(broker.url)
    async with working(house.settings):
        await house.connected()
        await house.connected("flood")
        payload = rain(1)[1]
        broker.publish([(f"flood/G{n}/up", payload) for n in range(RECEIVE_MAXIMUM + 1_000)])
        broker.publish([rain(n) for n in range(50)])
        await house.accepted(50)
        assert (await house.counters("flood"))["accepted"] < RECEIVE_MAXIMUM


async def test_a_changed_file_changes_what_is_subscribed_to(house, broker):
    house.feed(broker.url)
    async with working(house.settings):
        began = await house.connected()
        house.feed(broker.url, connection={"topics": ["rain/+/new"]})
        began = await house.connected(since=began)
        broker.publish([rain(1), ("rain/G1/new", rain(2, mm=7.0)[1])])
        await house.accepted(1)
        assert await house.observations() == [("G1", 7.0)]
        house.feed(broker.url, enabled=False)

        async def stopped():
            return await house.connection.fetchval("SELECT state FROM twin.connector") == "stopped"

        await until(stopped)


async def test_a_broker_with_a_password_and_a_certificate_of_its_own(house, tmp_path, request):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=broker -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(  # noqa: ASYNC221  # a second, before anything runs
        [*make.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    broker = Broker(tmp_path / "tls", f"certfile {certificate}\nkeyfile {key}", users={"rain": "short"})
    broker.start()
    request.addfinalizer(broker.stop)
    url = broker.url.replace("mqtt://", "mqtts://")
    house.secret("rain", "wrong\n")
    house.feed(url, secret="rain")

    async def fault(word):
        told = await house.connection.fetchval("SELECT fault FROM twin.connector")
        return told if told and word in told else None

    async with working(house.settings):
        await until(lambda: fault("certificate"))
        house.secret("authority", certificate.read_text(encoding="ascii"))
        house.feed(url, secret="rain", connection={"ca": "authority"})
        await until(lambda: fault("password"))
        house.secret("rain", "short\n")
        await house.connected()


async def test_sensorthings_by_topic_and_cloudevents_in_every_mode(house, broker):
    streams = {"7": {"subject": "rain_gauges/S7", "property": "rain_mm", "unit": "mm"}}
    other = {key: value for key, value in RAIN.items() if key != "mapping"}
    house.feed(
        broker.url,
        {**other, "connection": {}},
        name="things",
        format="sensorthings",
        datastreams=streams,
        connection={"topics": ["v1.1/Datastreams(7)/Observations"]},
    )
    house.feed(broker.url, {**other, "connection": {}}, name="events", connection={"topics": ["ce/#"]})
    time = "2026-06-08T10:00:00+08:00"
    event = {
        "specversion": "1.0",
        "source": "/feeds/events",
        "type": "cn.gov.district.observation.created",
        "subject": "rain_gauges/E",
        "time": time,
        "data": {"property": "rain_mm", "value": 1.0, "unit": "mm"},
    }
    async with working(house.settings):
        await house.connected("things")
        await house.connected("events")
        result = {"@iot.id": 1, "phenomenonTime": time, "result": 4.5}
        broker.publish([("v1.1/Datastreams(7)/Observations", json.dumps(result))])
        broker.publish([("ce/a", json.dumps({**event, "id": "1"})), ("ce/b", json.dumps([{**event, "id": "2"}]))])
        with broker.publisher(paho.MQTTv5) as publisher:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ContentType = "application/json"
            properties.UserProperty = [(name, event[name]) for name in event if name != "data"] + [("id", "3")]
            sent = publisher.publish("ce/c", json.dumps(event["data"]), qos=1, properties=properties)
            sent.wait_for_publish(DEADLINE_S)
        await house.accepted(1, "things")
        await house.accepted(3, "events")
    assert ("S7", 4.5) in await house.observations()
