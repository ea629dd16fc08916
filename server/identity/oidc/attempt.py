"""A login that a browser has begun: what its answer is checked against, sealed into a cookie of that browser.

Nothing is stored here: a stranger who begins a million logins fills no table. The cookie ties the answer to the browser
that asked (against login CSRF), holds the nonce and the PKCE verifier, and ends after ten minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass, fields
from time import time

import orjson

from server.identity.seal import Seal

SECONDS_MAX = 600
_RANDOM_BYTES = 32
_BYTES_MAX = 3800  # browsers keep cookies up to 4096 bytes, with name and attributes


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """A login that waits for its answer.

    Attributes
    ----------
    state, nonce, verifier
        Random texts: for the answer, for the ID token, and for the exchange of the code (PKCE, RFC 7636).
    redirect_uri
        Our address that the provider sends the browser back to.
    next_path
        Where the browser goes after the login: a path of ours.
    until
        The last moment, seconds since 1970.
    purpose
        What the person states to read for; None when nothing was chosen.
    """

    provider: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    next_path: str
    until: float
    purpose: str | None = None

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier."""
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def answers(self, state: str) -> bool:
        """Whether an answer with a state belongs to this login."""
        return hmac.compare_digest(self.state.encode(), state.encode())


def new_attempt(provider: str, redirect_uri: str, next_path: str, purpose: str | None = None) -> ProviderLogin:
    """Return a new login with fresh random texts."""
    state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
    return ProviderLogin(provider, state, nonce, verifier, redirect_uri, next_path, time() + SECONDS_MAX, purpose)


class AttemptSeal:
    """Seals attempts for the cookie, with authenticated encryption (JWE, A256GCM).

    Parameters
    ----------
    key
        32 bytes that all workers share.
    """

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    def seal(self, attempt: ProviderLogin) -> str:
        """Return the value of the cookie."""
        return self._seal.seal(orjson.dumps(asdict(attempt)))

    def open(self, value: str) -> ProviderLogin | None:
        """Return the attempt of a cookie; None for anything that we did not seal within the last ten minutes."""
        if len(value) > _BYTES_MAX:
            return None
        plain = self._seal.open(value)
        if plain is None:
            return None
        try:
            found = orjson.loads(plain)
            attempt = ProviderLogin(**{field.name: found[field.name] for field in fields(ProviderLogin)})
        except (ValueError, TypeError, KeyError):
            return None
        return attempt if attempt.until > time() else None
