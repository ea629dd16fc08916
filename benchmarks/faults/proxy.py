"""An MQTT sender whose broker is killed: it publishes again whatever the broker may have lost."""

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
_SECONDS_MAX = 5  # for an acknowledgement; then the message is published again

type SentMessage = dict[str, Any]


class PublishProxy:
    """Publishes at QoS 1.

    A killed broker loses some of the messages that it has acknowledged. The sender therefore keeps the messages of a
    round, and publishes all of them once more at the end.

    Attributes
    ----------
    lost
        The number of failed connections.
    """

    def __init__(self, broker: Broker, make: Callable[[], SentMessage], seed: int) -> None:
        self._broker, self._make = broker, make
        self._random = random.Random(seed)
        self.lost = 0

    async def run(self, over: asyncio.Event) -> list[SentMessage]:
        """Send until `over`; return the messages that a living broker has acknowledged."""
        messages: list[SentMessage] = []
        while not over.is_set():
            body = [self._make() for _ in range(_BODY)]
            messages += body
            await self._publish([body])
            await asyncio.sleep(_PAUSE_S)
        self._random.shuffle(messages)
        await self._publish([messages[k : k + _BODY] for k in range(0, len(messages), _BODY)])
        return messages

    async def _publish(self, bodies: Sequence[list[SentMessage]]) -> None:
        # In a loop of its own: the client registers sockets that a killed broker closed, a fault of the loop.
        while not await asyncio.to_thread(asyncio.run, self._publish_once(bodies)):
            self.lost += 1
            await asyncio.sleep(0.1)

    async def _publish_once(self, bodies: Sequence[list[SentMessage]]) -> bool:
        """Publish over a new connection; return whether the broker has acknowledged everything."""
        with suppress(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", self._broker.port, timeout=_SECONDS_MAX) as client:
                for body in bodies:
                    await client.publish(_TOPIC, orjson.dumps(body), qos=1)
            return True
        return False


def feed_file(broker: Broker) -> str:
    """Return the definition file of the feed that subscribes to the broker."""
    return f"""name: {FEED}
title_zh: 经代理
title_en: By a broker
protocol: mqtt
crs_source: CGCS2000
connection: {{url: "{broker.url}", topics: [{_TOPIC}]}}
kinds: [observation]
supplies: [rain_gauges]
"""
