"""What is kept to be quick, within a bound of bytes: strangers choose how large it is, and how many there are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Bounded[K: Hashable, V]:
    """Values by key; the least recently used go first.

    Parameters
    ----------
    bytes_max
        Bound of all weights together; what alone weighs more than an eighth of it is not kept.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return what is kept, and take it for used."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: K, value: V, weight_bytes: int) -> None:
        """Keep a value, of about so many bytes with its key."""
        self.drop(key)
        if weight_bytes > self._bytes_max // 8:
            return
        self._kept[key] = value, weight_bytes
        self.held_bytes += weight_bytes
        while self.held_bytes > self._bytes_max:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.held_bytes -= dropped

    def drop(self, key: K) -> None:
        """Keep it no more."""
        if key in self._kept:
            self.held_bytes -= self._kept.pop(key)[1]
