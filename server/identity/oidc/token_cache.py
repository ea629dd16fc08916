"""Tokens that were checked, by their hash, until they expire: a second request with a token costs microseconds."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from time import time

from server.identity.oidc.claims import Claimed

TOKENS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """A token that was accepted.

    Attributes
    ----------
    until
        The last moment at which it counts, seconds since 1970.
    provider, kid
        Whose key signed it: without that key it counts no longer.
    """

    claimed: Claimed
    until: float
    provider: str
    kid: str


class TokenCache:
    """A bounded cache; the one that was used longest ago goes first. The tokens themselves are not kept."""

    def __init__(self, tokens_max: int = TOKENS_MAX) -> None:
        self._kept: OrderedDict[bytes, CheckedToken] = OrderedDict()
        self._max = tokens_max

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, token: bytes) -> CheckedToken | None:
        """Return what is known of a token; None when it is new or expired."""
        key = hashlib.sha256(token).digest()
        found = self._kept.get(key)
        if found is None:
            return None
        if found.until <= time():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, token: bytes, checked: CheckedToken) -> None:
        """Keep a token that was accepted."""
        self._kept[hashlib.sha256(token).digest()] = checked
        while len(self._kept) > self._max:
            self._kept.popitem(last=False)

    def drop(self, token: bytes) -> None:
        """Forget a token."""
        self._kept.pop(hashlib.sha256(token).digest(), None)
