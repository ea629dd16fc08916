"""A cache within a bound of bytes: strangers choose the size and the number of its values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Bounded[K: Hashable, V]:
    """A cache by key that drops the least recently used values first.

    Parameters
    ----------
    bytes_max
        Bound of the sum of all weights; a value of more than an eighth of it is not kept.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return a value and mark it as used; None when it is not kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: K, value: V, weight_bytes: int) -> None:
        """Keep a value that has about `weight_bytes` bytes with its key."""
        self.drop(key)
        if weight_bytes > self._bytes_max // 8:
            return
        self._kept[key] = value, weight_bytes
        self.held_bytes += weight_bytes
        while self.held_bytes > self._bytes_max:
            _, (_, dropped) = self._kept.popitem(last=False)
            self.held_bytes -= dropped

    def drop(self, key: K) -> None:
        """Remove a value, if it is kept."""
        if key in self._kept:
            self.held_bytes -= self._kept.pop(key)[1]
