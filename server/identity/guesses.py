"""Wrong tokens by address: a few are typing errors, many are an attack."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic

import structlog

from layers.seldom import Seldom

AT_ONCE = 20
SECONDS_A_GUESS = 3.0
_TRUSTED_SECONDS = 3600.0  # a valid token protects its address from guesses by others behind the same proxy
_ADDRESSES_MAX = 10_000
_log = structlog.get_logger(__name__)


class Guesses:
    """The budget of wrong tokens of each address."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # guesses left, and the time of that count
        self._trusted: OrderedDict[str, float] = OrderedDict()
        self._logged = Seldom()

    def may(self, address: str) -> bool:
        """Whether a token from an address is checked."""
        if monotonic() - self._trusted.get(address, -_TRUSTED_SECONDS) < _TRUSTED_SECONDS:
            return True
        return self._now(address) >= 1

    def right(self, address: str) -> None:
        """Record a valid token."""
        _put(self._trusted, address, monotonic())

    def wrong(self, address: str) -> None:
        """Record a wrong token."""
        left = self._now(address) - 1
        _put(self._left, address, (left, monotonic()))
        if left < 1 and (others := self._logged.due()) is not None:
            _log.warning("an address shows one wrong token after the other", address=address, others=others)

    def _now(self, address: str) -> float:
        left, at = self._left.get(address, (float(AT_ONCE), 0.0))
        return min(float(AT_ONCE), left + (monotonic() - at) / SECONDS_A_GUESS)


def _put[T](kept: OrderedDict[str, T], address: str, value: T) -> None:
    kept[address] = value
    kept.move_to_end(address)
    if len(kept) > _ADDRESSES_MAX:
        kept.popitem(last=False)
