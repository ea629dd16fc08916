"""One-time codes by time (RFC 6238): SHA-1, six digits, 30 s, as every authenticator app has them."""

from __future__ import annotations

import hmac
from io import StringIO

import pyotp
import segno

STEP_SECONDS = 30
_STEPS_OFF = 1  # clocks of telephones are off by some seconds
_DIGITS = 6


def new_totp_secret() -> str:
    """Return a new secret of 160 bits in base32."""
    return pyotp.random_base32()


def totp_uri(secret: str, account: str) -> str:
    """Return the address that authenticator apps read, also as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name="OneMap")


def uri_as_picture(uri: str) -> str:
    """Return the address of a secret as a QR code: an SVG as a data URI, for pages."""
    picture: str = segno.make(uri, micro=False).svg_data_uri(scale=4, border=2, dark="#000", light="#fff")
    return picture


def uri_as_text(uri: str) -> str:
    """Return the address of a secret as a QR code of half blocks, for terminals."""
    drawn = StringIO()
    segno.make(uri, micro=False).terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue()


def step_of_code(secret: str, code: str, now: float) -> int | None:
    """Return the step of a code, which must be used up; None when the code is wrong.

    Parameters
    ----------
    now
        Unix time in seconds; the steps before and after are accepted too.
    """
    given = code.strip().replace(" ", "")
    if len(given) != _DIGITS or not given.isascii() or not given.isdigit():
        return None
    current = int(now) // STEP_SECONDS
    generator = pyotp.TOTP(secret)
    found = None
    for step in range(current - _STEPS_OFF, current + _STEPS_OFF + 1):
        if hmac.compare_digest(generator.at(step * STEP_SECONDS), given):
            found = step
    return found
