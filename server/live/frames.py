"""What subscribers are told, in the form of each transport."""

from __future__ import annotations

import orjson

from twin.live.change_batch import ChangeBatch
from twin.live.subscriber import StreamNotice


def as_event(part: ChangeBatch | StreamNotice, *, cloud: bool = False) -> bytes:
    """Write a part as a server-sent event; a sign of life is a comment that moves the number to resume from.

    Parameters
    ----------
    cloud
        Whether each change is a CloudEvent of its own; what is said beside changes stays as it is.
    """
    if isinstance(part, ChangeBatch):
        return part.cloud_events if cloud else part.event
    number = b"" if part.seq is None else b"id: %d\n" % part.seq
    if part.kind == "heartbeat":
        return b": still here\n%s\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (number, part.kind.encode(), _content(part))


def as_message(part: ChangeBatch | StreamNotice) -> str:
    """Write a part as a message of a WebSocket."""
    if isinstance(part, ChangeBatch):
        return part.message
    content = _content(part)
    return f'{{"type":"{part.kind}",{content[1:].decode()}'


def tiles_event(notices: bytes) -> bytes:
    """Write notices of changed tiles as a server-sent event; it has no number, for it is not of the log."""
    return b"event: tiles\ndata: %s\n\n" % notices


def tiles_message(notices: bytes) -> str:
    """Write the same as a message of a WebSocket."""
    return f'{{"type":"tiles","layers":{notices.decode()}}}'


def _content(part: StreamNotice) -> bytes:
    if part.kind == "snapshot":
        features = part.features.replace(b"\n", b"")  # between features; an event's data is one line
        return b'{"layer":%s,"features":[%s]}' % (orjson.dumps(part.layer), features)
    said = {"seq": part.seq} | ({"detail": part.detail} if part.detail else {})
    return orjson.dumps(said)
