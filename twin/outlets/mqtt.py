"""Changes to an MQTT broker: QoS 1, one topic per feature, in order, acknowledged before the position moves."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiomqtt
import orjson

from layers.errors import OneMapError
from twin.feeds.secret import read_secret
from twin.outlets.definition import Mqtt
from twin.outlets.selection import OutletBatch
from twin.outlets.sender import NotTaken

_IN_FLIGHT = 100
_CIPHERED, _PLAIN = 8883, 1883
_VERSIONS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}


class MqttSender:
    """Publishes batches over one connection, which is reopened after a fault."""

    def __init__(self, mqtt: Mqtt, home: Path) -> None:
        self._mqtt, self._home = mqtt, home
        self._client: aiomqtt.Client | None = None

    async def send(self, batch: OutletBatch) -> None:
        """Publish a batch.

        Raises
        ------
        NotTaken
            When the broker has not acknowledged the whole batch.
        """
        try:
            client = self._client or await self._open()
            async with asyncio.timeout(self._mqtt.timeout_s):
                await asyncio.gather(*(self._publish(client, *message) for message in self._messages(batch)))
        except (aiomqtt.MqttError, TimeoutError, OSError, ValueError) as error:
            await self.close()
            raise NotTaken(f"{type(error).__name__}: {error or 'the broker does not acknowledge'}") from error
        except OneMapError as error:
            raise NotTaken(error.message) from error

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiomqtt.MqttError):  # the connection is lost already
                await client.__aexit__(None, None, None)

    async def _open(self) -> aiomqtt.Client:
        url = urlsplit(self._mqtt.url)
        ciphered = url.scheme == "mqtts"
        secret = self._mqtt.secret
        password = read_secret(secret, self._home, os.environ, bytes_min=1).decode() if secret else None
        client = aiomqtt.Client(
            str(url.hostname),
            url.port or (_CIPHERED if ciphered else _PLAIN),
            username=(self._mqtt.user or secret) if secret else None,
            password=password,
            protocol=_VERSIONS[self._mqtt.mqtt_version],
            timeout=self._mqtt.timeout_s,
            tls_context=ssl.create_default_context() if ciphered else None,
            max_inflight_messages=_IN_FLIGHT,
            max_concurrent_outgoing_calls=self._mqtt.batch_max + 1,
        )
        self._client = await client.__aenter__()
        return self._client

    @staticmethod
    async def _publish(client: aiomqtt.Client, topic: str, payload: bytes, retain: bool) -> None:
        await client.publish(topic, payload, qos=1, retain=retain)

    def _messages(self, batch: OutletBatch) -> list[tuple[str, bytes, bool]]:
        """Return messages as (topic, payload, retained); the topic of a deleted feature is emptied."""
        prefix, messages = self._mqtt.topic, []
        if batch.lost is not None:
            gap = {"first_seq": batch.lost[0], "last_seq": batch.lost[1]}
            messages.append((f"{prefix}/_gap", orjson.dumps(gap), False))
        for one in batch.changes:
            topic, is_gone = topic_of(prefix, one.change), one.change.get("operation") == "delete"
            payload = orjson.dumps({"seq": one.seq, **one.change})
            messages.append((topic, payload, self._mqtt.retain and not is_gone))
            if is_gone and self._mqtt.retain:
                messages.append((topic, b"", True))
        return messages


def topic_of(prefix: str, change: Mapping[str, Any]) -> str:
    """Return the topic of a change: layer, id, and the property of an observation; reserved characters are escaped."""
    parts = [change["layer"], change["id"], *([change["property"]] if "property" in change else [])]
    return "/".join([prefix, *(quote(str(part), safe="") for part in parts)])
