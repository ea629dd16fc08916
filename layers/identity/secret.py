"""Secrets that we make: access tokens and cookies. They are random, and only their digests are stored."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256

TOKEN_PREFIX = "om_"  # noqa: S105  # so that scanners find a token that was published by mistake
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """Return 256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return a new access token."""
    return TOKEN_PREFIX + new_secret()


def is_token(text: str) -> bool:
    """Whether a text has the form of an access token."""
    return text.startswith(TOKEN_PREFIX) and is_secret(text[len(TOKEN_PREFIX) :])


def is_secret(text: str) -> bool:
    """Whether a text has the form of a secret."""
    return _FORM.fullmatch(text) is not None


def digest_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret; a random text of 256 bits needs no salt and no slow hash."""
    return sha256(secret.encode("ascii")).digest()
