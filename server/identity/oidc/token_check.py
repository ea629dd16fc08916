"""The check of a token: its signature and header (RFC 7515, 8725), its claims (RFC 7519, 9068; OpenID Connect Core)."""

from __future__ import annotations

import hmac
import math
from collections.abc import Collection, Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from layers.errors import Unauthenticated
from server.identity.oidc.provider_file import ProviderFile
from server.identity.oidc.signing_keys import PublicKey

ACCESS_TYPES = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
ID_TYPES = frozenset({None, "jwt"})
_ONLY_IN_ID_TOKENS = ("nonce", "at_hash", "c_hash")
_KINDS_REFUSED = frozenset({"id", "refresh", "logout", "offline"})  # Keycloak's claim `typ`
_HEADER_BYTES_MAX = 4096
_TEXT_MAX = 255
_LIFE_MAX_S = 10 * 365 * 86_400


class _Registry(jws.JWSRegistry):
    """The rules for headers: a longer one, and our own list of algorithms.

    EdDSA is a name that RFC 9864 gives up for Ed25519; providers still write it, and its curve is checked with the key.
    """

    max_header_length = _HEADER_BYTES_MAX

    def get_alg(self, name: str) -> Any:
        """Return an allowed algorithm."""
        if name not in (self.allowed or ()) or name not in self.algorithms:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def refuse(reason: str) -> Unauthenticated:
    """Return the error of a token; the reason is of the kind that its owner may know and that helps no forger."""
    return Unauthenticated(f"the token is not accepted: {reason}")


def read_header(token: bytes, types: Collection[str | None], algorithms: Collection[str]) -> tuple[str | None, str]:
    """Return key id and algorithm of a token that is not checked yet.

    Raises
    ------
    Unauthenticated
        When it is no signed JWT, of another type, or of an algorithm that is not allowed.
    """
    try:
        header = jws.extract_compact(token, registry=_Registry()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refuse("it is no signed JWT") from error
    kind, kid, algorithm = header.get("typ"), header.get("kid"), header.get("alg")
    if not isinstance(kind, str | None) or (kind.lower() if kind else None) not in types:
        raise refuse("its type is another one")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise refuse("its algorithm is not allowed")
    if not isinstance(kid, str | None) or (kid and len(kid) > _TEXT_MAX):
        raise refuse("its key id is no text")
    return kid, algorithm


def read_claims(token: bytes, key: PublicKey, algorithm: str) -> dict[str, Any]:
    """Return the claims of a token whose signature is right.

    Raises
    ------
    Unauthenticated
        When the signature is wrong, the header names an extension that must be understood (`crit`), or the claims are
        no JSON object.
    """
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        return dict(jwt.decode(token, key, algorithms=[algorithm], registry=registry).claims)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refuse("its signature is not right") from error


def check_times(claims: Mapping[str, Any], now: float, skew_s: float) -> float:
    """Check `exp`, `nbf` and `iat`, and return the last moment at which the token counts, seconds since 1970.

    Raises
    ------
    Unauthenticated
        When a time is missing or no number, the token is expired, or it is of the future by more than the skew.
    """
    expires, begins, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise refuse("it has no time of expiry (exp)")
    if expires + skew_s <= now:
        raise refuse("it is expired")
    if expires > now + _LIFE_MAX_S:
        raise refuse("its time of expiry (exp) is too far away")
    if begins is not None and begins - skew_s > now:
        raise refuse("it does not count yet (nbf); is a clock wrong?")
    if issued is not None and issued - skew_s > now:
        raise refuse("it was issued in the future (iat); is a clock wrong?")
    return expires + skew_s


def check_access_token(claims: Mapping[str, Any], provider: ProviderFile) -> None:
    """Check that a token was made for this service: issuer, audience, client, subject.

    Raises
    ------
    Unauthenticated
        When it was made by or for others, or is a token of another kind (an ID token is proof of a login, not a key).
    """
    _check_issuer_and_subject(claims, provider)
    if not provider.accepted_audiences.intersection(_audiences(claims)):
        raise refuse("it is for another service (aud)")
    client = claims.get("azp", claims.get("client_id"))
    if provider.clients and client not in provider.clients:
        raise refuse("it was given to a program that may not bring it here (azp)")
    kind = claims.get("typ")
    if any(name in claims for name in _ONLY_IN_ID_TOKENS) or (isinstance(kind, str) and kind.lower() in _KINDS_REFUSED):
        raise refuse("it is no access token")


def check_id_token(claims: Mapping[str, Any], provider: ProviderFile, nonce: str | None) -> None:
    """Check that an ID token is the answer to a login of ours (OpenID Connect Core 3.1.3.7).

    Parameters
    ----------
    nonce
        None for the ID token of a refresh, which may have none.

    Raises
    ------
    Unauthenticated
        When it was made by or for others, or for another login.
    """
    _check_issuer_and_subject(claims, provider)
    audiences = _audiences(claims)
    if provider.client_id not in audiences:
        raise refuse("it is for another service (aud)")
    if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != provider.client_id:
        raise refuse("it was given to another program (azp)")
    given = claims.get("nonce")
    if nonce is not None and not (isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode())):
        raise refuse("it belongs to another login (nonce)")


def _check_issuer_and_subject(claims: Mapping[str, Any], provider: ProviderFile) -> None:
    if claims.get("iss") != provider.issuer:
        raise refuse("it is of another issuer (iss)")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _TEXT_MAX or not subject.isprintable():
        raise refuse("it names nobody (sub)")


def _audiences(claims: Mapping[str, Any]) -> tuple[str, ...]:
    given = claims.get("aud")
    return tuple(one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str))


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refuse(f"its {name} is no time")
    return float(value)
