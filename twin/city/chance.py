"""Repeatable random numbers: a number follows from the seed and a key, never from earlier calls.

So the city needs no memory: started again, also on another machine, it goes on where it would have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from math import exp, floor, sqrt
from statistics import NormalDist

_RANGE = float(2**64)
_POISSON_MAX = 1000
_NORMAL = NormalDist()


def unit(seed: int, *about: object) -> float:
    """Return a number in [0, 1) for a seed and a key."""
    digest = blake2b("\x1f".join(map(str, about)).encode(), digest_size=8, key=seed.to_bytes(8, "big", signed=True))
    return int.from_bytes(digest.digest(), "big") / _RANGE


def between(low: float, high: float, seed: int, *about: object) -> float:
    """Return a number in [low, high)."""
    return low + (high - low) * unit(seed, *about)


def whole(low: int, high: int, seed: int, *about: object) -> int:
    """Return a whole number from low to high, both included."""
    return low + floor((high - low + 1) * unit(seed, *about))


def pick(weights: Mapping[str, float], seed: int, *about: object) -> str:
    """Return one of the names, with a frequency proportional to its weight."""
    left = unit(seed, *about) * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return list(weights)[-1]


def around(median: float, spread: float, seed: int, *about: object) -> float:
    """Return a log-normal number; `spread` is the standard deviation of its natural logarithm."""
    share = min(max(unit(seed, *about), 1e-6), 1 - 1e-6)
    return median * exp(spread * _NORMAL.inv_cdf(share))


def poisson(mean: float, share: float) -> int:
    """Return the quantile of a Poisson distribution for a share in [0, 1); above 50 the normal approximation."""
    if mean <= 0:
        return 0
    if mean > 50:
        return max(0, round(mean + sqrt(mean) * _NORMAL.inv_cdf(min(max(share, 1e-9), 1 - 1e-9))))
    chance = sum_ = exp(-mean)
    count = 0
    while share >= sum_ and count < _POISSON_MAX:
        count += 1
        chance *= mean / count
        sum_ += chance
    return count


def smooth(seed: int, at_s: float, period_s: float, *about: object) -> float:
    """Return a number in [-1, 1] that changes smoothly in time, with a new target every period."""
    step, share = divmod(at_s / period_s, 1.0)
    before, after = unit(seed, "smooth", int(step), *about), unit(seed, "smooth", int(step) + 1, *about)
    return 2 * (before + (after - before) * share * share * (3 - 2 * share)) - 1
