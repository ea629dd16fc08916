"""Secrets of one-time codes as they are stored: sealed with a key of the home, which no copy of the database has.

Rows of earlier versions hold them plain; such a row is sealed when its code is used next.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

import orjson

from layers.errors import Unavailable
from server.identity.seal import Seal
from server.own_file import make_own
from twin.feeds.secret import ENVIRONMENT_PREFIX, FOLDER, read_secret

SECRET = "totp"  # noqa: S105  # the name of a secret
_LABEL = b"onemap totp secrets"
_BYTES = 32


class TotpSeal:
    """Seals secrets of accounts, each for its account: one that is moved to another account opens nothing."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal.of_secret(key, _LABEL)

    @classmethod
    def of_home(cls, home: Path, environment: Mapping[str, str]) -> TotpSeal:
        """Return the seal of a home: by ``ONEMAP_SECRET_TOTP``, else by the file `secrets/totp`, made at first use.

        Raises
        ------
        Unavailable, Conflict
            When the key cannot be read, or others may read it.
        """
        if not environment.get(f"{ENVIRONMENT_PREFIX}{SECRET.upper()}"):
            make_own(home / FOLDER / SECRET, f"{secrets.token_hex(_BYTES)}\n".encode())
        return cls(read_secret(SECRET, home, environment))

    @staticmethod
    def is_sealed(stored: str) -> bool:
        """Whether a stored secret is sealed: base32 has no dots."""
        return "." in stored

    def seal(self, account: str, secret: str) -> str:
        """Return a secret as it is stored."""
        return self._seal.seal(orjson.dumps({"account": account, "secret": secret}))

    def open(self, account: str, stored: str) -> str:
        """Return the secret of an account.

        Raises
        ------
        Unavailable
            When it was sealed with another key, or for another account.
        """
        if not self.is_sealed(stored):
            return stored
        found = orjson.loads(self._seal.open(stored) or b"{}")
        if found.get("account") != account:
            raise Unavailable(
                f"动态口令的密钥不符 the one-time code of '{account}' was sealed with another key ({FOLDER}/{SECRET}); "
                f"restore the key, or: ./onemap user totp {account}"
            )
        secret: str = found["secret"]
        return secret
