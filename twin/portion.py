"""What is handed to subscribers: changes encoded once, in the form of each transport made once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property


class Portion:
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
        self.body = b"[" + b",".join(changes) + b"]"

    @cached_property
    def event(self) -> bytes:
        """As a server-sent event."""
        return b"id: %d\nevent: changes\ndata: %s\n\n" % (self.seq, self.body)

    @cached_property
    def message(self) -> str:
        """As a message of a WebSocket."""
        return f'{{"type":"changes","seq":{self.seq},"changes":{self.body.decode()}}}'


class Gathered:
    """Changes since the last portion: the newest of each thing, and everything that must not be merged."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._newest: dict[tuple[str, str, str], bytes] = {}

    def __len__(self) -> int:
        return len(self._kept) + len(self._newest)

    def add(self, change: dict[str, object], encoded: bytes) -> None:
        """Take a change; a position or observation takes the place of the one before it of the same thing."""
        if change["kind"] not in MERGED:
            self._kept.append(encoded)
            return
        key = (str(change["layer"]), str(change["id"]), str(change.get("property", "")))
        self._newest.pop(key, None)  # the newest goes to the end: order of last change
        self._newest[key] = encoded

    def portion(self, seq: int) -> Portion:
        """Return what was gathered, and begin anew."""
        made = Portion(seq, [*self._kept, *self._newest.values()])
        self._kept, self._newest = [], {}
        return made


MERGED = frozenset({"position", "observation"})
