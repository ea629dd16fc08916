"""What is handed to subscribers: changes encoded once, in the form of each transport made once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

import orjson

from twin.log.change import Change

CLOUD_SOURCE = "/onemap/live"


class ChangeBatch:
    """Changes up to a number, for everybody who asked for the same.

    Attributes
    ----------
    seq
        Number of the last change that was looked at for it; who has it resumes after this number.
    changes
        The changes as JSON objects.
    """

    def __init__(self, seq: int, changes: Sequence[bytes]) -> None:
        self.seq = seq
        self.size = len(changes)
        self.changes = changes
        self.body = b"[" + b",".join(changes) + b"]"

    @cached_property
    def event(self) -> bytes:
        """As a server-sent event."""
        return b"id: %d\nevent: changes\ndata: %s\n\n" % (self.seq, self.body)

    @cached_property
    def cloud_events(self) -> bytes:
        """As server-sent events, each of them a CloudEvent; who has the last one has them all."""
        told = [b"event: cloudevent\ndata: %s\n\n" % cloud_event(self.seq, change) for change in self.changes]
        return b"%sid: %d\n\n" % (b"".join(told), self.seq)

    @cached_property
    def message(self) -> str:
        """As a message of a WebSocket."""
        return f'{{"type":"changes","seq":{self.seq},"changes":{self.body.decode()}}}'


def cloud_event(seq: int, change: bytes) -> bytes:
    """Write a change as a CloudEvent in JSON; what is told to two subscribers has one id, for it is of the content."""
    said = orjson.loads(change)
    return orjson.dumps(
        {
            "specversion": "1.0",
            "source": CLOUD_SOURCE,
            "id": f"{seq}-{blake2b(change, digest_size=6).hexdigest()}",
            "type": f"cn.onemap.{said['kind']}.changed",
            "subject": f"{said['layer']}/{said['id']}",
            "datacontenttype": "application/json",
            "sequence": str(seq),
            "data": orjson.Fragment(change),
        }
    )


class PendingChanges:
    """Changes since the last portion: the newest of each thing, and everything that must not be merged."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._newest: dict[tuple[str, str, str], bytes] = {}

    def __len__(self) -> int:
        return len(self._kept) + len(self._newest)

    def add(self, change: Change, encoded: bytes) -> None:
        """Take a change; a position or observation takes the place of the one before it of the same thing."""
        if change["kind"] not in MERGED:
            self._kept.append(encoded)
            return
        key = (str(change["layer"]), str(change["id"]), str(change.get("property", "")))
        self._newest.pop(key, None)  # the newest goes to the end: order of last change
        self._newest[key] = encoded

    def portion(self, seq: int) -> ChangeBatch:
        """Return what was gathered, and begin anew."""
        made = ChangeBatch(seq, [*self._kept, *self._newest.values()])
        self._kept, self._newest = [], {}
        return made


MERGED = frozenset({"position", "observation"})
