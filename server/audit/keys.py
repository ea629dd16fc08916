"""Keys of the audit in the home folder: made at first use, readable by their owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

from layers.errors import Unavailable

FOLDER = "audit"
_BYTES = 32


def audit_key(home: Path, use: Literal["queries", "anchors"]) -> bytes:
    """Return a key of a home folder; make it if there is none.

    Parameters
    ----------
    use
        ``queries`` hashes filters, whose values could be guessed otherwise; ``anchors`` signs anchors.

    Raises
    ------
    Unavailable
        When the file is there and holds no key.
    """
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{use}.key"
    if not file.exists():
        _make(file)
    key = bytes.fromhex(file.read_text(encoding="ascii").strip() or "00")
    if len(key) != _BYTES:
        raise Unavailable(f"{file} holds no key of {_BYTES} bytes; restore it from a backup")
    return key


def _make(file: Path) -> None:
    """Write a new key; of several processes that begin at once, one wins."""
    half = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(secrets.token_hex(_BYTES) + "\n")
    try:
        os.link(half, file)
    except FileExistsError:
        pass
    finally:
        half.unlink()
