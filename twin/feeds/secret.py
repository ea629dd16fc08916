"""Secrets: in the environment, or in a file of the home that only its owner reads.

Two are valid while one replaces the other: beside `secrets/hotline` lies `secrets/hotline.old`, whose first line says
until when it counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from layers.errors import Conflict, Unavailable

ENVIRONMENT_PREFIX = "ONEMAP_SECRET_"
OLD_PREFIX = "ONEMAP_OLD_SECRET_"
OLD_SUFFIX = ".old"
FOLDER = "secrets"
BYTES_MIN = 16
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OF_OTHERS = 0o077


def read_secret(name: str, home: Path, environment: Mapping[str, str], *, bytes_min: int = BYTES_MIN) -> bytes:
    """Return a secret: ``ONEMAP_SECRET_<NAME>``, else the file of that name in the home's `secrets`.

    Parameters
    ----------
    bytes_min
        Shorter ones are refused: a key that senders sign with must be long; a password of another system is as it is.

    Raises
    ------
    Unavailable
        When there is none, or it is too short.
    Conflict
        When others than its owner may read the file.
    """
    if not _NAME.fullmatch(name):
        raise Unavailable(f"'{name}' is no name of a secret", parameter=name)
    variable = ENVIRONMENT_PREFIX + name.upper()
    found = environment.get(variable, "").encode()
    if not found:
        try:
            found = _read_own(home / FOLDER / name)
        except OSError as error:
            raise Unavailable(f"there is no secret '{name}': set {variable} or write {FOLDER}/{name}") from error
    if len(found) < bytes_min:
        raise Unavailable(f"the secret '{name}' has {len(found)} bytes; at least {bytes_min}", parameter=name)
    return found


def read_keys(name: str, home: Path, environment: Mapping[str, str], *, now: datetime) -> tuple[bytes, ...]:
    """Return the secrets of a name that are valid now: the active one, then the one before it, if it still counts.

    The one before is ``ONEMAP_OLD_SECRET_<NAME>``, as long as that is set, else the file with the ending ``.old``.

    Raises
    ------
    Unavailable, Conflict
        As `read_secret`, of either.
    """
    active = read_secret(name, home, environment)
    old = environment.get(OLD_PREFIX + name.upper(), "").encode()
    with suppress(FileNotFoundError):
        old = old or _read_old(home / FOLDER / f"{name}{OLD_SUFFIX}", now)
    return (active, old) if len(old) >= BYTES_MIN and old != active else (active,)


def write_old(until: datetime, secret: bytes) -> bytes:
    """Return the content of the file of a secret that counts until a moment."""
    return until.astimezone(UTC).isoformat(timespec="seconds").encode() + b"\n" + secret + b"\n"


def _read_old(path: Path, now: datetime) -> bytes:
    until, _, secret = _read_own(path).partition(b"\n")
    try:
        counts = datetime.fromisoformat(until.decode()) > now
    except (ValueError, TypeError) as error:
        raise Unavailable(f"{FOLDER}/{path.name}: its first line is no time such as 2026-06-08T04:00:00Z") from error
    return secret.strip() if counts else b""


def _read_own(path: Path) -> bytes:
    """Return the content of a file that nobody but its owner may read."""
    mode = path.stat().st_mode
    found = path.read_bytes().strip()
    if mode & _OF_OTHERS:
        raise Conflict(f"{FOLDER}/{path.name} can be read by others; run chmod 600", parameter=path.name)
    return found
