"""All providers of a worker, and the check of the tokens that they sign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from time import monotonic, time
from typing import Any

import structlog
from joserfc import jws
from joserfc.errors import JoseError

from layers.errors import NotFound, Unauthenticated
from server.identity.oidc.claims import Claimed, claimed_of
from server.identity.oidc.documents import make_client
from server.identity.oidc.provider import Provider
from server.identity.oidc.provider_file import provider_folder
from server.identity.oidc.token_cache import CheckedToken, TokenCache
from server.identity.oidc.token_check import (
    ACCESS_TYPES,
    check_access_token,
    check_times,
    read_claims,
    read_header,
    refuse,
)

TOKEN_BYTES_MAX = 8192
"""The largest access token; a larger one is refused before anything is computed of it."""
_LOOK_S = 1.0  # how often the folder is looked at
_log = structlog.get_logger(__name__)


class Providers:
    """The providers of `config/oidc`; a changed file counts within a second.

    Parameters
    ----------
    folder
        Holds one file a provider; a file with a fault leaves the provider as it was.
    skew_s
        Difference of clocks that is forgiven, seconds.
    """

    def __init__(self, folder: Path, skew_s: float) -> None:
        self._folder = provider_folder(folder)
        self.skew_s = skew_s
        self._client = make_client()
        self._cache = TokenCache()
        self._closing: set[asyncio.Task[None]] = set()
        self._looked_at = monotonic()
        self._by_name: dict[str, Provider] = {}
        self._take_folder()

    async def close(self) -> None:
        """Cancel what runs, and close the connections."""
        await asyncio.gather(*(provider.close() for provider in self._by_name.values()), *self._closing)
        await self._client.aclose()

    @property
    def for_login(self) -> list[Provider]:
        """The providers at which people may log in, by name."""
        self._look()
        return [provider for _, provider in sorted(self._by_name.items()) if provider.file.login]

    def named(self, name: str) -> Provider:
        """Return a provider.

        Raises
        ------
        NotFound
            When there is none of this name.
        """
        self._look()
        if name not in self._by_name:
            raise NotFound("there is no such identity provider here")
        return self._by_name[name]

    def for_browsers(self, name: str) -> Provider:
        """Return a provider at which people may log in.

        Raises
        ------
        NotFound
            When there is none of this name, or only its tokens are accepted.
        """
        provider = self.named(name)
        if not provider.file.login:
            raise NotFound("there is no such identity provider here")
        return provider

    def known(self, token: bytes) -> Claimed | None:
        """Return who brings a token that was accepted before and still counts; None means that it must be verified."""
        self._look()
        checked = self._cache.get(token)
        if checked is None:
            return None
        provider = self._by_name.get(checked.provider)
        if provider is None or checked.kid not in provider.keys:  # the key was withdrawn
            self._cache.drop(token)
            return None
        return checked.claimed

    async def verify(self, token: bytes) -> Claimed:
        """Return who brings a token.

        Raises
        ------
        Unauthenticated
            When it is not accepted; the message says why without what is in it.
        Unavailable
            When its key is unknown and the provider does not answer.
        """
        if len(token) > TOKEN_BYTES_MAX:
            raise refuse(f"it is larger than {TOKEN_BYTES_MAX} bytes")
        known = self.known(token)
        if known is not None:
            return known
        provider = self._of_issuer(_unchecked_issuer(token))
        kid, algorithm = read_header(token, ACCESS_TYPES, provider.file.algorithms)
        found = await provider.keys.suitable(kid, algorithm)
        if found is None:
            raise refuse("its key is not one of the provider's")
        claims = read_claims(token, found[1], algorithm)
        until = check_times(claims, time(), self.skew_s)
        check_access_token(claims, provider.file)
        claimed = claimed_of(provider.file.name, provider.file.claims, claims)
        self._cache.put(token, CheckedToken(claimed, until, provider.file.name, found[0]))
        return claimed

    def _of_issuer(self, issuer: str) -> Provider:
        for provider in self._by_name.values():
            if provider.file.issuer == issuer:
                return provider
        raise refuse("it is of another issuer (iss)")

    def _look(self) -> None:
        """Read changed files again, at most once in a while."""
        if monotonic() - self._looked_at < _LOOK_S:
            return
        self._looked_at = monotonic()
        renewed = self._folder.renewed()
        if renewed is not self._folder:
            self._folder = renewed
            self._take_folder()

    def _take_folder(self) -> None:
        for name, fault in self._folder.faults.items():
            _log.error("the file of an identity provider has a fault", file=name, fault=fault)
        old, self._by_name = self._by_name, {}
        for name, file in self._folder.by_name.items():
            kept = old.get(name)
            self._by_name[name] = kept if kept is not None and kept.file == file else Provider(file, self._client)
        self._close([provider for provider in old.values() if provider not in self._by_name.values()])
        self._cache = TokenCache()

    def _close(self, providers: Iterable[Provider]) -> None:
        for provider in providers:
            task = asyncio.create_task(provider.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _unchecked_issuer(token: bytes) -> str:
    """Return the issuer that a token names, which only tells whose keys must have signed it."""
    try:
        claims: Any = json.loads(jws.extract_compact(token).payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refuse("it is no signed JWT") from error
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        raise Unauthenticated("the token is not accepted: it names no issuer (iss)")
    return issuer
