"""The public keys of a provider. They rotate: an unknown key is looked up once, and not again for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from layers.errors import Unavailable
from layers.seldom import Seldom

FRESH_S = 600.0
"""Age at which the keys are read again, so that a key that was withdrawn does not count for ever."""
PAUSE_S = 10.0
"""Least time between two look-ups: a stranger with invented key ids must not make us flood the provider."""
RETRY_S = 2.0
"""Least time after a look-up that failed; it is the Retry-After of the answer."""
_KEYS_MAX = 100
_RSA_BITS_MIN = 2048
_FAMILIES: Mapping[str, str] = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}
type PublicKey = RSAKey | ECKey | OKPKey
_log = structlog.get_logger(__name__)


class SigningKeys:
    """The keys of one provider.

    Parameters
    ----------
    fetch
        Returns the JWK set (RFC 7517); raises Unavailable.
    provider
        Its name, for the log.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Mapping[str, Any]]], provider: str) -> None:
        self._fetch, self._provider = fetch, provider
        self._keys: dict[str, tuple[Mapping[str, Any], PublicKey]] = {}
        self._read_at: float | None = None  # of the last success
        self._tried_at: float | None = None
        self._failed = False
        self._turn = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self._logged = Seldom()

    def __contains__(self, kid: str) -> bool:
        return kid in self._keys

    async def suitable(self, kid: str | None, algorithm: str) -> tuple[str, PublicKey] | None:
        """Return the key of a token and its id; None when the provider has no such key.

        Known keys go on while the provider is away.

        Raises
        ------
        Unavailable
            When the key is unknown and the provider cannot be asked now.
        """
        found = self._known(kid, algorithm)
        if found is None:
            await self._look_up()
            found = self._known(kid, algorithm)
            if found is None and self._failed:
                raise Unavailable("the identity provider does not answer; try again in a moment")
        elif self._read_at is not None and monotonic() - self._read_at > FRESH_S:
            self._renew()
        return found

    async def close(self) -> None:
        """Cancel a running look-up."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    def _known(self, kid: str | None, algorithm: str) -> tuple[str, PublicKey] | None:
        """Return the key of an id; without an id, the only key that suits the algorithm."""
        named = self._keys.items() if kid is None else [(kid, self._keys[kid])] if kid in self._keys else []
        suited = [(name, key) for name, (entry, key) in named if _suits(entry, algorithm)]
        return suited[0] if len(suited) == 1 else None

    async def _look_up(self) -> None:
        """Read the keys unless that was tried a moment ago; those who wait share one look-up."""
        async with self._turn:
            pause = RETRY_S if self._failed else PAUSE_S
            if self._tried_at is not None and monotonic() - self._tried_at < pause:
                return
            self._tried_at = monotonic()
            try:
                self._keys = _read(await self._fetch())
            except Unavailable as error:
                self._failed = True
                if (others := self._logged.due()) is not None:
                    _log.warning("the keys of an identity provider cannot be read",
                                 provider=self._provider, reason=error.message, others=others)  # fmt: skip
            else:
                self._failed, self._read_at = False, monotonic()

    def _renew(self) -> None:
        """Read the keys again without making anybody wait."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._look_up())


def _suits(entry: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key is one of an algorithm: a public RSA key taken as an HMAC secret is the classic forgery."""
    if entry.get("kty") != _FAMILIES.get(algorithm[:2]) or entry.get("alg", algorithm) != algorithm:
        return False
    return entry.get("kty") == "RSA" or entry.get("crv") == _CURVES.get(algorithm)


def _read(document: Mapping[str, Any]) -> dict[str, tuple[Mapping[str, Any], PublicKey]]:
    """Return the public keys for signatures by id; others (secrets, encryption, short RSA) are left out."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise Unavailable("the provider's keys are no JWK set: there is no list 'keys'")
    return dict(_usable(entries[:_KEYS_MAX]))


def _usable(entries: Iterable[Any]) -> Iterable[tuple[str, tuple[Mapping[str, Any], PublicKey]]]:
    for number, entry in enumerate(entries):
        if (
            not isinstance(entry, dict)
            or entry.get("use", "sig") != "sig"
            or "verify" not in entry.get("key_ops", ["verify"])
        ):
            continue
        public = {name: value for name, value in entry.items() if name not in {"d", "p", "q", "dp", "dq", "qi", "k"}}
        try:
            key = import_key(public)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and key.raw_value.key_size < _RSA_BITS_MIN:
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            yield str(entry.get("kid", f"#{number}")), (public, key)
