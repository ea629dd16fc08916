"""Tokens of a provider as they are kept: encrypted under the client secret, which is not in the database.

A copy of the database is thus of no use at the provider. A public client has no secret: its tokens are not kept, and
its sessions end after an hour.
"""

from __future__ import annotations

import hashlib
import hmac

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_HEADER = {"alg": "dir", "enc": "A256GCM"}
_LABEL = b"onemap oidc tokens"


class TokenSeal:
    """Seals tokens for the database.

    Parameters
    ----------
    secret
        The client secret; None seals nothing.
    """

    def __init__(self, secret: str | None) -> None:
        self._key = OctKey.import_key(hmac.digest(secret.encode(), _LABEL, hashlib.sha256)) if secret else None

    def seal(self, refresh_token: str | None, id_token: str | None) -> str | None:
        """Return both tokens as one text; None without a secret."""
        if self._key is None:
            return None
        text = orjson.dumps({"refresh_token": refresh_token, "id_token": id_token})
        return str(jwe.encrypt_compact(dict(_HEADER), text, self._key))

    def open(self, sealed: str | None) -> tuple[str | None, str | None]:
        """Return refresh token and ID token; None for both when the secret has changed meanwhile."""
        if sealed is None or self._key is None:
            return None, None
        try:
            found = orjson.loads(jwe.decrypt_compact(sealed, self._key).plaintext or b"")
        except (JoseError, ValueError):
            return None, None
        return found["refresh_token"], found["id_token"]
