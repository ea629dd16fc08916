"""Decoding a sample of a sender by a feed's file, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from layers.errors import BadInput
from server.feeds.post import bodies
from twin.envelope.message import Reading
from twin.feeds.decode import Delivery, decode
from twin.feeds.definition import FeedDefinition

_WHOLE = frozenset({"table", "jt808"})


def try_sample(definition: FeedDefinition, sample: Path, topic: str | None = None) -> Reading:
    """Decode a file as if it were a delivery of the feed.

    Parameters
    ----------
    topic
        Of an MQTT message, for mappings that use it; None means the feed's first.

    Raises
    ------
    BadInput
        When the file cannot be read, with the reason.
    """
    now, whole = datetime.now(UTC), Reading()
    for body, media in _bodies(definition, sample):
        delivery = Delivery(body, {"content-type": media}, topic=topic or definition.usual_topic, file_name=sample.name)
        reading = decode(definition, delivery, now=now)
        whole.messages += reading.messages
        whole.refused += reading.refused
        whole.ignored += reading.ignored
    return whole


def _bodies(definition: FeedDefinition, sample: Path) -> list[tuple[bytes, str]]:
    if definition.format not in _WHOLE:
        return list(bodies(definition, sample))
    try:
        return [(sample.read_bytes(), "application/octet-stream")]
    except OSError as error:
        raise BadInput(f"cannot read {sample}: {error.strerror}", parameter="sample") from error
