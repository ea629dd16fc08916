"""Tokens of a provider as they are kept: encrypted under the client secret, which is not in the database.

A copy of the database is thus of no use at the provider. A public client has no secret: its tokens are not kept, and
its sessions end after an hour.
"""

from __future__ import annotations

import orjson

from server.identity.seal import Seal

_LABEL = b"onemap oidc tokens"


class TokenSeal:
    """Seals tokens for the database.

    Parameters
    ----------
    secret
        The client secret; None seals nothing.
    """

    def __init__(self, secret: str | None) -> None:
        self._seal = Seal.of_secret(secret.encode(), _LABEL) if secret else None

    def seal(self, refresh_token: str | None, id_token: str | None) -> str | None:
        """Return both tokens as one text; None without a secret."""
        if self._seal is None:
            return None
        return self._seal.seal(orjson.dumps({"refresh_token": refresh_token, "id_token": id_token}))

    def open(self, sealed: str | None) -> tuple[str | None, str | None]:
        """Return refresh token and ID token; None for both when the secret has changed meanwhile."""
        plain = self._seal.open(sealed) if sealed is not None and self._seal is not None else None
        if not plain:
            return None, None
        found = orjson.loads(plain)
        return found["refresh_token"], found["id_token"]
