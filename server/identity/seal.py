"""Sealing: authenticated encryption of what is stored or sent where others may read it (JWE, A256GCM)."""

from __future__ import annotations

import hashlib
import hmac

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

_HEADER = {"alg": "dir", "enc": "A256GCM"}


class Seal:
    """Seals bytes with a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)

    @classmethod
    def of_secret(cls, secret: bytes, label: bytes) -> Seal:
        """Return the seal of a secret of any length for one use, so that no two uses share a key."""
        return cls(hmac.digest(secret, label, hashlib.sha256))

    def seal(self, plain: bytes) -> str:
        """Return the sealed text: five parts with dots between them."""
        return str(jwe.encrypt_compact(dict(_HEADER), plain, self._key))

    def open(self, sealed: str) -> bytes | None:
        """Return what was sealed; None for anything that was not sealed with this key."""
        try:
            return jwe.decrypt_compact(sealed, self._key).plaintext or b""
        except (JoseError, ValueError):
            return None
