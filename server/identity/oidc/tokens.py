"""What a provider answers at its token endpoint: for a code, and for a refresh token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import structlog

from layers.errors import Unauthenticated, Unavailable
from server.identity.oidc.claims import Claimed, claimed_of
from server.identity.oidc.documents import post_form, read_json
from server.identity.oidc.provider import AWAY, Provider
from server.identity.oidc.token_check import ID_TYPES, check_id_token, check_times, read_claims, read_header, refuse

_LIFE_S = (60.0, 3600.0)  # bounds of the time after which the provider is asked again
_LIFE_DEFAULT_S = 300.0
_OK = 200
_log = structlog.get_logger(__name__)


class EndedGrant(Unauthenticated):
    """The provider does not know the code or the refresh token any more."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A person whom a provider vouches for.

    Attributes
    ----------
    claimed
        None after a refresh that says nothing new about the person.
    refresh_token
        None when the provider gives none.
    id_token
        For the logout at the provider.
    life_s
        Seconds after which the provider wants to be asked again.
    """

    claimed: Claimed | None
    refresh_token: str | None
    id_token: str | None
    life_s: float


async def exchange_code(
    provider: Provider, secret: str | None, code: str, verifier: str, redirect_uri: str, *, nonce: str, skew_s: float
) -> Granted:
    """Return who a code of a login stands for.

    Raises
    ------
    Unauthenticated
        When the code was used, is foreign or unknown (`EndedGrant`), or the ID token is not the answer to this login.
    Unavailable
        When the provider does not answer.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    answer = await _asked(provider, secret, form)
    claims = await _id_claims(provider, answer, nonce, skew_s)
    if claims is None:
        raise refuse("the provider sent no ID token")
    return await _granted(provider, answer, claims, str(claims["sub"]))


async def refresh(
    provider: Provider, secret: str | None, refresh_token: str, *, subject: str, skew_s: float
) -> Granted:
    """Return who a refresh token stands for now, with the next refresh token.

    Parameters
    ----------
    subject
        The `sub` of the login; another one ends the grant.

    Raises
    ------
    EndedGrant
        When the provider does not vouch any more.
    Unauthenticated
        When the provider's ID token is not accepted.
    Unavailable
        When it does not answer.
    """
    answer = await _asked(provider, secret, {"grant_type": "refresh_token", "refresh_token": refresh_token})
    answer.setdefault("refresh_token", refresh_token)
    claims = await _id_claims(provider, answer, None, skew_s)
    if claims is not None and claims["sub"] != subject:
        raise EndedGrant("the identity provider answers for somebody else")
    return await _granted(provider, answer, claims, subject)


async def _asked(provider: Provider, secret: str | None, form: dict[str, str]) -> dict[str, Any]:
    metadata = await provider.metadata()
    if metadata.token is None:
        raise Unavailable(AWAY)
    auth = (provider.file.client_id, secret) if secret else None
    sent = form if auth else {**form, "client_id": provider.file.client_id}
    try:
        status, answer = await post_form(provider.client, metadata.token, sent, auth)
    except Unavailable as error:
        _log.warning("an identity provider does not answer", provider=provider.file.name, reason=error.message)
        raise Unavailable(AWAY) from error
    if status == _OK:
        return answer
    code = str(answer.get("error", ""))[:60]
    _log.warning("an identity provider refuses", provider=provider.file.name, status=status, error=code)
    if code == "invalid_grant":
        raise EndedGrant("the login has expired or was used before; log in again")
    raise Unavailable("the identity provider refuses this server; its administrator finds the reason in the log")


async def _id_claims(
    provider: Provider, answer: Mapping[str, Any], nonce: str | None, skew_s: float
) -> dict[str, Any] | None:
    """Return the checked claims of the ID token of an answer; None without one."""
    token = answer.get("id_token")
    if not isinstance(token, str):
        return None
    kid, algorithm = read_header(token.encode(), ID_TYPES, provider.file.algorithms)
    found = await provider.keys.suitable(kid, algorithm)
    if found is None:
        raise refuse("its key is not one of the provider's")
    claims = read_claims(token.encode(), found[1], algorithm)
    check_times(claims, time(), skew_s)
    check_id_token(claims, provider.file, nonce)
    return claims


async def _granted(
    provider: Provider, answer: Mapping[str, Any], claims: Mapping[str, Any] | None, subject: str
) -> Granted:
    told = {**await _userinfo(provider, answer, subject), **(claims or {})}
    refresh_token, id_token, life = (answer.get(name) for name in ("refresh_token", "id_token", "expires_in"))
    life_s = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else _LIFE_DEFAULT_S
    return Granted(
        claimed_of(provider.file.name, provider.file.claims, told) if told else None,
        refresh_token if isinstance(refresh_token, str) else None,
        id_token if isinstance(id_token, str) else None,
        min(max(life_s, _LIFE_S[0]), _LIFE_S[1]),
    )


async def _userinfo(provider: Provider, answer: Mapping[str, Any], subject: str) -> dict[str, Any]:
    """Return the claims of UserInfo, where the provider's file asks for them; they must be of the same person."""
    metadata, token = await provider.metadata(), answer.get("access_token")
    if not provider.file.userinfo or metadata.userinfo is None or not isinstance(token, str):
        return {}
    try:
        found = await read_json(provider.client, metadata.userinfo, bearer=token)
    except Unavailable as error:
        _log.warning("an identity provider gives no UserInfo", provider=provider.file.name, reason=error.message)
        raise Unavailable(AWAY) from error
    if found.get("sub") != subject:
        raise refuse("the provider's UserInfo is of somebody else")
    return found
