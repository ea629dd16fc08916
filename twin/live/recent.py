"""The newest frames of the log, decoded once: who falls behind a little reads them from memory."""

from __future__ import annotations

from collections import OrderedDict

from twin.log.change import Change
from twin.log.changes import LogFrame

CHANGES_MAX = 20_000
ENCODED_BYTES_MAX = 32 * 1024 * 1024

type Decoded = list[tuple[int, Change]]


class Recent:
    """Decoded frames by the number before their first; the ones that were not used for longest go first."""

    def __init__(self, changes_max: int = CHANGES_MAX) -> None:
        self._frames: OrderedDict[int, tuple[Decoded, int]] = OrderedDict()  # and the frame's bytes
        self._size = self._bytes = 0
        self._max = changes_max

    def put(self, frame: LogFrame) -> Decoded:
        """Decode a frame and keep it; a frame that is here already is not decoded again."""
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
        """Return the frame that begins after a number, when it is here."""
        if seq not in self._frames:
            return None
        self._frames.move_to_end(seq)
        return self._frames[seq][0]

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._size = self._bytes = 0
