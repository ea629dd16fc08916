"""When somebody may try to log in again, by what failed before: pure functions of times.

::

    this account from this address   5 failures in 10 min   wait until the first of them is 10 min ago
    any account from this address   30 failures in 10 min   the same: passwords tried on many accounts
    this account from anywhere      20 failures in 10 min   one attempt in 30 s, but not from an address from which
                                                            the account logged in within 30 days

So a guesser is stopped by address, and a crowd of addresses is slowed to 120 guesses an hour. Nobody is locked out
of an account by strangers: at the usual desk the strangers' failures do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_SECONDS = 600
PAIR_MAX = 5
ADDRESS_MAX = 30
ACCOUNT_MAX = 20
SLOW_SECONDS = 30


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt that failed, or is not over; `at` is a Unix time in seconds."""

    account: str
    address: str
    at: float


def wait_s(
    failures: Sequence[FailedAttempt], account: str, address: str, now: float, *, known_address: bool = False
) -> float:
    """Return the seconds to wait before an attempt, 0 when it may be made now.

    Parameters
    ----------
    failures
        Of this account or from this address, in the order of time.
    known_address
        Whether the account logged in from this address lately.
    """
    recent = [one for one in failures if now - WINDOW_SECONDS < one.at]
    of_pair = [one.at for one in recent if (one.account, one.address) == (account, address)]
    of_address = [one.at for one in recent if one.address == address]
    of_account = [one.at for one in recent if one.account == account]
    waits = [0.0]
    for times, most in ((of_pair, PAIR_MAX), (of_address, ADDRESS_MAX)):
        if len(times) >= most:
            waits.append(times[-most] + WINDOW_SECONDS - now)
    if len(of_account) >= ACCOUNT_MAX and not known_address:
        waits.append(of_account[-1] + SLOW_SECONDS - now)
    return max(waits)
