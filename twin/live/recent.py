"""The newest frames of the log, decoded once: watchers that are a little behind read them from memory."""

from __future__ import annotations

from collections import OrderedDict

from twin.log.change import Change
from twin.log.changes import LogFrame

CHANGES_MAX = 20_000
ENCODED_BYTES_MAX = 32 * 1024 * 1024

type Decoded = list[tuple[int, Change]]


class Recent:
    """Decoded frames by the number before their first change; the least recently used are dropped first."""

    def __init__(self, changes_max: int = CHANGES_MAX) -> None:
        self._frames: OrderedDict[int, tuple[Decoded, int]] = OrderedDict()  # with the length in bytes
        self._size = self._bytes = 0
        self._max = changes_max

    def put(self, frame: LogFrame) -> Decoded:
        """Return a frame decoded, and keep it; a frame that is kept already is not decoded again."""
        known = self.after(frame.first_seq - 1)
        if known is not None:
            return known
        decoded = frame.changes()
        self._frames[frame.first_seq - 1] = decoded, len(frame.encoded)
        self._size += len(decoded)
        self._bytes += len(frame.encoded)
        while (self._size > self._max or self._bytes > ENCODED_BYTES_MAX) and len(self._frames) > 1:
            _, (dropped, size) = self._frames.popitem(last=False)
            self._size -= len(dropped)
            self._bytes -= size
        return decoded

    def after(self, seq: int) -> Decoded | None:
        """Return the frame that begins after a number; None when it is not kept."""
        if seq not in self._frames:
            return None
        self._frames.move_to_end(seq)
        return self._frames[seq][0]

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._size = self._bytes = 0
