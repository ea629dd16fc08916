"""Publishing a file to a broker, as a device would."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import aiomqtt

from layers.errors import BadInput, Unavailable
from twin.connectors.mqtt_client import BrokerAddress

_VERSIONS = {"3.1.1": aiomqtt.ProtocolVersion.V311, "5": aiomqtt.ProtocolVersion.V5}
_LINES = frozenset({".ndjson", ".jsonl"})


async def publish_file(address: BrokerAddress, file: Path, topic: str) -> int:
    """Publish a file at QoS 1, each line by itself; return the number of payloads the broker has.

    Raises
    ------
    BadInput
        When the file cannot be read.
    Unavailable
        When the broker does not take it.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", parameter="file") from error
    payloads = [line for line in content.splitlines() if line.strip()] if file.suffix.lower() in _LINES else [content]
    try:
        async with aiomqtt.Client(
            address.host,
            address.port,
            username=address.user,
            password=address.password.decode() if address.password is not None else None,
            tls_context=address.tls,
            protocol=_VERSIONS[address.version],
            identifier=address.client_id,
        ) as client:
            for payload in payloads:
                await client.publish(topic, payload, qos=1)
    except aiomqtt.MqttError as error:
        raise Unavailable(f"the broker at {address.host}:{address.port} does not take it: {error}") from error
    return len(payloads)


def choose_topic(feed: str, subscribed: Sequence[str], topic: str | None) -> str:
    """Return the topic to publish to: None means the feed's only one, if that has no wildcards.

    Raises
    ------
    BadInput
        When the topic is ambiguous, or not one the feed subscribes to.
    """
    if topic is None:
        if len(subscribed) != 1 or set(subscribed[0]) & set("+#"):
            raise BadInput(f"say --topic: one of {', '.join(subscribed)}", parameter="topic")
        return subscribed[0]
    if set(topic) & set("+#"):
        raise BadInput(f"'{topic[:100]}' is a pattern; a payload goes to one topic", parameter="topic")
    if not any(aiomqtt.Topic(topic).matches(pattern) for pattern in subscribed):
        raise BadInput(f"{feed} does not listen to '{topic[:100]}', but to {', '.join(subscribed)}", parameter="topic")
    return topic
