"""Secrets: in the environment, or in a file of the home that only its owner reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from layers.errors import Conflict, Unavailable

ENVIRONMENT_PREFIX = "ONEMAP_SECRET_"
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
        path = home / FOLDER / name
        try:
            mode = path.stat().st_mode
            found = path.read_bytes().strip()
        except OSError as error:
            raise Unavailable(f"there is no secret '{name}': set {variable} or write {FOLDER}/{name}") from error
        if mode & _OF_OTHERS:
            raise Conflict(f"{FOLDER}/{name} can be read by others; run chmod 600", parameter=name)
    if len(found) < bytes_min:
        raise Unavailable(f"the secret '{name}' has {len(found)} bytes; at least {bytes_min}", parameter=name)
    return found
