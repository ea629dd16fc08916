"""A sender over MQTT whose broker is killed: it says again whatever such a broker may have forgotten."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt
import orjson

from benchmarks.broker import Broker

FEED = "by_broker"
_TOPIC = f"{FEED}/up"
_BODY = 5  # messages
_PAUSE_S = 0.05
_SECONDS_MAX = 5  # for an acknowledgement; then it is said again

type Sent = dict[str, Any]


class PublishProxy:
    """Publishes at QoS 1.

    A broker that is killed forgets some of what it has acknowledged, so its word is good only for the time that it
    lives. Whoever sends therefore keeps what was said in a round, and says it all once more at the end.

    Attributes
    ----------
    lost
        How often there was no broker.
    """

    def __init__(self, broker: Broker, make: Callable[[], Sent], seed: int) -> None:
        self._broker, self._make = broker, make
        self._random = random.Random(seed)
        self.lost = 0

    async def run(self, over: asyncio.Event) -> list[Sent]:
        """Send until `over`; return what a broker has acknowledged that lives."""
        said: list[Sent] = []
        while not over.is_set():
            body = [self._make() for _ in range(_BODY)]
            said += body
            await self._say([body])
            await asyncio.sleep(_PAUSE_S)
        self._random.shuffle(said)
        await self._say([said[k : k + _BODY] for k in range(0, len(said), _BODY)])
        return said

    async def _say(self, bodies: Sequence[list[Sent]]) -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", self._broker.port, timeout=_SECONDS_MAX) as client:
                    for body in bodies:
                        await client.publish(_TOPIC, orjson.dumps(body), qos=1)
                return
            self.lost += 1
            await asyncio.sleep(0.1)


def feed_file(broker: Broker) -> str:
    """Return the file of the feed that listens to it."""
    return f"""name: {FEED}
title_zh: 经代理
title_en: By a broker
protocol: mqtt
crs_source: CGCS2000
connection: {{url: "{broker.url}", topics: [{_TOPIC}]}}
kinds: [observation]
supplies: [rain_gauges]
"""
