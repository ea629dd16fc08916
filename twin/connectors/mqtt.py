"""Feeds of an MQTT 3.1.1 or 5 broker: a message is acknowledged when it is committed, and only then.

The broker keeps the session while we are not connected, and delivers the messages of that time afterwards; messages
without acknowledgement are delivered again and count once. Retained messages are old state, not events: they are left
out. Under pressure nothing is acknowledged, the broker stops at its limit of unacknowledged messages, and the socket is
not read beyond a limit.
"""

from __future__ import annotations

import os
import secrets
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, override
from urllib.parse import quote, urlsplit

from pydantic import Field

from layers.errors import Unavailable
from twin.connectors.connector import FetchedFeed, Status
from twin.connectors.mqtt_client import PAYLOAD_BYTES_MAX, BrokerAddress, Link, open_link
from twin.connectors.mqtt_packets import Published
from twin.envelope.message import Reading
from twin.envelope.refused import Reason, Refusal, Refused
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import NAME, Address, FeedConnection
from twin.feeds.exposure import is_local
from twin.feeds.secret import read_secret
from twin.intake.settling import settled
from twin.jobs.jobs import Parts
from twin.log.cursor import MQTT, Cursor

BATCH_MAX = 1_000
_CIPHERED, _PLAIN = 8883, 1883
_HERE = "SELECT system_identifier || ' ' || current_database() FROM pg_control_system()"


class MqttConnection(FeedConnection):
    """The broker and the subscription.

    Attributes
    ----------
    topics, group
        Topics of the subscription; workers of one `group` share it.
    user
        The user, whose password is the feed's secret; by default the name of the secret.
    ca
        Name of the secret that holds the certificate of the broker's authority, if the system does not have it.
    """

    url: Address
    topics: tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...] = Field(min_length=1, max_length=100)
    group: str | None = Field(default=None, pattern=NAME)
    user: str | None = Field(default=None, min_length=1, max_length=200)
    ca: str | None = Field(default=None, pattern=NAME)
    mqtt_version: Literal["3.1.1", "5"] = "5"


class MqttFeed(FetchedFeed):
    """A feed of a broker's messages."""

    protocol: Literal["mqtt"]
    connection: MqttConnection

    @property
    @override
    def usual_topic(self) -> str:
        return self.connection.topics[0]

    @property
    @override
    def sends_password_in_clear(self) -> bool:
        address = urlsplit(self.connection.url)
        return self.secret is not None and address.scheme == "mqtt" and not is_local(address.hostname)

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"发布到 publish to: {self.connection.url} (MQTT {self.connection.mqtt_version})"
        yield f"主题 topics: {', '.join(self.connection.topics)}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Take messages until cancelled.

        Raises
        ------
        Unavailable
            When there is no connection, or it is lost.
        """
        address = _address_of(self, parts.home, await _client_id(self, parts))
        async with open_link(address) as link:
            topics = await _subscribe(self, parts, link)
            await status.working(f"{self.connection.url} {', '.join(topics)}")
            while True:
                messages = await link.batch(BATCH_MAX)
                reading = _read(self, messages)
                if reading.received:
                    await settled(partial(parts.intake.take_read, self.name), reading)
                link.acknowledge(messages)

    @override
    async def publish(self, file: Path, home: Path, topic: str | None) -> str:
        """Publish a file, each line by itself.

        Raises
        ------
        BadInput
            When the topic is ambiguous, or not one the feed subscribes to.
        Unavailable
            When the broker does not take it.
        """
        from twin.connectors.mqtt_publish import choose_topic, publish_file  # noqa: PLC0415  # aiomqtt is slow to import

        chosen = choose_topic(self.name, self.connection.topics, topic)
        address = _address_of(self, home, f"onemap-send-{secrets.token_hex(4)}")
        count = await publish_file(address, file, chosen)
        return f"{count:,} 条已交服务器 payloads are with the broker: {self.connection.url}"


async def _client_id(definition: MqttFeed, parts: Parts) -> str:
    """Return the name of the session; a copy of the database has another, and leaves the original's alone."""
    here = await parts.pool.fetchval(_HERE)
    return f"onemap-{blake2b(here.encode(), digest_size=4).hexdigest()}-{definition.name}"


