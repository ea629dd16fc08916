r"""Signatures of senders: HMAC-SHA256 over feed, time, nonce and body; each nonce is good once.

::

    X-OneMap-Timestamp: 1780884000                      seconds since 1970
    X-OneMap-Nonce:     6f1c…                           16 to 64 letters, digits, - and _
    X-OneMap-Signature: sha256=<hex of the HMAC>

The signed text is ``{feed}\n{timestamp}\n{nonce}\n`` followed by the body.

In CloudEvents' binary mode half of the message stands in headers, so they are signed too::

    X-OneMap-Signature: binary=<hex of the HMAC>

of ``binary\n{feed}\n{timestamp}\n{nonce}\n``, one line ``name:value\n`` for ``content-type`` and each ``ce-…`` header
(names in small letters, in their order, values as they are sent), an empty line, and the body. The first line is no
name of a feed that a time stamp follows, so neither signature passes for the other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twin.envelope.refused import Reason, Refused

TIMESTAMP, NONCE, SIGNATURE = "x-onemap-timestamp", "x-onemap-nonce", "x-onemap-signature"
BINARY = "binary="
WINDOW = timedelta(minutes=5)
_ATTRIBUTE = "ce-"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A valid signature, before the check that its nonce was not used.

    Attributes
    ----------
    expires_at
        Until then the nonce must be remembered; later the time stamp alone refuses it.
    """

    feed: str
    nonce: str
    expires_at: datetime


def sign(
    secret: bytes, feed: str, body: bytes, *, now: datetime, nonce: str, headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Make the three headers of a signed message, for senders.

    Parameters
    ----------
    headers
        Those of the message; needed in binary mode, where its attributes stand in them.
    """
    timestamp = str(int(now.timestamp()))
    signature = _signature(secret, (feed, timestamp, nonce), headers or {}, body)
    return {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signature}


def verify(secret: bytes, feed: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> VerifiedSignature:
    """Check a signature and its time; the caller then claims the nonce (`twin.store.nonces.StoredNonces`).

    Raises
    ------
    Refused
        When a header is missing or malformed, the time lies outside the window, or the signature is wrong.
    """
    timestamp, nonce = read_stamp(headers)
    received = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    expected = _signature(secret, (feed, timestamp, nonce), headers, body)
    if not hmac.compare_digest(expected.encode(), received.encode(errors="replace")):
        why = "the signature is not the HMAC-SHA256 of this message"
        if expected.startswith(BINARY) and not received.startswith(BINARY):
            why = f"ce- headers are signed with the body: {SIGNATURE}: {BINARY}…; see 'Binary mode' in the guide"
        raise Refused(Reason.BAD_SIGNATURE, why, parameter=SIGNATURE)
    return check_window(feed, timestamp, nonce, now=now)


def read_stamp(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the time stamp and the nonce of the headers; only their form is checked.

    Raises
    ------
    Refused
        When one of the three headers is missing or malformed.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (TIMESTAMP, NONCE, SIGNATURE) if name not in lower]
    if missing:
        raise Refused(Reason.NO_SIGNATURE, f"headers are missing: {', '.join(missing)}", parameter=missing[0])
    timestamp, nonce = lower[TIMESTAMP], lower[NONCE]
    if not _SECONDS.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
        raise Refused(Reason.BAD_SIGNATURE, "the timestamp is seconds since 1970, the nonce 16 to 64 of A-Za-z0-9_-")
    return timestamp, nonce


def check_window(feed: str, timestamp: str, nonce: str, *, now: datetime) -> VerifiedSignature:
    """Check that the time of a signature lies in the window around now.

    Raises
    ------
    Refused
        When it lies more than 5 minutes before or after.
    """
    signed_at = datetime.fromtimestamp(min(int(timestamp), 2**37), tz=UTC)
    if abs(signed_at - now) > WINDOW:
        seconds = int(WINDOW.total_seconds())
        raise Refused(Reason.SIGNATURE_TIME, f"signed more than {seconds} s from now; check the sender's clock")
    return VerifiedSignature(feed, nonce, signed_at + 2 * WINDOW)


def _signature(secret: bytes, stamp: tuple[str, str, str], headers: Mapping[str, str], body: bytes) -> str:
    """Return the signature of the body, and of the headers where they have the message's attributes."""
    opening, lower = "".join(f"{part}\n" for part in stamp), {name.lower(): value for name, value in headers.items()}
    if not any(name.startswith(_ATTRIBUTE) for name in lower):
        return "sha256=" + _mac(secret, opening, body)
    signed = sorted(name for name in lower if name.startswith(_ATTRIBUTE) or name == "content-type")
    lines = "".join(f"{name}:{lower[name]}\n" for name in signed)
    return BINARY + _mac(secret, f"binary\n{opening}{lines}\n", body)


def _mac(secret: bytes, opening: str, body: bytes) -> str:
    mac = hmac.new(secret, opening.encode(errors="surrogateescape"), hashlib.sha256)
    mac.update(body)
    return mac.hexdigest()
