"""Passwords: argon2id (RFC 9106, 64 MiB), limits before any hash, and the same time for unknown accounts."""

from __future__ import annotations

import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from layers.errors import BadInput

BYTES_MAX = 1024
CHARS_MIN = 12
_KINDS_MIN = 3
_LONG_CHARS = 20
_RANDOM = string.ascii_letters + string.digits
_HASHER = PasswordHasher()
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$b25lbWFwLW5vYm9keXMtcw$4nW0rUSHOnNDRK8Vlq2sQxmAoJ8H3n5p2vPRi4pX1dM"
"""A hash that no password has; checked for unknown accounts, so that they take as long as known ones."""


def check_length(password: str) -> None:
    """Check the length of a password that somebody typed, before a hash is computed.

    Raises
    ------
    BadInput
        When it has more than 1,024 bytes.
    """
    if len(password) > BYTES_MAX or len(password.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        raise BadInput(f"a password has at most {BYTES_MAX} bytes", parameter="password")


def check_new(password: str, name: str) -> None:
    """Check a password that is to be set.

    Raises
    ------
    BadInput
        When it is too long or too short, too simple, or holds the name of the account.
    """
    check_length(password)
    if len(password) < CHARS_MIN:
        raise BadInput(
            f"口令至少 {CHARS_MIN} 个字符 a password has at least {CHARS_MIN} characters", parameter="password"
        )
    kinds = sum(
        any(test(char) for char in password)
        for test in (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum() or ord(char) > 127)
    )
    if len(password) < _LONG_CHARS and kinds < _KINDS_MIN:
        raise BadInput(
            f"口令须含大小写字母、数字、符号中的三种，或至少 {_LONG_CHARS} 个字符 "
            f"a password has three of: lower case, upper case, digits, others; or {_LONG_CHARS} characters",
            parameter="password",
        )
    if name.lower() in password.lower() or len(set(password)) < CHARS_MIN // 2:
        raise BadInput(
            "口令不能含账户名，也不能重复单一字符 not your name, nor one character again", parameter="password"
        )


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password; it takes 64 MiB and about 0.1 s, so not in an event loop."""
    return _HASHER.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Whether a password has a stored hash; takes as long without one. Not in an event loop."""
    try:
        return _HASHER.verify(stored or NOBODYS, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def random_password() -> str:
    """Return a random password of 119 bits that `check_new` accepts."""
    while True:
        password = "".join(secrets.choice(_RANDOM) for _ in range(20))
        if any(char.isdigit() for char in password):
            return password
