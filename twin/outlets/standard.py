"""Standard Webhooks: the headers that receivers verify with a library in ten languages (standardwebhooks.com).

::

    webhook-id:        centre-101-117        the same when a batch is sent again
    webhook-timestamp: 1780884000            seconds since 1970, of this attempt
    webhook-signature: v1,K5oZfz… v1,n9QmC…  one for each secret that is valid now

The signed text is ``{id}.{timestamp}.{body}``. A secret ``whsec_…`` is the base64 of its key, as the specification has
it; the key of another secret is its text, and receivers get it as `for_receivers` writes it.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from datetime import datetime

from layers.errors import Unavailable

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"


def standard_headers(keys: Sequence[bytes], message_id: str, body: bytes, *, now: datetime) -> dict[str, str]:
    """Make the headers of a message.

    Parameters
    ----------
    keys
        Secrets that are valid now, the active one first.
    message_id
        Without a full stop.

    Raises
    ------
    Unavailable
        When a secret begins with ``whsec_`` and the rest is not base64.
    """
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    macs = (hmac.digest(_key_of(secret), signed, hashlib.sha256) for secret in keys)
    return {
        ID: message_id,
        TIMESTAMP: timestamp,
        SIGNATURE: " ".join("v1," + b64encode(mac).decode() for mac in macs),
    }


def for_receivers(secret: bytes) -> str:
    """Return a secret in the form that libraries take: ``whsec_`` and base64."""
    return secret.decode() if secret.startswith(PREFIX.encode()) else PREFIX + b64encode(secret).decode()


def _key_of(secret: bytes) -> bytes:
    if not secret.startswith(PREFIX.encode()):
        return secret
    try:
        return b64decode(secret.removeprefix(PREFIX.encode()), validate=True)
    except BadBase64 as error:
        raise Unavailable("the secret begins with whsec_, and what follows is not base64") from error
