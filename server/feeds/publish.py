"""Publishing a file to the broker of an MQTT feed, as one of its devices would."""

from __future__ import annotations

import secrets
from pathlib import Path

import aiomqtt

from layers.errors import BadInput, Unavailable
from twin.connectors.mqtt import place_of
from twin.feeds.definition import FeedDefinition

_VERSIONS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
_LINES = frozenset({".ndjson", ".jsonl"})


async def publish(definition: FeedDefinition, home: Path, file: Path, topic: str | None) -> int:
    """Publish a file at QoS 1, lines each by itself; returns how many payloads the broker has.

    Parameters
    ----------
    topic
        None means the one the feed subscribes to, when that is a single one without wildcards.

    Raises
    ------
    BadInput
        When the topic is not clear, or not one the feed subscribes to.
    Unavailable
        When the broker does not take it.
    """
    by = _topic(definition, topic)
    place = place_of(definition, home, f"onemap-send-{secrets.token_hex(4)}")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", parameter="file") from error
    payloads = [one for one in content.splitlines() if one.strip()] if file.suffix.lower() in _LINES else [content]
    try:
        async with aiomqtt.Client(
            place.host,
            place.port,
            username=place.user,
            password=place.password.decode() if place.password is not None else None,
            tls_context=place.tls,
            protocol=_VERSIONS[place.version],
            identifier=place.client_id,
        ) as client:
            for payload in payloads:
                await client.publish(by, payload, qos=1)
    except aiomqtt.MqttError as error:
        raise Unavailable(f"the broker at {place.host}:{place.port} does not take it: {error}") from error
    return len(payloads)


def _topic(definition: FeedDefinition, topic: str | None) -> str:
    subscribed = definition.connection.topics
    if topic is None:
        if len(subscribed) != 1 or set(subscribed[0]) & set("+#"):
            raise BadInput(f"say --topic: one of {', '.join(subscribed)}", parameter="topic")
        return subscribed[0]
    if set(topic) & set("+#"):
        raise BadInput(f"'{topic[:100]}' is a pattern; a payload goes to one topic", parameter="topic")
    if not any(aiomqtt.Topic(topic).matches(pattern) for pattern in subscribed):
        raise BadInput(
            f"{definition.name} does not listen to '{topic[:100]}', but to {', '.join(subscribed)}", parameter="topic"
        )
    return topic
