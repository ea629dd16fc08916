"""Used nonces in PostGIS, where every process that takes messages sees them."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from twin.feeds.signature import VerifiedSignature

_CLAIM = """
INSERT INTO twin.nonce (feed, nonce, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING true
"""


class StoredNonces:
    """The nonces of all processes."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def claim(self, signed: VerifiedSignature, now: datetime) -> bool:
        """Store a nonce of a feed until its time stamp is too old; return False when it was used before."""
        claimed = await self._pool.fetchval(_CLAIM, signed.feed, signed.nonce, signed.expires_at)
        if signed.nonce.endswith("0"):  # now and then
            await self._pool.execute("DELETE FROM twin.nonce WHERE expires_at < $1", now)
        return claimed is True
