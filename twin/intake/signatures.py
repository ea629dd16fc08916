"""Whether a delivery comes from its feed: its signature, made with the feed's secret, and a nonce that is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import asyncpg

from layers.errors import Unauthenticated, Unavailable
from twin.envelope.refused import Reason, Refused
from twin.feeds.definition import FeedDefinition
from twin.feeds.seal import Cutter, PlainLines, SealedLines, verify_opening
from twin.feeds.secret import read_keys
from twin.feeds.signature import SIGNATURE, VerifiedSignature, verify
from twin.store.nonces import StoredNonces

_SIGNATURE_FAULTS = frozenset({Reason.NO_SIGNATURE, Reason.BAD_SIGNATURE, Reason.SIGNATURE_TIME, Reason.NONCE_USED})


class SignatureChecks:
    """Checks the signatures of deliveries; a feed without a secret needs none, nor does a sender with a token of it.

    Parameters
    ----------
    home
        The folder that holds the secrets.
    pool
        Connections in the ingesting role.
    """

    def __init__(self, home: Path, pool: asyncpg.Pool) -> None:
        self._home, self._nonces = home, StoredNonces(pool)

    async def check(
        self,
        definition: FeedDefinition,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
        *,
        proven: bool = False,
    ) -> None:
        """Check a delivery.

        Parameters
        ----------
        proven
            Whether its sender has shown a token of the feed: a signature may then be missing, but not be wrong.

        Raises
        ------
        Unauthenticated
            When it is not signed with a secret of the feed, was sent before, or the secret cannot be read.
        Refused
            When its headers cannot be read.
        """
        if self._must_sign(definition, headers, proven=proven):
            name = definition.name
            await self._claim(definition, lambda key: verify(key, name, headers, body, now=now), now)

    async def open(
        self, definition: FeedDefinition, headers: Mapping[str, str], now: datetime, *, proven: bool = False
    ) -> Cutter:
        """Check the headers of a stream, and return the cutter that checks its lines.

        Raises
        ------
        Unauthenticated, Refused
            As `check`.
        """
        if not self._must_sign(definition, headers, proven=proven):
            return PlainLines()
        name = definition.name
        key = await self._claim(definition, lambda key: verify_opening(key, name, headers, now=now), now)
        return SealedLines(key, name, headers)

    @staticmethod
    def _must_sign(definition: FeedDefinition, headers: Mapping[str, str], *, proven: bool) -> bool:
        return definition.secret is not None and not (proven and SIGNATURE not in {name.lower() for name in headers})

    def _keys_of(self, definition: FeedDefinition, now: datetime) -> tuple[bytes, ...]:
        try:
            return read_keys(definition.secret or "", self._home, os.environ, now=now)
        except Unavailable as error:
            raise Unauthenticated(f"nobody can sign for '{definition.name}' yet: {error.message}") from error

    async def _claim(
        self, definition: FeedDefinition, verified: Callable[[bytes], VerifiedSignature], now: datetime
    ) -> bytes:
        """Check a signature, and that its nonce was not used before; return the key that it was made with."""
        key, signature = _verify_any(self._keys_of(definition, now), verified)
        if not await self._nonces.claim(signature, now):
            raise Unauthenticated("this nonce was used before; every delivery has a new one", parameter="nonce")
        return key


def _verify_any(
    keys: tuple[bytes, ...], verified: Callable[[bytes], VerifiedSignature]
) -> tuple[bytes, VerifiedSignature]:
    """Return the first key that a signature was made with; while a secret is replaced there are two."""
    *others, last = reversed(keys)  # the active key speaks last: its fault is the one that is told
    for key in others:
        try:
            return key, verified(key)
        except Refused:
            continue
    try:
        return last, verified(last)
    except Refused as error:
        if error.reason in _SIGNATURE_FAULTS:
            raise Unauthenticated(error.message, parameter=error.parameter) from error
        raise
