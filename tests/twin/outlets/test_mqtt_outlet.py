"""Publishing to a real broker, which is killed and comes back."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager

import pytest
from paho.mqtt import client as paho

from tests.twin.change_log import due_of, happened, moved, write, write_many, written
from tests.twin.outlets.test_webhook import begun
from tests.twin.waiting import until
from twin.outlets.mqtt import topic_of

pytestmark = pytest.mark.anyio


@contextmanager
def subscriber(broker, topic="onemap/#", client_id="listener", *, clean=False):
    """Yield the messages (topic, payload, retained) of a session that the broker keeps."""
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, client_id=client_id, clean_session=clean
    )
    heard: list[tuple[str, bytes, bool]] = []
    client.on_message = lambda _c, _u, message: heard.append((message.topic, message.payload, message.retain))
    client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def numbers(heard):
    """Return the numbers of changes in the order first received."""
    return list(dict.fromkeys(json.loads(payload)["seq"] for _, payload, _ in heard if payload))


async def test_every_change_reaches_the_broker_in_order_though_it_goes_away(house, broker):
    house.write("city", kind="mqtt", url=broker.url, batch_max=20, rights={"clearance": 3}, timeout_s=5)
    with subscriber(broker) as heard:
        async with house.working():
            await begun(house, "city")
            writers = asyncio.gather(*(write_many(house.url, seed, 20) for seed in (1, 2)))
            for _ in range(2):
                seen = len(heard)
                await until(lambda seen=seen: len(heard) > seen or writers.done())
                broker.stop()  # a killed broker forgets messages that it had acknowledged and not yet forwarded
                await write(house.url, happened("while it was away"))
                broker.start()
            await writers
            due = due_of(await written(house.url), 3)
            await until(lambda: (numbers(heard) or [0])[-1] == due[-1])
        assert numbers(heard) == due


async def test_the_broker_keeps_the_newest_of_each_thing_and_forgets_what_is_deleted(house, broker):
    house.write("city", kind="mqtt", url=broker.url, topic="district/tianhe")
    async with house.working():
        await begun(house, "city")
        gone = {"kind": "feature", "layer": "vehicles", "id": "v2", "grade": 2, "operation": "delete"}
        hidden = moved("v3", 2, grade=4) | {"before": {"grade": 2}}
        secret = moved("secret", 1, grade=4)
        of_v3 = (moved("v3", 1), hidden)
        await write(house.url, moved("v1", 1), moved("v1", 2), moved("v2", 1), gone, *of_v3, secret, moved("v4", 1))
        v1, v4 = "district/tianhe/vehicles/v1", "district/tianhe/vehicles/v4"
        with subscriber(broker, "district/tianhe/#", "first") as heard:
            await until(lambda: [m for m in heard if m[0] == v4])  # published in order: all before it is too
        with subscriber(broker, "district/tianhe/#", "late", clean=True) as kept:
            await until(lambda: {m[0] for m in kept} >= {v1, v4})
        assert sorted((topic, retained) for topic, _, retained in kept) == [(v1, True), (v4, True)]
        assert [json.loads(body)["seq"] for topic, body, _ in kept if topic == v1] == [2]
        assert all("secret" not in topic for topic, _, _ in [*heard, *kept])


def test_what_mqtt_reserves_is_escaped_in_topics():
    change = {"layer": "water_level_stations", "id": "a/b+c#", "property": "water_level"}
    assert topic_of("onemap", change) == "onemap/water_level_stations/a%2Fb%2Bc%23/water_level"
