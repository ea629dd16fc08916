"""Repeatable randomness: every generator has its own stream, so that a further draw in one changes no other."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray


def generator(seed: int, noun: str) -> np.random.Generator:
    """Return the random stream that belongs to one noun, for example ``"roads"``."""
    return np.random.default_rng([seed, crc32(noun.encode())])


def shares(weights: NDArray[np.float64], total: int, *, least: int = 0) -> NDArray[np.int64]:
    """Divide a whole number by weights, exactly, with the largest remainders rounded up.

    Parameters
    ----------
    weights
        Shape (n,), not negative, not all zero.
    total
        The number to divide; raised to ``n * least`` when it is less.
    least
        The least share.

    Returns
    -------
    numpy.ndarray
        Shape (n,), whole numbers that add up to the total.
    """
    total = max(total, least * len(weights))
    exact = weights / weights.sum() * (total - least * len(weights))
    whole = np.floor(exact).astype(np.int64)
    rest = total - least * len(weights) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return whole + least


def pick(rng: np.random.Generator, count: int, choices: Mapping[str, float]) -> NDArray[np.str_]:
    """Draw `count` keys, weighted by the values."""
    weights = np.array(list(choices.values()), dtype=float)
    return rng.choice(np.array(list(choices)), count, p=weights / weights.sum())


def some_of(rng: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """Choose `count` different indices below `size` (all of them when there are fewer), in ascending order."""
    if count >= size:
        return np.arange(size)
    return np.sort(rng.choice(size, count, replace=False))