def _address_of(definition: MqttFeed, home: Path, client_id: str) -> BrokerAddress:
    """Return the address of a feed's broker, with user and password.

    Raises
    ------
    Unavailable, Conflict
        When the feed's secret does not exist, or others may read it.
    """
    connection = definition.connection
    url = urlsplit(connection.url)
    ciphered = url.scheme == "mqtts"
    password = user = None
    if definition.secret is not None:
        password = read_secret(definition.secret, home, os.environ, bytes_min=1)
        user = connection.user or definition.secret
    return BrokerAddress(
        host=str(url.hostname),
        port=url.port or (_CIPHERED if ciphered else _PLAIN),
        tls=_trust(definition, home) if ciphered else None,
        version=connection.mqtt_version,
        client_id=client_id,
        user=user,
        password=password,
    )


def _trust(definition: MqttFeed, home: Path) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or the one the feed names."""
    if definition.connection.ca is None:
        return ssl.create_default_context()
    authority = read_secret(definition.connection.ca, home, os.environ)
    try:
        return ssl.create_default_context(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise Unavailable(f"secrets/{definition.connection.ca} is no certificate in PEM: {error}") from error


async def _subscribe(definition: MqttFeed, parts: Parts, link: Link) -> list[str]:
    """Subscribe, and unsubscribe from the topics of earlier versions of the feed's file; return the subscriptions."""
    group, requested = definition.connection.group, list(definition.connection.topics)
    topics = [f"$share/{group}/{topic}" for topic in requested] if group else list(requested)
    refused = await link.subscribe(topics)
    if group and any(refused):  # a broker without shared subscriptions: one process works at a time anyway
        topics = [plain if why else shared for plain, shared, why in zip(requested, topics, refused, strict=True)]
        refused = await link.subscribe(topics)
    for topic, why in zip(topics, refused, strict=True):
        if why:
            raise Unavailable(f"the broker refuses the subscription to {topic}: {why}")
    cursor = Cursor(MQTT + definition.name)
    row = await cursor.read(parts.pool)
    remembered = [] if row is None else row.state.get("topics", [])
    await cursor.write_state(parts.pool, {"topics": sorted({*topics, *remembered})})
    gone = [topic for topic in remembered if topic not in topics]
    if gone:
        await link.unsubscribe(gone)
    await cursor.write_state(parts.pool, {"topics": topics})
    return topics


def _read(definition: MqttFeed, messages: Sequence[Published]) -> Reading:
    """Read messages one by one; a bad one does not affect the others."""
    reading, now = Reading(), datetime.now(UTC)
    for message in messages:
        if message.retained or not message.size:
            continue
        if message.size > PAYLOAD_BYTES_MAX:
            detail = f"{message.size} bytes by {message.topic[:100]}; at most {PAYLOAD_BYTES_MAX}"
            reading.refused.append(Refusal(0, Reason.TOO_LARGE, detail, message.payload))
            continue
        try:
            one = decode(definition, _delivery(message), now=now)
        except Refused as error:
            reading.refused.append(Refusal.of(0, error, message.payload))
            continue
        reading.messages += one.messages
        reading.refused += one.refused
        reading.ignored += one.ignored
    return reading


def _delivery(message: Published) -> Delivery:
    """Return a payload with the headers that MQTT 5 gives, or with those it looks like."""
    headers: dict[str, Any] = {}
    media = message.properties.get("content-type")
    binary = "user:specversion" in message.properties  # CloudEvents' MQTT binding: attributes are user properties
    if binary:
        named = ((name.removeprefix("user:"), value) for name, value in message.properties.items())
        headers = {f"ce-{name}": quote(value) for name, value in named if name != "content-type"}
    if media is None and not binary:
        batch = message.payload[:64].lstrip()[:1] == b"["
        media = "application/cloudevents-batch+json" if batch else "application/cloudevents+json"
    return Delivery(message.payload, {**headers, "content-type": media or "application/json"}, topic=message.topic)
