"""The rate of requests of each caller: token buckets of one worker.

A caller who has proven who it is has a bucket by its identity, a stranger one by its address, and the feeds of an
address have one beside its readers'. A request takes more tokens the more it may cost. An IPv6 client owns a whole
network of addresses: those of a /64 are one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from time import monotonic

from layers.database.admission import Caller, Cost
from layers.errors import TooOften
from server.settings import LimitSettings

WEIGHTS = {Cost.CHEAP: 1.0, Cost.NORMAL: 2.0, Cost.HEAVY: 20.0}
CALLERS_MAX = 10_000
_FEEDS = "feeds of "


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens for each second, and the most that are saved up; `per_s` 0 is no limit."""

    per_s: float
    burst: float


class Rates:
    """The buckets of all callers; a caller that is forgotten begins with a full one.

    Parameters
    ----------
    anonymous
        The rate of an address.
    known
        The rate of an identity, and that of the feeds of an address.
    """

    def __init__(self, anonymous: Rate, known: Rate) -> None:
        self._anonymous, self._known = anonymous, known
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens left, and the time of that count

    @classmethod
    def of(cls, limits: LimitSettings) -> Rates:
        """Return the buckets of one web process."""
        anonymous = Rate(limits.anonymous_per_s, limits.anonymous_burst)
        return cls(anonymous, Rate(limits.known_per_s, limits.known_burst))

    @classmethod
    def of_reports(cls, limits: LimitSettings) -> Rates:
        """Return the buckets of the reports of people; nobody reports who has not proven who it is."""
        rate = Rate(limits.reports_per_minute / 60, limits.reports_burst)
        return cls(rate, rate)

    def __len__(self) -> int:
        return len(self._left)

    def take(self, caller: Caller, *, feeds: bool = False) -> None:
        """Take the tokens of a request.

        Raises
        ------
        TooOften
            When the bucket holds too few; the error says when it holds enough.
        """
        rate = self._known if caller.known or feeds else self._anonymous
        if rate.per_s <= 0:
            return
        key = caller.key if caller.known else _FEEDS * feeds + network_of(caller.key)
        weight, now = min(WEIGHTS[caller.cost], rate.burst), monotonic()
        left, at = self._left.get(key, (rate.burst, now))
        left = min(rate.burst, left + (now - at) * rate.per_s)
        enough = left >= weight
        self._left[key] = (left - weight if enough else left, now)
        self._left.move_to_end(key)
        if len(self._left) > CALLERS_MAX:
            self._left.popitem(last=False)
        if not enough:
            whose = "you send" if caller.known else "your address sends"
            raise TooOften(
                f"{whose} more than {rate.per_s:g} requests a second; slow down",
                retry_after_s=ceil((weight - left) / rate.per_s),
            )


def network_of(address: str) -> str:
    """Return the address that stands for all that one client can have: an IPv4 address, or an IPv6 network."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Network((int(parsed) >> 64 << 64, 64))) if isinstance(parsed, IPv6Address) else address
