"""What subscribers receive, in the form of each transport: server-sent events, CloudEvents, WebSocket messages."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from twin.live.change_batch import ChangeBatch
from twin.live.resume_point import ResumePoint
from twin.live.subscriber import StreamNotice

CLOUD_SOURCE = "/onemap/live"


def as_event(part: ChangeBatch | StreamNotice, *, cloud: bool = False) -> bytes:
    """Write a part as a server-sent event; a heartbeat is a comment that moves the number to resume from.

    Parameters
    ----------
    cloud
        Whether each change is a CloudEvent of its own; notices stay as they are.
    """
    if isinstance(part, ChangeBatch):
        return part.as_form(_cloud_events if cloud else _event)
    number = b"" if part.seq is None else b"id: %s\n" % _id(part.seq, part.rights)
    if part.is_end:
        number = b"id:\n"  # a browser comes again without a number, so that it gets a snapshot if it wants one
    if part.kind == "heartbeat":
        return b": still here\n%s\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (number, part.kind.encode(), _content(part))


def as_message(part: ChangeBatch | StreamNotice) -> str:
    """Write a part as a message of a WebSocket."""
    if isinstance(part, ChangeBatch):
        return part.as_form(_message)
    content = _content(part)
    return f'{{"type":"{part.kind}",{content[1:].decode()}'


def tiles_event(notices: bytes) -> bytes:
    """Write notices of changed tiles as a server-sent event; it has no number, because it is not of the log."""
    return b"event: tiles\ndata: %s\n\n" % notices


def notes_event(notices: bytes) -> bytes:
    """Write notices of leaders' notes as a server-sent event; as those of tiles it has no number."""
    return b"event: notes\ndata: %s\n\n" % notices


def notes_message(notices: bytes) -> str:
    """Write the same as a message of a WebSocket."""
    return f'{{"type":"notes","about":{notices.decode()}}}'


def tiles_message(notices: bytes) -> str:
    """Write the same as a message of a WebSocket."""
    return f'{{"type":"tiles","layers":{notices.decode()}}}'


def _id(seq: int, rights: str) -> bytes:
    return str(ResumePoint(seq, rights)).encode()


def _event(batch: ChangeBatch) -> bytes:
    return b"id: %s\nevent: changes\ndata: %s\n\n" % (_id(batch.seq, batch.rights), batch.body)


def _message(batch: ChangeBatch) -> str:
    return f'{{"type":"changes","seq":{batch.seq},"changes":{batch.body.decode()}}}'


def _cloud_events(batch: ChangeBatch) -> bytes:
    """Write a CloudEvent for each change; the number comes last, so that a client that has it has all of them."""
    events = [b"event: cloudevent\ndata: %s\n\n" % _cloud_event(batch.seq, change) for change in batch.changes]
    return b"%sid: %s\n\n" % (b"".join(events), _id(batch.seq, batch.rights))


def _cloud_event(seq: int, change: bytes) -> bytes:
    """Write a change as a CloudEvent in JSON; its id follows from the content, so it is one for all subscribers."""
    members = orjson.loads(change)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "source": CLOUD_SOURCE,
            "id": f"{seq}-{blake2b(change, digest_size=6).hexdigest()}",
            "type": f"cn.onemap.{members['kind']}.changed",
            "subject": f"{members['layer']}/{members['id']}",
            "datacontenttype": "application/json",
            "sequence": str(seq),
            "data": orjson.Fragment(change),
        }
    )


def _content(notice: StreamNotice) -> bytes:
    if notice.kind == "snapshot":
        features = notice.features.replace(b"\n", b"")  # between features; an event's data is one line
        return b'{"layer":%s,"features":[%s]}' % (orjson.dumps(notice.layer), features)
    told = {"seq": notice.seq, "detail": notice.detail, "rights": "" if notice.is_end else notice.rights}
    return orjson.dumps({name: value for name, value in told.items() if value not in {None, ""}})
