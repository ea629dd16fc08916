"""Whether a delivery comes from its feed: its signature, made with the feed's secret, and a nonce that is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import asyncpg

from layers.errors import Unauthenticated, Unavailable
from twin.envelope.refused import Reason, Refused
from twin.feeds.definition import FeedDefinition
from twin.feeds.seal import Cutter, PlainLines, SealedLines, verify_opening
from twin.feeds.secret import read_secret
from twin.feeds.signature import VerifiedSignature, verify
from twin.store.nonces import StoredNonces

_SIGNATURE_FAULTS = frozenset({Reason.NO_SIGNATURE, Reason.BAD_SIGNATURE, Reason.SIGNATURE_TIME, Reason.NONCE_USED})


class SignatureChecks:
    """Checks the signatures of deliveries; a feed without a secret needs none.

    Parameters
    ----------
    home
        The folder that holds the secrets.
    pool
        Connections in the ingesting role.
    """

    def __init__(self, home: Path, pool: asyncpg.Pool) -> None:
        self._home, self._nonces = home, StoredNonces(pool)

    async def check(self, definition: FeedDefinition, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Check a delivery.

        Raises
        ------
        Unauthenticated
            When it is not signed with the feed's secret, was sent before, or the secret cannot be read.
        Refused
            When its headers cannot be read.
        """
        secret = self._secret_of(definition)
        if secret is not None:
            await self._claim(partial(verify, secret, definition.name, headers, body, now=now), now)

    async def open(self, definition: FeedDefinition, headers: Mapping[str, str], now: datetime) -> Cutter:
        """Check the headers of a stream, and return the cutter that checks its lines.

        Raises
        ------
        Unauthenticated, Refused
            As `check`.
        """
        secret = self._secret_of(definition)
        if secret is None:
            return PlainLines()
        await self._claim(partial(verify_opening, secret, definition.name, headers, now=now), now)
        return SealedLines(secret, definition.name, headers)

    def _secret_of(self, definition: FeedDefinition) -> bytes | None:
        if definition.secret is None:
            return None
        try:
            return read_secret(definition.secret, self._home, os.environ)
        except Unavailable as error:
            raise Unauthenticated(f"nobody can sign for '{definition.name}' yet: {error.message}") from error

    async def _claim(self, verified: Callable[[], VerifiedSignature], now: datetime) -> None:
        """Check a signature, and that its nonce was not used before."""
        try:
            signature = verified()
        except Refused as error:
            if error.reason in _SIGNATURE_FAULTS:
                raise Unauthenticated(error.message, parameter=error.parameter) from error
            raise
        if not await self._nonces.claim(signature, now):
            raise Unauthenticated("this nonce was used before; every delivery has a new one", parameter="nonce")
