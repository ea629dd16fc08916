"""What each subject took of each layer within an hour, counted for all web workers; in the identity role."""

from __future__ import annotations

import asyncpg

_TAKE = "SELECT identity.take_allowance($1, $2, $3, $4, $5)"


async def take_allowance(
    pool: asyncpg.Pool, subject: str, layer: str, request: bytes | None, features: int, most: int
) -> float | None:
    """Count features; return the seconds to the end of the hour, None when they are more than it allows.

    What is not allowed is not counted. Exact, whoever else counts at the same time.

    Parameters
    ----------
    request
        16 bytes by which the same request is known again: it counts by what it gives more. None: it cannot be told.
    most
        The allowance of an hour.
    """
    left_s: float | None = await pool.fetchval(_TAKE, subject, layer, request, features, most)
    return left_s
